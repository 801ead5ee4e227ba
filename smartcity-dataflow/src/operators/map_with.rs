//! Rows in the light of a few others.

use differential_dataflow::consolidation::consolidate;
use differential_dataflow::{AsCollection, Data, ExchangeData};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::vec::Broadcast;

use super::Stash;
use crate::{Diff, Rows, Time};

/// What is each row in the light of the context? Every row becomes the rows that `logic` makes of it, given the context as
/// it is at the row's tick; the context's changes of that tick included.
///
/// With a context of factors, and a logic that multiplies by their sum:
///
/// | time | rows | context | output |
/// |-----:|------|---------|--------|
/// |    0 | +1   | +2      | +2     |
/// |    1 | +5   |         | +10    |
/// |    2 | +1   | +3      | +5     |
///
/// `learn` gets the tick and all the context's changes of it at once, each row once, withdrawals before insertions. The context
/// goes to every worker (it is small), the rows stay where they are. A change of the context does not touch rows that went before. So a row
/// that may be withdrawn must give the same result then as it did before: `logic` has to depend on the row, and on the context
/// *as of a time that the row tells* (see [`AsOf`]).
///
/// ```
/// # use smartcity_dataflow::{operators::map_with, testing::{at, trace}};
/// let scaled = trace(
///     &[at(0, (1, 2)), at(1, (5, 0)), at(2, (1, 3))],
///     |input| {
///         let (rows, factors) = (input.clone().map(|(row, _)| row), input.map(|(_, factor)| factor));
///         let learn = |sum: &mut isize, _, changes: Vec<_>| *sum += changes.iter().map(|(factor, n)| factor * n).sum::<isize>();
///         map_with(rows, factors, "Scaled", learn, |row, sum| Some(row * sum))
///     },
///     5,
/// );
/// assert_eq!(scaled, [(0, 2, 1), (1, 10, 1), (2, 5, 1)]);
/// ```
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
                let mut waiting = Stash::<Waiting<D, R>>::new();
                let mut known = C::default();
                move |(rows, rows_frontier), (context, context_frontier), output| {
                    rows.for_each(|capability, batch| {
                        let permit = |time| capability.delayed(&time, 0);
                        waiting.sort(batch.drain(..), permit, |tick, row, diff| tick.rows.push((row, diff)));
                    });
                    context.for_each(|capability, batch| {
                        let permit = |time| capability.delayed(&time, 0);
                        waiting.sort(batch.drain(..), permit, |tick, row, diff| tick.context.push((row, diff)));
                    });
                    let complete = |time: &Time| !rows_frontier.less_equal(time) && !context_frontier.less_equal(time);
                    while let Some((now, capability, tick)) = waiting.next(complete) {
                        if let Some(changes) = lesson(tick.context) {
                            learn(&mut known, now, changes);
                        }
                        let mut session = output.session(&capability);
                        for (row, diff) in tick.rows {
                            session.give_iterator(logic(row, &known).into_iter().map(|made| (made, now, diff)));
                        }
                    }
                }
            },
        )
        .as_collection()
}

/// Changes that wait for their tick to be complete.
struct Waiting<D, R> {
    rows: Vec<(D, Diff)>,
    context: Vec<(R, Diff)>,
}

impl<D, R> Default for Waiting<D, R> {
    fn default() -> Self {
        Self { rows: Vec::new(), context: Vec::new() }
    }
}

/// What is to be learnt of a context's changes at a tick: each row once, withdrawals first, so that a new row replaces the old
/// one of its key. `None` where nothing changed.
pub(super) fn lesson<R: Ord>(mut changes: Vec<(R, Diff)>) -> Option<Vec<(R, Diff)>> {
    consolidate(&mut changes);
    changes.sort_by_key(|&(_, diff)| diff > 0); // stable
    (!changes.is_empty()).then_some(changes)
}

