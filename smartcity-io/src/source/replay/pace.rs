//! Recorded time on the wall clock.

use std::thread;
use std::time::{Duration, Instant};

use smartcity_dataflow::Time;

use crate::source::SourceError;

/// When a recorded row is due.
#[derive(Debug)]
pub(super) struct Pace {
    speed: f64,
    start: Option<(Instant, Time)>,
}

/// Rows that are due so soon go with those that are due now.
const EARLY: Duration = Duration::from_millis(10);
/// A waiting replay looks this often whether anybody still listens.
const LOOK: Duration = Duration::from_millis(50);

impl Pace {
    /// A pace `speed` times that of the recording, which starts with its first row.
    pub(super) fn new(speed: f64) -> Self {
        Self { speed, start: None }
    }

    /// How long until a row of `time` is due.
    fn wait(&self, time: Time) -> Duration {
        self.start.map_or(Duration::ZERO, |(started, first)| {
            let recorded = Duration::from_millis(time.saturating_sub(first)).as_secs_f64();
            Duration::try_from_secs_f64(recorded / self.speed)
                .unwrap_or(Duration::MAX)
                .saturating_sub(started.elapsed())
        })
    }

    /// Whether a row of `time` may go; the first one starts the clock.
    pub(super) fn is_due(&mut self, time: Time) -> bool {
        self.start.get_or_insert_with(|| (Instant::now(), time));
        self.wait(time) <= EARLY
    }

    /// Sleeps until a row of `time` is due, or until `check` fails.
    pub(super) fn wait_until(
        &self,
        time: Time,
        check: impl Fn() -> Result<(), SourceError>,
    ) -> Result<(), SourceError> {
        loop {
            let wait = self.wait(time);
            if wait <= EARLY {
                return Ok(());
            }
            check()?;
            thread::sleep(wait.min(LOOK));
        }
    }
}
