//! GeoJSON features (RFC 7946): from a feature to a road or a zone, every wrong property reported.

use std::collections::BTreeMap;

use geojson::{Geometry, GeometryValue, JsonObject, JsonValue, Position};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use smartcity_dataflow::model::{Kmh, Millimetres, Point};

use super::document::{RoadLine, ZoneArea};
use super::problem::{CityFile, Problem};

/// A feature collection whose features are looked at one by one, so that one bad feature does not hide the others.
#[derive(Deserialize)]
struct Collection {
    #[serde(rename = "type")]
    kind: String,
    features: Vec<JsonValue>,
}

/// The features of a file, with their numbers, made into entries; those that cannot be made are reported.
pub(super) fn read<T>(
    file: CityFile,
    text: &str,
    entry_of: impl Fn(&mut Feature) -> Option<T>,
    problems: &mut Vec<Problem>,
) -> Vec<(u64, T)> {
    let collection = match serde_json::from_str::<Collection>(text) {
        Ok(collection) if collection.kind == "FeatureCollection" => collection,
        Ok(other) => {
            let message = format!("is a {:?}; make it a GeoJSON FeatureCollection", other.kind);
            problems.push(Problem::of_file(file, message));
            return Vec::new();
        }
        Err(error) => {
            problems.push(Problem::of_file(file, format!("is no GeoJSON FeatureCollection: {error}")));
            return Vec::new();
        }
    };
    let mut entries = Vec::with_capacity(collection.features.len());
    for (number, value) in (1..).zip(collection.features) {
        let mut feature = Feature::new(value);
        let entry = entry_of(&mut feature);
        let id = feature.id();
        problems.extend(
            feature.messages.into_iter().map(|message| Problem::of_entry(file, number, id.as_deref(), message)),
        );
        entries.extend(entry.map(|entry| (number, entry)));
    }
    entries
}

/// The road that a feature draws, if nothing is wrong with it.
pub(super) fn road(feature: &mut Feature) -> Option<RoadLine> {
    let line = match feature.geometry()? {
        GeometryValue::LineString { coordinates } => feature.points(&coordinates),
        other => {
            feature.report(format!("is a {}; draw each road as a LineString", other.type_name()));
            return None;
        }
    };
    let road = RoadLine {
        id: feature.needed_id(),
        name: feature.text("name"),
        direction: feature.one_of("direction").unwrap_or_default(),
        class: feature.one_of("class"),
        lanes: feature.lanes(),
        free_flow: feature.number("free_flow_kmh").and_then(Kmh::from_f64),
        length: feature.number("length_m").and_then(Millimetres::from_f64),
        zone: feature.text("zone"),
        next: feature.next(),
        line,
    };
    feature.messages.is_empty().then_some(road)
}

/// The zone that a feature draws, if nothing is wrong with it.
pub(super) fn zone(feature: &mut Feature) -> Option<ZoneArea> {
    let polygons = match feature.geometry()? {
        GeometryValue::Polygon { coordinates } => vec![feature.rings(&coordinates)],
        GeometryValue::MultiPolygon { coordinates } => coordinates.iter().map(|rings| feature.rings(rings)).collect(),
        other => {
            feature.report(format!("is a {}; draw each zone as a Polygon or MultiPolygon", other.type_name()));
            return None;
        }
    };
    let zone = ZoneArea { id: feature.needed_id(), name: feature.text("name"), polygons };
    feature.messages.is_empty().then_some(zone)
}

/// A feature and what is wrong with it.
#[derive(Debug, Default)]
pub(super) struct Feature {
    id: Option<JsonValue>,
    geometry: Option<JsonValue>,
    properties: JsonObject,
    messages: Vec<String>,
}

impl Feature {
    fn new(mut value: JsonValue) -> Self {
        let properties = match value.get_mut("properties").map(JsonValue::take) {
            Some(JsonValue::Object(properties)) => properties,
            _ => JsonObject::new(),
        };
        let mut take = |key| value.get_mut(key).map(JsonValue::take);
        Self { id: take("id"), geometry: take("geometry"), properties, messages: Vec::new() }
    }

