//! How does each zone fare?
//!
//! A vehicle and a report count in the zone they lie in; a segment counts in the zone its data names.

use serde::{Deserialize, Serialize};

use super::incidents::ActiveReport;
use super::network::{Network, NetworkSum, Part};
use super::vehicles::Vehicle;
use crate::model::Id;
use crate::operators::{Aggregate, totals};
use crate::view::View;
use crate::{Diff, Rows};

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

/// Something that counts in a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Counted {
    Vehicle { moving: bool },
    Emergency,
    Traffic(Part),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct ZoneSum {
    vehicles: Diff,
    moving: Diff,
    emergencies: Diff,
    traffic: NetworkSum,
}

impl Aggregate<Counted> for ZoneSum {
    type Output = ZoneFigures;

    fn add(&mut self, counted: Counted, diff: Diff) {
        match counted {
            Counted::Vehicle { moving } => {
                self.vehicles += diff;
                self.moving += if moving { diff } else { 0 };
            }
            Counted::Emergency => self.emergencies += diff,
            Counted::Traffic(part) => self.traffic.add(part, diff),
        }
    }

    fn output(&self) -> Option<ZoneFigures> {
        let traffic = Aggregate::<Part>::output(&self.traffic);
        let any = self.vehicles > 0 || self.emergencies > 0 || traffic.is_some();
        any.then_some(ZoneFigures {
            vehicles: self.vehicles as u32,
            moving: self.moving as u32,
            emergencies: self.emergencies as u32,
            traffic,
        })
    }
}

impl Aggregate<Self> for ZoneSum {
    type Output = ZoneFigures;

    fn add(&mut self, other: Self, diff: Diff) {
        self.vehicles += diff * other.vehicles;
        self.moving += diff * other.moving;
        self.emergencies += diff * other.emergencies;
        self.traffic.add(other.traffic, diff);
    }

    fn output(&self) -> Option<ZoneFigures> {
        Aggregate::<Counted>::output(self)
    }
}

/// How does each zone fare? No row for a zone while there is nothing to show.
///
/// | time | vehicles            | reports     | parts            | output                        |
/// |-----:|---------------------|-------------|------------------|-------------------------------|
/// |    0 | +(v, east, moving)  |             |                  | +(east: 1 vehicle, 1 moving)  |
/// |    1 |                     |             | +(east, of a)    | -… +(east: 1 vehicle, 1 moving, traffic of a) |
/// |    2 | -(v, east, moving)  | +(r in west)| -(east, of a)    | -… +(west: 1 emergency)       |
///
/// ```
/// # use smartcity_dataflow::{city::{vehicles::Vehicle, zones::zones}, model::*, testing::{at, trace}};
/// let (v, east) = (Id::new(Namespace::Device, "v"), Id::new(Namespace::Zone, "east"));
/// let vehicle = Vehicle {
///     zone: Some(east),
///     moving: true,
///     # time: Millis(0), place: Point::default(), reported_speed: None, reported_heading: None, track_speed: None,
///     # track_heading: None, implausible: None, segment: None, kind: Kind::Gps, vehicle_type: None, details: None,
///     // …
/// };
/// let rows = trace(
///     &[at(0, (v, vehicle))],
///     |vehicles| {
///         let none = vehicles.clone();
///         zones(vehicles, none.clone().flat_map(|_| None), none.flat_map(|_| None))
///     },
///     5,
/// );
/// let (0, (zone, row), 1) = rows[0] else { panic!("one row") };
/// assert_eq!((zone, row.vehicles, row.moving, row.traffic), (east, 1, 1, None));
/// ```
pub fn zones<'s>(
    vehicles: Rows<'s, (Id, Vehicle)>,
    reports: Rows<'s, (Id, ActiveReport)>,
    parts: Rows<'s, (Option<Id>, Part)>,
) -> Rows<'s, (Id, ZoneFigures)> {
    let vehicles =
        vehicles.flat_map(|(_, vehicle)| vehicle.zone.map(|zone| (zone, Counted::Vehicle { moving: vehicle.moving })));
    let reports = reports.flat_map(|(_, report)| report.zone.map(|zone| (zone, Counted::Emergency)));
    let traffic = parts.flat_map(|(zone, part)| zone.map(|zone| (zone, Counted::Traffic(part))));
    totals::<_, _, ZoneSum>(vehicles.concat(reports).concat(traffic), "Zones", |_| None)
}

#[cfg(test)]
mod tests;
