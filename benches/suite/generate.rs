//! The data of city-v1: deterministic for a seed.
//!
//! Vehicles report every two seconds, on average 45 of them, from one road, then drive on to one of its four neighbours. A
//! road's speed swings over half an hour around a share of its free flow; incidents slow roads down for some minutes. Of the
//! events 0.5 % come 1 to 30 s late, and 1 % come twice, the second time up to 10 s later.
//!
//! | file | a line |
//! |---|---|
//! | `gps/part-NNNNN.ndjson` | an event: `id`, `device_id`, `timestamp`, `latitude`, `longitude`, `speed`, `direction`, `road_id` |
//! | `roads.csv` | a road: `road_id`, `free_flow`, `length_m`, and where it begins, `lat`, `lon` |
//! | `incidents.ndjson` | an incident opens or is cleared |
//! | `road_ends.csv` | where a road ends; the workload's own definition has no such file, and only `bench pipeline` reads it |

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use smartcity::model::Millis;

#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Folder to write to; made where it is absent, refused where it has events already.
    dir: PathBuf,
    /// Events, duplicates included.
    #[arg(long, default_value_t = 5_000_000)]
    events: u64,
    /// Vehicles.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..))]
    vehicles: u32,
    /// Roads.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    roads: u32,
    /// Events in a file.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    events_per_file: u64,
    /// Seed; the same seed gives the same files.
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

/// 2024-05-01T06:00:00Z.
pub(crate) const START_MS: i64 = 1_714_543_200_000;
const PERIOD_MS: i64 = 2_000;
/// A report is up to this much before or after its time.
const JITTER_MS: i64 = 200;
/// Reports from a road before a vehicle drives on, on average.
const REPORTS_PER_ROAD: f64 = 45.0;
const DUPLICATES: f64 = 0.01;
const LATE: f64 = 0.005;
const LATE_MS: std::ops::Range<i64> = 1_000..29_900;
const DUPLICATE_DELAY_MS: i64 = 10_000;
/// No event comes later than this.
const LATEST_MS: i64 = 29_900;
const SWING_MS: f64 = 1_800_000.0;

struct Road {
    free_flow: f64,
    length_m: u32,
    /// Degrees.
    start: (f64, f64),
    /// Degrees.
    end: (f64, f64),
    heading: f64,
    /// Mean share of free flow, and the phase of its swing.
    share: f64,
    phase: f64,
    next: [usize; 4],
}

struct Incident {
    road: usize,
    from: i64,
    to: i64,
    kind: &'static str,
    severity: u8,
}

struct Vehicle {
    road: usize,
    progress: f64,
    offset_ms: i64,
}

/// A line on its way, by the time it comes; ties in the order they were made.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Coming {
    at: i64,
    number: u64,
    line: String,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let mut random = Pcg64Mcg::seed_from_u64(options.seed);
    let folder = options.dir.join("gps");
    if folder.exists() {
        bail!("{} is there already: delete it, or name another folder", folder.display());
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let roads = roads(options.roads as usize, &mut random);
    let steps = (options.events as f64 / (1.0 + DUPLICATES) / f64::from(options.vehicles)).ceil() as i64;
    let incidents = incidents(&roads, steps * PERIOD_MS, &mut random);
    write_incidents(&options.dir, &incidents)?;

    let mut vehicles: Vec<_> = (0..options.vehicles)
        .map(|_| Vehicle {
            road: random.random_range(0..roads.len()),
            progress: random.random(),
            offset_ms: random.random_range(0..PERIOD_MS),
        })
        .collect();
    let mut files = Files::new(&folder, options.events_per_file, options.events);
    let mut coming = BinaryHeap::new();
    let mut number = 0;
    let mut step = 0;
    let progress = super::progress(options.events, "{bar:30} {pos}/{len} events {per_sec}");
    while !files.is_full() {
        let base = START_MS + step * PERIOD_MS;
        let shares = shares(&roads, &incidents, step * PERIOD_MS);
        for (device, vehicle) in vehicles.iter_mut().enumerate() {
            vehicle.drive(&roads, &mut random);
            let road = &roads[vehicle.road];
            let time = base + vehicle.offset_ms + random.random_range(0..2 * JITTER_MS);
            let speed = road.free_flow * shares[vehicle.road] * (1.0 + 0.12 * normal(&mut random));
            let line = line(device, vehicle, road, time, speed.clamp(0.0, 180.0), &mut random);
            let late = if random.random_bool(LATE) { random.random_range(LATE_MS) } else { 0 };
            if random.random_bool(DUPLICATES) {
                let again = (late + random.random_range(0..DUPLICATE_DELAY_MS)).min(LATEST_MS);
                coming.push(Reverse(Coming { at: time + again, number: number + 1, line: line.clone() }));
            }
            coming.push(Reverse(Coming { at: time + late, number, line }));
            number += 2;
        }
        step += 1;
        // What comes before the next reports can come is next in order.
        let settled = START_MS + step * PERIOD_MS;
        while coming.peek().is_some_and(|Reverse(next)| next.at < settled) {
            if let Some(Reverse(next)) = coming.pop() {
                files.write(&next.line)?;
                progress.inc(1);
            }
        }
    }
    files.finish()?;
    // Last, so that a folder with roads.csv is complete.
    write_roads(&options.dir, &roads)?;
    progress.finish_and_clear();
    let (events, dir) = (options.events, options.dir.display());
    super::print(&format!("{events} events of {} vehicles on {} roads in {dir}\n", vehicles.len(), roads.len()))
}

