//! Rows as the contract writes them: these fields, in this order, numbers never null where a client formats them.

use serde::Serialize;
use serde_json::Value;
use smartcity_dataflow::Time;
use smartcity_dataflow::city::congestion::Traffic;
use smartcity_dataflow::city::incidents::ActiveReport;
use smartcity_dataflow::city::summary::{SUMMARY, Summary};
use smartcity_dataflow::city::vehicles::Vehicle;
use smartcity_dataflow::city::weather::StationWeather;
use smartcity_dataflow::model::{Heading, Id, Kmh, Milli, ReportStatus, Severity, Sky};
use smartcity_dataflow::view::Snapshot;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use crate::answer::rfc3339;

/// The schema of a text that is one of `words`.
pub(super) fn one_of<const N: usize>(words: [&'static str; N]) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build()
}

pub(super) fn severities() -> Object {
    one_of(["low", "medium", "high", "critical"])
}

pub(super) fn priorities() -> Object {
    one_of(["P0", "P1", "P2", "P3"])
}

fn statuses() -> Object {
    one_of(["active", "resolved", "pending"])
}

fn congestion_levels() -> Object {
    one_of(["light", "moderate", "heavy"])
}

pub(super) fn health() -> Object {
    one_of(["healthy", "degraded"])
}

/// Where a vehicle was last seen.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VehicleLocation {
    /// The vehicle.
    vehicle_id: String,
    /// Degrees north.
    latitude: f64,
    /// Degrees east.
    longitude: f64,
    /// Event time of the fix.
    #[schema(format = DateTime)]
    timestamp: String,
    /// km/h: as reported, else from its track, else 0. A vehicle above 5 km/h moves.
    speed: f64,
    /// Degrees clockwise from north: as reported, else from its track.
    direction: Option<f64>,
}

impl VehicleLocation {
    pub(super) fn new(id: Id, vehicle: &Vehicle) -> Self {
        let (latitude, longitude) = vehicle.place.degrees();
        Self {
            vehicle_id: id.to_string(),
            latitude,
            longitude,
            timestamp: vehicle.time.to_string(),
            speed: vehicle.speed().as_f64(),
            direction: vehicle.heading().map(degrees),
        }
    }
}

/// The traffic on a road over the last five minutes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoadTraffic {
    /// The road, as the request called it.
    road_id: String,
    /// Space-mean speed, km/h.
    average_speed: f64,
    /// Distinct vehicles seen.
    vehicle_count: u32,
    /// Speed relative to free flow: light from 62.5 %, moderate from 35 %, heavy below.
    #[schema(schema_with = congestion_levels)]
    congestion_level: &'static str,
    /// The tick that the figures are as of.
    #[schema(format = DateTime)]
    timestamp: String,
}

impl RoadTraffic {
    pub(super) fn new(road_id: String, traffic: &Traffic, through: Time) -> Self {
        Self {
            road_id,
            average_speed: traffic.speed.as_f64(),
            vehicle_count: traffic.vehicles,
            congestion_level: traffic.level.contract_word(),
            timestamp: rfc3339(through),
        }
    }
}

/// An emergency report that goes on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Emergency {
    /// The reporter's number of it.
    incident_id: String,
    /// What sort, in lower case.
    incident_type: String,
    /// Degrees north.
    latitude: f64,
    /// Degrees east.
    longitude: f64,
    /// By the city's table of incident types.
    #[schema(schema_with = severities)]
    severity: Severity,
    /// `active`, or `pending` where it is not confirmed.
    #[schema(schema_with = statuses)]
    status: ReportStatus,
    /// Event time of the newest word on it.
    #[schema(format = DateTime)]
    timestamp: String,
}

impl Emergency {
    pub(super) fn new(id: Id, report: &ActiveReport) -> Self {
        let (latitude, longitude) = report.place.degrees();
        Self {
            incident_id: id.to_string(),
            incident_type: report.incident_type.to_string(),
            latitude,
            longitude,
            severity: report.severity,
            status: report.status,
            timestamp: report.time.to_string(),
        }
    }
}

/// The weather at a station. What the station does not measure is null.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WeatherAtStation {
    /// Air temperature, °C.
    temperature: Option<f64>,
    /// Relative humidity, %.
    humidity: Option<f64>,
    /// Clear, Clouds, Rain, Snow, Fog, Storm, or the station's own word.
    condition: Option<String>,
    /// km/h.
    wind_speed: Option<f64>,
    /// Kilometres; null as long as no feed reports it.
    visibility: Option<f64>,
    /// Event time.
    #[schema(format = DateTime)]
    timestamp: String,
    /// The station.
    station_id: String,
    /// Degrees north.
    latitude: Option<f64>,
    /// Degrees east.
    longitude: Option<f64>,
}

impl WeatherAtStation {
    pub(super) fn new(id: Id, station: &StationWeather) -> Self {
        let weather = station.weather;
        let place = station.place.map(|place| place.degrees());
        Self {
            temperature: weather.temperature.map(Milli::as_f64),
            humidity: weather.humidity.map(Milli::as_f64),
            condition: weather.sky.map(condition),
            wind_speed: weather.wind.map(Kmh::as_f64),
            visibility: None,
            timestamp: station.time.to_string(),
            station_id: id.to_string(),
            latitude: place.map(|(latitude, _)| latitude),
            longitude: place.map(|(_, longitude)| longitude),
        }
    }
}

/// The city in one line.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct CitySummary {
    /// Vehicles seen.
    total_vehicles: u32,
    /// Emergency reports that go on.
    active_emergencies: u32,
    /// Mean speed of the vehicles, km/h.
    average_city_speed: f64,
    /// Named roads below 62.5 % of free flow.
    congested_roads: u32,
    /// The tick that the figures are as of.
    #[schema(format = DateTime)]
    timestamp: String,
}

impl CitySummary {
    /// The summary of a snapshot: zeros before the first reading.
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let Summary { vehicles, active_emergencies, average_speed, congested_roads, .. } =
            snapshot.row(&SUMMARY, &()).unwrap_or_default();
        Self {
            total_vehicles: vehicles,
            active_emergencies,
            average_city_speed: average_speed.as_f64(),
            congested_roads,
            timestamp: rfc3339(snapshot.position().through),
        }
    }

    /// Whether the figures are those of `other`, of whatever tick.
    pub(crate) fn has_figures_of(&self, other: &Self) -> bool {
        let figures = |of: &Self| (of.total_vehicles, of.active_emergencies, of.average_city_speed, of.congested_roads);
        figures(self) == figures(other)
    }
}

/// A row of a view by its key. Ids read as their text, places as `[longitude, latitude]`, times as RFC 3339.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyedRow {
    /// The key.
    pub(crate) key: Value,
    /// The row.
    pub(crate) row: Value,
}

fn condition(sky: Sky) -> String {
    match sky {
        Sky::Other(word) => word.to_string(),
        known => known.word().unwrap_or_default().to_owned(),
    }
}

fn degrees(heading: Heading) -> f64 {
    heading.centidegrees() as f64 / 100.0
}
