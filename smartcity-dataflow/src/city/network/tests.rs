use std::collections::{BTreeMap, BTreeSet};

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::Time;
use crate::city::congestion::{Confidence, Level};
use crate::city::fixtures::{feed, kmh, metres, readable, short_lives, zone_id};
use crate::model::Millis;
use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, present_copies, trace};

/// What was observed on a segment: time that the fixes stand for, that of those with a speed, and this speed, km/h; distance in
/// metres and time of the ways; the speed shown, km/h; free flow, km/h; length, metres.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Observed {
    fixes: i64,
    seconds: i64,
    known_seconds: i64,
    speed: i64,
    way: (i64, i64),
    shown: i64,
    free_flow: i64,
    length: i64,
}

/// Two fixes that stand for a minute, on 100 m of 50 km/h.
const SEEN: Observed = Observed {
    fixes: 2,
    seconds: 60,
    known_seconds: 60,
    speed: 20,
    way: (0, 0),
    shown: 20,
    free_flow: 50,
    length: 100,
};

fn part(seen: Observed) -> Option<Part> {
    let (weight, spot_weight) = (seen.seconds * 1_000, seen.known_seconds * 1_000);
    let spots = spot_weight * kmh(seen.speed).0;
    let (distance, millis) = (seen.way.0 * 1_000, seen.way.1 * 1_000);
    let flow = Flow { fixes: seen.fixes, weight, spot_weight, spots, distance, millis, ..Flow::default() };
    let (speed, free_flow) = (kmh(seen.shown), kmh(seen.free_flow));
    let traffic = Traffic {
        samples: seen.fixes as u32,
        vehicles: 1,
        speed,
        free_flow,
        ratio: Ratio::of(speed.0, free_flow.0).unwrap_or(Ratio::ONE),
        level: Level::Free,
        confidence: Confidence::Low,
    };
    Part::of(&flow, &traffic, FreeFlow { length: metres(seen.length), speed: free_flow })
}

fn build<'s>(seen: Rows<'s, Observed>) -> Rows<'s, ((), Network)> {
    network(seen.flat_map(|seen| Some((Some(zone_id("east")), part(seen)?))))
}

/// Samples, whole km/h, travel time index, whole metres, and per cent congested and severely so.
fn brief(row: Network) -> (u32, i64, i64, i64, i64, i64) {
    let whole = |thousandths: i64| (thousandths + 500) / 1_000;
    let shares = (row.congested_share.0 / 100, row.severe_share.0 / 100);
    (row.samples, whole(row.speed.0), row.travel_time_index.0, whole(row.observed.0), shares.0, shares.1)
}

fn check(updates: &[Update<Observed>], expected: Expect) {
    let output = trace(updates, build, 60);
    let output: Vec<_> = output.into_iter().map(|(time, ((), row), diff)| (time, brief(row), diff)).collect();
    expected.assert_eq(&readable(&output));
}

