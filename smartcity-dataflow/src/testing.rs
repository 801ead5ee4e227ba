//! What tests of operators and capabilities share: golden traces, oracles, and runs on several workers out of step.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use differential_dataflow::ExchangeData;
use differential_dataflow::consolidation::{consolidate, consolidate_updates};
use differential_dataflow::input::InputSession;
use proptest::prelude::*;
use timely::dataflow::ProbeHandle;

use crate::model::{Body, Id, Kind, Millis, Name, Names, Namespace, Origin, Placed, Reading};
use crate::view::{Apply, Key, Netted, Row, View, Views};
use crate::{Diff, Rows, Time};

/// A view store that a test fills by hand, for readers of views.
#[derive(Debug)]
pub struct FilledViews {
    views: Views,
    tick: Time,
    changes: BTreeMap<&'static str, Arc<dyn Apply>>,
}

impl FilledViews {
    /// An empty store of generation 1 whose clock stands still at `now`.
    pub fn new(now: Time) -> Self {
        Self { views: Views::new(1, move || now), tick: now, changes: BTreeMap::new() }
    }

    /// Changes `view` in the next tick: each key, row and +1 or -1.
    pub fn change<K: Key, V: Row>(&mut self, view: &View<K, V>, changes: impl IntoIterator<Item = (K, V, Diff)>) {
        self.changes.insert(view.name(), Arc::new(Netted(changes.into_iter().collect())));
    }

    /// Publishes the changes as one tick and gives the store.
    pub fn commit(&mut self) -> Views {
        self.tick += 1;
        let ticks = BTreeMap::from([(self.tick, std::mem::take(&mut self.changes))]);
        self.views.publish(ticks, self.tick);
        self.views.clone()
    }
}

/// The id that `word` stands for in a test, whatever sort of thing it names.
pub fn id(word: &str) -> Id {
    Id::new(Namespace::Text, word)
}

/// A dictionary in whose scope the ids of `words` read as the words.
pub fn names(words: &[&str]) -> Names {
    words.iter().map(|word| Name::new(Namespace::Text, word)).collect()
}

/// What `device` said of the time `event`, learnt at tick `arrived`; at no place yet.
pub fn said(device: &str, event: i64, arrived: Time, body: Body) -> Placed {
    let kind = match body {
        Body::Fix(_) => Kind::Gps,
        Body::Camera(_) => Kind::Traffic,
        Body::Weather(_) => Kind::Weather,
        Body::Report(_) => Kind::Emergency,
        Body::Sensor(_) | Body::Withdrawn => Kind::Sensor,
    };
    let reading = Reading {
        time: Millis(event),
        origin: Origin { source: id("test"), partition: 0, offset: arrived },
        kind,
        id: id(&format!("{device} {event} {arrived}")),
        device: id(device),
        arrived,
        place: None,
        body,
    };
    Placed { reading, segment: None, road: None, zone: None }
}

/// An update of an input: row, time, multiplicity.
pub type Update<D> = (D, Time, Diff);

/// One consolidated update of an output: time first, so that a trace reads in order.
pub type Traced<D> = (Time, D, Diff);

/// The insertion of `row` at `time`.
pub fn at<D>(time: Time, row: D) -> Update<D> {
    (row, time, 1)
}

/// The withdrawal of `row` at `time`.
pub fn gone<D>(time: Time, row: D) -> Update<D> {
    (row, time, -1)
}

/// The consolidated trace, up to and including `through`, of what `build` makes of `updates` on one worker.
pub fn trace<I: ExchangeData + Sync, O: ExchangeData>(
    updates: &[Update<I>],
    build: impl for<'s> Fn(Rows<'s, I>) -> Rows<'s, O> + Send + Sync + 'static,
    through: Time,
) -> Vec<Traced<O>> {
    trace_on(1, updates, build, through)
}

