//! Sinks: where views and their changes go.
//!
//! ```text
//! StateSink     mirrors views (keys of a store): resets with a snapshot, applies ticks of changes, resets when it lagged
//!               MemoryMirror: in this process; redis::Redis: keys of a Redis server (feature redis);
//!               kafka::KafkaMirror: a compacted topic (feature kafka)
//! EmitChanges   every change, in order, to a writer: a pipe, a file
//! ```
//!
//! A mirror pulls what it needs at its own pace, run by [`Mirror`], and never holds up the engine. What writes every change
//! hears of every tick from the engine's own thread and hands it to a thread of its own through a bounded channel.

mod changes;
#[cfg(any(test, feature = "testing"))]
mod conformance;
#[cfg(feature = "kafka")]
pub mod kafka;
mod memory;
mod mirror;
#[cfg(feature = "redis")]
pub mod redis;
mod state;

pub use changes::EmitChanges;
#[cfg(any(test, feature = "testing"))]
pub use conformance::mirrors;
pub use memory::MemoryMirror;
pub use mirror::{Mirror, SinkStatus};
pub use state::{SinkError, StateSink};

use std::fmt;
use std::thread::JoinHandle;

use smartcity_dataflow::view::Views;

/// Where views go.
pub trait Sink: Send + 'static {
    /// Starts to listen to `views`; called before the engine starts, so that no tick is missed.
    fn listen(self: Box<Self>, views: &Views) -> Listening;

    /// How it fares, from now on; `None` where it does not say.
    fn status(&self) -> Option<SinkStatus> {
        None
    }
}

/// A sink at work.
pub struct Listening {
    close: Box<dyn FnOnce() + Send>,
    thread: Option<JoinHandle<()>>,
}

impl Listening {
    /// A sink whose thread ends after `close` was called and what it holds is written.
    pub fn new(close: impl FnOnce() + Send + 'static, thread: Option<JoinHandle<()>>) -> Self {
        Self { close: Box::new(close), thread }
    }

    /// Lets the sink write what it holds, and waits for it.
    pub fn finish(self) {
        (self.close)();
        if self.thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a sink panicked");
        }
    }
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening").finish_non_exhaustive()
    }
}
