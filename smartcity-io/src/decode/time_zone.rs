//! A time zone as a table of offsets, for a dataflow that knows no clock and no zone.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A zone that nobody knows.
#[derive(Debug, thiserror::Error)]
#[error(
    "time zone {zone:?} is not known: use an IANA name such as \"Europe/Berlin\" or \"UTC\", and check that the \
     system has its time zone database (package tzdata)"
)]
pub struct UnknownTimeZone {
    zone: String,
    #[source]
    cause: jiff::Error,
}

/// The offsets from UTC of an IANA `zone`, 1990 to 2060: (first local millisecond at which it holds, offset in
/// milliseconds), in ascending order, the first from `i64::MIN`.
///
/// A local time minus the offset of the last row at or before it is its UTC. Local times that the clock skips are read
/// with the offset before the change, so they come out later; of local times that it shows twice the first is meant.
/// This is what RFC 5545 asks for, and jiff's `Disambiguation::Compatible`.
///
/// ```
/// let offsets = smartcity_io::decode::utc_offsets("Europe/Berlin")?;
/// let local = 1_782_907_200_000; // 2026-07-01T12:00:00
/// let (_, offset) = offsets[offsets.partition_point(|&(from, _)| from <= local) - 1];
/// assert_eq!(offset, 2 * 3_600_000);
/// # Ok::<_, smartcity_io::decode::UnknownTimeZone>(())
/// ```
///
/// # Errors
///
/// [`UnknownTimeZone`] where the system has no zone of this name.
pub fn utc_offsets(zone: &str) -> Result<Vec<(i64, i64)>, UnknownTimeZone> {
    const FROM_1990: i64 = 631_152_000;
    const TO_2060: i64 = 2_840_140_800;
    let time_zone = TimeZone::get(zone).map_err(|cause| UnknownTimeZone { zone: zone.to_owned(), cause })?;
    let start = Timestamp::constant(FROM_1990, 0);
    let millis = |seconds: i32| i64::from(seconds) * 1_000;
    let mut offsets = vec![(i64::MIN, millis(time_zone.to_offset(start).seconds()))];
    for transition in time_zone.following(start).take_while(|transition| transition.timestamp().as_second() < TO_2060) {
        let before = offsets.last().map_or(0, |&(_, offset)| offset);
        let after = millis(transition.offset().seconds());
        if after != before {
            // A gap ends at the new offset's time of the change, a fold at the old one's: both times at the later.
            offsets.push((transition.timestamp().as_millisecond() + before.max(after), after));
        }
    }
    Ok(offsets)
}

#[cfg(test)]
mod tests {
    use jiff::civil::DateTime;
    use proptest::prelude::*;

    use super::*;

    const ZONES: [&str; 5] = ["UTC", "America/Los_Angeles", "Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu"];

    #[test]
    fn a_zone_without_changes_is_one_row() {
        assert_eq!(utc_offsets("UTC").unwrap(), [(i64::MIN, 0)]);
        assert_eq!(utc_offsets("Asia/Kathmandu").unwrap(), [(i64::MIN, 20_700_000)]);
    }

    #[test]
    fn an_unknown_zone_is_named_with_the_way_out() {
        let error = utc_offsets("Europe/Atlantis").unwrap_err().to_string();
        assert!(error.contains("Europe/Atlantis") && error.contains("IANA"), "{error}");
    }

    fn check(zone: &TimeZone, offsets: &[(i64, i64)], local: i64) {
        let (_, offset) = offsets[offsets.partition_point(|&(from, _)| from <= local) - 1];
        let civil: DateTime = TimeZone::UTC.to_datetime(Timestamp::from_millisecond(local).unwrap());
        let expected = zone.to_timestamp(civil).unwrap().as_millisecond();
        assert_eq!(local - offset, expected, "{civil} in {zone:?}");
    }

    #[test]
    fn skipped_and_repeated_local_times_agree_with_the_oracle() {
        for name in ZONES {
            let (zone, offsets) = (TimeZone::get(name).unwrap(), utc_offsets(name).unwrap());
            for &(change, _) in &offsets[1..] {
                for minutes in (-150..=150).step_by(15) {
                    check(&zone, &offsets, change + minutes * 60_000);
                    check(&zone, &offsets, change + minutes * 60_000 - 1);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_local_time_agrees_with_the_oracle(zone in 0..ZONES.len(), local in 631_238_400_000i64..2_840_000_000_000) {
            check(&TimeZone::get(ZONES[zone]).unwrap(), &utc_offsets(ZONES[zone]).unwrap(), local);
        }
    }
}
