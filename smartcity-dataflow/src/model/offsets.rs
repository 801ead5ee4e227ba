//! What the clock on the wall means in UTC.

use serde::{Deserialize, Serialize};

use super::Millis;

/// The offsets from UTC of one time zone, as a table of local times: from each local time on, the clock is ahead of UTC by
/// its offset, until the next. An empty table is UTC itself.
///
/// The first offset also holds before its time. A local time that comes twice, when the clock is put back, has one offset
/// here: whoever makes the table decides whether the later offset begins at the first or at the second of the two.
///
/// ```
/// use smartcity_dataflow::model::{Millis, UtcOffsets};
/// const HOUR: i64 = 3_600_000;
/// // One hour ahead, and two from the local hour 100 to the local hour 200.
/// let zone = UtcOffsets::new([(0, HOUR), (100 * HOUR, 2 * HOUR), (200 * HOUR, HOUR)]);
/// assert_eq!(zone.to_utc(Millis(99 * HOUR)), Millis(98 * HOUR));
/// assert_eq!(zone.to_utc(Millis(100 * HOUR)), Millis(98 * HOUR));
/// assert_eq!(zone.to_utc(Millis(200 * HOUR)), Millis(199 * HOUR));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(i64, i64)>")]
pub struct UtcOffsets {
    /// First local time and offset, both in milliseconds, ascending.
    steps: Vec<(i64, i64)>,
}

impl UtcOffsets {
    /// The table of these pairs, in any order: the first local time at which an offset holds, as milliseconds since the
    /// epoch of the wall clock's own calendar, and the offset in milliseconds, positive east of Greenwich.
    pub fn new(steps: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let mut steps: Vec<_> = steps.into_iter().collect();
        steps.sort_unstable();
        Self { steps }
    }

    /// The UTC of a local time: milliseconds since the epoch of the wall clock's own calendar.
    pub fn to_utc(&self, local: Millis) -> Millis {
        let begun = self.steps.partition_point(|&(from, _)| from <= local.0);
        let offset = self.steps.get(begun.saturating_sub(1)).map_or(0, |&(_, offset)| offset);
        Millis(local.0.saturating_sub(offset))
    }
}

impl From<Vec<(i64, i64)>> for UtcOffsets {
    fn from(steps: Vec<(i64, i64)>) -> Self {
        Self::new(steps)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_table_is_utc() {
        assert_eq!(UtcOffsets::default().to_utc(Millis(7)), Millis(7));
    }

    #[test]
    fn the_first_offset_holds_before_its_time_too() {
        assert_eq!(UtcOffsets::new([(100, 10)]).to_utc(Millis(7)), Millis(-3));
    }

    fn steps() -> impl Strategy<Value = Vec<(i64, i64)>> {
        let time = prop_oneof![any::<i64>(), -50..50i64, Just(i64::MIN), Just(i64::MAX)];
        prop::collection::vec((time, prop_oneof![any::<i64>(), -9..9i64]), 0..6)
    }

    proptest! {
        #[test]
        fn the_last_step_at_or_before_a_time_holds(steps in steps(), local in prop_oneof![any::<i64>(), -60..60i64]) {
            let begun = steps.iter().filter(|&&(from, _)| from <= local).max();
            let offset = begun.or(steps.iter().min()).map_or(0, |&(_, offset)| offset);
            let utc = UtcOffsets::new(steps.clone()).to_utc(Millis(local));
            prop_assert_eq!(utc, Millis(local.saturating_sub(offset)));
        }
    }
}
