//! What a simulated city says.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::thread;
use std::time::Instant as Clock;

use smartcity_dataflow::city::statics::NAME_BUCKET_MS;
use smartcity_dataflow::model::{
    Alias, Body, Camera, CityRow, Fix, Id, Instant, Kind, Kmh, Millimetres, Name, Namespace, Point, Reading, Reason,
    ReportStatus, RoadClass, Segment, Station, Successor, distance_mm, length_mm, project,
};

use super::*;
use crate::decode::JsonDecoder;
use crate::source::conforms;
use crate::source::{Replay, ReplaySettings};

const NOON: u64 = 1_795_435_200_000;
const MINUTE: u64 = 60_000;
const ROADS: [&str; 6] = ["highway_101", "market_st", "broadway", "mission_st", "van_ness", "side_st"];

/// Two-way streets, 200 m apart, six by six, that end 8 m before the middle of a junction; the streets from west to east
/// are those of the contract.
fn town() -> City {
    let origin = Point { lat: 377_700_000, lon: -1_224_200_000 };
    let at = |column: i64, row: i64| origin.shifted(column * 200_000, row * 200_000);
    let mut drafts = Vec::new();
    for (a, b) in (0..6).flat_map(|row| (0..5).map(move |column| ((column, row), (column + 1, row)))) {
        drafts.extend([(a, b, a.1), (b, a, a.1)]);
        drafts.extend([((a.1, a.0), (b.1, b.0), 10 + a.1), ((b.1, b.0), (a.1, a.0), 10 + a.1)]);
    }
    let id = |a: (i64, i64), b: (i64, i64)| Id::new(Namespace::Segment, &format!("{a:?}{b:?}"));
    let road = |number: i64| match ROADS.get(number as usize) {
        Some(road) => Id::new(Namespace::Road, road),
        None => Id::new(Namespace::Road, &format!("avenue_{number}")),
    };
    let mut rows = BTreeSet::new();
    for &(a, b, number) in &drafts {
        let (east, north) = ((b.0 - a.0) * 8_000, (b.1 - a.1) * 8_000);
        let line = [at(a.0, a.1).shifted(east, north), at(b.0, b.1).shifted(-east, -north)];
        let next = drafts.iter().filter(|&&(from, to, _)| from == b && to != a);
        rows.insert(CityRow::Segment(Segment {
            id: id(a, b),
            road: road(number),
            zone: None,
            class: RoadClass::Secondary,
            lanes: 1,
            free_flow: Kmh(50_000),
            length: length_mm(&line),
            line: line.into(),
            next: next
                .map(|&(from, to, _)| Successor { segment: id(from, to), crossing: Millimetres(16_000) })
                .collect(),
        }));
    }
    for number in 0..30 {
        let text = format!("Camera{number}");
        let name = Name::new(Namespace::Camera, &text);
        let road = road(number % 10);
        rows.insert(CityRow::Camera(Camera { id: name.id, segment: None, road, place: Some(at(number % 6, 2)) }));
        rows.insert(CityRow::Name(name));
    }
    let station = Name::new(Namespace::Device, "Station North");
    rows.insert(CityRow::Station(Station { id: station.id, place: at(3, 3) }));
    rows.insert(CityRow::Name(station));
    rows.insert(CityRow::Alias(Alias { alias: road(99), road: road(0) }));
    City { rows }
}

fn recorded(duration: Time) -> SimulatorSettings {
    let clock = SimulatorClock::Recorded { start: NOON, duration };
    SimulatorSettings { clock, dirt: Dirt::NONE, ..SimulatorSettings::default() }
}

fn run(settings: SimulatorSettings) -> Batch {
    let mut simulator = Simulator::new("test", &town(), settings).unwrap();
    assert!(simulator.is_recorded());
    let (outlet, batches) = Outlet::bounded(4);
    let source = thread::spawn(move || simulator.run(&Assignment::all(), &outlet));
    let mut all = Batch::default();
    batches.iter().for_each(|mut batch| all.append(&mut batch));
    source.join().unwrap().unwrap();
    all
}

