//! The city's roads as GeoJSON (RFC 7946), with the traffic on them.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use smartcity_dataflow::city::congestion::{Level, SEGMENTS, Traffic};
use smartcity_dataflow::city::statics::{CITY_ROADS, CITY_SEGMENTS};
use smartcity_dataflow::model::{Id, Kmh, Point, RoadClass, Segment};
use smartcity_dataflow::view::Snapshot;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use super::rows::one_of;
use crate::answer::Current;
use crate::error::Problem;

/// Every segment of the city.
#[derive(Debug, Serialize, ToSchema)]
struct RoadCollection {
    /// Always `FeatureCollection`.
    r#type: &'static str,
    /// The segments.
    features: Vec<RoadFeature>,
}

/// A directed piece of road, from junction to junction.
#[derive(Debug, Serialize, ToSchema)]
struct RoadFeature {
    /// Always `Feature`.
    r#type: &'static str,
    /// The segment.
    id: String,
    /// Its line, in the direction of travel.
    geometry: RoadLine,
    /// What it is and how it flows.
    properties: RoadProperties,
}

#[derive(Debug, Serialize, ToSchema)]
struct RoadLine {
    /// Always `LineString`.
    r#type: &'static str,
    /// `[longitude, latitude]` in degrees.
    #[schema(value_type = Vec<Vec<f64>>)]
    coordinates: Vec<Point>,
}

#[derive(Debug, Serialize, ToSchema)]
struct RoadProperties {
    /// The segment.
    id: String,
    /// The named road it belongs to.
    road: String,
    /// The road's name as people write it.
    name: Option<String>,
    /// Its class.
    #[schema(schema_with = classes)]
    class: RoadClass,
    /// Free-flow speed, km/h.
    free_flow: f64,
    /// Speed over the last five minutes, km/h; null where nothing was seen.
    speed: Option<f64>,
    /// How freely it flows; null where nothing was seen.
    #[schema(schema_with = levels)]
    level: Option<Level>,
}

fn classes() -> Object {
    one_of(["motorway", "trunk", "primary", "secondary", "tertiary", "residential", "service"])
}

fn levels() -> Object {
    let mut levels = one_of(["free", "heavy", "slow", "queuing", "stationary"]);
    levels.schema_type =
        [utoipa::openapi::schema::Type::String, utoipa::openapi::schema::Type::Null].into_iter().collect();
    levels.enum_values.get_or_insert_default().push(serde_json::Value::Null);
    levels
}

impl RoadFeature {
    fn new(segment: &Segment, name: Option<Id>, traffic: Option<&Traffic>) -> Self {
        let id = segment.id.to_string();
        let properties = RoadProperties {
            id: id.clone(),
            road: segment.road.to_string(),
            name: name.map(|name| name.to_string()),
            class: segment.class,
            free_flow: segment.free_flow.as_f64(),
            speed: traffic.map(|traffic| traffic.speed).map(Kmh::as_f64),
            level: traffic.map(|traffic| traffic.level),
        };
        let geometry = RoadLine { r#type: "LineString", coordinates: segment.line.to_vec() };
        Self { r#type: "Feature", id, geometry, properties }
    }
}

/// The map of the roads, and how each flows now.
///
/// Lines seldom change: fetch them once, and follow the view `segments` for the traffic.
#[utoipa::path(
    get, path = "/v1/city/roads.geojson", tag = "views",
    responses((status = 200, body = RoadCollection, content_type = "application/geo+json")),
)]
pub(super) async fn roads(Current(snapshot): Current) -> Response {
    // A large city has a hundred thousand segments: not on a thread that others wait for.
    match tokio::task::spawn_blocking(move || serde_json::to_vec(&collection(&snapshot))).await {
        Ok(Ok(json)) => ([(header::CONTENT_TYPE, "application/geo+json")], json).into_response(),
        failed => {
            tracing::error!(?failed, "the map of the roads could not be written");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the map could not be written: see the log").into_response()
        }
    }
}

fn collection(snapshot: &Snapshot) -> RoadCollection {
    let (segments, roads, traffic) =
        (snapshot.rows(&CITY_SEGMENTS), snapshot.rows(&CITY_ROADS), snapshot.rows(&SEGMENTS));
    let features = segments.iter().map(|(id, segment)| {
        let name = roads.get(&segment.road).map(|road| road.name);
        RoadFeature::new(segment, name, traffic.get(id))
    });
    RoadCollection { r#type: "FeatureCollection", features: snapshot.names().scope(|| features.collect()) }
}
