//! The floor: the same answers without an engine. One thread, one pass, hash maps, an off-the-shelf JSON parser.
//!
//! It cannot take a late withdrawal, an edit or a second worker, and shows nothing before it is done. So it is no peer but
//! a bound: an engine that does everything else at twice this cost is close to the machine.

use std::fs;

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

/// What was counted: enough that no work can be left out.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) events: u64,
    pub(crate) vehicles: usize,
    pub(crate) one_minute: usize,
    pub(crate) five_minutes: usize,
    /// Sum of the vehicles of all windows.
    pub(crate) distinct: usize,
}

/// Reads, parses and aggregates all files: newest positions, windows of one minute and of five.
pub(crate) fn floor(data: &Data) -> anyhow::Result<Counts> {
    let mut counts = Counts::default();
    let mut ids = FxHashSet::default();
    let (mut vehicles, mut roads) = (Numbers::default(), Numbers::default());
    let mut latest: FxHashMap<u32, (i64, f64, f64, f64, u32)> = FxHashMap::default();
    let mut windows: [FxHashMap<(u32, i64), Window>; 2] = Default::default();
    for file in &data.files {
        for line in fs::read_to_string(file)?.lines().filter(|line| !line.is_empty()) {
            let line: Line<'_> = serde_json::from_str(line)?;
            counts.events += 1;
            if !ids.insert(Id::new(Namespace::Message, line.id)) {
                continue;
            }
            let Some(Millis(time)) = super::event::timestamp(line.timestamp.as_bytes()) else { continue };
            let (vehicle, road) = (vehicles.of(line.device_id), roads.of(line.road_id));
            let newest = latest.entry(vehicle).or_insert((i64::MIN, 0.0, 0.0, 0.0, 0));
            if newest.0 < time {
                *newest = (time, line.latitude, line.longitude, line.speed, road);
            }
            let minute = time.div_euclid(60_000);
            let [one, five] = &mut windows;
            let add = |windows: &mut FxHashMap<(u32, i64), Window>, first| {
                let window = windows.entry((road, first)).or_default();
                window.events += 1;
                window.speeds += line.speed;
                window.vehicles.insert(vehicle);
            };
            add(one, minute);
            (minute - 4..=minute).for_each(|first| add(five, first));
        }
    }
    let [one, five] = &windows;
    counts.vehicles = latest.len();
    (counts.one_minute, counts.five_minutes) = (one.len(), five.len());
    counts.distinct = one.values().chain(five.values()).map(|window| window.vehicles.len()).sum();
    Ok(counts)
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
