//! Timestamps, as feeds write them.

use jiff::civil::{DateTime, Time};
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use smartcity_dataflow::model::{Instant, Millis};

/// What a timestamp must look like, for people.
pub(super) const EXPECTED: &str =
    "a time such as 2026-11-23T14:17:50.416Z or 2026-11-23T14:17:50, or seconds or milliseconds since 1970";

/// The instant that an ISO 8601 text means: date and time of day with 0 to 9 digits of a second's fraction, with an
/// offset or `Z` ([`Instant::Utc`]) or without ([`Instant::Local`]); or a number in a text, as [`from_number`] takes it.
///
/// A fraction below a millisecond is cut off.
pub(super) fn from_text(text: &str) -> Option<Instant> {
    let Ok(pieces) = Pieces::parse(text) else {
        return from_number(text.parse().ok()?);
    };
    let civil = DateTime::from_parts(pieces.date(), pieces.time()?);
    Some(match pieces.to_numeric_offset() {
        Some(offset) => Instant::Utc(floor_millis(civil, offset)?),
        None => Instant::Local(floor_millis(civil, Offset::UTC)?),
    })
}

/// The instant of a number of seconds, or of milliseconds where it is too large for seconds (10¹¹ s are the year 5138,
/// 10¹¹ ms are March 1973).
pub(super) fn from_number(number: f64) -> Option<Instant> {
    const FIRST_MILLIS: f64 = 1e11;
    const END_OF_9999: f64 = 253_402_300_800_000.0;
    let millis = if number.abs() < FIRST_MILLIS { number * 1_000.0 } else { number };
    (millis.abs() < END_OF_9999).then(|| Instant::Utc(Millis(millis.round() as i64)))
}

/// Milliseconds since the epoch, rounded down.
fn floor_millis(civil: DateTime, offset: Offset) -> Option<Millis> {
    let whole = civil.time().subsec_nanosecond() / 1_000_000 * 1_000_000;
    let time = Time::new(civil.hour(), civil.minute(), civil.second(), whole).ok()?;
    let timestamp = offset.to_timestamp(DateTime::from_parts(civil.date(), time)).ok()?;
    Some(Millis(timestamp.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_795_435_200_000; // 2026-11-23T12:00:00Z

    #[test]
    fn a_time_with_an_offset_is_utc_and_one_without_is_local() {
        for (text, instant) in [
            ("2026-11-23T12:00:00Z", Instant::Utc(Millis(NOON))),
            ("2026-11-23T12:00:00+00:00", Instant::Utc(Millis(NOON))),
            ("2026-11-23T12:00:00-08:00", Instant::Utc(Millis(NOON + 8 * 3_600_000))),
            ("2026-11-23T17:30:00.5+05:30", Instant::Utc(Millis(NOON + 500))),
            ("2026-11-23T12:00:00", Instant::Local(Millis(NOON))),
            ("2026-11-23 12:00:00", Instant::Local(Millis(NOON))),
        ] {
            assert_eq!(from_text(text), Some(instant), "{text}");
        }
    }

    #[test]
    fn a_fraction_has_0_to_9_digits_and_is_cut_to_milliseconds() {
        for (text, millis) in [
            ("2026-11-23T12:00:00.4", 400),
            ("2026-11-23T12:00:00.416365", 416),
            ("2026-11-23T12:00:00.999999999", 999),
        ] {
            assert_eq!(from_text(text), Some(Instant::Local(Millis(NOON + millis))), "{text}");
        }
        assert_eq!(from_text("1969-12-31T23:59:59.9999Z"), Some(Instant::Utc(Millis(-1))));
        assert_eq!(from_text("2026-11-23T12:00:00.0123456789"), None);
    }

    #[test]
    fn a_number_is_seconds_or_milliseconds_since_1970() {
        for number in [NOON as f64 / 1e3, NOON as f64] {
            assert_eq!(from_number(number), Some(Instant::Utc(Millis(NOON))));
            assert_eq!(from_text(&number.to_string()), Some(Instant::Utc(Millis(NOON))));
        }
        assert_eq!(from_number(1e300), None);
        assert_eq!(from_number(f64::NAN), None);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "yesterday", "2026-11-23", "2026-13-01T00:00:00", "2026-02-30T00:00:00Z", "12:00:00", "inf"] {
            assert_eq!(from_text(text), None, "{text}");
        }
    }
}
