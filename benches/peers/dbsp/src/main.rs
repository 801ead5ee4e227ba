//! city-v1 on Feldera's dbsp, incrementally: `city-on-dbsp DATA OUT [--workers N] [--step ROWS]`.
//!
//! The form is the cheapest that we know of. What is linear (counts, sums, distinct vehicles) is one linear aggregate for
//! each view; the five-minute windows are fed by the changes of the minutes; the road table, which never changes in this
//! workload, is looked up and not joined. The rows are parsed by the feeding thread, beside the workers.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs};

use anyhow::{Context, Result, bail};
use dbsp::typed_batch::IndexedZSetReader;
use dbsp::utils::{Tup2, Tup3, Tup5, Tup8};
use dbsp::{OrdIndexedZSet, OutputHandle, RootCircuit, Runtime, Stream, ZSetHandle, ZWeight};
use serde::Deserialize;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MINUTE_MS: i64 = 60_000;
const CONGESTED: f64 = 0.4;

/// The halves of the id, vehicle, time in milliseconds, road, latitude and longitude in millionths, speed in hundredths.
type Event = Tup8<u64, u64, u32, i64, u32, i64, i64, i64>;
/// Time, latitude, longitude, speed, road.
type Position = Tup5<i64, i64, i64, i64, u32>;
/// Rows, sum of speeds, distinct vehicles.
type Counts = Tup3<i64, i64, i64>;
/// Road and start of its window.
type Window = Tup2<u32, i64>;
type Views<K, V> = Stream<RootCircuit, OrdIndexedZSet<K, V>>;
type Changes<K, V> = OutputHandle<dbsp::typed_batch::SpineSnapshot<OrdIndexedZSet<K, V>>>;

struct Outputs {
    latest: Changes<u32, Position>,
    road_1m: Changes<Window, Counts>,
    road_5m: Changes<Window, Counts>,
    city_1m: Changes<i64, Tup2<Counts, i64>>,
    city_now: Changes<(), Counts>,
}

fn ratio(speeds: i64, rows: i64, free_flow: f64) -> f64 {
    speeds as f64 / 100.0 / rows as f64 / free_flow
}

fn level(r: f64) -> &'static str {
    match r {
        r if r >= 0.8 => "free",
        r if r >= 0.6 => "light",
        r if r >= 0.4 => "moderate",
        r if r >= 0.2 => "heavy",
        _ => "severe",
    }
}

fn circuit(root: &mut RootCircuit, free_flow: &'static [f64]) -> Result<(ZSetHandle<Event>, Outputs)> {
    let congested =
        move |road: u32, rows: i64, speeds: i64| i64::from(ratio(speeds, rows, free_flow[road as usize]) < CONGESTED);
    let (raw, input) = root.add_input_zset::<Event>();
    let events = raw.distinct();

    let latest: Views<u32, Position> = events
        .map_index(|Tup8(_, _, vehicle, ts, road, lat, lon, speed)| (*vehicle, Tup5(*ts, *lat, *lon, *speed, *road)))
        .chain_aggregate(|row, _| row.clone(), |newest, row, _| newest.max(row.clone()));

    // A vehicle on a road in a minute, once.
    let visits =
        events.map(|Tup8(_, _, vehicle, ts, road, ..)| Tup3(*road, ts - ts.rem_euclid(MINUTE_MS), *vehicle)).distinct();
    let rows = events.map_index(|Tup8(_, _, _, ts, road, _, _, speed)| {
        (Tup2(*road, ts - ts.rem_euclid(MINUTE_MS)), Tup3(1, *speed, 0))
    });
    let vehicles = visits.map_index(|Tup3(road, w, _)| (Tup2(*road, *w), Tup3(0, 0, 1)));
    let road_1m: Views<Window, Counts> = rows.plus(&vehicles).aggregate_linear(|counts| counts.clone());

    let windows_of = |w: i64| (0..5).map(move |back| w - back * MINUTE_MS);
    let visits_5m = visits
        .flat_map(move |Tup3(road, w, vehicle)| {
            let (road, vehicle) = (*road, *vehicle);
            windows_of(*w).map(move |w| Tup3(road, w, vehicle))
        })
        .distinct();
    let rows_5m = road_1m.flat_map_index(move |(Tup2(road, w), Tup3(rows, speeds, _))| {
        let (road, rows, speeds) = (*road, *rows, *speeds);
        windows_of(*w).map(move |w| (Tup2(road, w), Tup3(rows, speeds, 0)))
    });
    let vehicles_5m = visits_5m.map_index(|Tup3(road, w, _)| (Tup2(*road, *w), Tup3(0, 0, 1)));
    let road_5m: Views<Window, Counts> = rows_5m.plus(&vehicles_5m).aggregate_linear(|counts| counts.clone());

    let city_rows = road_1m.map_index(move |(Tup2(road, w), Tup3(rows, speeds, _))| {
        (*w, Tup2(Tup3(*rows, *speeds, 0), congested(*road, *rows, *speeds)))
    });
    let city_vehicles = visits
        .map(|Tup3(_, w, vehicle)| Tup2(*w, *vehicle))
        .distinct()
        .map_index(|Tup2(w, _)| (*w, Tup2(Tup3(0, 0, 1), 0)));
    let city_1m = city_rows.plus(&city_vehicles).aggregate_linear(|counts| counts.clone());

    let city_now = latest
        .map_index(|(_, Tup5(_, _, _, speed, road))| (*road, Tup2(1, *speed)))
        .aggregate_linear(|counts| counts.clone())
        .map_index(move |(road, Tup2(rows, speeds))| ((), Tup3(*rows, *speeds, congested(*road, *rows, *speeds))))
        .aggregate_linear(|counts| counts.clone());

    let outputs = Outputs {
        latest: latest.accumulate_output(),
        road_1m: road_1m.accumulate_output(),
        road_5m: road_5m.accumulate_output(),
        city_1m: city_1m.accumulate_output(),
        city_now: city_now.accumulate_output(),
    };
    Ok((input, outputs))
}

