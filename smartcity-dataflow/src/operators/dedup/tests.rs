use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::Deduplicated::*;
use super::*;
use crate::Diff;
use crate::testing::{Update, assert_invariant, assert_oracle, at, insertions, present_copies, table, trace};

/// A message of a key: (text, when to forget it); the text `!` withdraws.
type Message = (char, (char, Time));

fn once<'s>(rows: Rows<'s, Message>) -> Rows<'s, Deduplicated<(char, Time)>> {
    dedup(rows, |&(text, _)| text == '!', |&(_, forget)| forget)
}

fn check(updates: &[Update<Message>], expected: Expect) {
    expected.assert_eq(&table(&trace(updates, |rows| once(rows).map(text), 40)));
}

fn text(row: Deduplicated<(char, Time)>) -> Deduplicated<char> {
    match row {
        Accepted((text, _)) => Accepted(text),
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
        ],
        expect![[r#"
            0 +1 Accepted('b')
            0 +1 Duplicate('c')
            1 +1 Duplicate('a')
            2 -1 Accepted('b')
            3 +1 Suppressed('b')
        "#]],
    );
}

#[test]
fn a_withdrawal_that_overtakes_its_message_suppresses_it() {
    check(
        &[at(0, ('k', ('!', 30))), at(1, ('k', ('a', 30))), at(2, ('j', ('!', 30))), at(2, ('j', ('b', 30)))],
        expect![[r#"
            1 +1 Suppressed('a')
            2 +1 Suppressed('b')
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
            9 +1 Suppressed('a')
            11 +1 Suppressed('a')
        "#]],
    );
}

/// What became of the messages up to now: their story told key by key, from the beginning.
fn naive(updates: &[Update<Message>], _: Time) -> Vec<Deduplicated<(char, Time)>> {
    let mut by_key: BTreeMap<char, BTreeMap<Time, Vec<Message>>> = BTreeMap::new();
    for update in updates {
        by_key.entry(update.0.0).or_default().entry(update.1).or_default().push(update.0);
    }
    let mut verdicts = Vec::new();
    for ticks in by_key.into_values() {
        let mut remembered: Vec<(char, Time)> = Vec::new(); // all rows since the key was last forgotten
        let mut accepted: Option<(char, Time)> = None;
        for (now, mut rows) in ticks {
            rows.sort();
            if remembered.iter().all(|&(_, forget)| forget <= now) {
                remembered.clear();
                verdicts.extend(accepted.take().map(Accepted)); // it stays what it was
            }
            remembered.extend(rows.iter().map(|&(_, row)| row));
            let withdrawn = remembered.iter().any(|&(text, _)| text == '!');
            if withdrawn {
                accepted = None;
            }
            for (_, row) in rows.into_iter().filter(|(_, (text, _))| *text != '!') {
                if withdrawn {
                    verdicts.push(Suppressed(row));
                } else if accepted.is_none() {
                    accepted = Some(row);
                } else {
                    verdicts.push(Duplicate(row));
                }
            }
        }
        verdicts.extend(accepted.map(Accepted));
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
        let once = trace(&rows, |rows| dedup(rows, |(_, row)| row.0 == '!', |(_, row)| row.1), 14);
        let verdicts: Diff = once.into_iter().map(|(_, _, diff)| diff.max(0)).sum();
        let messages = present_copies(&updates).into_iter().filter(|(_, (text, _))| *text != '!').count();
        prop_assert_eq!(verdicts, messages as Diff);
    }

    #[test]
    fn verdicts_are_the_same_on_any_workers(updates in messages()) {
        assert_invariant(&updates, 14, once);
    }
}
