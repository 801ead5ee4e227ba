//! Sources at work: a thread each, a bounded channel, and a status that others can watch.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crossbeam_channel::Receiver;
use smartcity_dataflow::Time;

use crate::source::{Batch, Outlet, Source, SourceError};

/// Batches that wait between a source and the pacemaker.
const WAITING_BATCHES: usize = 16;

/// Whether a source goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceState {
    /// It reads.
    Running,
    /// It has read all it has.
    Ended,
    /// It failed; what is wrong and what to do.
    Failed(String),
}

/// How a source fares. A clone shows the same source.
#[derive(Clone)]
pub struct SourceStatus {
    name: Arc<str>,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<SourceState>,
    rows: AtomicU64,
    /// The tick of its last rows, once all were dealt; `Time::MAX` before.
    last_tick: AtomicU64,
}

impl SourceStatus {
    fn new(name: &str) -> Self {
        let state = Mutex::new(SourceState::Running);
        let shared = Shared { state, rows: AtomicU64::new(0), last_tick: AtomicU64::new(Time::MAX) };
        Self { name: name.into(), shared: Arc::new(shared) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it goes on.
    pub fn state(&self) -> SourceState {
        self.shared.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Messages the engine has taken from it so far.
    pub fn rows(&self) -> u64 {
        self.shared.rows.load(Ordering::Relaxed)
    }

    /// The tick of its last rows, once it has ended and they were dealt.
    pub(super) fn last_tick(&self) -> Option<Time> {
        Some(self.shared.last_tick.load(Ordering::Acquire)).filter(|&tick| tick != Time::MAX)
    }

    fn set(&self, state: SourceState) {
        *self.shared.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = state;
    }
}

impl fmt::Debug for SourceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("SourceStatus");
        shown.field("name", &self.name).field("state", &self.state()).field("rows", &self.rows()).finish()
    }
}

/// The pacemaker's end of a source.
pub(super) struct Tap {
    pub(super) batches: Receiver<Batch>,
    pub(super) status: SourceStatus,
}

impl Tap {
    /// Starts `source` on a thread of its own.
    pub(super) fn open(source: Box<dyn Source>) -> io::Result<Self> {
        let (outlet, batches) = Outlet::bounded(WAITING_BATCHES);
        let status = SourceStatus::new(source.name());
        let theirs = status.clone();
        thread::Builder::new().name(format!("source {}", status.name())).spawn(move || {
            let state = match source.run(outlet) {
                Ok(()) | Err(SourceError::Closed) => SourceState::Ended,
                Err(error) => {
                    tracing::error!(source = theirs.name(), error = &error as &dyn std::error::Error, "source failed");
                    SourceState::Failed(error.to_string())
                }
            };
            theirs.set(state);
        })?;
        Ok(Self { batches, status })
    }

    /// Counts the rows of a batch taken from it.
    pub(super) fn count(&self, batch: &Batch) {
        self.status.shared.rows.fetch_add(batch.len() as u64, Ordering::Relaxed);
    }
}

impl SourceStatus {
    /// Notes that the source has ended and its last rows were dealt at or before `tick`.
    pub(super) fn dealt(&self, tick: Time) {
        self.shared.last_tick.store(tick, Ordering::Release);
    }
}
