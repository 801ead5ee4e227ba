use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::model::{Body, Fix, Namespace, Origin, Placed, Reason};
use crate::operators::round_up;
use crate::testing::{Update, assert_invariant, assert_oracle, at, insertions, table, trace, trace_on};

/// Length of the minute in these tests.
const SHORT: Time = 10;

fn settings() -> Settings {
    Settings { tick_ms: 1, silence_ms: 6, traffic_window_ms: 4, retention_ms: 5, ..Settings::default() }
}

/// A message: what deduplication made of it, or why it was rejected.
type Message = Result<Deduplicated<Placed>, Rejected>;

fn placed(source: &str, kind: Kind, arrived: Time, event: i64) -> Placed {
    let reading = Reading {
        time: Millis(event),
        origin: Origin { source: Id::new(Namespace::Source, source), partition: 0, offset: 0 },
        kind,
        id: Id::new(Namespace::Message, "m"),
        device: Id::new(Namespace::Device, "d"),
        arrived,
        place: None,
        body: Body::Fix(Fix::default()),
    };
    Placed { reading, segment: None, road: None, zone: None }
}

fn gps(arrived: Time, event: i64) -> Placed {
    placed("kafka", Kind::Gps, arrived, event)
}

fn rejected(source: &str, kind: Option<Kind>) -> Rejected {
    let origin = Origin { source: Id::new(Namespace::Source, source), partition: 0, offset: 0 };
    Rejected { arrived: 0, origin, kind, reason: Reason::NullIsland, detail: "".into() }
}

/// What became of a message, where all of an accepted one is remembered.
fn fate(message: &Deduplicated<Placed>, settings: &Settings) -> Fate {
    let stamp = |placed: &Placed| Stamp::of(&placed.reading, settings);
    Fate::of(message, stamp, |placed| (stamp(placed).source, stamp(placed).kind, stamp(placed).flag))
}

fn health<'s>(messages: Rows<'s, Message>, settings: &Settings) -> Rows<'s, ((Id, Kind), Feed)> {
    let of = settings.clone();
    let fates = messages.clone().flat_map(Result::ok).map(move |message| fate(&message, &of));
    feeds_over(SHORT, fates, messages.flat_map(Result::err), settings)
}

fn short<'s>(messages: Rows<'s, Message>) -> Rows<'s, ((Id, Kind), Feed)> {
    health(messages, &settings())
}

fn line(feed: Feed) -> String {
    let Feed { per_minute, lag, skew, accepted, duplicates, late, rejected, withdrawn, .. } = feed;
    let minute = format!("{per_minute}/min lag {lag} skew {skew}");
    let since = format!("total {accepted} dup {duplicates} late {late} rej {rejected} wd {withdrawn}");
    let silent = if feed.silent { " silent" } else { "" };
    format!("{minute}; {since}; at {} event {}{silent}", feed.last_arrived, feed.last_event.0)
}

fn check(updates: &[Update<Message>], expected: Expect) {
    let lines = trace(updates, |messages| short(messages).map(|(_, feed)| line(feed)), 40);
    expected.assert_eq(&table(&lines).replace('"', ""));
}

