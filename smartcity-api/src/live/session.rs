//! One client's connection.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use smartcity_dataflow::view::{Position, Snapshot};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::command::Command;
use super::frames::{Cursor, ViewSet, city_frame, error_frame, reset_frame};
use crate::Api;
use crate::routes::rows::CitySummary;

/// The summary is sent at most this often.
const CITY_AT_MOST: Duration = Duration::from_secs(1);

/// Something of every channel is sent at least this often, so that a client knows that the city is quiet and not lost.
const AT_LEAST: Duration = Duration::from_secs(5);

/// How long the closing handshake may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum End {
    /// The client closed it, or it broke.
    Gone,
    /// The client did not take a frame in time.
    Slow,
    /// The client gave no sign of life.
    Silent,
    /// The server stops.
    Stopping,
}

/// One client's connection.
pub(super) struct Session {
    api: Api,
    socket: WebSocket,
    published: watch::Receiver<Position>,
    stopping: watch::Receiver<bool>,
    /// The tick that was looked at last.
    seen: Position,
    city: City,
    subscription: Option<Subscription>,
    /// When the client last gave a sign of life.
    heard: Instant,
}

/// What the client knows of the summary.
struct City {
    told: CitySummary,
    sent: Instant,
    /// Whether the figures are others by now.
    changed: bool,
}

impl City {
    /// When the next frame is due.
    fn due(&self) -> Instant {
        self.sent + if self.changed { CITY_AT_MOST } else { AT_LEAST }
    }
}

/// What the client knows of its views.
struct Subscription {
    views: ViewSet,
    position: Position,
    sent: Instant,
}

impl Session {
    pub(super) fn new(api: Api, socket: WebSocket) -> Self {
        let (published, stopping) = (api.published(), api.stopping());
        let snapshot = api.views().snapshot();
        let now = Instant::now();
        let city = City { told: CitySummary::of(&snapshot), sent: now, changed: false };
        Self { seen: snapshot.position(), api, socket, published, stopping, city, subscription: None, heard: now }
    }

    /// Serves the client until one side ends it.
    pub(super) async fn run(mut self) -> End {
        let end = match self.send_city().await {
            Ok(()) => self.serve().await,
            Err(end) => end,
        };
        if let End::Stopping = end {
            self.say_farewell().await;
        }
        end
    }

