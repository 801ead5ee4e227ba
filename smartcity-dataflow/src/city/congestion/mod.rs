//! How does the traffic flow on every segment and every named road?
//!
//! ```text
//!  fixes ──▶ samples ─┬─▶ sliding_flows ─▶ congestion          what flows now
//!  paths ─────▲       │
//!  cameras ───────────┴─▶ window_flows ──▶ window_congestion   what flowed then
//! ```
//!
//! The speed is a space-mean speed, estimated from three kinds of sample:
//!
//! - *spot speeds of fixes* (A): vehicles that report at a fixed period are met in proportion to the time they spend, so the
//!   arithmetic mean of their speeds estimates the space mean (the harmonic mean would be wrong: 12 km/h off, measured);
//! - *paths* (P): distance over time of the ways between fixes ([`super::paths`]), Edie's definition of the space mean;
//! - *cameras* (C): spot speeds at a point, met in proportion to flow, so their harmonic mean (Wardrop).
//!
//! Of vehicles the speed is (A + P) / 2, or the one that there is. With `n` fixes and `c` camera readings the speed is the mean
//! of the two weighted by `n` and `c`. With three or more samples it is off by 3.4 km/h in the mean (MAE against the true
//! edge speeds of a simulated hour). With fewer the figures of the last 15 minutes stand in, with low confidence.
//!
//! A sample counts in the sliding window from its tick until five minutes after its event (or its tick, for an event ahead of
//! the clock); of a camera the newest reading counts for as long as it lives. Tumbling windows go by event time alone
//! and are amended for as long as they are retained.

mod flow;
mod free_flow;
#[cfg(test)]
pub(super) mod naive;
mod sample;
mod sliding;
mod windows;

use serde::{Deserialize, Serialize};

pub use self::flow::Flow;
pub use self::free_flow::{FreeFlow, free_flow_of_roads, free_flow_of_segments};
pub use self::sample::{Observed, Sample, camera_samples, samples};
pub use self::sliding::{SlidingFlow, congestion, sliding_flows, sliding_traffic};
pub use self::windows::{WINDOW_WIDTHS_MS, Window, closes, window_congestion, window_flows};
use crate::model::{Id, Kmh, Ratio};
use crate::view::View;
use crate::{Rows, Settings, Time};

/// The same of every segment, and of every named road.
pub type OfSegmentsAndRoads<'s, K, V> = (Rows<'s, (K, V)>, Rows<'s, (K, V)>);

/// Three samples make a speed that can be trusted.
pub const ENOUGH_SAMPLES: u32 = 3;

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
    /// Fewer than three samples; the speed is that of 15 minutes, where those have more.
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

/// How does the traffic flow? The figures of a flow against free flow.
pub fn traffic(flow: Flow, speed: Kmh, free_flow: Kmh) -> Traffic {
    let ratio = Ratio::of(speed.0, free_flow.0).unwrap_or(Ratio::ONE);
    let samples = flow.samples();
    let confidence = if samples >= ENOUGH_SAMPLES { Confidence::High } else { Confidence::Low };
    let level = Level::of(ratio);
    Traffic { samples, vehicles: flow.vehicles, speed, free_flow, ratio, level, confidence }
}

/// How long after its event a sample can change any figure of traffic, milliseconds: until the last window it may count in,
/// tumbling or sliding, is dropped.
pub(super) fn amended_ms(settings: &Settings) -> Time {
    let widest = WINDOW_WIDTHS_MS.iter().map(|width| width.unsigned_abs()).fold(0, Time::max);
    (settings.retention_ms + widest).max(settings.traffic_window_ms * sliding::PARENT_WINDOWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_begins_where_its_band_does() {
        for (ratio, level) in [
            (12_000, Level::Free),
            (9_000, Level::Free),
            (8_999, Level::Heavy),
            (6_250, Level::Heavy),
            (6_249, Level::Slow),
            (3_500, Level::Slow),
            (3_499, Level::Queuing),
            (2_500, Level::Queuing),
            (2_499, Level::Stationary),
            (0, Level::Stationary),
        ] {
            assert_eq!(Level::of(Ratio(ratio)), level, "{ratio}");
        }
        assert!(Level::Slow.is_congested() && !Level::Heavy.is_congested());
    }

    #[test]
    fn a_road_without_a_free_flow_speed_flows_freely() {
        let row = traffic(Flow { fixes: 3, ..Flow::default() }, Kmh(10_000), Kmh(0));
        assert_eq!((row.ratio, row.level, row.confidence), (Ratio::ONE, Level::Free, Confidence::High));
    }
}
