//! The kernel of the stateful stages: a state for each key, changed once a tick, in order.

mod kernel;
mod states;

use std::hash::Hash;

use differential_dataflow::{AsCollection, ExchangeData, Hashable};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::vec::Broadcast;

use self::kernel::{Kernel, Update};
use crate::{Diff, Rows, Time};

/// What becomes of a key's state after its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It is needed for later ticks.
    Yes,
    /// It is as good as new: drop it, and the turns that the key has asked for.
    No,
}

/// A key's turn at one tick: what changed, and what follows from it.
#[derive(Debug)]
pub struct Turn<'a, V, O> {
    now: Time,
    changes: &'a mut Vec<(V, Diff)>,
    output: &'a mut Vec<(O, Diff)>,
    wakes: &'a mut Vec<Time>,
}

impl<V, O> Turn<'_, V, O> {
    /// The tick.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The key's changes at this tick: ascending, one entry a row, none with multiplicity zero. Empty when the key only
    /// asked to be woken.
    pub fn changes(&self) -> &[(V, Diff)] {
        self.changes
    }

    /// Shows each of [`Turn::changes`] by value, with the turn to act on; a second call finds none. It allocates nothing.
    pub fn for_each_change(&mut self, mut show: impl FnMut(&mut Self, V, Diff)) {
        let mut changes = std::mem::take(self.changes);
        for (row, diff) in changes.drain(..) {
            show(self, row, diff);
        }
        *self.changes = changes;
    }

    /// Adds `row` to the output `diff` times.
    pub fn emit(&mut self, row: O, diff: Diff) {
        self.output.push((row, diff));
    }

    /// Changes the key's one output row from `old` to `new`.
    pub fn replace(&mut self, old: Option<O>, new: Option<O>)
    where
        O: PartialEq,
    {
        if old != new {
            self.output.extend(old.map(|row| (row, -1)));
            self.output.extend(new.map(|row| (row, 1)));
        }
    }

    /// Asks for a turn at tick `at`, or at the next millisecond where that has passed.
    pub fn wake(&mut self, at: Time) {
        self.wakes.push(at.max(self.now + 1));
    }
}

/// Runs `logic` for every key that changed, or asked to be woken, at a tick: once, when the tick is complete.
///
/// | time | rows        | turns (key: changes) |
/// |-----:|-------------|----------------------|
/// |    0 | +(a, 1)     | a: +1                |
/// |    1 | +(a, 2), +(b, 7), -(a, 1) | a: -1 +2; b: +7 |
///
/// The input is a true collection: no row is withdrawn more often than it came. A key whose state is dropped starts again
/// from `S::default()`, and a turn that it had asked for is forgotten with it.
///
/// ```
/// # use smartcity_dataflow::{operators::{Keep, keyed}, testing::{at, trace}};
/// // A row for each key that rests: one that has not changed for three milliseconds.
/// let resting = trace(
///     &[at(0, ('a', 1)), at(2, ('a', 2)), at(2, ('b', 7))],
///     |rows| {
///         keyed(rows, "Resting", |key, changed: &mut u64, turn| {
///             if turn.changes().is_empty() && *changed + 3 == turn.now() {
///                 turn.emit(*key, 1);
///             } else if !turn.changes().is_empty() {
///                 *changed = turn.now();
///                 turn.wake(*changed + 3);
///             }
///             Keep::Yes
///         })
///     },
///     9,
/// );
/// assert_eq!(resting, [(5, 'a', 1), (5, 'b', 1)]);
/// ```
///
/// The order of turns within a tick, the worker of a key and the batching of the input do not show in the output, provided
/// that `logic` depends on nothing but its arguments.
pub fn keyed<'s, K, V, S, O>(
    rows: Rows<'s, (K, V)>,
    name: &str,
    mut logic: impl FnMut(&K, &mut S, &mut Turn<'_, V, O>) -> Keep + 'static,
) -> Rows<'s, O>
where
    K: ExchangeData + Hash,
    V: ExchangeData,
    S: Default + 'static,
    O: differential_dataflow::Data,
{
    rows.inner
        .unary_frontier::<CapacityContainerBuilder<_>, _, _, _>(by_key(), name, move |_, _| {
            let mut kernel = Kernel::<K, V, S, O, (), ()>::new();
            move |(input, frontier), output| {
                input.for_each(|capability, batch| kernel.note(&capability, batch, |agenda| &mut agenda.changes));
                let complete = |time: &Time| !frontier.less_equal(time);
                while kernel.run(complete, output, |(), _, _| {}, |key, state, turn, ()| logic(key, state, turn)) {}
            }
        })
        .as_collection()
}

