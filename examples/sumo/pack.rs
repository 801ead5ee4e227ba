//! A pack of a simulated hour: its network as a city, its fixes as a source, its truth.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use flate2::read::GzDecoder;
use serde::Deserialize;
use smartcity::city::congestion::{SEGMENT_WINDOWS, Traffic, Window};
use smartcity::city::network::{NETWORK_WINDOWS, Network};
use smartcity::model::{
    Body, City, CityRow, Fix, Heading, Id, Instant, Kind, Kmh, Millimetres, Millis, Name, Namespace, Origin, Point,
    Reading, RoadClass, Segment, Successor,
};
use smartcity::source::{Assignment, Batch, Outlet, Source, SourceError};
use smartcity::view::View;
use smartcity::{Clock, Engine, Settings};

/// The simulated hour begins at this time, a whole number of windows after the epoch.
pub(crate) const BEGIN_MS: i64 = 1_704_067_200_000;

/// Which edge each fix was put on.
pub(crate) const MATCHES: View<(Id, Millis), Option<Id>> = View::new("matches");

/// What the cars say beside their place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Says {
    pub(crate) heading: bool,
    pub(crate) speed: Speeds,
}

/// What the cars say of their speed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Speeds {
    /// What it is.
    True,
    /// Nothing.
    None,
    /// 0, always.
    Zero,
}

impl Default for Says {
    fn default() -> Self {
        Self { heading: true, speed: Speeds::True }
    }
}

/// A folder with the files of a pack.
#[derive(Debug)]
pub(crate) struct Pack {
    dir: PathBuf,
    says: Says,
    /// The network.
    pub(crate) city: City,
}

#[derive(Deserialize)]
struct NetworkFile {
    edges: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    id: String,
    length: f64,
    lanes: u8,
    vmax: f64,
    kind: String,
    shape: Vec<(f64, f64)>,
    next: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct FixRow {
    ts: f64,
    arrive: f64,
    vehicle_id: String,
    lat: f64,
    lon: f64,
    speed_kmh: f64,
    heading: f64,
}

/// What the engine made of a pack.
#[derive(Debug)]
pub(crate) struct Replayed {
    /// Edge of each fix.
    pub(crate) matches: BTreeMap<(Id, Millis), Option<Id>>,
    /// Traffic by edge and window.
    pub(crate) windows: BTreeMap<(Id, Window), Traffic>,
    /// Network figures by window.
    pub(crate) network: BTreeMap<Window, Network>,
}

/// Settings for the hour: windows stay until it is over.
pub(crate) fn settings() -> Settings {
    Settings { retention_ms: 2 * 3_600_000, ..Settings::default() }
}

impl Pack {
    /// Reads the network of the pack in `dir`.
    pub(crate) fn open(dir: &Path) -> anyhow::Result<Self> {
        let file: NetworkFile = serde_json::from_reader(unzip(&dir.join("network.json.gz"))?)?;
        let city = city_of(&file.edges)?;
        Ok(Self { dir: dir.to_owned(), says: Says::default(), city })
    }

    /// The pack with cars that say less.
    pub(crate) fn saying(self, says: Says) -> Self {
        Self { says, ..self }
    }

    /// The fixes, as they arrived.
    pub(crate) fn fixes(&self) -> anyhow::Result<Fixes> {
        Ok(Fixes { lines: unzip(&self.dir.join("gps30_p20.ndjson.gz"))?, says: self.says })
    }

    /// A table of the pack, row by row.
    pub(crate) fn table<T: for<'de> Deserialize<'de>>(&self, name: &str) -> anyhow::Result<Vec<T>> {
        let mut reader = csv::Reader::from_reader(unzip(&self.dir.join(name))?);
        reader.deserialize().collect::<Result<_, _>>().with_context(|| format!("{name} is not the table expected"))
    }

