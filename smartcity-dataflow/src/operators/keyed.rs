//! The kernel of the stateful stages: a state for each key, changed once a tick, in order.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use differential_dataflow::consolidation::consolidate;
use differential_dataflow::{AsCollection, ExchangeData, Hashable};
use rustc_hash::FxHashMap;
use timely::ContainerBuilder;
use timely::container::{CapacityContainerBuilder, PushInto};
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::{Operator, OutputBuilderSession};
use timely::dataflow::operators::vec::Broadcast;
use timely::dataflow::operators::{Capability, InputCapability};

use crate::{Diff, Rows, Time};

/// What becomes of a key's state after its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It is needed for later ticks.
    Yes,
    /// It is as good as new: drop it.
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

    /// [`Turn::changes`], by value; a second call finds none.
    pub fn take_changes(&mut self) -> Vec<(V, Diff)> {
        std::mem::take(self.changes)
    }

    /// Shows each of [`Turn::changes`] by value, with the turn to act on; a second call finds none. It allocates nothing,
    /// unlike [`Turn::take_changes`].
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
/// from `S::default()`; a turn it had asked for still comes, and finds that default.
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
                while let Some(now) = kernel.next(|time| !frontier.less_equal(time)) {
                    kernel.run(now, output, |(), (), _| {}, |key, state, turn, ()| logic(key, state, turn));
                }
            }
        })
        .as_collection()
}

/// [`keyed`], with a context that every key of every worker sees: a few rows that change rarely, such as a road network.
///
/// `context` is sent to all workers; `learn` folds each of its changes into `C`. At a tick the context's changes come first,
/// withdrawals before insertions. A change of the context alone gives no key a turn: what was computed stays as it was until
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
///             |factor: &mut i64, row, diff| *factor += row * diff as i64,
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
    mut learn: impl FnMut(&mut C, R, Diff) + 'static,
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
                    while let Some(now) = kernel.next(complete) {
                        kernel.run(now, output, &mut learn, &mut logic);
                    }
                }
            },
        )
        .as_collection()
}

/// Every key on one worker.
fn by_key<K: ExchangeData + Hash, V: ExchangeData>() -> Exchange<Update<K, V>, impl FnMut(&Update<K, V>) -> u64> {
    Exchange::new(|((key, _), _, _): &Update<K, V>| key.hashed())
}

type Update<K, V> = ((K, V), Time, Diff);

/// What waits for a tick.
struct Agenda<K, V, R> {
    /// Holds the output at the tick until it is done.
    capability: Capability<Time>,
    /// Changes as they came, all of this tick.
    changes: Vec<Vec<Update<K, V>>>,
    context: Vec<Vec<(R, Time, Diff)>>,
    wakes: Vec<K>,
}

impl<K, V, R> Agenda<K, V, R> {
    fn at(capability: Capability<Time>) -> Self {
        Self { capability, changes: Vec::new(), context: Vec::new(), wakes: Vec::new() }
    }
}

/// A key with its state, and what it has at the tick at hand.
struct Slot<K, S> {
    key: K,
    state: S,
    /// The key's last change in [`Kernel::chain`], or [`END`].
    last: u32,
    /// Whether it is listed in [`Kernel::turns`].
    is_listed: bool,
    is_woken: bool,
    /// Whether the state has never had a turn.
    is_new: bool,
}

/// The end of a chain of changes.
const END: u32 = u32::MAX;

/// States are in `slots`, found by `index`. The changes of a tick are not sorted: each goes to the slot of its key, where a
/// chain links it to the key's change before. So a change costs one look-up, and only the changes of one key are sorted.
struct Kernel<K, V, S, O, R, C> {
    agendas: BTreeMap<Time, Agenda<K, V, R>>,
    index: FxHashMap<K, u32>,
    slots: Vec<Slot<K, S>>,
    /// Slots whose key was dropped.
    free: Vec<u32>,
    context: C,
    /// The changes of the tick, and the one before of the same key.
    chain: Vec<(Option<(V, Diff)>, u32)>,
    /// The slots that have changes or were woken.
    turns: Vec<u32>,
    changes: Vec<(V, Diff)>,
    output: Vec<(O, Diff)>,
    wakes: Vec<Time>,
}

