//! How does the whole network run?

use serde::{Deserialize, Serialize};

use super::congestion::Window;
use crate::model::{Kmh, Millimetres, Ratio};
use crate::view::View;

/// The network over the last five minutes.
pub const NETWORK: View<(), Network> = View::new("network");

/// The network by event-time window.
pub const NETWORK_WINDOWS: View<Window, Network> = View::new("network_windows");

/// Figures of a set of segments, over a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Network {
    /// Fixes behind the figures.
    pub samples: u32,
    /// Mean speed of the fixes.
    pub speed: Kmh,
    /// Travel time relative to free flow: samples / sum of (speed / free flow).
    pub travel_time_index: Ratio,
    /// Length of the segments observed.
    pub observed: Millimetres,
    /// Share of that length below 90 % of free flow (UCR's definition of congested).
    pub congested_share: Ratio,
    /// Share of that length below 50 % of free flow.
    pub severe_share: Ratio,
}
