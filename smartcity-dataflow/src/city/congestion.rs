//! How does the traffic flow on every segment and every named road?

use serde::{Deserialize, Serialize};

use crate::model::{Id, Kmh, Ratio};
pub use crate::operators::Window;
use crate::view::View;

/// Every segment over the last five minutes.
pub const SEGMENTS: View<Id, Traffic> = View::new("segments");

/// Every named road over the last five minutes.
pub const ROADS: View<Id, Traffic> = View::new("roads");

/// Every segment by event-time window.
pub const SEGMENT_WINDOWS: View<(Id, Window), Traffic> = View::new("segment_windows");

/// Every named road by event-time window.
pub const ROAD_WINDOWS: View<(Id, Window), Traffic> = View::new("road_windows");

/// How freely the traffic flows, by speed relative to free flow: the bands of TomTom's flow feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// At least 90 %.
    Free,
    /// 62.5 to 90 %.
    Heavy,
    /// 35 to 62.5 %.
    Slow,
    /// 25 to 35 %.
    Queuing,
    /// Below 25 %.
    Stationary,
}

impl Level {
    /// The level of a speed relative to free flow.
    pub fn of(ratio: Ratio) -> Self {
        match ratio.0 {
            9_000.. => Self::Free,
            6_250.. => Self::Heavy,
            3_500.. => Self::Slow,
            2_500.. => Self::Queuing,
            _ => Self::Stationary,
        }
    }

    /// Whether a road of this level counts as congested: below 62.5 % of free flow. (A signalled street runs at about 77 %
    /// of its limit without any congestion, so the limit stands in for free flow only with a lower bar.)
    pub fn is_congested(self) -> bool {
        self >= Self::Slow
    }

    /// The contract's word for it: light, moderate or heavy.
    pub fn contract_word(self) -> &'static str {
        match self {
            Self::Free | Self::Heavy => "light",
            Self::Slow => "moderate",
            Self::Queuing | Self::Stationary => "heavy",
        }
    }
}

/// How far a speed is to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Fewer than three samples.
    Low,
    /// Three or more.
    High,
}

/// The traffic on a segment or road, over a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Traffic {
    /// Fixes and camera readings behind the speed.
    pub samples: u32,
    /// Distinct vehicles among them.
    pub vehicles: u32,
    /// Space-mean speed.
    pub speed: Kmh,
    /// Free-flow speed; of a road, the mean of its segments by length.
    pub free_flow: Kmh,
    /// `speed / free_flow`.
    pub ratio: Ratio,
    /// How freely it flows.
    pub level: Level,
    /// How far the speed is to be trusted.
    pub confidence: Confidence,
}
