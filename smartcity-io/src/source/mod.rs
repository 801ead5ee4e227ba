//! Sources: where readings come from.
//!
//! ```text
//! partition    what is read in order: a partition of a topic, a file of a directory; its index never changes
//! position     the offset of a partition that is read next; by it what was read is found again
//! batch        readings, rejections and names, with the positions after them
//! ```
//!
//! A source runs on a thread of its own, from an [`Assignment`]: which partitions are its own, and from which positions. It
//! sends [`Batch`]es through a bounded channel, the [`Outlet`]. When the engine is behind, [`send`](Outlet::send) blocks, and
//! so the source does; one that has a connection to keep alive uses [`try_send`](Outlet::try_send). What the source is doing,
//! and how far it is, shows in its [`SourceStatus`].
//!
//! Of a live source each process reads its own partitions: partition `p` is read by process `p mod n`. Of a recorded source
//! every process reads all, since the tick of a row depends on the rows before it, and brings in its share of the rows.

mod assignment;
mod batch;
#[cfg(any(test, feature = "testing"))]
mod conformance;
mod error;
#[cfg(feature = "kafka")]
pub mod kafka;
mod lines;
mod memory;
mod outlet;
mod partition;
mod replay;
mod simulator;
mod status;

use std::time::{SystemTime, UNIX_EPOCH};

pub use assignment::Assignment;
pub use batch::Batch;
#[cfg(any(test, feature = "testing"))]
pub use conformance::conforms;
pub use error::{Failure, SourceError};
pub use memory::{MemoryMessage, MemorySource};
pub use outlet::Outlet;
pub use partition::{Partition, Positions, Reached};
pub use replay::{Replay, ReplayProgress, ReplaySettings};
pub use simulator::{Dirt, Simulator, SimulatorClock, SimulatorSettings, Written, write_ndjson};
use smartcity_dataflow::Time;
pub use status::{PartitionStatus, SourceStatus};

/// Milliseconds since the epoch by the machine's clock.
fn wall_clock() -> Time {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as Time)
}

/// Where readings come from.
pub trait Source: Send + 'static {
    /// Name of the source, as views and errors show it.
    fn name(&self) -> &str;

    /// Whether rows carry their own arrival time, so that the clock can follow them.
    fn is_recorded(&self) -> bool {
        false
    }

    /// The partitions that there are now. Asked again there may be more; none goes, and none changes its index.
    ///
    /// A source that says nothing else has one, of its own name.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run).
    fn partitions(&mut self) -> Result<Vec<Partition>, SourceError> {
        Ok(vec![Partition::only(self.name())])
    }

    /// Whether partitions may be added while it runs. Such a source runs also where none of those that there are is its own,
    /// and takes the new ones that [are](Assignment::takes).
    fn grows(&self) -> bool {
        false
    }

    /// Reads the partitions that `assignment` takes, from its positions, until the data ends (`Ok`), the engine stops
    /// ([`SourceError::Closed`]) or something fails.
    ///
    /// Called on a thread of its own; it may block. After [`SourceError::Retry`] it is called again, from the positions of the
    /// last batch that it sent.
    fn run(&mut self, assignment: &Assignment, outlet: &Outlet) -> Result<(), SourceError>;
}
