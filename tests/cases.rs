//! Small feeds of the kinds that trackers in the field send, and the picture that is right for each.
//!
//! A case is a folder of recorded files in tests/cases. Those in the mini city drive on Main Street, which goes east, and on Cross
//! Street, which goes south; the others on The Embarcadero and on Highway 101 of the built-in town.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use expect_test::{Expect, expect};
use smartcity::city::congestion::{ROADS, Traffic};
use smartcity::city::feeds::{DEVICE_FLAGS, FLAGS};
use smartcity::city::network::NETWORK;
use smartcity::city::summary::SUMMARY;
use smartcity::city::vehicles::VEHICLES;
use smartcity::city_files::{ImportOptions, import_osm, town};
use smartcity::decode::JsonDecoder;
use smartcity::model::{City, Id, Kind, Kmh, Millis};
use smartcity::source::{Replay, ReplaySettings};
use smartcity::view::{Snapshot, View};
use smartcity::{Clock, Engine};

/// Which street each fix was put on.
const STREETS: View<(Id, Kind, Millis), Option<Id>> = View::new("streets");

fn mini() -> City {
    let extract = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/mini.osm");
    import_osm(&extract, &ImportOptions::default(), &mut |_| {}).expect("the mini city").to_city()
}

fn built_in_town() -> City {
    town().to_city()
}

/// The picture after the last row of the case `name`.
fn check(city: City, name: &str, expected: Expect) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name);
    let source = Replay::open("case", &folder, ReplaySettings::default(), JsonDecoder::default()).expect("a case");
    let engine = Engine::new(city)
        .clock(Clock::Replay)
        .source(source)
        .capability(|streams, publisher| {
            let streets = streams.fixes.clone().map(|(device, fix)| ((device, fix.kind, fix.time), fix.segment));
            publisher.publish(&STREETS, streets);
        })
        .start()
        .expect("an engine");
    engine.wait_finished();
    let snapshot = engine.views().snapshot();
    engine.shutdown();
    expected.assert_eq(&picture(&snapshot).expect("a picture fits into a text"));
}

/// The views that say what became of a case, as text.
fn picture(views: &Snapshot) -> Result<String, std::fmt::Error> {
    let names = views.names();
    let name = |id: Id| names.text(id).map_or_else(|| id.to_string(), |text| text.to_string());
    let street = |id: Option<Id>| id.map_or_else(|| "no street".to_owned(), name);
    let mut text = String::new();

    let mut tracks: BTreeMap<(String, Kind), Vec<(String, usize)>> = BTreeMap::new();
    for ((device, kind, _), segment) in views.rows(&STREETS) {
        let (track, street) = (tracks.entry((name(device), kind)).or_default(), street(segment));
        match track.last_mut() {
            Some((last, fixes)) if *last == street => *fixes += 1,
            _ => track.push((street, 1)),
        }
    }
    for ((device, kind), streets) in tracks {
        let fixes: usize = streets.iter().map(|(_, fixes)| fixes).sum();
        let runs: Vec<_> = streets.iter().map(|(street, fixes)| format!("{fixes} on {street}")).collect();
        let told = if runs.len() < 4 { runs.join(", ") } else { format!("{fixes} here and there") };
        writeln!(text, "{device} by {kind}: {told}")?;
    }

    let speed = |speed: Option<Kmh>| speed.map_or_else(|| "-".to_owned(), |speed| format!("{:.1}", speed.as_f64()));
    let mut vehicles: Vec<_> = views.rows(&VEHICLES).into_iter().map(|(id, row)| (name(id), row)).collect();
    vehicles.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (device, row) in vehicles {
        let (reported, track) = (speed(row.reported_speed), speed(row.track_speed));
        let heading =
            row.reported_heading.map_or(String::new(), |heading| format!(" to {}°", heading.centidegrees() / 100));
        let moving = if row.moving { "moves" } else { "stands" };
        let (lat, lon) = row.place.degrees();
        writeln!(text, "{device} at {lat:.4} {lon:.4} {moving}: says {reported}{heading}, track {track}")?;
    }

    let row = |of: &str, row: &Traffic| {
        let Traffic { samples, vehicles, level, confidence, .. } = row;
        let speed = row.speed.as_f64();
        format!(
            "{of}: {speed:.1} km/h, {level:?}, by {samples} fixes of {vehicles} vehicles, confidence {confidence:?}\n"
        )
    };
    let mut roads: Vec<_> = views.rows(&ROADS).into_iter().map(|(id, traffic)| row(&name(id), &traffic)).collect();
    roads.sort();
    text.extend(roads);
    if let Some(network) = views.row(&NETWORK, &()) {
        let (speed, index) = (network.speed.as_f64(), network.travel_time_index.as_f64());
        writeln!(text, "network: {speed:.1} km/h, index {index:.2}, by {} fixes", network.samples)?;
    }
    if let Some(summary) = views.row(&SUMMARY, &()) {
        writeln!(text, "summary: {}", serde_json::to_string(&summary).map_err(|_| std::fmt::Error)?)?;
    }
    for ((_, _, flag), fixes) in views.rows(&FLAGS) {
        writeln!(text, "flag {flag:?}: {fixes}")?;
    }
    for ((device, flag), fixes) in views.rows(&DEVICE_FLAGS) {
        writeln!(text, "flag of {} {flag:?}: {fixes}", name(device))?;
    }
    Ok(text)
}

