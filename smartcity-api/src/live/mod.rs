//! The WebSocket: the city's summary to everyone, and any view to whoever subscribes.
//!
//! ```text
//!   client                                    server
//!     │ ◀──────────────────────── city_analytics │  at once; on change, 1 s apart or more; 5 s apart or less
//!     │ {"type":"subscribe","views":[...]} ────▶ │
//!     │ ◀──────────────────── snapshot, snapshot │  all rows of the views as of one tick; `more` until the last frame
//!     │ ◀───────────────────────────── changes   │  what changed since, 200 ms apart or more; 5 s apart or less
//!     │ {"type":"subscribe","since":...} ──────▶ │  after a reconnect: only what was missed
//!     │ ◀─────────────────────── reset, snapshot │  where that is no longer known
//!     │ ◀───────────────────────────── close 1012│  the server restarts: come back
//! ```
//!
//! The engine's thread only notes the tick it published. Each connection is one task that looks at the newest snapshot on
//! the beats of a common clock, so that clients that are as far get one and the same frame, encoded once ([`Frames`]). A
//! client owns nothing but its place in the changes: a slow one gets fewer, larger frames, and one that takes none is cut
//! off.

mod command;
mod frames;
mod session;

use axum::extract::State;
use axum::extract::ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

pub(crate) use frames::Frames;
use session::Session;

use crate::Api;
use crate::error::Detail;

/// The city as it changes, over a WebSocket.
///
/// Text frames of JSON. At once and on every change (at most one a second, at least one every five):
/// `{"type":"city_analytics","data":<city summary>,"timestamp":...}`.
///
/// `{"type":"ping"}` is answered by `{"type":"pong"}`.
///
/// `{"type":"subscribe","views":["vehicles","roads"]}` is answered by the rows of these views,
/// `{"type":"snapshot","generation":1,"through":...,"more":false,"data":{"vehicles":[{"key":...,"row":...}]},"timestamp":...}`,
/// in several frames while `more` is true, then by what changes,
/// `{"type":"changes","generation":1,"through":...,"data":{"vehicles":[{"key":...,"row":...,"diff":-1}]},"timestamp":...}`,
/// at most every 200 ms and at least every 5 s: `diff` -1 takes the row away, +1 puts it in; a changed row is both, -1 first.
///
/// With `"since":{"generation":1,"through":...}`, from the last frame seen, only the changes after it are sent; where they
/// are no longer known, `{"type":"reset",...}` and a snapshot. A new subscription takes the place of the last, and one to no
/// views ends it. A subscription that cannot be met is answered by `{"type":"error","data":{"detail":...}}` and changes nothing.
///
/// A restarting server closes with 1012.
#[utoipa::path(
    get, path = "/ws/realtime", tag = "live",
    responses(
        (status = 101, description = "the WebSocket is open"),
        (status = 403, description = "the page's origin is not allowed", body = Detail),
        (status = 426, description = "the request is no WebSocket handshake", body = Detail),
        (status = 503, description = "all places are taken", body = Detail),
    ),
)]
pub(crate) async fn realtime(
    State(api): State<Api>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        let mut response =
            Detail::answer(StatusCode::UPGRADE_REQUIRED, "this route speaks WebSocket: connect with ws://");
        response.headers_mut().insert(header::UPGRADE, header::HeaderValue::from_static("websocket"));
        return response;
    };
    if !from_allowed_page(&api, &headers) {
        return Detail::answer(StatusCode::FORBIDDEN, "pages of this origin may not connect: see allowed_origins");
    }
    let Some(seat) = api.seat() else {
        return Detail::answer(StatusCode::SERVICE_UNAVAILABLE, "all places are taken: try again later");
    };
    let limit = api.settings().websocket.max_message_bytes;
    upgrade.max_message_size(limit).max_frame_size(limit).on_upgrade(move |socket| async move {
        let end = Session::new(api, socket).run().await;
        tracing::debug!(?end, "websocket ended");
        drop(seat);
    })
}

/// Browsers do not ask before a page opens a WebSocket, so the server must look at the origin itself. The server's own
/// pages and programs that are no browsers always may.
fn from_allowed_page(api: &Api, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let host = headers.get(header::HOST).map(|host| host.as_bytes());
    let authority =
        origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority.as_bytes());
    api.settings().allows(origin.as_bytes()) || (host.is_some() && host == authority)
}
