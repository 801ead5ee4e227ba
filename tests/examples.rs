//! The examples say what is so.

#[path = "../examples/sf_fire/calls.rs"]
mod calls;
#[path = "../examples/gtfs_realtime/feed.rs"]
mod feed;
#[path = "../examples/own_capability.rs"]
#[expect(dead_code, reason = "the capability is tested, the program around it is not run")]
mod own_capability;
#[path = "../examples/map_matching/recording.rs"]
mod recording;
#[path = "../examples/map_matching/score.rs"]
mod score;
#[path = "../examples/gtfs_realtime/summary.rs"]
mod summary;
#[path = "../examples/sf_fire/week.rs"]
mod week;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use calls::{Calls, Dispatch};
use feed::{FeedEntity, FeedHeader, FeedMessage, Position, VehicleDescriptor, VehiclePosition};
use own_capability::{SPEEDING, speeding};
use prost::Message;
use recording::Recording;
use score::Score;
use serde_json::json;
use smartcity::decode::JsonDecoder;
use smartcity::model::{Heading, Id, Kind, Kmh, Namespace, Point, Reason, Severity, distance_mm};
use smartcity::operators::round_up;
use smartcity::source::{MemoryMessage, MemorySource};
use smartcity::{Clock, Diff, Engine, Time, city_files};
use smartcity_dataflow::testing::recorded;
use summary::Summary;
use week::Week;

const NOON: u64 = 1_795_435_200_000;

/// What `speeding` shows of market_st after fixes on it, each (vehicle, second, km/h above the limit).
fn speeding_after(fixes: &[(&str, u64, f64)]) -> Option<(Diff, Kmh)> {
    let city = city_files::town().to_city();
    let market_st = Id::new(Namespace::Road, "market_st");
    let segment = city.segments().find(|segment| segment.road == market_st).expect("the town has market_st").clone();
    let (from, to) = (segment.line[0], segment.line[1]);
    let (lat, lon) = Point { lat: from.lat.midpoint(to.lat), lon: from.lon.midpoint(to.lon) }.degrees();
    let messages = fixes.iter().map(|(vehicle, second, above)| {
        let fix = json!({
            "id": format!("{vehicle} {second}"), "device_id": vehicle, "timestamp": NOON + second * 1_000,
            "location": [lat, lon], "speed": segment.free_flow.as_f64() + above,
            "direction": segment.heading().centidegrees() as f64 / 100.0,
        });
        MemoryMessage::new("gps_data", fix.to_string())
    });
    let engine = Engine::new(city)
        .clock(Clock::Replay)
        .source(MemorySource::of_messages("test", messages, JsonDecoder::default()))
        .capability(|streams, publisher| {
            publisher.publish(&SPEEDING, speeding(streams.vehicles.clone(), streams.city.clone()));
        })
        .start()
        .expect("an engine");
    engine.wait_finished();
    let rows = engine.views().snapshot().rows(&SPEEDING);
    engine.shutdown();
    assert!(rows.len() <= 1, "nobody drives on another road: {rows:?}");
    rows.get(&market_st).copied()
}

#[test]
fn own_capability_counts_who_speeds_now_and_nobody_else() {
    let two = [("a", 0, 10.0), ("b", 1, 20.5), ("c", 2, 3.0), ("d", 3, -5.0)];
    assert_eq!(speeding_after(&two), Some((2, Kmh(20_500))));
    assert_eq!(speeding_after(&[&two[..], &[("b", 9, 0.0)]].concat()), Some((1, Kmh(10_000))), "b slows down");
    assert_eq!(speeding_after(&[&two[..], &[("d", 400, 0.0)]].concat()), None, "a and b fall silent");
}

fn write_polls(folder: &Path, polls: &[Vec<u8>]) -> Vec<PathBuf> {
    let write = |(number, bytes): (usize, &Vec<u8>)| {
        let file = folder.join(format!("{number}.pb"));
        std::fs::write(&file, bytes).expect("a file");
        file
    };
    polls.iter().enumerate().map(write).collect()
}

fn poll(seconds: Option<u64>, entity: Vec<FeedEntity>) -> Vec<u8> {
    let header = FeedHeader { gtfs_realtime_version: "2.0".to_owned(), timestamp: seconds };
    FeedMessage { header, entity }.encode_to_vec()
}

fn vehicle(id: &str, seconds: u64, position: Option<Position>) -> FeedEntity {
    let vehicle = Some(VehicleDescriptor { id: Some(id.to_owned()) });
    let vehicle = Some(VehiclePosition { position, timestamp: Some(seconds), vehicle });
    FeedEntity { id: format!("entity {id}"), vehicle }
}

fn at(latitude: f32, longitude: f32) -> Option<Position> {
    Some(Position { latitude, longitude, bearing: None, speed: None })
}

