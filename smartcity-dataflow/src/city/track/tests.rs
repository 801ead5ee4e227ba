//! What a log tells in the cases that a reader would ask about; the oracle asks about all others.

mod naive;
mod odd;
mod oracle;

use differential_dataflow::AsCollection;
use differential_dataflow::consolidation::consolidate_updates;
use expect_test::{Expect, expect};
use timely::dataflow::operators::vec::Map as _;

use super::*;
use crate::city::fixtures::{self, kmh, leading_to, nth, readable, segment};
use crate::model::{Body, Heading, Kmh, Point, Unusable};
use crate::testing::{Update, assert_invariant, at, gone, trace};

const SECOND: Time = 1_000;
const MINUTE: Time = 60 * SECOND;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Input {
    Fix(Reading<Millis, Fix>),
    City(CityRow),
}

/// All that the logs tell; a fix that is taken back is withdrawn.
fn build<'s>(input: Rows<'s, Input>, settings: &Settings) -> Rows<'s, Told> {
    let logged = input.clone().inner.flat_map(|(row, time, diff)| {
        let Input::Fix(fix) = row else { return None };
        let logged = if diff > 0 { Logged::Came(fix) } else { Logged::Withdrawn(Mark::of(&fix, None)) };
        Some(((fix.device, logged), time, 1))
    });
    let city = input.flat_map(|row| if let Input::City(row) = row { Some(row) } else { None });
    let remembered = horizon(Kind::Gps, settings).unwrap();
    let Tracks { fixes, vehicles, samples, flags, device_flags } =
        tracks(logged.as_collection(), city, remembered, settings);
    fixes
        .map(|(vehicle, row)| Told::Fix(vehicle, row))
        .concat(vehicles.map(|(vehicle, row)| Told::Newest(vehicle, row)))
        .concat(samples.map(|(segment, road, sample)| Told::Sample { segment, road, sample }))
        .concat(flags.map(|(source, kind, flag)| Told::Flag(source, kind, flag)))
        .concat(device_flags.map(|(vehicle, flag)| Told::DeviceFlag(vehicle, flag)))
}

/// The town of these tests: a and then b go east, r and then s come back on the other side of the same street.
///
/// ```text
///      ──── a ────▶ ──── b ────▶
///      ◀─── s ───── ◀─── r ─────
///      0 m          100          200
/// ```
fn town() -> Vec<Update<Input>> {
    let street = |name, from, to, next: &[(&str, i64)]| leading_to(segment(name, (from, 0), (to, 0)), next);
    let streets = [
        street("a", 0, 100, &[("b", 0)]),
        street("b", 100, 200, &[]),
        street("r", 200, 100, &[("s", 0)]),
        street("s", 100, 0, &[]),
    ];
    streets.map(|street| at(0, Input::City(CityRow::Segment(street)))).to_vec()
}

/// What v says by its tracker at a second of its clock and the engine's: so many metres east and north.
fn fix(seconds: i64, place: (i64, i64)) -> Reading<Millis, Fix> {
    let arrived = seconds.cast_unsigned() * SECOND;
    let reading = nth(fixtures::fix("v", seconds * 1_000, arrived, place, None), arrived).reading;
    let Body::Fix(body) = reading.body else { panic!("a fix") };
    reading.with(body)
}

/// The fix, reporting a speed, km/h.
fn reporting(fix: Reading<Millis, Fix>, speed: i64) -> Reading<Millis, Fix> {
    fix.with(Fix { speed: Some(kmh(speed)), ..fix.body })
}

/// The fix, learnt at another second.
fn learnt(fix: Reading<Millis, Fix>, second: Time) -> Reading<Millis, Fix> {
    Reading { arrived: second * SECOND, ..fix }
}

fn comes(fix: Reading<Millis, Fix>) -> Update<Input> {
    at(fix.arrived, Input::Fix(fix))
}

fn goes(second: Time, fix: Reading<Millis, Fix>) -> Update<Input> {
    gone(second * SECOND, Input::Fix(fix))
}

fn trace_in_town(updates: &[Update<Input>], through: Time) -> Vec<(Time, Told, Diff)> {
    let updates: Vec<_> = town().into_iter().chain(updates.iter().cloned()).collect();
    trace(&updates, |input| build(input, &Settings::default()), through)
}

