//! From a city directory to a document, and to the city.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use smartcity_dataflow::model::City;

use super::check::{self, Origins};
use super::document::{CameraSite, CityDocument, RoadAlias, StationSite, UnitBase};
use super::features;
use super::problem::{CityErrors, CityFile, Problem};
use super::settings::Settings;
use super::table::{self, Column, Row, optional, required};

pub(super) const CAMERA_COLUMNS: [Column; 5] =
    [required("camera"), required("road"), optional("segment"), optional("lat"), optional("lon")];
pub(super) const STATION_COLUMNS: [Column; 3] = [required("station"), required("lat"), required("lon")];
pub(super) const UNIT_COLUMNS: [Column; 4] = [required("unit"), required("type"), required("lat"), required("lon")];
pub(super) const ALIAS_COLUMNS: [Column; 2] = [required("alias"), required("road")];

/// Reads a city directory.
///
/// # Errors
///
/// Everything that is wrong with the files; a city with any of it is refused whole.
pub fn load(dir: &Path) -> Result<City, CityErrors> {
    let city = read(dir)?.to_city();
    check::check_names(&city)?;
    Ok(city)
}

/// Reads a city directory as it is written: for its settings, or to change it and [`write`](super::write) it back.
///
/// # Errors
///
/// Everything that is wrong with the files, as [`load`].
pub fn load_document(dir: &Path) -> Result<CityDocument, CityErrors> {
    let document = read(dir)?;
    check::check_names(&document.to_city())?;
    Ok(document)
}

/// The document of a directory, checked but for its names.
fn read(dir: &Path) -> Result<CityDocument, CityErrors> {
    let mut loader = Loader { dir, problems: Vec::new(), origins: Origins::default() };
    let settings = loader.settings();
    let document = CityDocument {
        roads: loader.features(CityFile::Roads, features::road),
        zones: loader.features(CityFile::Zones, features::zone),
        cameras: loader.table(CityFile::Cameras, &CAMERA_COLUMNS, |row| {
            let (camera, road) = (row.needed("camera"), row.needed("road"));
            Ok(CameraSite { camera, road, segment: row.text("segment").map(str::to_owned), place: row.place()? })
        }),
        stations: loader.table(CityFile::Stations, &STATION_COLUMNS, |row| {
            Ok(StationSite { station: row.needed("station"), place: row.place()?.unwrap_or_default() })
        }),
        units: loader.table(CityFile::Units, &UNIT_COLUMNS, |row| {
            let (unit, unit_type) = (row.needed("unit"), row.needed("type"));
            Ok(UnitBase { unit, unit_type, base: row.place()?.unwrap_or_default() })
        }),
        aliases: loader.table(CityFile::Aliases, &ALIAS_COLUMNS, |row| {
            Ok(RoadAlias { alias: row.needed("alias"), road: row.needed("road") })
        }),
        // A stand-in that is right, so that nothing is reported twice.
        settings: settings.unwrap_or_else(|| Settings { name: "unread".to_owned(), ..Settings::default() }),
    };
    let Loader { mut problems, origins, .. } = loader;
    problems.extend(check::problems(&document, &origins));
    CityErrors::unless_empty(problems, document)
}

/// A directory being read.
#[derive(Debug)]
struct Loader<'a> {
    dir: &'a Path,
    problems: Vec<Problem>,
    origins: Origins,
}

