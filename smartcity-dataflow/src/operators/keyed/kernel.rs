//! The turns of a tick.

use std::hash::Hash;

use differential_dataflow::ExchangeData;
use differential_dataflow::consolidation::consolidate;
use timely::ContainerBuilder;
use timely::container::PushInto;
use timely::dataflow::operators::generic::OutputBuilderSession;
use timely::dataflow::operators::{Capability, InputCapability};

use super::super::map_with::lesson;
use super::super::stash::Stash;
use super::states::States;
use super::{Keep, Turn};
use crate::{Diff, Time};

/// A change of a key as it travels.
pub(super) type Update<K, V> = ((K, V), Time, Diff);

/// What waits for a tick.
pub(super) struct Agenda<K, V, R> {
    /// Changes as they came, all of this tick.
    pub(super) changes: Vec<Vec<Update<K, V>>>,
    pub(super) context: Vec<Vec<(R, Time, Diff)>>,
    /// Places of the keys that asked for a turn, and their generations.
    wakes: Vec<(u32, u32)>,
}

impl<K, V, R> Default for Agenda<K, V, R> {
    fn default() -> Self {
        Self { changes: Vec::new(), context: Vec::new(), wakes: Vec::new() }
    }
}

/// The end of a chain of changes.
const END: u32 = u32::MAX;

/// The end of a chain of changes, of a key that was woken.
const WOKEN: u32 = u32::MAX - 1;

/// The changes of a tick are not sorted: each goes to the slot of its key, where a chain links it to the key's change before.
/// So a change costs one look-up, and only the changes of one key are sorted.
pub(super) struct Kernel<K, V, S, O, R, C> {
    agendas: Stash<Agenda<K, V, R>>,
    states: States<K, S>,
    context: C,
    /// The changes of the tick, and the one before of the same key.
    chain: Vec<(Option<(V, Diff)>, u32)>,
    /// The places of the keys that have changes or were woken, and whether they are new.
    turns: Vec<(u32, bool)>,
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
            states: States::new(),
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
        for (at, generation) in wakes {
            let slot = self.states.slot(at);
            if slot.generation == generation && slot.last == END {
                slot.last = WOKEN;
                self.turns.push((at, false));
            }
        }
        for ((key, row), _, diff) in changes.into_iter().flatten() {
            let link = self.chain.len() as u32;
            let (at, is_new) = self.states.place(key, END);
            let before = std::mem::replace(&mut self.states.slot(at).last, link);
            if before == END {
                self.turns.push((at, is_new));
            }
            self.chain.push((Some((row, diff)), before));
        }
        let mut turns = std::mem::take(&mut self.turns);
        for (at, is_new) in turns.drain(..) {
            self.turn(at, is_new, now, &capability, &mut logic);
        }
        self.turns = turns;
        self.chain.clear();
        output
            .session_with_builder(&capability)
            .give_iterator(self.output.drain(..).map(|(row, diff)| (row, now, diff)));
        true
    }

    /// Gives a key its turn, if anything is left of its changes or it was woken.
    fn turn(
        &mut self,
        at: u32,
        is_new: bool,
        now: Time,
        capability: &Capability<Time>,
        mut logic: impl FnMut(&K, &mut S, &mut Turn<'_, V, O>, &C) -> Keep,
    ) {
        let slot = self.states.slot(at);
        self.changes.clear();
        let mut link = std::mem::replace(&mut slot.last, END);
        while link < WOKEN {
            let (change, before) = &mut self.chain[link as usize];
            self.changes.extend(change.take());
            link = *before;
        }
        consolidate(&mut self.changes);
        let keep = if self.changes.is_empty() && link == END {
            if is_new { Keep::No } else { Keep::Yes }
        } else {
            let (changes, output, wakes) = (&mut self.changes, &mut self.output, &mut self.wakes);
            let mut turn = Turn { now, changes, output, wakes };
            logic(&slot.key, &mut slot.state, &mut turn, &self.context)
        };
        if keep == Keep::No {
            self.wakes.clear();
            return self.states.drop(at);
        }
        for time in self.wakes.drain(..) {
            self.agendas.at(time, || capability.delayed(&time)).wakes.push((at, slot.generation));
        }
    }
}
