use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::Deduplicated::*;
use super::*;
use crate::Diff;
use crate::testing::{Update, assert_invariant, assert_oracle, at, insertions, present_copies, table, trace};

/// A message of a key: (text, when to forget it); the text `!` withdraws.
type Message = (char, (char, Time));

/// The token is the text.
fn once<'s>(rows: Rows<'s, Message>) -> Rows<'s, Deduplicated<(char, Time), char>> {
    dedup(rows, |&(text, _)| text == '!', |&(_, forget)| forget, |&(text, _)| text)
}

fn check(updates: &[Update<Message>], expected: Expect) {
    expected.assert_eq(&table(&trace(updates, |rows| once(rows).map(text), 40)));
}

fn text(row: Deduplicated<(char, Time), char>) -> Deduplicated<char> {
    match row {
        Accepted((text, _)) => Accepted(text),
        Withdrawn(text) => Withdrawn(text),
        Duplicate((text, _)) => Duplicate(text),
        Suppressed((text, _)) => Suppressed(text),
    }
}

#[test]
fn the_first_is_accepted_until_it_is_withdrawn() {
    check(
        &[
            at(0, ('k', ('b', 30))),
            at(0, ('k', ('c', 30))),
            at(1, ('k', ('a', 30))),
            at(2, ('k', ('!', 30))),
            at(3, ('k', ('b', 30))),
            at(4, ('k', ('!', 30))),
        ],
        expect![[r#"
            0 +1 Accepted('b')
            0 +1 Duplicate('c')
            1 +1 Duplicate('a')
            2 +1 Withdrawn('b')
            3 +1 Duplicate('b')
        "#]],
    );
}

#[test]
fn a_withdrawal_that_overtakes_its_message_suppresses_it_and_what_comes_after_is_a_duplicate() {
    check(
        &[
            at(0, ('k', ('!', 30))),
            at(1, ('k', ('a', 30))),
            at(2, ('j', ('!', 30))),
            at(2, ('j', ('b', 30))),
            at(2, ('j', ('b', 30))),
            at(3, ('k', ('a', 30))),
            at(4, ('k', ('!', 30))),
            at(5, ('k', ('a', 30))),
        ],
        expect![[r#"
            1 +1 Suppressed('a')
            2 +1 Duplicate('b')
            2 +1 Suppressed('b')
            3 +1 Duplicate('a')
            5 +1 Duplicate('a')
        "#]],
    );
}

#[test]
fn equal_messages_of_one_tick_are_one_and_its_duplicates() {
    check(
        &[at(0, ('k', ('a', 30))), at(0, ('k', ('a', 30))), at(0, ('k', ('a', 30)))],
        expect![[r#"
            0 +1 Accepted('a')
            0 +2 Duplicate('a')
        "#]],
    );
}

#[test]
fn a_forgotten_key_may_come_again_and_keeps_what_it_said() {
    check(
        &[at(0, ('k', ('a', 5))), at(4, ('k', ('b', 7))), at(6, ('k', ('c', 6))), at(7, ('k', ('d', 30)))],
        expect![[r#"
            0 +1 Accepted('a')
            4 +1 Duplicate('b')
            6 +1 Duplicate('c')
            7 +1 Accepted('d')
        "#]],
    );
}

#[test]
fn a_withdrawal_of_a_forgotten_message_withdraws_nothing() {
    check(
        &[
            at(0, ('k', ('a', 5))),
            at(5, ('k', ('!', 9))),
            at(6, ('k', ('a', 11))),
            at(9, ('k', ('a', 12))),
            at(11, ('k', ('a', 20))),
        ],
        expect![[r#"
            0 +1 Accepted('a')
            6 +1 Suppressed('a')
            9 +1 Duplicate('a')
            11 +1 Duplicate('a')
        "#]],
    );
}

/// What became of the messages up to now: their story told key by key, from the beginning.
fn naive(updates: &[Update<Message>], _: Time) -> Vec<Deduplicated<(char, Time), char>> {
    let mut by_key: BTreeMap<char, BTreeMap<Time, Vec<Message>>> = BTreeMap::new();
    for update in updates {
        by_key.entry(update.0.0).or_default().entry(update.1).or_default().push(update.0);
    }
    let mut verdicts = Vec::new();
    for ticks in by_key.into_values() {
        let mut remembered: Vec<(char, Time)> = Vec::new(); // all rows since the key was last forgotten
        let mut first: Option<(char, Time)> = None; // the first message since then, accepted or suppressed
        for (now, mut rows) in ticks {
            rows.sort();
            if remembered.iter().all(|&(_, forget)| forget <= now) {
                remembered.clear();
                first = None; // it stays what it was
            }
            let is_withdrawn = |remembered: &[(char, Time)]| remembered.iter().any(|&(text, _)| text == '!');
            let before = is_withdrawn(&remembered);
            remembered.extend(rows.iter().map(|&(_, row)| row));
            let withdrawn = is_withdrawn(&remembered);
            if withdrawn && !before {
                verdicts.extend(first.map(|(text, _)| Withdrawn(text)));
            }
            for (_, row) in rows.into_iter().filter(|(_, (text, _))| *text != '!') {
                verdicts.push(match first {
                    Some(_) => Duplicate(row),
                    None if withdrawn => Suppressed(row),
                    None => Accepted(row),
                });
                first = first.or(Some(row));
            }
        }
    }
    verdicts
}

fn messages() -> impl Strategy<Value = Vec<Update<Message>>> {
    let text = prop_oneof![4 => prop::char::range('a', 'c'), 1 => Just('!')];
    insertions((prop::char::range('j', 'l'), (text, 0..16u64)), 12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_message_has_one_verdict_at_every_time(updates in messages()) {
        assert_oracle(&updates, 14, once, naive);
    }

    #[test]
    fn no_message_is_lost(updates in messages()) {
        // With the key in the verdict, or equal messages of two keys could cancel.
        let rows: Vec<_> = updates.iter().map(|&((key, row), time, diff)| ((key, (key, row)), time, diff)).collect();
        let once = trace(&rows, |rows| dedup(rows, |(_, row)| row.0 == '!', |(_, row)| row.1, |_| ()), 14);
        prop_assert!(once.iter().all(|&(_, _, diff)| diff > 0));
        let verdicts: Diff = once.iter().filter(|(_, row, _)| *row != Withdrawn(())).map(|&(_, _, diff)| diff).sum();
        let messages = present_copies(&updates).into_iter().filter(|(_, (text, _))| *text != '!').count();
        prop_assert_eq!(verdicts, messages as Diff);
    }

    #[test]
    fn verdicts_are_the_same_on_any_workers(updates in messages()) {
        assert_invariant(&updates, 14, once);
    }
}
