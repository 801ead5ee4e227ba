//! States by key, and the turns of a tick.

use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, Hash};

use differential_dataflow::ExchangeData;
use differential_dataflow::consolidation::consolidate;
use rustc_hash::{FxBuildHasher, FxHashMap};
use timely::ContainerBuilder;
use timely::container::PushInto;
use timely::dataflow::operators::generic::OutputBuilderSession;
use timely::dataflow::operators::{Capability, InputCapability};

use super::super::map_with::lesson;
use super::super::stash::Stash;
use super::{Keep, Turn};
use crate::{Diff, Time};

/// A change of a key as it travels.
pub(super) type Update<K, V> = ((K, V), Time, Diff);

/// What waits for a tick.
pub(super) struct Agenda<K, V, R> {
    /// Changes as they came, all of this tick.
    pub(super) changes: Vec<Vec<Update<K, V>>>,
    pub(super) context: Vec<Vec<(R, Time, Diff)>>,
    wakes: Vec<K>,
}

impl<K, V, R> Default for Agenda<K, V, R> {
    fn default() -> Self {
        Self { changes: Vec::new(), context: Vec::new(), wakes: Vec::new() }
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
pub(super) struct Kernel<K, V, S, O, R, C> {
    agendas: Stash<Agenda<K, V, R>>,
    index: Index<K>,
    slots: Blocks<Slot<K, S>>,
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
    pub(super) fn new() -> Self {
        Self {
            agendas: Stash::new(),
            index: Index::new(),
            slots: Blocks::new(),
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
    pub(super) fn note<D>(
        &mut self,
        capability: &InputCapability<Time>,
        batch: &mut Vec<(D, Time, Diff)>,
        list: impl Fn(&mut Agenda<K, V, R>) -> &mut Vec<Vec<(D, Time, Diff)>>,
    ) {
        let Some(&(_, first, _)) = batch.first() else { return };
        let mut of_tick = |time, updates| {
            list(self.agendas.at(time, || capability.delayed(&time, 0))).push(updates);
        };
        if batch.iter().all(|&(_, time, _)| time == first) {
            return of_tick(first, std::mem::take(batch));
        }
        let mut updates = batch.drain(..).peekable();
        while let Some(&(_, time, _)) = updates.peek() {
            of_tick(time, std::iter::from_fn(|| updates.next_if(|&(_, next, _)| next == time)).collect());
        }
    }

    /// Goes through the agenda of the least tick, if that is complete; `false` where there is no such tick.
    pub(super) fn run<B>(
        &mut self,
        complete: impl FnOnce(&Time) -> bool,
        output: &mut OutputBuilderSession<'_, Time, B>,
        mut learn: impl FnMut(&mut C, Time, Vec<(R, Diff)>),
        mut logic: impl FnMut(&K, &mut S, &mut Turn<'_, V, O>, &C) -> Keep,
    ) -> bool
    where
        B: ContainerBuilder<Container = Vec<(O, Time, Diff)>> + PushInto<(O, Time, Diff)>,
    {
        let Some((now, capability, Agenda { changes, context, wakes })) = self.agendas.next(complete) else {
            return false;
        };
        if let Some(lesson) = lesson(context.into_iter().flatten().map(|(row, _, diff)| (row, diff)).collect()) {
            learn(&mut self.context, now, lesson);
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
        true
    }

    /// The slot of `key`, listed for a turn.
    fn slot(&mut self, key: K) -> &mut Slot<K, S> {
        let at = match self.index.part(&key).entry(key) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => {
                let key = unknown.key().clone();
                let new = Slot { key, state: S::default(), last: END, is_listed: false, is_woken: false, is_new: true };
                let at = if let Some(at) = self.free.pop() {
                    *self.slots.get(at) = new;
                    at
                } else {
                    self.slots.push(new)
                };
                *unknown.insert(at)
            }
        };
        let slot = self.slots.get(at);
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
        let slot = self.slots.get(at);
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
            self.agendas.at(at, || capability.delayed(&at)).wakes.push(slot.key.clone());
        }
        if keep == Keep::No {
            slot.state = S::default();
            self.index.part(&slot.key).remove(&slot.key);
            self.free.push(at);
        }
    }
}

/// The slot of each key, in parts that grow at different times: one map would have everything wait while it grows.
struct Index<K>(Vec<FxHashMap<K, u32>>);

impl<K: Hash> Index<K> {
    const PARTS: usize = 64;

    fn new() -> Self {
        Self((0..Self::PARTS).map(|_| FxHashMap::default()).collect())
    }

    /// The part where `key` belongs. A map goes by the lowest and the highest bits of the hash.
    fn part(&mut self, key: &K) -> &mut FxHashMap<K, u32> {
        &mut self.0[(FxBuildHasher.hash_one(key) >> 32) as usize % Self::PARTS]
    }
}

/// A list in blocks. A vector that grows moves all that it holds, and everything waits: for 130,000 readings 0.2 seconds.
struct Blocks<T>(Vec<Vec<T>>);

impl<T> Blocks<T> {
    const LENGTH: usize = 1_024;

    fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds an item, and gives its place.
    fn push(&mut self, item: T) -> u32 {
        if self.0.last().is_none_or(|block| block.len() == Self::LENGTH) {
            // Many lists stay small.
            self.0.push(Vec::with_capacity(if self.0.is_empty() { 0 } else { Self::LENGTH }));
        }
        let block = self.0.len() - 1;
        let items = &mut self.0[block];
        items.push(item);
        (block * Self::LENGTH + items.len() - 1) as u32
    }

    fn get(&mut self, at: u32) -> &mut T {
        &mut self.0[at as usize / Self::LENGTH][at as usize % Self::LENGTH]
    }
}
