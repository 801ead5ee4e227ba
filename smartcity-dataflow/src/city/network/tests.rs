use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::Time;
use crate::city::congestion::naive::{self, Input, busy, copies, inputs, piece, split, street};
use crate::city::congestion::{Sample, free_flow_of_segments, sliding_flows, window_flows};
use crate::city::fixtures::{fix, on, readable, short_lives};
use crate::model::Millis;
use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, trace};

fn sliding<'s>(input: Rows<'s, Input>) -> Rows<'s, ((), Network)> {
    let (samples, cameras, city) = split(input);
    let (flows, _) = sliding_flows(samples, cameras, &short_lives());
    network(sliding_parts(flows, free_flow_of_segments(city)))
}

fn windows<'s>(input: Rows<'s, Input>) -> Rows<'s, (Window, Network)> {
    let (samples, cameras, city) = split(input);
    let (flows, _) = window_flows(samples.concat(cameras.map(|(_, sample)| sample)), &short_lives());
    network_windows(flows, free_flow_of_segments(city), &short_lives())
}

/// Samples, whole km/h, travel time index, whole metres, and per cent congested and severely so.
fn brief(row: Network) -> (u32, i64, i64, i64, i64, i64) {
    let whole = |thousandths: i64| (thousandths + 500) / 1_000;
    let shares = (row.congested_share.0 / 100, row.severe_share.0 / 100);
    (row.samples, whole(row.speed.0), row.travel_time_index.0, whole(row.observed.0), shares.0, shares.1)
}

fn check(updates: &[Update<Input>], expected: Expect) {
    let output = trace(updates, sliding, 60);
    let output: Vec<_> = output.into_iter().map(|(time, ((), row), diff)| (time, brief(row), diff)).collect();
    expected.assert_eq(&readable(&output));
}

fn seen(street: &str, time: i64, speed: i64) -> Input {
    Input::Placed(on(street, fix("v", time, time as Time, (0, 0), Some(speed))))
}

