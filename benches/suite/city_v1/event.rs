//! One event of the workload, and how it is read.

use std::str::from_utf8;

use serde::{Deserialize, Serialize};
use smartcity::model::{Id, Millis, Namespace};

/// Where a vehicle was, and how fast. Sorts by event time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) time: Millis,
    /// The message; the deduplication key.
    pub(crate) id: Id,
    pub(crate) vehicle: Id,
    pub(crate) road: Id,
    /// Millionths of a degree.
    pub(crate) latitude: i32,
    /// Millionths of a degree.
    pub(crate) longitude: i32,
    pub(crate) speed: Speed,
}

/// A speed in ten-thousandths of a km/h.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Speed(pub(crate) i32);

const SPEED_DECIMALS: u32 = 4;
const DEGREE_DECIMALS: u32 = 6;

/// The fields of an event as they stand in the line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fields<'a> {
    pub(crate) id: &'a str,
    pub(crate) device_id: &'a str,
    pub(crate) time: Millis,
    pub(crate) latitude: i32,
    pub(crate) longitude: i32,
    pub(crate) speed: Speed,
    pub(crate) road_id: &'a str,
}

impl Fields<'_> {
    pub(crate) fn event(&self) -> Event {
        Event {
            time: self.time,
            id: Id::new(Namespace::Message, self.id),
            vehicle: Id::new(Namespace::Device, self.device_id),
            road: Id::new(Namespace::Road, self.road_id),
            latitude: self.latitude,
            longitude: self.longitude,
            speed: self.speed,
        }
    }
}

/// Shows the fields of a line to `take`; `false` where the line is no event.
///
/// Lines as every writer of this schema makes them are read in one pass, numbers straight into fixed point. A line that
/// has anything else in it (escapes, exponents, nested values, other fields) goes through a JSON parser.
pub(crate) fn read(line: &[u8], take: impl FnOnce(&Fields<'_>)) -> bool {
    if let Some(fields) = scan(line) {
        take(&fields);
        return true;
    }
    let Ok(parsed) = serde_json::from_slice::<Parsed<'_>>(line) else { return false };
    let Some(time) = from_any_timestamp(&parsed.timestamp) else { return false };
    let fixed = |value: f64, decimals: u32| {
        let scaled = (value * 10_f64.powi(decimals as i32)).round();
        (scaled.abs() <= f64::from(i32::MAX)).then_some(scaled as i32)
    };
    let (Some(latitude), Some(longitude), Some(speed)) = (
        fixed(parsed.latitude, DEGREE_DECIMALS),
        fixed(parsed.longitude, DEGREE_DECIMALS),
        fixed(parsed.speed, SPEED_DECIMALS),
    ) else {
        return false;
    };
    let (id, device_id, road_id) = (&*parsed.id, &*parsed.device_id, &*parsed.road_id);
    take(&Fields { id, device_id, time, latitude, longitude, speed: Speed(speed), road_id });
    true
}

#[derive(Deserialize)]
struct Parsed<'a> {
    #[serde(borrow)]
    id: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    device_id: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    timestamp: std::borrow::Cow<'a, str>,
    latitude: f64,
    longitude: f64,
    speed: f64,
    #[serde(borrow)]
    road_id: std::borrow::Cow<'a, str>,
}

fn from_any_timestamp(text: &str) -> Option<Millis> {
    if let Some(time) = timestamp(text.as_bytes()) {
        return Some(time);
    }
    let timestamp = text.parse::<jiff::Timestamp>().ok()?;
    Some(Millis(timestamp.as_millisecond()))
}

