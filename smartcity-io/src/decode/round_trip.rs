//! Encoded and decoded again, a reading is the same.

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;
use smartcity_dataflow::model::{
    Body, CameraReading, Fix, Heading, Id, Instant, Kind, Kmh, Milli, Millis, Name, Names, Namespace, Point, Quantity,
    Reading, Report, ReportStatus, Sensor, Sky, Unit, Unusable, VehicleDetails, Weather,
};
use smartcity_dataflow::testing::recorded;

use super::tests::{ARRIVED, decode_parts, origin, text};
use super::*;

#[test]
fn every_message_of_the_original_producer_decodes() {
    let Some(file) = recorded("producer/messages.ndjson") else { return };
    let messages = std::fs::read_to_string(file).unwrap();
    let mut kinds: HashMap<Kind, usize> = HashMap::new();
    for line in messages.lines() {
        let (topic, key, value): (String, String, String) = serde_json::from_str(line).unwrap();
        let batch = decode_parts(&topic, Some(key.as_bytes()), Some(value.as_bytes()));
        assert!(batch.rejected.is_empty(), "{:?}", batch.rejected);
        let reading = batch.readings[0];
        assert_eq!(reading.id, Id::new(Namespace::Message, &key));
        assert!(matches!(reading.time, Instant::Local(_)));
        let names: Names = batch.names.into_iter().map(|named| named.name).chain([message_name(&key)]).collect();
        assert_eq!(encoded_and_decoded(&reading, &names), reading, "{line}");
        *kinds.entry(reading.kind).or_default() += 1;
    }
    assert_eq!(kinds.len(), 5);
    assert!(kinds.values().all(|&count| count == 49), "{kinds:?}");
}

fn message_name(id: &str) -> Name {
    Name::new(Namespace::Message, id)
}

fn encoded_and_decoded(reading: &Reading<Instant>, names: &Names) -> Reading<Instant> {
    let encoded = to_json(reading, &TopicMap::default(), |id| names.text(id).map(|text| &**text));
    let batch = decode_parts(&encoded.topic, Some(encoded.key.as_bytes()), Some(encoded.value.as_bytes()));
    assert!(batch.rejected.is_empty(), "{:?}", batch.rejected);
    batch.readings[0]
}

prop_compose! {
    fn any_fix()(
        speed in option(-1_000i64..500_000), heading in option(0i64..36_000),
        unusable_heading in any::<bool>(), texts in proptest::array::uniform4(any::<bool>()), year in option(0u16..3_000),
    ) -> Body {
        let some = |i: usize, text: &str| texts[i].then(|| Id::new(Namespace::Text, text));
        let details = VehicleDetails {
            make: some(0, "Škoda \"X\""), model: some(1, "Model 3"), year, fuel: some(2, "hybrid")
        };
        Body::Fix(Fix {
            speed: speed.map(Kmh),
            heading: heading.map(Heading::from_centidegrees),
            vehicle_type: some(3, "bus"),
            details: (details != VehicleDetails::default()).then_some(details),
            unusable: Unusable { speed: false, heading: heading.is_none() && unusable_heading },
        })
    }
}

fn option<T: Strategy>(values: T) -> impl Strategy<Value = Option<T::Value>> {
    proptest::option::of(values)
}

fn any_weather() -> impl Strategy<Value = Body> {
    let sky = prop_oneof![
        Just(Sky::Clear),
        Just(Sky::Clouds),
        Just(Sky::Fog),
        Just(Sky::Storm),
        Just(Sky::Other(text("raining frogs")))
    ];
    let milli = || option(-1_000_000_000i64..1_000_000_000);
    (milli(), option(sky), milli(), milli(), milli(), milli()).prop_map(
        |(temperature, sky, humidity, wind, rain, aqi)| {
            Body::Weather(Weather {
                temperature: temperature.map(Milli),
                sky,
                humidity: humidity.map(Milli),
                wind: wind.map(Kmh),
                precipitation: rain.map(Milli),
                air_quality_index: aqi.map(Milli),
            })
        },
    )
}

fn any_sensor() -> impl Strategy<Value = Body> {
    let quantities = vec![
        Quantity::Noise,
        Quantity::Parking,
        Quantity::LoopCount,
        Quantity::LoopOccupancy,
        Quantity::LoopSpeed,
        Quantity::Pm25,
        Quantity::Pm10,
        Quantity::O3,
        Quantity::No2,
        Quantity::So2,
        Quantity::Co,
        Quantity::Other(text("bikes")),
    ];
    let units = vec![
        Unit::Decibel,
        Unit::Percent,
        Unit::Count,
        Unit::Kmh,
        Unit::MicrogramsPerCubicMetre,
        Unit::MilligramsPerCubicMetre,
        Unit::PartsPerBillion,
        Unit::PartsPerMillion,
        Unit::Other(text("Stück")),
    ];
    (proptest::sample::select(quantities), any::<i32>(), proptest::sample::select(units))
        .prop_map(|(quantity, value, unit)| Body::Sensor(Sensor { quantity, value: Milli(value.into()), unit }))
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(
        body in prop_oneof![
            any_fix(),
            (any::<u32>(), option(0i64..36_000)).prop_map(|(speed, heading)| Body::Camera(CameraReading {
                camera: Id::new(Namespace::Camera, "East 1"),
                speed: Kmh(speed.into()),
                heading: heading.map(Heading::from_centidegrees),
            })),
            any_weather(),
            (0..3usize, any::<bool>()).prop_map(|(status, described)| Body::Report(Report {
                incident: Id::new(Namespace::Incident, "i-1"),
                incident_type: text("accident"),
                status: [ReportStatus::Active, ReportStatus::Pending, ReportStatus::Resolved][status],
                description: described.then(|| text("two cars\nand a \"bus\"")),
            })),
            any_sensor(),
            Just(Body::Withdrawn),
        ],
        vehicle in any::<bool>(),
        millis in -1_000_000_000_000i64..100_000_000_000_000,
        local in any::<bool>(),
        lat in -900_000_000i32..=900_000_000,
        lon in -1_800_000_000i32..=1_800_000_000,
    ) {
        let names: Names = [
            message_name("m-1"),
            Name::new(Namespace::Device, "dev 1"),
            Name::new(Namespace::Camera, "East 1"),
            Name::new(Namespace::Incident, "i-1"),
        ]
        .into_iter()
        .chain(["Škoda \"X\"", "Model 3", "hybrid", "bus", "raining frogs", "accident", "two cars\nand a \"bus\"",
            "bikes", "Stück"].map(|text| Name { id: self::text(text), text: Arc::from(text) }))
        .collect();
        let reading = Reading {
            time: if local { Instant::Local(Millis(millis)) } else { Instant::Utc(Millis(millis)) },
            origin: origin(),
            kind: match body {
                Body::Fix(_) | Body::Withdrawn => if vehicle { Kind::Vehicle } else { Kind::Gps },
                Body::Camera(_) => Kind::Traffic,
                Body::Weather(_) => Kind::Weather,
                Body::Report(_) => Kind::Emergency,
                Body::Sensor(_) => Kind::Sensor,
            },
            id: Id::new(Namespace::Message, "m-1"),
            device: Id::new(Namespace::Device, "dev 1"),
            arrived: ARRIVED,
            place: Some(Point { lat, lon }),
            body,
        };
        prop_assert_eq!(encoded_and_decoded(&reading, &names), reading);
    }
}