#[test]
fn the_travel_time_index_weighs_every_fix_and_the_shares_weigh_length() {
    check(
        &[
            at(0, street("a")),
            at(0, street("b")),
            at(10, seen("a", 10, 20)), // 40 % of free flow, on 100 m
            at(11, seen("b", 11, 30)), // at free flow, on 300 m
            at(12, seen("b", 12, 15)),
            gone(13, seen("a", 10, 20)),
        ],
        expect![[r#"
            10 +1 (1, 20, 25000, 100, 100, 100)
            11 -1 (1, 20, 25000, 100, 100, 100)
            11 +1 (2, 25, 14285, 400, 24, 24)
            12 -1 (2, 25, 14285, 400, 24, 24)
            12 +1 (3, 22, 15789, 400, 100, 24)
            13 +1 (2, 23, 13333, 300, 100, 0)
            13 -1 (3, 22, 15789, 400, 100, 24)
            25 -1 (2, 23, 13333, 300, 100, 0)
        "#]],
    );
}

#[test]
fn a_segment_without_a_fix_is_no_part_of_the_network() {
    check(&[at(0, street("a")), at(10, piece("a", 10, 10, (50, 9)))], expect![[r#""#]]);
}

#[test]
fn where_everyone_stands_the_index_is_a_thousand() {
    check(
        &[at(0, street("a")), at(10, seen("a", 10, 0))],
        expect![[r#"
        10 +1 (1, 0, 10000000, 100, 100, 100)
        25 -1 (1, 0, 10000000, 100, 100, 100)
    "#]],
    );
}

#[test]
fn a_flood_of_fixes_does_not_overflow() {
    let (fixes, speed) = (1_000_000_000, Kmh(500_000));
    let flow = Flow { fixes, speeds: fixes * speed.0, ..Flow::default() };
    let free = FreeFlow { length: Millimetres(100_000), speed: Kmh(0) };
    let part = Part::of(&flow, &traffic(flow, speed, free.speed), free).unwrap();
    let mut sum = NetworkSum::default();
    sum.add(part, 1);
    assert_eq!(sum.output().map(|row| (row.samples, row.speed)), Some((1_000_000_000, speed)));
}

/// The network of some samples by segment, each with its speed, free-flow speed and length.
fn figures(segments: &[(Vec<Sample>, i64, i64, i64)]) -> Option<Network> {
    let observed: Vec<_> = segments.iter().filter(|(samples, ..)| !naive::fixes(samples).is_empty()).collect();
    let fixes: Vec<i64> = observed.iter().flat_map(|(samples, ..)| naive::fixes(samples)).collect();
    let n = fixes.len() as i64;
    let ratios: i64 = observed
        .iter()
        .map(|(samples, _, free_flow, _)| naive::fixes(samples).iter().sum::<i64>() * 1_000_000 / free_flow)
        .sum();
    let below = |ten_thousandths: i64| -> i64 {
        let slow = observed.iter().filter(|(_, speed, free_flow, _)| speed * 10_000 / free_flow < ten_thousandths);
        slow.map(|(.., length)| length).sum()
    };
    let length: i64 = observed.iter().map(|(.., length)| length).sum();
    (n > 0).then(|| Network {
        samples: n as u32,
        speed: Kmh(fixes.iter().sum::<i64>() / n),
        travel_time_index: Ratio(n * 1_000_000 * 10_000 / ratios.max(n * 1_000)),
        observed: Millimetres(length),
        congested_share: Ratio(below(9_000) * 10_000 / length),
        severe_share: Ratio(below(5_000) * 10_000 / length),
    })
}

fn naive_sliding(seen: &[Update<Input>], now: Time) -> Vec<((), Network)> {
    let rows = copies(seen);
    let (narrow, wide) = (naive::sliding_samples(&rows, 12, now), naive::sliding_samples(&rows, 36, now));
    let mut segments = Vec::new();
    for (key, (length, free_flow)) in naive::free_flows(&rows).into_iter().filter(|((is_segment, _), _)| *is_segment) {
        let here = |samples: &[Sample]| -> Vec<Sample> {
            samples.iter().filter(|sample| naive::counts_on(sample, key)).copied().collect()
        };
        let (narrow, wide) = (here(&narrow), here(&wide));
        let spots = |samples: &[Sample]| naive::row(samples, 0, free_flow).samples;
        let stand_in = spots(&narrow) < 3 && spots(&wide) >= 3;
        let speed = naive::speed(if stand_in { &wide } else { &narrow });
        segments.extend(speed.map(|speed| (narrow, speed, free_flow, length)));
    }
    figures(&segments).map(|row| ((), row)).into_iter().collect()
}

fn naive_windows(seen: &[Update<Input>], now: Time) -> Vec<(Window, Network)> {
    let rows = copies(seen);
    let cameras = naive::cameras_of(&rows).into_iter().map(|(_, sample)| sample);
    let samples: Vec<_> = naive::samples_of(&rows).into_iter().chain(cameras).collect();
    let free_flows = naive::free_flows(&rows);
    let mut segments: BTreeMap<Window, Vec<_>> = BTreeMap::new();
    for (key, (length, free_flow)) in free_flows.into_iter().filter(|((is_segment, _), _)| *is_segment) {
        for (width, start) in [(60_000, -60_000), (60_000, 0), (300_000, -300_000), (300_000, 0)] {
            let in_window =
                |sample: &&Sample| naive::counts_on(sample, key) && (start..start + width).contains(&sample.time.0);
            let here: Vec<_> = samples.iter().filter(in_window).copied().collect();
            if now < ((start + width) as Time + 40).div_ceil(5) * 5
                && let Some(speed) = naive::speed(&here)
            {
                segments
                    .entry(Window { width, start: Millis(start) })
                    .or_default()
                    .push((here, speed, free_flow, length));
            }
        }
    }
    segments.into_iter().filter_map(|(window, segments)| Some((window, figures(&segments)?))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_is_the_sum_of_the_segments_in_the_sliding_window(updates in inputs(-5..60)) {
        assert_oracle(&updates, 120, sliding, naive_sliding);
    }

    #[test]
    fn it_is_the_sum_of_the_segments_in_every_open_window(updates in inputs(-30..30)) {
        assert_oracle(&updates, 120, windows, naive_windows);
    }
}

#[test]
fn neither_order_nor_workers_show() {
    assert_invariant(&busy(), 70, sliding);
    assert_invariant(&busy(), 70, windows);
}
