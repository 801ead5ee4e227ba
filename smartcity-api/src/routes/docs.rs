//! The API's own description, and a page to try it on; both come from the binary, nothing from elsewhere.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, get};
use axum::{Json, Router};
use utoipa::OpenApi;
use utoipa_swagger_ui::Config;

use crate::Api;
use crate::error::Detail;

/// Everything but the routes, which describe themselves.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "smartcity",
        description = "A city's live picture as incrementally maintained views.\n\nEvery answer is made of one snapshot of \
            all views and says which: `x-smartcity-through` is its tick in milliseconds since the epoch, \
            `x-smartcity-generation` the engine's incarnation, `x-smartcity-age-ms` how old the tick was.",
    ),
    tags(
        (name = "city", description = "The city: vehicles, traffic, weather, emergencies"),
        (name = "live", description = "The city as it changes"),
        (name = "views", description = "Every view of the engine"),
        (name = "service", description = "The service itself"),
    ),
)]
pub(super) struct Description;

/// `/openapi.json`, `/docs` and `/redoc`.
pub(super) fn routes(description: utoipa::openapi::OpenApi) -> Router<Api> {
    // No validator: Swagger would ask a server on the internet for a badge.
    let config = Arc::new(Config::new(["/openapi.json"]).validator_url("none"));
    let description = Arc::new(description);
    let described: MethodRouter<Api> = get(move || async move { Json(description) });
    let index = Arc::clone(&config);
    Router::new()
        .route("/openapi.json", described)
        .route("/docs", get(move || async move { file("index.html", index) }))
        .route("/docs/{*file}", get(move |Path(path): Path<String>| async move { file(&path, config) }))
        .route("/redoc", get(|| async { Redirect::permanent("/docs") }))
}

/// A file of Swagger UI. Its index stands at `/docs` and finds the others in `/docs/`.
fn file(path: &str, config: Arc<Config<'static>>) -> Response {
    match utoipa_swagger_ui::serve(path, config) {
        Ok(Some(file)) if path == "index.html" => {
            let index = String::from_utf8_lossy(&file.bytes).replacen("<head>", "<head><base href=\"docs/\">", 1);
            ([(header::CONTENT_TYPE, file.content_type)], index).into_response()
        }
        Ok(Some(file)) => ([(header::CONTENT_TYPE, file.content_type)], file.bytes.into_owned()).into_response(),
        Ok(None) => Detail::answer(StatusCode::NOT_FOUND, "Not Found"),
        Err(error) => {
            tracing::error!(error, path, "a file of the documentation could not be made");
            Detail::answer(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
    }
}