/// A value that changes rarely, with its past: what was it at a time?
///
/// ```
/// use smartcity_dataflow::operators::AsOf;
/// let mut limit = AsOf::<i64>::default();
/// limit.change(10, 0, |limit| *limit = 50);
/// limit.change(20, 0, |limit| *limit = 30);
/// assert_eq!([9, 10, 19, 20].map(|time| *limit.at(time)), [0, 50, 50, 30]);
/// ```
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
    /// The value at tick `time`: the default before the first change, the oldest that is still kept for a time before that.
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

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, table, trace};

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    enum Input {
        /// A value, and the tick at which it came.
        Value(isize, Time),
        Factor(isize),
    }
    use Input::{Factor, Value};

    /// Every value times the sum of the factors at the tick at which the value came.
    fn build<'s>(input: Rows<'s, Input>) -> Rows<'s, isize> {
        let values =
            input.clone().flat_map(|row| if let Value(value, arrived) = row { Some((value, arrived)) } else { None });
        let factors = input.flat_map(|row| if let Factor(factor) = row { Some(factor) } else { None });
        let factors = factors.consolidate(); // holds them until their tick is complete: the values are there before them
        let learn = |sums: &mut AsOf<isize>, now: Time, changes: Vec<(isize, Diff)>| {
            sums.change(now, now.saturating_sub(50), |sum| *sum += changes.iter().map(|(f, n)| f * n).sum::<isize>());
        };
        map_with(values, factors, "Scaled", learn, |(value, arrived), sums| Some(value * sums.at(arrived)))
    }

    fn naive(seen: &[Update<Input>], _: Time) -> Vec<isize> {
        let factor_at = |arrived| {
            let factors = seen.iter().filter(|(_, time, _)| *time <= arrived);
            factors.map(|(row, _, n)| if let Factor(factor) = row { factor * n } else { 0 }).sum::<isize>()
        };
        let mut rows = Vec::new();
        for (row, _, diff) in seen {
            if let Value(value, arrived) = row {
                rows.push((value * factor_at(*arrived), *diff));
            }
        }
        consolidate(&mut rows);
        rows.into_iter().flat_map(|(row, copies)| (0..copies).map(move |_| row)).collect()
    }

    #[test]
    fn a_row_meets_the_context_of_its_tick_and_is_withdrawn_as_it_came() {
        let output = trace(
            &[at(0, Value(1, 0)), at(0, Factor(2)), at(1, Value(5, 1)), at(2, Factor(3)), gone(3, Value(5, 1))],
            build,
            5,
        );
        expect![[r#"
            0 +1 2
            1 +1 10
            3 -1 10
        "#]]
        .assert_eq(&table(&output));
    }

    fn inputs() -> impl Strategy<Value = Vec<Update<Input>>> {
        let value = (1..5isize, 0..40u64, prop::option::weighted(0.4, 0..40u64)).prop_map(|(value, arrived, after)| {
            let row = Value(value, arrived);
            let withdrawn = after.map(|after| gone(arrived + after, row.clone()));
            [Some(at(arrived, row)), withdrawn].into_iter().flatten().collect::<Vec<_>>()
        });
        let factor = (1..4isize, 0..40u64).prop_map(|(factor, time)| vec![at(time, Factor(factor))]);
        prop::collection::vec(prop_oneof![2 => value, 1 => factor], 0..24).prop_map(|updates| updates.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn every_row_meets_the_context_as_of_its_own_tick(updates in inputs()) {
            assert_oracle(&updates, 80, build, naive);
        }
    }

    #[test]
    fn neither_order_nor_workers_show() {
        let values = (0..40).map(|i| at(i / 4, Value(i as isize % 7, i / 4)));
        let withdrawn = (0..40).step_by(3).map(|i| gone(i / 4 + 5, Value(i as isize % 7, i / 4)));
        let factors = (0..6).map(|i| at(2 * i, Factor(i as isize)));
        let updates: Vec<_> = values.chain(withdrawn).chain(factors).collect();
        assert_invariant(&updates, 20, build);
    }

    #[test]
    fn only_what_held_before_the_time_to_forget_is_forgotten() {
        let mut value = AsOf::<u64>::default();
        for now in [10, 20, 30] {
            value.change(now, 25, |value| *value = now);
        }
        assert_eq!([0, 19, 20, 25, 29, 30, 99].map(|time| *value.at(time)), [20, 20, 20, 20, 20, 30, 30]);
    }
}
