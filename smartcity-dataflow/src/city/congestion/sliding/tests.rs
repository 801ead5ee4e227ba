use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::city::congestion::naive::{self, Input, busy, copies, inputs, piece, split, street, streets};
use crate::city::congestion::{free_flow_of_roads, free_flow_of_segments};
use crate::city::fixtures::{camera, fix, kmh, nth, on, readable, short_lives};
use crate::model::Segment;
use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, trace};

/// The traffic on segments (`true`) and roads (`false`).
fn build<'s>(input: Rows<'s, Input>) -> Rows<'s, ((bool, Id), Traffic)> {
    let (samples, cameras, city) = split(input);
    let (segments, roads) = sliding_flows(samples, cameras, &short_lives());
    let segments = congestion(segments, free_flow_of_segments(city.clone())).map(|(id, row)| ((true, id), row));
    segments.concat(congestion(roads, free_flow_of_roads(city)).map(|(id, row)| ((false, id), row)))
}

/// Golden traces show the segments alone: spot samples, vehicles, whole km/h, per cent, level and confidence.
fn check(updates: &[Update<Input>], expected: Expect) {
    let output = trace(updates, build, 80);
    let brief = |row: &Traffic| {
        (row.samples, row.vehicles, (row.speed.0 + 500) / 1_000, row.ratio.0 / 100, row.level, row.confidence)
    };
    let segments = output.iter().filter(|(_, ((is_segment, _), _), _)| *is_segment);
    let segments: Vec<_> = segments.map(|(time, ((_, id), row), diff)| (*time, (*id, brief(row)), *diff)).collect();
    expected.assert_eq(&readable(&segments));
}

fn seen(vehicle: &str, time: i64, arrived: Time, speed: i64) -> Input {
    Input::Placed(on("a", fix(vehicle, time, arrived, (0, 0), Some(speed))))
}

