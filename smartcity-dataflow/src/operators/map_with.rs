//! Rows in the light of a few others.

use std::collections::BTreeMap;

use differential_dataflow::consolidation::consolidate;
use differential_dataflow::{AsCollection, Data, ExchangeData};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::vec::Broadcast;
use timely::dataflow::operators::{Capability, InputCapability};

use crate::{Diff, Rows, Time};

/// What is each row in the light of the context? Every row becomes the rows that `logic` makes of it, given the context as
/// it is at the row's tick; the context's changes of that tick included.
///
/// `map_with(rows, factors, |product, factor, diff, _| ..., |row, product| Some(row * product))`:
///
/// | time | rows | context | output |
/// |-----:|------|---------|--------|
/// |    0 | +1   | +2      | +2     |
/// |    1 | +5   |         | +10    |
/// |    2 | +1   | +3      | +6     |
///
/// The context goes to every worker (it is small), the rows stay where they are. A change of the context does not touch rows
/// that went before. So a row that may be withdrawn must give the same result then as it did before: `logic` has to depend
/// on the row, and on the context *as of a time that the row tells* (see [`AsOf`]).
pub fn map_with<'s, D, R, C, I>(
    rows: Rows<'s, D>,
    context: Rows<'s, R>,
    name: &str,
    mut learn: impl FnMut(&mut C, Time, Vec<(R, Diff)>) + 'static,
    mut logic: impl FnMut(D, &C) -> I + 'static,
) -> Rows<'s, I::Item>
where
    D: Data,
    R: ExchangeData,
    C: Default + 'static,
    I: IntoIterator<Item: Data>,
{
    rows.inner
        .binary_frontier::<_, CapacityContainerBuilder<_>, _, _, _, _>(
            context.inner.broadcast(),
            Pipeline,
            Pipeline,
            name,
            move |_, _| {
                let mut waiting = Waiting::<D>::new();
                let mut lessons = Waiting::<R>::new();
                let mut known = C::default();
                move |(rows, rows_frontier), (context, context_frontier), output| {
                    rows.for_each(|capability, batch| note(&mut waiting, &capability, batch));
                    context.for_each(|capability, batch| note(&mut lessons, &capability, batch));
                    loop {
                        let next = [
                            &waiting.first_key_value().map(|(&time, _)| time),
                            &lessons.first_key_value().map(|(&time, _)| time),
                        ]
                        .into_iter()
                        .flatten()
                        .min()
                        .copied();
                        let Some(now) = next else { break };
                        if rows_frontier.less_equal(&now) || context_frontier.less_equal(&now) {
                            break;
                        }
                        if let Some((_, mut changes)) = lessons.remove(&now) {
                            consolidate(&mut changes);
                            learn(&mut known, now, changes);
                        }
                        if let Some((capability, changes)) = waiting.remove(&now) {
                            let mut session = output.session(&capability);
                            for (row, diff) in changes {
                                session.give_iterator(logic(row, &known).into_iter().map(|made| (made, now, diff)));
                            }
                        }
                    }
                }
            },
        )
        .as_collection()
}

/// Changes that wait for their tick to be complete.
type Waiting<D> = BTreeMap<Time, (Capability<Time>, Vec<(D, Diff)>)>;

fn note<D>(waiting: &mut Waiting<D>, capability: &InputCapability<Time>, batch: &mut Vec<(D, Time, Diff)>) {
    let mut updates = batch.drain(..).peekable();
    while let Some(&(_, time, _)) = updates.peek() {
        let (_, list) = waiting.entry(time).or_insert_with(|| (capability.delayed(&time, 0), Vec::new()));
        while let Some((row, _, diff)) = updates.next_if(|&(_, next, _)| next == time) {
            list.push((row, diff));
        }
    }
}

/// A value that changes rarely, with its past: what was it at a time?
#[derive(Clone, Debug)]
pub struct AsOf<T> {
    /// Ascending by the tick from which a version holds; never empty.
    versions: Vec<(Time, T)>,
}

impl<T: Default> Default for AsOf<T> {
    fn default() -> Self {
        Self { versions: vec![(0, T::default())] }
    }
}

impl<T: Clone> AsOf<T> {
    /// The value at tick `time`: the oldest that is still kept for a time before it.
    pub fn at(&self, time: Time) -> &T {
        let later = self.versions.partition_point(|(since, _)| *since <= time);
        &self.versions[later.saturating_sub(1)].1
    }

    /// Changes the value from tick `now` on, and forgets what held only before `forget`.
    pub fn change(&mut self, now: Time, forget: Time, change: impl FnOnce(&mut T)) {
        let mut value = self.versions[self.versions.len() - 1].1.clone();
        change(&mut value);
        self.versions.push((now, value));
        let kept = self.versions.partition_point(|(since, _)| *since <= forget).saturating_sub(1);
        self.versions.drain(..kept);
    }
}
