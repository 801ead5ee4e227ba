//! From a document to the rows of the dataflow: ids for texts, and what the files leave to be derived.

use std::collections::BTreeMap;
use std::sync::Arc;

use smartcity_dataflow::model::{
    Alias, Camera, City, CityRow, Id, IncidentRule, Millimetres, Name, Namespace, Point, ResponseUnit, Ring, Road,
    Segment, Station, Successor, Zone, length_mm,
};

use super::document::{CityDocument, Directed};
use super::network::{Starts, ZoneFinder, midpoint};

impl CityDocument {
    /// The rows of a document that [`check`](Self::check) accepts.
    ///
    /// Derived are: the two directions of a road; its successors, crossing and length from its line; its zone from its
    /// midpoint (where several zones hold it, the one whose id comes first); its class, speed and lanes from the defaults.
    /// Where names differ only in what [`road_id`](super::road_id) drops, the road has the first of them in byte order.
    /// A road whose line is no line is left out.
    pub fn to_city(&self) -> City {
        let mut rows = Rows::default();
        let zones = rows.zones(self);
        rows.roads(self);
        rows.segments(self, &zones);
        rows.devices(self);
        rows.rules(self);
        rows.0
    }
}

/// The city so far.
#[derive(Debug, Default)]
struct Rows(City);

impl Rows {
    fn add(&mut self, row: CityRow) {
        self.0.rows.insert(row);
    }

    /// The id of a text, which the dictionary learns.
    fn id(&mut self, namespace: Namespace, text: &str) -> Id {
        let name = Name::new(namespace, text);
        let id = name.id;
        self.add(CityRow::Name(name));
        id
    }

    fn zones(&mut self, document: &CityDocument) -> ZoneFinder {
        let mut zones: Vec<_> = document.zones.iter().collect();
        zones.sort_by(|a, b| a.id.cmp(&b.id));
        let mut areas = Vec::with_capacity(zones.len());
        for zone in zones {
            let rings: Arc<[Ring]> = zone.polygons.iter().flatten().map(|ring| Ring(ring.clone())).collect();
            let id = self.id(Namespace::Zone, &zone.id);
            let name = self.id(Namespace::Text, zone.name.as_deref().unwrap_or(&zone.id));
            self.add(CityRow::Zone(Zone { id, name, rings: rings.clone() }));
            areas.push((id, rings));
        }
        ZoneFinder::new(areas)
    }

    fn roads(&mut self, document: &CityDocument) {
        for (road, name) in document.road_names() {
            let (id, name) = (self.id(Namespace::Road, &road), self.id(Namespace::Text, &name));
            self.add(CityRow::Road(Road { id, name }));
        }
    }

    fn segments(&mut self, document: &CityDocument, zones: &ZoneFinder) {
        let segments = document.segments();
        let starts = Starts::new(segments.iter().map(|segment| (segment.id, &*segment.line)));
        for SegmentLine { directed, line, middle, .. } in &segments {
            let road_line = directed.road_line;
            let class = road_line.class.unwrap_or(document.settings.defaults.class);
            let lanes = road_line.lanes.unwrap_or_else(|| document.settings.defaults.lanes(class));
            let next: Vec<Successor> = match &road_line.next {
                Some(next) => next.iter().map(|(id, &crossing)| successor(id, crossing)).collect(),
                None => starts.after(line),
            };
            let segment = Segment {
                id: self.id(Namespace::Segment, &directed.id),
                road: Id::new(Namespace::Road, &directed.road()),
                zone: match &road_line.zone {
                    Some(zone) => Some(Id::new(Namespace::Zone, zone)),
                    None => zones.zone_of(*middle),
                },
                class,
                lanes: u8::try_from(lanes).unwrap_or(u8::MAX),
                free_flow: road_line.free_flow.unwrap_or_else(|| document.settings.defaults.free_flow(class)),
                length: road_line.length.unwrap_or_else(|| length_mm(line)),
                line: line.clone(),
                next: next.into(),
            };
            self.add(CityRow::Segment(segment));
        }
    }

    fn devices(&mut self, document: &CityDocument) {
        for camera in &document.cameras {
            let id = self.id(Namespace::Camera, &camera.camera);
            let segment = camera.segment.as_deref().map(|segment| Id::new(Namespace::Segment, segment));
            let road = Id::new(Namespace::Road, &camera.road);
            self.add(CityRow::Camera(Camera { id, segment, road, place: camera.place }));
        }
        for station in &document.stations {
            let id = self.id(Namespace::Device, &station.station);
            self.add(CityRow::Station(Station { id, place: station.place }));
        }
        for unit in &document.units {
            let id = self.id(Namespace::Unit, &unit.unit);
            let unit_type = self.id(Namespace::Text, &unit.unit_type);
            self.add(CityRow::Unit(ResponseUnit { id, unit_type, base: unit.base }));
        }
        for alias in &document.aliases {
            let id = self.id(Namespace::Road, &alias.alias);
            self.add(CityRow::Alias(Alias { alias: id, road: Id::new(Namespace::Road, &alias.road) }));
        }
    }

    fn rules(&mut self, document: &CityDocument) {
        for incident in &document.settings.incidents {
            let word = incident.incident_type.as_deref().map(str::to_lowercase);
            // Not named: a type is shown as the reports write it.
            let incident_type = word.map(|word| Id::new(Namespace::Text, &word));
            let agencies = incident.agencies.iter().map(|agency| self.id(Namespace::Text, agency)).collect();
            let (severity, priority) = (incident.severity, incident.priority);
            self.add(CityRow::Rule(IncidentRule { incident_type, severity, priority, agencies }));
        }
    }
}

fn successor(segment: &str, crossing: Millimetres) -> Successor {
    Successor { segment: Id::new(Namespace::Segment, segment), crossing }
}

/// A segment with its line in the direction of travel.
#[derive(Debug)]
struct SegmentLine<'a> {
    directed: Directed<'a>,
    id: Id,
    line: Arc<[Point]>,
    /// The middle of the road, the same in both directions.
    middle: Point,
}

impl CityDocument {
    fn segments(&self) -> Vec<SegmentLine<'_>> {
        let drawn = self.roads.iter().filter(|road| road.line.windows(2).any(|leg| leg[0] != leg[1]));
        let both = drawn.flat_map(|road| {
            let middle = midpoint(&road.line);
            road.directed().map(move |directed| (directed, middle))
        });
        both.map(|(directed, middle)| SegmentLine {
            id: Id::new(Namespace::Segment, &directed.id),
            line: directed.line().into(),
            directed,
            middle,
        })
        .collect()
    }

    /// Every road: its id and the name to show, which is the id where the road has none.
    pub(super) fn road_names(&self) -> BTreeMap<String, String> {
        let mut roads = BTreeMap::new();
        for directed in self.roads.iter().flat_map(|road| road.directed()) {
            let road = directed.road();
            let name = directed.road_line.name.clone().unwrap_or_else(|| road.clone());
            let kept: &mut String = roads.entry(road).or_insert_with(|| name.clone());
            if name < *kept {
                *kept = name;
            }
        }
        roads
    }
}
