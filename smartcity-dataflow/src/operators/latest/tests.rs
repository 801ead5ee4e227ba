use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, present, table, trace, updates};

/// A row of a key: (event time, end).
type Row = (char, (u32, Time));

fn newest<'s>(rows: Rows<'s, Row>) -> Rows<'s, Row> {
    latest(rows, "Latest", |&(_, end)| end)
}

fn check(updates: &[Update<Row>], expected: Expect) {
    expected.assert_eq(&table(&trace(updates, newest, 40)));
}

#[test]
fn the_newest_event_wins_and_the_next_takes_its_place_when_it_ends() {
    check(
        &[at(1, ('k', (10, 20))), at(2, ('k', (12, 15))), at(3, ('k', (11, 30)))],
        expect![[r#"
            1 +1 ('k', (10, 20))
            2 -1 ('k', (10, 20))
            2 +1 ('k', (12, 15))
            15 +1 ('k', (11, 30))
            15 -1 ('k', (12, 15))
            30 -1 ('k', (11, 30))
        "#]],
    );
}

#[test]
fn a_withdrawn_row_gives_way_to_the_one_before() {
    check(
        &[at(1, ('k', (10, 20))), at(2, ('k', (12, 25))), gone(3, ('k', (12, 25)))],
        expect![[r#"
            1 +1 ('k', (10, 20))
            2 -1 ('k', (10, 20))
            2 +1 ('k', (12, 25))
            3 +1 ('k', (10, 20))
            3 -1 ('k', (12, 25))
            20 -1 ('k', (10, 20))
        "#]],
    );
}

#[test]
fn a_row_that_comes_twice_stays_until_both_are_withdrawn() {
    check(
        &[at(1, ('k', (10, 20))), at(2, ('k', (10, 20))), gone(3, ('k', (10, 20))), gone(4, ('k', (10, 20)))],
        expect![[r#"
            1 +1 ('k', (10, 20))
            4 -1 ('k', (10, 20))
        "#]],
    );
}

#[test]
fn a_row_whose_end_has_come_is_ignored() {
    check(&[at(5, ('k', (10, 5))), at(6, ('k', (11, 3)))], expect![""]);
}

fn naive(updates: &[Update<Row>], now: Time) -> Vec<Row> {
    let live = present(updates).into_iter().filter(|&(_, (_, end))| end > now);
    BTreeMap::from_iter(live).into_iter().collect() // ascending, so the last of a key stays
}

fn rows() -> impl Strategy<Value = Vec<Update<Row>>> {
    updates((prop::char::range('a', 'b'), (0..6u32, 0..20u64)), 8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_greatest_live_row_of_each_key_is_there(updates in rows()) {
        assert_oracle(&updates, 35, newest, naive);
    }

    #[test]
    fn the_newest_rows_are_the_same_on_any_workers(updates in rows()) {
        assert_invariant(&updates, 35, newest);
    }
}
