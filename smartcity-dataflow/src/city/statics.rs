//! What does the city consist of? Its own data as views, so that readers need no files and see an edit like any change.

use std::sync::Arc;

use crate::model::{Camera, Id, ResponseUnit, Road, Segment, Station, Zone};
use crate::view::View;

/// Every segment.
pub const CITY_SEGMENTS: View<Id, Segment> = View::new("city_segments");
/// Every named road.
pub const CITY_ROADS: View<Id, Road> = View::new("city_roads");
/// Every zone.
pub const CITY_ZONES: View<Id, Zone> = View::new("city_zones");
/// Every camera.
pub const CITY_CAMERAS: View<Id, Camera> = View::new("city_cameras");
/// Every station.
pub const CITY_STATIONS: View<Id, Station> = View::new("city_stations");
/// Every response unit.
pub const CITY_UNITS: View<Id, ResponseUnit> = View::new("city_units");
/// Every other name of a road: alias to road.
pub const CITY_ALIASES: View<Id, Id> = View::new("city_aliases");
/// Every text that rows refer to.
pub const NAMES: View<Id, Arc<str>> = View::new("names");
