//! How often each row is there.

use std::hash::Hash;

use differential_dataflow::ExchangeData;
use rustc_hash::FxHashMap;

use super::{Aggregate, aggregate, combine};
use crate::{Diff, Rows};

/// How often is each row there?
///
/// | time | rows       | output             |
/// |-----:|------------|--------------------|
/// |    0 | +a +a +b   | +(a, 2) +(b, 1)    |
/// |    1 | +a         | -(a, 2) +(a, 3)    |
/// |    2 | -b         | -(b, 1)            |
///
/// Many rows of few kinds are counted by each worker first, tick by tick ([`combine`]). The state is one number a row.
///
/// ```
/// # use smartcity_dataflow::{operators::count, testing::{at, trace}};
/// let counts = trace(&[at(0, 'a'), at(0, 'a'), at(1, 'a')], |rows| count(rows, "Count"), 5);
/// assert_eq!(counts, [(0, ('a', 2), 1), (1, ('a', 2), -1), (1, ('a', 3), 1)]);
/// ```
pub fn count<'s, K: ExchangeData + Hash>(rows: Rows<'s, K>, name: &str) -> Rows<'s, (K, u64)> {
    let add = |copies: &mut FxHashMap<K, Diff>, row, diff| *copies.entry(row).or_default() += diff;
    let of_worker = combine(rows, &format!("{name}OfWorker"), add, |copies| {
        copies.into_iter().map(|(row, copies)| ((row, ()), copies))
    });
    aggregate::<_, _, Copies>(of_worker, name, |_| None)
}

#[derive(Default)]
struct Copies(Diff);

impl Aggregate<()> for Copies {
    type Output = u64;

    fn add(&mut self, (): (), diff: Diff) {
        self.0 += diff;
    }

    fn output(&self) -> Option<u64> {
        u64::try_from(self.0).ok().filter(|&copies| copies > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;
    use crate::Time;
    use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, present_copies, table, trace, updates};

    fn counts<'s>(rows: Rows<'s, char>) -> Rows<'s, (char, u64)> {
        count(rows, "Count")
    }

    fn check(updates: &[Update<char>], expected: Expect) {
        expected.assert_eq(&table(&trace(updates, counts, 9)));
    }

    #[test]
    fn counts_change_when_rows_come_and_go() {
        check(
            &[at(0, 'a'), at(0, 'a'), at(0, 'b'), at(1, 'a'), gone(2, 'b')],
            expect![[r#"
                0 +1 ('a', 2)
                0 +1 ('b', 1)
                1 -1 ('a', 2)
                1 +1 ('a', 3)
                2 -1 ('b', 1)
            "#]],
        );
    }

    #[test]
    fn a_row_that_comes_and_goes_in_one_tick_changes_nothing() {
        check(&[at(1, 'a'), gone(1, 'a')], expect![""]);
    }

    fn naive(updates: &[Update<char>], _: Time) -> Vec<(char, u64)> {
        let mut counts = BTreeMap::new();
        for row in present_copies(updates) {
            *counts.entry(row).or_default() += 1;
        }
        counts.into_iter().collect()
    }

    fn rows() -> impl Strategy<Value = Vec<Update<char>>> {
        updates(prop::char::range('a', 'd'), 6)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn counts_are_those_of_the_rows_present(updates in rows()) {
            assert_oracle(&updates, 25, counts, naive);
        }

        #[test]
        fn counts_are_the_same_on_any_workers(updates in rows()) {
            assert_invariant(&updates, 25, counts);
        }
    }
}