/// The views as their readers hold them.
#[derive(Default)]
struct Held {
    latest: HashMap<u32, Position>,
    road_1m: HashMap<Window, Counts>,
    road_5m: HashMap<Window, Counts>,
    city_1m: HashMap<i64, Tup2<Counts, i64>>,
    city_now: HashMap<(), Counts>,
    updates: u64,
}

impl Held {
    fn take(&mut self, outputs: &Outputs) {
        // Nothing of this workload ever leaves a view: what is not new is the old value of a key that has a new one.
        macro_rules! take {
            ($($view:ident),*) => {$(
                for (key, row, weight) in outputs.$view.concat().consolidate().iter() {
                    self.updates += 1;
                    if weight > 0 {
                        self.$view.insert(key, row);
                    }
                }
            )*};
        }
        take!(latest, road_1m, road_5m, city_1m, city_now);
    }

    fn write(&self, out: &Path, vehicles: &Names, roads: &Names, free_flow: &[f64]) -> Result<()> {
        fs::create_dir_all(out)?;
        let mut text = String::from("device_id,ts,lat,lon,speed,road_id\n");
        for (vehicle, Tup5(ts, lat, lon, speed, road)) in &self.latest {
            let (lat, lon, speed) = (*lat as f64 / 1e6, *lon as f64 / 1e6, *speed as f64 / 100.0);
            writeln!(text, "{},{ts},{lat},{lon},{speed},{}", vehicles.name(*vehicle), roads.name(*road))?;
        }
        fs::write(out.join("latest.csv"), text)?;
        for (table, rows) in [("road_1m", &self.road_1m), ("road_5m", &self.road_5m)] {
            let mut text = String::from("road_id,w,n,vehicles,avg_speed,r,level\n");
            for (Tup2(road, w), Tup3(n, speeds, vehicles)) in rows {
                let r = ratio(*speeds, *n, free_flow[*road as usize]);
                let mean = *speeds as f64 / 100.0 / *n as f64;
                writeln!(text, "{},{w},{n},{vehicles},{mean},{r},{}", roads.name(*road), level(r))?;
            }
            fs::write(out.join(format!("{table}.csv")), text)?;
        }
        let mut text = String::from("w,vehicles,avg_speed,congested_roads\n");
        for (w, Tup2(Tup3(n, speeds, vehicles), congested)) in &self.city_1m {
            writeln!(text, "{w},{vehicles},{},{congested}", *speeds as f64 / 100.0 / *n as f64)?;
        }
        fs::write(out.join("city_1m.csv"), text)?;
        let mut text = String::from("vehicles,avg_speed,congested_roads\n");
        for Tup3(n, speeds, congested) in self.city_now.values() {
            writeln!(text, "{n},{},{congested}", *speeds as f64 / 100.0 / *n as f64)?;
        }
        fs::write(out.join("city_now.csv"), text)?;
        Ok(())
    }
}

/// Names as numbers, in the order in which they came.
#[derive(Default)]
struct Names {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.names.len() as u32;
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        number
    }

    fn name(&self, number: u32) -> &str {
        &self.names[number as usize]
    }
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    id: &'a str,
    #[serde(borrow)]
    device_id: &'a str,
    #[serde(borrow)]
    timestamp: &'a str,
    latitude: f64,
    longitude: f64,
    speed: f64,
    #[serde(borrow)]
    road_id: &'a str,
}

fn uuid(text: &str) -> Result<(u64, u64)> {
    let mut digits = [0; 32];
    let mut hex = text.bytes().filter(|byte| *byte != b'-');
    for digit in &mut digits {
        *digit = hex.next().context("a short id")?;
    }
    let half = |digits: &[u8]| -> Result<u64> { Ok(u64::from_str_radix(std::str::from_utf8(digits)?, 16)?) };
    Ok((half(&digits[..16])?, half(&digits[16..])?))
}

