//! What the time is, for an engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use smartcity_dataflow::Time;

/// Where an engine takes its time from.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock; it never goes backwards for the engine.
    Wall,
    /// A clock that somebody moves by hand.
    Manual(ManualClock),
    /// The times of the rows themselves: for recorded sources. A replay is deterministic, and as fast as its sources and
    /// the machine; the clock stops with the last row.
    Replay,
}

impl Clock {
    pub(super) fn is_replay(&self) -> bool {
        matches!(self, Self::Replay)
    }

    /// The time now; a replay has none.
    pub(super) fn now(&self) -> Time {
        match self {
            Self::Wall | Self::Replay => wall_millis(),
            Self::Manual(clock) => clock.now(),
        }
    }
}

/// Milliseconds since the epoch by the machine's clock.
pub(super) fn wall_millis() -> Time {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as Time)
}

/// A clock that is moved by hand; a clone is the same clock.
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that stands at `now`, milliseconds since the epoch.
    pub fn at(now: Time) -> Self {
        Self(Arc::new(AtomicU64::new(now)))
    }

    /// Moves it to `now`; never backwards.
    pub fn advance_to(&self, now: Time) {
        self.0.fetch_max(now, Ordering::AcqRel);
    }

    /// What it shows.
    pub fn now(&self) -> Time {
        self.0.load(Ordering::Acquire)
    }
}
