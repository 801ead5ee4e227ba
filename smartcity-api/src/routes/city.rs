//! The city's routes as the contract has them.

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use smartcity_dataflow::city::congestion::{ROADS, SEGMENTS, Traffic};
use smartcity_dataflow::city::incidents::REPORTS;
use smartcity_dataflow::city::statics::CITY_ALIASES;
use smartcity_dataflow::city::vehicles::VEHICLES;
use smartcity_dataflow::city::weather::WEATHER;
use smartcity_dataflow::model::{Id, Namespace};
use smartcity_dataflow::view::Snapshot;

use super::rows::{CitySummary, Emergency, RoadTraffic, VehicleLocation, WeatherAtStation};
use crate::answer::Current;
use crate::error::{Detail, Unprocessable};
use crate::query::Limit;

/// Where the vehicles are.
///
/// Vehicles seen in the last five minutes, in a fixed order, so that a limit shows the same ones again.
#[utoipa::path(
    get, path = "/api/vehicles/locations", tag = "city",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 10_000, description = "most rows; 100 unless told")),
    responses(
        (status = 200, body = Vec<VehicleLocation>),
        (status = 422, description = "the limit is not a whole number from 1 to 10,000", body = Unprocessable),
    ),
)]
pub(super) async fn vehicle_locations(
    Current(snapshot): Current,
    Limit(limit): Limit<100>,
) -> Json<Vec<VehicleLocation>> {
    let vehicles = snapshot.rows(&VEHICLES);
    let rows = vehicles.iter().take(limit).map(|(id, vehicle)| VehicleLocation::new(*id, vehicle));
    Json(snapshot.names().scope(|| rows.collect()))
}

/// The traffic on one road.
///
/// `road_id` is a named road, another name of one (the city's aliases), or a segment.
#[utoipa::path(
    get, path = "/api/traffic/live/{road_id}", tag = "city",
    params(("road_id" = String, Path, description = "a named road, an alias of one, or a segment")),
    responses(
        (status = 200, body = RoadTraffic),
        (status = 404, description = "no such road, or nothing was seen on it in the last five minutes", body = Detail),
    ),
)]
pub(super) async fn traffic_on_road(Current(snapshot): Current, road: Result<Path<String>, PathRejection>) -> Response {
    let Ok(Path(road)) = road else { return Detail::answer(StatusCode::NOT_FOUND, "Not Found") };
    match traffic_on(&snapshot, &road) {
        Some(traffic) => Json(RoadTraffic::new(road, &traffic, snapshot.position().through)).into_response(),
        None => Detail::answer(StatusCode::NOT_FOUND, format!("No traffic data found for road {road}")),
    }
}

/// The traffic on what `text` names: a road, else the road it is an alias of, else a segment.
fn traffic_on(snapshot: &Snapshot, text: &str) -> Option<Traffic> {
    let (road, roads) = (Id::new(Namespace::Road, text), snapshot.rows(&ROADS));
    let aliased = || roads.get(&snapshot.row(&CITY_ALIASES, &road)?);
    let named = roads.get(&road).or_else(aliased).copied();
    named.or_else(|| snapshot.row(&SEGMENTS, &Id::new(Namespace::Segment, text)))
}

/// The traffic on every named road.
///
/// Roads on which anything was seen in the last five minutes.
#[utoipa::path(
    get, path = "/api/traffic/conditions", tag = "city",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 10_000, description = "most rows; 1,000 unless told")),
    responses(
        (status = 200, body = Vec<RoadTraffic>),
        (status = 422, description = "the limit is not a whole number from 1 to 10,000", body = Unprocessable),
    ),
)]
pub(super) async fn traffic_conditions(
    Current(snapshot): Current,
    Limit(limit): Limit<1_000>,
) -> Json<Vec<RoadTraffic>> {
    let (roads, through) = (snapshot.rows(&ROADS), snapshot.position().through);
    let rows = roads.iter().take(limit).map(|(id, traffic)| RoadTraffic::new(id.to_string(), traffic, through));
    Json(snapshot.names().scope(|| rows.collect()))
}

/// The newest weather at every station.
#[utoipa::path(
    get, path = "/api/weather/current", tag = "city",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 10_000, description = "most rows; 1,000 unless told")),
    responses(
        (status = 200, body = Vec<WeatherAtStation>),
        (status = 422, description = "the limit is not a whole number from 1 to 10,000", body = Unprocessable),
    ),
)]
pub(super) async fn current_weather(
    Current(snapshot): Current,
    Limit(limit): Limit<1_000>,
) -> Json<Vec<WeatherAtStation>> {
    let stations = snapshot.rows(&WEATHER);
    let rows = stations.iter().take(limit).map(|(id, station)| WeatherAtStation::new(*id, station));
    Json(snapshot.names().scope(|| rows.collect()))
}

/// The emergencies that go on.
///
/// All of them, the newest first: there is no limit, so that none is overlooked.
#[utoipa::path(get, path = "/api/emergencies/active", tag = "city", responses((status = 200, body = Vec<Emergency>)))]
pub(super) async fn active_emergencies(Current(snapshot): Current) -> Json<Vec<Emergency>> {
    let reports = snapshot.rows(&REPORTS);
    let mut newest_first: Vec<_> = reports.iter().collect();
    newest_first.sort_by_key(|(_, report)| std::cmp::Reverse(report.time));
    let rows = newest_first.into_iter().map(|(id, report)| Emergency::new(*id, report));
    Json(snapshot.names().scope(|| rows.collect()))
}

/// The city in one line.
#[utoipa::path(get, path = "/api/analytics/city-summary", tag = "city", responses((status = 200, body = CitySummary)))]
pub(super) async fn city_summary(Current(snapshot): Current) -> Json<CitySummary> {
    Json(CitySummary::of(&snapshot))
}
