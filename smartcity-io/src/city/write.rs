//! From a document to a city directory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use geojson::{Feature, Geometry, JsonObject, JsonValue};
use smartcity_dataflow::model::{Millimetres, Point};

use super::document::CityDocument;
use super::load::{ALIAS_COLUMNS, CAMERA_COLUMNS, STATION_COLUMNS, UNIT_COLUMNS};
use super::problem::CityFile;
use super::table::Column;

/// A city directory that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}; make sure that its folder may be written and the disk has room", path.display())]
pub struct WriteError {
    /// The file or folder.
    pub path: PathBuf,
    /// The cause.
    #[source]
    pub source: io::Error,
}

/// Writes a document as a city directory, which is made where it is not there.
///
/// All seven files are written, those without entries too, sorted by id: the same document gives the same bytes. Each file
/// takes the place of the old one at once, so that a reader never sees half a file.
///
/// # Errors
///
/// The file or folder that could not be written; files before it are written already.
pub fn write(document: &CityDocument, dir: &Path) -> Result<(), WriteError> {
    fs::create_dir_all(dir).map_err(|source| WriteError { path: dir.to_owned(), source })?;
    let files = [
        (CityFile::Settings, settings(document)),
        (CityFile::Roads, Ok(roads(document))),
        (CityFile::Zones, Ok(zones(document))),
        (CityFile::Cameras, cameras(document)),
        (CityFile::Stations, stations(document)),
        (CityFile::Units, units(document)),
        (CityFile::Aliases, aliases(document)),
    ];
    for (file, content) in files {
        let path = dir.join(file.name());
        content.and_then(|content| replace(&path, &content)).map_err(|source| WriteError { path, source })?;
    }
    Ok(())
}

/// Puts `content` in the place of the file at `path`, at once.
fn replace(path: &Path, content: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let write = || {
        let mut file = File::create(&new)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&new)))
}

fn settings(document: &CityDocument) -> io::Result<String> {
    toml::to_string_pretty(&document.settings).map_err(io::Error::other)
}

fn roads(document: &CityDocument) -> String {
    let mut roads: Vec<_> = document.roads.iter().collect();
    roads.sort_by(|a, b| a.id.cmp(&b.id));
    collection(roads.into_iter().map(|road| {
        let mut properties = JsonObject::new();
        let mut set =
            |key: &str, value: Option<JsonValue>| properties.extend(value.map(|value| (key.to_owned(), value)));
        set("id", Some(road.id.as_str().into()));
        set("name", road.name.as_deref().map(JsonValue::from));
        set("direction", serde_json::to_value(road.direction).ok());
        set("class", road.class.and_then(|class| serde_json::to_value(class).ok()));
        set("lanes", road.lanes.map(JsonValue::from));
        set("free_flow_kmh", road.free_flow.map(|speed| number(speed.as_f64())));
        set("length_m", road.length.map(|length| number(length.as_f64())));
        set("zone", road.zone.as_deref().map(JsonValue::from));
        let metres = |next: &BTreeMap<String, Millimetres>| {
            next.iter().map(|(segment, crossing)| (segment.clone(), number(crossing.as_f64()))).collect()
        };
        set("next", road.next.as_ref().map(|next| JsonValue::Object(metres(next))));
        feature(Geometry::new_line_string(road.line.iter().map(|&point| position(point))), properties)
    }))
}

fn zones(document: &CityDocument) -> String {
    let mut zones: Vec<_> = document.zones.iter().collect();
    zones.sort_by(|a, b| a.id.cmp(&b.id));
    collection(zones.into_iter().map(|zone| {
        let mut properties = JsonObject::new();
        properties.insert("id".to_owned(), zone.id.as_str().into());
        properties.extend(zone.name.as_deref().map(|name| ("name".to_owned(), name.into())));
        let closed =
            |ring: &Vec<Point>| ring.iter().chain(ring.first()).map(|&point| position(point)).collect::<Vec<_>>();
        let mut polygons: Vec<Vec<Vec<[f64; 2]>>> =
            zone.polygons.iter().map(|rings| rings.iter().map(closed).collect()).collect();
        let geometry = match polygons.pop() {
            Some(only) if polygons.is_empty() => Geometry::new_polygon(only),
            last => Geometry::new_multi_polygon(polygons.into_iter().chain(last)),
        };
        feature(geometry, properties)
    }))
}

/// A feature collection with a feature on each line, so that a change of a feature is a change of a line.
fn collection(features: impl Iterator<Item = Feature>) -> String {
    let lines: Vec<_> = features.map(|feature| feature.to_string()).collect();
    format!("{{\"type\":\"FeatureCollection\",\"features\":[\n{}\n]}}\n", lines.join(",\n"))
}

fn feature(geometry: Geometry, properties: JsonObject) -> Feature {
    Feature { geometry: Some(geometry), properties: Some(properties), ..Feature::default() }
}

fn position(point: Point) -> [f64; 2] {
    let (lat, lon) = point.degrees();
    [lon, lat]
}

/// A JSON number, without a fraction where it has none.
fn number(value: f64) -> JsonValue {
    if value.fract() == 0.0 { JsonValue::from(value as i64) } else { JsonValue::from(value) }
}