/// The fields of a line in plain form; `None` for any other.
fn scan(line: &[u8]) -> Option<Fields<'_>> {
    let mut rest = Cursor(line);
    let (mut id, mut device_id, mut road_id, mut time) = (None, None, None, None);
    let (mut latitude, mut longitude, mut speed) = (None, None, None);
    rest.expect(b'{')?;
    loop {
        let name = rest.text()?;
        rest.expect(b':')?;
        match name {
            b"id" => id = Some(from_utf8(rest.text()?).ok()?),
            b"device_id" => device_id = Some(from_utf8(rest.text()?).ok()?),
            b"road_id" => road_id = Some(from_utf8(rest.text()?).ok()?),
            b"timestamp" => time = Some(timestamp(rest.text()?)?),
            b"latitude" => latitude = Some(rest.decimal(DEGREE_DECIMALS)?),
            b"longitude" => longitude = Some(rest.decimal(DEGREE_DECIMALS)?),
            b"speed" => speed = Some(Speed(rest.decimal(SPEED_DECIMALS)?)),
            b"direction" => _ = rest.decimal(1)?,
            _ => return None,
        }
        match rest.next()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    if rest.next().is_some() {
        return None;
    }
    let (id, device_id, road_id) = (id?, device_id?, road_id?);
    Some(Fields { id, device_id, time: time?, latitude: latitude?, longitude: longitude?, speed: speed?, road_id })
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    /// The next byte that is no space.
    fn next(&mut self) -> Option<u8> {
        loop {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            if !matches!(byte, b' ' | b'\t' | b'\r') {
                return Some(byte);
            }
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    /// A text without escapes.
    fn text(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let end = self.0.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < b' ')?;
        let (text, rest) = self.0.split_at(end);
        self.0 = rest;
        self.expect(b'"')?;
        Some(text)
    }

    /// A number without an exponent, times 10 to the power of `decimals`, rounded half away from zero.
    fn decimal(&mut self, decimals: u32) -> Option<i32> {
        let mut byte = self.next()?;
        let is_negative = byte == b'-';
        if is_negative {
            (byte, self.0) = self.0.split_first().map(|(&byte, rest)| (byte, rest))?;
        }
        if !byte.is_ascii_digit() {
            return None;
        }
        let mut value = i64::from(byte - b'0');
        value = self.digits(value, u32::MAX)?.0;
        let mut missing = decimals;
        if let Some(rest) = self.0.strip_prefix(b".") {
            self.0 = rest;
            let (with_fraction, read) = self.digits(value, decimals)?;
            (value, missing) = (with_fraction, decimals - read);
            if let Some(&next) = self.0.first().filter(|next| next.is_ascii_digit()) {
                value += i64::from(next >= b'5');
                let end = self.0.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(self.0.len());
                self.0 = &self.0[end..];
            }
        }
        if matches!(self.0.first(), Some(b'e' | b'E')) {
            return None;
        }
        let value = value.checked_mul(10_i64.pow(missing))?;
        i32::try_from(if is_negative { -value } else { value }).ok()
    }

    /// Appends up to `most` digits to `value`; gives the new value and how many there were.
    fn digits(&mut self, mut value: i64, most: u32) -> Option<(i64, u32)> {
        let mut read = 0;
        while read < most
            && let Some((&byte, rest)) = self.0.split_first()
            && byte.is_ascii_digit()
        {
            value = value.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?;
            self.0 = rest;
            read += 1;
        }
        Some((value, read))
    }
}

/// `2024-05-01T06:00:00.123Z`, with 0 to 9 digits of fraction, cut to milliseconds.
///
/// Days by the era-based civil calendar, as in Howard Hinnant's "chrono-compatible low-level date algorithms".
pub(crate) fn timestamp(text: &[u8]) -> Option<Millis> {
    let (head, tail) = text.split_at_checked(19)?;
    let number = |from: usize, to: usize| {
        head[from..to]
            .iter()
            .try_fold(0_i64, |sum, &byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let marks = [head[4], head[7], head[10], head[13], head[16]];
    if marks != *b"--T::" {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_of_month = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days_of_month).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let fraction = tail.strip_suffix(b"Z")?;
    let mut millis = 0;
    if let Some(digits) = fraction.strip_prefix(b".") {
        if digits.is_empty() || digits.len() > 9 || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        for place in 0..3 {
            millis = millis * 10 + digits.get(place).map_or(0, |&byte| i64::from(byte - b'0'));
        }
    } else if !fraction.is_empty() {
        return None;
    }
    let shifted = year - i64::from(month <= 2);
    let (era, year_of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some(Millis((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000 + millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"id":"ab-1","device_id":"veh-00007","timestamp":"2024-05-01T06:00:00.123Z","latitude":52.301234,"longitude":-4.750001,"speed":48.27,"direction":180.0,"road_id":"R-0042"}"#;

    fn fields(line: &str) -> Option<Event> {
        let mut event = None;
        read(line.as_bytes(), |fields| event = Some(fields.event()));
        event
    }

    #[test]
    fn a_plain_line_is_scanned_and_any_other_parsed_to_the_same() {
        let plain = scan(LINE.as_bytes()).unwrap();
        assert_eq!((plain.id, plain.device_id, plain.road_id), ("ab-1", "veh-00007", "R-0042"));
        assert_eq!((plain.latitude, plain.longitude, plain.speed), (52_301_234, -4_750_001, Speed(482_700)));
        assert_eq!(plain.time, Millis(1_714_543_200_123));
        for other in [
            LINE.replace("R-0042", r"R\u002d0042"),
            LINE.replace("48.27", "4.827e1"),
            LINE.replace("06:00:00.123Z", "08:00:00.123+02:00"),
            LINE.replace('}', r#","lanes":{"left":1}}"#),
        ] {
            assert_eq!(scan(other.as_bytes()), None, "{other}");
            assert_eq!(fields(&other), fields(LINE), "{other}");
        }
        assert_eq!(fields(&LINE.replace(',', ", ").replace(':', ": ").replace("06: 00: 00", "06:00:00")), fields(LINE));
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for line in ["", "{}", "null", "[1]", &LINE.replace("48.27", "null"), &LINE[..LINE.len() - 1], &LINE[1..]] {
            assert_eq!(fields(line), None, "{line}");
        }
        assert_eq!(fields(&LINE.replace("2024-05-01", "2024-02-30")), None);
        assert_eq!(fields(&format!("{LINE}{LINE}")), None);
    }

    #[test]
    fn decimals_are_rounded_half_away_from_zero() {
        for (text, value) in
            [("1", 10_000), ("1.00005", 10_001), ("1.00004999", 10_000), ("-1.00005", -10_001), ("0.5", 5_000)]
        {
            assert_eq!(Cursor(text.as_bytes()).decimal(4), Some(value), "{text}");
        }
        assert_eq!(Cursor(b"99999999999999999999").decimal(4), None);
    }

    #[test]
    fn a_timestamp_counts_leap_days() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000),
            ("2024-03-01T00:00:00.5Z", 1_709_251_200_500),
            ("1969-12-31T23:59:59.999999999Z", -1),
        ] {
            assert_eq!(timestamp(text.as_bytes()), Some(Millis(millis)), "{text}");
        }
    }
}
