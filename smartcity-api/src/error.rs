//! Errors: in FastAPI's shapes on the routes of the contract, as problems (RFC 9457) under `/v1`.

use axum::Json;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// What went wrong, on a route of the contract.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Detail {
    /// In words.
    pub(crate) detail: String,
}

impl Detail {
    /// The answer of `status` that says `detail`.
    pub(crate) fn answer(status: StatusCode, detail: impl Into<String>) -> Response {
        (status, Json(Self { detail: detail.into() })).into_response()
    }
}

/// A request whose values do not fit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Unprocessable {
    /// Every value that does not.
    detail: Vec<Invalid>,
}

/// A value that does not fit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Invalid {
    /// What rule it breaks, as Pydantic calls it: `int_parsing`, `greater_than_equal`, `less_than_equal`, `value_error`.
    pub(crate) r#type: &'static str,
    /// Where it stands: `["query", name]`.
    #[schema(value_type = Vec<String>)]
    pub(crate) loc: [&'static str; 2],
    /// The rule in words.
    pub(crate) msg: String,
    /// The value.
    pub(crate) input: String,
}

impl IntoResponse for Invalid {
    fn into_response(self) -> Response {
        (StatusCode::UNPROCESSABLE_ENTITY, Json(Unprocessable { detail: vec![self] })).into_response()
    }
}

/// What went wrong, under `/v1`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: the status says what sort of problem it is.
    r#type: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status.
    status: u16,
    /// What is wrong and what to do.
    detail: String,
}

impl Problem {
    /// A problem of `status`, told by `detail`.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        Self { r#type: "about:blank", title, status: status.as_u16(), detail: detail.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(header::CONTENT_TYPE, "application/problem+json")], Json(self)).into_response()
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        let Invalid { loc: [_, name], msg, input, .. } = invalid;
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, format!("{name}={input}: {msg}"))
    }
}

/// No route has this path.
pub(crate) async fn not_found(uri: Uri) -> Response {
    by_route(&uri, StatusCode::NOT_FOUND, "Not Found", "no such route: GET /openapi.json lists them")
}

/// The route has other methods; axum adds them as `Allow`.
pub(crate) async fn method_not_allowed(uri: Uri) -> Response {
    let advice = "no such method here: see the header Allow";
    by_route(&uri, StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed", advice)
}

fn by_route(uri: &Uri, status: StatusCode, contract: &str, advice: &str) -> Response {
    match uri.path().strip_prefix("/v1") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => Problem::new(status, advice).into_response(),
        _ => Detail::answer(status, contract),
    }
}
