use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::city::congestion::naive::{self, Input, busy, copies, inputs, piece, split, street};
use crate::city::congestion::{free_flow_of_roads, free_flow_of_segments};
use crate::city::fixtures::{fix, on, readable, short_lives};
use crate::model::Millis;
use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, trace};

type Key = (bool, Id);

/// The traffic on segments (`true`) and roads (`false`) by window, of fixes, paths and cameras.
fn build_with<'s>(input: Rows<'s, Input>, settings: &Settings) -> Rows<'s, ((Key, Window), Traffic)> {
    let (samples, cameras, city) = split(input);
    let (segments, roads) = window_flows(samples.concat(cameras.map(|(_, sample)| sample)), settings);
    let segments = window_congestion(segments, free_flow_of_segments(city.clone()));
    let roads = window_congestion(roads, free_flow_of_roads(city));
    let segments = segments.map(|((id, window), row)| (((true, id), window), row));
    segments.concat(roads.map(|((id, window), row)| (((false, id), window), row)))
}

fn build<'s>(input: Rows<'s, Input>) -> Rows<'s, ((Key, Window), Traffic)> {
    build_with(input, &short_lives())
}

const MINUTE: i64 = 60_000;

/// Golden traces show the windows of a minute on segments, by default settings: start in minutes, spot samples, whole km/h.
fn check(updates: &[Update<Input>], expected: Expect) {
    let output = trace(updates, |input| build_with(input, &Settings::default()), 60 * MINUTE as Time);
    let shown = output.iter().filter(|(_, (((is_segment, _), window), _), _)| *is_segment && window.width == MINUTE);
    let brief = |window: &Window, row: &Traffic| (window.start.0 / MINUTE, row.samples, (row.speed.0 + 500) / 1_000);
    let shown: Vec<_> =
        shown.map(|(time, (((_, id), window), row), diff)| (*time, (*id, brief(window, row)), *diff)).collect();
    expected.assert_eq(&readable(&shown));
}

fn seen(time: i64, arrived: Time, speed: i64) -> Input {
    Input::Placed(on("a", fix("v", time, arrived, (0, 0), Some(speed))))
}

#[test]
fn a_window_begins_with_its_first_millisecond_and_ends_before_the_next_ones() {
    check(
        &[
            at(0, street("a")),
            at(61_000, seen(59_999, 61_000, 10)),
            at(61_000, seen(60_000, 61_000, 20)),
            at(125_000, seen(119_999, 125_000, 40)),
            at(125_000, seen(120_000, 125_000, 50)),
        ],
        expect![[r#"
            61000 +1 (a, (0, 1, 10))
            61000 +1 (a, (1, 1, 20))
            125000 -1 (a, (1, 1, 20))
            125000 +1 (a, (1, 2, 30))
            125000 +1 (a, (2, 1, 50))
            960000 -1 (a, (0, 1, 10))
            1020000 -1 (a, (1, 2, 30))
            1080000 -1 (a, (2, 1, 50))
        "#]],
    );
}

#[test]
fn late_rows_and_withdrawals_amend_a_window_until_it_closes() {
    // The first minute closes at 16:00, the others are amended still.
    let closes = 16 * MINUTE as Time;
    let withdrawn = seen(30_000, 31_000, 30);
    check(
        &[
            at(0, street("a")),
            at(31_000, withdrawn.clone()),
            at(closes - 100, seen(10_000, closes - 100, 50)),
            at(closes, seen(20_000, closes, 10)),
            gone(closes + 100, withdrawn),
            at(closes + 100, seen(60_000, closes + 100, 40)),
        ],
        expect![[r#"
            31000 +1 (a, (0, 1, 30))
            959900 -1 (a, (0, 1, 30))
            959900 +1 (a, (0, 2, 40))
            960000 -1 (a, (0, 2, 40))
            960100 +1 (a, (1, 1, 40))
            1020000 -1 (a, (1, 1, 40))
        "#]],
    );
}

#[test]
fn a_path_counts_where_its_middle_lies() {
    check(
        &[
            at(0, street("a")),
            at(70_000, piece("a", 59_999, 70_000, (50, 9))),
            at(70_000, piece("a", 60_000, 70_000, (50, 18))),
        ],
        expect![[r#"
            70000 +1 (a, (0, 0, 20))
            70000 +1 (a, (1, 0, 10))
            960000 -1 (a, (0, 0, 20))
            1020000 -1 (a, (1, 0, 10))
        "#]],
    );
}

#[test]
fn closing_a_window_takes_nothing_from_the_next_use_of_its_key() {
    let closes = closes(&short_lives());
    let window = Window { width: MINUTE, start: Millis(-MINUTE) };
    assert_eq!(closes(&window), 40);
    let output = trace(
        &[at(0, street("a")), at(39, seen(-1, 39, 30)), at(40, seen(-1, 40, 30)), at(41, seen(-1, 41, 30))],
        build,
        100,
    );
    let minutes = output.iter().filter(|(_, ((_, window), _), _)| window.width == MINUTE);
    let ticks: Vec<_> = minutes.map(|(time, (((is_segment, _), _), _), diff)| (*time, *is_segment, *diff)).collect();
    assert_eq!(ticks, [(39, false, 1), (39, true, 1), (40, false, -1), (40, true, -1)]);
}

/// All samples of every open window, on every segment and road of the city.
fn naive(seen: &[Update<Input>], now: Time) -> Vec<((Key, Window), Traffic)> {
    let rows = copies(seen);
    let samples: Vec<_> = naive::samples_of(&rows)
        .into_iter()
        .chain(naive::cameras_of(&rows).into_iter().map(|(_, sample)| sample))
        .collect();
    let mut traffic = Vec::new();
    for (key, (_, free_flow)) in naive::free_flows(&rows) {
        for width in [60_000, 300_000] {
            for start in [-width, 0] {
                let in_window =
                    |sample: &&Sample| naive::counts_on(sample, key) && (start..start + width).contains(&sample.time.0);
                let here: Vec<_> = samples.iter().filter(in_window).copied().collect();
                let open = now < ((start + width) as Time + 40).div_ceil(5) * 5;
                let window = Window { width, start: Millis(start) };
                let speed = naive::speed(&here).filter(|_| open);
                traffic.extend(speed.map(|speed| ((key, window), naive::row(&here, speed, free_flow))));
            }
        }
    }
    traffic
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn it_is_the_mean_of_the_samples_in_every_open_window(updates in inputs(-30..30)) {
        assert_oracle(&updates, 120, build, naive);
    }
}

#[test]
fn neither_order_nor_workers_show() {
    assert_invariant(&busy(), 70, build);
}
