//! How good is the air at every station?

use serde::{Deserialize, Serialize};

use crate::model::{Id, Millis, Point, Quantity};
use crate::view::View;

/// The air quality index of every station.
pub const AIR: View<Id, Air> = View::new("air");

/// The categories of EPA's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AirCategory {
    /// 0 to 50.
    Good,
    /// 51 to 100.
    Moderate,
    /// 101 to 150.
    UnhealthyForSensitiveGroups,
    /// 151 to 200.
    Unhealthy,
    /// 201 to 300.
    VeryUnhealthy,
    /// 301 and more.
    Hazardous,
}

/// The air at a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Air {
    /// Event time of the newest reading behind it.
    pub time: Millis,
    /// Where the station is, if known.
    pub place: Option<Point>,
    /// The index, 0 to 500.
    pub index: u16,
    /// What it means.
    pub category: AirCategory,
    /// The pollutant that sets it; `None` where the station's own index was passed through.
    pub pollutant: Option<Quantity>,
}
