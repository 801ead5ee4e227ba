//! What a document must keep to, whoever wrote it: files, an importer or a program.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::RangeInclusive;

use jiff::tz::TimeZone;
use smartcity_dataflow::model::{City, CityRow, Millimetres, Name, Point};

use super::document::{CityDocument, Direction, RoadLine, ZoneArea};
use super::problem::{CityErrors, CityFile, Problem};

/// Free-flow speeds that a road may have, km/h.
const SPEEDS: RangeInclusive<f64> = 1.0..=200.0;
/// Lanes that a road may have in each direction.
const LANES: RangeInclusive<u32> = 1..=12;
/// Lengths that a segment may have.
const LENGTHS: RangeInclusive<Millimetres> = Millimetres(1)..=Millimetres(1_000_000_000);
/// Lengths that the way across a junction may have.
const CROSSINGS: RangeInclusive<Millimetres> = Millimetres(0)..=Millimetres(10_000_000);

impl CityDocument {
    /// Whether the document makes a city; else everything that is wrong with it, entries counted in the order of its lists.
    pub fn check(&self) -> Result<(), CityErrors> {
        CityErrors::unless_empty(problems(self, &Origins::default()), ())?;
        check_names(&self.to_city())
    }
}

/// Where the entries of a document come from.
#[derive(Debug, Default)]
pub(super) struct Origins {
    /// By file, the feature or line of each entry.
    pub entries: BTreeMap<CityFile, Vec<u64>>,
    /// Files of which a part could not be read: what refers to them is not held against the reference.
    pub unread: BTreeSet<CityFile>,
}

/// Everything that is wrong with `document`; whether its ids are distinct shows in its city, see [`check_names`].
pub(super) fn problems(document: &CityDocument, origins: &Origins) -> Vec<Problem> {
    let known = Known::of(document, origins);
    let mut check = Check { origins, known, problems: Vec::new() };
    check.settings(document);
    check.roads(document);
    check.zones(document);
    check.devices(document);
    check.aliases(document);
    check.problems
}

/// What a reference may mean.
#[derive(Debug)]
struct Known<'a> {
    origins: &'a Origins,
    zones: HashSet<&'a str>,
    /// The road of each segment.
    segments: HashMap<String, String>,
    /// The ids of all roads.
    roads: HashSet<String>,
    /// A name of each road that has one.
    names: HashMap<String, &'a str>,
}

impl<'a> Known<'a> {
    fn of(document: &'a CityDocument, origins: &'a Origins) -> Self {
        let segments = document.roads.iter().flat_map(RoadLine::directed);
        Self {
            origins,
            zones: document.zones.iter().map(|zone| zone.id.as_str()).collect(),
            segments: segments.map(|directed| (directed.id.clone(), directed.road())).collect(),
            roads: document.road_names().into_keys().collect(),
            names: document.roads.iter().filter_map(|road| Some((road.named_road()?, road.name.as_deref()?))).collect(),
        }
    }

    fn is_read(&self, file: CityFile) -> bool {
        !self.origins.unread.contains(&file)
    }

    fn lacks_zone(&self, zone: &str) -> bool {
        !self.zones.contains(zone) && self.is_read(CityFile::Zones)
    }

    fn lacks_segment(&self, segment: &str) -> bool {
        !self.segments.contains_key(segment) && self.is_read(CityFile::Roads)
    }

    fn lacks_road(&self, road: &str) -> bool {
        !self.roads.contains(road) && self.is_read(CityFile::Roads)
    }
}

#[derive(Debug)]
struct Check<'a> {
    origins: &'a Origins,
    known: Known<'a>,
    problems: Vec<Problem>,
}