fn roads(count: usize, random: &mut Pcg64Mcg) -> Vec<Road> {
    let free_flows = [30.0, 50.0, 50.0, 50.0, 70.0, 90.0, 120.0];
    (0..count)
        .map(|_| {
            let start = (52.30 + 0.15 * random.random::<f64>(), 4.75 + 0.30 * random.random::<f64>());
            let length_m = random.random_range(200..3_000);
            let heading = random.random_range(0.0..360.0_f64);
            let degrees = f64::from(length_m) / 111_320.0;
            let (north, east) = (heading.to_radians().cos(), heading.to_radians().sin());
            let end = (start.0 + degrees * north, start.1 + degrees * east / start.0.to_radians().cos());
            Road {
                free_flow: free_flows.choose(random).copied().unwrap_or(50.0),
                length_m,
                start,
                end,
                heading,
                share: random.random_range(0.45..1.05),
                phase: random.random_range(0.0..std::f64::consts::TAU),
                next: std::array::from_fn(|_| random.random_range(0..count)),
            }
        })
        .collect()
}

fn write_roads(folder: &Path, roads: &[Road]) -> anyhow::Result<()> {
    let mut text = String::from("road_id,free_flow,length_m,lat,lon\n");
    let mut ends = String::from("road_id,lat,lon\n");
    for (number, road) in roads.iter().enumerate() {
        let Road { free_flow, length_m, start: (lat, lon), end: (end_lat, end_lon), .. } = road;
        text += &format!("R-{number:04},{free_flow:.1},{length_m},{lat:.6},{lon:.6}\n");
        ends += &format!("R-{number:04},{end_lat:.6},{end_lon:.6}\n");
    }
    write(folder.join("road_ends.csv"), &ends)?;
    write(folder.join("roads.csv"), &text)
}

fn write(path: PathBuf, text: &str) -> anyhow::Result<()> {
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn incidents(roads: &[Road], duration_ms: i64, random: &mut Pcg64Mcg) -> Vec<Incident> {
    let kinds = ["accident", "breakdown", "roadworks", "flooding", "debris"];
    let count = (roads.len() / 4).max(20);
    (0..count)
        .map(|_| {
            let from = random.random_range(0..(duration_ms * 9 / 10).max(1));
            Incident {
                road: random.random_range(0..roads.len()),
                from,
                to: from + random.random_range(180_000..1_200_000),
                kind: kinds.choose(random).copied().unwrap_or("accident"),
                severity: random.random_range(1..=5),
            }
        })
        .collect()
}

fn write_incidents(folder: &Path, incidents: &[Incident]) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    for (number, incident) in incidents.iter().enumerate() {
        let Incident { road, from, to, kind, severity } = incident;
        for (time, status) in [(from, "open"), (to, "cleared")] {
            let when = iso(START_MS + time);
            let line = format!(
                r#"{{"incident_id":"INC-{number:05}","road_id":"R-{road:04}","type":"{kind}","severity":{severity},"status":"{status}","timestamp":"{when}"}}"#
            );
            lines.push((*time, number, line));
        }
    }
    lines.sort();
    let text: String = lines.into_iter().map(|(_, _, line)| line + "\n").collect();
    write(folder.join("incidents.ndjson"), &text)
}

/// The share of free flow on every road at a time.
fn shares(roads: &[Road], incidents: &[Incident], time: i64) -> Vec<f64> {
    let swing = |road: &Road| 0.75 + 0.35 * (road.phase + time as f64 / SWING_MS * std::f64::consts::TAU).sin();
    let mut shares: Vec<_> = roads.iter().map(|road| road.share * swing(road)).collect();
    for incident in incidents.iter().filter(|incident| (incident.from..incident.to).contains(&time)) {
        shares[incident.road] *= 1.0 - 0.15 * f64::from(incident.severity);
    }
    shares
}

impl Vehicle {
    fn drive(&mut self, roads: &[Road], random: &mut Pcg64Mcg) {
        if random.random_bool(1.0 / REPORTS_PER_ROAD) {
            self.road = roads[self.road].next.choose(random).copied().unwrap_or(self.road);
            self.progress = 0.0;
        } else {
            self.progress = (self.progress + 0.01).min(1.0);
        }
    }
}

