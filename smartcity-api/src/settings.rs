//! Who may ask, and how much a subscriber may cost.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Settings of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Origins whose pages may read the answers (`https://city.example`); none named: any, without credentials.
    pub allowed_origins: Vec<String>,
    /// The engine counts as down in the health routes when its last tick is older than this.
    pub stale_after_ms: u64,
    /// Limits of the WebSocket.
    pub websocket: WebSocketSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self { allowed_origins: Vec::new(), stale_after_ms: 10_000, websocket: WebSocketSettings::default() }
    }
}

impl Settings {
    /// Whether pages of `origin` may read the answers.
    pub(crate) fn allows(&self, origin: &[u8]) -> bool {
        self.allowed_origins.is_empty() || self.allowed_origins.iter().any(|allowed| allowed.as_bytes() == origin)
    }

    pub(crate) fn stale_after(&self) -> Duration {
        Duration::from_millis(self.stale_after_ms)
    }
}

/// Limits of the WebSocket. What a client can make the server hold is one frame and its own place in the changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebSocketSettings {
    /// More clients than this are answered 503.
    pub max_connections: usize,
    /// A longer message from a client ends its connection.
    pub max_message_bytes: usize,
    /// A client that does not take a frame within this time is cut off.
    pub send_timeout_ms: u64,
    /// A client that gives no sign of life for this time, not even a pong, is cut off.
    pub idle_timeout_ms: u64,
    /// Changes are gathered and sent at most this often.
    pub changes_every_ms: u64,
    /// Rows in one frame of a snapshot; a larger snapshot comes in several.
    pub rows_per_frame: usize,
}

impl Default for WebSocketSettings {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_message_bytes: 64 * 1024,
            send_timeout_ms: 10_000,
            idle_timeout_ms: 60_000,
            changes_every_ms: 200,
            rows_per_frame: 2_000,
        }
    }
}

impl WebSocketSettings {
    pub(crate) fn send_timeout(&self) -> Duration {
        Duration::from_millis(self.send_timeout_ms)
    }

    pub(crate) fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    pub(crate) fn changes_every(&self) -> Duration {
        Duration::from_millis(self.changes_every_ms.max(1))
    }

    pub(crate) fn rows_per_frame(&self) -> usize {
        self.rows_per_frame.max(1)
    }
}
