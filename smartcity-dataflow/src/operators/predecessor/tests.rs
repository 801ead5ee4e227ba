use std::collections::{BTreeMap, BTreeSet};

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, present, table, trace, updates};

/// A row is forgotten this long after its event time, which is the row itself.
const KEPT: Time = 8;

type Pair = (char, Followed<Time>);

fn pairs<'s>(rows: Rows<'s, (char, Time)>) -> Rows<'s, Pair> {
    predecessor(rows, "Pairs", |row| row + KEPT)
}

fn check(updates: &[Update<(char, Time)>], kept: Time, expected: Expect) {
    let pairs = trace(
        updates,
        move |rows| {
            predecessor(rows, "Pairs", move |row| row + kept).map(|(_, pair)| match pair.previous {
                Some(previous) => format!("{} <- {previous}", pair.row),
                None => format!("{} <- none", pair.row),
            })
        },
        60,
    );
    expected.assert_eq(&table(&pairs).replace('"', ""));
}

#[test]
fn a_late_row_parts_the_pair_it_falls_into() {
    check(
        &[at(0, ('k', 10)), at(1, ('k', 30)), at(2, ('k', 20)), gone(3, ('k', 10))],
        100,
        expect![[r#"
            0 +1 10 <- none
            1 +1 30 <- 10
            2 +1 20 <- 10
            2 -1 30 <- 10
            2 +1 30 <- 20
            3 -1 10 <- none
            3 -1 20 <- 10
            3 +1 20 <- none
        "#]],
    );
}

#[test]
fn keys_do_not_follow_each_other() {
    check(
        &[at(0, ('k', 10)), at(1, ('j', 20))],
        100,
        expect![[r#"
            0 +1 10 <- none
            1 +1 20 <- none
        "#]],
    );
}

#[test]
fn a_row_that_comes_twice_is_one_until_both_are_withdrawn() {
    check(
        &[at(0, ('k', 10)), at(1, ('k', 20)), at(2, ('k', 20)), gone(3, ('k', 20)), gone(4, ('k', 20))],
        100,
        expect![[r#"
            0 +1 10 <- none
            1 +1 20 <- 10
            4 -1 20 <- 10
        "#]],
    );
}

#[test]
fn a_forgotten_row_leaves_silently_and_has_no_followers() {
    check(
        &[at(10, ('k', 10)), at(15, ('k', 15)), at(30, ('k', 30)), at(30, ('k', 12)), gone(31, ('k', 15))],
        5,
        expect![[r#"
            10 +1 10 <- none
            15 +1 15 <- none
            30 +1 30 <- none
        "#]],
    );
}

#[test]
fn the_last_forgotten_row_stays_the_predecessor_of_one_that_is_not() {
    check(
        &[at(10, ('k', 10)), at(12, ('k', 16)), at(18, ('k', 14)), at(18, ('k', 18)), gone(19, ('k', 14))],
        5,
        expect![[r#"
            10 +1 10 <- none
            12 +1 16 <- 10
            18 +1 14 <- 10
            18 -1 16 <- 10
            18 +1 16 <- 14
            18 +1 18 <- 16
        "#]],
    );
}

/// The pairs of a set of rows.
fn of(known: &BTreeSet<Time>) -> BTreeSet<Followed<Time>> {
    let previous = std::iter::once(None).chain(known.iter().copied().map(Some));
    known.iter().zip(previous).map(|(&row, previous)| Followed { row, previous }).collect()
}

/// The pairs of each key, made anew at every tick from all its rows; those of forgotten rows stay as they were last.
fn naive(updates: &[Update<(char, Time)>], now: Time) -> Vec<Pair> {
    let mut pairs: BTreeMap<(char, Time), Followed<Time>> = BTreeMap::new();
    for key in ['a', 'b'] {
        let mut known = BTreeSet::new();
        for tick in 0..=now {
            let forgotten: Vec<_> = known.iter().copied().filter(|row| row + KEPT <= tick).collect();
            let all = forgotten.len() == known.len();
            known = known.split_off(if all { &Time::MAX } else { forgotten.last().unwrap_or(&0) });
            let seen: Vec<_> = updates
                .iter()
                .filter(|&&((k, row), time, _)| k == key && time <= tick && time < row + KEPT)
                .cloned()
                .collect();
            let live: BTreeSet<_> =
                present(&seen).into_iter().map(|(_, row)| row).filter(|row| row + KEPT > tick).collect();
            known.retain(|row| row + KEPT <= tick);
            known.extend(&live);
            pairs.retain(|&(k, row), _| k != key || row + KEPT <= tick);
            pairs.extend(
                of(&known).into_iter().filter(|pair| live.contains(&pair.row)).map(|pair| ((key, pair.row), pair)),
            );
        }
    }
    pairs.into_iter().map(|((key, _), pair)| (key, pair)).collect()
}

fn rows() -> impl Strategy<Value = Vec<Update<(char, Time)>>> {
    updates((prop::char::range('a', 'b'), 0..20u64), 8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn each_row_is_beside_the_one_before_it(updates in rows()) {
        assert_oracle(&updates, 35, pairs, naive);
    }

    #[test]
    fn pairs_are_the_same_on_any_workers(updates in rows()) {
        assert_invariant(&updates, 35, pairs);
    }
}
