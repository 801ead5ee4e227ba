//! Every route, with its description.

mod city;
mod docs;
mod metrics;
mod roads;
pub(crate) mod rows;
mod status;
mod views;

use axum::Router;
use utoipa::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use crate::{Api, error, live};

/// All routes and what answers where there is none.
pub(crate) fn router() -> Router<Api> {
    let (router, description) = OpenApiRouter::with_openapi(docs::Description::openapi())
        .routes(routes!(city::vehicle_locations))
        .routes(routes!(city::traffic_on_road))
        .routes(routes!(city::active_emergencies))
        .routes(routes!(city::city_summary))
        .routes(routes!(city::traffic_conditions))
        .routes(routes!(city::current_weather))
        .routes(alias("/api/gps/data", routes!(city::vehicle_locations)))
        .routes(alias("/api/emergency/incidents", routes!(city::active_emergencies)))
        .routes(alias("/api/analytics/summary", routes!(city::city_summary)))
        .routes(alias("/vehicles", routes!(city::vehicle_locations)))
        .routes(alias("/gps", routes!(city::vehicle_locations)))
        .routes(alias("/traffic", routes!(city::traffic_conditions)))
        .routes(alias("/weather", routes!(city::current_weather)))
        .routes(alias("/emergency", routes!(city::active_emergencies)))
        .routes(routes!(live::realtime))
        .routes(routes!(views::views))
        .routes(routes!(views::view_rows))
        .routes(routes!(views::incidents))
        .routes(routes!(roads::roads))
        .routes(routes!(status::root))
        .routes(routes!(status::health))
        .routes(routes!(status::stats))
        .routes(routes!(metrics::metrics))
        .routes(alias("/health", routes!(status::health)))
        .split_for_parts();
    router
        .merge(docs::routes(description))
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
}

/// The same handler at another path, described as what it is.
fn alias(path: &str, (schemas, mut paths, router): UtoipaMethodRouter<Api>) -> UtoipaMethodRouter<Api> {
    if let Some((of, mut item)) = paths.paths.pop_first() {
        if let Some(operation) = &mut item.get {
            operation.summary = Some(format!("Another name of {of}."));
            operation.operation_id = Some(format!("{}_alias", path.trim_start_matches('/').replace('/', "_")));
        }
        paths.paths.insert(path.to_owned(), item);
    }
    (schemas, paths, router)
}
