//! Where is every vehicle now, and how does it move?
//!
//! A vehicle is whoever sends fixes, by either feed: the vehicle's own (`vehicle_data`) or its tracker's (`gps_data`). Its
//! newest fix by event time counts, for as long as the fix lives; a fix that was old when it came is history and shows no
//! vehicle. Beside what the vehicle reports stands what its track says ([`super::track`]): which street it is on, how fast it went
//! there and which way. Where the two cannot both be true the row says so; it is not dropped.

use serde::{Deserialize, Serialize};

use crate::model::{Heading, Id, Kind, Kmh, Millimetres, Millis, Point, VehicleDetails};
use crate::view::View;

/// The newest fix of every vehicle.
pub const VEHICLES: View<Id, Vehicle> = View::new("vehicles");

/// A vehicle above this speed counts as moving.
pub const MOVING_ABOVE: Kmh = Kmh(5_000);

/// Faster than this between two fixes is no road vehicle.
pub const TOO_FAST: Kmh = Kmh(180_000);

/// How far two fixes may be off together: 15 m each, the accuracy of a receiver among houses.
pub const POSITION_ERROR: Millimetres = Millimetres(30_000);

/// Of many fixes of a receiver that stands, two are further apart than [`POSITION_ERROR`] now and then; none are by this much. With
/// a scatter of 10 m in each direction, of ten million pairs a million are 30 m apart, a thousand 60 m, and one is 80 m. Who does
/// not get so far in a minute is slower than [`MOVING_ABOVE`].
pub const SURELY_APART: Millimetres = Millimetres(80_000);

/// Why a vehicle's motion is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Implausible {
    /// It would have had to go faster than any road vehicle between its last two fixes.
    TooFast,
    /// It moved much faster than it reported.
    ContradictsReport,
    /// Its track contradicts the speeds that it reports, again and again: they are not used.
    UnreliableReports,
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
    /// Speed over the last fixes of its feed; 0 where it stayed within the error of positions.
    pub track_speed: Option<Kmh>,
    /// Heading over the last fixes of its feed; `None` where it stayed within their error.
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
    /// Its speed: as reported, where that can be believed, else from its track, else zero.
    pub fn speed(&self) -> Kmh {
        let believed = self.reported_speed.filter(|_| self.implausible != Some(Implausible::UnreliableReports));
        believed.or(self.track_speed).unwrap_or_default()
    }

    /// Its heading: as reported, else from its track.
    pub fn heading(&self) -> Option<Heading> {
        self.reported_heading.or(self.track_heading)
    }
}