/// Milliseconds since the epoch of `2024-05-01T06:00:00.022Z`, by the count of days from the first of March in year 0.
fn milliseconds(text: &str) -> Result<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 24 || bytes[23] != b'Z' {
        bail!("not a time: {text}");
    }
    let part = |from: usize, to: usize| bytes[from..to].iter().fold(0, |n, digit| n * 10 + i64::from(digit - b'0'));
    let (month, day) = (part(5, 7), part(8, 10));
    let year = part(0, 4) - i64::from(month < 3);
    let leap_days = year / 4 - year / 100 + year / 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = 365 * year + leap_days + day_of_year - 719_468;
    Ok(((days * 24 + part(11, 13)) * 60 + part(14, 16)) * MINUTE_MS + part(17, 19) * 1000 + part(20, 23))
}

struct Given {
    data: PathBuf,
    out: PathBuf,
    workers: usize,
    step: usize,
}

fn given() -> Result<Given> {
    let mut given = Given { data: PathBuf::new(), out: PathBuf::new(), workers: 1, step: 10_000 };
    let mut folders = Vec::new();
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--workers" => given.workers = words.next().context("--workers N")?.parse()?,
            "--step" => given.step = words.next().context("--step ROWS")?.parse()?,
            _ => folders.push(PathBuf::from(word)),
        }
    }
    let Ok([data, out]) = <[PathBuf; 2]>::try_from(folders) else {
        bail!("usage: city-on-dbsp DATA OUT [--workers N] [--step ROWS]");
    };
    (given.data, given.out) = (data, out);
    Ok(given)
}

/// The value below which that share of the values lies.
fn at(values: &[f64], share: f64) -> f64 {
    let mut ordered = values.to_vec();
    ordered.sort_by(f64::total_cmp);
    ordered[((ordered.len() as f64 * share) as usize).min(ordered.len() - 1)]
}

fn main() -> Result<()> {
    let given = given()?;
    let (mut vehicles, mut roads) = (Names::default(), Names::default());
    let mut free_flow = Vec::new();
    for line in fs::read_to_string(given.data.join("roads.csv"))?.lines().skip(1) {
        let mut cells = line.split(',');
        roads.number(cells.next().context("a road without id")?);
        free_flow.push(cells.next().context("a road without free flow")?.parse()?);
    }
    let free_flow: &'static [f64] = free_flow.leak();
    let mut files = fs::read_dir(given.data.join("gps"))?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();

    let (mut dbsp, (input, outputs)) = Runtime::init_circuit(given.workers, move |root| circuit(root, free_flow))?;
    println!(r#"{{"ready": true}}"#);

    let start = Instant::now();
    let mut held = Held::default();
    let mut took_ms = Vec::new();
    let mut batch: Vec<Tup2<Event, ZWeight>> = Vec::with_capacity(given.step);
    let mut turn = |batch: &mut Vec<Tup2<Event, ZWeight>>| -> Result<()> {
        let start = Instant::now();
        input.append(batch);
        dbsp.transaction()?;
        held.take(&outputs);
        took_ms.push(start.elapsed().as_secs_f64() * 1e3);
        batch.clear();
        Ok(())
    };
    for file in files {
        let bytes = fs::read(&file)?;
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line: Line = sonic_rs::from_slice(line).with_context(|| file.display().to_string())?;
            let (high, low) = uuid(line.id)?;
            let road = roads.number(line.road_id);
            if road as usize >= free_flow.len() {
                bail!("{} is not in roads.csv", line.road_id);
            }
            let event = Tup8(
                high,
                low,
                vehicles.number(line.device_id),
                milliseconds(line.timestamp)?,
                road,
                (line.latitude * 1e6).round() as i64,
                (line.longitude * 1e6).round() as i64,
                (line.speed * 100.0).round() as i64,
            );
            batch.push(Tup2(event, 1));
            if batch.len() == given.step {
                turn(&mut batch)?;
            }
        }
    }
    if !batch.is_empty() {
        turn(&mut batch)?;
    }
    let job_s = start.elapsed().as_secs_f64();
    held.write(&given.out, &vehicles, &roads, free_flow)?;
    // The first and the last tenth show whether a step's cost grows with history.
    let tenth = took_ms.len().div_ceil(10);
    let (first, last) = (at(&took_ms[..tenth], 0.50), at(&took_ms[took_ms.len() - tenth..], 0.50));
    println!(
        r#"{{"engine": "dbsp", "version": "0.349.0", "job_s": {job_s:.3}, "updates": {}, "steps": {}, "step_p50_ms": {:.3}, "step_p99_ms": {:.3}, "first_steps_p50_ms": {first:.3}, "last_steps_p50_ms": {last:.3}}}"#,
        held.updates,
        took_ms.len(),
        at(&took_ms, 0.50),
        at(&took_ms, 0.99),
    );
    dbsp.kill().ok();
    Ok(())
}
