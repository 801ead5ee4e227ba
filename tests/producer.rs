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
use smartcity_dataflow::testing::recorded;

use crate::shared::{by_tick, replay, rows_of};

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
    // The newest reading, drawn to the quarter of an hour up to the end of its minute, 14:54, as if that were two more.
    let of_camera = messages.iter().filter(|(topic, _, _)| topic == "traffic_camera_data").map(|(_, _, value)| value);
    let speed = |value: &Value| value["speed"].as_f64().expect("a speed");
    let is_trailing = |value: &&Value| value["timestamp"].as_str().expect("a time") >= "2026-11-23T14:39";
    let paces: Vec<f64> = of_camera.filter(is_trailing).map(|value| 1.0 / speed(value).max(1.0)).collect();
    assert!(paces.len() > 15, "{}", paces.len());
    let trailing = paces.len() as f64 / paces.iter().sum::<f64>();
    let expected = (speed(last("traffic_camera_data")) + 2.0 * trailing) / 3.0;
    assert!((road.speed.as_f64() - expected).abs() < 0.01, "{road:?}, expected {expected}");

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
