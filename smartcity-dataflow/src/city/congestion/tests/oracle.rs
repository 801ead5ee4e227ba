//! What the stage of a street tells, against a function of all that was said to it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::Diff;
use crate::city::fixtures::{edits, zone_id};
use crate::testing::{assert_invariant, present_copies};

/// A speed in metres an hour, of samples and cameras; the standing ones count in a queue.
fn naive_speed(samples: &[Sample], cameras: &[Kmh], is_queue: bool) -> Option<i64> {
    let (mut fixes, mut time, mut known, mut speeds, mut way, mut under_way) = (0, 0, 0, 0, 0, 0);
    for sample in samples.iter().filter(|sample| is_queue || !sample.stands) {
        if let Some(spot) = sample.spot {
            fixes += 1;
            time += i64::from(spot.weight);
            known += if spot.speed.is_some() { i64::from(spot.weight) } else { 0 };
            let speed = if sample.stands { 0 } else { spot.speed.unwrap_or(0) };
            speeds += i64::from(spot.weight) * i64::from(speed);
            under_way += if sample.stands { i64::from(spot.weight) } else { 0 };
        }
        if !sample.stands {
            way += i64::from(sample.distance);
            under_way += i64::from(sample.millis);
        }
    }
    let of_spots = (known > 0 && 2 * known >= time).then(|| speeds / known);
    let of_ways = (under_way > 0).then(|| way.max(0) * 3_600 / under_way);
    let of_vehicles = match (of_spots, of_ways) {
        (Some(spots), Some(ways)) => {
            // By the hour: a fifth and what the fixes stand for, against the square's square of what the ways took of 40 s.
            let spots_count = 3_600_000 / 5 + known;
            let ways_count = (under_way.min(40_000).pow(2) / 40_000).pow(2) * 3_600 / 40 / 40_000;
            Some((spots * spots_count + ways * ways_count) / (spots_count + ways_count))
        }
        (spots, ways) => spots.or(ways),
    };
    let seen = cameras.len() as i64;
    let paces: i64 = cameras.iter().map(|speed| 3_600_000_000_000 / speed.0.max(1_000)).sum();
    let of_cameras = (seen > 0).then(|| 3_600_000_000_000 / (paces / seen));
    match (of_vehicles, of_cameras) {
        (Some(speed), Some(camera)) => Some((speed * fixes.max(1) + camera * seen) / (fixes.max(1) + seen)),
        (speed, camera) => speed.or(camera),
    }
}

