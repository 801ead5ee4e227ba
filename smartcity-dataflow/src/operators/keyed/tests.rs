use std::collections::{BTreeMap, BTreeSet};

use differential_dataflow::consolidation::consolidate;
use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, present_copies, table, trace, updates};

type Row = (char, isize);

/// Each turn as text: key and changes.
fn turns<'s>(rows: Rows<'s, Row>) -> Rows<'s, String> {
    keyed(rows, "Turns", |key, _: &mut (), turn| {
        let changes = turn.changes().iter().map(|(row, diff)| format!(" {diff:+}*{row}"));
        turn.emit(format!("{key}:{}", changes.collect::<String>()), 1);
        Keep::No
    })
}

/// The keys that have rested for three milliseconds, and what they add up to.
fn rested<'s>(rows: Rows<'s, Row>) -> Rows<'s, Row> {
    #[derive(Default)]
    struct Key {
        changed: Time,
        sum: isize,
        shown: Option<isize>,
    }
    keyed(rows, "Rested", |name, key: &mut Key, turn| {
        let before = key.shown.map(|sum| (*name, sum));
        if turn.changes().is_empty() {
            if key.changed + 3 == turn.now() {
                key.shown = Some(key.sum);
            }
        } else {
            (key.changed, key.shown) = (turn.now(), None);
            key.sum += turn.changes().iter().map(|(row, diff)| row * diff).sum::<isize>();
            turn.wake(turn.now() + 3);
        }
        turn.replace(before, key.shown.map(|sum| (*name, sum)));
        Keep::Yes
    })
}

/// Rows of key `*` are the context, factors whose sum scales what each key adds up to at its turn. The context takes a
/// longer way than the rows, so it comes later.
fn scaled<'s>(rows: Rows<'s, Row>) -> Rows<'s, Row> {
    let context = rows.clone().filter(|(key, _)| *key == '*').map(|(_, factor)| factor).consolidate();
    let rows = rows.filter(|(key, _)| *key != '*');
    keyed_with(
        rows,
        context,
        "Scaled",
        |sum: &mut isize, _, changes| *sum += changes.iter().map(|(factor, n)| factor * n).sum::<isize>(),
        |key, (sum, shown): &mut (isize, Option<isize>), turn, factor| {
            *sum += turn.changes().iter().map(|(row, diff)| row * diff).sum::<isize>();
            let before = shown.replace(*sum * factor);
            turn.replace(before.map(|product| (*key, product)), shown.map(|product| (*key, product)));
            Keep::Yes
        },
    )
}

fn check(
    updates: &[Update<Row>],
    build: impl for<'s> Fn(Rows<'s, Row>) -> Rows<'s, String> + Send + Sync + 'static,
    expected: Expect,
) {
    expected.assert_eq(&table(&trace(updates, build, 20)).replace('"', ""));
}

