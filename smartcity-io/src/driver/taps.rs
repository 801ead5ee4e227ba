//! Sources at work: a thread each, a bounded channel, and a status that others can watch.

use std::error::Error;
use std::io;
use std::thread;

use crossbeam_channel::Receiver;

use smartcity_dataflow::health::Health;

use crate::backoff::Backoff;
use crate::source::{Assignment, Batch, Outlet, Source, SourceError, SourceStatus};

/// Batches that wait between a source and the pacemaker.
const WAITING_BATCHES: usize = 16;

/// The pacemaker's end of a source.
pub(super) struct Tap {
    pub(super) batches: Receiver<Batch>,
    pub(super) status: SourceStatus,
}

impl Tap {
    /// Starts `source` on a thread of its own.
    pub(super) fn open(source: Box<dyn Source>, assignment: Assignment) -> io::Result<Self> {
        let status = SourceStatus::new(source.name());
        status.starts(&assignment);
        let (outlet, batches) = Outlet::of(&status, WAITING_BATCHES);
        let tap = Self { batches, status: status.clone() };
        thread::Builder::new().name(format!("source {}", status.name())).spawn(move || {
            let mut runner = Runner { source, assignment, outlet, status };
            let health = runner.run();
            runner.status.set(health);
        })?;
        Ok(tap)
    }
}

/// A source on its thread.
struct Runner {
    source: Box<dyn Source>,
    assignment: Assignment,
    outlet: Outlet,
    status: SourceStatus,
}

impl Runner {
    /// Runs the source to its end, again and again where what it reads is away.
    fn run(&mut self) -> Health {
        let name = self.status.name().to_owned();
        let mut backoff = Backoff::default();
        loop {
            let before = self.status.reached();
            let error = match self.run_once() {
                Ok(()) | Err(SourceError::Closed) => return Health::Ended,
                Err(error) => error,
            };
            let cause = &error as &dyn Error;
            let SourceError::Retry(failure) = &error else {
                tracing::error!(source = name, error = cause, "source failed");
                return Health::Failed(error.to_string());
            };
            tracing::warn!(source = name, error = cause, "source waits");
            self.status.waits(Some(failure.to_string()));
            if self.status.reached() != before {
                backoff.reset();
            }
            backoff.rest(|| self.outlet.check().is_ok());
            self.assignment.resume(&self.status.reached());
        }
    }

    fn run_once(&mut self) -> Result<(), SourceError> {
        if !self.source.grows() {
            let partitions = self.source.partitions()?;
            if !self.assignment.takes_any(&partitions) {
                self.outlet.found(partitions);
                return Ok(());
            }
        }
        self.source.run(&self.assignment, &self.outlet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Partition;

    /// A source that reads two offsets at a time and then finds its outside away, until it has read ten.
    struct Flaky(Vec<u64>);

    impl Source for Flaky {
        fn name(&self) -> &str {
            "flaky"
        }

        fn run(&mut self, assignment: &Assignment, outlet: &Outlet) -> Result<(), SourceError> {
            outlet.found([Partition::only("flaky")]);
            let start = assignment.position(0).unwrap_or(0);
            self.0.push(start);
            for next in [start + 1, start + 2] {
                outlet.send(Batch { positions: [(0, next)].into_iter().collect(), ..Batch::default() })?;
            }
            if start < 8 {
                return Err(SourceError::retry("flaky", format!("away after {start}"), None));
            }
            assert_eq!(self.0, [4, 6, 8], "it goes on where it was, from where it was started");
            Ok(())
        }
    }

    #[test]
    fn a_source_whose_outside_is_away_goes_on_where_it_was() {
        let assignment = Assignment::all().from([(Partition::only("flaky"), 4)]);
        let tap = Tap::open(Box::new(Flaky(Vec::new())), assignment).unwrap();
        assert_eq!(tap.status.positions_through(0), Some(vec![(Partition::only("flaky"), 4)]));
        let batches: Vec<_> = tap.batches.iter().filter(|batch| !batch.is_empty()).collect();
        let reached: Vec<_> = batches.iter().filter_map(|batch| batch.positions.of(0)).collect();
        assert_eq!(reached, [5, 6, 7, 8, 9, 10]);
        assert_eq!(tap.status.health(), Health::Ended);
    }

    #[test]
    fn a_source_that_is_not_mine_is_not_read() {
        let tap = Tap::open(Box::new(Flaky(Vec::new())), Assignment::share(1, 2)).unwrap();
        assert_eq!(tap.batches.iter().count(), 0);
        assert_eq!(tap.status.health(), Health::Ended);
    }
}