fn of_kind(batch: &Batch, kind: Kind) -> Vec<Reading<Instant>> {
    batch.readings.iter().filter(|row| row.kind == kind).copied().collect()
}

fn millis(row: &Reading<Instant>) -> i64 {
    match row.time {
        Instant::Utc(time) | Instant::Local(time) => time.0,
    }
}

#[test]
fn a_seed_makes_one_city() {
    let settings = SimulatorSettings { dirt: Dirt::default(), ..recorded(MINUTE / 2) };
    let (one, two) = (run(settings.clone()), run(settings.clone()));
    assert_eq!((&one.readings, &one.rejected, &one.names), (&two.readings, &two.rejected, &two.names));
    let other = run(SimulatorSettings { seed: 2, ..settings });
    assert_ne!(one.readings, other.readings);
}

#[test]
fn how_it_is_batched_changes_nothing() {
    let whole = run(recorded(2_000));
    let mut feed = Feed::new("test", &town(), recorded(2_000), NOON).unwrap();
    let mut parts = Batch::default();
    for until in (NOON..=NOON + 2_000).step_by(100) {
        while feed.advance(until, parts.len() + 3, &mut parts) {}
    }
    assert_eq!((whole.readings, whole.names), (parts.readings, parts.names));
}

#[test]
fn every_kind_has_its_rate_and_its_devices() {
    let batch = run(recorded(MINUTE - 1));
    let count = |kind| {
        let rows = of_kind(&batch, kind);
        (rows.len(), rows.iter().map(|row| row.device).collect::<BTreeSet<_>>().len())
    };
    assert_eq!(count(Kind::Vehicle), (5_000, 192));
    assert_eq!(count(Kind::Gps), (8_000, 308));
    assert_eq!(count(Kind::Traffic), (2_000, 30), "the city's cameras");
    assert_eq!(count(Kind::Weather), (100, 1), "the city's station");
    assert_eq!(count(Kind::Emergency).0, 50);
    assert_eq!(count(Kind::Sensor), (1_000, 1_000));
    assert!(batch.rejected.is_empty());
    assert!(batch.readings.is_sorted_by_key(|row| row.arrived));
    let tenfold = run(SimulatorSettings { scale: 10.0, ..recorded(2_000 - 1) });
    assert!((tenfold.len() as i64 - 16_150 / 3).abs() < 20, "{}", tenfold.len());
}

#[test]
fn a_rate_of_zero_is_silence() {
    let batch = run(SimulatorSettings { gps_per_minute: 0.0, sensor_per_minute: 0.0, ..recorded(1_000) });
    let kinds: BTreeSet<Kind> = batch.readings.iter().map(|row| row.kind).collect();
    assert_eq!(kinds, BTreeSet::from([Kind::Vehicle, Kind::Traffic, Kind::Weather, Kind::Emergency]));
}

#[test]
fn all_kinds_speak_at_once_and_every_vehicle_within_three_seconds() {
    let batch = run(recorded(3_000));
    let early: Vec<_> = batch.readings.iter().filter(|row| row.arrived < NOON + 200).collect();
    assert_eq!(early.iter().map(|row| row.kind).collect::<BTreeSet<_>>().len(), 6);
    let vehicles = batch.readings.iter().filter(|row| matches!(row.body, Body::Fix(_)));
    assert_eq!(vehicles.map(|row| row.device).collect::<BTreeSet<_>>().len(), 500);
    let roads: HashMap<Id, Id> = town()
        .rows
        .iter()
        .filter_map(|row| if let CityRow::Camera(camera) = row { Some((camera.id, camera.road)) } else { None })
        .collect();
    let seen =
        early.iter().filter_map(|row| if let Body::Camera(seen) = row.body { roads.get(&seen.camera) } else { None });
    let seen: BTreeSet<Id> = seen.copied().collect();
    let contract: BTreeSet<Id> = ROADS[..5].iter().map(|road| Id::new(Namespace::Road, road)).collect();
    assert!(contract.is_subset(&seen), "{seen:?}");
}

