use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::city::fixtures::{feed, fix, nth, readable, short_lives};
use crate::model::Heading;
use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, present, trace};

fn build<'s>(placed: Rows<'s, Placed>) -> Rows<'s, (Id, Vehicle)> {
    let settings = short_lives();
    vehicles(placed.clone(), tracks(placed, &settings), &settings)
}

/// Event time at which a fix of [`short_lives`] must have happened to be forgotten at `tick`.
fn forgotten_in(tick: i64) -> i64 {
    tick - remembered_ms(&short_lives()) as i64
}

/// What the golden tests show of a vehicle: event time, whole km/h and degrees of the track, and what is odd.
fn brief((vehicle, row): (Id, Vehicle)) -> (Id, i64, Option<i64>, Option<i64>, Option<Implausible>) {
    let speed = row.track_speed.map(|speed| (speed.0 + 500) / 1_000);
    let heading = row.track_heading.map(|heading| (heading.centidegrees() + 50) / 100);
    (vehicle, row.time.0, speed, heading, row.implausible)
}

fn check(updates: &[Update<Placed>], settings: Settings, through: Time, expected: Expect) {
    let output = trace(
        updates,
        move |placed| vehicles(placed.clone(), tracks(placed, &settings), &settings).map(brief),
        through,
    );
    expected.assert_eq(&readable(&output));
}

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;

