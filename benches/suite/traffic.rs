//! Lines of city-v1, made in memory: any number of vehicles at any rate.

use std::io::Write;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use smartcity::Time;

use super::city_v1::event::Speed;
use super::city_v1::flow::Road;
use super::generate::{START_MS, iso, uuid};

/// Roads.
const ROADS: u64 = 500;
/// Vehicles change roads this often.
const STAY_MS: i64 = 90_000;
const FREE_FLOW_KMH: i32 = 50;

/// The time of the first event.
pub(crate) const START: Time = START_MS as Time;

/// An endless stream of events: vehicles report in turn, evenly in time.
#[derive(Clone, Debug)]
pub(crate) struct Traffic {
    vehicles: u64,
    rows_per_second: u64,
    /// Every other vehicle is on the first road.
    is_hot: bool,
    number: u64,
    random: Pcg64Mcg,
    /// The second that was written last, and its text.
    second: (i64, String),
}

impl Traffic {
    pub(crate) fn new(vehicles: u64, rows_per_second: u64, is_hot: bool) -> Self {
        let random = Pcg64Mcg::seed_from_u64(42);
        Self { vehicles, rows_per_second, is_hot, number: 0, random, second: (0, String::new()) }
    }

    /// The stream from a later row on, with ids of its own.
    pub(crate) fn skip(self, rows: u64) -> Self {
        Self { number: self.number + rows, random: Pcg64Mcg::seed_from_u64(self.number + rows), ..self }
    }

    /// The roads and their free-flow speeds.
    pub(crate) fn roads() -> Vec<Road> {
        (0..ROADS).map(|road| Road { name: road_name(road), free_flow: Speed(FREE_FLOW_KMH * 10_000) }).collect()
    }

    /// The next lines, as many as are asked for.
    pub(crate) fn lines(&mut self, count: u64) -> Vec<u8> {
        let mut lines = Vec::with_capacity(count as usize * 210);
        (0..count).for_each(|_| self.line(&mut lines));
        lines
    }

    /// The event time of the line before the next.
    pub(crate) fn time(&self) -> Time {
        self.time_of(self.number.saturating_sub(1)) as Time
    }

    fn time_of(&self, number: u64) -> i64 {
        START_MS + (number * 1_000 / self.rows_per_second) as i64
    }

    fn line(&mut self, lines: &mut Vec<u8>) {
        let time = self.time_of(self.number);
        let (vehicle, random) = (self.number % self.vehicles, self.random.random::<u128>());
        self.number += 1;
        if self.second.0 != time / 1_000 {
            self.second = (time / 1_000, iso(time));
            self.second.1.truncate("2024-05-01T06:00:00".len());
        }
        let trip = (time / STAY_MS) as u64;
        let road = match self.is_hot && vehicle % 2 == 0 {
            true => 0,
            false => scatter(vehicle ^ trip << 32) % ROADS,
        };
        let part = |shift: u32, range: u64| (random >> shift) as u64 % range;
        let (lat, lon) = (52_300_000 + part(0, 150_000), 4_750_000 + part(20, 300_000));
        // 8 to 55 km/h, in hundredths, most of them fluent.
        let speed = 800 + part(40, 2_350) + part(60, 2_350);
        let (id, second, milli, road) = (uuid(random), &self.second.1, time % 1_000, road_name(road));
        // Writing to memory does not fail.
        let _ = writeln!(
            lines,
            r#"{{"id":"{id}","device_id":"veh-{vehicle:07}","timestamp":"{second}.{milli:03}Z","latitude":{}.{:06},"longitude":{}.{:06},"speed":{}.{:02},"direction":90.0,"road_id":"{road}"}}"#,
            lat / 1_000_000,
            lat % 1_000_000,
            lon / 1_000_000,
            lon % 1_000_000,
            speed / 100,
            speed % 100,
        );
    }
}

fn road_name(road: u64) -> String {
    format!("R-{road:04}")
}

/// Spreads numbers evenly (the finaliser of SplitMix64).
fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use smartcity::model::Millis;

    use super::super::city_v1::event;
    use super::*;

    #[test]
    fn every_line_is_an_event_at_its_time() {
        let mut traffic = Traffic::new(3, 2_000, true);
        let lines = traffic.lines(5);
        let mut events = Vec::new();
        for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            assert!(event::read(line, |fields| events.push((fields.device_id.to_owned(), fields.time.0 - START_MS))));
        }
        let vehicles = ["veh-0000000", "veh-0000001", "veh-0000002", "veh-0000000", "veh-0000001"];
        assert_eq!(events, Vec::from_iter(vehicles.map(str::to_owned).into_iter().zip([0, 0, 1, 1, 2])));
        assert_eq!(Millis(traffic.time() as i64), Millis(START_MS + 2));
    }
}