impl Loader<'_> {
    /// The text of a file, or `None` where it may be absent and is, or cannot be read.
    fn text(&mut self, file: CityFile) -> Option<String> {
        let path = self.dir.join(file.name());
        let message = match fs::read(&path) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => return Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
                Err(error) => {
                    let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                    let line = 1 + valid.iter().filter(|&&byte| byte == b'\n').count();
                    format!("line {line} is not UTF-8; save the file as UTF-8")
                }
            },
            Err(error) if error.kind() == ErrorKind::NotFound && !file.is_required() => return None,
            Err(error) => format!("{} cannot be read ({error}); a city needs it", path.display()),
        };
        self.origins.unread.insert(file);
        self.problems.push(Problem::of_file(file, message));
        None
    }

    fn settings(&mut self) -> Option<Settings> {
        let text = self.text(CityFile::Settings)?;
        toml::from_str(&text)
            .map_err(|error| {
                let line = error.span().map(|span| 1 + text[..span.start].matches('\n').count() as u64);
                let message = error.message().to_owned();
                self.problems.push(Problem { file: CityFile::Settings, entry: line, id: None, message });
            })
            .ok()
    }

    fn features<T>(&mut self, file: CityFile, entry_of: impl Fn(&mut features::Feature) -> Option<T>) -> Vec<T> {
        let Some(text) = self.text(file) else { return Vec::new() };
        let before = self.problems.len();
        let entries = features::read(file, &text, entry_of, &mut self.problems);
        self.keep(file, before, entries)
    }

    fn table<T>(
        &mut self,
        file: CityFile,
        columns: &[Column],
        entry_of: impl Fn(&Row<'_>) -> Result<T, Problem>,
    ) -> Vec<T> {
        let Some(text) = self.text(file) else { return Vec::new() };
        let before = self.problems.len();
        let rows = table::read(file, &text, columns, &mut self.problems);
        let entries = rows.iter().filter_map(|row| {
            let entry = entry_of(row).map_err(|problem| self.problems.push(problem)).ok()?;
            Some((row.line, entry))
        });
        let entries = entries.collect();
        self.keep(file, before, entries)
    }

    /// Notes where entries come from, and whether the file has more that could not be read.
    fn keep<T>(&mut self, file: CityFile, problems_before: usize, entries: Vec<(u64, T)>) -> Vec<T> {
        if self.problems.len() > problems_before {
            self.origins.unread.insert(file);
        }
        let (numbers, entries) = entries.into_iter().unzip();
        self.origins.entries.insert(file, numbers);
        entries
    }
}

#[cfg(test)]
mod tests {
    use smartcity_dataflow::model::{CityRow, Id, Kmh, Millimetres, Namespace, RoadClass, Segment};
    use tempfile::TempDir;

    use super::*;