#[test]
fn a_fix_counts_from_its_tick_until_the_width_after_its_event() {
    check(
        &[
            at(0, street("a")),
            at(10, seen("v", 10, 10, 20)),
            at(13, seen("w", 3, 13, 40)),  // ten late: it ends ten earlier
            at(30, seen("v", 90, 30, 50)), // ahead of the clock: it ends as if it happened now
            at(31, seen("v", 12, 31, 50)), // too late for the window, not for the wider one
        ],
        expect![[r#"
            10 +1 (a, (1, 1, 20, 40, Slow, Low))
            13 -1 (a, (1, 1, 20, 40, Slow, Low))
            13 +1 (a, (2, 2, 30, 60, Slow, Low))
            15 +1 (a, (1, 1, 20, 40, Slow, Low))
            15 -1 (a, (2, 2, 30, 60, Slow, Low))
            25 -1 (a, (1, 1, 20, 40, Slow, Low))
            30 +1 (a, (1, 1, 37, 73, Heavy, Low))
            31 -1 (a, (1, 1, 37, 73, Heavy, Low))
            31 +1 (a, (1, 1, 40, 80, Heavy, Low))
            45 -1 (a, (1, 1, 40, 80, Heavy, Low))
        "#]],
    );
}

#[test]
fn fixes_paths_and_cameras_make_one_speed() {
    check(
        &[
            at(0, street("a")),
            at(10, seen("v", 10, 10, 30)),
            at(11, piece("a", 11, 11, (50, 9))),
            at(12, Input::Placed(on("a", camera("331", 12, 12, "main_st", 50)))),
            at(13, Input::Placed(on("a", camera("331", 13, 13, "main_st", 10)))),
        ],
        expect![[r#"
            10 +1 (a, (1, 1, 30, 60, Slow, Low))
            11 +1 (a, (1, 1, 25, 50, Slow, Low))
            11 -1 (a, (1, 1, 30, 60, Slow, Low))
            12 -1 (a, (1, 1, 25, 50, Slow, Low))
            12 +1 (a, (2, 1, 38, 75, Heavy, Low))
            13 +1 (a, (2, 1, 18, 35, Slow, Low))
            13 -1 (a, (2, 1, 38, 75, Heavy, Low))
            25 +1 (a, (1, 0, 10, 20, Stationary, Low))
            25 -1 (a, (2, 1, 18, 35, Slow, Low))
            43 -1 (a, (1, 0, 10, 20, Stationary, Low))
        "#]],
    );
}

#[test]
fn the_wider_window_stands_in_where_samples_are_few_and_remembers_over_a_pause() {
    check(
        &[
            at(0, street("a")),
            at(0, seen("v", 0, 0, 20)),
            at(0, seen("w", 0, 0, 20)),
            at(20, seen("v", 20, 20, 50)), // after five milliseconds without a sample in the narrow window
        ],
        expect![[r#"
            0 +1 (a, (2, 2, 20, 40, Slow, Low))
            15 -1 (a, (2, 2, 20, 40, Slow, Low))
            20 +1 (a, (1, 1, 30, 60, Slow, Low))
            35 -1 (a, (1, 1, 30, 60, Slow, Low))
        "#]],
    );
}

#[test]
fn an_edit_of_the_free_flow_speed_acts_at_once() {
    let [a, _] = streets();
    check(
        &[
            at(10, seen("v", 10, 10, 20)),
            at(11, street("a")),
            gone(12, street("a")),
            at(12, Input::Segment(Segment { free_flow: kmh(20), ..a })),
        ],
        expect![[r#"
            11 +1 (a, (1, 1, 20, 40, Slow, Low))
            12 +1 (a, (1, 1, 20, 100, Free, Low))
            12 -1 (a, (1, 1, 20, 40, Slow, Low))
            25 -1 (a, (1, 1, 20, 100, Free, Low))
        "#]],
    );
}

#[test]
fn a_withdrawn_reading_counts_no_more() {
    let (first, second) = (seen("v", 10, 10, 20), seen("v", 11, 11, 40));
    check(
        &[at(0, street("a")), at(10, first.clone()), at(11, second.clone()), gone(12, second), gone(13, first)],
        expect![[r#"
            10 +1 (a, (1, 1, 20, 40, Slow, Low))
            11 -1 (a, (1, 1, 20, 40, Slow, Low))
            11 +1 (a, (2, 1, 30, 60, Slow, Low))
            12 +1 (a, (1, 1, 20, 40, Slow, Low))
            12 -1 (a, (2, 1, 30, 60, Slow, Low))
            13 -1 (a, (1, 1, 20, 40, Slow, Low))
        "#]],
    );
}

#[test]
fn equal_readings_of_one_moment_both_count() {
    let twice = |offset| Input::Placed(nth(on("a", fix("v", 10, 10, (0, 0), Some(20))), offset));
    check(
        &[at(0, street("a")), at(10, twice(1)), at(10, twice(2))],
        expect![[r#"
        10 +1 (a, (2, 1, 20, 40, Slow, Low))
        25 -1 (a, (2, 1, 20, 40, Slow, Low))
    "#]],
    );
}

/// All samples of the window, or of the wider one where they are few, on every segment and road of the city.
fn naive(seen: &[Update<Input>], now: Time) -> Vec<((bool, Id), Traffic)> {
    let rows = copies(seen);
    let (narrow, wide) = (naive::sliding_samples(&rows, 12, now), naive::sliding_samples(&rows, 36, now));
    let mut traffic = Vec::new();
    for (key, (_, free_flow)) in naive::free_flows(&rows) {
        let here = |samples: &[Sample]| -> Vec<Sample> {
            samples.iter().filter(|sample| naive::counts_on(sample, key)).copied().collect()
        };
        let (narrow, wide) = (here(&narrow), here(&wide));
        let spots = |samples: &[Sample]| naive::row(samples, 0, free_flow).samples;
        let stand_in = spots(&narrow) < 3 && spots(&wide) >= 3;
        let speed = if narrow.is_empty() { None } else { naive::speed(if stand_in { &wide } else { &narrow }) };
        traffic.extend(speed.map(|speed| (key, naive::row(&narrow, speed, free_flow))));
    }
    traffic
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn it_is_the_mean_of_the_samples_in_the_window(updates in inputs(-5..60)) {
        assert_oracle(&updates, 120, build, naive);
    }
}

#[test]
fn neither_order_nor_workers_show() {
    assert_invariant(&busy(), 70, build);
}