#[test]
fn a_vehicle_is_where_its_newest_fix_is_until_the_fix_ends() {
    check(
        &[
            at(SECOND, fix("v", 0, SECOND, (0, 0), None)),
            at(31 * SECOND, fix("v", 30_000, 31 * SECOND, (0, 300), None)),
        ],
        Settings::default(),
        10 * MINUTE,
        expect![[r#"
            1000 +1 (v, 0, None, None, None)
            31000 -1 (v, 0, None, None, None)
            31000 +1 (v, 30000, Some(36), Some(0), None)
            331000 -1 (v, 30000, Some(36), Some(0), None)
        "#]],
    );
}

#[test]
fn a_late_fix_parts_the_step_it_falls_into_and_is_not_shown_itself() {
    check(
        &[
            at(1, fix("v", 0, 1, (0, 0), None)),
            at(2, fix("v", 30_000, 2, (0, 300), None)),
            at(3, fix("v", 20_000, 3, (0, 300), None)),
        ],
        Settings::default(),
        10,
        expect![[r#"
            1 +1 (v, 0, None, None, None)
            2 -1 (v, 0, None, None, None)
            2 +1 (v, 30000, Some(36), Some(0), None)
            3 +1 (v, 30000, Some(0), None, None)
            3 -1 (v, 30000, Some(36), Some(0), None)
        "#]],
    );
}

#[test]
fn a_withdrawn_fix_gives_way_to_the_one_before() {
    let (first, second) = (fix("v", 0, 1, (0, 0), None), fix("v", 30_000, 2, (0, 300), None));
    check(
        &[at(1, first), at(2, second), gone(3, second), gone(4, first)],
        Settings::default(),
        10,
        expect![[r#"
            1 +1 (v, 0, None, None, None)
            2 -1 (v, 0, None, None, None)
            2 +1 (v, 30000, Some(36), Some(0), None)
            3 +1 (v, 0, None, None, None)
            3 -1 (v, 30000, Some(36), Some(0), None)
            4 -1 (v, 0, None, None, None)
        "#]],
    );
}

#[test]
fn two_feeds_of_one_vehicle_at_one_moment_each_have_a_track() {
    let own = |time, arrived, at| {
        let mut own = nth(fix("v", time, arrived, at, Some(36)), 1);
        own.reading.kind = Kind::Vehicle;
        own
    };
    check(
        &[
            at(1, own(0, 1, (0, 0))),
            at(1, fix("v", 0, 1, (0, 0), Some(36))),
            at(2, own(30_000, 2, (300, 0))),
            at(2, fix("v", 30_000, 2, (300, 0), Some(36))),
        ],
        Settings::default(),
        10,
        expect![[r#"
            1 +1 (v, 0, None, None, None)
            2 -1 (v, 0, None, None, None)
            2 +1 (v, 30000, Some(36), Some(90), None)
        "#]],
    );
}

#[test]
fn motion_that_cannot_be_is_shown_and_named() {
    check(
        &[
            at(1, fix("v", 0, 1, (0, 0), Some(20))),
            at(2, fix("v", 10_000, 2, (0, 1_000), Some(20))),
            at(3, fix("v", 20_000, 3, (0, 1_400), Some(20))),
            at(4, fix("v", 21_000, 4, (0, 1_430), Some(20))),
        ],
        Settings::default(),
        10,
        expect![[r#"
            1 +1 (v, 0, None, None, None)
            2 -1 (v, 0, None, None, None)
            2 +1 (v, 10000, Some(360), Some(0), Some(TooFast))
            3 -1 (v, 10000, Some(360), Some(0), Some(TooFast))
            3 +1 (v, 20000, Some(144), Some(0), Some(ContradictsReport))
            4 -1 (v, 20000, Some(144), Some(0), Some(ContradictsReport))
            4 +1 (v, 21000, Some(108), Some(0), None)
        "#]],
    );
}

#[test]
fn a_fix_that_comes_very_late_loses_its_track_before_its_life_ends() {
    // Of two fixes of 20 minutes ago the second is forgotten 40 s after it came, and withdrawn two minutes after.
    let (time, arrived) = (10_000, 20 * MINUTE + 30 * SECOND);
    let late = fix("v", time, arrived, (0, 100), None);
    check(
        &[at(arrived, fix("v", 0, arrived, (0, 0), None)), at(arrived, late), gone(arrived + 2 * MINUTE, late)],
        Settings::default(),
        40 * MINUTE,
        expect![[r#"
            1230000 +1 (v, 10000, Some(36), Some(0), None)
            1270000 +1 (v, 10000, None, None, None)
            1270000 -1 (v, 10000, Some(36), Some(0), None)
            1350000 +1 (v, 0, None, None, None)
            1350000 -1 (v, 10000, None, None, None)
            1530000 -1 (v, 0, None, None, None)
        "#]],
    );
}

#[test]
fn a_first_fix_withdrawn_after_its_track_is_forgotten_is_gone() {
    let late = fix("v", forgotten_in(10), 5, (0, 0), None);
    check(
        &[at(5, late), gone(12, late)],
        short_lives(),
        40,
        expect![[r#"
        5 +1 (v, -360030, None, None, None)
        12 -1 (v, -360030, None, None, None)
    "#]],
    );
}

#[test]
fn times_at_the_end_of_what_is_accepted_do_not_overflow() {
    let far = fix("v", i64::MAX, 1, (0, 0), Some(500));
    let output = trace(&[at(1, fix("v", i64::MIN, 1, (0, 0), Some(0))), at(1, far)], build, 30);
    assert_eq!(output.len(), 2, "{output:?}");
}

/// A fix of v or w, by either feed: event time, millimetres north, km/h.
fn said() -> impl Strategy<Value = (&'static str, Kind, i64, Option<i64>)> {
    (
        prop::sample::select(vec!["v", "w"]),
        prop::sample::select(vec![Kind::Vehicle, Kind::Gps]),
        prop::sample::select(vec![0, 500, 31_000, 32_000]),
        prop::option::of(prop::sample::select(vec![0, 5, 20])),
    )
}

fn fixes(times: impl Strategy<Value = i64>) -> impl Strategy<Value = Vec<Update<Placed>>> {
    feed((said(), times), 50, |((vehicle, kind, north, speed), time), arrived, offset| {
        let mut row = nth(fix(vehicle, time, arrived, (0, 0), speed), offset);
        row.reading.kind = kind;
        row.reading.place = row.reading.place.map(|place| place.shifted(0, north));
        row
    })
}

fn newest(rows: &[Placed], now: Time) -> Vec<Placed> {
    let live = |row: &&Placed| row.reading.arrived + 20 > now;
    let is_newest = |row: &&Placed| {
        !rows.iter().filter(live).any(|other| other.reading.device == row.reading.device && other > *row)
    };
    rows.iter().filter(live).filter(is_newest).copied().collect()
}

/// The newest live fix of every vehicle; where it came in time, beside the fix before it in its feed that came in time.
fn naive(seen: &[Update<Placed>], now: Time) -> Vec<(Id, Vehicle)> {
    let rows = present(seen);
    let in_time = |row: &Placed| row.reading.time.0 > forgotten_in(row.reading.arrived as i64);
    let row_of = |row: Placed| {
        let same_feed = |other: &&Placed| {
            (other.reading.device, other.reading.kind) == (row.reading.device, row.reading.kind) && **other < row
        };
        let before = rows.iter().filter(same_feed).filter(|other| in_time(other)).max().filter(|_| in_time(&row));
        let Body::Fix(reported) = row.reading.body else { panic!("only fixes are generated") };
        let place = row.reading.place.unwrap();
        let motion = before.and_then(|before| {
            let (start, millis) = (before.reading.place.unwrap(), row.reading.time.0 - before.reading.time.0);
            let millimetres = distance_mm(start, place).0;
            (millis > 0).then(|| (millimetres, millis, bearing(start, place)))
        });
        let implausible = motion.and_then(|(millimetres, millis, _)| {
            let speed = (millimetres - 30_000).max(0) * 3_600 / millis;
            let reports = [before, Some(&row)].into_iter().flatten().filter_map(|fix| match fix.reading.body {
                Body::Fix(fix) => fix.speed,
                _ => None,
            });
            match reports.max() {
                _ if speed > 180_000 => Some(Implausible::TooFast),
                Some(fastest) if speed > 3 * fastest.0 + 30_000 => Some(Implausible::ContradictsReport),
                _ => None,
            }
        });
        let track_speed = motion.map(|(millimetres, millis, _)| Kmh(millimetres * 3_600 / millis));
        let vehicle = Vehicle {
            time: row.reading.time,
            place,
            reported_speed: reported.speed,
            reported_heading: None,
            track_speed,
            track_heading: motion.and_then(|(_, _, heading)| heading),
            moving: reported.speed.or(track_speed).is_some_and(|speed| speed.0 > 5_000),
            implausible,
            segment: None,
            zone: None,
            kind: row.reading.kind,
            vehicle_type: None,
            details: None,
        };
        (row.reading.device, vehicle)
    };
    newest(&rows, now).into_iter().map(row_of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn it_is_the_newest_fix_beside_the_one_before(
        // Late, ahead of the clock, at one moment; or so old that no track remembers them.
        updates in fixes(prop_oneof![4 => -20..60i64, 1 => forgotten_in(-9)..forgotten_in(-5)])
    ) {
        assert_oracle(&updates, 100, build, naive);
    }

    #[test]
    fn it_is_the_newest_fix_whatever_the_tracks_have_forgotten(
        updates in fixes(prop_oneof![1 => -20..60i64, 3 => forgotten_in(-9)..forgotten_in(90)])
    ) {
        type Shown = (Id, Millis, Option<Point>, Kind);
        fn shown<'s>(placed: Rows<'s, Placed>) -> Rows<'s, Shown> {
            build(placed).map(|(vehicle, row)| (vehicle, row.time, Some(row.place), row.kind))
        }
        assert_oracle(&updates, 100, shown, |seen, now| {
            let newest = newest(&present(seen), now).into_iter().map(|row| row.reading);
            newest.map(|row| (row.device, row.time, row.place, row.kind)).collect()
        });
    }
}

#[test]
fn neither_order_nor_workers_show() {
    let fixes = (0..60u64).map(|i| {
        let time = if i % 7 == 0 { forgotten_in(i as i64) } else { (i * 11 % 23) as i64 };
        (i / 3, nth(fix(["v", "w", "x"][i as usize % 3], time, i / 3, (0, i as i64 % 5), Some(20)), i))
    });
    let updates: Vec<_> = fixes
        .flat_map(|(time, row)| [Some(at(time, row)), (time % 4 == 0).then(|| gone(time + 6, row))])
        .flatten()
        .collect();
    assert_invariant(&updates, 60, build);
}

#[test]
fn speed_and_heading_are_as_reported_else_as_the_track_says() {
    let rows = trace(
        &[at(1, fix("v", 0, 1, (0, 0), None)), at(2, fix("v", 10_000, 2, (100, 0), None))],
        |placed| vehicles(placed.clone(), tracks(placed, &Settings::default()), &Settings::default()),
        9,
    );
    let silent = rows.last().unwrap().1.1;
    assert_eq!(((silent.speed().0 + 500) / 1_000, silent.moving), (36, true));
    assert!(silent.heading().unwrap().difference(Heading::from_centidegrees(9_000)) < 5);
    let reported = Vehicle { reported_speed: Some(Kmh(7)), reported_heading: Some(Heading::default()), ..silent };
    assert_eq!((reported.speed(), reported.heading()), (Kmh(7), Some(Heading::default())));
}
