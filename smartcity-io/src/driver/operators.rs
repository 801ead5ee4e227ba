//! What every operator costs: time, activations and records, counted from the logs of timely and of differential.
//!
//! ```text
//!  worker 0: logs ──▶ Tally ──every 100 ms──▶ slot ─┐
//!  worker 1: logs ──▶ Tally ──every 100 ms──▶ slot ─┴─▶ OperatorMeter::figures
//! ```
//!
//! A log is written where somebody has registered for it, and then at every turn of an operator. So nothing is registered
//! unless it was asked for.

mod tally;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use differential_dataflow::logging::DifferentialEventBuilder;
use tally::Tally;
use timely::logging::TimelyEventBuilder;
use timely::worker::Worker;

/// Figures are put where others read them this often; those of a worker that comes to rest, when it next looks up.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);

/// Name of the log of turns and messages.
const TURNS: &str = "timely";

/// Name of the log of batches.
const BATCHES: &str = "differential/arrange";

/// What the operators of one name have cost since the start, on all workers of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorFigures {
    /// The names of the dataflow, of each region on the way, and its own: `City/Tracks/Predecessor`.
    pub name: Arc<str>,
    /// How many operators of a worker have this name.
    pub operators: u64,
    /// How often they had a turn.
    pub activations: u64,
    /// How long their turns took. A region's time is its own, for progress tracking, without that of what is in it: so the
    /// times of all names add up to the time the workers were busy.
    pub time: Duration,
    /// Batches of records that came to them; to a region, those that entered it.
    pub messages: u64,
    /// Records in these batches: the number that was sent, before any of them are consolidated.
    pub records: u64,
    /// What they keep in arrangements of differential dataflow; `None` where they never had one. The states of the keyed
    /// kernel are not arrangements.
    pub arranged: Option<Arranged>,
}

/// The size of arrangements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arranged {
    /// Updates in all batches.
    pub records: u64,
    /// Batches, the empty ones too.
    pub batches: u64,
}

impl OperatorFigures {
    fn new(name: Arc<str>) -> Self {
        let (time, arranged) = (Duration::ZERO, None);
        Self { name, operators: 0, activations: 0, time, messages: 0, records: 0, arranged }
    }

    /// Adds what another worker's operators of the same name have cost.
    fn add(&mut self, other: &Self) {
        self.operators = self.operators.max(other.operators);
        self.activations += other.activations;
        self.time += other.time;
        self.messages += other.messages;
        self.records += other.records;
        if let Some(Arranged { records, batches }) = other.arranged {
            let arranged = self.arranged.get_or_insert_default();
            arranged.records += records;
            arranged.batches += batches;
        }
    }
}

/// Measures the operators of the workers it is given to. A clone is another handle on the same figures, which outlive the
/// workers.
#[derive(Clone, Debug, Default)]
pub struct OperatorMeter(Arc<Mutex<Vec<Slot>>>);

/// Where one worker puts its figures for others to read.
type Slot = Arc<Mutex<Vec<OperatorFigures>>>;

impl OperatorMeter {
    /// The figures of all workers together, by name; none where nothing was measured. They may be 0.3 s old, and are
    /// exact once the workers have ended.
    pub fn figures(&self) -> Vec<OperatorFigures> {
        let mut figures: BTreeMap<Arc<str>, OperatorFigures> = BTreeMap::new();
        for slot in &*lock(&self.0) {
            for worker in &*lock(slot) {
                let all = figures
                    .entry(Arc::clone(&worker.name))
                    .or_insert_with(|| OperatorFigures::new(Arc::clone(&worker.name)));
                all.add(worker);
            }
        }
        figures.into_values().collect()
    }

    /// Measures the dataflows that `worker` builds from now on.
    pub(super) fn record(&self, worker: &Worker) -> Recording {
        let slot = Slot::default();
        lock(&self.0).push(Arc::clone(&slot));
        let scribe = Rc::new(RefCell::new(Scribe { tally: Tally::default(), slot, published: None, is_over: false }));
        let Some(mut logs) = worker.log_register() else {
            tracing::warn!("timely keeps no logs here, so no operator is measured");
            return Recording(scribe);
        };
        let mine = Rc::clone(&scribe);
        logs.insert::<TimelyEventBuilder, _>(TURNS, move |&now, events| {
            let mut scribe = mine.borrow_mut();
            for (at, event) in events.iter_mut().flat_map(|events| events.drain(..)) {
                scribe.tally.turn(at, event);
            }
            scribe.publish_in_time(now);
        });
        let mine = Rc::clone(&scribe);
        logs.insert::<DifferentialEventBuilder, _>(BATCHES, move |_, events| {
            let mut scribe = mine.borrow_mut();
            for (_, event) in events.iter_mut().flat_map(|events| events.drain(..)) {
                scribe.tally.batch(&event);
            }
        });
        drop(logs);
        Recording(scribe)
    }
}

/// Counts on one worker, and lets others see.
struct Scribe {
    tally: Tally,
    slot: Slot,
    /// When, by the clock of the logs.
    published: Option<Duration>,
    is_over: bool,
}

impl Scribe {
    fn publish_in_time(&mut self, now: Duration) {
        if self.published.is_none_or(|published| now >= published + PUBLISH_EVERY) {
            self.published = Some(now);
            self.publish();
        }
    }

    fn publish(&mut self) {
        if !self.is_over {
            let figures = self.tally.figures();
            *lock(&self.slot) = figures;
        }
    }
}

/// A worker that is measured.
pub(super) struct Recording(Rc<RefCell<Scribe>>);

impl Recording {
    /// Publishes the last figures. Called before the dataflows of the worker are dropped, for then their arrangements go.
    pub(super) fn finish(self, worker: &Worker) {
        if let Some(mut logs) = worker.log_register() {
            logs.flush();
        }
        let mut scribe = self.0.borrow_mut();
        scribe.publish();
        scribe.is_over = true;
    }
}

/// What a lock guards here is replaced whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