#[test]
fn a_speed_that_cannot_be_is_not_known_and_the_fix_lives_on() {
    check(
        mini(),
        "01-speed-minus-one",
        expect![[r#"
        v1 by gps: 3 on w10-0f
        v1 at 37.7700 -122.4166 moves: says -, track 38.0
        main_street: 38.0 km/h, Heavy, by 3 fixes of 1 vehicles, confidence Low
        network: 38.0 km/h, index 1.32, by 3 fixes
        summary: {"vehicles":1,"moving":1,"average_speed":37.971,"active_emergencies":0,"incidents":0,"congested_roads":0,"observed_roads":1}
        flag SpeedNotReported: 3
        flag HeadingNotReported: 3
        flag of v1 SpeedNotReported: 3
        flag of v1 HeadingNotReported: 3
    "#]],
    );
    check(
        mini(),
        "01b-speed-out-of-range",
        expect![[r#"
        v1 by gps: 3 on w10-0f
        v1 at 37.7700 -122.4166 moves: says - to 90°, track 38.0
        main_street: 38.0 km/h, Heavy, by 3 fixes of 1 vehicles, confidence Low
        network: 38.0 km/h, index 1.32, by 3 fixes
        summary: {"vehicles":1,"moving":1,"average_speed":37.98,"active_emergencies":0,"incidents":0,"congested_roads":0,"observed_roads":1}
        flag SpeedNotReported: 3
        flag of v1 SpeedNotReported: 3
    "#]],
    );
}

#[test]
fn a_heading_that_cannot_be_is_not_known_and_the_way_says_the_side_of_the_street() {
    check(
        mini(),
        "02-heading-sentinels",
        expect![[r#"
        h3599 by gps: 3 on w10-1b
        h361 by gps: 3 on w10-1b
        h511 by gps: 3 on w10-1b
        h65535 by gps: 3 on w10-1b
        hm1 by gps: 3 on w10-1b
        htext by gps: 3 on w10-1b
        h3599 at 37.7700 -122.4134 moves: says 38.0, track 38.0
        h361 at 37.7700 -122.4134 moves: says 38.0, track 38.0
        h511 at 37.7700 -122.4134 moves: says 38.0, track 38.0
        h65535 at 37.7700 -122.4134 moves: says 38.0, track 38.0
        hm1 at 37.7700 -122.4134 moves: says 38.0, track 38.0
        htext at 37.7700 -122.4134 moves: says 38.0, track 38.0
        main_street: 38.0 km/h, Heavy, by 18 fixes of 6 vehicles, confidence High
        network: 38.0 km/h, index 1.32, by 18 fixes
        summary: {"vehicles":6,"moving":6,"average_speed":38.0,"active_emergencies":0,"incidents":0,"congested_roads":0,"observed_roads":1}
        flag HeadingNotReported: 18
        flag of h3599 HeadingNotReported: 3
        flag of htext HeadingNotReported: 3
        flag of hm1 HeadingNotReported: 3
        flag of h511 HeadingNotReported: 3
        flag of h65535 HeadingNotReported: 3
        flag of h361 HeadingNotReported: 3
    "#]],
    );
    check(
        mini(),
        "02b-more-headings",
        expect![[r#"
            h-0.1 by gps: 3 on w10-0f
            h360 by gps: 3 on w10-0f
            h720 by gps: 3 on w10-0f
            h999.9 by gps: 3 on w10-0f
            unknown by gps: 3 on w10-0f
            h-0.1 at 37.7700 -122.4166 moves: says 38.0, track 38.0
            h360 at 37.7700 -122.4166 moves: says 38.0 to 90°, track 38.0
            h720 at 37.7700 -122.4166 moves: says 38.0, track 38.0
            h999.9 at 37.7700 -122.4166 moves: says 38.0, track 38.0
            unknown at 37.7700 -122.4166 moves: says 38.0, track 38.0
            main_street: 38.0 km/h, Heavy, by 15 fixes of 5 vehicles, confidence High
            network: 38.0 km/h, index 1.32, by 15 fixes
            summary: {"vehicles":5,"moving":5,"average_speed":38.0,"active_emergencies":0,"incidents":0,"congested_roads":0,"observed_roads":1}
            flag HeadingNotReported: 12
            flag of h999.9 HeadingNotReported: 3
            flag of h720 HeadingNotReported: 3
            flag of h-0.1 HeadingNotReported: 3
            flag of unknown HeadingNotReported: 3
        "#]],
    );
}

#[test]
fn what_is_older_than_the_retention_when_it_comes_is_history() {
    check(
        mini(),
        "10-three-days-old-fix",
        expect![[r#"
        live by gps: 3 on w10-0f
        live at 37.7700 -122.4166 moves: says 38.0, track 38.0
        main_street: 38.0 km/h, Heavy, by 3 fixes of 1 vehicles, confidence Low
        network: 38.0 km/h, index 1.32, by 3 fixes
        summary: {"vehicles":1,"moving":1,"average_speed":38.0,"active_emergencies":1,"incidents":1,"congested_roads":0,"observed_roads":1}
        flag TooLate: 1
        flag TooLate: 1
    "#]],
    );
    check(
        mini(),
        "10b-two-hours-old-fix",
        expect![[r#"
        live by gps: 3 on w10-0f
        live at 37.7700 -122.4166 moves: says 38.0, track 38.0
        main_street: 38.0 km/h, Heavy, by 3 fixes of 1 vehicles, confidence Low
        network: 38.0 km/h, index 1.32, by 3 fixes
        summary: {"vehicles":1,"moving":1,"average_speed":38.0,"active_emergencies":0,"incidents":0,"congested_roads":0,"observed_roads":1}
        flag TooLate: 1
    "#]],
    );
    check(
        mini(),
        "10c-ten-minutes-old-fix",
        expect![[r#"
        late by gps: 1 on w11-0b
        live by gps: 3 on w10-0f
        late at 37.7740 -122.4150 moves: says 60.0, track -
        live at 37.7700 -122.4166 moves: says 38.0, track 38.0
        main_street: 38.0 km/h, Heavy, by 3 fixes of 1 vehicles, confidence Low
        network: 38.0 km/h, index 1.32, by 3 fixes
        summary: {"vehicles":2,"moving":2,"average_speed":49.0,"active_emergencies":0,"incidents":0,"congested_roads":0,"observed_roads":1}
        flag Late: 1
    "#]],
    );
}

#[test]
fn who_is_parked_stands_and_is_not_in_the_traffic() {
    check(
        mini(),
        "12-parked-drift",
        expect![[r#"
            parked by gps: 60 here and there
            parked at 37.7700 -122.4150 stands: says -, track 0.0
            summary: {"vehicles":1,"moving":0,"average_speed":0.0,"active_emergencies":0,"incidents":0,"congested_roads":0,"observed_roads":0}
        "#]],
    );
    check(
        mini(),
        "12b-parked-drift-5-s",
        expect![[r#"
            parked by gps: 60 here and there
            parked at 37.7700 -122.4150 stands: says -, track 0.0
            summary: {"vehicles":1,"moving":0,"average_speed":0.0,"active_emergencies":0,"incidents":0,"congested_roads":0,"observed_roads":0}
        "#]],
    );
    check(
        mini(),
        "12c-parked-alone",
        expect![[r#"
            parked by gps: 180 here and there
            parked at 37.7700 -122.4166 stands: says 0.0, track 0.0
            summary: {"vehicles":1,"moving":0,"average_speed":0.0,"active_emergencies":0,"incidents":0,"congested_roads":0,"observed_roads":0}
        "#]],
    );
    check(
        mini(),
        "12d-nine-cars-pass-one-parked",
        expect![[r#"
            car0 by gps: 4 on w10-0f
            car1 by gps: 4 on w10-0f
            car2 by gps: 4 on w10-0f
            car3 by gps: 4 on w10-0f
            car4 by gps: 4 on w10-0f
            car5 by gps: 4 on w10-0f
            car6 by gps: 4 on w10-0f
            car7 by gps: 4 on w10-0f
            car8 by gps: 4 on w10-0f
            parked by gps: 190 here and there
            car0 at 37.7700 -122.4162 moves: says 38.0 to 90°, track 38.0
            car1 at 37.7700 -122.4162 moves: says 38.0 to 90°, track 38.0
            car2 at 37.7700 -122.4162 moves: says 38.0 to 90°, track 38.0
            car3 at 37.7700 -122.4162 moves: says 38.0 to 90°, track 38.0
            car4 at 37.7700 -122.4162 moves: says 38.0 to 90°, track 38.0
            car5 at 37.7700 -122.4162 moves: says 38.0 to 90°, track 38.0
            car6 at 37.7700 -122.4162 moves: says 38.0 to 90°, track 38.0
            car7 at 37.7700 -122.4162 moves: says 38.0 to 90°, track 38.0
            car8 at 37.7700 -122.4162 moves: says 38.0 to 90°, track 38.0
            parked at 37.7700 -122.4167 stands: says 0.0, track 0.0
            main_street: 38.0 km/h, Heavy, by 36 fixes of 9 vehicles, confidence High
            network: 38.0 km/h, index 1.32, by 36 fixes
            summary: {"vehicles":10,"moving":9,"average_speed":34.2,"active_emergencies":0,"incidents":0,"congested_roads":0,"observed_roads":1}
        "#]],
    );
}

#[test]
fn a_street_full_of_standing_vehicles_is_a_jam() {
    check(
        mini(),
        "12e-jam",
        expect![[r#"
        car0 by gps: 16 on w10-0f
        car1 by gps: 16 on w10-0f
        car2 by gps: 16 on w10-0f
        car3 by gps: 16 on w10-0f
        car4 by gps: 16 on w10-0f
        car5 by gps: 16 on w10-0f
        car6 by gps: 16 on w10-0f
        car7 by gps: 16 on w10-0f
        car0 at 37.7700 -122.4188 stands: says 0.0 to 90°, track 0.0
        car1 at 37.7700 -122.4188 stands: says 0.0 to 90°, track 0.0
        car2 at 37.7700 -122.4187 stands: says 0.0 to 90°, track 0.0
        car3 at 37.7700 -122.4186 stands: says 0.0 to 90°, track 0.0
        car4 at 37.7700 -122.4185 stands: says 0.0 to 90°, track 0.0
        car5 at 37.7700 -122.4184 stands: says 0.0 to 90°, track 0.0
        car6 at 37.7700 -122.4183 stands: says 0.0 to 90°, track 0.0
        car7 at 37.7700 -122.4182 stands: says 0.0 to 90°, track 0.0
        main_street: 0.0 km/h, Stationary, by 128 fixes of 8 vehicles, confidence Low
        network: 0.0 km/h, index 1000.00, by 128 fixes
        summary: {"vehicles":8,"moving":0,"average_speed":0.0,"active_emergencies":0,"incidents":0,"congested_roads":1,"observed_roads":1}
    "#]],
    );
}

#[test]
fn two_feeds_of_a_vehicle_are_two_tracks_of_one_vehicle() {
    check(
        mini(),
        "34-two-feeds-one-vehicle",
        expect![[r#"
        v by vehicle: 4 on w10-0f, 1 on w10-1f
        v by gps: 4 on w10-0f, 1 on w10-1f
        v at 37.7700 -122.4142 moves: says 38.0, track 38.0
        main_street: 38.0 km/h, Heavy, by 10 fixes of 1 vehicles, confidence Low
        network: 38.0 km/h, index 1.32, by 10 fixes
        summary: {"vehicles":1,"moving":1,"average_speed":38.0,"active_emergencies":0,"incidents":0,"congested_roads":0,"observed_roads":1}
    "#]],
    );
    check(
        mini(),
        "34b-two-feeds-apart",
        expect![[r#"
        v by vehicle: 4 on w10-0f, 1 on w10-1f
        v by gps: 4 on w10-0f, 1 on w10-1f
        v at 37.7701 -122.4138 moves: says 38.0, track 38.0
        main_street: 38.0 km/h, Heavy, by 10 fixes of 1 vehicles, confidence Low
        network: 38.0 km/h, index 1.32, by 10 fixes
        summary: {"vehicles":1,"moving":1,"average_speed":38.0,"active_emergencies":0,"incidents":0,"congested_roads":0,"observed_roads":1}
    "#]],
    );
}

#[test]
fn nobody_knows_the_way_over_a_long_gap() {
    check(
        mini(),
        "35-tunnel-gap",
        expect![[r#"
            tun by gps: 1 on w10-0b, 2 on w10-1f
            tun at 37.7700 -122.4106 moves: says 38.0, track 12.7
            main_street: 37.5 km/h, Heavy, by 2 fixes of 1 vehicles, confidence Low
            network: 37.5 km/h, index 1.33, by 2 fixes
            summary: {"vehicles":1,"moving":1,"average_speed":38.0,"active_emergencies":0,"incidents":0,"congested_roads":0,"observed_roads":1}
        "#]],
    );
    check(
        mini(),
        "35b-gap-of-15-minutes",
        expect![[r#"
        tun by gps: 1 on w10-0b, 2 on w10-1f
        tun at 37.7700 -122.4120 moves: says 38.0, track 38.0
        main_street: 38.0 km/h, Heavy, by 2 fixes of 1 vehicles, confidence Low
        network: 38.0 km/h, index 1.32, by 2 fixes
        summary: {"vehicles":1,"moving":1,"average_speed":38.0,"active_emergencies":0,"incidents":0,"congested_roads":0,"observed_roads":1}
    "#]],
    );
    check(
        mini(),
        "35c-gap-of-15-minutes-and-zero",
        expect![[r#"
            tun by gps: 5 on w10-0f, 4 on w10-1f
            tun at 37.7700 -122.4121 moves: says 0.0, track 38.1
            main_street: 38.0 km/h, Heavy, by 4 fixes of 1 vehicles, confidence Low
            network: 38.0 km/h, index 1.32, by 4 fixes
            summary: {"vehicles":1,"moving":1,"average_speed":38.1,"active_emergencies":0,"incidents":0,"congested_roads":0,"observed_roads":1}
            flag ContradictsReport: 9
            flag of tun ContradictsReport: 9
        "#]],
    );
}

#[test]
fn without_a_direction_the_way_says_the_side_of_the_street() {
    check(
        built_in_town(),
        "60-no-direction",
        expect![[r#"
            back by gps: 6 on the_embarcadero-10b
            there by gps: 6 on the_embarcadero-10f
            back at 37.7795 -122.4084 moves: says 36.0, track 33.8
            there at 37.7801 -122.4099 moves: says 36.0, track 33.9
            the_embarcadero: 34.8 km/h, Heavy, by 12 fixes of 2 vehicles, confidence High
            network: 34.8 km/h, index 1.44, by 12 fixes
            summary: {"vehicles":2,"moving":2,"average_speed":36.0,"active_emergencies":0,"incidents":0,"congested_roads":0,"observed_roads":1}
        "#]],
    );
    check(
        built_in_town(),
        "60b-no-direction-and-5-m-of-noise",
        expect![[r#"
            back by gps: 6 on the_embarcadero-10b
            there by gps: 6 on the_embarcadero-10f
            back at 37.7796 -122.4086 moves: says 36.0, track 32.5
            there at 37.7800 -122.4099 moves: says 36.0, track 36.1
            the_embarcadero: 32.9 km/h, Heavy, by 12 fixes of 2 vehicles, confidence High
            network: 32.9 km/h, index 1.52, by 12 fixes
            summary: {"vehicles":2,"moving":2,"average_speed":36.0,"active_emergencies":0,"incidents":0,"congested_roads":0,"observed_roads":1}
        "#]],
    );
    check(
        mini(),
        "60c-no-direction-and-a-turn",
        expect![[r#"
            turns by gps: 4 on w10-0f, 4 on w11-1f
            turns at 37.7679 -122.4150 moves: says -, track 36.0
            cross_street: 36.0 km/h, Heavy, by 4 fixes of 1 vehicles, confidence Low
            main_street: 36.0 km/h, Heavy, by 4 fixes of 1 vehicles, confidence Low
            network: 36.0 km/h, index 1.39, by 8 fixes
            summary: {"vehicles":1,"moving":1,"average_speed":35.997,"active_emergencies":0,"incidents":0,"congested_roads":0,"observed_roads":2}
        "#]],
    );
}

#[test]
fn a_speed_of_zero_is_not_believed_of_those_who_move_on() {
    check(
        built_in_town(),
        "61-speed-always-zero",
        expect![[r#"
            v0 by gps: 6 on the_embarcadero-10f
            v1 by gps: 6 on the_embarcadero-10f
            v2 by gps: 6 on the_embarcadero-10f
            v0 at 37.7801 -122.4099 moves: says 0.0 to 294°, track 33.9
            v1 at 37.7801 -122.4099 moves: says 0.0 to 294°, track 33.9
            v2 at 37.7801 -122.4099 moves: says 0.0 to 294°, track 33.9
            the_embarcadero: 33.9 km/h, Heavy, by 18 fixes of 3 vehicles, confidence High
            network: 33.9 km/h, index 1.48, by 18 fixes
            summary: {"vehicles":3,"moving":3,"average_speed":33.9,"active_emergencies":0,"incidents":0,"congested_roads":0,"observed_roads":1}
            flag ContradictsReport: 18
            flag of v2 ContradictsReport: 6
            flag of v0 ContradictsReport: 6
            flag of v1 ContradictsReport: 6
        "#]],
    );
    check(
        built_in_town(),
        "61b-always-zero-on-a-motorway",
        expect![[r#"
            v0 by gps: 2 on highway_101-e2b, 3 on highway_101-e3a
            v1 by gps: 2 on highway_101-e2b, 3 on highway_101-e3a
            v2 by gps: 2 on highway_101-e2b, 3 on highway_101-e3a
            v0 at 37.7579 -122.4116 moves: says 0.0, track 86.4
            v1 at 37.7579 -122.4116 moves: says 0.0, track 86.4
            v2 at 37.7579 -122.4116 moves: says 0.0, track 86.4
            highway_101: 86.4 km/h, Heavy, by 15 fixes of 3 vehicles, confidence High
            network: 86.4 km/h, index 1.16, by 15 fixes
            summary: {"vehicles":3,"moving":3,"average_speed":86.375,"active_emergencies":0,"incidents":0,"congested_roads":0,"observed_roads":1}
            flag ContradictsReport: 15
            flag of v2 ContradictsReport: 5
            flag of v0 ContradictsReport: 5
            flag of v1 ContradictsReport: 5
        "#]],
    );
    check(
        built_in_town(),
        "61c-zero-at-a-red-light",
        expect![[r#"
            v by gps: 7 on the_embarcadero-10f
            v at 37.7800 -122.4096 moves: says 34.0 to 294°, track 33.9
            the_embarcadero: 11.3 km/h, Stationary, by 7 fixes of 1 vehicles, confidence Low
            network: 11.3 km/h, index 4.44, by 7 fixes
            summary: {"vehicles":1,"moving":1,"average_speed":34.0,"active_emergencies":0,"incidents":0,"congested_roads":1,"observed_roads":1}
        "#]],
    );
}

#[test]
fn without_a_speed_the_ways_say_how_the_traffic_flows() {
    check(
        built_in_town(),
        "62-no-speed",
        expect![[r#"
            v0 by gps: 6 on the_embarcadero-10f
            v1 by gps: 6 on the_embarcadero-10f
            v2 by gps: 6 on the_embarcadero-10f
            v0 at 37.7801 -122.4099 moves: says - to 294°, track 33.9
            v1 at 37.7801 -122.4099 moves: says - to 294°, track 33.9
            v2 at 37.7801 -122.4099 moves: says - to 294°, track 33.9
            the_embarcadero: 33.9 km/h, Heavy, by 18 fixes of 3 vehicles, confidence High
            network: 33.9 km/h, index 1.48, by 18 fixes
            summary: {"vehicles":3,"moving":3,"average_speed":33.9,"active_emergencies":0,"incidents":0,"congested_roads":0,"observed_roads":1}
        "#]],
    );
    check(
        built_in_town(),
        "62b-one-car-without-speed",
        expect![[r#"
            v by gps: 6 on the_embarcadero-10f
            v at 37.7801 -122.4099 moves: says - to 294°, track 33.9
            the_embarcadero: 33.9 km/h, Heavy, by 6 fixes of 1 vehicles, confidence Low
            network: 33.9 km/h, index 1.48, by 6 fixes
            summary: {"vehicles":1,"moving":1,"average_speed":33.9,"active_emergencies":0,"incidents":0,"congested_roads":0,"observed_roads":1}
        "#]],
    );
    check(
        built_in_town(),
        "62c-most-cars-without-speed",
        expect![[r#"
            v0 by gps: 6 on the_embarcadero-10f
            v1 by gps: 6 on the_embarcadero-10f
            v2 by gps: 6 on the_embarcadero-10f
            v0 at 37.7801 -122.4099 moves: says - to 294°, track 33.9
            v1 at 37.7801 -122.4099 moves: says - to 294°, track 33.9
            v2 at 37.7801 -122.4099 moves: says - to 294°, track 33.9
            the_embarcadero: 33.9 km/h, Heavy, by 18 fixes of 3 vehicles, confidence High
            network: 33.9 km/h, index 1.48, by 18 fixes
            summary: {"vehicles":3,"moving":3,"average_speed":33.9,"active_emergencies":0,"incidents":0,"congested_roads":0,"observed_roads":1}
        "#]],
    );
}
