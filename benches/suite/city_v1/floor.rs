//! The floor: the same answers without an engine. One thread, one pass, hash maps, an off-the-shelf JSON parser.
//!
//! It cannot take a late withdrawal, an edit or a second worker, and shows nothing before it is done. So it is no peer but
//! a bound: an engine that does everything else at twice this cost is close to the machine.

use std::fs;
use std::hint::black_box;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Deserialize;
use smartcity::model::{Id, Millis, Namespace};

use super::data::Data;

#[derive(Deserialize)]
struct Line<'a> {
    id: &'a str,
    device_id: &'a str,
    timestamp: &'a str,
    latitude: f64,
    longitude: f64,
    speed: f64,
    road_id: &'a str,
}

#[derive(Default)]
struct Window {
    events: u64,
    speeds: f64,
    vehicles: FxHashSet<u32>,
}

/// Reads, parses and aggregates all files; gives the number of events.
pub(crate) fn floor(data: &Data) -> anyhow::Result<u64> {
    let mut floor = Floor::default();
    for file in &data.files {
        floor.feed(&fs::read_to_string(file)?)?;
    }
    // What nobody reads need not be made.
    black_box(&floor);
    Ok(floor.events)
}

/// Newest positions, windows of one minute and of five.
#[derive(Default)]
pub(crate) struct Floor {
    events: u64,
    ids: FxHashSet<Id>,
    vehicles: Numbers,
    roads: Numbers,
    latest: FxHashMap<u32, (i64, f64, f64, f64, u32)>,
    one_minute: FxHashMap<(u32, i64), Window>,
    five_minutes: FxHashMap<(u32, i64), Window>,
}

impl Floor {
    /// Takes lines of NDJSON.
    pub(crate) fn feed(&mut self, lines: &str) -> anyhow::Result<()> {
        for line in lines.lines().filter(|line| !line.is_empty()) {
            self.event(serde_json::from_str(line)?);
        }
        Ok(())
    }

    fn event(&mut self, line: Line<'_>) {
        self.events += 1;
        if !self.ids.insert(Id::new(Namespace::Message, line.id)) {
            return;
        }
        let Some(Millis(time)) = super::event::timestamp(line.timestamp.as_bytes()) else { return };
        let (vehicle, road) = (self.vehicles.of(line.device_id), self.roads.of(line.road_id));
        let newest = self.latest.entry(vehicle).or_insert((i64::MIN, 0.0, 0.0, 0.0, 0));
        if newest.0 < time {
            *newest = (time, line.latitude, line.longitude, line.speed, road);
        }
        let minute = time.div_euclid(60_000);
        let add = |windows: &mut FxHashMap<(u32, i64), Window>, first| {
            let window = windows.entry((road, first)).or_default();
            window.events += 1;
            window.speeds += line.speed;
            window.vehicles.insert(vehicle);
        };
        add(&mut self.one_minute, minute);
        (minute - 4..=minute).for_each(|first| add(&mut self.five_minutes, first));
    }
}

/// Small numbers for texts.
#[derive(Default)]
struct Numbers(FxHashMap<String, u32>);

impl Numbers {
    fn of(&mut self, text: &str) -> u32 {
        if let Some(&number) = self.0.get(text) {
            return number;
        }
        let number = self.0.len() as u32;
        self.0.insert(text.to_owned(), number);
        number
    }
}