    async fn serve(&mut self) -> End {
        loop {
            let mut stopping = self.stopping.clone();
            let every = self.api.settings().websocket.changes_every();
            let wake = wake(self.published.clone(), self.seen, self.api.started(), every, self.next_due());
            let done = tokio::select! {
                () = told_to_stop(&mut stopping) => Err(End::Stopping),
                message = self.socket.recv() => match message {
                    Some(Ok(message)) => self.hear(message).await,
                    Some(Err(_)) | None => Err(End::Gone),
                },
                () = wake => self.tell().await,
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    /// When something is to be sent even if no tick comes.
    fn next_due(&self) -> Instant {
        self.subscription.iter().map(|subscription| subscription.sent + AT_LEAST).fold(self.city.due(), Instant::min)
    }

    async fn hear(&mut self, message: Message) -> Result<(), End> {
        self.heard = Instant::now();
        let text = match message {
            Message::Text(text) => text,
            Message::Close(_) => return Err(End::Gone),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) => return Ok(()),
        };
        let snapshot = self.api.views().snapshot();
        match Command::parse(&text, &snapshot) {
            Ok(Some(Command::Ping)) => self.send_text(Utf8Bytes::from_static(r#"{"type":"pong"}"#)).await,
            Ok(Some(Command::Subscribe { views, since })) => {
                self.subscription = None;
                if views.is_empty() {
                    return Ok(());
                }
                match since {
                    Some(position) => {
                        self.subscription = Some(Subscription { views, position, sent: Instant::now() });
                        self.send_changes(&snapshot, true).await
                    }
                    None => self.send_snapshot(views, &snapshot).await,
                }
            }
            Ok(None) => Ok(()),
            Err(detail) => self.send_text(error_frame(detail, self.api.views().now())).await,
        }
    }

    /// Sends what is due, and looks whether the client is still there.
    async fn tell(&mut self) -> Result<(), End> {
        let snapshot = self.api.views().snapshot();
        self.seen = snapshot.position();
        let summary = CitySummary::of(&snapshot);
        self.city.changed = !summary.has_figures_of(&self.city.told);
        if self.city.due() <= Instant::now() {
            self.city.told = summary;
            self.send_city().await?;
        }
        self.send_changes(&snapshot, false).await?;
        let idle = self.api.settings().websocket.idle_timeout();
        match self.heard.elapsed() {
            silence if silence >= idle => Err(End::Silent),
            silence if silence >= idle / 3 => self.send(Message::Ping(Default::default())).await,
            _ => Ok(()),
        }
    }

    async fn send_city(&mut self) -> Result<(), End> {
        let frame = city_frame(&self.city.told, self.api.views().now());
        (self.city.sent, self.city.changed) = (Instant::now(), false);
        self.send_text(frame).await
    }

    /// Sends all rows of `views`, and follows them from there on.
    async fn send_snapshot(&mut self, views: ViewSet, snapshot: &Snapshot) -> Result<(), End> {
        let rows = self.api.settings().websocket.rows_per_frame();
        let mut cursor = Some(Cursor::default());
        while let Some(at) = cursor {
            let frame = self.api.frames().snapshot(snapshot, self.api.views().now(), &views, at, rows);
            cursor = frame.next;
            self.send_text(frame.text).await?;
        }
        self.subscription = Some(Subscription { views, position: snapshot.position(), sent: Instant::now() });
        Ok(())
    }

    /// Sends what changed in the client's views; nothing where nothing did, unless it is `asked` for or time for a sign.
    async fn send_changes(&mut self, snapshot: &Snapshot, asked: bool) -> Result<(), End> {
        let Some(Subscription { views, position, sent }) = &mut self.subscription else { return Ok(()) };
        let through = snapshot.position();
        let overdue = asked || sent.elapsed() >= AT_LEAST;
        if *position == through && !overdue {
            return Ok(());
        }
        match self.api.frames().changes(self.api.views(), views, *position, through) {
            Ok(frame) => {
                *position = through;
                if frame.is_empty && !overdue {
                    return Ok(());
                }
                *sent = Instant::now();
                self.send_text(frame.text).await
            }
            Err(lagged) => {
                let views = views.clone();
                self.send_text(reset_frame(lagged, through, self.api.views().now())).await?;
                self.send_snapshot(views, snapshot).await
            }
        }
    }

    async fn send_text(&mut self, text: Utf8Bytes) -> Result<(), End> {
        self.send(Message::Text(text)).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        let sent = timeout(self.api.settings().websocket.send_timeout(), self.socket.send(message));
        tokio::select! {
            sent = sent => match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(End::Gone),
                Err(_) => Err(End::Slow),
            },
            () = told_to_stop(&mut self.stopping) => Err(End::Stopping),
        }
    }

    /// Closes with 1012: after 1000 or 1001 some clients would never come back.
    async fn say_farewell(&mut self) {
        let reason = Utf8Bytes::from_static("service restart");
        let close = Message::Close(Some(CloseFrame { code: close_code::RESTART, reason }));
        let goodbye = async {
            if self.socket.send(close).await.is_ok() {
                // The client's own close ends it in order; what else it says is of no interest any more.
                while let Some(Ok(_)) = self.socket.recv().await {}
            }
        };
        let _ = timeout(FAREWELL, goodbye).await;
    }
}

/// Waits until the server stops; where nobody can tell any more, it has.
async fn told_to_stop(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Waits for a tick other than `seen` and then for the next beat of the clock that all connections share, which started at
/// `epoch` and beats `every` so long; or until `latest`.
async fn wake(
    mut published: watch::Receiver<Position>,
    seen: Position,
    epoch: Instant,
    every: Duration,
    latest: Instant,
) {
    let news = async {
        if published.wait_for(|position| *position != seen).await.is_err() {
            std::future::pending::<()>().await;
        }
        let into_beat = epoch.elapsed().as_nanos() % every.as_nanos();
        sleep_until(Instant::now() + every - Duration::from_nanos(into_beat as u64)).await;
    };
    // Either way it is time to look.
    let _ = timeout_at(latest, news).await;
}
