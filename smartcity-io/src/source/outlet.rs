//! The way from a source into the engine.

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::{Batch, Partition, Positions, SourceError, SourceStatus};

/// The way from a source into the engine, and what the engine shows of the source.
#[derive(Clone, Debug)]
pub struct Outlet {
    batches: Sender<Batch>,
    status: SourceStatus,
}

impl Outlet {
    /// A channel that holds `capacity` batches, and its receiving end.
    pub fn bounded(capacity: usize) -> (Self, Receiver<Batch>) {
        Self::of(&SourceStatus::new("source"), capacity)
    }

    /// The same for the source that `status` shows.
    pub(crate) fn of(status: &SourceStatus, capacity: usize) -> (Self, Receiver<Batch>) {
        let (batches, receiver) = bounded(capacity);
        (Self { batches, status: status.clone() }, receiver)
    }

    /// Hands over a batch; blocks while the engine is behind.
    pub fn send(&self, batch: Batch) -> Result<(), SourceError> {
        let positions = batch.positions.clone();
        self.batches.send(batch).map_err(|_| SourceError::Closed)?;
        self.status.sent(&positions);
        Ok(())
    }

    /// Hands over a batch, or gives it back while the engine is behind: for a source that must go on doing something else
    /// meanwhile, as a broker's client must poll.
    pub fn try_send(&self, batch: Batch) -> Result<Option<Batch>, SourceError> {
        let positions = batch.positions.clone();
        match self.batches.try_send(batch) {
            Ok(()) => self.status.sent(&positions),
            Err(TrySendError::Full(batch)) => return Ok(Some(batch)),
            Err(TrySendError::Disconnected(_)) => return Err(SourceError::Closed),
        }
        Ok(None)
    }

    /// Whether the engine still listens: for a source that has nothing to hand over for a while.
    ///
    /// A channel tells only who sends that nobody receives any more, so this sends an empty batch where there is room.
    pub fn check(&self) -> Result<(), SourceError> {
        match self.batches.try_send(Batch::default()) {
            Err(TrySendError::Disconnected(_)) => Err(SourceError::Closed),
            Ok(()) | Err(TrySendError::Full(_)) => Ok(()),
        }
    }

    /// Shows the partitions that were found; those that were shown before stay.
    pub fn found(&self, partitions: impl IntoIterator<Item = Partition>) {
        self.status.found(partitions);
    }

    /// Shows the offsets that a partition holds: the first, and the one after the last.
    pub fn holds(&self, index: u32, low: u64, high: u64) {
        self.status.holds(index, low, high);
    }

    /// Shows that offsets of a partition were gone before they were read.
    pub fn misses(&self, index: u32, offsets: u64) {
        self.status.misses(index, offsets);
    }

    /// Shows that the source waits for something outside, and why; `None` when it goes on.
    pub fn waits(&self, reason: Option<String>) {
        self.status.waits(reason);
    }

    /// The positions through which everything is durable: a start after a crash begins there or later.
    pub fn durable(&self) -> Positions {
        self.status.durable()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_stops_with_batches_on_their_way_is_noticed() {
        let (outlet, batches) = Outlet::bounded(4);
        outlet.send(Batch::default()).unwrap();
        outlet.check().unwrap();
        drop(batches);
        assert!(matches!(outlet.check(), Err(SourceError::Closed)));
    }
}
