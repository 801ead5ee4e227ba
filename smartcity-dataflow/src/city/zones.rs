//! How does each zone fare?

use serde::{Deserialize, Serialize};

use super::network::Network;
use crate::model::Id;
use crate::view::View;

/// Every zone that has anything to show.
pub const ZONES: View<Id, ZoneFigures> = View::new("zones");

/// A zone over the last five minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ZoneFigures {
    /// Vehicles in it now.
    pub vehicles: u32,
    /// Of those, the ones that move.
    pub moving: u32,
    /// Active emergency reports in it.
    pub emergencies: u32,
    /// Traffic on its segments; `None` where none was observed.
    pub traffic: Option<Network>,
}