/// [`trace`] on several workers, each with its share of the updates and its own pace.
pub fn trace_on<I: ExchangeData + Sync, O: ExchangeData>(
    workers: usize,
    updates: &[Update<I>],
    build: impl for<'s> Fn(Rows<'s, I>) -> Rows<'s, O> + Send + Sync + 'static,
    through: Time,
) -> Vec<Traced<O>> {
    let mut updates: Vec<_> = updates.iter().filter(|(_, time, _)| *time <= through).cloned().collect();
    updates.sort_by_key(|&(_, time, _)| time); // stable: the order inside a tick is the caller's
    let updates = Arc::new(updates);
    let output = Arc::new(Mutex::new(Vec::new()));
    let traced = Arc::clone(&output);
    let config = if workers == 1 { timely::Config::thread() } else { timely::Config::process(workers) };
    let guards = timely::execute(config, move |worker| {
        let mut input = InputSession::<Time, I, Diff>::new();
        let probe = ProbeHandle::new();
        let traced = Arc::clone(&traced);
        worker.dataflow(|scope| {
            let output = build(input.to_collection(scope));
            let output = output.inspect_batch(move |_, batch| {
                traced.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).extend(
                    batch
                        .iter()
                        .filter(|(_, time, _)| *time <= through)
                        .map(|(row, time, diff)| (*time, row.clone(), *diff)),
                );
            });
            output.probe_with(&probe);
        });
        let (index, peers, pace) = (worker.index(), worker.peers(), worker.index() + 1);
        let mine = updates.iter().enumerate().filter(|(i, _)| i % peers == index);
        for (fed, (_, (row, time, diff))) in mine.enumerate() {
            if *input.time() < *time {
                input.advance_to(*time);
                input.flush();
            }
            input.update(row.clone(), *diff);
            if fed % pace == 0 {
                worker.step();
            }
        }
        input.advance_to(through + 1);
        input.flush();
        worker.step_while(|| probe.less_equal(&through));
    })
    .expect("timely starts in a test");
    for result in guards.join() {
        result.expect("no worker panics");
    }
    let mut trace = std::mem::take(&mut *output.lock().expect("no worker panicked"));
    let mut updates: Vec<_> = trace.drain(..).map(|(time, row, diff)| (row, time, diff)).collect();
    consolidate_updates(&mut updates);
    let mut trace: Vec<_> = updates.into_iter().map(|(row, time, diff)| (time, row, diff)).collect();
    trace.sort();
    trace
}

/// A trace as text: one `time diff row` a line.
pub fn table<O: Debug>(trace: &[Traced<O>]) -> String {
    trace.iter().fold(String::new(), |mut text, (time, row, diff)| {
        let _ = writeln!(text, "{time} {diff:+} {row:?}");
        text
    })
}

/// Asserts that at every time the accumulated output is `naive` of the accumulated input, where `naive` sees the rows that
/// are present (each with its multiplicity) and the time.
///
/// # Panics
///
/// Where it is not, with both sides.
pub fn assert_oracle<I: ExchangeData + Sync, O: ExchangeData>(
    updates: &[Update<I>],
    through: Time,
    build: impl for<'s> Fn(Rows<'s, I>) -> Rows<'s, O> + Send + Sync + 'static,
    naive: impl Fn(&[Update<I>], Time) -> Vec<O>,
) {
    let output = trace(updates, build, through);
    for now in 0..=through {
        let seen: Vec<_> = updates.iter().filter(|(_, time, _)| *time <= now).cloned().collect();
        let mut expected: Vec<_> = naive(&seen, now).into_iter().map(|row| (row, 1)).collect();
        let mut actual: Vec<_> =
            output.iter().filter(|(time, _, _)| *time <= now).map(|(_, row, diff)| (row.clone(), *diff)).collect();
        consolidate(&mut expected);
        consolidate(&mut actual);
        assert_eq!(actual, expected, "at time {now}; left is the operator, right the naive function");
    }
}

/// The rows present in `updates`: those whose multiplicities do not add up to zero.
pub fn present<I: Ord + Clone>(updates: &[Update<I>]) -> Vec<I> {
    let mut rows: Vec<_> = updates.iter().map(|(row, _, diff)| (row.clone(), *diff)).collect();
    consolidate(&mut rows);
    rows.into_iter().filter(|(_, diff)| *diff > 0).map(|(row, _)| row).collect()
}

/// Asserts that shuffling the updates of a tick, and 1, 2 or 3 workers out of step, give one and the same trace.
///
/// # Panics
///
/// Where they do not, with both traces.
pub fn assert_invariant<I: ExchangeData + Sync, O: ExchangeData>(
    updates: &[Update<I>],
    through: Time,
    build: impl for<'s> Fn(Rows<'s, I>) -> Rows<'s, O> + Send + Sync + Clone + 'static,
) {
    let expected = trace(updates, build.clone(), through);
    let reversed: Vec<_> = updates.iter().rev().cloned().collect();
    for workers in 1..=3 {
        assert_eq!(trace_on(workers, &reversed, build.clone(), through), expected, "reversed, {workers} workers");
        assert_eq!(trace_on(workers, updates, build.clone(), through), expected, "{workers} workers");
    }
}

/// Insertions of `row` at times below `until`, about a quarter of them withdrawn later.
pub fn updates<D: Clone + Debug>(row: impl Strategy<Value = D>, until: Time) -> impl Strategy<Value = Vec<Update<D>>> {
    let one = (row, 0..until, prop::option::weighted(0.25, 0..until));
    prop::collection::vec(one, 0..24).prop_map(|rows| {
        let mut updates = Vec::new();
        for (row, time, after) in rows {
            updates.push((row.clone(), time, 1));
            updates.extend(after.map(|after| (row, time + after, -1)));
        }
        updates
    })
}