    /// Runs the hour through an engine.
    pub(crate) fn replay(&self, workers: usize) -> anyhow::Result<Replayed> {
        let engine = Engine::new(self.city.clone())
            .settings(settings())
            .clock(Clock::Replay)
            .workers(workers)
            .source(self.fixes()?)
            .capability(|streams, publisher| {
                let matched = streams.fixes.clone().map(|(vehicle, fix)| ((vehicle, fix.time), fix.segment));
                publisher.publish(&MATCHES, matched);
            })
            .start()?;
        engine.wait_finished();
        let snapshot = engine.views().snapshot();
        engine.shutdown();
        Ok(Replayed {
            matches: snapshot.rows(&MATCHES).into_iter().collect(),
            windows: snapshot.rows(&SEGMENT_WINDOWS).into_iter().collect(),
            network: snapshot.rows(&NETWORK_WINDOWS).into_iter().collect(),
        })
    }
}

fn unzip(path: &Path) -> anyhow::Result<BufReader<Box<dyn Read + Send>>> {
    let file = File::open(path).with_context(|| format!("{} cannot be read: is this a pack?", path.display()))?;
    Ok(BufReader::new(Box::new(GzDecoder::new(file))))
}

fn millimetres(metres: f64) -> anyhow::Result<Millimetres> {
    Millimetres::from_f64(metres).context("a length is not a number")
}

fn city_of(edges: &[Edge]) -> anyhow::Result<City> {
    let mut city = City::default();
    for edge in edges {
        let id = |edge: &str| Id::new(Namespace::Segment, edge);
        let line = edge.shape.iter().map(|&(lon, lat)| Point::from_degrees(lat, lon).context("a shape is off earth"));
        let next = edge
            .next
            .iter()
            .map(|(to, crossing)| anyhow::Ok(Successor { segment: id(to), crossing: millimetres(*crossing)? }));
        city.rows.insert(CityRow::Name(Name::new(Namespace::Segment, &edge.id)));
        city.rows.insert(CityRow::Segment(Segment {
            id: id(&edge.id),
            road: Id::new(Namespace::Road, &edge.id),
            zone: None,
            class: if edge.kind == "arterial" { RoadClass::Secondary } else { RoadClass::Residential },
            lanes: edge.lanes,
            free_flow: Kmh::from_f64(edge.vmax * 3.6).context("a speed limit is not a number")?,
            length: millimetres(edge.length)?,
            line: line.collect::<anyhow::Result<_>>()?,
            next: next.collect::<anyhow::Result<_>>()?,
        }));
    }
    Ok(city)
}

/// The fixes of a pack as a recorded source: the clock follows `arrive`.
pub(crate) struct Fixes {
    lines: BufReader<Box<dyn Read + Send>>,
    says: Says,
}

impl Source for Fixes {
    fn name(&self) -> &str {
        "sumo"
    }

    fn is_recorded(&self) -> bool {
        true
    }

    fn run(&mut self, _: &Assignment, outlet: &Outlet) -> Result<(), SourceError> {
        let failed =
            |message: &str, cause: Box<dyn std::error::Error + Send + Sync>| SourceError::lost("sumo", message, cause);
        let mut batch = Batch::default();
        for (line, text) in self.lines.by_ref().lines().enumerate() {
            let text = text.map_err(|error| failed("the fixes end in the middle", error.into()))?;
            let row: FixRow = serde_json::from_str(&text).map_err(|error| failed("not a fix", error.into()))?;
            batch.readings.push(reading(&row, line as u64 + 1, self.says));
            if batch.len() == 1_000 {
                outlet.send(std::mem::take(&mut batch))?;
            }
        }
        outlet.send(batch)
    }
}

fn reading(row: &FixRow, line: u64, says: Says) -> Reading<Instant> {
    let millis = |seconds: f64| BEGIN_MS + (seconds * 1_000.0).round() as i64;
    Reading {
        time: Instant::Utc(Millis(millis(row.ts))),
        origin: Origin { source: Id::new(Namespace::Source, "sumo"), partition: 0, offset: line },
        kind: Kind::Gps,
        // The rows have no id; a car says one thing at a time.
        id: Id::new(Namespace::Message, &format!("{} {}", row.vehicle_id, row.ts)),
        device: Id::new(Namespace::Device, &row.vehicle_id),
        arrived: millis(row.arrive) as u64,
        place: Point::from_degrees(row.lat, row.lon),
        body: Body::Fix(Fix {
            speed: match says.speed {
                Speeds::True => Kmh::from_f64(row.speed_kmh),
                Speeds::None => None,
                Speeds::Zero => Some(Kmh(0)),
            },
            heading: says.heading.then(|| Heading::from_centidegrees((row.heading * 100.0) as i64)),
            ..Fix::default()
        }),
    }
}
