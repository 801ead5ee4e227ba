//! One snapshot an answer, and the headers that say which.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use smartcity_dataflow::Time;
use smartcity_dataflow::model::Millis;
use smartcity_dataflow::view::Snapshot;

use crate::Api;

/// The tick that the answer is as of: milliseconds since the epoch.
pub(crate) const THROUGH: HeaderName = HeaderName::from_static("x-smartcity-through");
/// The engine's incarnation.
pub(crate) const GENERATION: HeaderName = HeaderName::from_static("x-smartcity-generation");
/// How old that tick was when the request came, milliseconds.
pub(crate) const AGE: HeaderName = HeaderName::from_static("x-smartcity-age-ms");

/// The snapshot that the whole answer is made of.
#[derive(Debug)]
pub(crate) struct Current(pub(crate) Arc<Snapshot>);

impl FromRequestParts<Api> for Current {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get().cloned().unwrap_or_else(|| api.views().snapshot())))
    }
}

/// Takes the snapshot of a request and dates its answer, whatever the answer is.
pub(crate) async fn dated(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let snapshot = api.views().snapshot();
    let (position, age) = (snapshot.position(), age(&snapshot, api.views().now()));
    request.extensions_mut().insert(snapshot);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(THROUGH, HeaderValue::from(position.through));
    headers.insert(GENERATION, HeaderValue::from(position.generation));
    headers.insert(AGE, HeaderValue::from(age));
    response
}

/// Milliseconds since the last tick; since the epoch before the first.
pub(crate) fn age(snapshot: &Snapshot, now: Time) -> Time {
    now.saturating_sub(snapshot.position().through)
}

/// A time of the engine as people and clients read it: RFC 3339 with `+00:00`.
pub(crate) fn rfc3339(time: Time) -> String {
    Millis(i64::try_from(time).unwrap_or(i64::MAX)).to_string()
}