#[test]
fn dirt_is_as_much_as_asked_for() {
    let dirt = Dirt { duplicates: 0.1, late: 0.05, malformed: 0.04, withdrawn: 0.02 };
    let batch = run(SimulatorSettings { dirt, ..recorded(5 * MINUTE) });
    let sent = 5.0 * 16_150.0;
    let mut copies: HashMap<Id, u32> = HashMap::new();
    let (mut withdrawn, mut late) = (0, 0);
    for row in &batch.readings {
        match row.body {
            Body::Withdrawn => withdrawn += 1,
            _ => *copies.entry(row.id).or_default() += 1,
        }
        late += usize::from(row.arrived as i64 - millis(row) > 20_000);
    }
    let duplicates = copies.values().filter(|&&copies| copies > 1).count();
    for (what, count, share) in [
        ("duplicates", duplicates, dirt.duplicates),
        ("malformed", batch.rejected.len(), dirt.malformed),
        ("withdrawn", withdrawn, dirt.withdrawn * 0.9), // those of the last half minute are still to come
        ("late", late, dirt.late * 0.77),               // so are those of the last 70 s
    ] {
        let expected = sent * share;
        assert!((count as f64 - expected).abs() < 0.1 * expected, "{count} {what}, expected {expected}");
    }
    let reasons: BTreeSet<Reason> = batch.rejected.iter().map(|row| row.reason).collect();
    let all = [Reason::Malformed, Reason::WrongType, Reason::MissingField, Reason::BadTimestamp];
    assert_eq!(reasons, BTreeSet::from(all));
    assert!(batch.readings.is_sorted_by_key(|row| row.arrived));
}

#[test]
fn a_withdrawal_names_a_message_that_was_sent() {
    let dirt = Dirt { withdrawn: 0.05, ..Dirt::NONE };
    let batch = run(SimulatorSettings { dirt, ..recorded(2 * MINUTE) });
    let mut sent = BTreeMap::new();
    let mut withdrawn = 0;
    for row in &batch.readings {
        if row.body == Body::Withdrawn {
            assert!(sent.remove(&(row.kind, row.id)).is_some());
            withdrawn += 1;
        } else {
            assert!(sent.insert((row.kind, row.id), ()).is_none());
        }
    }
    assert!(withdrawn > 100);
}

#[test]
fn vehicles_move_as_vehicles_do() {
    let settings = SimulatorSettings { position_noise_m: 0.0, speed_noise_kmh: 0.0, ..recorded(10 * MINUTE) };
    let batch = run(settings);
    let city = town();
    let lines: Vec<_> = city.segments().map(|segment| segment.line.clone()).collect();
    let mut last: HashMap<Id, Reading<Instant>> = HashMap::new();
    let (mut straight, mut crossing, mut moving) = (0, 0, 0);
    for row in &batch.readings {
        let (Body::Fix(Fix { speed: Some(speed), heading: Some(heading), .. }), Some(place)) = (row.body, row.place)
        else {
            continue;
        };
        assert!((0..60_000).contains(&speed.0), "{speed:?} where 50 km/h is free flow");
        moving += usize::from(speed.0 > 5_000);
        let at = lines.iter().filter_map(|line| project(place, line));
        let on_road = at.filter(|at| at.distance.0 < 500).any(|at| at.heading.difference(heading) < 1_000);
        let at_junction = lines.iter().any(|line| distance_mm(place, line[0]).0 < 16_500);
        assert!(on_road || at_junction, "{place:?} heading {heading:?} is on no road");
        crossing += usize::from(!on_road);
        if let Some(before) = last.insert(row.device, *row) {
            let Body::Fix(Fix { speed: Some(speed_before), heading: Some(heading_before), .. }) = before.body else {
                panic!("{before:?}")
            };
            let seconds = (millis(row) - millis(&before)) as f64 / 1_000.0;
            assert!(seconds > 0.0);
            let moved = distance_mm(before.place.unwrap(), place).0 as f64 / 1_000.0;
            let (v, w) = (speed_before.as_f64() / 3.6, speed.as_f64() / 3.6);
            assert!(w - v < 2.1 * seconds && v - w < 3.1 * seconds, "{v} to {w} m/s in {seconds} s");
            if heading.difference(heading_before) < 1_000 {
                let driven = (v + w) / 2.0 * seconds;
                assert!((moved - driven).abs() < 2.0 * seconds * seconds, "{moved} m, but {driven} m by its speeds");
                straight += 1;
            }
        }
    }
    assert!(straight > 100_000 && crossing > 1_000, "{straight} {crossing}");
    assert!(moving * 2 > batch.readings.len(), "{moving} of {}", batch.readings.len());
}