impl<K, V, S, O, R, C> Kernel<K, V, S, O, R, C>
where
    K: ExchangeData + Hash,
    V: ExchangeData,
    S: Default,
    O: differential_dataflow::Data,
    R: ExchangeData,
    C: Default,
{
    fn new() -> Self {
        Self {
            agendas: BTreeMap::new(),
            index: FxHashMap::default(),
            slots: Vec::new(),
            free: Vec::new(),
            context: C::default(),
            chain: Vec::new(),
            turns: Vec::new(),
            changes: Vec::new(),
            output: Vec::new(),
            wakes: Vec::new(),
        }
    }

    /// Puts a batch of changes on the agendas of their ticks; a batch of one tick goes whole.
    fn note<D>(
        &mut self,
        capability: &InputCapability<Time>,
        batch: &mut Vec<(D, Time, Diff)>,
        list: impl Fn(&mut Agenda<K, V, R>) -> &mut Vec<Vec<(D, Time, Diff)>>,
    ) {
        let Some(&(_, first, _)) = batch.first() else { return };
        let mut of_tick = |time, updates| {
            let agenda = self.agendas.entry(time).or_insert_with(|| Agenda::at(capability.delayed(&time, 0)));
            list(agenda).push(updates);
        };
        if batch.iter().all(|&(_, time, _)| time == first) {
            return of_tick(first, std::mem::take(batch));
        }
        let mut updates = batch.drain(..).peekable();
        while let Some(&(_, time, _)) = updates.peek() {
            of_tick(time, std::iter::from_fn(|| updates.next_if(|&(_, next, _)| next == time)).collect());
        }
    }

    /// The next tick that is complete and has an agenda.
    fn next(&self, complete: impl Fn(&Time) -> bool) -> Option<Time> {
        self.agendas.first_key_value().map(|(&time, _)| time).filter(complete)
    }

    fn run<B>(
        &mut self,
        now: Time,
        output: &mut OutputBuilderSession<'_, Time, B>,
        mut learn: impl FnMut(&mut C, R, Diff),
        mut logic: impl FnMut(&K, &mut S, &mut Turn<'_, V, O>, &C) -> Keep,
    ) where
        B: ContainerBuilder<Container = Vec<(O, Time, Diff)>> + PushInto<(O, Time, Diff)>,
    {
        let Some(Agenda { capability, changes, context, wakes }) = self.agendas.remove(&now) else {
            return;
        };
        let mut context: Vec<_> = context.into_iter().flatten().map(|(row, _, diff)| (row, diff)).collect();
        consolidate(&mut context);
        context.sort_by_key(|&(_, diff)| diff > 0); // stable: withdrawals first, so that a key's new row replaces its old
        for (row, diff) in context {
            learn(&mut self.context, row, diff);
        }
        for ((key, row), _, diff) in changes.into_iter().flatten() {
            let link = self.chain.len() as u32;
            let before = std::mem::replace(&mut self.slot(key).last, link);
            self.chain.push((Some((row, diff)), before));
        }
        for key in wakes {
            self.slot(key).is_woken = true;
        }
        for at in std::mem::take(&mut self.turns) {
            self.turn(at, now, &capability, &mut logic);
        }
        self.chain.clear();
        output
            .session_with_builder(&capability)
            .give_iterator(self.output.drain(..).map(|(row, diff)| (row, now, diff)));
    }

    /// The slot of `key`, listed for a turn.
    fn slot(&mut self, key: K) -> &mut Slot<K, S> {
        let at = match self.index.entry(key) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => {
                let key = unknown.key().clone();
                let new = Slot { key, state: S::default(), last: END, is_listed: false, is_woken: false, is_new: true };
                let at = if let Some(at) = self.free.pop() {
                    self.slots[at as usize] = new;
                    at
                } else {
                    self.slots.push(new);
                    self.slots.len() as u32 - 1
                };
                *unknown.insert(at)
            }
        };
        let slot = &mut self.slots[at as usize];
        if !std::mem::replace(&mut slot.is_listed, true) {
            self.turns.push(at);
        }
        slot
    }

    /// Gives a key its turn, if anything is left of its changes or it was woken.
    fn turn(
        &mut self,
        at: u32,
        now: Time,
        capability: &Capability<Time>,
        mut logic: impl FnMut(&K, &mut S, &mut Turn<'_, V, O>, &C) -> Keep,
    ) {
        let slot = &mut self.slots[at as usize];
        self.changes.clear();
        let mut link = std::mem::replace(&mut slot.last, END);
        while link != END {
            let (change, before) = &mut self.chain[link as usize];
            self.changes.extend(change.take());
            link = *before;
        }
        consolidate(&mut self.changes);
        slot.is_listed = false;
        let is_woken = std::mem::take(&mut slot.is_woken);
        let keep = if self.changes.is_empty() && !is_woken {
            if slot.is_new { Keep::No } else { Keep::Yes }
        } else {
            slot.is_new = false;
            let (changes, output, wakes) = (&mut self.changes, &mut self.output, &mut self.wakes);
            let mut turn = Turn { now, changes, output, wakes };
            logic(&slot.key, &mut slot.state, &mut turn, &self.context)
        };
        for at in self.wakes.drain(..) {
            let agenda = self.agendas.entry(at).or_insert_with(|| Agenda::at(capability.delayed(&at)));
            agenda.wakes.push(slot.key.clone());
        }
        if keep == Keep::No {
            slot.state = S::default();
            self.index.remove(&slot.key);
            self.free.push(at);
        }
    }
}

#[cfg(test)]
mod tests;