#[test]
fn gtfs_realtime_puts_every_entity_into_a_view_or_the_quarantine() {
    let now = NOON / 1_000;
    let in_2080 = 3_471_292_800;
    let moving = Some(Position { latitude: 28.6, longitude: 77.2, bearing: Some(359.996), speed: Some(10.0) });
    let nowhere = vec![
        vehicle("no fix", now - 1, at(0.0, 0.0)),
        vehicle("2080", in_2080, at(28.6, 77.2)),
        vehicle("1970", 0, at(28.6, 77.2)),
        vehicle("mars", now - 1, at(91.0, 77.2)),
        vehicle("nan", now - 1, Some(Position { bearing: Some(f32::NAN), ..at(28.6, 77.2).expect("a position") })),
        vehicle("rocket", now - 1, Some(Position { speed: Some(139.0), ..at(28.6, 77.2).expect("a position") })),
        vehicle("nothing", now - 1, None),
        FeedEntity { id: "an alert".to_owned(), vehicle: None },
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let first =
        [vec![vehicle("moving", now - 20, moving.clone()), vehicle("parked", now - 90, at(28.5, 77.1))], nowhere]
            .concat();
    let again = vec![vehicle("moving", now + 10, moving), vehicle("parked", now - 90, at(28.5, 77.1))];
    let polls = [poll(Some(now), first), poll(None, again), b"<html>Too many requests</html>".to_vec()];
    let files = write_polls(folder.path(), &polls);
    let first = Summary::of(files[..1].to_vec()).expect("a replay");
    assert_eq!(first.through.0, NOON as i64, "a poll comes when its header says");

    let summary = Summary::of(files).expect("a replay");
    let quarantine: Vec<_> = summary.quarantine.into_iter().collect();
    let mut expected = [
        (Reason::NullIsland, 1),
        (Reason::TooFarAhead, 1),
        (Reason::ClockNotSet, 1),
        (Reason::OffEarth, 1),
        (Reason::MissingField, 1),
        (Reason::UnknownTopic, 1),
        (Reason::Malformed, 1),
    ];
    expected.sort_unstable();
    assert_eq!(quarantine, expected);
    assert_eq!((summary.accepted, summary.duplicates, summary.vehicles.len()), (5, 1, 4));
    for unsaid in ["nan", "rocket"] {
        let shown = summary.vehicles[&Id::new(Namespace::Device, unsaid)];
        assert_eq!((shown.reported_speed, shown.reported_heading), (None, None), "{unsaid} is shown where it is");
    }
    assert_eq!(summary.through.0, NOON as i64 + 10_000, "the vehicles move the clock of a poll without a time");
    let moving = summary.vehicles[&Id::new(Namespace::Device, "moving")];
    assert_eq!((moving.reported_speed, moving.reported_heading), (Some(Kmh(36_000)), Some(Heading::default())));
    assert!(moving.moving && moving.kind == Kind::Gps);
}

#[test]
fn gtfs_realtime_shows_all_vehicles_of_brisbane_but_those_that_fell_silent_long_ago() {
    let Some(folder) = recorded("gtfs_rt") else { return };
    let poll = folder.join("brisbane_SEQ_VehiclePositions.pb");
    let message = FeedMessage::decode(&*std::fs::read(&poll).expect("a poll")).expect("a feed");
    let now = message.header.timestamp.expect("a time");
    let times = message.entity.iter().filter_map(|entity| entity.vehicle.as_ref()?.timestamp);
    let of_a_quarter_of_an_hour = times.filter(|time| now - time <= 900).count();

    let summary = Summary::of(vec![poll]).expect("a replay");
    println!("{summary}");
    assert_eq!((summary.accepted, summary.quarantine.len()), (920, 0), "a vehicle is in a poll once");
    assert_eq!((summary.vehicles.len(), of_a_quarter_of_an_hour), (898, 898), "what is older is history");
    assert_eq!(summary.mean_speed(), None, "Brisbane reports no speeds");
    let brisbane = Point::from_degrees(-27.47, 153.03).expect("Brisbane");
    let far = summary.vehicles.values().filter(|vehicle| distance_mm(vehicle.place, brisbane).0 > 200_000_000).count();
    assert_eq!(far, 0, "all of them are in South East Queensland");
}

const HEADERS: &str = "RowID,Call Number,Unit ID,Call Type,Received DtTm,Dispatch DtTm,Available DtTm,Location\n";

/// A line of the table: minutes after eleven at night, north of a corner by metres.
fn line(call: &str, unit: &str, call_type: &str, minutes: [u32; 3], metres: i64) -> String {
    let time = |minute: u32| match minute {
        0..60 => format!("12/31/2016 11:{minute:02}:00 PM"),
        _ => format!("01/01/2017 12:{:02}:00 AM", minute - 60),
    };
    let corner = Point::from_degrees(37.77, -122.42).expect("a corner");
    let (lat, lon) = corner.shifted(0, metres * 1_000).degrees();
    let [received, sent, available] = minutes.map(time);
    format!("{call}-{unit},{call},{unit},{call_type},{received},{sent},{available},\"({lat}, {lon})\"\n")
}

#[test]
fn sf_fire_merges_units_and_near_calls_and_raises_severity_with_the_units() {
    let table = [
        HEADERS.to_owned(),
        line("1", "E1", "Alarms", [0, 1, 50], 0),
        line("1", "T1", "Alarms", [0, 2, 50], 0),
        line("2", "E2", "Alarms", [9, 9, 50], 100), // 9 minutes and 100 m from call 1
        line("3", "E3", "Alarms", [9, 9, 50], 300),
        line("4", "M1", "Medical Incident", [9, 9, 70], 0), // another type
        line("5", "B1", "Odor (Strange / Unknown)", [31, 31, 31], 0), // free at once
    ]
    .concat();
    let week = Week::of(&Calls::read(table.as_bytes()).expect("a table"), 1).expect("a replay");
    assert_eq!((week.calls, week.reports, week.left), (5, 6, 0));
    assert_eq!(week.merged, BTreeSet::from(["1".to_owned(), "2".to_owned()]));
    assert_eq!((week.most_merged, week.split.len()), (2, 0));
    assert_eq!((week.busiest.incidents, week.busiest.reports, week.busiest.calls), (3, 5, 4));
    let by_severity = BTreeMap::from([(Severity::Medium, 1), (Severity::High, 2)]);
    assert_eq!(week.busiest.by_severity, by_severity, "three units make an alarm grave");
    let nine_past_eleven = 1_483_254_540_000; // 2016-12-31 23:09 in San Francisco, UTC-8
    assert_eq!(week.busiest.tick, nine_past_eleven);
}

#[test]
fn sf_fire_says_which_lines_are_none() {
    let good = line("1", "E1", "Alarms", [0, 1, 50], 0);
    let table = [
        HEADERS.to_owned(),
        good.clone(),
        good.replace("PM", "XM"),
        good.replace("(37", "37"),
        "1-E1,too short\n".to_owned(),
    ]
    .concat();
    let calls = Calls::read(table.as_bytes()).expect("a table");
    let week = Week::of(&calls, 1).expect("a replay");
    let reasons = [Reason::MissingField, Reason::BadTimestamp, Reason::OffEarth].map(|reason| (reason, 1));
    assert_eq!(week.quarantine, BTreeMap::from(reasons));
    assert_eq!(week.reports, 1);
    let another = Calls::read("date,amount\n1/2/2017,7\n".as_bytes()).expect_err("another table");
    assert!(another.to_string().contains("line 2: "), "{another}");
}

/// Calls that have a report near one of another call, of its type, while both go on: by looking at every pair.
fn near_calls(dispatches: &[Dispatch]) -> BTreeSet<String> {
    let settings = week::settings();
    let tick = |time: Time| round_up(time, settings.tick_ms);
    let goes_on = |dispatch: &Dispatch| {
        let sent = tick(dispatch.sent.0 as Time);
        let expires = tick(sent + settings.incident_life_ms);
        sent..dispatch.available.map_or(expires, |time| tick(time.0 as Time).min(expires))
    };
    let pairs = dispatches.iter().enumerate().flat_map(|(i, a)| dispatches[i + 1..].iter().map(move |b| (a, b)));
    pairs
        .filter(|(a, b)| {
            let (during_a, during_b) = (goes_on(a), goes_on(b));
            a.call != b.call
                && a.call_type == b.call_type
                && a.received.0.abs_diff(b.received.0) <= settings.merge_time_ms
                && during_a.start.max(during_b.start) < during_a.end.min(during_b.end)
                && distance_mm(a.place, b.place).0 <= i64::from(settings.merge_distance_m) * 1_000
        })
        .flat_map(|(a, b)| [a.call.clone(), b.call.clone()])
        .collect()
}

#[test]
fn sf_fire_merges_exactly_the_calls_that_are_near_each_other() {
    let Some(folder) = recorded("incidents_sf_fire") else { return };
    let calls = Calls::open(&folder.join("Fire_Department_Calls_for_Service.csv.gz")).expect("the table");
    let week = Week::of(&calls, 2).expect("a replay");
    println!("{week}");
    assert_eq!((week.calls, week.reports), (3_560, 7_704));
    assert_eq!(week.quarantine, BTreeMap::new());
    assert_eq!(week.split, BTreeSet::new(), "the units of a call share its place and time");
    assert_eq!(week.merged, near_calls(&calls.dispatches));
    // What was measured, so that a change is noticed: nobody knows how many of these calls were about one event.
    assert_eq!((week.merged.len(), week.most_merged), (64, 3));
    assert_eq!((week.busiest.incidents, week.busiest.reports, week.busiest.calls), (41, 61, 42));
    assert_eq!(week.left, 1, "one unit of the last hours never became free");
}

/// Way 7 goes east, and way 8 north from its end; a fix a line: device, second, metres east and north of the start, true edges.
fn map_matching_folder(fixes: &[(&str, u64, i64, i64, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let start = Point::from_degrees(50.3, 11.9).expect("a place");
    let degrees = |east: i64, north: i64| start.shifted(east * 1_000, north * 1_000).degrees();
    let node = |id: u32, (lat, lon): (f64, f64)| format!("<node id=\"{id}\" lat=\"{lat}\" lon=\"{lon}\"/>");
    let way = |id: u32, nodes: [u32; 2]| {
        let nodes = nodes.map(|node| format!("<nd ref=\"{node}\"/>")).concat();
        format!("<way id=\"{id}\">{nodes}<tag k=\"highway\" v=\"residential\"/></way>")
    };
    let nodes = [node(1, degrees(0, 0)), node(2, degrees(400, 0)), node(3, degrees(400, 400))].concat();
    let extract = format!("<osm version=\"0.6\">{nodes}{}{}</osm>", way(7, [1, 2]), way(8, [2, 3]));
    std::fs::write(folder.path().join("streets.osm"), extract).expect("a file");

    let (mut messages, mut truth) = (String::new(), "message_id,device_id,timestamp,edges\n".to_owned());
    for (number, (device, second, east, north, edges)) in fixes.iter().enumerate() {
        let (lat, lon) = degrees(*east, *north);
        let timestamp = smartcity::model::Millis((NOON + second * 1_000) as i64).to_string();
        let (id, location) = (number.to_string(), [lat, lon]);
        let fix = json!({"id": id, "device_id": device, "timestamp": timestamp, "location": location});
        messages += &format!("{fix}\n");
        if *edges != "unknown" {
            truth += &format!("{number},{device},{timestamp},{edges}\n");
        }
    }
    std::fs::write(folder.path().join("gps_data.ndjson"), messages).expect("a file");
    std::fs::write(folder.path().join("truth.csv"), truth).expect("a file");
    folder
}

#[test]
fn map_matching_scores_what_is_told_at_once_and_what_is_told_in_the_end() {
    let there_and_back = [
        ("there", 0, 50, 2, "7:f"),
        ("there", 6, 110, 2, "7:f"),
        ("there", 12, 170, 2, "7:f"),
        ("there", 18, 230, 2, "7:b"), // as if it had turned
        ("there", 24, 290, 2, "unknown"),
        ("there", 30, 300, 90, "7:f"), // a field
        ("back", 1, 350, -2, "7:b"),
        ("back", 7, 290, -2, "7:b"),
        ("back", 7, 290, -2, "7:b"), // a message says the same again
        ("back", 13, 230, -2, "7:b 8:b"),
    ];
    let folder = map_matching_folder(&there_and_back);
    let score = Score::of(&Recording::open(folder.path()).expect("a recording")).expect("a replay");
    let share = |fixes: u32| 100.0 * f64::from(fixes) / 9.0;
    assert_eq!((score.fixes, score.finally.right), (9, share(7)), "{score}");
    assert_eq!((score.finally.nowhere, score.at_once.nowhere), (share(1), share(1)), "{score}");
    assert_eq!(score.at_once.right, share(6), "which side the first of both are on, nobody knows: {score}");

    let thinned = Recording::open(folder.path()).expect("a recording").every(12);
    let kept: Vec<_> = thinned.fixes.iter().map(|fix| fix.time - NOON).collect();
    assert_eq!(kept, [0, 1_000, 12_000, 13_000, 24_000]);
}

#[test]
fn map_matching_says_what_a_folder_lacks() {
    let folder = map_matching_folder(&[("there", 0, 50, 2, "9:f")]);
    let error = Recording::open(folder.path()).expect_err("the city has no way 9");
    assert!(error.to_string().contains("the city has no edge 9:f"), "{error}");
    let folder = tempfile::tempdir().expect("a folder");
    let error = Recording::open(folder.path()).expect_err("an empty folder");
    assert!(error.to_string().contains("neither an OpenStreetMap extract nor a city"), "{error}");
}

#[test]
fn map_matching_puts_recorded_fixes_on_the_streets_driven() {
    let Some(folder) = recorded("hof_fcd") else { return };
    for (every, finally) in [(0, 92.5), (15, 90.5), (30, 89.5)] {
        let score = Score::of(&Recording::open(&folder).expect("a recording").every(every)).expect("a replay");
        println!("one fix in {every} s\n{score}");
        assert!(score.finally.right >= finally, "{score}");
        assert!(every > 0 || (score.at_once.right >= 88.0 && score.fixes > 6_000), "{score}");
    }
}
