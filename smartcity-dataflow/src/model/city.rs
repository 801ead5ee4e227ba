//! The city's own data: what does not move. Each part is a collection, so that an edit is a change like any other.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Heading, Id, Kmh, Millimetres, Name, Point, Ring};

/// The class of a road, by which defaults are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoadClass {
    /// Grade-separated, one direction each.
    Motorway,
    /// The next below.
    Trunk,
    /// Arterial.
    Primary,
    /// Arterial.
    Secondary,
    /// Collector.
    Tertiary,
    /// Local street.
    Residential,
    /// Access roads and everything else that is driven on.
    Service,
}

/// A segment that can be entered from the end of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Successor {
    /// The segment entered.
    pub segment: Id,
    /// Length of the way across the junction between them.
    pub crossing: Millimetres,
}

/// One directed piece of road, from junction to junction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Segment {
    /// Its id.
    pub id: Id,
    /// The named road it belongs to; a segment without a name is a road of its own.
    pub road: Id,
    /// The zone it lies in.
    pub zone: Option<Id>,
    /// Its class.
    pub class: RoadClass,
    /// Number of lanes in its direction.
    pub lanes: u8,
    /// Free-flow speed; the posted limit until something better is known.
    pub free_flow: Kmh,
    /// Length along it.
    pub length: Millimetres,
    /// Its line, in the direction of travel; at least two points.
    pub line: Arc<[Point]>,
    /// Where one can go from its end.
    pub next: Arc<[Successor]>,
}

/// A named road: the segments that share a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Road {
    /// Its id: the name in lower case with underscores.
    pub id: Id,
    /// The name as people write it.
    pub name: Id,
}

/// A zone: a polygon with holes (even-odd).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Zone {
    /// Its id.
    pub id: Id,
    /// The name as people write it.
    pub name: Id,
    /// Its rings.
    pub rings: Arc<[Ring]>,
}

/// Which road a camera watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Camera {
    /// The camera.
    pub id: Id,
    /// The segment it watches, or `None` where only the road is known.
    pub segment: Option<Id>,
    /// The named road it watches.
    pub road: Id,
    /// Where it stands, if known.
    pub place: Option<Point>,
}

/// A weather or air station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Station {
    /// The station: the device id of its readings.
    pub id: Id,
    /// Where it stands.
    pub place: Point,
}

/// An ambulance, engine or patrol car.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResponseUnit {
    /// The unit.
    pub id: Id,
    /// What sort: ambulance, engine, patrol.
    pub unit_type: Id,
    /// Where it is stationed.
    pub base: Point,
}

/// Another name of a road, as some feeds write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Alias {
    /// The other name's id, in the namespace of roads.
    pub alias: Id,
    /// The road it means.
    pub road: Id,
}

/// How grave an incident is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Can wait.
    Low,
    /// Needs a response.
    Medium,
    /// Needs a quick one.
    High,
    /// Life at stake.
    Critical,
}

/// In which order incidents are served, P0 first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Priority {
    /// At once.
    P0,
    /// Next.
    P1,
    /// Soon.
    P2,
    /// When units are free.
    P3,
}

/// What a type of incident means for the response.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IncidentRule {
    /// The type: the lower-cased word of the message; `None` for every type without a rule of its own.
    pub incident_type: Option<Id>,
    /// Severity of one report.
    pub severity: Severity,
    /// Priority of one report.
    pub priority: Priority,
    /// Who must come, in order of need.
    pub agencies: Arc<[Id]>,
}

/// A row of the city's own data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CityRow {
    /// A segment.
    Segment(Segment),
    /// A named road.
    Road(Road),
    /// A zone.
    Zone(Zone),
    /// A camera.
    Camera(Camera),
    /// A station.
    Station(Station),
    /// A response unit.
    Unit(ResponseUnit),
    /// A road alias.
    Alias(Alias),
    /// An incident rule.
    Rule(IncidentRule),
    /// A text that the others refer to.
    Name(Name),
}

/// A city: a set of rows. Two cities differ by the rows that one has and the other has not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct City {
    /// Its rows.
    pub rows: BTreeSet<CityRow>,
}

impl City {
    /// Changes that turn `self` into `other`: each row with +1 or -1.
    pub fn changes_to(&self, other: &Self) -> Vec<(CityRow, crate::Diff)> {
        let gone = self.rows.difference(&other.rows).map(|row| (row.clone(), -1));
        let new = other.rows.difference(&self.rows).map(|row| (row.clone(), 1));
        gone.chain(new).collect()
    }

    /// Its segments.
    pub fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.rows.iter().filter_map(|row| if let CityRow::Segment(segment) = row { Some(segment) } else { None })
    }
}

impl Segment {
    /// Direction of travel at its start.
    pub fn heading(&self) -> Heading {
        super::bearing(self.line[0], self.line[1]).unwrap_or_default()
    }
}
