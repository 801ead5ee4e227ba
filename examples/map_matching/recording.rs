//! A folder of fixes with their truth.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use flate2::read::GzDecoder;
use serde::Deserialize;
use smartcity::Time;
use smartcity::city_files::{ImportOptions, import_osm, load};
use smartcity::model::{City, CityRow, Id, Millis, Namespace, Point};

/// Fixes, the streets they were on, and which those were.
#[derive(Debug)]
pub(crate) struct Recording {
    /// The streets.
    pub(crate) city: City,
    /// In order of time.
    pub(crate) fixes: Vec<Known>,
}

/// A fix and its truth.
#[derive(Debug)]
pub(crate) struct Known {
    /// The device.
    pub(crate) device: Id,
    /// When it was.
    pub(crate) time: Time,
    /// Where it says it was.
    pub(crate) place: Point,
    /// The message, as it came.
    pub(crate) message: String,
    /// The segments that count as right; `None` where nobody knows.
    pub(crate) truth: Option<BTreeSet<Id>>,
}

#[derive(Deserialize)]
struct FixRow {
    id: String,
    device_id: String,
    timestamp: String,
    location: [f64; 2],
}

#[derive(Deserialize)]
struct TruthRow {
    message_id: String,
    edges: String,
}

impl Recording {
    /// Reads the recording in `dir`.
    pub(crate) fn open(dir: &Path) -> anyhow::Result<Self> {
        let city = city_in(dir)?;
        let segments = segments_by_edge(&city);
        let mut truth = BTreeMap::new();
        for row in csv::Reader::from_reader(table(dir, "truth.csv")?).deserialize() {
            let TruthRow { message_id, edges } = row.context("truth.csv is not the table expected")?;
            let of_edge = |edge: &str| {
                segments
                    .get(edge)
                    .with_context(|| format!("truth.csv: the city has no edge {edge} (message {message_id})"))
            };
            let accepted: Vec<_> = edges.split_whitespace().map(of_edge).collect::<anyhow::Result<_>>()?;
            truth.insert(message_id, accepted.into_iter().flatten().copied().collect());
        }
        let mut fixes = Vec::new();
        for (line, text) in (1..).zip(table(dir, "gps_data.ndjson")?.lines()) {
            let message = text.with_context(|| format!("gps_data.ndjson ends in line {line}"))?;
            let row: FixRow =
                serde_json::from_str(&message).with_context(|| format!("gps_data.ndjson: line {line} is no fix"))?;
            let time: jiff::Timestamp = row
                .timestamp
                .parse()
                .with_context(|| format!("gps_data.ndjson: line {line} has no time with an offset"))?;
            fixes.push(Known {
                device: Id::new(Namespace::Device, &row.device_id),
                time: time.as_millisecond() as Time,
                place: Point::from_degrees(row.location[0], row.location[1])
                    .with_context(|| format!("gps_data.ndjson: line {line} is not on earth"))?,
                truth: truth.remove(&row.id),
                message,
            });
        }
        fixes.sort_by_key(|fix| fix.time);
        Ok(Self { city, fixes })
    }

    /// The recording with one fix of a device in so many seconds: those that come no sooner after the last one kept.
    pub(crate) fn every(mut self, seconds: Time) -> Self {
        let mut kept: BTreeMap<Id, Time> = BTreeMap::new();
        self.fixes.retain(|fix| {
            let is_due = kept.get(&fix.device).is_none_or(|last| fix.time >= last + seconds * 1_000);
            if is_due {
                kept.insert(fix.device, fix.time);
            }
            is_due
        });
        self
    }
}

impl Known {
    /// What a fix is known by in the engine's rows.
    pub(crate) fn key(&self) -> (Id, Millis, Point) {
        (self.device, Millis(self.time as i64), self.place)
    }
}

/// The table `name` in a folder, compressed or not.
fn table(dir: &Path, name: &str) -> anyhow::Result<BufReader<Box<dyn Read>>> {
    let plain = dir.join(name);
    let open = |path: &Path| {
        File::open(path)
            .with_context(|| format!("{} cannot be read: is this a recording with its truth?", plain.display()))
    };
    let packed = dir.join(format!("{name}.gz"));
    Ok(BufReader::new(if packed.exists() { Box::new(GzDecoder::new(open(&packed)?)) } else { Box::new(open(&plain)?) }))
}

/// The streets: of an OpenStreetMap extract, or of a city directory.
fn city_in(dir: &Path) -> anyhow::Result<City> {
    let is_extract = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        [".osm", ".osm.gz", ".osm.pbf"].iter().any(|ending| name.ends_with(ending))
    };
    let files = fs::read_dir(dir).with_context(|| format!("{} cannot be read", dir.display()))?;
    let files: Vec<PathBuf> = files.map(|file| file.map(|file| file.path())).collect::<Result<_, _>>()?;
    match files.iter().find(|path| is_extract(path)) {
        Some(extract) => Ok(import_osm(extract, &ImportOptions::default(), &mut |_| {})?.to_city()),
        None => load(&dir.join("city")).context("there is neither an OpenStreetMap extract nor a city"),
    }
}

/// The segments of each edge `WAY:f` or `WAY:b`.
fn segments_by_edge(city: &City) -> BTreeMap<String, Vec<Id>> {
    let mut segments: BTreeMap<String, Vec<Id>> = BTreeMap::new();
    for row in &city.rows {
        let CityRow::Name(name) = row else { continue };
        let Some((way, piece)) = name.text.strip_prefix('w').and_then(|text| text.split_once('-')) else { continue };
        let direction = piece.trim_start_matches(|digit: char| digit.is_ascii_digit());
        if name.id == Id::new(Namespace::Segment, &name.text) && matches!(direction, "f" | "b") {
            segments.entry(format!("{way}:{direction}")).or_default().push(name.id);
        }
    }
    segments
}