#[test]
fn noise_is_that_of_a_receiver() {
    let quiet = SimulatorSettings { position_noise_m: 0.0, ..recorded(MINUTE / 2) };
    let noisy = SimulatorSettings { position_noise_m: 3.0, ..quiet.clone() };
    let (quiet, noisy) = (run(quiet), run(noisy));
    let pairs = quiet.readings.iter().zip(&noisy.readings).filter(|(row, _)| matches!(row.body, Body::Fix(_)));
    let squares = pairs.map(|(a, b)| (distance_mm(a.place.unwrap(), b.place.unwrap()).0 as f64 / 1_000.0).powi(2));
    let squares: Vec<f64> = squares.collect();
    let per_axis = (squares.iter().sum::<f64>() / squares.len() as f64 / 2.0).sqrt();
    assert!((per_axis - 3.0).abs() < 0.15, "{per_axis} m");
}

#[test]
fn congestion_comes_and_goes() {
    let batch = run(SimulatorSettings { gps_per_minute: 0.0, ..recorded(30 * MINUTE) });
    let mut speeds: HashMap<Id, (i64, i64)> = HashMap::new();
    for row in of_kind(&batch, Kind::Traffic) {
        let Body::Camera(seen) = row.body else { panic!("{row:?}") };
        let (low, high) = speeds.entry(seen.camera).or_insert((i64::MAX, 0));
        (*low, *high) = ((*low).min(seen.speed.0), (*high).max(seen.speed.0));
    }
    let waves = speeds.values().filter(|(low, high)| *low < 25_000 && *high > 40_000).count();
    assert!(waves * 2 > speeds.len(), "{waves} of {} cameras saw a wave: {speeds:?}", speeds.len());
}

#[test]
fn an_incident_is_active_until_each_reporter_resolves_it() {
    let batch = run(SimulatorSettings { vehicles: 1, ..recorded(40 * MINUTE) });
    let mut resolved = BTreeSet::new();
    let mut reporters: BTreeMap<Id, BTreeSet<Id>> = BTreeMap::new();
    for row in of_kind(&batch, Kind::Emergency) {
        let Body::Report(report) = row.body else { panic!("{row:?}") };
        let key = (report.incident, row.device);
        assert!(!resolved.contains(&key), "a report after the end");
        if report.status == ReportStatus::Resolved {
            assert!(reporters[&report.incident].contains(&row.device), "resolved before it was reported");
            resolved.insert(key);
        } else {
            reporters.entry(report.incident).or_default().insert(row.device);
        }
    }
    let counts: BTreeSet<usize> = reporters.values().map(BTreeSet::len).collect();
    assert_eq!(counts, BTreeSet::from([1, 2, 3]));
    assert!(resolved.len() * 2 > reporters.len(), "{} of {}", resolved.len(), reporters.len());
}