/// The figures of some samples and camera readings, drawn to those of a longer while, `behind`.
fn naive_figures(
    (samples, cameras): (&[Sample], &[Kmh]),
    behind: (&[Sample], &[Kmh]),
    free_flow: FreeFlow,
) -> Option<(Traffic, Option<Part>)> {
    let distinct = |which: &dyn Fn(&Sample) -> bool| {
        let vehicles: BTreeSet<_> =
            samples.iter().filter(|sample| which(sample)).map(|sample| sample.vehicle).collect();
        vehicles.len() as u32
    };
    let standing = distinct(&|sample| sample.stands && sample.spot.is_some());
    let moved = distinct(&|sample| sample.moved);
    let seen = distinct(&|sample| sample.spot.is_some());
    if cameras.is_empty() && seen == 1 && moved == 0 {
        return None; // it may be parked
    }
    let others_are_slow = naive_speed(samples, cameras, false).is_some_and(|speed| 2 * speed < free_flow.speed.0);
    let is_queue = others_are_slow && moved >= 1 && standing >= 1 || standing >= 2 && standing >= moved;

    let in_traffic: Vec<_> = samples.iter().filter(|sample| is_queue || !sample.stands).collect();
    let spots: Vec<_> = in_traffic.iter().filter_map(|sample| Some((*sample, sample.spot?))).collect();
    let weight: i64 = spots.iter().map(|(_, spot)| i64::from(spot.weight)).sum();
    let own = naive_speed(samples, cameras, is_queue)?;
    let behind = naive_speed(behind.0, behind.1, is_queue).unwrap_or(own);
    let n = weight + 30_000 * cameras.len() as i64;
    let speed = (n * own + 60_000 * behind) / (n + 60_000);

    let ratio = if free_flow.speed.0 > 0 { speed * 10_000 / free_flow.speed.0 } else { 10_000 };
    let bands = [(9_000, Level::Free), (6_250, Level::Heavy), (3_500, Level::Slow), (2_500, Level::Queuing)];
    let is_sure = spots.len() + cameras.len() >= 3 && moved as usize + cameras.len() >= 2;
    let traffic = Traffic {
        samples: (spots.len() + cameras.len()) as u32,
        vehicles: distinct(&|sample| sample.spot.is_some() && (is_queue || !sample.stands)),
        speed: Kmh(speed),
        free_flow: free_flow.speed,
        ratio: Ratio(ratio),
        level: bands.into_iter().find(|(least, _)| ratio >= *least).map_or(Level::Stationary, |(_, level)| level),
        confidence: if is_sure { Confidence::High } else { Confidence::Low },
    };
    let known = spots.iter().filter(|(_, spot)| spot.speed.is_some());
    let under_way = |sample: &&Sample| match sample.spot {
        Some(spot) if sample.stands => i64::from(spot.weight),
        None if sample.stands => 0,
        _ => i64::from(sample.millis),
    };
    let flow = Flow {
        fixes: spots.len() as i64,
        weight,
        spot_weight: known.clone().map(|(_, spot)| i64::from(spot.weight)).sum(),
        spots: known
            .filter(|(sample, _)| !sample.stands)
            .map(|(_, spot)| i64::from(spot.weight) * i64::from(spot.speed.unwrap_or(0)))
            .sum(),
        distance: in_traffic.iter().filter(|sample| !sample.stands).map(|sample| i64::from(sample.distance)).sum(),
        millis: in_traffic.iter().map(under_way).sum(),
        ..Flow::default()
    };
    Some((traffic, Part::of(&flow, &traffic, free_flow)))
}

fn round_up_to(time: Time, multiple: Time) -> Time {
    time.div_ceil(multiple) * multiple
}

/// What every street tells at `now`, from all that is said to it.
fn naive(seen: &[Update<Input>], now: Time, settings: &Settings) -> Vec<Told> {
    let mut told = Vec::new();
    let rows = present_copies(seen);
    let streets: BTreeSet<Id> = rows.iter().map(|(street, _)| *street).collect();
    for street in streets {
        let (mut info, mut samples, mut newest, mut cameras) = (None, Vec::new(), Vec::new(), Vec::new());
        for (_, heard) in rows.iter().filter(|(id, _)| *id == street) {
            match *heard {
                Heard::Is(known) => info = Some(known),
                Heard::Sample(sample) => samples.push(sample),
                Heard::CameraNow(speed) => newest.push(speed),
                Heard::CameraAt(time, speed) => cameras.push((time, speed)),
            }
        }
        let Some(StreetInfo { free_flow, zone }) = info else { continue };
        let between = |from: i64, until: i64| -> (Vec<Sample>, Vec<Kmh>) {
            let is_in = |time: Millis| (from..until).contains(&time.0);
            let samples = samples.iter().filter(|sample| is_in(sample.time)).copied().collect();
            (samples, cameras.iter().filter(|(time, _)| is_in(*time)).map(|(_, speed)| *speed).collect())
        };

        let slide = round_up_to(5_000, settings.tick_ms);
        let counts = |sample: &&Sample| {
            let since = (sample.time.0.max(0) as Time).min(sample.arrived);
            now < round_up_to(since + settings.traffic_window_ms, slide)
        };
        let alive: Vec<_> = samples.iter().filter(counts).copied().collect();
        let minute_ends = (now as i64 / 60_000 + 1) * 60_000;
        let trailing = round_up_to(3 * settings.traffic_window_ms, 60_000) as i64;
        let behind = between(minute_ends - trailing, minute_ends);
        if let Some((traffic, part)) = naive_figures((&alive, &newest), (&behind.0, &behind.1), free_flow) {
            told.push(Told::Now(street, traffic));
            told.extend(part.map(|part| Told::Part(zone, part)));
        }

        let times = samples.iter().map(|sample| sample.time.0).chain(cameras.iter().map(|(time, _)| time.0));
        let windows: BTreeSet<(i64, i64)> =
            times.flat_map(|time| [60_000, 300_000].map(|width| (time.div_euclid(width) * width, width))).collect();
        for (start, width) in windows {
            let end = start + width;
            if now >= round_up_to(end as Time + settings.retention_ms, settings.tick_ms) {
                continue;
            }
            let (own, behind) = (between(start, end), between(end - 900_000, end));
            if let Some((traffic, part)) = naive_figures((&own.0, &own.1), (&behind.0, &behind.1), free_flow) {
                let window = Window { width, start: Millis(start) };
                told.push(Told::Window((street, window), traffic));
                told.extend(part.map(|part| Told::WindowPart(window, part)));
            }
        }
    }
    told.sort();
    told
}

