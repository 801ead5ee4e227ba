//! What `/metrics` shows beside the views: facts that other parts of the program have, asked for when somebody looks.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Facts at one moment. What is counted is counted since the start and never goes down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Every source; each name once.
    pub sources: Vec<SourceFigures>,
    /// Every operator of the dataflow; each name once. None where they are not measured.
    pub operators: Vec<OperatorFigures>,
}

/// What came from a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFigures {
    /// Its name.
    pub source: Arc<str>,
    /// Messages taken from it.
    pub rows: u64,
    /// Whether it reads or has read all; not while what it reads is away, and not after it failed.
    pub is_up: bool,
    /// Its partitions whose ends are known; none of a source that has no such thing.
    pub partitions: Vec<PartitionFigures>,
}

/// How far a partition of a source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionFigures {
    /// Its topic.
    pub topic: Arc<str>,
    /// Its number in the topic.
    pub number: u32,
    /// The offset that is read next; `None` before anything was read, or where another process reads it.
    pub position: Option<u64>,
    /// The first offset that it holds: the low watermark.
    pub first: u64,
    /// The offset after the last that it holds: the high watermark.
    pub end: u64,
    /// Offsets that were gone before they were read.
    pub missing: u64,
}

/// What an operator of the dataflow has cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorFigures {
    /// Its name, with the regions it is in: `City/Tracks/Predecessor`.
    pub operator: Arc<str>,
    /// How long its turns took, without those of operators inside it.
    pub time: Duration,
    /// How often it had a turn.
    pub activations: u64,
    /// Batches that came to it.
    pub messages: u64,
    /// Records in them.
    pub records: u64,
    /// Records and batches in its arrangement, if it has one.
    pub arranged: Option<(u64, u64)>,
}

type Ask = Arc<dyn Fn() -> Figures + Send + Sync>;

/// Where `/metrics` asks for what the views do not tell. A clone is another handle on the same place.
///
/// ```
/// use smartcity_api::{Figures, Metrics, SourceFigures};
/// let metrics = Metrics::default();
/// metrics.ask(|| {
///     let replay = SourceFigures { source: "replay".into(), rows: 7, is_up: true, partitions: Vec::new() };
///     Figures { sources: vec![replay], ..Figures::default() }
/// });
/// ```
#[derive(Clone, Default)]
pub struct Metrics(Arc<Mutex<Option<Ask>>>);

impl Metrics {
    /// Asks `figures` at each request from now on, and nobody else. It must be quick and must not block.
    pub fn ask(&self, figures: impl Fn() -> Figures + Send + Sync + 'static) {
        *self.lock() = Some(Arc::new(figures));
    }

    /// The facts now; none where nobody has any.
    pub(crate) fn figures(&self) -> Figures {
        let ask = self.lock().clone();
        ask.map(|ask| ask()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Ask>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