#[test]
fn incidents_slow_their_way() {
    let city = town();
    let roads = roads::Roads::of(&city).unwrap();
    let mut traffic = traffic::Traffic::new(&roads);
    traffic.update(NOON as i64, |_| Vec::new());
    let free = traffic.speed(7);
    traffic.update(NOON as i64 + 5_000, |_| vec![(7, 0.2)]);
    assert!(traffic.speed(7) < 0.3 * free, "{free} to {}", traffic.speed(7));
}

#[test]
fn every_text_that_is_used_is_named() {
    let start = NOON + 590_000; // ten seconds before the next bucket of names
    let clock = SimulatorClock::Recorded { start, duration: 20_000 };
    let batch = run(SimulatorSettings { clock, ..recorded(0) });
    for bucket in [start / NAME_BUCKET_MS, start / NAME_BUCKET_MS + 1] {
        let said = batch.names.iter().filter(|named| named.at / NAME_BUCKET_MS == bucket);
        let said: BTreeSet<(Kind, Id)> = said.map(|named| (named.kind, named.name.id)).collect();
        for row in batch.readings.iter().filter(|row| row.arrived / NAME_BUCKET_MS == bucket) {
            let texts = match row.body {
                Body::Fix(fix) => {
                    let details = fix.details.unwrap_or_default();
                    vec![fix.vehicle_type, details.make, details.model, details.fuel]
                }
                Body::Camera(seen) => vec![Some(seen.camera)],
                Body::Report(report) => {
                    vec![Some(report.incident), Some(report.incident_type), report.description]
                }
                _ => vec![],
            };
            for id in texts.into_iter().flatten().chain([row.device]) {
                assert!(said.contains(&(row.kind, id)), "{id} of {row:?}");
            }
        }
    }
    let texts: BTreeSet<&str> = batch.names.iter().map(|named| &*named.name.text).collect();
    for text in ["vehicle-0001", "vehicle-0500", "dispatch-001", "sensor-0333", "Camera7", "Station North"] {
        assert!(texts.contains(text), "{text} in {texts:?}");
    }
}

#[test]
fn a_city_without_cameras_and_stations_gets_some() {
    let mut city = town();
    city.rows.retain(|row| matches!(row, CityRow::Segment(_)));
    let mut batch = Batch::default();
    let settings = SimulatorSettings { weather_per_minute: 3_000.0, ..recorded(10_000) };
    Feed::new("test", &city, settings, NOON).unwrap().advance(NOON + 10_000, usize::MAX, &mut batch);
    let devices = |kind| of_kind(&batch, kind).iter().map(|row| row.device).collect::<BTreeSet<_>>();
    assert_eq!((devices(Kind::Traffic).len(), devices(Kind::Weather).len()), (200, 50));
    assert!(devices(Kind::Traffic).contains(&Id::new(Namespace::Device, "camera-001")));
}

#[test]
fn files_decode_to_what_was_simulated() {
    let settings = SimulatorSettings {
        dirt: Dirt { malformed: 0.01, withdrawn: 0.01, ..Dirt::default() },
        scale: 0.1,
        ..recorded(2 * MINUTE)
    };
    let folder = tempfile::tempdir().unwrap();
    let written = write_ndjson(folder.path(), &town(), settings.clone()).unwrap();
    let mut feed = Feed::new("simulator", &town(), settings, NOON).unwrap();
    let mut simulated = Batch::default();
    feed.advance(NOON + 2 * MINUTE, usize::MAX, &mut simulated);
    assert_eq!(written, Written { files: 6, rows: simulated.len() as u64 });

    let mut replay =
        Replay::open("simulator", folder.path(), ReplaySettings::default(), JsonDecoder::default()).unwrap();
    let (outlet, batches) = Outlet::bounded(1_000);
    replay.run(&Assignment::all(), &outlet).unwrap();
    let mut replayed = Batch::default();
    drop(outlet);
    batches.iter().for_each(|mut batch| replayed.append(&mut batch));
    let rows = |batch: &Batch| {
        let rows = batch.readings.iter().map(|row| (row.kind, row.id, row.time, row.device, row.place, row.body));
        let mut rows: Vec<_> = rows.collect();
        rows.sort();
        rows
    };
    assert_eq!(rows(&simulated), rows(&replayed));
    let reasons = |batch: &Batch| {
        let mut reasons: Vec<_> = batch.rejected.iter().map(|row| (row.kind, row.reason, row.detail.clone())).collect();
        reasons.sort();
        reasons
    };
    assert!(simulated.rejected.len() > 10);
    assert_eq!(reasons(&simulated), reasons(&replayed));
}

