//! Traffic computed from all samples at once, for the oracles of the sliding and the tumbling windows.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::city::fixtures::{
    camera, edits, feed, fix, kmh, metres, nth, on, road_id, segment, segment_id, short_lives,
};
use crate::city::paths::Piece;
use crate::model::{Body, CityRow, Millis, Placed, Segment};
use crate::operators::round_up;
use crate::testing::{Update, at, gone};
use crate::{Diff, Rows};

/// What comes into the capabilities of traffic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(in crate::city) enum Input {
    Placed(Placed),
    Path(Piece),
    Segment(Segment),
}

/// Samples of vehicles, samples by camera, and the city, out of one input.
pub(in crate::city) fn split<'s>(
    input: Rows<'s, Input>,
) -> (Rows<'s, Sample>, Rows<'s, (Id, Sample)>, Rows<'s, CityRow>) {
    let placed = input.clone().flat_map(|row| if let Input::Placed(placed) = row { Some(placed) } else { None });
    let paths = input.clone().flat_map(|row| if let Input::Path(piece) = row { Some(piece) } else { None });
    let city = input.flat_map(|row| if let Input::Segment(row) = row { Some(CityRow::Segment(row)) } else { None });
    (samples(placed.clone(), paths), camera_samples(placed), city)
}

/// A piece of a way on a segment of main_st.
pub(in crate::city) fn piece(on: &str, middle: i64, arrived: Time, (length, seconds): (i64, i64)) -> Input {
    let (segment, road, distance) = (segment_id(on), road_id("main_st"), metres(length));
    Input::Path(Piece { middle: Millis(middle), arrived, segment, road, zone: None, distance, millis: seconds * 1_000 })
}

/// Segments a and b of main_st, b three times as long as a.
pub(in crate::city) fn streets() -> [Segment; 2] {
    [segment("a", (0, 0), (100, 0)), Segment { free_flow: kmh(30), ..segment("b", (100, 0), (400, 0)) }]
}

pub(in crate::city) fn street(name: &str) -> Input {
    let [a, b] = streets();
    Input::Segment(if name == "a" { a } else { b })
}