/// What is told in the end.
fn told_in_town(updates: &[Update<Input>], through: Time) -> Vec<Told> {
    let trace = trace_in_town(updates, through);
    let mut sum: Vec<_> = trace.into_iter().map(|(_, told, diff)| (told, 0, diff)).collect();
    consolidate_updates(&mut sum);
    sum.into_iter().flat_map(|(told, _, diff): (_, Time, _)| vec![told; diff.unsigned_abs()]).collect()
}

/// Checks a part of what is told, as text, by engine second.
fn check<B: Ord + std::fmt::Debug>(
    updates: &[Update<Input>],
    through: Time,
    brief: impl Fn(Told) -> Option<B>,
    expected: Expect,
) {
    let trace = trace_in_town(updates, through);
    let brief = trace.into_iter().filter_map(|(time, told, diff)| Some((brief(told)?, time / SECOND, diff)));
    let mut brief: Vec<_> = brief.collect();
    consolidate_updates(&mut brief);
    let mut lines: Vec<_> = brief.into_iter().map(|(row, time, diff)| (time, row, diff)).collect();
    lines.sort();
    expected.assert_eq(&readable(&lines));
}

/// Of a vehicle: event second, whole km/h and degrees of its track, segment, and whether it moves.
type Brief = (i64, Option<i64>, Option<i64>, Option<Id>, bool);

fn brief(row: Vehicle) -> Brief {
    let speed = row.track_speed.map(|speed| (speed.0 + 500) / 1_000);
    let heading = row.track_heading.map(|heading| (heading.centidegrees() + 50) / 100);
    (row.time.0 / 1_000, speed, heading, row.segment, row.moving)
}

fn newest(told: Told) -> Option<Brief> {
    if let Told::Newest(_, row) = told { Some(brief(row)) } else { None }
}

fn every(told: Told) -> Option<Brief> {
    if let Told::Fix(_, row) = told { Some(brief(row)) } else { None }
}

/// Of a sample: segment, event millisecond, whole metres, milliseconds, and seconds that its fix stands for, if it has one.
fn sampled(told: Told) -> Option<(Id, i64, i32, i32, Option<u32>)> {
    let Told::Sample { segment, sample, .. } = told else { return None };
    let metres = (sample.distance + 500).div_euclid(1_000);
    Some((segment, sample.time.0, metres, sample.millis, sample.spot.map(|spot| spot.weight / 1_000)))
}