    const ROADS: &str = r#"{"type": "FeatureCollection", "features": [
        {"type": "Feature", "geometry": {"type": "LineString", "coordinates": [[8.5, 47], [8.51, 47, 430]]},
         "properties": {"id": "main", "name": "Main St", "class": "primary", "lanes": 2, "free_flow_kmh": 42.5, "x": []}},
        {"type": "Feature", "id": 7, "geometry": {"type": "LineString", "coordinates": [[8.51, 47], [8.51, 47.01]]},
         "properties": {"direction": "backward", "length_m": 1200, "next": {"mainb": 12.5}}}]}"#;
    const ZONES: &str = r#"{"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {"id": "south"}, "geometry": {"type": "Polygon",
         "coordinates": [[[8.4, 46.9], [8.6, 46.9], [8.6, 47.001], [8.4, 47.001], [8.4, 46.9]]]}}]}"#;

    fn directory(files: &[(&str, &str)]) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(dir.path().join(name), content).unwrap();
        }
        dir
    }

    fn problems_of(files: &[(&str, &str)]) -> Vec<String> {
        let errors = load(directory(files).path()).unwrap_err();
        errors.problems.iter().map(Problem::to_string).collect()
    }

    fn segment<'a>(city: &'a City, id: &str) -> &'a Segment {
        let id = Id::new(Namespace::Segment, id);
        city.segments().find(|segment| segment.id == id).unwrap()
    }

    #[test]
    fn roads_become_directed_segments() {
        let city = load(
            directory(&[("city.toml", "name = \"X\""), ("roads.geojson", ROADS), ("zones.geojson", ZONES)]).path(),
        )
        .unwrap();
        assert_eq!(city.segments().count(), 3);
        let (there, back, side) = (segment(&city, "mainf"), segment(&city, "mainb"), segment(&city, "7"));
        assert_eq!(there.line.iter().rev().collect::<Vec<_>>(), back.line.iter().collect::<Vec<_>>());
        assert_eq!((there.class, there.lanes, there.free_flow), (RoadClass::Primary, 2, Kmh(42_500)));
        assert_eq!((side.class, side.lanes, side.free_flow), (RoadClass::Residential, 1, Kmh(30_000)));
        assert_eq!(there.zone, Some(Id::new(Namespace::Zone, "south")));
        assert_eq!(side.zone, None);
        assert!((there.length.0 - 758_350).abs() < 1_000, "{:?}", there.length);
        assert_eq!(side.length, Millimetres(1_200_000));
        assert_eq!(there.road, Id::new(Namespace::Road, "main_st"));
        assert_eq!(side.road, Id::new(Namespace::Road, "7"));
        assert_eq!(there.next[0].segment, back.id, "7 leads here only, so one has to turn");
        assert_eq!((side.next[0].segment, side.next[0].crossing), (back.id, Millimetres(12_500)));
    }

    #[test]
    fn every_id_has_its_text() {
        let files = [("city.toml", "name = \"X\""), ("roads.geojson", ROADS), ("zones.geojson", ZONES)];
        let city = load(directory(&files).path()).unwrap();
        let texts: Vec<_> = city
            .rows
            .iter()
            .filter_map(|row| if let CityRow::Name(name) = row { Some((name.id, &*name.text)) } else { None })
            .collect();
        for (namespace, text) in [
            (Namespace::Segment, "mainf"),
            (Namespace::Road, "main_st"),
            (Namespace::Text, "Main St"),
            (Namespace::Road, "7"),
            (Namespace::Zone, "south"),
            (Namespace::Text, "tow"),
        ] {
            assert!(texts.contains(&(Id::new(namespace, text), text)), "{text} is not among {texts:?}");
        }
    }

    #[test]
    fn a_directory_without_its_files_is_refused() {
        let problems = problems_of(&[]);
        assert_eq!(problems.len(), 2, "{problems:#?}");
        assert!(problems[0].starts_with("city.toml: ") && problems[0].ends_with("; a city needs it"), "{problems:#?}");
        assert!(problems[1].starts_with("roads.geojson: "), "{problems:#?}");
    }

    #[test]
    fn the_problems_of_all_files_come_in_one_list() {
        let roads = ROADS.replace("42.5", "-3").replace("\"backward\"", "\"up\"");
        let problems = problems_of(&[
            ("city.toml", "name = \"X\"\ncolour = \"red\""),
            ("roads.geojson", &roads),
            ("zones.geojson", "{\"type\": \"FeatureCollection\",\n \"features\": ["),
            ("cameras.csv", "camera,road\n\nc1,main_st\nc2,elm_st\nc1,main_st\n"),
            ("units.csv", "unit,type,lat,lon\nu1,ambulance,47,8.5\nu2,,47,8.5\nu3,engine,147,8.5\n"),
        ]);
        let starts = [
            "city.toml, line 2: unknown field `colour`",
            "roads.geojson, feature 1 (main): free_flow_kmh is -3; give",
            "roads.geojson, feature 2 (7): direction: unknown variant `up`, expected one of `forward`, `backward`, `both`",
            "zones.geojson: is no GeoJSON FeatureCollection: EOF while parsing a list at line 2",
            "cameras.csv, line 5 (c1): camera is that of line 3 too; give another id",
            "units.csv, line 3 (u2): type is blank; fill it in",
            "units.csv, line 4 (u3): lat 147, lon 8.5 is not on earth",
        ];
        assert_eq!(problems.len(), starts.len(), "{problems:#?}");
        for (problem, start) in problems.iter().zip(starts) {
            assert!(problem.starts_with(start), "{problem}\nis not\n{start}");
        }
    }

    #[test]
    fn a_feature_that_is_no_road_is_named() {
        let of = |from: &str, to: &str| {
            let roads = ROADS.replace(from, to);
            problems_of(&[("city.toml", "name = \"X\""), ("roads.geojson", &roads)]).join("\n")
        };
        assert!(of("\"LineString\"", "\"MultiPoint\"").contains("feature 1 (main): is a MultiPoint; draw each road"));
        assert!(of("[8.51, 47, 430]", "[8.51, 147]").contains("feature 1 (main): [8.51, 147.0] is not on earth"));
        assert!(of("[8.51, 47, 430]", "[]").contains("feature 1 (main): [] is not on earth"));
        assert!(of("\"id\": \"main\"", "\"id\": null").contains("feature 1: id is missing"));
        assert!(of("\"lanes\": 2", "\"lanes\": 1.5").contains("feature 1 (main): lanes is 1.5; give a whole number"));
        assert!(of("\"FeatureCollection\"", "\"Feature\"").contains("roads.geojson: is a \"Feature\"; make it"));
        assert!(of("12.5", "\"near\"").contains("feature 2 (7): next: invalid type: string \"near\""));
    }

    #[test]
    fn text_that_is_not_utf_8_is_named_by_line() {
        let dir = directory(&[("city.toml", "name = \"X\""), ("roads.geojson", ROADS)]);
        fs::write(dir.path().join("aliases.csv"), b"alias,road\nmain,main_st\nstra\xdfe,main_st\n").unwrap();
        let errors = load(dir.path()).unwrap_err();
        assert_eq!(errors.problems[0].to_string(), "aliases.csv: line 3 is not UTF-8; save the file as UTF-8");
    }
}
