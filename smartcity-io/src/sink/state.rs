//! State sinks: what mirrors views.

use std::error::Error;
use std::sync::Arc;

use smartcity_dataflow::view::{Changes, Position, Snapshot};

/// A mirror of views somewhere else, such as keys of a store. It holds what the views hold, as of one tick; so a loss is mended
/// by writing all of it anew, and no tick has to be kept for it.
///
/// A [`Mirror`](super::Mirror) runs it on a thread of its own, at its own pace: [`reset`](Self::reset) first, then
/// [`apply`](Self::apply) with what changed since, and `reset` again after an error, or where it was so slow that changes
/// have left the ring. The methods may block, but not for ever: a connection needs time-outs.
pub trait StateSink: Send + 'static {
    /// Name of the sink, as health and errors show it.
    fn name(&self) -> &str;

    /// Makes the mirror equal to `snapshot`, whatever it held: what the snapshot lacks goes.
    ///
    /// # Errors
    ///
    /// What to do about it. The mirror may be left with a part of the snapshot.
    fn reset(&mut self, snapshot: &Snapshot) -> Result<(), SinkError>;

    /// Takes the changes of some ticks, oldest first, so that the mirror is as of `through`. There are none where nothing
    /// changed; called at least every second all the same, so that what expires can be renewed. Taking the same ticks once
    /// more changes nothing: a key goes or has the row that it was given last, however often it is told.
    ///
    /// # Errors
    ///
    /// What to do about it. The mirror may be left with a part of the changes.
    fn apply(&mut self, ticks: &[Arc<Changes>], through: Position) -> Result<(), SinkError>;
}

/// Why a sink could not write, named by what to do about it. The message says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// What it writes to is away for now: the engine tries again, and writes all anew.
    #[error("{0}")]
    Retry(String, #[source] Option<Box<dyn Error + Send + Sync>>),
    /// It cannot work as it is set, or what it writes to belongs to another engine: somebody has to change that.
    #[error("{0}")]
    Refused(String, #[source] Option<Box<dyn Error + Send + Sync>>),
}
