//! The original producer's messages, as they were produced.

use serde_json::Value;
use smartcity::city::congestion::ROADS;
use smartcity::city::feeds::{FLAGS, Flag};
use smartcity::city::incidents::REPORTS;
use smartcity::city::quarantine::QUARANTINE;
use smartcity::city::vehicles::VEHICLES;
use smartcity::city::weather::WEATHER;
use smartcity::city_files;
use smartcity::decode::JsonDecoder;
use smartcity::model::{Id, Namespace};
use smartcity::source::{Replay, ReplaySettings};

use crate::shared::{by_tick, recorded, replay, rows_of};

#[test]
fn the_producers_messages_show_its_one_vehicle_its_road_its_weather_and_its_emergencies() {
    let Some(folder) = recorded("producer") else { return };
    let lines = std::fs::read_to_string(folder.join("messages.ndjson")).expect("the recording can be read");
    let messages: Vec<(String, String, Value)> = lines
        .lines()
        .map(|line| serde_json::from_str::<(String, String, String)>(line).expect("a triple"))
        .map(|(topic, key, value)| (topic, key, serde_json::from_str(&value).expect("the producer writes JSON")))
        .collect();
    let last =
        |topic: &str| messages.iter().rfind(|(of, _, _)| of == topic).map(|(_, _, value)| value).expect("a message");

    let source = Replay::open("test", &folder, ReplaySettings::default(), JsonDecoder::default()).expect("a recording");
    let outcome = replay(&city_files::town().to_city(), by_tick(rows_of(source), 100, |_| {}), 1);
    let views = outcome.snapshot;

    let vehicles = views.rows(&VEHICLES);
    assert_eq!(vehicles.keys().collect::<Vec<_>>(), [&Id::new(Namespace::Device, "Vehicle1")]);
    let vehicle = vehicles.values().next().expect("one vehicle");
    let gps = last("gps_data");
    assert!((vehicle.speed().as_f64() - gps["speed"].as_f64().expect("a speed")).abs() < 0.001);
    let (lat, lon) = vehicle.place.degrees();
    assert!((lat - gps["location"][0].as_f64().expect("a latitude")).abs() < 1e-7);
    assert!((lon - gps["location"][1].as_f64().expect("a longitude")).abs() < 1e-7);
    assert!(vehicle.implausible.is_some(), "it moved at more than 180 km/h and reported 40 at most");
    let track = vehicle.track_heading.expect("a track").centidegrees();
    assert!((29_000..33_000).contains(&track), "the true bearing is about 310 degrees, not the reported 45: {track}");

    let road = views.row(&ROADS, &Id::new(Namespace::Road, "highway_101")).expect("the camera's road");
    assert!((road.speed.as_f64() - last("traffic_camera_data")["speed"].as_f64().expect("a speed")).abs() < 0.001);

    let weather = views.rows(&WEATHER);
    assert_eq!(weather.len(), 1);
    let measured = weather.values().next().expect("one station").weather;
    let temperature = last("weather_data")["temperature"].as_f64().expect("a temperature");
    assert!((measured.temperature.expect("a temperature").as_f64() - temperature).abs() < 0.001);

    let mut active: Vec<_> = messages
        .iter()
        .filter(|(topic, _, value)| topic == "emergency_incident_data" && value["status"] == "Active")
        .map(|(_, _, value)| Id::new(Namespace::Incident, value["incidentId"].as_str().expect("an id")))
        .collect();
    active.sort_unstable();
    assert_eq!(views.rows(&REPORTS).keys().copied().collect::<Vec<_>>(), active);
    assert_eq!(active.len(), 23);

    assert!(views.rows(&QUARANTINE).is_empty(), "nothing is quarantined");
    let flagged: u64 = views
        .rows(&FLAGS)
        .iter()
        .filter(|((_, _, flag), _)| *flag == Flag::ImplausibleSpeed)
        .map(|(_, rows)| rows)
        .sum();
    assert_eq!(flagged, 2 * 48, "every step of both feeds is flagged");
}