#[test]
fn what_makes_no_simulation_is_named() {
    let refused = |city: &City, settings| Simulator::new("test", city, settings).unwrap_err().to_string();
    let words = [
        (refused(&City::default(), recorded(1)), "no road network to drive on"),
        (refused(&town(), SimulatorSettings { scale: 2_000.0, ..recorded(1) }), "a scale of 2000 is out of range"),
        (refused(&town(), SimulatorSettings { gps_per_minute: -1.0, ..recorded(1) }), "gps_per_minute is -1"),
        (
            refused(&town(), SimulatorSettings { dirt: Dirt { late: 2.0, ..Dirt::NONE }, ..recorded(1) }),
            "the shares of dirt are",
        ),
        (
            write_ndjson(std::path::Path::new("unused"), &town(), SimulatorSettings::default())
                .unwrap_err()
                .to_string(),
            "give a recorded clock",
        ),
    ];
    for (error, words) in words {
        assert!(error.contains(words), "{words} in {error}");
    }
}

#[test]
fn it_is_a_source_as_sources_are() {
    let dirt = Dirt { duplicates: 0.05, late: 0.05, malformed: 0.05, withdrawn: 0.05 };
    let clock = SimulatorClock::Recorded { start: NOON, duration: MINUTE };
    let settings = SimulatorSettings { dirt, clock, ..SimulatorSettings::default() };
    let rows = run(settings.clone()).len();
    assert!(rows > BATCH_ROWS * 2, "{rows} rows are several batches");
    conforms(rows, || Simulator::new("test", &town(), settings.clone()).unwrap());
}

#[test]
fn a_live_city_that_goes_on_counts_on() {
    let mut simulator = Simulator::new("test", &town(), SimulatorSettings::default()).unwrap();
    let reached = Assignment::all().from([(Partition::only("test"), 77)]);
    let (outlet, batches) = Outlet::bounded(4);
    let source = thread::spawn(move || simulator.run(&reached, &outlet));
    let first = batches.recv().unwrap();
    let offsets = first.readings.iter().map(|row| row.origin.offset);
    assert_eq!(offsets.min(), Some(77));
    assert_eq!(first.positions.of(0), Some(77 + first.len() as u64));
    drop(batches);
    assert!(matches!(source.join().unwrap(), Err(SourceError::Closed)));
}

#[test]
fn a_live_city_speaks_at_once_and_stops_with_the_engine() {
    let mut simulator = Simulator::new("test", &town(), SimulatorSettings::default()).unwrap();
    assert!(!simulator.is_recorded());
    let (outlet, batches) = Outlet::bounded(4);
    let started = Clock::now();
    let source = thread::spawn(move || simulator.run(&Assignment::all(), &outlet));
    let first = batches.recv().unwrap();
    assert!(started.elapsed().as_millis() < 1_000, "{:?}", started.elapsed());
    assert_eq!(first.readings.iter().map(|row| row.kind).collect::<BTreeSet<_>>().len(), 6);
    assert!(first.readings.iter().all(|row| row.arrived == 0));
    let lag = wall_clock() as i64 - millis(&first.readings[0]);
    assert!((0..1_000).contains(&lag), "{lag} ms");
    let second = batches.iter().find(|batch| !batch.readings.is_empty()).unwrap();
    assert!(second.readings.len() < 1_000, "fifty milliseconds, not a flood: {}", second.readings.len());
    drop(batches);
    assert!(matches!(source.join().unwrap(), Err(SourceError::Closed)));
}
