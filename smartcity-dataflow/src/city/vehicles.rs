//! Where is every vehicle now, and how does it move?

use serde::{Deserialize, Serialize};

use crate::model::{Heading, Id, Kind, Kmh, Millis, Point, VehicleDetails};
use crate::view::View;

/// The newest fix of every vehicle.
pub const VEHICLES: View<Id, Vehicle> = View::new("vehicles");

/// A vehicle above this speed counts as moving.
pub const MOVING_ABOVE: Kmh = Kmh(5_000);

/// Why a vehicle's motion is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Implausible {
    /// It would have had to go faster than any road vehicle between its last two fixes.
    TooFast,
    /// It moved much faster than it reported.
    ContradictsReport,
}

/// A vehicle as last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Vehicle {
    /// Event time of the fix.
    pub time: Millis,
    /// Where it was.
    pub place: Point,
    /// Speed as it reported it.
    pub reported_speed: Option<Kmh>,
    /// Heading as it reported it.
    pub reported_heading: Option<Heading>,
    /// Speed from its last fix to this one.
    pub track_speed: Option<Kmh>,
    /// Heading from its last fix to this one.
    pub track_heading: Option<Heading>,
    /// Whether it moves.
    pub moving: bool,
    /// Why its motion is not believed, if it is not.
    pub implausible: Option<Implausible>,
    /// The segment it is on.
    pub segment: Option<Id>,
    /// The zone it is in.
    pub zone: Option<Id>,
    /// Which feed the fix came by.
    pub kind: Kind,
    /// What sort of vehicle.
    pub vehicle_type: Option<Id>,
    /// Make and model, where known.
    pub details: Option<VehicleDetails>,
}

impl Vehicle {
    /// Its speed: as reported, else from its track, else zero.
    pub fn speed(&self) -> Kmh {
        self.reported_speed.or(self.track_speed).unwrap_or_default()
    }

    /// Its heading: as reported, else from its track.
    pub fn heading(&self) -> Option<Heading> {
        self.reported_heading.or(self.track_heading)
    }
}