#[test]
fn a_feed_counts_slides_and_falls_silent() {
    check(
        &[
            at(5, Ok(Deduplicated::Accepted(gps(5, 3)))),
            at(5, Ok(Deduplicated::Accepted(gps(5, 1)))),
            at(7, Ok(Deduplicated::Duplicate(gps(7, 1)))),
        ],
        expect![[r#"
            5 +1 2/min lag 3 skew 2; total 2 dup 0 late 0 rej 0 wd 0; at 5 event 3
            7 -1 2/min lag 3 skew 2; total 2 dup 0 late 0 rej 0 wd 0; at 5 event 3
            7 +1 2/min lag 3 skew 2; total 2 dup 1 late 0 rej 0 wd 0; at 7 event 3
            13 -1 2/min lag 3 skew 2; total 2 dup 1 late 0 rej 0 wd 0; at 7 event 3
            13 +1 2/min lag 3 skew 2; total 2 dup 1 late 0 rej 0 wd 0; at 7 event 3 silent
            15 +1 0/min lag 0 skew 0; total 2 dup 1 late 0 rej 0 wd 0; at 7 event 3 silent
            15 -1 2/min lag 3 skew 2; total 2 dup 1 late 0 rej 0 wd 0; at 7 event 3 silent
        "#]],
    );
}

#[test]
fn skew_is_the_smallest_lag_of_the_minute_and_recovers_when_it_leaves() {
    check(
        &[
            at(20, Ok(Deduplicated::Accepted(gps(20, 27)))),
            at(22, Ok(Deduplicated::Accepted(gps(22, 20)))),
            at(24, Ok(Deduplicated::Accepted(gps(24, 23)))),
        ],
        expect![[r#"
            20 +1 1/min lag -7 skew -7; total 1 dup 0 late 0 rej 0 wd 0; at 20 event 27
            22 -1 1/min lag -7 skew -7; total 1 dup 0 late 0 rej 0 wd 0; at 20 event 27
            22 +1 2/min lag -3 skew -7; total 2 dup 0 late 0 rej 0 wd 0; at 22 event 27
            24 -1 2/min lag -3 skew -7; total 2 dup 0 late 0 rej 0 wd 0; at 22 event 27
            24 +1 3/min lag -2 skew -7; total 3 dup 0 late 0 rej 0 wd 0; at 24 event 27
            30 +1 2/min lag 1 skew 1; total 3 dup 0 late 0 rej 0 wd 0; at 24 event 27 silent
            30 -1 3/min lag -2 skew -7; total 3 dup 0 late 0 rej 0 wd 0; at 24 event 27
            32 +1 1/min lag 1 skew 1; total 3 dup 0 late 0 rej 0 wd 0; at 24 event 27 silent
            32 -1 2/min lag 1 skew 1; total 3 dup 0 late 0 rej 0 wd 0; at 24 event 27 silent
            34 +1 0/min lag 0 skew 0; total 3 dup 0 late 0 rej 0 wd 0; at 24 event 27 silent
            34 -1 1/min lag 1 skew 1; total 3 dup 0 late 0 rej 0 wd 0; at 24 event 27 silent
        "#]],
    );
}

#[test]
fn late_withdrawn_suppressed_and_rejected_messages_are_counted_apart() {
    let late = gps(20, 15);
    check(
        &[
            at(20, Ok(Deduplicated::Accepted(late))),
            at(21, Ok(Deduplicated::Withdrawn(late))),
            at(22, Ok(Deduplicated::Suppressed(gps(22, 15)))),
            at(23, Err(rejected("kafka", Some(Kind::Gps)))),
            at(23, Err(rejected("kafka", None))),
        ],
        expect![[r#"
            20 +1 1/min lag 5 skew 5; total 1 dup 0 late 1 rej 0 wd 0; at 20 event 15
            21 -1 1/min lag 5 skew 5; total 1 dup 0 late 1 rej 0 wd 0; at 20 event 15
            21 +1 1/min lag 5 skew 5; total 1 dup 0 late 1 rej 0 wd 1; at 21 event 15
            22 -1 1/min lag 5 skew 5; total 1 dup 0 late 1 rej 0 wd 1; at 21 event 15
            22 +1 1/min lag 5 skew 5; total 1 dup 0 late 1 rej 0 wd 2; at 22 event 15
            23 -1 1/min lag 5 skew 5; total 1 dup 0 late 1 rej 0 wd 2; at 22 event 15
            23 +1 1/min lag 5 skew 5; total 1 dup 0 late 1 rej 1 wd 2; at 23 event 15
            29 -1 1/min lag 5 skew 5; total 1 dup 0 late 1 rej 1 wd 2; at 23 event 15
            29 +1 1/min lag 5 skew 5; total 1 dup 0 late 1 rej 1 wd 2; at 23 event 15 silent
            30 +1 0/min lag 0 skew 0; total 1 dup 0 late 1 rej 1 wd 2; at 23 event 15 silent
            30 -1 1/min lag 5 skew 5; total 1 dup 0 late 1 rej 1 wd 2; at 23 event 15 silent
        "#]],
    );
}

#[test]
fn a_feed_that_only_sends_rubbish_is_seen() {
    check(
        &[at(3, Err(rejected("kafka", Some(Kind::Gps))))],
        expect![[r#"
        3 +1 0/min lag 0 skew 0; total 0 dup 0 late 0 rej 1 wd 0; at 3 event 0
        9 -1 0/min lag 0 skew 0; total 0 dup 0 late 0 rej 1 wd 0; at 3 event 0
        9 +1 0/min lag 0 skew 0; total 0 dup 0 late 0 rej 1 wd 0; at 3 event 0 silent
    "#]],
    );
}

#[test]
fn the_minute_is_a_minute_of_engine_time() {
    let updates = [at(100, Deduplicated::Accepted(gps(100, 0)))];
    let trace = trace(
        &updates,
        |rows| {
            let none = rows.clone().flat_map(|_| None::<Rejected>);
            feeds(rows.map(|message| fate(&message, &Settings::default())), none, &Settings::default())
                .map(|(_, feed)| (feed.per_minute, feed.silent))
        },
        100_000,
    );
    assert_eq!(trace, [(100, (1, false), 1), (60_100, (0, true), 1), (60_100, (1, false), -1)]);
}

#[test]
fn a_hot_feed_costs_one_row_a_worker_and_tick() {
    let flood: Vec<_> = (0..30_000).map(|i| at(i / 10_000, Deduplicated::Accepted(gps(i / 10_000, 0)))).collect();
    let tallies =
        trace_on(3, &flood, |rows| accepted_tallies(rows.map(|message| fate(&message, &settings()))).map(|_| ()), 9);
    assert_eq!(tallies, [(0, (), 3), (1, (), 3), (2, (), 3)]);
}

#[test]
fn the_flag_of_a_time_depends_on_how_far_it_is_off() {
    let settings = Settings::default();
    let (window, retention) = (settings.traffic_window_ms as i64, settings.retention_ms as i64);
    for (lag, flag) in [
        (i64::MIN, Some(Flag::AheadOfClock)),
        (-60_001, Some(Flag::AheadOfClock)),
        (-60_000, None),
        (0, None),
        (window, None),
        (window + 1, Some(Flag::Late)),
        (window + retention, Some(Flag::Late)),
        (window + retention + 1, Some(Flag::TooLate)),
        (i64::MAX, Some(Flag::TooLate)),
    ] {
        assert_eq!(time_flag(&gps(0, lag.saturating_neg()).reading, &settings), flag, "{lag} ms late");
    }
}

#[test]
fn a_late_reading_is_flagged_until_it_is_withdrawn() {
    let (late, in_time) = (gps(20, 15), gps(20, 16));
    let messages = [
        at(20, Deduplicated::Accepted(late)),
        at(20, Deduplicated::Accepted(in_time)),
        at(21, Deduplicated::Duplicate(late)),
        at(21, Deduplicated::Suppressed(late)),
        at(22, Deduplicated::Withdrawn(late)),
        at(22, Deduplicated::Withdrawn(in_time)),
    ];
    let flagged = trace(&messages, |rows| flagged_times(rows.map(|message| fate(&message, &settings()))), 30);
    let flag = (late.reading.origin.source, Kind::Gps, Flag::Late);
    assert_eq!(flagged, [(20, flag, 1), (22, flag, -1)]);
}

/// The feeds at `now`, each from all of its messages.
fn naive(updates: &[Update<Message>], now: Time, settings: &Settings) -> Vec<((Id, Kind), Feed)> {
    let mut by_feed: BTreeMap<(Id, Kind), Vec<&Update<Message>>> = BTreeMap::new();
    for update in updates {
        match &update.0 {
            Ok(
                Deduplicated::Accepted(p)
                | Deduplicated::Withdrawn(p)
                | Deduplicated::Duplicate(p)
                | Deduplicated::Suppressed(p),
            ) => {
                by_feed.entry((p.reading.origin.source, p.reading.kind)).or_default().push(update);
            }
            Err(Rejected { origin, kind: Some(kind), .. }) => {
                by_feed.entry((origin.source, *kind)).or_default().push(update);
            }
            Err(_) => {}
        }
    }
    let feed = |messages: Vec<&Update<Message>>| {
        let number = |of: &dyn Fn(&Message) -> bool| messages.iter().filter(|(row, _, _)| of(row)).count() as u64;
        let accepted: Vec<_> = messages
            .iter()
            .filter_map(|(row, time, _)| match row {
                Ok(Deduplicated::Accepted(placed)) => Some((*time, placed.reading)),
                _ => None,
            })
            .collect();
        let ends = |time: Time, after: Time| round_up(time + after, settings.tick_ms);
        let lags: Vec<_> = accepted
            .iter()
            .filter(|(time, _)| ends(*time, SHORT) > now)
            .map(|(_, reading)| reading.arrived as i64 - reading.time.0)
            .collect();
        let last_arrived = messages.iter().map(|(_, time, _)| *time).max().unwrap_or_default();
        Feed {
            per_minute: lags.len() as u32,
            lag: if lags.is_empty() { 0 } else { lags.iter().sum::<i64>().div_euclid(lags.len() as i64) },
            skew: lags.iter().copied().min().unwrap_or(0),
            accepted: accepted.len() as u64,
            duplicates: number(&|row| matches!(row, Ok(Deduplicated::Duplicate(_)))),
            late: accepted.iter().filter(|(_, reading)| reading.lag() > settings.traffic_window_ms as i64).count()
                as u64,
            rejected: number(&|row| row.is_err()),
            withdrawn: number(&|row| matches!(row, Ok(Deduplicated::Withdrawn(_) | Deduplicated::Suppressed(_)))),
            last_arrived,
            last_event: accepted.iter().map(|(_, reading)| reading.time).max().unwrap_or_default(),
            silent: ends(last_arrived, settings.silence_ms) <= now,
        }
    };
    by_feed.into_iter().map(|(key, messages)| (key, feed(messages))).collect()
}

/// Messages of a few feeds; some of the accepted ones are withdrawn later.
fn messages() -> impl Strategy<Value = Vec<Update<Message>>> {
    let source = prop::sample::select(vec!["kafka", "files"]);
    let kind = prop::sample::select(vec![Kind::Gps, Kind::Weather]);
    let one = (0..8u8, source, kind, 0..20u64, -12..8i64, prop::option::weighted(0.3, 1..15u64));
    let message = one.prop_map(|(sort, source, kind, time, ahead, withdrawn)| {
        let placed = placed(source, kind, time, time as i64 + ahead);
        let row = match sort {
            0..4 => Ok(Deduplicated::Accepted(placed)),
            4 => Ok(Deduplicated::Duplicate(placed)),
            5 => Ok(Deduplicated::Suppressed(placed)),
            6 => Err(rejected(source, Some(kind))),
            _ => Err(rejected(source, None)),
        };
        let withdrawal =
            withdrawn.filter(|_| sort < 4).map(|after| at(time + after, Ok(Deduplicated::Withdrawn(placed))));
        [Some(at(time, row)), withdrawal]
    });
    prop::collection::vec(message, 0..24).prop_map(|updates| updates.into_iter().flatten().flatten().collect())
}

fn flag() -> impl Strategy<Value = (Id, Kind, Flag)> {
    let source = Id::new(Namespace::Source, "kafka");
    let flag = prop::sample::select(vec![Flag::Late, Flag::OffRoad]);
    (prop::sample::select(vec![Kind::Gps, Kind::Weather]), flag).prop_map(move |(kind, flag)| (source, kind, flag))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn feeds_are_what_their_messages_make_them(updates in messages(), tick_ms in 1..5u64) {
        let settings = Settings { tick_ms, ..settings() };
        let on_ticks: Vec<_> = updates.into_iter().map(|(row, time, diff)| (row, round_up(time, tick_ms), diff)).collect();
        let of = settings.clone();
        assert_oracle(&on_ticks, 60, move |rows| health(rows, &of), |updates, now| naive(updates, now, &settings));
    }

    #[test]
    fn feeds_are_the_same_on_any_workers(updates in messages()) {
        assert_invariant(&updates, 60, short);
    }

    #[test]
    fn flags_are_counted(updates in insertions(flag(), 9)) {
        assert_oracle(&updates, 10, flags, |updates, _| {
            let mut counts = BTreeMap::new();
            for (row, _, diff) in updates {
                *counts.entry(*row).or_default() += *diff as u64;
            }
            counts.into_iter().collect()
        });
        assert_invariant(&updates, 10, flags);
    }
}