#[test]
fn the_newest_fix_is_on_a_street_at_once_and_the_next_may_put_it_on_another() {
    let drive = |easts: [i64; 3]| [0, 10, 20].map(|second| comes(fix(second, (easts[second as usize / 10], 0))));
    let east = drive([15, 65, 115]);
    check(
        &east,
        MINUTE,
        newest,
        expect![[r#"
            0 +1 (0, None, None, Some(a), false)
            10 -1 (0, None, None, Some(a), false)
            10 +1 (10, Some(0), None, Some(a), false)
            20 -1 (10, Some(0), None, Some(a), false)
            20 +1 (20, Some(18), Some(90), Some(b), true)
        "#]],
    );
    check(
        &east,
        MINUTE,
        every,
        expect![[r#"
            0 +1 (0, None, None, Some(a), false)
            10 +1 (10, Some(0), None, Some(a), false)
            20 +1 (20, Some(18), Some(90), Some(b), true)
        "#]],
    );
    // Nothing but the way tells which of two directions it goes.
    check(
        &drive([185, 135, 85]),
        MINUTE,
        every,
        expect![[r#"
            0 +1 (0, None, None, Some(b), false)
            10 -1 (0, None, None, Some(b), false)
            10 +1 (0, None, None, Some(r), false)
            10 +1 (10, Some(0), None, Some(r), false)
            20 +1 (20, Some(18), Some(270), Some(s), true)
        "#]],
    );
    check(
        &drive([184, 185, 110]),
        MINUTE,
        every,
        expect![[r#"
            0 +1 (0, None, None, Some(b), false)
            10 +1 (10, Some(0), None, Some(b), false)
            20 -1 (0, None, None, Some(b), false)
            20 +1 (0, None, None, Some(r), false)
            20 -1 (10, Some(0), None, Some(b), false)
            20 +1 (10, Some(0), None, Some(r), false)
            20 +1 (20, Some(0), None, Some(r), false)
        "#]],
    );
}

#[test]
fn a_vehicle_without_headings_keeps_its_side_of_the_street_where_it_slows_down() {
    let fixes = [(0, 10), (10, 60), (20, 110), (30, 114), (40, 113), (50, 118), (60, 170)];
    let updates = fixes.map(|(second, east)| comes(fix(second, (east, 3))));
    let told = told_in_town(&updates, 70 * SECOND);
    let streets: Vec<_> =
        told.into_iter().filter_map(every).map(|(second, _, _, street, _)| (0, (second, street), 1)).collect();
    expect![[r#"
        0 +1 (0, Some(a))
        0 +1 (10, Some(a))
        0 +1 (20, Some(b))
        0 +1 (30, Some(b))
        0 +1 (40, Some(b))
        0 +1 (50, Some(b))
        0 +1 (60, Some(b))
    "#]]
    .assert_eq(&readable(&streets));
}

#[test]
fn the_way_between_two_fixes_is_split_over_its_streets() {
    let (first, second) = (fix(0, (10, 0)), fix(20, (130, 0)));
    check(
        &[comes(first), comes(second), goes(30, second)],
        40 * SECOND,
        sampled,
        expect![[r#"
        0 +1 (a, 0, 0, 0, Some(30))
        20 +1 (b, 20000, 30, 5000, Some(20))
        20 +1 (a, 7500, 90, 15000, None)
        30 -1 (b, 20000, 30, 5000, Some(20))
        30 -1 (a, 7500, 90, 15000, None)
    "#]],
    );
}

#[test]
fn a_late_fix_parts_the_step_it_falls_into_and_is_not_shown_itself() {
    let fixes = [fix(0, (10, 0)), fix(20, (130, 0)), learnt(fix(10, (90, 0)), 30)].map(comes);
    check(
        &fixes,
        40 * SECOND,
        sampled,
        expect![[r#"
        0 +1 (a, 0, 0, 0, Some(30))
        20 +1 (b, 20000, 30, 5000, Some(20))
        20 +1 (a, 7500, 90, 15000, None)
        30 -1 (b, 20000, 30, 5000, Some(20))
        30 +1 (b, 20000, 30, 7500, Some(10))
        30 -1 (a, 7500, 90, 15000, None)
        30 +1 (a, 10000, 80, 10000, Some(10))
        30 +1 (a, 11250, 10, 2500, None)
    "#]],
    );
    check(
        &fixes,
        40 * SECOND,
        newest,
        expect![[r#"
            0 +1 (0, None, None, Some(a), false)
            20 -1 (0, None, None, Some(a), false)
            20 +1 (20, Some(22), Some(90), Some(b), true)
        "#]],
    );
}

#[test]
fn a_withdrawn_fix_gives_way_to_the_one_before() {
    let (first, second) = (fix(0, (10, 0)), fix(20, (130, 0)));
    let updates = [comes(first), comes(second), goes(30, second), goes(40, first)];
    check(
        &updates,
        50 * SECOND,
        newest,
        expect![[r#"
        0 +1 (0, None, None, Some(a), false)
        20 -1 (0, None, None, Some(a), false)
        20 +1 (20, Some(22), Some(90), Some(b), true)
        30 +1 (0, None, None, Some(a), false)
        30 -1 (20, Some(22), Some(90), Some(b), true)
        40 -1 (0, None, None, Some(a), false)
    "#]],
    );
    assert_eq!(told_in_town(&updates, 50 * SECOND), []);
}

#[test]
fn two_fixes_of_one_moment_stand_for_their_time_once() {
    let again = Reading { origin: Origin { offset: 99, ..fix(20, (0, 0)).origin }, ..fix(20, (130, 0)) };
    check(
        &[fix(0, (10, 0)), fix(20, (130, 0)), again].map(comes),
        40 * SECOND,
        sampled,
        expect![[r#"
        0 +1 (a, 0, 0, 0, Some(30))
        20 +1 (b, 20000, 0, 0, Some(0))
        20 +1 (b, 20000, 30, 5000, Some(20))
        20 +1 (a, 7500, 90, 15000, None)
    "#]],
    );
}

#[test]
fn two_feeds_of_one_vehicle_each_have_a_track() {
    let own = |fix: Reading<Millis, Fix>| Reading { kind: Kind::Vehicle, ..fix };
    let fixes = [fix(0, (10, 0)), own(fix(0, (12, 0))), fix(20, (130, 0)), own(fix(20, (132, 0)))].map(comes);
    check(
        &fixes,
        30 * SECOND,
        newest,
        expect![[r#"
        0 +1 (0, None, None, Some(a), false)
        20 -1 (0, None, None, Some(a), false)
        20 +1 (20, Some(22), Some(90), Some(b), true)
    "#]],
    );
    check(
        &fixes,
        30 * SECOND,
        sampled,
        expect![[r#"
        0 +2 (a, 0, 0, 0, Some(30))
        20 +1 (b, 20000, 30, 5000, Some(20))
        20 +1 (b, 20000, 32, 5335, Some(20))
        20 +1 (a, 7332, 88, 14665, None)
        20 +1 (a, 7500, 90, 15000, None)
    "#]],
    );
}

#[test]
fn a_vehicle_is_shown_until_its_newest_fix_ends_and_history_shows_none() {
    let retention = Settings::default().retention_ms / SECOND;
    let (shown, history) = (learnt(fix(0, (10, 0)), retention), learnt(fix(0, (10, 0)), retention + 1));
    check(
        &[comes(shown)],
        40 * MINUTE,
        newest,
        expect![[r#"
        900 +1 (0, None, None, Some(a), false)
        1200 -1 (0, None, None, Some(a), false)
    "#]],
    );
    check(&[comes(history)], 40 * MINUTE, newest, expect![[r#""#]]);
    check(
        &[comes(history)],
        40 * MINUTE,
        every,
        expect![[r#"
        901 +1 (0, None, None, Some(a), false)
    "#]],
    );
}

#[test]
fn a_fix_that_comes_after_it_would_be_forgotten_tells_nothing() {
    let settings = Settings::default();
    let forgotten = horizon(Kind::Gps, &settings).unwrap().ends_after_event(Millis(0), settings.tick_ms) / SECOND;
    let told = |second| told_in_town(&[comes(learnt(fix(0, (10, 0)), second))], second * SECOND).len();
    assert_eq!([told(forgotten), told(forgotten + 1)], [2, 0]);
}

#[test]
fn a_fix_that_is_forgotten_takes_nothing_back_but_its_devices_flags() {
    let silent =
        |fix: Reading<Millis, Fix>| fix.with(Fix { unusable: Unusable { speed: true, heading: true }, ..fix.body });
    let trace = trace_in_town(&[fix(0, (10, 0)), fix(20, (130, 0))].map(silent).map(comes), 60 * MINUTE);
    let late: Vec<_> = trace.into_iter().filter(|(time, _, _)| *time > 30 * SECOND).collect();
    let shown = late.iter().filter(|(_, told, _)| matches!(told, Told::Newest(..)));
    assert_eq!(shown.map(|(time, _, diff)| (*time, *diff)).collect::<Vec<_>>(), [(20 * SECOND + 5 * MINUTE, -1)]);
    let forgotten = Settings { ..Settings::default() }.retention_ms + 5 * MINUTE + 100 + CONTEXT_MS.unsigned_abs();
    let others: Vec<_> = late.into_iter().filter(|(_, told, _)| !matches!(told, Told::Newest(..))).collect();
    let flags = [Flag::SpeedNotReported, Flag::HeadingNotReported];
    let expected = [forgotten, 20 * SECOND + forgotten]
        .map(|tick| flags.map(|flag| (tick, Told::DeviceFlag(fix(0, (0, 0)).device, flag), -1)));
    assert_eq!(others, expected.concat());
}

#[test]
fn a_gap_of_ten_minutes_has_no_way_and_nothing_to_say_of_the_motion() {
    check(
        &[fix(0, (10, 0)), fix(600, (130, 0))].map(comes),
        700 * SECOND,
        |told| sampled(told.clone()).map(|sample| (Some(sample), None)).or_else(|| Some((None, Some(every(told)?)))),
        expect![[r#"
            0 +1 (None, Some((0, None, None, Some(a), false)))
            0 +1 (Some((a, 0, 0, 0, Some(30))), None)
            600 +1 (None, Some((600, None, None, Some(b), false)))
            600 +1 (Some((b, 600000, 0, 0, Some(30))), None)
        "#]],
    );
}

#[test]
fn speed_and_heading_are_as_reported_else_as_the_track_says() {
    let told = told_in_town(&[fix(0, (0, 0)), fix(10, (100, 0))].map(comes), 60 * SECOND);
    let newest = told.into_iter().find_map(|told| if let Told::Newest(_, row) = told { Some(row) } else { None });
    let silent = newest.unwrap();
    assert_eq!(((silent.speed().0 + 500) / 1_000, silent.moving), (36, true));
    assert!(silent.heading().unwrap().difference(Heading::from_centidegrees(9_000)) < 5);
    let reported = Vehicle { reported_speed: Some(Kmh(7)), reported_heading: Some(Heading::default()), ..silent };
    assert_eq!((reported.speed(), reported.heading()), (Kmh(7), Some(Heading::default())));
}
