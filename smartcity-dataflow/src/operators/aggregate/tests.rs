use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, present_copies, table, trace, updates};

#[derive(Default)]
struct Sum {
    rows: Diff,
    sum: isize,
}

impl Aggregate<isize> for Sum {
    type Output = isize;

    fn add(&mut self, row: isize, diff: Diff) {
        self.rows += diff;
        self.sum += row * diff;
    }

    fn output(&self) -> Option<isize> {
        (self.rows > 0).then_some(self.sum)
    }
}

/// Key b closes at 8, key c at 4, the others never.
fn closes(key: char) -> Option<Time> {
    match key {
        'b' => Some(8),
        'c' => Some(4),
        _ => None,
    }
}

fn sums<'s>(rows: Rows<'s, (char, isize)>) -> Rows<'s, (char, isize)> {
    aggregate::<_, _, Sum>(rows, "Sums", |&key| closes(key))
}

fn check(updates: &[Update<(char, isize)>], expected: Expect) {
    expected.assert_eq(&table(&trace(updates, sums, 20)));
}

#[test]
fn sums_follow_their_rows_until_the_key_closes() {
    check(
        &[at(0, ('a', 5)), at(0, ('b', 1)), at(1, ('a', 2)), gone(2, ('a', 5)), gone(2, ('a', 2)), at(9, ('b', 1))],
        expect![[r#"
            0 +1 ('a', 5)
            0 +1 ('b', 1)
            1 -1 ('a', 5)
            1 +1 ('a', 7)
            2 -1 ('a', 7)
            8 -1 ('b', 1)
        "#]],
    );
}

#[test]
fn a_sum_of_zero_is_not_an_absent_sum() {
    check(
        &[at(0, ('a', 5)), at(1, ('a', -5)), gone(2, ('a', 5)), gone(2, ('a', -5))],
        expect![[r#"
            0 +1 ('a', 5)
            1 +1 ('a', 0)
            1 -1 ('a', 5)
            2 -1 ('a', 0)
        "#]],
    );
}

#[test]
fn a_key_that_empties_and_fills_again_still_closes() {
    check(
        &[at(0, ('b', 1)), gone(1, ('b', 1)), at(2, ('b', 3)), at(8, ('b', 4)), gone(9, ('b', 3))],
        expect![[r#"
            0 +1 ('b', 1)
            1 -1 ('b', 1)
            2 +1 ('b', 3)
            8 -1 ('b', 3)
        "#]],
    );
}

fn naive(updates: &[Update<(char, isize)>], now: Time) -> Vec<(char, isize)> {
    let mut sums = BTreeMap::new();
    for (key, amount) in present_copies(updates) {
        if closes(key).is_none_or(|closes| now < closes) {
            *sums.entry(key).or_default() += amount;
        }
    }
    sums.into_iter().collect()
}

fn rows() -> impl Strategy<Value = Vec<Update<(char, isize)>>> {
    updates((prop::char::range('a', 'd'), -2..3isize), 8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sums_are_those_of_the_rows_present_while_the_key_is_open(updates in rows()) {
        assert_oracle(&updates, 35, sums, naive);
    }

    #[test]
    fn sums_are_the_same_on_any_workers(updates in rows()) {
        assert_invariant(&updates, 35, sums);
    }
}
