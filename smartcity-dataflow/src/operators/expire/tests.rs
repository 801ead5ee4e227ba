use std::sync::{Arc, Mutex};

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, present_copies, table, trace, updates};

/// Rows (name, end).
fn live<'s>(rows: Rows<'s, (char, Time)>) -> Rows<'s, (char, Time)> {
    expire(rows, |&(_, end)| end)
}

fn check(updates: &[Update<(char, Time)>], expected: Expect) {
    expected.assert_eq(&table(&trace(updates, live, 20)));
}

#[test]
fn rows_leave_at_their_end_and_none_enters_after_it() {
    check(
        &[at(0, ('a', 5)), at(0, ('b', 9)), gone(2, ('b', 9)), at(2, ('c', 1))],
        expect![[r#"
            0 +1 ('a', 5)
            0 +1 ('b', 9)
            2 -1 ('b', 9)
            5 -1 ('a', 5)
        "#]],
    );
}

#[test]
fn a_row_that_comes_at_its_end_never_enters() {
    check(&[at(5, ('a', 5))], expect![""]);
}

#[test]
fn a_withdrawal_after_the_end_is_ignored() {
    check(
        &[at(0, ('a', 3)), gone(4, ('a', 3))],
        expect![[r#"
            0 +1 ('a', 3)
            3 -1 ('a', 3)
        "#]],
    );
}

#[test]
fn a_row_that_comes_back_leaves_again() {
    check(
        &[at(0, ('a', 8)), gone(2, ('a', 8)), at(4, ('a', 8)), at(5, ('a', 8))],
        expect![[r#"
            0 +1 ('a', 8)
            2 -1 ('a', 8)
            4 +1 ('a', 8)
            5 +1 ('a', 8)
            8 -2 ('a', 8)
        "#]],
    );
}

#[test]
fn an_end_is_not_sent_before_its_time() {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&sent);
    trace(
        &[at(0, ('a', 5)), at(0, ('b', 9))],
        move |rows| {
            let seen = Arc::clone(&seen);
            live(rows).inspect(move |(_, time, diff)| seen.lock().unwrap().push((*time, *diff)))
        },
        6,
    );
    assert_eq!(*sent.lock().unwrap(), [(0, 1), (0, 1), (5, -1)], "the end at 9 waits in the operator");
}

#[test]
fn ends_round_up_to_the_tick() {
    for (time, step, end) in [(0, 5, 0), (1, 5, 5), (5, 5, 5), (6, 5, 10), (7, 0, 7), (Time::MAX, 2, Time::MAX)] {
        assert_eq!(round_up(time, step), end, "{time} by {step}");
    }
}

fn rows() -> impl Strategy<Value = Vec<Update<(char, Time)>>> {
    updates((prop::char::range('a', 'c'), 0..20u64), 8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_rows_present_whose_end_is_to_come_are_there(updates in rows()) {
        assert_oracle(&updates, 35, live, |updates, now| {
            present_copies(updates).into_iter().filter(|&(_, end)| end > now).collect()
        });
    }

    #[test]
    fn the_live_rows_are_the_same_on_any_workers(updates in rows()) {
        assert_invariant(&updates, 35, live);
    }
}