/// [`keyed`], with a context that every key of every worker sees: a few rows that change rarely, such as a road network.
///
/// `context` is sent to all workers; `learn` folds it into `C`, and gets the tick and all its changes of the tick at once: each
/// row once, withdrawals before insertions, before any key has its turn. A change of the context alone gives no key a turn: what was computed stays as it was until
/// the key's next turn.
///
/// With a context of one factor, and a logic that gives the sum of the changes times the factor:
///
/// | time | rows     | context  | output   |
/// |-----:|----------|----------|----------|
/// |    0 | +(a, 1)  | +10      | +(a, 10) |
/// |    1 |          | -10 +20  |          |
/// |    2 | +(a, 2)  |          | +(a, 40) |
///
/// ```
/// # use smartcity_dataflow::{operators::{Keep, keyed_with}, testing::{at, gone, trace}};
/// // A row is either (key, value) or, of key 0, a factor.
/// let scaled = trace(
///     &[at(0, (0, 10)), at(0, (7, 1)), gone(1, (0, 10)), at(1, (0, 20)), at(2, (7, 2))],
///     |rows| {
///         let factors = rows.clone().filter(|(key, _)| *key == 0).map(|(_, factor)| factor);
///         let rows = rows.filter(|(key, _)| *key != 0);
///         keyed_with(
///             rows,
///             factors,
///             "Scaled",
///             |factor: &mut i64, _, changes| *factor += changes.iter().map(|(row, n)| row * *n as i64).sum::<i64>(),
///             |key, _: &mut (), turn, factor| {
///                 let sum: i64 = turn.changes().iter().map(|(value, diff)| value * *diff as i64).sum();
///                 turn.emit((*key, sum * factor), 1);
///                 Keep::No
///             },
///         )
///     },
///     5,
/// );
/// assert_eq!(scaled, [(0, (7, 10), 1), (2, (7, 40), 1)]);
/// ```
pub fn keyed_with<'s, K, V, S, O, R, C>(
    rows: Rows<'s, (K, V)>,
    context: Rows<'s, R>,
    name: &str,
    mut learn: impl FnMut(&mut C, Time, Vec<(R, Diff)>) + 'static,
    mut logic: impl FnMut(&K, &mut S, &mut Turn<'_, V, O>, &C) -> Keep + 'static,
) -> Rows<'s, O>
where
    K: ExchangeData + Hash,
    V: ExchangeData,
    S: Default + 'static,
    O: differential_dataflow::Data,
    R: ExchangeData,
    C: Default + 'static,
{
    rows.inner
        .binary_frontier::<_, CapacityContainerBuilder<_>, _, _, _, _>(
            context.inner.broadcast(),
            by_key(),
            Pipeline,
            name,
            move |_, _| {
                let mut kernel = Kernel::<K, V, S, O, R, C>::new();
                move |(rows, rows_frontier), (context, context_frontier), output| {
                    rows.for_each(|capability, batch| kernel.note(&capability, batch, |agenda| &mut agenda.changes));
                    context.for_each(|capability, batch| kernel.note(&capability, batch, |agenda| &mut agenda.context));
                    let complete = |time: &Time| !rows_frontier.less_equal(time) && !context_frontier.less_equal(time);
                    while kernel.run(complete, output, &mut learn, &mut logic) {}
                }
            },
        )
        .as_collection()
}

/// Every key on one worker.
fn by_key<K: ExchangeData + Hash, V: ExchangeData>() -> Exchange<Update<K, V>, impl FnMut(&Update<K, V>) -> u64> {
    Exchange::new(|((key, _), _, _): &Update<K, V>| key.hashed())
}

#[cfg(test)]
mod tests;
