//! A reading as the contract's JSON: what a decoder makes the same reading of.

use serde::Serialize;
use smartcity_dataflow::model::{
    Body, CameraReading, Fix, Heading, Id, Instant, Kmh, Milli, Quantity, Reading, Report, ReportStatus, Sensor, Sky,
    Unit, Weather,
};

use super::TopicMap;

/// A message ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Its topic: the first spelling of the kind.
    pub topic: String,
    /// Its key: the message's id.
    pub key: String,
    /// Its value: a JSON object on one line.
    pub value: String,
}

/// The fields of all kinds, in the order of the contract.
#[derive(Serialize)]
struct Fields<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<String>,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<(f64, f64)>,
    #[serde(flatten)]
    body: Fieldset,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Fieldset {
    Fix {
        #[serde(skip_serializing_if = "Option::is_none")]
        speed: Option<Kmh>,
        #[serde(skip_serializing_if = "Option::is_none")]
        direction: Option<Direction>,
        #[serde(skip_serializing_if = "Option::is_none")]
        make: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        year: Option<u16>,
        #[serde(skip_serializing_if = "Option::is_none")]
        fuel_type: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        vehicle_type: Option<String>,
    },
    Camera {
        speed: Kmh,
        #[serde(skip_serializing_if = "Option::is_none")]
        direction: Option<Heading>,
        camera_id: String,
    },
    Weather {
        #[serde(skip_serializing_if = "Option::is_none")]
        temperature: Option<Milli>,
        #[serde(skip_serializing_if = "Option::is_none")]
        weather_condition: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        humidity: Option<Milli>,
        #[serde(skip_serializing_if = "Option::is_none")]
        wind_speed: Option<Kmh>,
        #[serde(skip_serializing_if = "Option::is_none")]
        precipitation: Option<Milli>,
        #[serde(rename = "airQualityIndex", skip_serializing_if = "Option::is_none")]
        air_quality_index: Option<Milli>,
    },
    Report {
        #[serde(rename = "incidentId")]
        incident_id: String,
        incident_type: String,
        status: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
    Sensor {
        kind: String,
        value: Milli,
        unit: String,
    },
    Withdrawn {
        withdrawn: bool,
    },
}

/// A vehicle's direction in degrees.
#[derive(Serialize)]
#[serde(untagged)]
enum Direction {
    Degrees(Heading),
    Unusable(i8),
}

/// What is written for a speed or direction that a message stated and that cannot be.
const UNUSABLE: i8 = -1;

/// Writes a reading as a message of the contract.
///
/// `text` looks an id up, the message's own included. An id without a text is written as its 16 hex digits; where that
/// is the sender of a withdrawal it is left out. With all texts known, decoding the message gives the reading again
/// (except for where and when it was learnt). A speed or direction that was stated and cannot be is written as -1, which
/// cannot be either.
pub fn to_json<'n>(reading: &Reading<Instant>, topics: &TopicMap, text: impl Fn(Id) -> Option<&'n str>) -> Encoded {
    let texts = |id: Id| text(id).map_or_else(|| id.to_string(), str::to_owned);
    let key = texts(reading.id);
    let fields = Fields {
        id: &key,
        device_id: match reading.body {
            Body::Withdrawn => text(reading.device).map(str::to_owned),
            _ => Some(texts(reading.device)),
        },
        timestamp: timestamp(reading.time),
        location: reading.place.map(|place| place.degrees()),
        body: fieldset(&reading.body, texts),
    };
    let topic = topics.of(reading.kind).first().map_or_else(|| reading.kind.name().to_owned(), Clone::clone);
    // A struct of numbers, texts and options has no way to fail; an empty value would be rejected where it is read.
    let value = serde_json::to_string(&fields).unwrap_or_default();
    Encoded { topic, key, value }
}

fn timestamp(time: Instant) -> String {
    match time {
        Instant::Utc(millis) => millis.to_string(),
        Instant::Local(millis) => millis.to_string().trim_end_matches("+00:00").to_owned(),
    }
}

fn fieldset(body: &Body, text: impl Fn(Id) -> String) -> Fieldset {
    match *body {
        Body::Fix(Fix { speed, heading, vehicle_type, details, unusable }) => {
            let details = details.unwrap_or_default();
            let impossible = Kmh(i64::from(UNUSABLE) * 1_000);
            Fieldset::Fix {
                speed: speed.or(unusable.speed.then_some(impossible)),
                direction: heading
                    .map(Direction::Degrees)
                    .or(unusable.heading.then_some(Direction::Unusable(UNUSABLE))),
                make: details.make.map(&text),
                model: details.model.map(&text),
                year: details.year,
                fuel_type: details.fuel.map(&text),
                vehicle_type: vehicle_type.map(&text),
            }
        }
        Body::Camera(CameraReading { camera, speed, heading }) => {
            Fieldset::Camera { speed, direction: heading, camera_id: text(camera) }
        }
        Body::Weather(Weather { temperature, sky, humidity, wind, precipitation, air_quality_index }) => {
            Fieldset::Weather {
                temperature,
                weather_condition: sky.map(|sky| sky_word(sky, &text)),
                humidity,
                wind_speed: wind,
                precipitation,
                air_quality_index,
            }
        }
        Body::Report(Report { incident, incident_type, status, description }) => Fieldset::Report {
            incident_id: text(incident),
            incident_type: text(incident_type),
            status: match status {
                ReportStatus::Active => "Active",
                ReportStatus::Pending => "Pending",
                ReportStatus::Resolved => "Resolved",
            },
            description: description.map(&text),
        },
        Body::Sensor(Sensor { quantity, value, unit }) => {
            Fieldset::Sensor { kind: quantity_word(quantity, &text), value, unit: unit_symbol(unit, &text) }
        }
        Body::Withdrawn => Fieldset::Withdrawn { withdrawn: true },
    }
}

fn sky_word(sky: Sky, text: impl Fn(Id) -> String) -> String {
    match sky {
        Sky::Other(word) => text(word),
        _ => sky.word().unwrap_or_default().to_owned(),
    }
}

fn quantity_word(quantity: Quantity, text: impl Fn(Id) -> String) -> String {
    match quantity {
        Quantity::Noise => "noise",
        Quantity::Parking => "parking",
        Quantity::LoopCount => "loop_count",
        Quantity::LoopOccupancy => "loop_occupancy",
        Quantity::LoopSpeed => "loop_speed",
        Quantity::Pm25 => "pm25",
        Quantity::Pm10 => "pm10",
        Quantity::O3 => "o3",
        Quantity::No2 => "no2",
        Quantity::So2 => "so2",
        Quantity::Co => "co",
        Quantity::Other(word) => return text(word),
    }
    .to_owned()
}

fn unit_symbol(unit: Unit, text: impl Fn(Id) -> String) -> String {
    match unit {
        Unit::Decibel => "dB(A)",
        Unit::Percent => "%",
        Unit::Count => "count",
        Unit::Kmh => "km/h",
        Unit::MicrogramsPerCubicMetre => "µg/m³",
        Unit::MilligramsPerCubicMetre => "mg/m³",
        Unit::PartsPerBillion => "ppb",
        Unit::PartsPerMillion => "ppm",
        Unit::Other(symbol) => return text(symbol),
    }
    .to_owned()
}