impl Check<'_> {
    /// The feature or line of the entry at `index`.
    fn entry(&self, file: CityFile, index: usize) -> u64 {
        let told = self.origins.entries.get(&file).and_then(|entries| entries.get(index));
        told.copied().unwrap_or(index as u64 + 1)
    }

    fn report(&mut self, file: CityFile, index: usize, id: &str, message: String) {
        let entry = self.entry(file, index);
        self.problems.push(Problem::of_entry(file, entry, Some(id), message));
    }

    /// Ids of a file: none blank, none twice.
    fn ids<'i>(&mut self, file: CityFile, column: &str, ids: impl Iterator<Item = &'i str>) {
        let mut first = HashMap::new();
        for (index, id) in ids.enumerate() {
            if id.trim().is_empty() {
                self.report(file, index, id, format!("{column} is blank; give an id"));
            } else if let Some(&other) = first.get(id) {
                let (word, entry) = (file.entry_word(), self.entry(file, other));
                self.report(file, index, id, format!("{column} is that of {word} {entry} too; give another id"));
            } else {
                first.insert(id, index);
            }
        }
    }

    fn settings(&mut self, document: &CityDocument) {
        let settings = &document.settings;
        let mut messages = Vec::new();
        if settings.name.trim().is_empty() {
            messages.push("name is blank; give the city's name".to_owned());
        }
        if let Some(zone) = &settings.time_zone
            && !jiff::tz::db().is_definitively_empty()
            && TimeZone::get(zone).is_err()
        {
            messages.push(format!("time_zone {zone:?} is unknown; give an IANA name such as \"Europe/Berlin\""));
        }
        if let Some(centre) = settings.centre
            && Point::from_degrees(centre.lat, centre.lon).is_none()
        {
            let (lat, lon) = (centre.lat, centre.lon);
            messages.push(format!("centre {lat}, {lon} is not on earth; give lat and lon in degrees"));
        }
        for (class, kmh) in settings.defaults.free_flow_kmh.iter().filter(|(_, kmh)| !SPEEDS.contains(kmh)) {
            messages.push(format!("the default free_flow_kmh of {class:?} is {kmh}; {}", advice_on_speed()));
        }
        for (class, lanes) in settings.defaults.lanes.iter().filter(|(_, lanes)| !LANES.contains(lanes)) {
            messages.push(format!("the default lanes of {class:?} are {lanes}; {}", advice_on_lanes()));
        }
        let mut types = HashSet::new();
        for (index, incident) in settings.incidents.iter().enumerate() {
            let word = incident.incident_type.as_deref().map(str::to_lowercase);
            let name = word.clone().unwrap_or_else(|| "default".to_owned());
            let mut report = |advice: &str| messages.push(format!("[[incident]] {} ({name}): {advice}", index + 1));
            if word.as_deref().is_some_and(|word| word.trim().is_empty()) {
                report("type is blank; give a type, or leave it out to mean every other type");
            }
            if !types.insert(word) {
                report("there is one of this type already; remove one of them");
            }
            if incident.agencies.iter().all(|agency| agency.trim().is_empty()) {
                report("agencies are missing; say who must come");
            }
        }
        self.problems.extend(messages.into_iter().map(|message| Problem::of_file(CityFile::Settings, message)));
    }

    fn roads(&mut self, document: &CityDocument) {
        if document.roads.is_empty() && self.known.is_read(CityFile::Roads) {
            self.problems.push(Problem::of_file(CityFile::Roads, "there are no roads; draw at least one LineString"));
        }
        let mut first = HashMap::new();
        for (index, road) in document.roads.iter().enumerate() {
            if road.id.trim().is_empty() {
                self.report(CityFile::Roads, index, &road.id, "id is blank; give an id".to_owned());
                continue;
            }
            for segment in road.directed().map(|directed| directed.id) {
                if let Some(other) = first.insert(segment.clone(), index) {
                    let entry = self.entry(CityFile::Roads, other);
                    let message = format!("segment {segment:?} is one of feature {entry} too; give another id");
                    self.report(CityFile::Roads, index, &road.id, message);
                }
            }
            for message in self.road_messages(road) {
                self.report(CityFile::Roads, index, &road.id, message);
            }
        }
    }

    fn road_messages(&self, road: &RoadLine) -> Vec<String> {
        let mut messages = Vec::new();
        if !road.line.windows(2).any(|leg| leg[0] != leg[1]) {
            messages.push("the line has no two distinct points; draw it from junction to junction".to_owned());
        }
        if let Some(kmh) = road.free_flow.map(|speed| speed.as_f64()).filter(|kmh| !SPEEDS.contains(kmh)) {
            messages.push(format!("free_flow_kmh is {kmh}; {}", advice_on_speed()));
        }
        if let Some(lanes) = road.lanes.filter(|lanes| !LANES.contains(lanes)) {
            messages.push(format!("lanes is {lanes}; {}", advice_on_lanes()));
        }
        if let Some(length) = road.length.filter(|length| !LENGTHS.contains(length)) {
            let (low, high) = (LENGTHS.start().as_f64(), LENGTHS.end().as_f64());
            messages.push(format!("length_m is {}; give a length between {low} and {high}", length.as_f64()));
        }
        if let Some(zone) = road.zone.as_deref().filter(|zone| self.known.lacks_zone(zone)) {
            messages.push(format!("zone {zone:?} is unknown; name a zone of zones.geojson, or leave it out"));
        }
        match (road.name.as_deref(), road.named_road()) {
            (Some(name), Some(id)) if id.is_empty() => {
                messages.push(format!("name {name:?} has no letter or digit; give another name, or leave it out"));
            }
            (None, _) => {
                let taken = road.directed().filter_map(|one| Some((*self.known.names.get(&one.id)?, one.id)));
                messages.extend(taken.map(|(name, id)| {
                    format!("segment {id:?} has no name, but the id of the road {name:?}; give another id")
                }));
            }
            _ => {}
        }
        if let Some(next) = &road.next {
            if road.direction == Direction::Both {
                messages.push("next needs one direction; write two features, forward and backward".to_owned());
            }
            for segment in next.keys().filter(|segment| self.known.lacks_segment(segment)) {
                messages.push(format!("next segment {segment:?} is unknown; name a segment of this file"));
            }
            for (segment, crossing) in next.iter().filter(|(_, crossing)| !CROSSINGS.contains(crossing)) {
                let (crossing, high) = (crossing.as_f64(), CROSSINGS.end().as_f64());
                messages.push(format!("next {segment:?} is {crossing} m away; give metres between 0 and {high}"));
            }
        }
        messages
    }

    fn zones(&mut self, document: &CityDocument) {
        self.ids(CityFile::Zones, "id", document.zones.iter().map(|zone| zone.id.as_str()));
        for (index, zone) in document.zones.iter().enumerate().filter(|(_, zone)| has_flat_ring(zone)) {
            let message = "a ring has fewer than three distinct points; draw an area".to_owned();
            self.report(CityFile::Zones, index, &zone.id, message);
        }
    }

    fn devices(&mut self, document: &CityDocument) {
        self.ids(CityFile::Cameras, "camera", document.cameras.iter().map(|camera| camera.camera.as_str()));
        for (index, camera) in document.cameras.iter().enumerate() {
            let mut messages = Vec::new();
            if self.known.lacks_road(&camera.road) {
                messages.push(unknown_road(&camera.road));
            }
            if let Some(segment) = &camera.segment {
                match self.known.segments.get(segment) {
                    None if self.known.lacks_segment(segment) => messages.push(format!(
                        "segment {segment:?} is unknown; name a segment of roads.geojson, or leave it blank"
                    )),
                    Some(road) if *road != camera.road && !self.known.lacks_road(&camera.road) => {
                        messages.push(format!(
                            "segment {segment:?} is of the road {road:?}, not {:?}; name one road",
                            camera.road
                        ));
                    }
                    _ => {}
                }
            }
            for message in messages {
                self.report(CityFile::Cameras, index, &camera.camera, message);
            }
        }
        self.ids(CityFile::Stations, "station", document.stations.iter().map(|station| station.station.as_str()));
        self.ids(CityFile::Units, "unit", document.units.iter().map(|unit| unit.unit.as_str()));
        for (index, unit) in document.units.iter().enumerate().filter(|(_, unit)| unit.unit_type.trim().is_empty()) {
            let message = "type is blank; say what sort of unit it is, such as ambulance".to_owned();
            self.report(CityFile::Units, index, &unit.unit, message);
        }
    }

    fn aliases(&mut self, document: &CityDocument) {
        self.ids(CityFile::Aliases, "alias", document.aliases.iter().map(|alias| alias.alias.as_str()));
        for (index, alias) in document.aliases.iter().enumerate() {
            if self.known.roads.contains(&alias.alias) {
                let message = "alias is the id of a road itself; remove the line".to_owned();
                self.report(CityFile::Aliases, index, &alias.alias, message);
            }
            if self.known.lacks_road(&alias.road) {
                self.report(CityFile::Aliases, index, &alias.alias, unknown_road(&alias.road));
            }
        }
    }
}

