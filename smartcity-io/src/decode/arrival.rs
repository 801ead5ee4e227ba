//! When a message was learnt, live or recorded.

use std::cell::Cell;

use smartcity_dataflow::Time;

/// How a message's `arrived` is found.
#[derive(Clone, Copy, Debug)]
pub enum Arrival<'a> {
    /// The engine stamps the row with its own tick; `now`, the wall clock, only says when names are due again.
    Live {
        /// The wall clock, milliseconds since the epoch.
        now: Time,
    },
    /// The recording says when the message was learnt, as a broker's append time does.
    At(Time),
    /// The recording does not say it: the message's own event time drives the clock of the recording.
    Recorded(&'a RecordedClock),
}

/// When a row was learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The row's `arrived`: 0 where the engine is to stamp it.
    pub arrived: Time,
    /// The clock at which it was learnt, also where `arrived` is 0.
    pub clock: Time,
}

impl Arrival<'_> {
    /// The stamp of a message that happened at `event` (milliseconds since the epoch, UTC), or that has no time.
    pub fn stamp(&self, event: Option<i64>) -> Stamp {
        match self {
            Self::Live { now } => Stamp { arrived: 0, clock: *now },
            Self::At(time) => Stamp { arrived: *time, clock: *time },
            Self::Recorded(clock) => {
                let time = clock.advance(event);
                Stamp { arrived: time, clock: time }
            }
        }
    }
}

/// The clock of a recording that holds no arrival times: the running maximum of its rows' event times.
///
/// Two sorts of row do not move it, so that one broken device cannot put a whole replay out of time: an event before 2000
/// (a clock that was never set), and an event more than 30 days ahead, unless the row after it is as far ahead too (then
/// it is a gap in the recording).
#[derive(Clone, Debug, Default)]
pub struct RecordedClock {
    now: Cell<Time>,
    leapt: Cell<bool>,
}

/// 2000-01-01T00:00:00Z.
const FIRST_PLAUSIBLE: i64 = 946_684_800_000;
const LONGEST_GAP_MILLIS: Time = 30 * 24 * 3_600_000;

impl RecordedClock {
    /// A clock that shows `time` until a row moves it; 0 for a clock that the first timed row sets.
    pub fn starting_at(time: Time) -> Self {
        Self { now: Cell::new(time), leapt: Cell::new(false) }
    }

    /// What it shows.
    pub fn now(&self) -> Time {
        self.now.get()
    }

    /// Moves the clock by a row of event time `event`, and reads it.
    fn advance(&self, event: Option<i64>) -> Time {
        let now = self.now.get();
        if let Some(event) = event.filter(|&event| event >= FIRST_PLAUSIBLE) {
            let event = event.unsigned_abs();
            let leaps = now > 0 && event > now + LONGEST_GAP_MILLIS;
            if !leaps || self.leapt.get() {
                self.now.set(now.max(event));
            }
            self.leapt.set(leaps);
        }
        self.now.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_795_435_200_000;
    const YEAR: i64 = 365 * 24 * 3_600_000;

    fn run(events: &[Option<i64>]) -> Vec<i64> {
        let clock = RecordedClock::default();
        events.iter().map(|&event| Arrival::Recorded(&clock).stamp(event).arrived as i64).collect()
    }

    #[test]
    fn a_recording_runs_by_the_maximum_of_its_event_times() {
        assert_eq!(run(&[Some(NOON), Some(NOON - 5), None, Some(NOON + 5)]), [NOON, NOON, NOON, NOON + 5]);
    }

    #[test]
    fn one_broken_device_does_not_move_the_clock() {
        assert_eq!(run(&[Some(1_000), Some(NOON)]), [0, NOON]);
        assert_eq!(run(&[Some(NOON), Some(NOON + 70 * YEAR), Some(NOON + 1)]), [NOON, NOON, NOON + 1]);
    }

    #[test]
    fn a_gap_in_the_recording_does() {
        assert_eq!(run(&[Some(NOON), Some(NOON + YEAR), Some(NOON + YEAR + 1)]), [NOON, NOON, NOON + YEAR + 1]);
    }
}
