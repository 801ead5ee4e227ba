//! Sums by key, of many rows for few keys.

use std::hash::Hash;

use differential_dataflow::ExchangeData;
use rustc_hash::FxHashMap;

use super::{Aggregate, aggregate, combine};
use crate::{Rows, Time};

/// What do the rows of each key add up to? As [`aggregate`], for few keys with many rows: each worker adds up its own rows of a
/// tick first, so what travels is one sum a key, worker and tick. The sum must itself be a row that can be added.
///
/// | time | rows                     | output            |
/// |-----:|--------------------------|-------------------|
/// |    0 | +(a, 1) +(a, 2) +(b, 5)  | +(a, 3) +(b, 5)   |
/// |    1 | -(a, 1)                  | -(a, 3) +(a, 2)   |
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use smartcity_dataflow::{Diff, operators::{Aggregate, totals}, testing::{at, gone, trace}};
/// #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
/// struct Sum(isize);
/// impl Aggregate<isize> for Sum {
///     type Output = isize;
///     fn add(&mut self, row: isize, diff: Diff) { self.0 += row * diff; }
///     fn output(&self) -> Option<isize> { (self.0 != 0).then_some(self.0) }
/// }
/// impl Aggregate<Sum> for Sum {
///     type Output = isize;
///     fn add(&mut self, other: Sum, diff: Diff) { self.0 += other.0 * diff; }
///     fn output(&self) -> Option<isize> { Aggregate::<isize>::output(self) }
/// }
/// let sums = trace(
///     &[at(0, ('a', 1)), at(0, ('a', 2)), at(0, ('b', 5)), gone(1, ('a', 1))],
///     |rows| totals::<_, _, Sum>(rows, "Sums", |_| None),
///     5,
/// );
/// assert_eq!(sums, [(0, ('a', 3), 1), (0, ('b', 5), 1), (1, ('a', 2), 1), (1, ('a', 3), -1)]);
/// ```
pub fn totals<'s, K, V, A>(
    rows: Rows<'s, (K, V)>,
    name: &str,
    close: impl Fn(&K) -> Option<Time> + 'static,
) -> Rows<'s, (K, <A as Aggregate<A>>::Output)>
where
    K: ExchangeData + Hash,
    V: ExchangeData,
    A: Aggregate<V> + Aggregate<A> + ExchangeData,
{
    let add = |sums: &mut FxHashMap<K, A>, (key, row): (K, V), diff| {
        <A as Aggregate<V>>::add(sums.entry(key).or_default(), row, diff);
    };
    let of_worker = combine(rows, &format!("{name}OfWorker"), add, |sums| {
        sums.into_iter().filter(|(_, sum)| *sum != A::default()).map(|sum| (sum, 1))
    });
    aggregate::<K, A, A>(of_worker, name, close)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::{Expect, expect};
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::Diff;
    use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, present_copies, table, trace, updates};

    /// Number and sum of the rows.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    struct Sum {
        rows: Diff,
        sum: isize,
    }

    impl Aggregate<isize> for Sum {
        type Output = (Diff, isize);

        fn add(&mut self, row: isize, diff: Diff) {
            self.rows += diff;
            self.sum += row * diff;
        }

        fn output(&self) -> Option<Self::Output> {
            (self.rows > 0).then_some((self.rows, self.sum))
        }
    }

    impl Aggregate<Self> for Sum {
        type Output = (Diff, isize);

        fn add(&mut self, other: Self, diff: Diff) {
            self.rows += other.rows * diff;
            self.sum += other.sum * diff;
        }

        fn output(&self) -> Option<Self::Output> {
            Aggregate::<isize>::output(self)
        }
    }

    /// Key b closes at 8.
    fn closes(key: char) -> Option<Time> {
        (key == 'b').then_some(8)
    }

    fn sums<'s>(rows: Rows<'s, (char, isize)>) -> Rows<'s, (char, (Diff, isize))> {
        totals::<_, _, Sum>(rows, "Sums", |key| closes(*key))
    }

    fn check(updates: &[Update<(char, isize)>], expected: Expect) {
        expected.assert_eq(&table(&trace(updates, sums, 20)));
    }

    #[test]
    fn a_sum_changes_with_its_rows_and_goes_with_the_last() {
        check(
            &[
                at(0, ('a', 1)),
                at(0, ('a', 2)),
                at(0, ('c', 5)),
                gone(1, ('a', 1)),
                at(2, ('a', -2)),
                gone(3, ('c', 5)),
            ],
            expect![[r#"
                0 +1 ('a', (2, 3))
                0 +1 ('c', (1, 5))
                1 +1 ('a', (1, 2))
                1 -1 ('a', (2, 3))
                2 -1 ('a', (1, 2))
                2 +1 ('a', (2, 0))
                3 -1 ('c', (1, 5))
            "#]],
        );
    }

    #[test]
    fn a_row_that_takes_anothers_place_is_seen_and_one_that_comes_and_goes_in_a_tick_is_not() {
        check(
            &[at(0, ('a', 1)), gone(1, ('a', 1)), at(1, ('a', 1)), gone(2, ('a', 1)), at(2, ('a', 3))],
            expect![[r#"
            0 +1 ('a', (1, 1))
            2 -1 ('a', (1, 1))
            2 +1 ('a', (1, 3))
        "#]],
        );
    }

    #[test]
    fn a_closed_key_is_gone_and_takes_no_more_rows() {
        check(
            &[at(7, ('b', 1)), at(8, ('b', 2)), at(9, ('b', 3)), gone(10, ('b', 1))],
            expect![[r#"
            7 +1 ('b', (1, 1))
            8 -1 ('b', (1, 1))
        "#]],
        );
    }

    fn naive(updates: &[Update<(char, isize)>], now: Time) -> Vec<(char, (Diff, isize))> {
        let mut sums: BTreeMap<char, (Diff, isize)> = BTreeMap::new();
        for (key, amount) in present_copies(updates) {
            if closes(key).is_none_or(|closes| now < closes) {
                let (rows, sum) = sums.entry(key).or_default();
                (*rows, *sum) = (*rows + 1, *sum + amount);
            }
        }
        sums.into_iter().collect()
    }

    fn rows() -> impl Strategy<Value = Vec<Update<(char, isize)>>> {
        updates((prop::char::range('a', 'c'), -2..3isize), 8)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn totals_are_those_of_the_rows_present_while_the_key_is_open(updates in rows()) {
            assert_oracle(&updates, 35, sums, naive);
        }

        #[test]
        fn totals_are_the_same_on_any_workers(updates in rows()) {
            assert_invariant(&updates, 35, sums);
        }
    }
}