/// Whether every id of a city stands for one text.
pub(super) fn check_names(city: &City) -> Result<(), CityErrors> {
    let names = city.rows.iter().filter_map(|row| if let CityRow::Name(name) = row { Some(name) } else { None });
    let problems = collisions(names).into_iter().map(|message| Problem::of_file(CityFile::Roads, message));
    CityErrors::unless_empty(problems.collect(), ())
}

/// Texts that share an id, which is a hash of them.
fn collisions<'a>(names: impl Iterator<Item = &'a Name>) -> Vec<String> {
    let mut texts = HashMap::new();
    let mut messages = Vec::new();
    for name in names {
        let first = texts.entry(name.id).or_insert(&name.text);
        if **first != name.text {
            messages.push(format!("{first:?} and {:?} have the same hash; rename one of them", name.text));
        }
    }
    messages
}

fn has_flat_ring(zone: &ZoneArea) -> bool {
    let is_flat = |ring: &Vec<Point>| ring.iter().collect::<HashSet<_>>().len() < 3;
    zone.polygons.iter().all(Vec::is_empty) || zone.polygons.iter().flatten().any(is_flat)
}

fn advice_on_speed() -> String {
    format!("give a speed between {} and {}", SPEEDS.start(), SPEEDS.end())
}

fn advice_on_lanes() -> String {
    format!("give a number of lanes between {} and {}", LANES.start(), LANES.end())
}

fn unknown_road(road: &str) -> String {
    format!(
        "road {road:?} is unknown; give the id of a road of roads.geojson: its name in lower case with underscores, or the \
         id of a segment without a name"
    )
}

#[cfg(test)]
mod tests;
