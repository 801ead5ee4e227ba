//! The API as one thing to hold, and how to serve it until told to stop.

use std::future::{Future, IntoFuture};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderValue;
use axum::serve::ListenerExt;
use axum::{Router, middleware};
use smartcity_dataflow::view::{Position, Views};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

use crate::live::Frames;
use crate::{Components, Metrics, Settings, answer, routes};

/// How long [`run`] waits, once told to stop, for requests and WebSockets to end.
const GRACE: Duration = Duration::from_millis(1_800);

/// How long a browser may remember the answer to a preflight.
const PREFLIGHT_LIFE: Duration = Duration::from_secs(600);

/// The API over a view store. A clone is another handle on the same one.
#[derive(Clone, Debug)]
pub struct Api(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    views: Views,
    settings: Settings,
    components: Components,
    metrics: Metrics,
    frames: Frames,
    /// The tick last published: how the engine's thread wakes the WebSockets.
    published: watch::Sender<Position>,
    /// Connected WebSockets.
    sockets: watch::Sender<usize>,
    stopping: watch::Sender<bool>,
    /// Where the beats of the WebSockets are counted from.
    started: Instant,
}

impl Api {
    /// The API over `views`.
    pub fn new(views: Views, settings: Settings) -> Self {
        let published = watch::Sender::new(views.snapshot().position());
        let wake = published.clone();
        views.on_publish(move |snapshot| {
            wake.send_replace(snapshot.position());
        });
        Self(Arc::new(Shared {
            views,
            settings,
            components: Components::default(),
            metrics: Metrics::default(),
            frames: Frames::default(),
            published,
            sockets: watch::Sender::new(0),
            stopping: watch::Sender::new(false),
            started: Instant::now(),
        }))
    }

    /// All routes. Those of the contract take no token.
    pub fn router(&self) -> Router {
        routes::router()
            .layer(middleware::from_fn_with_state(self.clone(), answer::dated))
            .layer(self.cors())
            .with_state(self.clone())
    }

    /// Where the caller's sinks report how they are: `redis` shows in the contract's health routes.
    pub fn components(&self) -> &Components {
        &self.0.components
    }

    /// Where `/metrics` asks the caller for what the views do not tell.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Closes every WebSocket with code 1012 (service restart), those that come later too: clients come back on their own.
    pub fn shutdown(&self) {
        self.0.stopping.send_replace(true);
    }

    /// Number of connected WebSockets.
    pub fn sockets(&self) -> usize {
        *self.0.sockets.borrow()
    }

    pub(crate) fn views(&self) -> &Views {
        &self.0.views
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn frames(&self) -> &Frames {
        &self.0.frames
    }

    pub(crate) fn published(&self) -> watch::Receiver<Position> {
        self.0.published.subscribe()
    }

    pub(crate) fn started(&self) -> Instant {
        self.0.started
    }

    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.0.stopping.subscribe()
    }

    /// Counts a WebSocket for as long as the seat is held; `None` where all seats are taken.
    pub(crate) fn seat(&self) -> Option<Seat> {
        let most = self.0.settings.websocket.max_connections;
        let taken = self.0.sockets.send_if_modified(|sockets| {
            let free = *sockets < most;
            *sockets += usize::from(free);
            free
        });
        taken.then(|| Seat(self.clone()))
    }

    /// Mirrors the origin of a page and the headers it asks for; never with credentials.
    fn cors(&self) -> CorsLayer {
        let api = self.clone();
        let allowed = move |origin: &HeaderValue, _: &_| api.settings().allows(origin.as_bytes());
        CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(allowed))
            .allow_headers(AllowHeaders::mirror_request())
            .allow_methods(AllowMethods::mirror_request())
            .expose_headers([answer::THROUGH, answer::GENERATION, answer::AGE])
            .max_age(PREFLIGHT_LIFE)
    }

    async fn sockets_closed(&self) {
        // An error says that the sender is gone, and with it every socket.
        let _ = self.0.sockets.subscribe().wait_for(|sockets| *sockets == 0).await;
    }
}

/// A WebSocket's place in the count.
#[derive(Debug)]
pub(crate) struct Seat(Api);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.0.sockets.send_modify(|sockets| *sockets -= 1);
    }
}

/// The routes over `views`, for callers that serve them in their own way and do not need [`Api::shutdown`].
pub fn router(views: Views, settings: Settings) -> Router {
    Api::new(views, settings).router()
}

/// Serves `api` on `listener` until `stop` is done; then takes no new connection, closes the WebSockets with code 1012,
/// lets running requests end, and returns within two seconds.
///
/// Errors are those of the listener.
pub async fn run(listener: TcpListener, api: Api, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    // Small frames must not wait for the acknowledgement of the one before.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "could not set nodelay on a connection");
        }
    });
    let stopper = api.clone();
    let stop = async move {
        stop.await;
        stopper.shutdown();
    };
    let serving = axum::serve(listener, api.router()).with_graceful_shutdown(stop).into_future();
    let mut stopping = api.stopping();
    let out_of_grace = async {
        let _ = stopping.wait_for(|stopping| *stopping).await;
        tokio::time::sleep(GRACE).await;
    };
    let ending = async {
        serving.await?;
        api.sockets_closed().await;
        Ok(())
    };
    tokio::select! {
        ended = ending => ended,
        () = out_of_grace => {
            tracing::warn!(sockets = api.sockets(), "clients were cut off when the api stopped");
            Ok(())
        }
    }
}
