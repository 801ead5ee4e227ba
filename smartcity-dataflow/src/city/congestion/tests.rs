mod cameras;
mod oracle;

use std::fmt::Write;

use expect_test::{Expect, expect};

use super::*;
use crate::city::fixtures::{id, kmh, metres};
use crate::model::{Millis, Namespace};
use crate::testing::{Update, at, gone, trace};

/// A street hears something.
type Input = (Id, Heard);

const SECOND: Time = 1_000;
const MINUTE: Time = 60 * SECOND;

fn build<'s>(heard: Rows<'s, Input>, settings: &Settings) -> Rows<'s, Told> {
    let Flows { now, windows, parts, window_parts } = flows(heard, "Streets", true, settings);
    let now = now.map(|(id, traffic)| Told::Now(id, traffic));
    let windows = windows.map(|(key, traffic)| Told::Window(key, traffic));
    let parts = parts.map(|(zone, part)| Told::Part(zone, part));
    let window_parts = window_parts.map(|(window, part)| Told::WindowPart(window, part));
    now.concat(windows).concat(parts).concat(window_parts)
}

fn street() -> Id {
    id(Namespace::Segment, "a")
}

/// The street is 100 m of `free_flow` km/h.
fn is(free_flow: i64) -> Input {
    let free_flow = FreeFlow { length: metres(100), speed: kmh(free_flow) };
    (street(), Heard::Is(StreetInfo { free_flow, zone: None }))
}

/// A sample of an event, by whom, and when it was learnt; of a fix that stands for 30 s at so many km/h, of one who moves if it
/// is more than 5.
fn sample(vehicle: &str, event: i64, arrived: Time, speed: i64) -> Sample {
    Sample {
        time: Millis(event),
        arrived,
        vehicle: id(Namespace::Device, vehicle),
        spot: Some(Spot { weight: 30_000, speed: Some(kmh(speed).0 as i32) }),
        distance: 0,
        millis: 0,
        moved: speed > 5,
        stands: false,
    }
}

/// The insertion of [`sample`], learnt at once; the event in seconds.
fn drives(vehicle: &str, event: Time, speed: i64) -> Update<Input> {
    tells(sample(vehicle, (event * SECOND).cast_signed(), event * SECOND, speed))
}

/// The insertion of a fix outside of the traffic.
fn stands(vehicle: &str, event: Time) -> Update<Input> {
    tells(Sample { stands: true, ..sample(vehicle, (event * SECOND).cast_signed(), event * SECOND, 0) })
}

/// The insertion of a sample at the tick at which it was learnt.
fn tells(sample: Sample) -> Update<Input> {
    at(sample.arrived, (street(), Heard::Sample(sample)))
}

/// Withdraws at `time` what was inserted.
fn withdrawn(time: Time, (row, ..): Update<Input>) -> Update<Input> {
    gone(time, row)
}

fn clock(time: i64) -> String {
    format!("{}:{:02}", time.div_euclid(60_000), time.rem_euclid(60_000) / 1_000)
}

/// What is told of one street as text: minutes and seconds, change, samples, vehicles, speed, level and confidence.
fn told(updates: &[Update<Input>], settings: &Settings, shows: impl Fn(&Told) -> bool) -> String {
    let built = settings.clone();
    let mut text = String::new();
    for (time, told, diff) in trace(updates, move |heard| build(heard, &built), 60 * MINUTE) {
        if !shows(&told) {
            continue;
        }
        let _ = write!(text, "{} {diff:+}", clock(time.cast_signed()));
        let traffic = match told {
            Told::Now(_, traffic) => traffic,
            Told::Window((_, window), traffic) => {
                let _ = write!(text, " [{} to {}]", clock(window.start.0), clock(window.end().0));
                traffic
            }
            Told::Part(..) | Told::WindowPart(..) => unreachable!("parts have no text"),
        };
        let Traffic { samples, vehicles, speed, level, confidence, .. } = traffic;
        let (whole, tenth) = (speed.0 / 1_000, speed.0 / 100 % 10);
        let _ = writeln!(text, " {samples} of {vehicles}, {whole}.{tenth} km/h, {level:?}, {confidence:?}");
    }
    text
}

