//! What does every other sensor read?

use serde::{Deserialize, Serialize};

use crate::model::{Id, Milli, Millis, Point, Quantity, Unit};
use crate::view::View;

/// The newest value of every quantity at every station.
pub const SENSORS: View<(Id, Quantity), SensorValue> = View::new("sensors");

/// A quantity at a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SensorValue {
    /// Event time.
    pub time: Millis,
    /// The value, in `unit`.
    pub value: Milli,
    /// Its unit: the canonical one of the quantity, where there is one.
    pub unit: Unit,
    /// Where the station is: as it said, else as the city knows it.
    pub place: Option<Point>,
}
