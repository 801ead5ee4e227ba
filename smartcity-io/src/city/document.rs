//! A city as its files say it: ids are text, places are exact, and nothing is derived yet.
//!
//! Lists are in no particular order; every meaning is independent of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smartcity_dataflow::model::{Kmh, Millimetres, Point, RoadClass};

use super::settings::Settings;

/// The content of a city directory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CityDocument {
    /// `city.toml`.
    pub settings: Settings,
    /// `roads.geojson`.
    pub roads: Vec<RoadLine>,
    /// `zones.geojson`.
    pub zones: Vec<ZoneArea>,
    /// `cameras.csv`.
    pub cameras: Vec<CameraSite>,
    /// `stations.csv`.
    pub stations: Vec<StationSite>,
    /// `units.csv`.
    pub units: Vec<UnitBase>,
    /// `aliases.csv`.
    pub aliases: Vec<RoadAlias>,
}

/// In which directions a road is driven, seen along its line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the first point to the last.
    Forward,
    /// From the last point to the first.
    Backward,
    /// Both: two segments, `{id}f` forward and `{id}b` backward.
    #[default]
    Both,
}

/// A piece of road between two junctions: one segment, or two where it is driven in both directions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoadLine {
    /// Its id. The segment of a one-way piece has this id; those of a two-way piece add `f` and `b`.
    pub id: String,
    /// The name of its road; a segment without a name is a road of its own.
    pub name: Option<String>,
    /// In which directions it is driven.
    pub direction: Direction,
    /// Its class, or the default one.
    pub class: Option<RoadClass>,
    /// Lanes in each direction, 1 to 12, or the default of the class.
    pub lanes: Option<u32>,
    /// Free-flow speed, 1 to 200 km/h, or the default of the class.
    pub free_flow: Option<Kmh>,
    /// Length, where it is known better than from the line.
    pub length: Option<Millimetres>,
    /// The zone it lies in; the zone that holds its midpoint where it is absent.
    pub zone: Option<String>,
    /// The segments that can be entered from its end, each with the length of the way across the junction; only for one
    /// direction. Where it is absent, these are the segments that start where this one ends.
    pub next: Option<BTreeMap<String, Millimetres>>,
    /// Its line; at least two points.
    pub line: Vec<Point>,
}

/// A zone of the city.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneArea {
    /// Its id.
    pub id: String,
    /// The name as people write it; the id where it is absent.
    pub name: Option<String>,
    /// Its polygons, each an outer ring and then its holes. Rings are not closed: the last point is not the first again.
    pub polygons: Vec<Vec<Vec<Point>>>,
}

/// Which road a camera watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraSite {
    /// The camera's id.
    pub camera: String,
    /// The id of the road it watches.
    pub road: String,
    /// The id of the segment it watches, if known.
    pub segment: Option<String>,
    /// Where it stands, if known.
    pub place: Option<Point>,
}

/// A weather or air station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StationSite {
    /// The device id of its readings.
    pub station: String,
    /// Where it stands.
    pub place: Point,
}

/// A response unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitBase {
    /// The unit's id.
    pub unit: String,
    /// What sort: ambulance, engine, patrol.
    pub unit_type: String,
    /// Where it is stationed.
    pub base: Point,
}

/// Another name of a road.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoadAlias {
    /// The other name, as feeds write it.
    pub alias: String,
    /// The id of the road it means.
    pub road: String,
}

/// One direction of a [`RoadLine`].
#[derive(Clone, Debug)]
pub(super) struct Directed<'a> {
    /// The piece it is a direction of.
    pub road_line: &'a RoadLine,
    /// The segment's id.
    pub id: String,
    /// Whether it runs from the last point of the line to the first.
    pub is_backward: bool,
}

impl RoadLine {
    /// Its segments: one, or two where it is driven in both directions.
    pub(super) fn directed(&self) -> impl Iterator<Item = Directed<'_>> {
        let one_way = |is_backward| vec![Directed { road_line: self, id: self.id.clone(), is_backward }];
        match self.direction {
            Direction::Forward => one_way(false),
            Direction::Backward => one_way(true),
            Direction::Both => vec![
                Directed { road_line: self, id: format!("{}f", self.id), is_backward: false },
                Directed { road_line: self, id: format!("{}b", self.id), is_backward: true },
            ],
        }
        .into_iter()
    }

    /// The id of the road that its name means, if it has a name.
    pub(super) fn named_road(&self) -> Option<String> {
        self.name.as_deref().map(road_id)
    }
}

impl Directed<'_> {
    /// The id of the road it belongs to.
    pub(super) fn road(&self) -> String {
        self.road_line.named_road().unwrap_or_else(|| self.id.clone())
    }

    /// Its line in the direction of travel, without repeated points.
    pub(super) fn line(&self) -> Vec<Point> {
        let mut line = self.road_line.line.clone();
        line.dedup();
        if self.is_backward {
            line.reverse();
        }
        line
    }
}

/// The id of the road that people call `name`: lower case, and an underscore for whatever is no letter or digit.
///
/// ```
/// use smartcity_io::city::road_id;
/// assert_eq!(road_id("Market St"), "market_st");
/// assert_eq!(road_id("Highway 101"), "highway_101");
/// assert_eq!(road_id("St. Mary's Lane"), "st_mary_s_lane");
/// ```
pub fn road_id(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("_")
}
