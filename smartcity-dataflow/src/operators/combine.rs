//! Rows of a tick taken together on each worker, before they travel.

use differential_dataflow::{AsCollection, Data};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;

use super::Stash;
use crate::{Diff, Rows};

/// What do the rows of each tick come to on the worker that has them? Put it before an exchange where many rows go to few
/// keys: then what travels, and what the worker of a hot key does, is one row a worker and tick instead of each message.
///
/// `add` folds the rows of a tick into a state that starts empty at every tick, and `finish` makes rows of it once the tick
/// is complete. With the sum of the rows of each key:
///
/// | time | rows                     | output            |
/// |-----:|--------------------------|-------------------|
/// |    0 | +(a, 1) +(a, 2) +(b, 5)  | +(a, 3) +(b, 5)   |
/// |    1 | +(a, 4)                  | +(a, 4)           |
///
/// The output differs with the number of workers, so what follows must take parts together: a sum of sums, the greatest of
/// the greatest. Mind that two workers' equal parts are one row twice.
///
/// ```
/// # use std::collections::BTreeMap;
/// # use smartcity_dataflow::{operators::combine, testing::{at, trace}};
/// let sums = trace(
///     &[at(0, ('a', 1)), at(0, ('a', 2)), at(0, ('b', 5)), at(1, ('a', 4))],
///     |rows| {
///         let add = |sums: &mut BTreeMap<_, _>, (key, amount), diff| *sums.entry(key).or_default() += amount * diff;
///         combine(rows, "Sums", add, |sums| sums.into_iter().map(|sum| (sum, 1)))
///     },
///     5,
/// );
/// assert_eq!(sums, [(0, ('a', 3), 1), (0, ('b', 5), 1), (1, ('a', 4), 1)]);
/// ```
pub fn combine<'s, D, S, O, I>(
    rows: Rows<'s, D>,
    name: &str,
    mut add: impl FnMut(&mut S, D, Diff) + 'static,
    finish: impl Fn(S) -> I + 'static,
) -> Rows<'s, O>
where
    D: Data,
    S: Default + 'static,
    O: Data,
    I: IntoIterator<Item = (O, Diff)>,
{
    rows.inner
        .unary_frontier::<CapacityContainerBuilder<_>, _, _, _>(Pipeline, name, move |_, _| {
            let mut ticks = Stash::<S>::new();
            move |(input, frontier), output| {
                input.for_each(|capability, batch| {
                    ticks.sort(batch.drain(..), |time| capability.delayed(&time, 0), &mut add);
                });
                while let Some((time, capability, state)) = ticks.next(|tick| !frontier.less_equal(tick)) {
                    let rows = finish(state).into_iter().map(|(row, diff)| (row, time, diff));
                    output.session(&capability).give_iterator(rows);
                }
            }
        })
        .as_collection()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;
    use crate::Time;
    use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, table, trace, trace_on, updates};

    /// Sum of the amounts of each key and tick; a sum of zero gives no row.
    fn sums<'s>(rows: Rows<'s, (char, isize)>) -> Rows<'s, (char, isize)> {
        let add = |sums: &mut BTreeMap<_, _>, (key, amount), diff| *sums.entry(key).or_default() += amount * diff;
        combine(rows, "Sums", add, |sums| sums.into_iter().filter(|(_, sum)| *sum != 0).map(|sum| (sum, 1)))
    }

    /// The parts of all workers taken together.
    fn totals<'s>(rows: Rows<'s, (char, isize)>) -> Rows<'s, char> {
        sums(rows).explode(|(key, sum)| Some((key, sum)))
    }

    fn check(updates: &[Update<(char, isize)>], expected: Expect) {
        expected.assert_eq(&table(&trace(updates, sums, 9)));
    }

    #[test]
    fn each_tick_adds_up_by_itself() {
        check(
            &[at(0, ('a', 1)), at(0, ('a', 2)), at(0, ('b', 5)), at(1, ('a', 4))],
            expect![[r#"
                0 +1 ('a', 3)
                0 +1 ('b', 5)
                1 +1 ('a', 4)
            "#]],
        );
    }

    #[test]
    fn a_withdrawal_counts_against_its_own_tick() {
        check(
            &[at(0, ('a', 1)), gone(2, ('a', 1)), at(3, ('b', 1)), gone(3, ('b', 1))],
            expect![[r#"
                0 +1 ('a', 1)
                2 +1 ('a', -1)
            "#]],
        );
    }

    #[test]
    fn a_tick_gives_one_row_a_worker_however_many_came() {
        let flood: Vec<_> = (0..3_000).map(|i| at(i / 1_000, ('a', 1))).collect();
        let parts = trace_on(3, &flood, |rows| sums(rows).map(|_| ()), 9);
        assert_eq!(parts, [(0, (), 3), (1, (), 3), (2, (), 3)]);
    }

    #[test]
    fn a_tick_that_comes_piece_by_piece_still_gives_one_row() {
        use timely::dataflow::operators::Exchange;
        let pieces: Vec<_> = (0..9).map(|i| at(i / 3, ('a', 1))).collect();
        let sums = trace_on(3, &pieces, |rows| sums(rows.inner.exchange(|_| 0).as_collection()), 9);
        assert_eq!(sums, [(0, ('a', 3), 1), (1, ('a', 3), 1), (2, ('a', 3), 1)]);
    }

    fn naive(updates: &[Update<(char, isize)>], _: Time) -> Vec<(char, isize)> {
        let mut sums = BTreeMap::new();
        for &((key, amount), _, diff) in updates {
            *sums.entry(key).or_default() += amount * diff;
        }
        sums.into_iter().filter(|(_, sum)| *sum != 0).collect()
    }

    fn rows() -> impl Strategy<Value = Vec<Update<(char, isize)>>> {
        updates((prop::char::range('a', 'c'), 1..4isize), 6)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn parts_add_up_to_the_whole(updates in rows()) {
            assert_oracle(&updates, 25, |rows| totals(rows).count(), naive);
        }

        #[test]
        fn the_whole_is_the_same_on_any_workers(updates in rows()) {
            assert_invariant(&updates, 25, totals);
        }
    }
}