/// A standard normal number (Box and Muller 1958).
fn normal(random: &mut Pcg64Mcg) -> f64 {
    let (radius, angle): (f64, f64) = (1.0 - random.random::<f64>(), random.random());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

fn line(device: usize, vehicle: &Vehicle, road: &Road, time: i64, speed: f64, random: &mut Pcg64Mcg) -> String {
    let id = uuid(random.random());
    let along = |from: f64, to: f64| from + (to - from) * vehicle.progress;
    let (lat, lon) = (along(road.start.0, road.end.0), along(road.start.1, road.end.1));
    let heading = (road.heading + 4.0 * normal(random)).rem_euclid(360.0);
    let (when, road) = (iso(time), vehicle.road);
    format!(
        r#"{{"id":"{id}","device_id":"veh-{device:05}","timestamp":"{when}","latitude":{lat:.6},"longitude":{lon:.6},"speed":{speed:.2},"direction":{heading:.1},"road_id":"R-{road:04}"}}"#
    )
}

/// A random UUID, version 4 (RFC 9562, section 5.4).
pub(crate) fn uuid(random: u128) -> String {
    let marked = random & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{marked:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// A time with milliseconds and `Z`.
pub(crate) fn iso(millis: i64) -> String {
    let text = Millis(millis.div_euclid(1_000) * 1_000).to_string();
    format!("{}.{:03}Z", text.trim_end_matches("+00:00"), millis.rem_euclid(1_000))
}

/// Files of so many lines each.
struct Files {
    folder: PathBuf,
    lines_per_file: u64,
    left: u64,
    written: u64,
    file: Option<BufWriter<File>>,
}

impl Files {
    fn new(folder: &Path, lines_per_file: u64, lines: u64) -> Self {
        Self { folder: folder.to_owned(), lines_per_file, left: lines, written: 0, file: None }
    }

    fn is_full(&self) -> bool {
        self.left == 0
    }

    /// Writes a line, if there is room for one.
    fn write(&mut self, line: &str) -> anyhow::Result<()> {
        if self.is_full() {
            return Ok(());
        }
        if self.written.is_multiple_of(self.lines_per_file) {
            self.finish()?;
            let path = self.folder.join(format!("part-{:05}.ndjson", self.written / self.lines_per_file));
            let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
            self.file = Some(BufWriter::with_capacity(1 << 20, file));
        }
        if let Some(file) = &mut self.file {
            file.write_all(line.as_bytes())?;
            file.write_all(b"\n")?;
        }
        self.written += 1;
        self.left -= 1;
        Ok(())
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        if let Some(mut file) = self.file.take() {
            file.flush()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn generated(seed: u64) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        run(&options(&folder, 1_000, seed)).unwrap();
        folder
    }

    fn options(folder: &tempfile::TempDir, events: u64, seed: u64) -> Options {
        Options { dir: folder.path().to_owned(), events, vehicles: 50, roads: 20, events_per_file: 300, seed }
    }

    fn read(folder: &tempfile::TempDir, file: &str) -> String {
        fs::read_to_string(folder.path().join(file)).unwrap()
    }

    fn keys(line: &str) -> Vec<String> {
        let line: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
        line.keys().cloned().collect()
    }

    #[test]
    fn files_have_the_schema_of_the_workload() {
        let folder = generated(7);
        let events: Vec<_> = (0..4).map(|part| read(&folder, &format!("gps/part-{part:05}.ndjson"))).collect();
        assert_eq!(events.iter().map(|part| part.lines().count()).collect::<Vec<_>>(), [300, 300, 300, 100]);
        let of_event = ["id", "device_id", "timestamp", "latitude", "longitude", "speed", "direction", "road_id"];
        assert!(events.iter().flat_map(|part| part.lines()).all(|line| keys(line) == of_event));
        let roads = read(&folder, "roads.csv");
        assert_eq!(roads.lines().next(), Some("road_id,free_flow,length_m,lat,lon"));
        assert!(roads.lines().all(|line| line.split(',').count() == 5) && roads.lines().count() == 21);
        let of_incident = ["incident_id", "road_id", "type", "severity", "status", "timestamp"];
        assert!(read(&folder, "incidents.ndjson").lines().all(|line| keys(line) == of_incident));
    }

    #[test]
    fn a_seed_gives_the_same_files_and_another_one_others() {
        let [first, again, other] = [7, 7, 8].map(generated);
        for file in ["gps/part-00000.ndjson", "gps/part-00003.ndjson", "roads.csv", "road_ends.csv", "incidents.ndjson"]
        {
            assert_eq!(read(&first, file), read(&again, file));
            assert_ne!(read(&first, file), read(&other, file));
        }
    }

    #[test]
    fn events_are_never_mixed_with_others() {
        let folder = generated(7);
        let refused = run(&options(&folder, 10, 8)).unwrap_err().to_string();
        assert!(refused.contains("is there already"), "{refused}");
        assert_eq!(read(&folder, "gps/part-00000.ndjson").lines().count(), 300);
    }
}
