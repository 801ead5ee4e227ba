//! How the service itself is.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Serialize;
use smartcity_dataflow::Time;
use smartcity_dataflow::city::congestion::ROADS;
use smartcity_dataflow::city::incidents::REPORTS;
use smartcity_dataflow::city::vehicles::VEHICLES;
use utoipa::ToSchema;

use super::rows;
use crate::Api;
use crate::answer::{Current, age, rfc3339};
use crate::components::Component;

/// The page that people get at `/`.
const PAGE: &str = include_str!("../../static/index.html");

/// What the page may load: nothing from elsewhere.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; \
                           connect-src 'self'; base-uri 'none'; form-action 'none'";

/// That the service is there.
#[derive(Debug, Serialize, ToSchema)]
struct Service {
    /// Its name.
    service: &'static str,
    /// Always `operational`: it has answered.
    status: &'static str,
    /// The engine's clock.
    #[schema(format = DateTime)]
    timestamp: String,
    /// Whether Redis answers; true while none is configured.
    redis_healthy: bool,
}

/// That the service is there; for `Accept: text/html` the live page.
#[utoipa::path(
    get, path = "/", tag = "service",
    responses((status = 200, content((Service = "application/json"), (String = "text/html")))),
)]
pub(super) async fn root(State(api): State<Api>, headers: HeaderMap) -> Response {
    let vary = [(header::VARY, "accept")];
    if wants_page(&headers) {
        return (vary, [(header::CONTENT_SECURITY_POLICY, PAGE_POLICY)], Html(PAGE)).into_response();
    }
    let service = Service {
        service: "Smart City Real-Time API",
        status: "operational",
        timestamp: rfc3339(api.views().now()),
        redis_healthy: api.components().redis().is_up(),
    };
    (vary, Json(service)).into_response()
}

/// Whether a person asks: browsers name `text/html`, programs name JSON or anything.
fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    accepted.flat_map(|accept| accept.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let refused = |parameter: &str| parameter.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0));
        parts.next().is_some_and(|media| media.eq_ignore_ascii_case("text/html")) && !parts.any(refused)
    })
}

/// The health of every part.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// The name of the service.
    service: &'static str,
    /// `healthy`, or `degraded` where a component is down.
    #[schema(schema_with = rows::health)]
    status: &'static str,
    /// Each part.
    components: HealthOf,
    /// The engine's clock.
    #[schema(format = DateTime)]
    timestamp: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Components)]
struct HealthOf {
    /// Redis; up while none is configured.
    redis: Component,
    /// The WebSocket clients.
    websockets: WebSockets,
    /// The engine behind the views.
    engine: Engine,
    /// Every other source and sink, by name.
    #[serde(flatten)]
    others: BTreeMap<String, Component>,
}

#[derive(Debug, Serialize, ToSchema)]
struct WebSockets {
    /// Connected clients.
    active_connections: usize,
}

/// The engine is alive while its ticks go on.
#[derive(Debug, Serialize, ToSchema)]
struct Engine {
    /// Its incarnation.
    generation: u64,
    /// The last complete tick, milliseconds since the epoch.
    through: Time,
    /// How old that tick is, milliseconds.
    age_ms: Time,
    /// Whether it is recent enough.
    responsive: bool,
}

/// How every part is.
///
/// Always 200: the body says whether all is well.
#[utoipa::path(get, path = "/api/health", tag = "service", responses((status = 200, body = Health)))]
pub(super) async fn health(State(api): State<Api>, Current(snapshot): Current) -> Json<Health> {
    let now = api.views().now();
    let position = snapshot.position();
    let age_ms = age(&snapshot, now);
    let responsive = u128::from(age_ms) <= api.settings().stale_after().as_millis();
    let (redis, others) = api.components().now();
    let healthy = responsive && redis.is_up() && others.values().all(Component::is_up);
    Json(Health {
        service: "Smart City API",
        status: if healthy { "healthy" } else { "degraded" },
        components: HealthOf {
            redis,
            websockets: WebSockets { active_connections: api.sockets() },
            engine: Engine { generation: position.generation, through: position.through, age_ms, responsive },
            others,
        },
        timestamp: rfc3339(now),
    })
}

/// What is served to how many.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Stats {
    /// Rows served.
    data_points: DataPoints,
    /// How they are served.
    api_status: ApiStatus,
    /// The engine's clock.
    #[schema(format = DateTime)]
    timestamp: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct DataPoints {
    /// Vehicles seen in the last five minutes.
    vehicles: usize,
    /// Emergency reports that go on.
    emergencies: usize,
    /// Named roads with traffic.
    traffic_conditions: usize,
}

#[derive(Debug, Serialize, ToSchema)]
struct ApiStatus {
    /// Connected clients.
    websocket_connections: usize,
    /// Whether Redis answers; true while none is configured.
    redis_healthy: bool,
}

/// What is served to how many.
#[utoipa::path(get, path = "/api/stats", tag = "service", responses((status = 200, body = Stats)))]
pub(super) async fn stats(State(api): State<Api>, Current(snapshot): Current) -> Json<Stats> {
    Json(Stats {
        data_points: DataPoints {
            vehicles: snapshot.rows(&VEHICLES).len(),
            emergencies: snapshot.rows(&REPORTS).len(),
            traffic_conditions: snapshot.rows(&ROADS).len(),
        },
        api_status: ApiStatus { websocket_connections: api.sockets(), redis_healthy: api.components().redis().is_up() },
        timestamp: rfc3339(api.views().now()),
    })
}
