//! How is the city, in one line?

use serde::{Deserialize, Serialize};

use crate::model::Kmh;
use crate::view::View;

/// The city in one row.
pub const SUMMARY: View<(), Summary> = View::new("summary");

/// The city's figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Summary {
    /// Vehicles seen.
    pub vehicles: u32,
    /// Of those, the ones that move.
    pub moving: u32,
    /// Mean speed of the vehicles.
    pub average_speed: Kmh,
    /// Active emergency reports.
    pub active_emergencies: u32,
    /// Incidents they merge into.
    pub incidents: u32,
    /// Named roads below 62.5 % of free flow.
    pub congested_roads: u32,
    /// Named roads observed.
    pub observed_roads: u32,
}
