//! What messages decode to.

use smartcity_dataflow::model::{
    Body, CameraReading, Fix, Heading, Id, Instant, Kind, Kmh, Milli, Millis, Namespace, Origin, Point, Quantity,
    Reading, Reason, Rejected, Report, ReportStatus, Sensor, Sky, Unit, Unusable, VehicleDetails, Weather,
};

use super::*;

pub(super) const ARRIVED: u64 = 1_795_443_500_000;

pub(super) fn origin() -> Origin {
    Origin { source: Id::new(Namespace::Source, "test"), partition: 0, offset: 7 }
}

pub(super) fn decode_parts(topic: &str, key: Option<&[u8]>, value: Option<&[u8]>) -> Batch {
    let mut batch = Batch::default();
    let message = Message { topic, key, value, origin: origin(), arrival: Arrival::At(ARRIVED) };
    JsonDecoder::new(TopicMap::default()).decode(&message, &mut batch);
    assert_eq!(batch.len(), 1, "one message is one reading or one rejection");
    batch
}

fn decode(topic: &str, value: &str) -> Batch {
    decode_parts(topic, None, Some(value.as_bytes()))
}

fn accepted(topic: &str, value: &str) -> (Reading<Instant>, Vec<String>) {
    let batch = decode(topic, value);
    assert!(batch.rejected.is_empty(), "{:?}", batch.rejected);
    (batch.readings[0], batch.names.iter().map(|named| named.name.text.to_string()).collect())
}

fn rejected(topic: &str, value: &str) -> Rejected {
    let batch = decode(topic, value);
    assert!(batch.readings.is_empty() && batch.names.is_empty(), "{batch:?}");
    batch.rejected[0].clone()
}

pub(super) fn text(text: &str) -> Id {
    Id::new(Namespace::Text, text)
}

#[test]
fn a_vehicle_reports_its_motion_and_what_it_is() {
    let (reading, names) = accepted(
        "vehicle_data",
        r#"{"id": "m-1", "device_id": "Vehicle1", "timestamp": "2026-11-23T14:17:50.416365",
            "location": [51.605118508325816, -0.16303109913177852], "speed": 18.017189015341764,
            "direction": "North-East", "make": "Toyota", "model": "Camry", "year": 2024, "fuel_type": "Hybrid"}"#,
    );
    assert_eq!(
        reading,
        Reading {
            time: Instant::Local(Millis(1_795_443_470_416)),
            origin: origin(),
            kind: Kind::Vehicle,
            id: Id::new(Namespace::Message, "m-1"),
            device: Id::new(Namespace::Device, "Vehicle1"),
            arrived: ARRIVED,
            place: Some(Point { lat: 516_051_185, lon: -1_630_311 }),
            body: Body::Fix(Fix {
                speed: Some(Kmh(18_017)),
                heading: Some(Heading::from_centidegrees(4_500)),
                vehicle_type: None,
                details: Some(VehicleDetails {
                    make: Some(text("Toyota")),
                    model: Some(text("Camry")),
                    year: Some(2024),
                    fuel: Some(text("hybrid")),
                }),
                unusable: Unusable::default(),
            }),
        }
    );
    assert_eq!(names, ["Toyota", "Camry", "Hybrid", "Vehicle1"]);
}

