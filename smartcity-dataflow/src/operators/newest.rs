//! The last rows of a stream.

use std::collections::BTreeSet;

use differential_dataflow::ExchangeData;

use super::{Keep, combine, keyed};
use crate::Rows;

/// Which are the last `count` rows? The greatest rows so far; rows sort by when they came.
///
/// With a count of two:
///
/// | time | rows       | output      |
/// |-----:|------------|-------------|
/// |    0 | +1, +2     | +1 +2       |
/// |    1 | +5, +3     | -1 -2 +3 +5 |
///
/// Input is insert-only; a row that comes twice is one row. The rows meet on one worker, but each worker sends at most
/// `count` rows a tick there, however many came.
///
/// ```
/// # use smartcity_dataflow::{operators::newest, testing::{at, trace}};
/// let last = trace(&[at(0, 1), at(1, 3), at(1, 2)], |rows| newest(rows, 2), 5);
/// assert_eq!(last, [(0, 1, 1), (1, 1, -1), (1, 2, 1), (1, 3, 1)]);
/// ```
pub fn newest<'s, V: ExchangeData>(rows: Rows<'s, V>, count: usize) -> Rows<'s, V> {
    keyed(of_each_worker(rows, count), "Newest", move |(), last: &mut BTreeSet<V>, turn| {
        let before = last.clone();
        turn.for_each_change(|_, row, _| keep_greatest(last, row, count));
        for gone in before.difference(last) {
            turn.emit(gone.clone(), -1);
        }
        for new in last.difference(&before) {
            turn.emit(new.clone(), 1);
        }
        Keep::Yes
    })
}

/// The greatest `count` rows of each worker and tick: no other can be among the greatest of all.
fn of_each_worker<'s, V: ExchangeData>(rows: Rows<'s, V>, count: usize) -> Rows<'s, ((), V)> {
    let add = move |last: &mut BTreeSet<V>, row, _| keep_greatest(last, row, count);
    combine(rows, "NewestOfWorker", add, |last| last.into_iter().map(|row| (((), row), 1)))
}

/// Adds `row` to the greatest `count` rows, if it is one of them.
fn keep_greatest<V: Ord>(greatest: &mut BTreeSet<V>, row: V, count: usize) {
    if greatest.len() < count {
        greatest.insert(row);
    } else if greatest.first().is_some_and(|least| *least < row) && greatest.insert(row) {
        greatest.pop_first();
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{Update, assert_invariant, assert_oracle, at, insertions, present, table, trace, trace_on};

    fn last_two<'s>(rows: Rows<'s, u32>) -> Rows<'s, u32> {
        newest(rows, 2)
    }

    fn check(updates: &[Update<u32>], expected: Expect) {
        expected.assert_eq(&table(&trace(updates, last_two, 9)));
    }

    #[test]
    fn greater_rows_push_out_lesser_ones() {
        check(
            &[at(0, 1), at(0, 2), at(1, 5), at(1, 3)],
            expect![[r#"
                0 +1 1
                0 +1 2
                1 -1 1
                1 -1 2
                1 +1 3
                1 +1 5
            "#]],
        );
    }

    #[test]
    fn a_row_that_is_too_old_or_there_already_changes_nothing() {
        check(
            &[at(0, 5), at(0, 6), at(1, 4), at(2, 5)],
            expect![[r#"
                0 +1 5
                0 +1 6
            "#]],
        );
    }

    #[test]
    fn a_flood_sends_no_more_than_the_count_from_each_worker() {
        let flood: Vec<_> = (0..30_000).map(|i| at(i / 10_000, i)).collect();
        let sent = trace_on(3, &flood, |rows| of_each_worker(rows, 2).map(|_| ()), 9);
        assert_eq!(sent, [(0, (), 6), (1, (), 6), (2, (), 6)]);
    }

    #[test]
    fn a_count_of_none_keeps_none() {
        assert_eq!(trace(&[at(0, 1), at(1, 2)], |rows| newest(rows, 0), 5), []);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn the_greatest_rows_so_far_are_there(updates in insertions(0..20u32, 8)) {
            assert_oracle(&updates, 10, last_two, |updates, _| present(updates).into_iter().rev().take(2).collect());
        }

        #[test]
        fn the_greatest_rows_are_the_same_on_any_workers(updates in insertions(0..20u32, 8)) {
            assert_invariant(&updates, 10, last_two);
        }
    }
}