/// Asserts that what is told is [`naive`] of what was heard, every `step` and wherever it changes and just before.
fn assert_told(mut updates: Vec<Update<Input>>, settings: &Settings, step: Time) {
    updates.sort_by_key(|(_, time, _)| *time);
    let Some(((_, first, _), (_, last, _))) = updates.first().zip(updates.last()) else { return };
    let (first, through) = (*first, round_up_to(last + 25 * MINUTE + settings.retention_ms, step));
    let built = settings.clone();
    let output = trace(&updates, move |heard| build(heard, &built), through);
    let mut times: BTreeSet<Time> = (first..=through).step_by(step as usize).collect();
    for (time, ..) in &output {
        assert_eq!(time % settings.tick_ms, 0, "a change at {time} is at no tick");
        times.extend([*time, time.saturating_sub(settings.tick_ms)]);
    }
    let mut changes = output.into_iter().peekable();
    let mut told: BTreeMap<Told, Diff> = BTreeMap::new();
    for now in times {
        while let Some((_, row, diff)) = changes.next_if(|(time, ..)| *time <= now) {
            *told.entry(row).or_default() += diff;
        }
        told.retain(|_, copies| *copies != 0);
        assert!(told.values().all(|copies| *copies > 0), "at {now}: {told:?}");
        let actual: Vec<_> = told.iter().flat_map(|(row, copies)| (0..*copies).map(move |_| row.clone())).collect();
        let heard = updates.partition_point(|(_, time, _)| *time <= now);
        let expected = naive(&updates[..heard], now, settings);
        assert_eq!(actual, expected, "at {now}; left is the stage, right the naive function");
    }
}

/// The default settings and odd ones, each with the step at which things are heard: a multiple of its tick.
fn settings() -> impl Strategy<Value = (Settings, Time)> {
    let odd = |tick_ms, retention_ms, traffic_window_ms| Settings {
        tick_ms,
        retention_ms,
        traffic_window_ms,
        ..Settings::default()
    };
    prop::sample::select(vec![
        (Settings::default(), 5_000),
        (odd(7_000, 70_000, 45_000), 7_000),
        (odd(2_000, 200_500, 100_000), 4_000),
        (odd(60_000, 600_000, 60_000), 60_000),
        (odd(500, 500, 1_000), 3_500),
    ])
}

