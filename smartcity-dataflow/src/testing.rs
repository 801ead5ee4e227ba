//! What tests of operators and capabilities share: golden traces, oracles, and runs on several workers out of step.
//!
//! A test makes a list of [`Update`]s ([`at`], [`gone`], or [`updates`] for proptest), and checks what an operator makes of
//! it: [`trace`] with [`table`] for a golden text, [`assert_oracle`] against a naive batch function at every millisecond,
//! [`assert_invariant`] over batches, orders and workers.

mod filled;
mod outside;
mod run;

use std::fmt::{Debug, Write};

use differential_dataflow::ExchangeData;
use differential_dataflow::consolidation::consolidate;
use proptest::prelude::*;

pub use self::filled::FilledViews;
pub use self::outside::{recorded, skip};
use self::run::{Pace, run};
use crate::model::{Id, Kind, Millis, Name, Names, Namespace, Origin, Placed, Reading};
use crate::{Diff, Rows, Time};

/// The id that `word` stands for in a test, whatever sort of thing it names.
pub fn id(word: &str) -> Id {
    Id::new(Namespace::Text, word)
}

/// A dictionary in whose scope the ids of `words` read as the words.
pub fn names(words: &[&str]) -> Names {
    words.iter().map(|word| Name::new(Namespace::Text, word)).collect()
}

/// What `device` said of the time `event`, learnt at tick `arrived`; at no place yet.
pub fn said<B>(device: &str, event: i64, arrived: Time, body: B) -> Placed<B> {
    let reading = Reading {
        time: Millis(event),
        origin: Origin { source: id("test"), partition: 0, offset: arrived },
        kind: Kind::Sensor,
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
    run(1, Pace::Lockstep, updates, build, through)
}

/// [`trace`] on several workers, each with its share of the updates, and out of step: the latest rows of the last worker
/// come before the earliest of the first.
pub fn trace_on<I: ExchangeData + Sync, O: ExchangeData>(
    workers: usize,
    updates: &[Update<I>],
    build: impl for<'s> Fn(Rows<'s, I>) -> Rows<'s, O> + Send + Sync + 'static,
    through: Time,
) -> Vec<Traced<O>> {
    run(workers, Pace::OneByOne, updates, build, through)
}

/// A trace as text: one `time diff row` a line.
pub fn table<O: Debug>(trace: &[Traced<O>]) -> String {
    trace.iter().fold(String::new(), |mut text, (time, row, diff)| {
        let _ = writeln!(text, "{time} {diff:+} {row:?}");
        text
    })
}

/// Asserts that at every time the accumulated output is `naive` of the updates so far, where `naive` sees those updates
/// (ascending by time) and the time. [`present`] gives the rows they leave.
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
    let mut updates = updates.to_vec();
    updates.sort_by_key(|&(_, time, _)| time);
    for now in 0..=through {
        let seen = updates.partition_point(|&(_, time, _)| time <= now);
        let mut expected: Vec<_> = naive(&updates[..seen], now).into_iter().map(|row| (row, 1)).collect();
        let mut actual: Vec<_> =
            output.iter().filter(|(time, _, _)| *time <= now).map(|(_, row, diff)| (row.clone(), *diff)).collect();
        consolidate(&mut expected);
        consolidate(&mut actual);
        assert_eq!(actual, expected, "at time {now}; left is the operator, right the naive function");
    }
}

/// The rows present after `updates`, each once, ascending.
pub fn present<I: Ord + Clone>(updates: &[Update<I>]) -> Vec<I> {
    let mut rows: Vec<_> = updates.iter().map(|(row, _, diff)| (row.clone(), *diff)).collect();
    consolidate(&mut rows);
    rows.into_iter().filter(|(_, diff)| *diff > 0).map(|(row, _)| row).collect()
}

/// The rows present after `updates`, each as often as it is there, ascending.
pub fn present_copies<I: Ord + Clone>(updates: &[Update<I>]) -> Vec<I> {
    let mut rows: Vec<_> = updates.iter().map(|(row, _, diff)| (row.clone(), *diff)).collect();
    consolidate(&mut rows);
    rows.into_iter().flat_map(|(row, copies)| std::iter::repeat_n(row, usize::try_from(copies).unwrap_or(0))).collect()
}

/// Asserts that one trace comes of the updates whatever their order inside a tick, however they are batched, and on 1, 2 or
/// 3 workers in step and out of step.
///
/// # Panics
///
/// Where it does not, with both traces.
pub fn assert_invariant<I: ExchangeData + Sync, O: ExchangeData>(
    updates: &[Update<I>],
    through: Time,
    build: impl for<'s> Fn(Rows<'s, I>) -> Rows<'s, O> + Send + Sync + Clone + 'static,
) {
    let expected = trace(updates, build.clone(), through);
    let reversed: Vec<_> = updates.iter().rev().cloned().collect();
    let (odd, even): (Vec<_>, Vec<_>) = updates.iter().cloned().enumerate().partition(|(i, _)| i % 2 == 1);
    let dealt: Vec<_> = odd.into_iter().chain(even).map(|(_, update)| update).collect();
    let runs = [(1, Pace::OneByOne), (2, Pace::OneByOne), (3, Pace::OneByOne), (2, Pace::Lockstep), (3, Pace::Free)];
    for (workers, pace) in runs {
        for (order, updates) in [("reversed", &reversed), ("dealt", &dealt)] {
            let actual = run(workers, pace, updates, build.clone(), through);
            assert_eq!(actual, expected, "left is {workers} workers, {pace:?}, updates {order}; right is one worker");
        }
    }
}

/// Insertions of rows at times below `until`, and what a feed does with them: a row may be withdrawn, come again after its
/// withdrawal, or come twice. No row is ever withdrawn more often than it came. The last time is below `4 * until`.
pub fn updates<D: Clone + Debug>(row: impl Strategy<Value = D>, until: Time) -> impl Strategy<Value = Vec<Update<D>>> {
    let gaps = prop_oneof![5 => Just(0), 2 => Just(1), 2 => Just(2), 1 => Just(3)]
        .prop_flat_map(move |changes| prop::collection::vec(0..until, changes));
    let one = (row, 0..until, gaps, prop::option::weighted(0.15, 0..until));
    prop::collection::vec(one, 0..24).prop_map(|rows| {
        let mut updates = Vec::new();
        for (row, mut time, gaps, twin) in rows {
            updates.extend(twin.map(|twin| at(twin, row.clone())));
            updates.push(at(time, row.clone()));
            for (i, gap) in gaps.into_iter().enumerate() {
                time += gap;
                updates.push((row.clone(), time, if i % 2 == 0 { -1 } else { 1 }));
            }
        }
        updates
    })
}

/// Insertions of rows at times below `until`, some of them twice.
pub fn insertions<D: Clone + Debug>(
    row: impl Strategy<Value = D>,
    until: Time,
) -> impl Strategy<Value = Vec<Update<D>>> {
    let one = (row, 0..until, prop::option::weighted(0.15, 0..until));
    prop::collection::vec(one, 0..24).prop_map(|rows| {
        rows.into_iter()
            .flat_map(|(row, time, twin)| [Some(at(time, row.clone())), twin.map(|twin| at(twin, row))])
            .flatten()
            .collect()
    })
}

#[cfg(test)]
mod tests;
