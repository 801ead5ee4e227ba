//! What is the weather at every station?

use serde::{Deserialize, Serialize};

use crate::model::{Id, Millis, Point, Weather};
use crate::view::View;

/// The newest weather of every station.
pub const WEATHER: View<Id, StationWeather> = View::new("weather");

/// The weather at a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StationWeather {
    /// Event time.
    pub time: Millis,
    /// Where the station is: as it said, else as the city knows it.
    pub place: Option<Point>,
    /// What it measured.
    pub weather: Weather,
}