#[test]
fn a_fix_needs_no_more_than_device_time_and_place() {
    let (reading, names) =
        accepted("gps_data", r#"{"device_id":"bus 7","timestamp":1795443470416,"location":[51.6,-0.16,35.0]}"#);
    assert_eq!(reading.time, Instant::Utc(Millis(1_795_443_470_416)));
    assert_eq!(reading.body, Body::Fix(Fix::default()));
    assert_eq!(names, ["bus 7"]);
}

#[test]
fn a_fix_outlives_a_speed_and_a_direction_that_cannot_be() {
    let fix = |speed: &str, direction: &str| {
        let message = format!(
            r#"{{"device_id":"v","timestamp":1795443470416,"location":[51.6,-0.16],"speed":{speed},"direction":{direction}}}"#
        );
        let Body::Fix(fix) = accepted("gps_data", &message).0.body else { panic!("a fix") };
        fix
    };
    for direction in
        ["-1", "361", "511", "3599", "65535", "\"655.35\"", "\"-1\"", "\"NaN\"", "\"up\"", "18446744073709551615"]
    {
        let unusable = Unusable { speed: false, heading: true };
        assert_eq!(fix("null", direction), Fix { unusable, ..Fix::default() }, "{direction}");
    }
    for direction in ["null", "\"\""] {
        assert_eq!(fix("null", direction), Fix::default(), "{direction} states none");
    }
    for (direction, degrees) in [("0", 0), ("360", 0), ("\"360.0\"", 0), ("359.5", 35_950)] {
        let heading = Some(Heading::from_centidegrees(degrees));
        assert_eq!(fix("null", direction), Fix { heading, ..Fix::default() });
    }
    for speed in ["1e300", "\"NaN\"", "18446744073709551615"] {
        let unusable = Unusable { speed: true, heading: false };
        assert_eq!(fix(speed, "null"), Fix { unusable, ..Fix::default() }, "{speed}");
    }
    for (speed, kmh) in [("-1", -1_000), ("511", 511_000), ("\"65535\"", 65_535_000)] {
        assert_eq!(fix(speed, "null"), Fix { speed: Some(Kmh(kmh)), ..Fix::default() }, "judged by the dataflow");
    }
}

#[test]
fn an_unusable_speed_and_direction_are_written_as_such() {
    let unusable = Unusable { speed: true, heading: true };
    let (reading, _) = accepted("gps_data", r#"{"device_id":"v","timestamp":1795443470416,"location":[51.6,-0.16]}"#);
    let stated = Reading { body: Body::Fix(Fix { unusable, ..Fix::default() }), ..reading };
    let encoded = to_json(&stated, &TopicMap::default(), |_| None);
    assert!(encoded.value.contains(r#""speed":-1.0,"direction":-1"#), "{}", encoded.value);
}

#[test]
fn a_camera_that_looks_nowhere_still_measures() {
    let message = r#"{"id":"c","device_id":"C","timestamp":"2026-11-23T14:17:50Z","speed":9,"direction":511}"#;
    let Body::Camera(camera) = accepted("traffic_data", message).0.body else { panic!("a camera") };
    assert_eq!((camera.speed, camera.heading), (Kmh(9_000), None));
}

#[test]
fn a_camera_is_the_device_where_no_camera_is_named() {
    let message = r#"{"id":"c","device_id":"Camera331","timestamp":"2026-11-23T14:17:50Z","snapshot":"Base64",
        "speed":"8.9927","direction":"225.5"}"#;
    for topic in ["traffic_camera_data", "traffic_data"] {
        let (reading, _) = accepted(topic, message);
        assert_eq!(
            (reading.kind, reading.place, reading.body),
            (
                Kind::Traffic,
                None,
                Body::Camera(CameraReading {
                    camera: Id::new(Namespace::Camera, "Camera331"),
                    speed: Kmh(8_993),
                    heading: Some(Heading::from_centidegrees(22_550)),
                })
            )
        );
    }
    let (reading, names) = accepted("traffic_data", &message.replace("\"id\"", "\"camera_id\":\"East\",\"id\""));
    let Body::Camera(camera) = reading.body else { panic!("{reading:?}") };
    assert_eq!(camera.camera, Id::new(Namespace::Camera, "East"));
    assert_eq!(names, ["East", "Camera331"]);
}

#[test]
fn weather_may_leave_anything_out() {
    let message = r#"{"id":"w","device_id":"Station1","timestamp":"2026-11-23T14:17:50+01:00","temperature":-3.5,
        "weather_condition":"SLEET","humidity":76.389,"wind_speed":96.9,"precipitation":null,"airQualityIndex":454}"#;
    let (reading, names) = accepted("weather_data", message);
    assert_eq!(
        reading.body,
        Body::Weather(Weather {
            temperature: Some(Milli(-3_500)),
            sky: Some(Sky::Snow),
            humidity: Some(Milli(76_389)),
            wind: Some(Kmh(96_900)),
            precipitation: None,
            air_quality_index: Some(Milli(454_000)),
        })
    );
    assert_eq!(names, ["Station1"]);
    let (reading, names) = accepted("weather_data", &message.replace("SLEET", "Raining Frogs"));
    let Body::Weather(weather) = reading.body else { panic!("{reading:?}") };
    assert_eq!(weather.sky, Some(Sky::Other(text("raining frogs"))));
    assert_eq!(names, ["Raining Frogs", "Station1"]);
}

#[test]
fn an_emergency_falls_back_to_an_active_one_of_its_own() {
    let full = r#"{"id":"e","device_id":"Dispatch1","timestamp":"2026-11-23T14:17:50Z","location":[51.6,-0.16],
        "incidentId":"i-1","incident_type":"Breakdown","status":"RESOLVED","description":"caf\u00e9 \"Nero\""}"#;
    let (reading, names) = accepted("emergency_incident_data", full);
    assert_eq!(
        reading.body,
        Body::Report(Report {
            incident: Id::new(Namespace::Incident, "i-1"),
            incident_type: text("breakdown"),
            status: ReportStatus::Resolved,
            description: Some(text("café \"Nero\"")),
        })
    );
    assert_eq!(names, ["i-1", "Breakdown", "café \"Nero\"", "Dispatch1"]);

    let bare = r#"{"id":"e","device_id":"D","timestamp":"2026-11-23T14:17:50Z","location":[51.6,-0.16]}"#;
    let (reading, _) = accepted("emergency_data", bare);
    assert_eq!(
        reading.body,
        Body::Report(Report {
            incident: Id::new(Namespace::Incident, "e"),
            incident_type: text("unknown"),
            status: ReportStatus::Active,
            description: None,
        })
    );
}

#[test]
fn a_sensor_has_the_usual_unit_where_it_names_none() {
    let message = r#"{"id":"s","station":"Air1","timestamp":"2026-11-23T14:17:50Z","kind":"PM2.5","value":12.25}"#;
    let (reading, _) = accepted("sensor_data", message);
    assert_eq!(reading.device, Id::new(Namespace::Device, "Air1"));
    assert_eq!(
        reading.body,
        Body::Sensor(Sensor { quantity: Quantity::Pm25, value: Milli(12_250), unit: Unit::MicrogramsPerCubicMetre })
    );
    let (reading, names) = accepted(
        "sensor_data",
        &message.replace("PM2.5", "Bikes").replace("\"value\"", "\"unit\":\"Stück\",\"value\""),
    );
    assert_eq!(
        reading.body,
        Body::Sensor(Sensor {
            quantity: Quantity::Other(text("bikes")),
            value: Milli(12_250),
            unit: Unit::Other(text("Stück")),
        })
    );
    assert_eq!(names, ["Bikes", "Stück", "Air1"]);
}

#[test]
fn an_id_falls_back_to_the_key_and_then_to_the_content() {
    let value = br#"{"device_id":"a","timestamp":0,"location":[1,1]}"#;
    let id = |key: Option<&[u8]>| decode_parts("gps_data", key, Some(value)).readings[0].id;
    assert_eq!(id(Some(b"key-1")), Id::new(Namespace::Message, "key-1"));
    assert_eq!(id(Some(b"")), id(None));
    assert_eq!(id(Some(b"\xff")), id(None));
    assert_eq!(id(None), Id::new(Namespace::Message, std::str::from_utf8(value).unwrap()));
}

#[test]
fn a_message_is_withdrawn_by_a_tombstone_or_in_words() {
    for (key, value) in [
        (Some("m-1"), None),
        (Some("m-1"), Some("null")),
        (None, Some(r#"{"id":"m-1","withdrawn":true}"#)),
        (Some("m-1"), Some(r#"{"withdrawn":true,"speed":"ignored"}"#)),
    ] {
        let batch = decode_parts("gps_data", key.map(str::as_bytes), value.map(str::as_bytes));
        let reading = batch.readings[0];
        assert_eq!(reading.body, Body::Withdrawn);
        assert_eq!((reading.kind, reading.id), (Kind::Gps, Id::new(Namespace::Message, "m-1")));
        assert_eq!(reading.device, Id::new(Namespace::Device, "m-1"));
        assert_eq!(reading.time, Instant::Utc(Millis(ARRIVED as i64)));
        assert!(batch.names.is_empty());
    }
    let (reading, names) =
        accepted("gps_data", r#"{"id":"m","withdrawn":true,"device_id":"v","timestamp":"2026-11-23T14:17:50Z"}"#);
    assert_eq!((reading.body, reading.time), (Body::Withdrawn, Instant::Utc(Millis(1_795_443_470_000))));
    assert_eq!(names, ["v"]);
    assert_eq!(decode_parts("gps_data", None, None).rejected[0].reason, Reason::MissingField);
}

#[test]
fn what_is_wrong_is_named_with_field_value_and_expectation() {
    let good = r#"{"id":"m","device_id":"d","timestamp":"2026-11-23T14:17:50Z","location":[1,2],"speed":3,"kind":"co","value":4}"#;
    for (topic, from, to, reason, words) in [
        ("noise", "", "", Reason::UnknownTopic, "topic is \"noise\": expected a configured topic"),
        ("gps_data", "}", "", Reason::Malformed, "not a JSON object of known fields: EOF"),
        ("gps_data", "{", "[{", Reason::Malformed, "not a JSON object"),
        ("gps_data", "\"kind\"", "\"id\"", Reason::Malformed, "duplicate field `id`"),
        ("gps_data", "\"d\"", "null", Reason::MissingField, "device_id is missing: expected the id of the sender"),
        ("gps_data", "\"d\"", "\" \"", Reason::MissingField, "device_id is missing"),
        ("gps_data", "\"d\"", "{}", Reason::WrongType, "device_id is an object: expected a text"),
        ("gps_data", "timestamp", "time", Reason::MissingField, "timestamp is missing: expected a time such as"),
        ("gps_data", "2026-11", "2026-13", Reason::BadTimestamp, "timestamp is \"2026-13-23T14:17:50Z\": expected a"),
        ("gps_data", "[1,2]", "null", Reason::MissingField, "location is missing: expected [latitude, longitude]"),
        ("gps_data", "[1,2]", "[1]", Reason::WrongType, "location is a list: expected [latitude, longitude]"),
        ("gps_data", "[1,2]", "\"here\"", Reason::WrongType, "location is \"here\": expected [latitude, longitude]"),
        ("gps_data", "[1,2]", "[91,2]", Reason::OffEarth, "location is [91, 2]: expected [latitude, longitude]"),
        ("gps_data", ":3", ":\"fast\"", Reason::WrongType, "speed is \"fast\": expected a number of km/h"),
        ("traffic_data", ":3", ":\"NaN\"", Reason::BadNumber, "speed is \"NaN\": expected a finite number"),
        ("traffic_data", ":3", ":1e300", Reason::BadNumber, "speed is 1"),
        ("gps_data", ":3", ":1e999", Reason::BadNumber, "number out of range"),
        ("traffic_data", "speed", "sped", Reason::MissingField, "speed is missing: expected a number of km/h"),
        ("emergency_data", "[1,2]", "null", Reason::MissingField, "location is missing"),
        (
            "emergency_data",
            "\"kind\"",
            "\"status\"",
            Reason::WrongType,
            "status is \"co\": expected Active, Pending or",
        ),
        ("sensor_data", "kind", "kin", Reason::MissingField, "kind is missing: expected what was measured"),
        ("sensor_data", "value", "val", Reason::MissingField, "value is missing: expected a number"),
    ] {
        let rejected = rejected(topic, &good.replacen(from, to, 1));
        assert_eq!(rejected.reason, reason, "{}", rejected.detail);
        assert!(rejected.detail.contains(words), "{words} in {}", rejected.detail);
        assert!(rejected.detail.contains("; message: "), "{}", rejected.detail);
        assert_eq!((rejected.arrived, rejected.origin), (ARRIVED, origin()));
    }
}

#[test]
fn bytes_that_are_not_text_are_shown_as_far_as_they_can_be() {
    let batch = decode_parts("gps_data", None, Some(b"{\"id\":\"\xff\n\0\"}"));
    assert_eq!(batch.rejected[0].reason, Reason::Malformed);
    assert!(batch.rejected[0].detail.ends_with("message: {\"id\":\"\u{fffd}  \"}"), "{}", batch.rejected[0].detail);
    let long = decode("gps_data", &"x".repeat(10_000));
    assert!(long.rejected[0].detail.len() < 200);
}

#[test]
fn a_rejected_message_leaves_its_names_unsaid() {
    let mut decoder = JsonDecoder::default();
    let mut batch = Batch::default();
    for speed in ["\"fast\"", "3"] {
        let value = format!(r#"{{"device_id":"d","timestamp":0,"camera_id":"c","speed":{speed}}}"#);
        let value = Some(value.as_bytes());
        let message = Message { topic: "traffic_data", key: None, value, origin: origin(), arrival: Arrival::At(1) };
        decoder.decode(&message, &mut batch);
    }
    let names: Vec<_> = batch.names.iter().map(|named| &*named.name.text).collect();
    assert_eq!((batch.readings.len(), batch.rejected.len(), names), (1, 1, vec!["c", "d"]));
}

#[test]
fn a_local_time_drives_a_recording_by_its_zone() {
    let mut decoder = JsonDecoder::default().in_time_zone("America/Los_Angeles").unwrap();
    let clock = RecordedClock::default();
    let mut batch = Batch::default();
    let value = br#"{"device_id":"d","timestamp":"2026-11-23T14:17:50","location":[1,2]}"#;
    let message = Message {
        topic: "gps_data",
        key: None,
        value: Some(value),
        origin: origin(),
        arrival: Arrival::Recorded(&clock),
    };
    decoder.decode(&message, &mut batch);
    assert_eq!(batch.readings[0].time, Instant::Local(Millis(1_795_443_470_000)));
    assert_eq!(batch.readings[0].arrived, 1_795_443_470_000 + 8 * 3_600_000);
    assert!(JsonDecoder::default().in_time_zone("Mars/Olympus").is_err());
}