/// The traffic now, on a street of 50 km/h, by the default settings.
fn check(updates: &[Update<Input>], expected: Expect) {
    let updates: Vec<_> = updates.iter().copied().chain([at(0, is(50))]).collect();
    expected.assert_eq(&told(&updates, &Settings::default(), |told| matches!(told, Told::Now(..))));
}

/// The traffic by window of so many minutes.
fn check_windows(minutes: i64, updates: &[Update<Input>], expected: Expect) {
    let updates: Vec<_> = updates.iter().copied().chain([at(0, is(50))]).collect();
    let shows = |told: &Told| matches!(told, Told::Window((_, window), _) if window.width == minutes * 60_000);
    expected.assert_eq(&told(&updates, &Settings::default(), shows));
}

#[test]
fn a_sample_counts_for_five_minutes_and_few_are_drawn_to_the_last_fifteen() {
    check(
        &[drives("v", 20, 30), drives("w", 30, 50)],
        expect![[r#"
        0:20 +1 1 of 1, 30.0 km/h, Slow, Low
        0:30 -1 1 of 1, 30.0 km/h, Slow, Low
        0:30 +1 2 of 2, 40.0 km/h, Heavy, Low
        5:20 +1 1 of 1, 43.3 km/h, Heavy, Low
        5:20 -1 2 of 2, 40.0 km/h, Heavy, Low
        5:30 -1 1 of 1, 43.3 km/h, Heavy, Low
    "#]],
    );
    check_windows(
        1,
        &[drives("v", 20, 30), drives("w", 30, 50)],
        expect![[r#"
        0:20 +1 [0:00 to 1:00] 1 of 1, 30.0 km/h, Slow, Low
        0:30 -1 [0:00 to 1:00] 1 of 1, 30.0 km/h, Slow, Low
        0:30 +1 [0:00 to 1:00] 2 of 2, 40.0 km/h, Heavy, Low
        16:00 -1 [0:00 to 1:00] 2 of 2, 40.0 km/h, Heavy, Low
    "#]],
    );
}

#[test]
fn a_sample_counts_from_its_tick_to_the_next_step_after_the_width() {
    check(
        &[
            tells(sample("v", 61_000, 63_100, 20)),  // late: it ends with its event, at 6:01
            tells(sample("w", 900_000, 70_000, 40)), // ahead of the clock: it ends as if it happened now, at 6:10
            tells(sample("x", 65_001, 80_000, 50)),  // at 6:05 and a millisecond
            tells(sample("y", 5_000, 305_000, 50)),  // too late for the sliding window, not for the wider one
        ],
        expect![[r#"
            1:03 +1 1 of 1, 20.0 km/h, Slow, Low
            1:10 -1 1 of 1, 20.0 km/h, Slow, Low
            1:10 +1 2 of 2, 25.0 km/h, Slow, Low
            1:20 -1 2 of 2, 25.0 km/h, Slow, Low
            1:20 +1 3 of 3, 35.9 km/h, Heavy, High
            5:05 -1 3 of 3, 35.9 km/h, Heavy, High
            5:05 +1 3 of 3, 37.9 km/h, Heavy, High
            6:05 +1 2 of 2, 42.5 km/h, Heavy, Low
            6:05 -1 3 of 3, 37.9 km/h, Heavy, High
            6:10 -1 2 of 2, 42.5 km/h, Heavy, Low
        "#]],
    );
}

#[test]
fn the_last_fifteen_minutes_lose_a_minute_when_another_begins() {
    check(
        &[drives("v", 30, 20), drives("w", 890, 50)],
        expect![[r#"
        0:30 +1 1 of 1, 20.0 km/h, Slow, Low
        5:30 -1 1 of 1, 20.0 km/h, Slow, Low
        14:50 +1 1 of 1, 40.0 km/h, Heavy, Low
        15:00 -1 1 of 1, 40.0 km/h, Heavy, Low
        15:00 +1 1 of 1, 50.0 km/h, Free, Low
        19:50 -1 1 of 1, 50.0 km/h, Free, Low
    "#]],
    );
}

#[test]
fn a_window_is_amended_until_it_closes_fifteen_minutes_after_its_end() {
    let first = tells(sample("v", 59_999, 61_000, 10));
    let second = tells(sample("v", 60_000, 61_000, 20));
    check_windows(
        1,
        &[
            first,
            second,
            tells(sample("w", 60_000, 959_900, 40)),
            tells(sample("w", 10_000, 959_900, 50)), // the last tick for the first minute
            tells(sample("x", 10_000, 960_000, 50)), // too late for it, not for what is drawn to it
            withdrawn(961_000, second),
        ],
        expect![[r#"
            1:01 +1 [0:00 to 1:00] 1 of 1, 10.0 km/h, Stationary, Low
            1:01 +1 [1:00 to 2:00] 1 of 1, 16.6 km/h, Queuing, Low
            15:59 -1 [0:00 to 1:00] 1 of 1, 10.0 km/h, Stationary, Low
            15:59 +1 [0:00 to 1:00] 2 of 2, 30.0 km/h, Slow, Low
            15:59 -1 [1:00 to 2:00] 1 of 1, 16.6 km/h, Queuing, Low
            15:59 +1 [1:00 to 2:00] 2 of 2, 30.0 km/h, Slow, Low
            16:00 -1 [0:00 to 1:00] 2 of 2, 30.0 km/h, Slow, Low
            16:00 -1 [1:00 to 2:00] 2 of 2, 30.0 km/h, Slow, Low
            16:00 +1 [1:00 to 2:00] 2 of 2, 32.0 km/h, Heavy, Low
            16:01 +1 [1:00 to 2:00] 1 of 1, 38.3 km/h, Heavy, Low
            16:01 -1 [1:00 to 2:00] 2 of 2, 32.0 km/h, Heavy, Low
            17:00 -1 [1:00 to 2:00] 1 of 1, 38.3 km/h, Heavy, Low
        "#]],
    );
}

#[test]
fn a_late_fix_still_amends_the_five_minutes_when_its_minute_is_closed() {
    check_windows(
        5,
        &[drives("v", 10, 20), tells(sample("w", 20_000, 970_000, 50))],
        expect![[r#"
        0:10 +1 [0:00 to 5:00] 1 of 1, 20.0 km/h, Slow, Low
        16:10 -1 [0:00 to 5:00] 1 of 1, 20.0 km/h, Slow, Low
        16:10 +1 [0:00 to 5:00] 2 of 2, 35.0 km/h, Heavy, Low
        20:00 -1 [0:00 to 5:00] 2 of 2, 35.0 km/h, Heavy, Low
    "#]],
    );
}

#[test]
fn later_windows_are_drawn_to_the_fifteen_minutes_before_their_ends() {
    // The last draws on the first minute no more.
    let late = tells(sample("v", 0, 910_000, 20));
    check_windows(
        1,
        &[drives("v", 60, 50), drives("v", 899, 50), drives("v", 900, 50), late],
        expect![[r#"
            1:00 +1 [1:00 to 2:00] 1 of 1, 50.0 km/h, Free, Low
            14:59 +1 [14:00 to 15:00] 1 of 1, 50.0 km/h, Free, Low
            15:00 +1 [15:00 to 16:00] 1 of 1, 50.0 km/h, Free, Low
            15:10 +1 [0:00 to 1:00] 1 of 1, 20.0 km/h, Slow, Low
            15:10 +1 [1:00 to 2:00] 1 of 1, 40.0 km/h, Heavy, Low
            15:10 -1 [1:00 to 2:00] 1 of 1, 50.0 km/h, Free, Low
            15:10 +1 [14:00 to 15:00] 1 of 1, 43.3 km/h, Heavy, Low
            15:10 -1 [14:00 to 15:00] 1 of 1, 50.0 km/h, Free, Low
            16:00 -1 [0:00 to 1:00] 1 of 1, 20.0 km/h, Slow, Low
            17:00 -1 [1:00 to 2:00] 1 of 1, 40.0 km/h, Heavy, Low
            30:00 -1 [14:00 to 15:00] 1 of 1, 43.3 km/h, Heavy, Low
            31:00 -1 [15:00 to 16:00] 1 of 1, 50.0 km/h, Free, Low
        "#]],
    );
}

#[test]
fn a_parked_car_is_no_traffic() {
    check(&[stands("v", 10)], expect![""]);
    check_windows(1, &[stands("v", 10)], expect![""]);
    let cars = ["a", "b", "c", "d", "e", "f", "g", "h", "i"].map(|car| drives(car, 10, 38));
    check(
        &cars.into_iter().chain([stands("v", 10)]).collect::<Vec<_>>(),
        expect![[r#"
        0:10 +1 9 of 9, 38.0 km/h, Heavy, High
        5:10 -1 9 of 9, 38.0 km/h, Heavy, High
    "#]],
    );
}

#[test]
fn of_one_vehicle_that_was_not_seen_to_move_nobody_knows_whether_it_is_traffic() {
    let jitters = |event| drives("v", event, 0);
    check(
        &[at(0, is(50)), jitters(10), jitters(40), drives("w", 50, 30)],
        expect![[r#"
        0:50 +1 3 of 2, 10.0 km/h, Stationary, Low
        5:10 +1 2 of 2, 12.5 km/h, Queuing, Low
        5:10 -1 3 of 2, 10.0 km/h, Stationary, Low
        5:40 +1 1 of 1, 16.6 km/h, Queuing, Low
        5:40 -1 2 of 2, 12.5 km/h, Queuing, Low
        5:50 -1 1 of 1, 16.6 km/h, Queuing, Low
    "#]],
    );
}

#[test]
fn where_nobody_moves_two_that_stand_are_a_jam() {
    check(
        &[stands("v", 10), stands("w", 20)],
        expect![[r#"
        0:20 +1 2 of 2, 0.0 km/h, Stationary, Low
        5:10 -1 2 of 2, 0.0 km/h, Stationary, Low
    "#]],
    );
}

#[test]
fn who_stands_among_the_slow_counts() {
    let drive = |speed: i64| {
        ["v", "w", "x"].map(|vehicle| {
            let distance = (speed as u32 * 1_000_000).div_ceil(120) as i32; // in half a minute
            tells(Sample { distance, millis: 30_000, ..sample(vehicle, 10_000, 10_000, speed) })
        })
    };
    check(
        &drive(24).into_iter().chain([stands("y", 20)]).collect::<Vec<_>>(),
        expect![[r#"
        0:10 +1 3 of 3, 24.0 km/h, Slow, High
        0:20 -1 3 of 3, 24.0 km/h, Slow, High
        0:20 +1 4 of 4, 18.0 km/h, Slow, High
        5:10 -1 4 of 4, 18.0 km/h, Slow, High
    "#]],
    );
    check(
        &drive(25).into_iter().chain([stands("y", 20)]).collect::<Vec<_>>(),
        expect![[r#"
            0:10 +1 3 of 3, 25.0 km/h, Slow, High
            5:10 -1 3 of 3, 25.0 km/h, Slow, High
        "#]],
    );
}

#[test]
fn who_moved_and_then_stands_in_the_queue_is_one_vehicle() {
    check(
        &[drives("v", 10, 10), stands("v", 20), stands("w", 20)],
        expect![[r#"
            0:10 +1 1 of 1, 10.0 km/h, Stationary, Low
            0:20 -1 1 of 1, 10.0 km/h, Stationary, Low
            0:20 +1 3 of 2, 0.6 km/h, Stationary, Low
            5:10 +1 2 of 2, 0.3 km/h, Stationary, Low
            5:10 -1 3 of 2, 0.6 km/h, Stationary, Low
            5:20 -1 2 of 2, 0.3 km/h, Stationary, Low
        "#]],
    );
}

#[test]
fn a_vehicle_counts_by_its_time_and_not_by_how_often_it_reports() {
    let every_second = |second: Time| {
        let sample = sample("v", (second * SECOND).cast_signed(), 30 * SECOND, 20);
        tells(Sample { spot: Some(Spot { weight: 1_000, speed: Some(20_000) }), ..sample })
    };
    let half_a_minute = (1..=30).map(every_second);
    check(
        &half_a_minute.chain([drives("w", 30, 40)]).collect::<Vec<_>>(),
        expect![[r#"
        0:30 +1 31 of 2, 30.0 km/h, Slow, High
        5:05 +1 26 of 2, 30.4 km/h, Slow, High
        5:05 -1 31 of 2, 30.0 km/h, Slow, High
        5:10 +1 21 of 2, 30.9 km/h, Slow, High
        5:10 -1 26 of 2, 30.4 km/h, Slow, High
        5:15 +1 16 of 2, 31.4 km/h, Heavy, High
        5:15 -1 21 of 2, 30.9 km/h, Slow, High
        5:20 +1 11 of 2, 32.0 km/h, Heavy, High
        5:20 -1 16 of 2, 31.4 km/h, Heavy, High
        5:25 +1 6 of 2, 32.6 km/h, Heavy, High
        5:25 -1 11 of 2, 32.0 km/h, Heavy, High
        5:30 -1 6 of 2, 32.6 km/h, Heavy, High
    "#]],
    );
}

#[test]
fn a_speed_is_trusted_from_three_samples_and_two_vehicles_that_moved() {
    check(
        &[
            drives("v", 10, 40),
            drives("v", 20, 40),
            drives("v", 30, 40),
            drives("w", 40, 5), // which does not move
            drives("w", 50, 40),
            withdrawn(60 * SECOND, drives("w", 40, 5)),
            withdrawn(60 * SECOND, drives("v", 10, 40)),
            withdrawn(70 * SECOND, drives("v", 20, 40)),
        ],
        expect![[r#"
            0:10 +1 1 of 1, 40.0 km/h, Heavy, Low
            0:20 -1 1 of 1, 40.0 km/h, Heavy, Low
            0:20 +1 2 of 1, 40.0 km/h, Heavy, Low
            0:30 -1 2 of 1, 40.0 km/h, Heavy, Low
            0:30 +1 3 of 1, 40.0 km/h, Heavy, Low
            0:40 -1 3 of 1, 40.0 km/h, Heavy, Low
            0:40 +1 4 of 2, 31.2 km/h, Heavy, Low
            0:50 -1 4 of 2, 31.2 km/h, Heavy, Low
            0:50 +1 5 of 2, 33.0 km/h, Heavy, High
            1:00 +1 3 of 2, 40.0 km/h, Heavy, High
            1:00 -1 5 of 2, 33.0 km/h, Heavy, High
            1:10 +1 2 of 2, 40.0 km/h, Heavy, Low
            1:10 -1 3 of 2, 40.0 km/h, Heavy, High
            5:30 +1 1 of 1, 40.0 km/h, Heavy, Low
            5:30 -1 2 of 2, 40.0 km/h, Heavy, Low
            5:50 -1 1 of 1, 40.0 km/h, Heavy, Low
        "#]],
    );
}

#[test]
fn ways_count_more_than_spot_speeds_the_longer_they_are() {
    // 100 m in 18 s.
    let way = Sample { distance: 100_000, millis: 18_000, ..sample("v", 10_000, 10_000, 40) };
    check(
        &[tells(way)],
        expect![[r#"
            0:10 +1 1 of 1, 36.7 km/h, Heavy, Low
            5:10 -1 1 of 1, 36.7 km/h, Heavy, Low
        "#]],
    );
    check(
        &[tells(Sample { spot: None, ..way })],
        expect![[r#"
        0:10 +1 0 of 0, 20.0 km/h, Slow, Low
        5:10 -1 0 of 0, 20.0 km/h, Slow, Low
    "#]],
    );
}

#[test]
fn where_most_fixes_have_no_speed_the_ways_speak_alone() {
    let unknown = |vehicle, second: Time| {
        let sample = sample(vehicle, (second * SECOND).cast_signed(), second * SECOND, 40);
        tells(Sample { spot: Some(Spot { weight: 30_000, speed: None }), distance: 100_000, millis: 18_000, ..sample })
    };
    check(
        &[drives("v", 10, 40), unknown("w", 20), unknown("x", 30)],
        expect![[r#"
            0:10 +1 1 of 1, 40.0 km/h, Heavy, Low
            0:20 -1 1 of 1, 40.0 km/h, Heavy, Low
            0:20 +1 2 of 2, 36.7 km/h, Heavy, Low
            0:30 -1 2 of 2, 36.7 km/h, Heavy, Low
            0:30 +1 3 of 3, 20.0 km/h, Slow, High
            5:10 +1 2 of 2, 20.0 km/h, Slow, Low
            5:10 -1 3 of 3, 20.0 km/h, Slow, High
            5:20 +1 1 of 1, 20.0 km/h, Slow, Low
            5:20 -1 2 of 2, 20.0 km/h, Slow, Low
            5:30 -1 1 of 1, 20.0 km/h, Slow, Low
        "#]],
    );
}

#[test]
fn cameras_count_by_their_harmonic_mean_and_as_one_fix_each() {
    let sees =
        |time: Time, speed| [Heard::CameraNow(kmh(speed)), Heard::CameraAt(Millis(time.cast_signed()), kmh(speed))];
    let [one, one_at] = sees(10_000, 20).map(|heard| (street(), heard));
    let [two, two_at] = sees(20_000, 60).map(|heard| (street(), heard));
    let cameras = [at(10_000, one), at(10_000, one_at), at(20_000, two), at(20_000, two_at)];
    // A camera's newest reading counts for as long as it lives, which the stage is told.
    let ends = [gone(400_000, one), gone(410_000, two)];
    let updates: Vec<_> = cameras.into_iter().chain(ends).chain([drives("v", 30, 50)]).collect();
    check(
        &updates,
        expect![[r#"
        0:10 +1 1 of 0, 20.0 km/h, Slow, Low
        0:20 -1 1 of 0, 20.0 km/h, Slow, Low
        0:20 +1 2 of 0, 30.0 km/h, Slow, Low
        0:30 -1 2 of 0, 30.0 km/h, Slow, Low
        0:30 +1 3 of 1, 36.6 km/h, Heavy, High
        5:30 +1 2 of 0, 33.3 km/h, Heavy, Low
        5:30 -1 3 of 1, 36.6 km/h, Heavy, High
        6:40 +1 1 of 0, 44.4 km/h, Heavy, Low
        6:40 -1 2 of 0, 33.3 km/h, Heavy, Low
        6:50 -1 1 of 0, 44.4 km/h, Heavy, Low
    "#]],
    );
    check_windows(
        1,
        &updates,
        expect![[r#"
        0:10 +1 [0:00 to 1:00] 1 of 0, 20.0 km/h, Slow, Low
        0:20 -1 [0:00 to 1:00] 1 of 0, 20.0 km/h, Slow, Low
        0:20 +1 [0:00 to 1:00] 2 of 0, 30.0 km/h, Slow, Low
        0:30 -1 [0:00 to 1:00] 2 of 0, 30.0 km/h, Slow, Low
        0:30 +1 [0:00 to 1:00] 3 of 1, 36.6 km/h, Heavy, High
        16:00 -1 [0:00 to 1:00] 3 of 1, 36.6 km/h, Heavy, High
    "#]],
    );
}

#[test]
fn an_edit_of_the_free_flow_speed_acts_at_once() {
    let updates =
        [drives("v", 10, 20), at(11_000, is(50)), gone(12_000, is(50)), at(12_000, is(20)), gone(13_000, is(20))];
    expect![[r#"
        0:11 +1 1 of 1, 20.0 km/h, Slow, Low
        0:11 +1 [0:00 to 1:00] 1 of 1, 20.0 km/h, Slow, Low
        0:11 +1 [0:00 to 5:00] 1 of 1, 20.0 km/h, Slow, Low
        0:12 +1 1 of 1, 20.0 km/h, Free, Low
        0:12 -1 1 of 1, 20.0 km/h, Slow, Low
        0:12 +1 [0:00 to 1:00] 1 of 1, 20.0 km/h, Free, Low
        0:12 -1 [0:00 to 1:00] 1 of 1, 20.0 km/h, Slow, Low
        0:12 +1 [0:00 to 5:00] 1 of 1, 20.0 km/h, Free, Low
        0:12 -1 [0:00 to 5:00] 1 of 1, 20.0 km/h, Slow, Low
        0:13 -1 1 of 1, 20.0 km/h, Free, Low
        0:13 -1 [0:00 to 1:00] 1 of 1, 20.0 km/h, Free, Low
        0:13 -1 [0:00 to 5:00] 1 of 1, 20.0 km/h, Free, Low
    "#]]
    .assert_eq(&told(&updates, &Settings::default(), |told| matches!(told, Told::Now(..) | Told::Window(..))));
}

#[test]
fn a_withdrawn_sample_counts_no_more() {
    let (first, second) = (drives("v", 10, 20), drives("v", 11, 40));
    check(
        &[first, second, second, withdrawn(12_000, second), withdrawn(13_000, second), withdrawn(14_000, first)],
        expect![[r#"
        0:10 +1 1 of 1, 20.0 km/h, Slow, Low
        0:11 -1 1 of 1, 20.0 km/h, Slow, Low
        0:11 +1 3 of 1, 33.3 km/h, Heavy, Low
        0:12 +1 2 of 1, 30.0 km/h, Slow, Low
        0:12 -1 3 of 1, 33.3 km/h, Heavy, Low
        0:13 +1 1 of 1, 20.0 km/h, Slow, Low
        0:13 -1 2 of 1, 30.0 km/h, Slow, Low
        0:14 -1 1 of 1, 20.0 km/h, Slow, Low
    "#]],
    );
}

#[test]
fn a_road_has_no_part_in_the_network() {
    let updates = [at(0, is(50)), drives("v", 10, 20)];
    let parts = |has_parts| {
        let parts = trace(
            &updates,
            move |heard| {
                let flows = flows(heard, "Streets", has_parts, &Settings::default());
                flows.parts.map(|_| false).concat(flows.window_parts.map(|_| true))
            },
            MINUTE,
        );
        parts.into_iter().map(|(_, is_of_window, copies)| (is_of_window, copies)).collect::<Vec<_>>()
    };
    assert_eq!(parts(true), [(false, 1), (true, 2)]);
    assert_eq!(parts(false), []);
}

#[test]
fn a_level_begins_where_its_band_does() {
    for (ratio, level) in [
        (12_000, Level::Free),
        (9_000, Level::Free),
        (8_999, Level::Heavy),
        (6_250, Level::Heavy),
        (6_249, Level::Slow),
        (3_500, Level::Slow),
        (3_499, Level::Queuing),
        (2_500, Level::Queuing),
        (2_499, Level::Stationary),
        (0, Level::Stationary),
    ] {
        assert_eq!(Level::of(Ratio(ratio)), level, "{ratio}");
    }
    assert!(Level::Slow.is_congested() && !Level::Heavy.is_congested());
}

#[test]
fn a_road_without_a_free_flow_speed_flows_freely() {
    let moved = Distinct { moved: 2, ..Distinct::default() };
    let row = traffic(&Flow { fixes: 3, ..Flow::default() }, moved, Kmh(10_000), Kmh(0));
    assert_eq!((row.ratio, row.level, row.confidence), (Ratio::ONE, Level::Free, Confidence::High));
}