/// What a feed says, before it is known when and in which order.
#[derive(Clone, Debug)]
enum Said {
    Fix(&'static str, Option<&'static str>, Option<i64>),
    Path(&'static str, i64, i64),
    /// By a camera that watches the road, or a segment of it.
    Camera(&'static str, Option<&'static str>, i64),
}

/// Samples of every kind with event times of `times`, some twice, some withdrawn; segments that come, change and go.
pub(in crate::city) fn inputs(times: std::ops::Range<i64>) -> impl Strategy<Value = Vec<Update<Input>>> {
    let on_street = prop::sample::select(vec!["a", "a", "b", "x"]);
    let speed = prop::sample::select(vec![0, 7, 30, 50, 500]);
    let vehicle = prop::sample::select(vec!["v", "w"]);
    let said = prop_oneof![
        3 => (vehicle, prop::option::weighted(0.9, on_street.clone()), prop::option::weighted(0.9, speed.clone()))
            .prop_map(|(vehicle, street, speed)| Said::Fix(vehicle, street, speed)),
        2 => (on_street.clone(), -5..90i64, 0..12i64).prop_map(|(street, length, time)| Said::Path(street, length, time)),
        1 => (prop::sample::select(vec!["331", "332"]), prop::option::of(on_street), speed)
            .prop_map(|(name, street, speed)| Said::Camera(name, street, speed)),
    ];
    let rows = feed((said, times, any::<bool>()), 40, |(said, time, twin), arrived, offset| match said {
        Said::Fix(vehicle, street, speed) => {
            let fix = nth(fix(vehicle, time, arrived, (0, 0), speed), if twin { 0 } else { offset });
            Input::Placed(street.map_or(fix, |street| on(street, fix)))
        }
        Said::Path(street, length, seconds) => piece(street, time, arrived, (length, seconds)),
        Said::Camera(name, street, speed) => {
            let seen = nth(camera(name, time, arrived, "main_st", speed), offset);
            Input::Placed(street.map_or(seen, |street| on(street, seen)))
        }
    });
    let segments = streets().map(|segment| {
        let slower = Segment { free_flow: kmh(20), ..segment.clone() };
        let elsewhere = Segment { road: road_id("side_st"), length: metres(70), ..segment.clone() };
        edits([segment, slower, elsewhere].map(Input::Segment).to_vec(), 40)
    });
    (rows, Vec::from(segments), any::<bool>()).prop_map(|(rows, edits, city_changes)| {
        let city = if city_changes { edits.concat() } else { vec![at(0, street("a")), at(0, street("b"))] };
        rows.into_iter().chain(city).collect()
    })
}

/// The same traffic on every worker and in every order: fixes, paths and cameras that come, are withdrawn and expire.
pub(in crate::city) fn busy() -> Vec<Update<Input>> {
    let rows = (0..60u64).map(|i| {
        let (time, arrived) = ((i * 13 % 41) as i64 - 9, i / 3);
        let row = match i % 4 {
            0 => piece(["a", "b"][i as usize % 3 % 2], time, arrived, (i as i64, 5)),
            1 => Input::Placed(on("a", nth(camera("331", time, arrived, "main_st", i as i64), i))),
            _ => Input::Placed(on(["a", "b"][i as usize % 2], nth(fix("v", time, arrived, (0, 0), Some(i as i64)), i))),
        };
        (arrived, row)
    });
    let rows = rows.flat_map(|(time, row)| [Some(at(time, row.clone())), (time % 4 == 0).then(|| gone(time + 3, row))]);
    let [a, _] = streets();
    let edit = [gone(9, street("a")), at(9, Input::Segment(Segment { free_flow: kmh(20), ..a }))];
    rows.flatten().chain([at(0, street("a")), at(2, street("b"))]).chain(edit).collect()
}

/// Rows that are present, each as often as it is.
pub(in crate::city) fn copies(seen: &[Update<Input>]) -> Vec<Input> {
    let mut counts: BTreeMap<&Input, Diff> = BTreeMap::new();
    seen.iter().for_each(|(row, _, diff)| *counts.entry(row).or_default() += diff);
    counts.into_iter().flat_map(|(row, copies)| (0..copies).map(|_| row.clone())).collect()
}

/// Samples of fixes and paths, as often as they are there.
pub(in crate::city) fn samples_of(rows: &[Input]) -> Vec<Sample> {
    let sample = |row: &Input| match *row {
        Input::Placed(placed) => {
            let Body::Fix(fix) = placed.reading.body else { return None };
            let observed = Observed::Fix { vehicle: placed.reading.device, speed: fix.speed? };
            let (time, arrived) = (placed.reading.time, placed.reading.arrived);
            placed.segment.map(|segment| Sample {
                time,
                arrived,
                segment: Some(segment),
                road: placed.road.unwrap(),
                observed,
            })
        }
        Input::Path(piece) => Some(Sample {
            time: piece.middle,
            arrived: piece.arrived,
            segment: Some(piece.segment),
            road: piece.road,
            observed: Observed::Path { distance: piece.distance, millis: piece.millis },
        }),
        Input::Segment(_) => None,
    };
    rows.iter().filter_map(sample).collect()
}

/// Samples of cameras, by camera.
pub(in crate::city) fn cameras_of(rows: &[Input]) -> Vec<(Id, Sample)> {
    let sample = |row: &Input| match *row {
        Input::Placed(Placed { reading, segment, road, .. }) => match reading.body {
            Body::Camera(seen) => {
                let observed = Observed::Camera { speed: seen.speed };
                let sample =
                    Sample { time: reading.time, arrived: reading.arrived, segment, road: road.unwrap(), observed };
                Some((seen.camera, sample))
            }
            _ => None,
        },
        _ => None,
    };
    rows.iter().filter_map(sample).collect()
}

/// The samples that count in a sliding window of `width` milliseconds at `now`: those of vehicles that have not ended, and of
/// every camera the newest that lives.
pub(in crate::city) fn sliding_samples(rows: &[Input], width: Time, now: Time) -> Vec<Sample> {
    let counts = |sample: &Sample| round_up((sample.time.0.max(0) as Time).min(sample.arrived) + width, 5) > now;
    let mut live: Vec<_> = samples_of(rows).into_iter().filter(counts).collect();
    let mut newest: BTreeMap<Id, Sample> = BTreeMap::new();
    for (camera, sample) in cameras_of(rows) {
        if sample.arrived + short_lives().traffic_life_ms > now {
            newest.entry(camera).and_modify(|newest| *newest = sample.max(*newest)).or_insert(sample);
        }
    }
    live.extend(newest.into_values());
    live
}

/// Length and free-flow speed of every segment (`true`) and road (`false`) of the city.
pub(in crate::city) fn free_flows(rows: &[Input]) -> BTreeMap<(bool, Id), (i64, i64)> {
    let mut sums: BTreeMap<_, (i64, i64)> = BTreeMap::new();
    for row in rows {
        if let Input::Segment(segment) = row {
            for key in [(true, segment.id), (false, segment.road)] {
                let (length, weighted) = sums.entry(key).or_default();
                *length += segment.length.0;
                *weighted += segment.length.0 * segment.free_flow.0;
            }
        }
    }
    sums.into_iter().map(|(key, (length, weighted))| (key, (length, weighted / length))).collect()
}

/// Whether a sample counts on a segment (`true`) or road (`false`).
pub(in crate::city) fn counts_on(sample: &Sample, (is_segment, id): (bool, Id)) -> bool {
    if is_segment { sample.segment == Some(id) } else { sample.road == id }
}

/// Speeds of the fixes among some samples.
pub(in crate::city) fn fixes(samples: &[Sample]) -> Vec<i64> {
    let speed = |sample: &Sample| if let Observed::Fix { speed, .. } = sample.observed { Some(speed.0) } else { None };
    samples.iter().filter_map(speed).collect()
}

/// The space-mean speed that samples tell.
pub(in crate::city) fn speed(samples: &[Sample]) -> Option<i64> {
    let fixes = fixes(samples);
    let (mut metres, mut time, mut paces) = (0, 0, Vec::new());
    for sample in samples {
        match sample.observed {
            Observed::Fix { .. } => {}
            Observed::Path { distance, millis } => (metres, time) = (metres + distance.0, time + millis),
            Observed::Camera { speed } => paces.push(3_600_000_000_000 / speed.0.max(1_000)),
        }
    }
    let mean = |values: &[i64]| values.iter().sum::<i64>() / values.len() as i64;
    let by_fixes = (!fixes.is_empty()).then(|| mean(&fixes));
    let by_paths = (time > 0).then(|| metres.max(0) * 3_600 / time);
    let by_vehicles = match (by_fixes, by_paths) {
        (Some(a), Some(p)) => Some((a + p) / 2),
        (a, p) => a.or(p),
    };
    let by_cameras = (!paces.is_empty()).then(|| 3_600_000_000_000 / mean(&paces));
    let (n, c) = (fixes.len().max(1) as i64, paces.len() as i64);
    match (by_vehicles, by_cameras) {
        (Some(v), Some(seen)) => Some((v * n + seen * c) / (n + c)),
        (v, seen) => v.or(seen),
    }
}

/// The row of some samples at a speed.
pub(in crate::city) fn row(samples: &[Sample], speed: i64, free_flow: i64) -> Traffic {
    let spot = samples.iter().filter(|sample| !matches!(sample.observed, Observed::Path { .. })).count() as u32;
    let vehicles: BTreeSet<Id> = samples
        .iter()
        .filter_map(|sample| if let Observed::Fix { vehicle, .. } = sample.observed { Some(vehicle) } else { None })
        .collect();
    let ratio = speed * 10_000 / free_flow;
    let bands = [(9_000, Level::Free), (6_250, Level::Heavy), (3_500, Level::Slow), (2_500, Level::Queuing)];
    Traffic {
        samples: spot,
        vehicles: vehicles.len() as u32,
        speed: Kmh(speed),
        free_flow: Kmh(free_flow),
        ratio: Ratio(ratio),
        level: bands.into_iter().find(|(least, _)| ratio >= *least).map_or(Level::Stationary, |(_, level)| level),
        confidence: if spot >= 3 { Confidence::High } else { Confidence::Low },
    }
}