fn cameras(document: &CityDocument) -> io::Result<String> {
    table(&CAMERA_COLUMNS, &document.cameras, |camera| {
        let [lat, lon] = camera.place.map(cells).unwrap_or_default();
        vec![camera.camera.clone(), camera.road.clone(), camera.segment.clone().unwrap_or_default(), lat, lon]
    })
}

fn stations(document: &CityDocument) -> io::Result<String> {
    table(&STATION_COLUMNS, &document.stations, |station| {
        let [lat, lon] = cells(station.place);
        vec![station.station.clone(), lat, lon]
    })
}

fn units(document: &CityDocument) -> io::Result<String> {
    table(&UNIT_COLUMNS, &document.units, |unit| {
        let [lat, lon] = cells(unit.base);
        vec![unit.unit.clone(), unit.unit_type.clone(), lat, lon]
    })
}

fn aliases(document: &CityDocument) -> io::Result<String> {
    table(&ALIAS_COLUMNS, &document.aliases, |alias| vec![alias.alias.clone(), alias.road.clone()])
}

fn cells(point: Point) -> [String; 2] {
    let (lat, lon) = point.degrees();
    [lat.to_string(), lon.to_string()]
}

fn table<T>(columns: &[Column], entries: &[T], cells: impl Fn(&T) -> Vec<String>) -> io::Result<String> {
    let mut rows: Vec<_> = entries.iter().map(cells).collect();
    rows.sort();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(columns.iter().map(|column| column.name))?;
    for row in rows {
        writer.write_record(row)?;
    }
    let bytes = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use smartcity_dataflow::model::Kmh;

    use super::super::document::{Direction, RoadLine, ZoneArea};
    use super::super::load::{load, load_document};
    use super::super::settings::Settings;
    use super::super::town::town;
    use super::*;

    fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
        let files = fs::read_dir(dir).unwrap().map(Result::unwrap);
        files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
    }

    #[test]
    fn the_town_comes_back_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        write(&town(), dir.path()).unwrap();
        assert_eq!(load(dir.path()).unwrap(), town().to_city());
    }

    #[test]
    fn everything_a_document_can_say_comes_back() {
        let at = |lat: i32, lon: i32| Point { lat: 470_000_000 + lat, lon: -85_000_000 + lon };
        let road = |id: &str| RoadLine {
            id: id.to_owned(),
            name: None,
            direction: Direction::Both,
            class: None,
            lanes: None,
            free_flow: None,
            length: None,
            zone: None,
            next: None,
            line: vec![at(0, 0), at(12_345, -6_789)],
        };
        let full = RoadLine {
            name: Some("Rue de l'Église \"8\", east".to_owned()),
            direction: Direction::Backward,
            class: Some(smartcity_dataflow::model::RoadClass::Trunk),
            lanes: Some(3),
            free_flow: Some(Kmh(48_280)),
            length: Some(Millimetres(1_234_567)),
            zone: Some("z".to_owned()),
            next: Some([("plainf".to_owned(), Millimetres(12_345)), ("full".to_owned(), Millimetres(0))].into()),
            ..road("full")
        };
        let stuck = RoadLine { direction: Direction::Forward, next: Some(BTreeMap::new()), ..road("stuck") };
        let ring = |shift| vec![at(shift, 0), at(shift + 900, 0), at(shift, 900)];
        let document = CityDocument {
            settings: Settings {
                name: "X".to_owned(),
                attribution: Some("© nobody".to_owned()),
                ..Settings::default()
            },
            roads: vec![full, road("plain"), stuck],
            zones: vec![
                ZoneArea {
                    id: "a".to_owned(),
                    name: None,
                    polygons: vec![vec![ring(0)], vec![ring(2_000), ring(2_010)]],
                },
                ZoneArea { id: "z".to_owned(), name: Some("Z, 1".to_owned()), polygons: vec![vec![ring(0), ring(5)]] },
            ],
            ..CityDocument::default()
        };
        let dir = tempfile::tempdir().unwrap();
        write(&document, dir.path()).unwrap();
        assert_eq!(load_document(dir.path()).unwrap(), document);
    }

    #[test]
    fn the_order_of_a_document_does_not_show_in_its_files() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut turned = town();
        turned.roads.reverse();
        turned.zones.reverse();
        turned.cameras.reverse();
        write(&town(), one.path()).unwrap();
        write(&turned, other.path()).unwrap();
        assert_eq!(contents(one.path()), contents(other.path()));
    }

    #[test]
    fn writing_replaces_what_was_there_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        write(&town(), dir.path()).unwrap();
        let bare = CityDocument { cameras: Vec::new(), aliases: Vec::new(), ..town() };
        write(&bare, dir.path()).unwrap();
        assert_eq!(load(dir.path()).unwrap(), bare.to_city());
        let names: Vec<_> = contents(dir.path()).into_keys().collect();
        let known =
            ["aliases.csv", "cameras.csv", "city.toml", "roads.geojson", "stations.csv", "units.csv", "zones.geojson"];
        assert_eq!(names, known);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = write(&town(), &file.path().join("city")).unwrap_err();
        assert!(error.path.starts_with(file.path()), "{error}");
    }
}