/// Samples of every kind: on time, late, ahead of the clock, twice, told again, withdrawn; streets that come, change and go.
fn inputs() -> impl Strategy<Value = (Vec<Update<Input>>, Settings, Time)> {
    settings().prop_flat_map(|(settings, step)| {
        let ticks = 12 * MINUTE / step;
        let lag = prop_oneof![4 => -20_000..=0i64, 2 => -1_300_000..=0i64, 1 => 0..400_000i64];
        let event = (lag, prop_oneof![3 => Just(None), 1 => Just(Some(0)), 1 => Just(Some(1))]);
        let spot = (prop::sample::select(vec![1_000, 9_999, 30_000]), prop::option::weighted(0.7, 0..70_000));
        let spot = prop::option::weighted(0.8, spot.prop_map(|(weight, speed)| Spot { weight, speed }));
        let way = prop_oneof![1 => Just((0, 0)), 1 => (-5_000..300_000, 0..30_000)];
        let vehicle = prop::sample::select(vec!["v", "w", "x"]);
        let said = prop_oneof![
            8 => (vehicle, spot, way, any::<bool>(), prop::bool::weighted(0.3)).prop_map(
                |(vehicle, spot, (distance, millis), moved, stands)| {
                    let sample = sample(vehicle, 0, 0, 0);
                    Heard::Sample(Sample { spot, distance, millis, moved, stands, ..sample })
                }
            ),
            1 => (0..60_000i64).prop_map(|speed| Heard::CameraNow(Kmh(speed))),
            1 => (0..60_000i64).prop_map(|speed| Heard::CameraAt(Millis(0), Kmh(speed))),
        ];
        let again = prop_oneof![4 => Just(0), 1 => 0..6u64];
        let twin = prop::option::weighted(0.15, 0..ticks);
        let gone_after = prop::option::weighted(0.3, 0..ticks);
        let one = (prop::bool::weighted(0.7), said, event, 0..ticks, again, twin, gone_after);
        let versions = [(50, Some("east")), (50, Some("west")), (20, None), (0, None)].map(|(free_flow, zone)| {
            let free_flow = FreeFlow { length: metres(free_flow + 50), speed: kmh(free_flow) };
            Heard::Is(StreetInfo { free_flow, zone: zone.map(zone_id) })
        });
        let street_edits = || prop_oneof![Just(vec![at(0, versions[0])]), edits(versions.to_vec(), ticks)];
        let (a, b) = (street_edits(), street_edits());
        (prop::collection::vec(one, 0..24), a, b).prop_map(move |(said, a, b)| {
            let begin = round_up_to(40 * MINUTE, step);
            let streets = ["a", "b"].map(|name| id(Namespace::Segment, name));
            let infos = [a, b].into_iter().zip(streets).flat_map(|(edits, street)| {
                edits.into_iter().map(move |(heard, time, diff)| ((street, heard), time, diff))
            });
            let mut updates: Vec<_> = infos.collect();
            for (is_on_a, heard, (lag, snap), tick, again, twin, gone_after) in said {
                let arrived = begin + tick * step;
                let event = arrived as i64 + lag;
                let time = Millis(snap.map_or(event, |before: i64| event.div_euclid(60_000) * 60_000 - before));
                let heard = match heard {
                    Heard::Sample(sample) => Heard::Sample(Sample { time, arrived, ..sample }),
                    Heard::CameraAt(_, speed) => Heard::CameraAt(time, speed),
                    other => other,
                };
                let row = (streets[usize::from(!is_on_a)], heard);
                let tick = tick + again;
                updates.push(at(tick, row));
                updates.extend(twin.map(|twin| at(tick + twin, row)));
                updates.extend(gone_after.map(|after| gone(tick + after, row)));
            }
            for (_, tick, _) in &mut updates {
                *tick = begin + *tick * step;
            }
            (updates, settings.clone(), step)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_told_is_what_all_samples_add_up_to((updates, settings, step) in inputs()) {
        assert_told(updates, &settings, step);
    }
}

#[test]
fn neither_order_nor_workers_show() {
    let streets = ["a", "b", "c"].map(|name| id(Namespace::Segment, name));
    let rows = (0..90u64).map(|i| {
        let arrived = 20 * MINUTE + i / 3 * 10 * SECOND;
        let event = arrived as i64 - (i * 47_000 % 400_000) as i64;
        let heard = match i % 6 {
            0 => Heard::CameraNow(kmh(i as i64)),
            1 => Heard::CameraAt(Millis(event), kmh(i as i64)),
            _ => {
                let sample = sample(["v", "w", "x"][i as usize % 3], event, arrived, (i % 5) as i64 * 10);
                Heard::Sample(Sample { stands: i % 7 == 0, distance: 40_000, millis: (i % 3 * 4_000) as i32, ..sample })
            }
        };
        (arrived, (streets[i as usize % 3], heard))
    });
    let rows = rows.flat_map(|(time, row)| {
        [Some(at(time, row)), (time % (40 * SECOND) == 0).then(|| gone(time + 3 * MINUTE, row))]
    });
    let infos = streets.map(|street| at(0, (street, is(50).1)));
    let edit = [gone(22 * MINUTE, (streets[0], is(50).1)), at(22 * MINUTE, (streets[0], is(20).1))];
    let updates: Vec<_> = rows.flatten().chain(infos).chain(edit).collect();
    assert_invariant(&updates, 50 * MINUTE, |heard| build(heard, &Settings::default()));
}
