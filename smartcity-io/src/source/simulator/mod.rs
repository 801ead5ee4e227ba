//! A simulated city: vehicles that drive its roads, and everything that watches them.
//!
//! ```text
//! segments ──▶ Roads ──▶ Vehicles ────────────┐
//!                │  demand, waves              │
//!                ├──▶ Traffic ──▶ Cameras, Gauges ──▶ Feed ──▶ Courier ──▶ Batch
//!                └──▶ Incidents ──▶ reports ───┘     in turn    late, twice,
//!                        └─ slow the traffic                    broken, withdrawn
//! ```
//!
//! Vehicles follow the roads through congestion that comes in waves, rises with the hour and is densest in the centre;
//! they brake before turns and creep past incidents. Speeds, headings and positions agree, up to the noise of a receiver.
//! A device reports in its turn: message `n` of a kind is due `n` intervals after the start, so that rates hold exactly.
//! Nothing depends on the thread's timing: the same seed, city and start make the same messages.
//!
//! All kinds are one partition, for they tell of one city: its offsets count the messages in the order in which they are heard.
//! A recorded simulation that starts from a position is made from its beginning, and handed over from there; a live one goes on
//! counting from it, with what happens now.

mod courier;
mod devices;
mod feed;
mod incidents;
mod messages;
mod noise;
mod roads;
mod settings;
#[cfg(test)]
mod tests;
mod traffic;
mod vehicles;
mod write;

use std::fmt;
use std::thread;
use std::time::Duration;

use smartcity_dataflow::Time;
use smartcity_dataflow::model::City;

use self::feed::Feed;
#[cfg(feature = "kafka")]
pub(crate) use self::messages::Messages;
pub use self::settings::{Dirt, SimulatorClock, SimulatorSettings};
pub use self::write::{Written, write_ndjson};
use super::{Assignment, Batch, Outlet, Partition, Source, SourceError, wall_clock};

/// A source that simulates a city's devices.
pub struct Simulator {
    name: String,
    clock: SimulatorClock,
    feed: Feed,
}

/// A live simulation hands over what happened this often.
const STEP: Duration = Duration::from_millis(50);
/// A live simulation that is behind by more leaves out what it missed: the computer slept, or the engine is too slow.
const LONGEST_DELAY_MILLIS: Time = 5_000;
const BATCH_ROWS: usize = 8_192;

impl Simulator {
    /// A simulation of `city`.
    ///
    /// # Errors
    ///
    /// [`SourceError::Refused`] where a setting makes no sense, or the city has no roads to drive on.
    pub fn new(name: &str, city: &City, settings: SimulatorSettings) -> Result<Self, SourceError> {
        let clock = settings.clock;
        let start = match clock {
            SimulatorClock::Live => wall_clock(),
            SimulatorClock::Recorded { start, .. } => start,
        };
        let feed =
            Feed::new(name, city, settings, start).map_err(|message| SourceError::refused(name, message, None))?;
        Ok(Self { name: name.to_owned(), clock, feed })
    }

    fn run_live(&mut self, position: u64, outlet: &Outlet) -> Result<(), SourceError> {
        let mut now = wall_clock();
        self.feed.count_from(position);
        self.feed.start_at(now);
        loop {
            let mut batch = Batch::default();
            let has_more = self.feed.advance(now, BATCH_ROWS, &mut batch);
            if batch.is_empty() {
                outlet.check()?
            } else {
                outlet.send(batch)?
            }
            if !has_more {
                thread::sleep(STEP);
            }
            now = now.max(wall_clock());
            self.feed.skip_to(now.saturating_sub(LONGEST_DELAY_MILLIS));
        }
    }

    fn run_recorded(&mut self, until: Time, from: &Assignment, outlet: &Outlet) -> Result<(), SourceError> {
        let mut has_more = true;
        while has_more {
            let mut batch = Batch::default();
            has_more = self.feed.advance(until, BATCH_ROWS, &mut batch);
            from.select(&mut batch);
            outlet.send(batch)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").field("name", &self.name).field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl Source for Simulator {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_recorded(&self) -> bool {
        self.clock != SimulatorClock::Live
    }

    fn run(&mut self, assignment: &Assignment, outlet: &Outlet) -> Result<(), SourceError> {
        let partition = Partition::only(&self.name);
        let position = assignment.position(partition.index).unwrap_or(0);
        outlet.found([partition]);
        match self.clock {
            SimulatorClock::Live => self.run_live(position, outlet),
            SimulatorClock::Recorded { start, duration } => {
                self.run_recorded(start.saturating_add(duration), assignment, outlet)
            }
        }
    }
}