#[test]
fn a_key_has_one_turn_a_tick_with_its_net_changes_in_order() {
    check(
        &[at(0, ('a', 1)), at(1, ('a', 2)), at(1, ('b', 7)), gone(1, ('a', 1)), at(1, ('c', 5)), gone(1, ('c', 5))],
        turns,
        expect![[r#"
            0 +1 a: +1*1
            1 +1 a: -1*1 +1*2
            1 +1 b: +1*7
        "#]],
    );
}

#[test]
fn a_key_is_woken_when_its_time_has_come_and_not_when_it_changed_meanwhile() {
    check(
        &[at(0, ('a', 1)), at(2, ('a', 2)), at(2, ('b', 7)), at(9, ('b', 1))],
        |rows| rested(rows).map(|row| format!("{row:?}")),
        expect![[r#"
            5 +1 ('a', 3)
            5 +1 ('b', 7)
            9 -1 ('b', 7)
            12 +1 ('b', 8)
        "#]],
    );
}

#[test]
fn a_wake_that_lies_in_the_past_comes_at_the_next_millisecond() {
    let woken = trace(
        &[at(5, ('a', 1))],
        |rows| {
            keyed(rows, "Past", |_, woken: &mut bool, turn| {
                if !std::mem::replace(woken, true) {
                    turn.wake(2);
                }
                turn.emit(turn.now(), 1);
                Keep::Yes
            })
        },
        20,
    );
    assert_eq!(woken, [(5, 5, 1), (6, 6, 1)]);
}

#[test]
fn a_dropped_state_starts_anew() {
    let counts = trace(
        &[at(0, ('a', 1)), at(1, ('a', 2)), at(2, ('a', 3))],
        |rows| {
            keyed(rows, "Forgetful", |_, turns: &mut u32, turn| {
                *turns += 1;
                turn.emit(*turns, 1);
                if *turns == 2 { Keep::No } else { Keep::Yes }
            })
        },
        20,
    );
    assert_eq!(counts, [(0, 1, 1), (1, 2, 1), (2, 1, 1)]);
}

#[test]
fn a_turn_that_was_asked_for_is_forgotten_with_its_key() {
    // Key a asks at 0 for a turn at 5 and is dropped at 1; at 2 another key may have its place, at 3 it is there again.
    let turns = trace(
        &[at(0, ('a', 5)), at(1, ('a', 0)), at(2, ('b', 7)), at(3, ('a', 8))],
        |rows| {
            keyed(rows, "Asking", |key, _: &mut (), turn| {
                turn.emit((*key, turn.changes().len()), 1);
                let asked = turn.changes().first().map(|&(time, _)| time as Time);
                match asked {
                    Some(0) => return Keep::No,
                    Some(time) => turn.wake(time),
                    None => {}
                }
                Keep::Yes
            })
        },
        20,
    );
    assert_eq!(
        turns,
        [(0, ('a', 1), 1), (1, ('a', 1), 1), (2, ('b', 1), 1), (3, ('a', 1), 1), (7, ('b', 0), 1), (8, ('a', 0), 1)]
    );
}

#[test]
fn a_key_that_changed_and_was_woken_has_one_turn() {
    check(
        &[at(0, ('a', 1)), at(3, ('a', 2)), at(3, ('b', 1)), gone(3, ('b', 1))],
        |rows| {
            keyed(rows, "Both", |key, _: &mut (), turn| {
                turn.emit(format!("{key} {:?}", turn.changes()), 1);
                if turn.now() == 0 {
                    turn.wake(3);
                    turn.wake(3);
                }
                Keep::Yes
            })
        },
        expect![[r#"
            0 +1 a [(1, 1)]
            3 +1 a [(2, 1)]
        "#]],
    );
}

#[test]
fn the_context_comes_first_in_a_tick_and_gives_no_turn_of_its_own() {
    check(
        &[at(0, ('a', 1)), at(0, ('*', 10)), gone(1, ('*', 10)), at(1, ('*', 20)), at(2, ('a', 2))],
        |rows| scaled(rows).map(|row| format!("{row:?}")),
        expect![[r#"
            0 +1 ('a', 10)
            2 -1 ('a', 10)
            2 +1 ('a', 60)
        "#]],
    );
}

#[test]
fn a_context_row_that_is_replaced_is_withdrawn_before_its_successor_comes() {
    // The new row sorts before the old one: learnt in the order of rows, the map would end empty.
    let learnt = trace(
        &[at(0, ('*', 9)), gone(1, ('*', 9)), at(1, ('*', 3)), at(1, ('a', 0))],
        |rows| {
            let context = rows.clone().filter(|(key, _)| *key == '*');
            keyed_with(
                rows.filter(|(key, _)| *key != '*'),
                context,
                "Learnt",
                |map: &mut BTreeMap<char, isize>, now, changes| {
                    assert!(now < 2 && !changes.is_empty());
                    for ((key, row), diff) in changes {
                        if diff > 0 {
                            map.insert(key, row);
                        } else {
                            map.remove(&key);
                        }
                    }
                },
                |_, (): &mut (), turn, map| {
                    turn.emit(map.get(&'*').copied(), 1);
                    Keep::No
                },
            )
        },
        20,
    );
    assert_eq!(learnt, [(1, Some(3), 1)]);
}

/// The ticks up to `now` at which the net changes of `key` are not nothing.
fn turns_of(updates: &[Update<Row>], key: char) -> Vec<Time> {
    let ticks: BTreeSet<_> = updates.iter().map(|&(_, time, _)| time).collect();
    let changed = |tick: &Time| {
        let mut changes: Vec<_> = updates
            .iter()
            .filter(|&&((k, _), time, _)| k == key && time == *tick)
            .map(|&(row, _, diff)| (row, diff))
            .collect();
        consolidate(&mut changes);
        !changes.is_empty()
    };
    ticks.into_iter().filter(changed).collect()
}

fn sum_of(updates: &[Update<Row>], key: char, through: Time) -> isize {
    let seen: Vec<_> = updates.iter().filter(|&&((k, _), time, _)| k == key && time <= through).copied().collect();
    present_copies(&seen).into_iter().map(|(_, row)| row).sum()
}

fn naive_rested(updates: &[Update<Row>], now: Time) -> Vec<Row> {
    let keys = "abc".chars().filter(|&key| turns_of(updates, key).last().is_some_and(|last| last + 3 <= now));
    keys.map(|key| (key, sum_of(updates, key, now))).collect()
}

fn naive_scaled(updates: &[Update<Row>], _: Time) -> Vec<Row> {
    let turns = "abc".chars().filter_map(|key| Some((key, *turns_of(updates, key).last()?)));
    turns.map(|(key, turn)| (key, sum_of(updates, key, turn) * sum_of(updates, '*', turn))).collect()
}

fn rows() -> impl Strategy<Value = Vec<Update<Row>>> {
    updates((prop::sample::select(vec!['a', 'b', 'c', '*']), 1..4isize), 8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn keys_that_rest_show_what_they_add_up_to(updates in rows()) {
        let updates: Vec<_> = updates.into_iter().filter(|((key, _), _, _)| *key != '*').collect();
        assert_oracle(&updates, 36, rested, naive_rested);
    }

    #[test]
    fn keys_see_the_context_as_it_is_at_their_turn(updates in rows()) {
        assert_oracle(&updates, 36, scaled, naive_scaled);
    }

    #[test]
    fn turns_are_the_same_on_any_workers(updates in rows()) {
        assert_invariant(&updates, 36, turns);
        assert_invariant(&updates, 36, rested);
        assert_invariant(&updates, 36, scaled);
    }
}

#[test]
fn thousands_of_keys_come_go_and_come_again_each_with_its_own_state() {
    // How often each key has come since it was last forgotten: key and number.
    let come = |rows: &[Update<(u32, bool)>], until| {
        trace(
            rows,
            |rows| {
                keyed(rows, "Come", |key, times: &mut u32, turn| {
                    let mut keep = Keep::Yes;
                    turn.for_each_change(|turn, stays, _| {
                        *times += 1;
                        turn.emit((*key, *times), 1);
                        keep = if stays { Keep::Yes } else { Keep::No };
                    });
                    keep
                })
            },
            until,
        )
    };
    const KEYS: u32 = 5_000;
    // Every third key is forgotten at 1; at 2 all come again, and as many new ones.
    let first = (0..KEYS).map(|key| at(1, (key, key % 3 != 0)));
    let second = (0..2 * KEYS).map(|key| at(2, (key, true)));
    let rows: Vec<_> = first.chain(second).collect();
    let expected_first = (0..KEYS).map(|key| (1, (key, 1), 1));
    let expected_second = (0..2 * KEYS).map(|key| (2, (key, if key < KEYS && key % 3 != 0 { 2 } else { 1 }), 1));
    assert_eq!(come(&rows, 3), expected_first.chain(expected_second).collect::<Vec<_>>());
}