    fn report(&mut self, message: String) {
        self.messages.push(message);
    }

    fn geometry(&mut self) -> Option<GeometryValue> {
        let Some(geometry) = self.geometry.take().filter(|geometry| !geometry.is_null()) else {
            self.report("has no geometry; draw it, or remove the feature".to_owned());
            return None;
        };
        match serde_json::from_value::<Geometry>(geometry) {
            Ok(geometry) => Some(geometry.value),
            Err(error) => {
                self.report(format!("geometry cannot be read: {error}"));
                None
            }
        }
    }

    /// The points of a line; the first one that is not on earth is reported.
    fn points(&mut self, positions: &[Position]) -> Vec<Point> {
        let mut points = Vec::with_capacity(positions.len());
        for position in positions {
            let point = match *position.as_slice() {
                [lon, lat, ..] => Point::from_degrees(lat, lon),
                _ => None,
            };
            let Some(point) = point else {
                let position = position.as_slice();
                self.report(format!(
                    "{position:?} is not on earth; give [longitude, latitude], -180 to 180 and -90 to 90 degrees"
                ));
                break;
            };
            points.push(point);
        }
        points
    }

    /// The rings of a polygon, their last point dropped where it is the first again.
    fn rings(&mut self, rings: &[Vec<Position>]) -> Vec<Vec<Point>> {
        let open = |mut ring: Vec<Point>| {
            if ring.len() > 1 && ring.first() == ring.last() {
                ring.pop();
            }
            ring
        };
        rings.iter().map(|ring| open(self.points(ring))).collect()
    }

    /// The id: the property `id`, or the id of the feature itself.
    fn id(&self) -> Option<String> {
        [self.properties.get("id"), self.id.as_ref()].into_iter().flatten().find_map(as_text)
    }

    fn needed_id(&mut self) -> String {
        self.id().unwrap_or_else(|| {
            self.report("id is missing; give each feature a property id".to_owned());
            String::new()
        })
    }

    /// A property that is there.
    fn property(&self, key: &str) -> Option<&JsonValue> {
        self.properties.get(key).filter(|value| !value.is_null())
    }

    /// A text, or a number that is meant as one; `None` where it is absent or blank.
    fn text(&mut self, key: &str) -> Option<String> {
        let value = self.property(key)?;
        let text = as_text(value);
        if text.is_none() && value.as_str().is_none() {
            let message = format!("{key} is {value}; give a text");
            self.report(message);
        }
        text
    }

    fn number(&mut self, key: &str) -> Option<f64> {
        let value = self.property(key)?;
        let number = value.as_f64().filter(|number| number.abs() < 1e12);
        if number.is_none() {
            let message = format!("{key} is {value}; give a number");
            self.report(message);
        }
        number
    }

    fn lanes(&mut self) -> Option<u32> {
        let lanes = self.number("lanes")?;
        if lanes.fract() != 0.0 || lanes < 0.0 {
            self.report(format!("lanes is {lanes}; give a whole number"));
            return None;
        }
        Some(lanes as u32)
    }

    /// One of the words that `T` knows.
    fn one_of<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        let value = self.property(key)?;
        serde_json::from_value(value.clone()).map_err(|error| self.report(format!("{key}: {error}"))).ok()
    }

    fn next(&mut self) -> Option<BTreeMap<String, Millimetres>> {
        let value = self.property("next")?.clone();
        let metres = serde_json::from_value::<BTreeMap<String, f64>>(value)
            .map_err(|error| self.report(format!("next: {error}; give {{\"segment id\": crossing in metres}}")))
            .ok()?;
        let mut next = BTreeMap::new();
        for (segment, metres) in metres {
            match Millimetres::from_f64(metres) {
                Some(crossing) => drop(next.insert(segment, crossing)),
                None => self.report(format!("next {segment:?} is {metres} m away; give a distance in metres")),
            }
        }
        Some(next)
    }
}

fn as_text(value: &JsonValue) -> Option<String> {
    match value {
        JsonValue::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        JsonValue::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