#[test]
fn the_travel_time_index_weighs_by_time_and_the_shares_weigh_length() {
    let slow = SEEN; // 40 % of free flow
    let free = Observed { speed: 50, shown: 50, length: 300, ..SEEN };
    let longer = Observed { fixes: 9, seconds: 180, known_seconds: 180, speed: 40, shown: 40, ..SEEN };
    check(
        &[at(1, slow), at(2, free), at(3, longer), gone(4, slow), gone(5, free), gone(5, longer)],
        expect![[r#"
        1 +1 (2, 20, 25000, 100, 100, 100)
        2 -1 (2, 20, 25000, 100, 100, 100)
        2 +1 (4, 35, 14285, 400, 25, 25)
        3 -1 (4, 35, 14285, 400, 25, 25)
        3 +1 (13, 38, 13157, 500, 40, 20)
        4 +1 (11, 43, 11764, 400, 25, 0)
        4 -1 (13, 38, 13157, 500, 40, 20)
        5 -1 (11, 43, 11764, 400, 25, 0)
    "#]],
    );
}

#[test]
fn fixes_and_ways_are_taken_together_as_on_a_street() {
    let with_way = Observed { way: (100, 9), ..SEEN }; // 40 km/h
    check(
        &[at(1, with_way)],
        expect![[r#"
            1 +1 (2, 20, 24711, 100, 100, 100)
        "#]],
    );
    let without_speeds = Observed { known_seconds: 0, speed: 0, ..with_way };
    check(
        &[at(1, without_speeds)],
        expect![[r#"
        1 +1 (2, 40, 12500, 100, 100, 100)
    "#]],
    );
}

#[test]
fn where_most_fixes_have_no_speed_the_ways_speak_alone() {
    let without_speeds = Observed { seconds: 61, known_seconds: 0, speed: 0, way: (100, 9), ..SEEN };
    check(
        &[at(1, SEEN), at(2, without_speeds), at(3, SEEN)],
        expect![[r#"
            1 +1 (2, 20, 25000, 100, 100, 100)
            2 -1 (2, 20, 25000, 100, 100, 100)
            2 +1 (4, 40, 12500, 200, 100, 100)
            3 -1 (4, 40, 12500, 200, 100, 100)
            3 +1 (6, 20, 24731, 300, 100, 100)
        "#]],
    );
}

#[test]
fn a_segment_whose_fixes_tell_no_speed_is_no_part_of_the_network() {
    let of_cameras = Observed { fixes: 0, seconds: 0, known_seconds: 0, ..SEEN };
    let of_ways_elsewhere = Observed { way: (100, 9), ..of_cameras };
    let of_few_speeds = Observed { known_seconds: 29, ..SEEN };
    assert_eq!([of_cameras, of_ways_elsewhere, of_few_speeds].map(part), [None; 3]);
}

#[test]
fn where_everyone_stands_the_index_is_a_thousand() {
    check(
        &[at(1, Observed { speed: 0, shown: 0, ..SEEN })],
        expect![[r#"
        1 +1 (2, 0, 10000000, 100, 100, 100)
    "#]],
    );
}

#[test]
fn a_flood_of_fixes_does_not_overflow() {
    let fixes = 100_000_000;
    let flood = Observed {
        fixes,
        seconds: 30 * fixes,
        known_seconds: 30 * fixes,
        speed: 500,
        way: (1, 1),
        free_flow: 0,
        ..SEEN
    };
    check(
        &[at(1, flood)],
        expect![[r#"
            1 +1 (100000000, 500, 20, 100, 0, 0)
        "#]],
    );
}

/// The figures of segments, taken one by one.
fn figures(observed: &[Observed]) -> Option<Network> {
    let of_way = |seen: &Observed| (seen.way.1 > 0 && seen.seconds > 0).then(|| seen.way.0.max(0) * 3_600 / seen.way.1);
    let has_spots = |seen: &Observed| seen.known_seconds > 0 && 2 * seen.known_seconds >= seen.seconds;
    let parts: Vec<_> = observed.iter().filter(|seen| has_spots(seen) || of_way(seen).is_some()).collect();
    let sum = |of: &dyn Fn(&Observed) -> i64| -> i64 { parts.iter().map(|seen| of(seen)).sum() };
    let free = |seen: &Observed| (seen.free_flow * 1_000).max(1_000);
    let (time, known) = (sum(&|seen| seen.seconds * 1_000), sum(&|seen| seen.known_seconds * 1_000));
    let under_way = sum(&|seen| if of_way(seen).is_some() { seen.seconds * 1_000 } else { 0 });
    // Metres an hour, by milliseconds.
    let spots = |seen: &Observed| seen.known_seconds * seen.speed * 1_000_000;
    let ways = |seen: &Observed| of_way(seen).map_or(0, |speed| seen.seconds * speed * 1_000);
    // Thousandths of a metre an hour, millionths of free flow.
    let mean = |of: &dyn Fn(&Observed) -> i64, time: i64| {
        let ratio = || (i128::from(sum(&|seen| of(seen) * 1_000 / free(seen))) * 1_000 / i128::from(time)) as i64;
        (time > 0).then(|| ((i128::from(sum(of)) * 1_000 / i128::from(time)) as i64, ratio()))
    };
    let of_fixes = if 2 * known >= time { mean(&spots, known) } else { None };
    let of_ways = mean(&ways, under_way);
    // Parts of an hour: a fifth and the time of the spot speeds, against that of the ways up to 40 s, to the fourth power.
    let took = sum(&|seen| if of_way(seen).is_some() { seen.way.1 * 1_000 } else { 0 }).min(40_000);
    let parts = [720_000 + known, (took * took / 40_000).pow(2) * 90 / 40_000].map(i128::from);
    let together = |which: fn((i64, i64)) -> i64| match (of_fixes.map(which), of_ways.map(which)) {
        (Some(fixes), Some(ways)) => {
            let both = parts[0] * i128::from(fixes) + parts[1] * i128::from(ways);
            Some((both / (parts[0] + parts[1])) as i64)
        }
        (fixes, ways) => fixes.or(ways),
    };
    let (speed, ratio) = (together(|(speed, _)| speed)?, together(|(_, ratio)| ratio)?);
    let length = sum(&|seen| seen.length * 1_000);
    let below = |per_cent: i64| {
        sum(&|seen| {
            if seen.free_flow > 0 && seen.shown * 100 < per_cent * seen.free_flow { seen.length * 1_000 } else { 0 }
        })
    };
    Some(Network {
        samples: sum(&|seen| seen.fixes) as u32,
        speed: Kmh(speed / 1_000),
        travel_time_index: Ratio(10_000_000_000 / ratio.max(1_000)),
        observed: Millimetres(length),
        congested_share: Ratio(below(90) * 10_000 / length),
        severe_share: Ratio(below(50) * 10_000 / length),
    })
}

fn naive(seen: &[Update<Observed>], _: Time) -> Vec<((), Network)> {
    figures(&present_copies(seen)).map(|row| ((), row)).into_iter().collect()
}

/// A segment in a window, which the stage of the segment would close itself.
type InWindow = (Window, Observed);

fn build_windows<'s>(seen: Rows<'s, InWindow>) -> Rows<'s, (Window, Network)> {
    network_windows(seen.flat_map(|(window, seen)| Some((window, part(seen)?))), &short_lives())
}

fn naive_windows(seen: &[Update<InWindow>], now: Time) -> Vec<(Window, Network)> {
    let rows = present_copies(seen);
    let windows: BTreeSet<Window> = rows.iter().map(|(window, _)| *window).collect();
    let mut segments: BTreeMap<Window, Vec<Observed>> = BTreeMap::new();
    for window in windows {
        // They are amended for 40 ms, in ticks of 5.
        if now < ((window.start.0 + window.width + 40) as Time).div_ceil(5) * 5 {
            let here = rows.iter().filter(|(other, _)| *other == window).map(|(_, seen)| *seen).collect();
            segments.insert(window, here);
        }
    }
    segments.into_iter().filter_map(|(window, segments)| Some((window, figures(&segments)?))).collect()
}

fn observed() -> impl Strategy<Value = Observed> {
    let seconds = prop_oneof![1 => Just((0, 0)), 2 => Just((30, 30)), 3 => (1..90i64, 0..90i64)];
    let way = prop_oneof![1 => Just((0, 0)), 2 => (-9..500i64, 1..60i64)];
    let speeds = (0..70i64, 0..70i64, prop::sample::select(vec![0, 30, 50]));
    (0..9i64, seconds, way, speeds, 1..400i64).prop_map(
        |(fixes, (seconds, known), way, (speed, shown, free_flow), length)| {
            let known_seconds = known.min(seconds);
            Observed { fixes, seconds, known_seconds, speed, way, shown, free_flow, length }
        },
    )
}

fn in_windows() -> impl Strategy<Value = Vec<Update<InWindow>>> {
    let start = prop::sample::select(vec![-60_000, -59_990, -59_999]);
    feed((start, observed()), 60, |(start, seen), _, _| (Window { width: 60_000, start: Millis(start) }, seen))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_is_the_sum_of_the_segments(updates in feed(observed(), 20, |seen, _, _| seen)) {
        assert_oracle(&updates, 45, build, naive);
    }

    #[test]
    fn it_is_the_sum_of_the_segments_in_every_open_window(updates in in_windows()) {
        assert_oracle(&updates, 130, build_windows, naive_windows);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn neither_order_nor_workers_show(now in feed(observed(), 20, |seen, _, _| seen), windows in in_windows()) {
        assert_invariant(&now, 45, build);
        assert_invariant(&windows, 130, build_windows);
    }
}
