//! What a city holds, in figures: for whoever checks its files.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use serde::Serialize;
use smartcity_dataflow::model::{Bounds, City, Id, Millimetres, Segment};

use super::document::{CityDocument, RoadLine};
use super::network::largest_strong_component;

/// A city in figures; its `Display` is a short table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The city's name.
    pub name: String,
    /// Directed segments.
    pub segments: usize,
    /// Roads with a name.
    pub named_roads: usize,
    /// Length of all segments, each direction by itself.
    pub length: Millimetres,
    /// Segments from whose end nothing can be entered: vehicles are stuck there.
    pub dead_ends: usize,
    /// Segments of the largest part of the network in which every segment can be reached from every other.
    pub connected: usize,
    /// Segments that lie in no zone.
    pub without_zone: usize,
    /// Zones.
    pub zones: usize,
    /// Cameras.
    pub cameras: usize,
    /// Stations.
    pub stations: usize,
    /// Response units.
    pub units: usize,
    /// Road aliases.
    pub aliases: usize,
    /// Incident rules.
    pub incidents: usize,
    /// The box around all segments; `None` where there are none.
    pub bounds: Option<Bounds>,
}

impl CityDocument {
    /// The document's city in figures.
    pub fn summary(&self) -> Summary {
        let city = self.to_city();
        let points = city.segments().flat_map(|segment| segment.line.iter().copied());
        Summary {
            name: self.settings.name.clone(),
            segments: city.segments().count(),
            named_roads: self.roads.iter().filter_map(RoadLine::named_road).collect::<BTreeSet<_>>().len(),
            length: Millimetres(city.segments().map(|segment| segment.length.0).sum()),
            dead_ends: city.segments().filter(|segment| segment.next.is_empty()).count(),
            connected: largest_strong_component(&edges(&city)),
            without_zone: city.segments().filter(|segment| segment.zone.is_none()).count(),
            zones: self.zones.len(),
            cameras: self.cameras.len(),
            stations: self.stations.len(),
            units: self.units.len(),
            aliases: self.aliases.len(),
            incidents: self.settings.incidents.len(),
            bounds: Bounds::around(points),
        }
    }
}

/// For each segment, in order, the places of its successors in that order.
fn edges(city: &City) -> Vec<Vec<usize>> {
    let places: HashMap<Id, usize> = city.segments().enumerate().map(|(place, segment)| (segment.id, place)).collect();
    let successors = |segment: &Segment| {
        segment.next.iter().filter_map(|successor| places.get(&successor.segment).copied()).collect()
    };
    city.segments().map(successors).collect()
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.name)?;
        let kilometres = self.length.as_f64() / 1_000.0;
        writeln!(f, "  segments   {:>8}   {kilometres:.1} km, {} dead ends", self.segments, self.dead_ends)?;
        writeln!(f, "  connected  {:>8}   can all reach each other", self.connected)?;
        writeln!(f, "  roads      {:>8}   with a name", self.named_roads)?;
        writeln!(f, "  zones      {:>8}   {} segments are in none", self.zones, self.without_zone)?;
        writeln!(f, "  cameras    {:>8}", self.cameras)?;
        writeln!(f, "  stations   {:>8}", self.stations)?;
        writeln!(f, "  units      {:>8}", self.units)?;
        writeln!(f, "  aliases    {:>8}", self.aliases)?;
        write!(f, "  incidents  {:>8}   rules", self.incidents)?;
        if let Some(bounds) = self.bounds {
            let ((south, west), (north, east)) = (bounds.south_west.degrees(), bounds.north_east.degrees());
            write!(f, "\n  from {south:.5}, {west:.5} to {north:.5}, {east:.5}")?;
        }
        Ok(())
    }
}
