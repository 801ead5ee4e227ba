//! What becomes of keys: the values as the contract writes them.

use std::collections::BTreeMap;

use serde::Serialize;
use smartcity_dataflow::Time;
use smartcity_dataflow::city::congestion::Traffic;
use smartcity_dataflow::city::incidents::ActiveReport;
use smartcity_dataflow::city::summary::Summary;
use smartcity_dataflow::city::vehicles::Vehicle;
use smartcity_dataflow::city::weather::StationWeather;
use smartcity_dataflow::model::{Id, Kmh, Milli, Millis, ReportStatus, Severity, Sky};

/// The city's summary.
pub(super) const SUMMARY_KEY: &str = "analytics:city:summary";

/// What a key is about, which says how long it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Vehicle,
    Road,
    Incident,
    Summary,
    Weather,
    Health,
}

/// The value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) kind: Kind,
    pub(super) json: String,
}

/// What becomes of keys at the end of some ticks: their last values, or that they go.
#[derive(Debug, Default)]
pub(super) struct Writes {
    keys: BTreeMap<String, Option<Value>>,
    /// Of each vehicle (longitude, latitude) in degrees; `None` where it goes.
    places: BTreeMap<String, Option<(f64, f64)>>,
}

#[derive(Serialize)]
struct VehicleLocation<'a> {
    vehicle_id: &'a str,
    latitude: f64,
    longitude: f64,
    speed: f64,
    /// Degrees clockwise from north; 0 where nobody knows.
    direction: f64,
    timestamp: String,
}

#[derive(Serialize)]
struct RoadTraffic<'a> {
    road_id: &'a str,
    average_speed: f64,
    vehicle_count: u32,
    congestion_level: &'static str,
    timestamp: String,
}

#[derive(Serialize)]
struct Incident<'a> {
    incident_id: &'a str,
    incident_type: String,
    latitude: f64,
    longitude: f64,
    severity: Severity,
    status: ReportStatus,
    timestamp: String,
    description: Option<String>,
}

#[derive(Serialize)]
struct CitySummary {
    total_vehicles: u32,
    active_emergencies: u32,
    average_city_speed: f64,
    congested_roads: u32,
    timestamp: String,
}

#[derive(Serialize)]
struct Weather {
    temperature: Option<f64>,
    humidity: Option<f64>,
    condition: Option<String>,
    wind_speed: Option<f64>,
    /// No feed reports it.
    visibility: Option<f64>,
    timestamp: String,
}

#[derive(Serialize)]
struct HealthCheck {
    status: &'static str,
    timestamp: String,
}

fn vehicle_key(vehicle: &str) -> String {
    format!("vehicle:location:{vehicle}")
}

pub(super) fn road_key(road: Id) -> String {
    format!("traffic:road:{road}")
}

pub(super) fn incident_key(incident: Id) -> String {
    format!("emergency:incident:{incident}")
}

/// The value of `weather:current`.
pub(super) fn weather(station: &StationWeather) -> String {
    let weather = station.weather;
    let condition = weather.sky.map(|sky| match sky {
        Sky::Other(word) => word.to_string(),
        known => known.word().unwrap_or_default().to_owned(),
    });
    json(&Weather {
        temperature: weather.temperature.map(Milli::as_f64),
        humidity: weather.humidity.map(Milli::as_f64),
        condition,
        wind_speed: weather.wind.map(Kmh::as_f64),
        visibility: None,
        timestamp: station.time.to_string(),
    })
}

/// The value of `health:check`.
pub(super) fn health(through: Time) -> String {
    json(&HealthCheck { status: "healthy", timestamp: rfc3339(through) })
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| unreachable!("numbers and texts make JSON: {error}"))
}

fn rfc3339(time: Time) -> String {
    Millis(i64::try_from(time).unwrap_or(i64::MAX)).to_string()
}

impl Writes {
    pub(super) fn set(&mut self, kind: Kind, key: String, json: String) {
        self.keys.insert(key, Some(Value { kind, json }));
    }

    pub(super) fn delete(&mut self, key: String) {
        self.keys.insert(key, None);
    }

    /// Writes a key again that has not changed.
    pub(super) fn renew(&mut self, key: String, value: Value) {
        self.keys.insert(key, Some(value));
    }

    pub(super) fn vehicle(&mut self, id: Id, vehicle: &Vehicle) {
        let (latitude, longitude) = vehicle.place.degrees();
        let name = id.to_string();
        let json = json(&VehicleLocation {
            vehicle_id: &name,
            latitude,
            longitude,
            speed: vehicle.speed().as_f64(),
            direction: vehicle.heading().map_or(0.0, |heading| heading.centidegrees() as f64 / 100.0),
            timestamp: vehicle.time.to_string(),
        });
        self.set(Kind::Vehicle, vehicle_key(&name), json);
        self.places.insert(name, Some((longitude, latitude)));
    }

    pub(super) fn no_vehicle(&mut self, id: Id) {
        let name = id.to_string();
        self.delete(vehicle_key(&name));
        self.forget_place(name);
    }

    pub(super) fn forget_place(&mut self, vehicle: String) {
        self.places.insert(vehicle, None);
    }

    pub(super) fn road(&mut self, id: Id, traffic: &Traffic, tick: Time) {
        let json = json(&RoadTraffic {
            road_id: &id.to_string(),
            average_speed: traffic.speed.as_f64(),
            vehicle_count: traffic.vehicles,
            congestion_level: traffic.level.contract_word(),
            timestamp: rfc3339(tick),
        });
        self.set(Kind::Road, road_key(id), json);
    }

    pub(super) fn incident(&mut self, id: Id, report: &ActiveReport) {
        let (latitude, longitude) = report.place.degrees();
        let json = json(&Incident {
            incident_id: &id.to_string(),
            incident_type: report.incident_type.to_string(),
            latitude,
            longitude,
            severity: report.severity,
            status: report.status,
            timestamp: report.time.to_string(),
            description: report.description.map(|words| words.to_string()),
        });
        self.set(Kind::Incident, incident_key(id), json);
    }

    pub(super) fn summary(&mut self, summary: &Summary, tick: Time) {
        let json = json(&CitySummary {
            total_vehicles: summary.vehicles,
            active_emergencies: summary.active_emergencies,
            average_city_speed: summary.average_speed.as_f64(),
            congested_roads: summary.congested_roads,
            timestamp: rfc3339(tick),
        });
        self.set(Kind::Summary, SUMMARY_KEY.to_owned(), json);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.places.is_empty()
    }

    /// Whether something becomes of a key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// Whether a vehicle has a place.
    pub(super) fn has_place(&self, vehicle: &str) -> bool {
        self.places.get(vehicle).is_some_and(Option::is_some)
    }

    /// Every key, in order, with its value, or `None` where it goes.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&str, Option<&Value>)> {
        self.keys.iter().map(|(key, value)| (&**key, value.as_ref()))
    }

    /// Every vehicle with its (longitude, latitude) in degrees, or `None` where it goes.
    pub(super) fn places(&self) -> impl Iterator<Item = (&str, Option<(f64, f64)>)> {
        self.places.iter().map(|(vehicle, place)| (&**vehicle, *place))
    }

    pub(super) fn into_keys(self) -> impl Iterator<Item = (String, Option<Value>)> {
        self.keys.into_iter()
    }
}
