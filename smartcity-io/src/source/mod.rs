//! Sources: where readings come from.
//!
//! A source runs on a thread of its own and sends [`Batch`]es through a bounded channel, the [`Outlet`]; when the engine is
//! behind, `send` blocks, and so the source does. A *partition* is a part of a source that is read in order (a partition of
//! a topic, a file of a directory); a *position* in it (an offset, a line) finds a message again. Both are in every
//! reading's [`Origin`](smartcity_dataflow::model::Origin).

mod lines;
mod memory;
mod replay;
mod simulator;

use std::error::Error;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
pub use memory::{MemoryMessage, MemorySource};
pub use replay::{Replay, ReplayProgress, ReplaySettings};
pub use simulator::{Dirt, Simulator, SimulatorClock, SimulatorSettings, Written, write_ndjson};
use smartcity_dataflow::model::{Instant, NameUse, Reading, Rejected};

/// What a source read at once.
///
/// A recorded source (a replay) sets `arrived` of every row to the time the row was recorded, never decreasing within the
/// source; the engine's clock follows it. A live source leaves it 0 and the engine stamps the row with its own tick.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Decoded messages.
    pub readings: Vec<Reading<Instant>>,
    /// Messages that no decoder could make a reading of.
    pub rejected: Vec<Rejected>,
    /// Texts that the readings refer to, each at the `arrived` of the first row that used it. The source's own name is not
    /// among them: the engine says it.
    pub names: Vec<NameUse>,
}

impl Batch {
    /// Messages in the batch, decoded or not.
    pub fn len(&self) -> usize {
        self.readings.len() + self.rejected.len()
    }

    /// Moves everything of `other` to the end of this batch.
    pub fn append(&mut self, other: &mut Self) {
        self.readings.append(&mut other.readings);
        self.rejected.append(&mut other.rejected);
        self.names.append(&mut other.names);
    }

    /// Whether the batch holds nothing at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.names.is_empty()
    }
}

impl SourceError {
    /// Something outside failed.
    pub(crate) fn failed(
        source_name: &str,
        message: impl Into<String>,
        cause: impl Into<Option<Box<dyn Error + Send + Sync>>>,
    ) -> Self {
        Self::Failed { source_name: source_name.to_owned(), message: message.into(), cause: cause.into() }
    }
}

/// Why a source ended before its data did.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Something outside failed; the message says what to do.
    #[error("source {source_name}: {message}")]
    Failed {
        /// The source's name.
        source_name: String,
        /// What is wrong and what to do.
        message: String,
        /// The cause, where there is one.
        #[source]
        cause: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The engine stopped listening: not a failure.
    #[error("the engine has stopped")]
    Closed,
}

/// Where readings come from.
pub trait Source: Send + 'static {
    /// Name of the source, as views and errors show it.
    fn name(&self) -> &str;

    /// Whether rows carry their own arrival time, so that the clock can follow them.
    fn is_recorded(&self) -> bool {
        false
    }

    /// Reads until the data ends (`Ok`), the engine stops ([`SourceError::Closed`]) or something fails.
    ///
    /// Called on a thread of its own; it may block.
    fn run(self: Box<Self>, outlet: Outlet) -> Result<(), SourceError>;
}

/// The way from a source into the engine.
#[derive(Clone, Debug)]
pub struct Outlet {
    batches: Sender<Batch>,
}

impl Outlet {
    /// A channel that holds `capacity` batches, and its receiving end.
    pub fn bounded(capacity: usize) -> (Self, Receiver<Batch>) {
        let (batches, receiver) = bounded(capacity);
        (Self { batches }, receiver)
    }

    /// Hands over a batch; blocks while the engine is behind.
    pub fn send(&self, batch: Batch) -> Result<(), SourceError> {
        self.batches.send(batch).map_err(|_| SourceError::Closed)
    }

    /// Whether the engine still listens: for a source that has nothing to hand over for a while.
    ///
    /// A channel tells only who sends that nobody receives any more, so this sends an empty batch where nothing waits.
    pub fn check(&self) -> Result<(), SourceError> {
        if !self.batches.is_empty() {
            return Ok(());
        }
        match self.batches.try_send(Batch::default()) {
            Err(TrySendError::Disconnected(_)) => Err(SourceError::Closed),
            Ok(()) | Err(TrySendError::Full(_)) => Ok(()),
        }
    }
}
