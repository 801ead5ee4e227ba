//! Every view as it is, whatever its types, and the incidents typed.

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::StatusCode;
use serde::Serialize;
use smartcity_dataflow::Time;
use smartcity_dataflow::city::incidents::{INCIDENTS, Incident};
use smartcity_dataflow::model::{Id, Priority, Severity};
use utoipa::ToSchema;

use super::rows::{self, KeyedRow};
use crate::answer::Current;
use crate::error::Problem;
use crate::query::Page;

/// The views of the engine.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ViewList {
    /// The tick that all of them are as of, milliseconds since the epoch.
    through: Time,
    /// The engine's incarnation.
    generation: u64,
    /// Each view, by name.
    views: Vec<ViewSize>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ViewSize {
    /// Its name.
    name: &'static str,
    /// Number of its rows.
    rows: usize,
}

/// All views, with their sizes.
#[utoipa::path(get, path = "/v1/views", tag = "views", responses((status = 200, body = ViewList)))]
pub(super) async fn views(Current(snapshot): Current) -> Json<ViewList> {
    let position = snapshot.position();
    let views = snapshot.tables().iter().map(|(name, table)| ViewSize { name, rows: table.len() }).collect();
    Json(ViewList { through: position.through, generation: position.generation, views })
}

/// Rows of a view.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rows {
    /// The tick that the rows are as of, milliseconds since the epoch.
    through: Time,
    /// The engine's incarnation.
    generation: u64,
    /// The rows, in the order of their keys.
    rows: Vec<KeyedRow>,
    /// What to give as `after` for the rows behind these; null where there are none.
    next: Option<String>,
}

/// The rows of a view, a page at a time.
///
/// A page goes on behind the last row of the one before, or at its place where that row has gone. Each page is as of its
/// own tick; a WebSocket subscription is exact.
#[utoipa::path(
    get, path = "/v1/views/{name}", tag = "views",
    params(
        ("name" = String, Path, description = "a view that `/v1/views` lists"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 10_000, description = "most rows; 1,000 unless told"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, body = Rows),
        (status = 404, description = "no such view", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a value does not fit", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn view_rows(
    Current(snapshot): Current,
    name: Result<Path<String>, PathRejection>,
    page: Page,
) -> Result<Json<Rows>, Problem> {
    let name = name.map(|Path(name)| name).unwrap_or_default();
    let table = snapshot.tables().get(name.as_str()).ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, format!("there is no view called {name:?}: GET /v1/views lists them"))
    })?;
    let mut rows = Vec::with_capacity(page.limit.min(table.len()));
    let mut show = |key, row| rows.push(KeyedRow { key, row });
    let next = snapshot.names().scope(|| table.page(page.after, page.limit, &mut show));
    let position = snapshot.position();
    let next = next.map(|mark| mark.to_string());
    Ok(Json(Rows { through: position.through, generation: position.generation, rows, next }))
}

/// The incidents of the city.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Incidents {
    /// The tick that they are as of, milliseconds since the epoch.
    through: Time,
    /// The engine's incarnation.
    generation: u64,
    /// Each incident: the most urgent first, of those the gravest, of those the newest.
    incidents: Vec<MergedIncident>,
}

/// An event in the city: the reports that speak of it, merged.
#[derive(Debug, Serialize, ToSchema)]
struct MergedIncident {
    /// Its id: that of its first report.
    id: String,
    /// What sort, in lower case.
    incident_type: String,
    /// Degrees north.
    latitude: f64,
    /// Degrees east.
    longitude: f64,
    /// The gravest of its reports, one step higher with three or more sources.
    #[schema(schema_with = rows::severities)]
    severity: Severity,
    /// The most urgent of its reports: P0 first.
    #[schema(schema_with = rows::priorities)]
    priority: Priority,
    /// Chance that it is real, 0 to 1.
    confidence: f64,
    /// Who must come, in order of need.
    agencies: Vec<String>,
    /// Who reported it.
    sources: Vec<String>,
    /// The incident ids of its reports.
    reports: Vec<String>,
    /// The zone it lies in.
    zone: Option<String>,
    /// Event time of the first report.
    #[schema(format = DateTime)]
    first: String,
    /// Event time of the newest report.
    #[schema(format = DateTime)]
    last: String,
}

impl MergedIncident {
    fn new(id: Id, incident: &Incident) -> Self {
        let (latitude, longitude) = incident.place.degrees();
        let texts = |ids: &[Id]| ids.iter().map(Id::to_string).collect();
        Self {
            id: id.to_string(),
            incident_type: incident.incident_type.to_string(),
            latitude,
            longitude,
            severity: incident.severity,
            priority: incident.priority,
            confidence: incident.confidence.as_f64(),
            agencies: texts(&incident.agencies),
            sources: texts(&incident.sources),
            reports: texts(&incident.reports),
            zone: incident.zone.map(|zone| zone.to_string()),
            first: incident.first.to_string(),
            last: incident.last.to_string(),
        }
    }
}

/// The incidents of the city: reports of one event merged, with how sure it is and who must come.
#[utoipa::path(get, path = "/v1/incidents", tag = "views", responses((status = 200, body = Incidents)))]
pub(super) async fn incidents(Current(snapshot): Current) -> Json<Incidents> {
    let rows = snapshot.rows(&INCIDENTS);
    let mut urgent_first: Vec<_> = rows.iter().collect();
    urgent_first.sort_by_key(|(_, incident)| {
        (incident.priority, std::cmp::Reverse(incident.severity), std::cmp::Reverse(incident.last))
    });
    let incidents = urgent_first.into_iter().map(|(id, incident)| MergedIncident::new(*id, incident));
    let incidents = snapshot.names().scope(|| incidents.collect());
    let position = snapshot.position();
    Json(Incidents { through: position.through, generation: position.generation, incidents })
}
