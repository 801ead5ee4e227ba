//! Traffic by the rules of the benchmark, second by second.
//!
//! A road has slots. A slot opens at its time, one after the other over the three hours, so the traffic grows evenly from
//! nothing to about 1,700 reports a second; from then on it sends one vehicle after the other, one every 31 minutes, each
//! with 43 to 59 reports. One trip in twenty is made by a vehicle that was on another expressway before. Everything is a
//! function of the seed, so a generator that begins at a later minute says what one that began at zero says from there on;
//! only the numbers of the queries count from the beginning of the run.
//!
//! Half an expressway is its eastbound direction. One report in a hundred comes with a query: five of six ask for the
//! balance (type 2), one for an earlier day (type 3). Nobody asks for a travel time (type 4).

use super::accidents::{self, Crash, MOST_CARS, PER_ROAD};
use super::random::{draw, one_of};
use super::trip::{Blocked, Road, Trip};
use super::tuple::{REPORT_EVERY, SECONDS, Tuple};

/// Slots of an expressway that have their turn in the same second of thirty.
const SLOTS_A_TURN: u32 = 2_010;

/// Slots of an expressway.
const SLOTS: u32 = SLOTS_A_TURN * REPORT_EVERY;

/// Turns from one vehicle of a slot to the next: more than a trip has, by the time after which a trip counts as new.
const CYCLE: u32 = Trip::MOST + 3;

/// Vehicles of a slot in the whole run.
const TRIPS: u32 = SECONDS / REPORT_EVERY / CYCLE + 1;

/// One in so many trips is made by a vehicle that was on the road before.
const RETURNS: u32 = 20;

/// What traffic to make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traffic {
    pub(crate) seed: u64,
    /// Expressways, in halves.
    pub(crate) halves: u32,
    /// First second.
    pub(crate) begin: u32,
}

/// Makes the tuples of one second after the other.
#[derive(Debug)]
pub(crate) struct Generator {
    traffic: Traffic,
    /// By road: when it is blocked, and how it is now.
    blocked: Vec<Vec<Blocked>>,
    roads: Vec<Road>,
    second: u32,
    /// Trips by turn, road and slot.
    turns: Vec<Vec<Vec<Trip>>>,
    crashes: Vec<Vec<Crash>>,
    queries: u32,
}

impl Traffic {
    fn roads(self) -> u32 {
        self.halves.div_ceil(2)
    }

    /// Whether only the eastbound direction of a road exists.
    fn is_half(self, xway: u32) -> bool {
        xway * 2 + 1 == self.halves
    }

    /// The vehicle of a slot's `trip`.
    fn vid(self, xway: u32, slot: u32, trip: u32) -> u32 {
        let own = (xway * SLOTS + slot) * TRIPS + trip;
        let returns = || one_of(draw(self.seed ^ 0x7e7u64, u64::from(own)), 0, RETURNS) == 0;
        if trip == 0 || !returns() {
            return own;
        }
        let whole = self.halves / 2;
        let before = if xway < whole { (xway + 1) % whole } else { xway };
        self.vid(before, slot, trip - 1)
    }

    /// All vehicles are called less than this.
    pub(crate) fn vehicles(self) -> u32 {
        self.roads() * (SLOTS * TRIPS + PER_ROAD * MOST_CARS)
    }

    /// Vehicle called this or more are in accidents.
    fn first_in_accident(self, xway: u32, number: u32) -> u32 {
        self.roads() * SLOTS * TRIPS + (xway * PER_ROAD + number) * MOST_CARS
    }

    fn blocked(self, xway: u32) -> Vec<Blocked> {
        accidents::blocked(self.seed, xway as u16, self.is_half(xway))
    }

    fn trip(self, xway: u32, slot: u32, trip: u32) -> Trip {
        let own = (xway * SLOTS + slot) * TRIPS + trip;
        Trip::new(self.vid(xway, slot, trip), dir_of(slot), draw(self.seed, u64::from(own)))
    }

    fn crashes(self, xway: u32) -> impl Iterator<Item = Crash> {
        let crash = move |number| {
            let first_vid = self.first_in_accident(xway, number);
            accidents::crash(self.seed, xway as u16, self.is_half(xway), number, first_vid)
        };
        (0..PER_ROAD).flat_map(crash)
    }
}

/// Slots of the two directions alternate.
fn dir_of(slot: u32) -> u8 {
    (slot / REPORT_EVERY % 2) as u8
}

/// The first second of a slot's first trip.
fn opens(slot: u32) -> u32 {
    let earliest = (u64::from(slot) * u64::from(SECONDS) / u64::from(SLOTS)) as u32;
    let turn = slot % REPORT_EVERY;
    earliest + (turn + REPORT_EVERY - earliest % REPORT_EVERY) % REPORT_EVERY
}

impl Generator {
    /// A generator whose first second is the one of `traffic`.
    pub(crate) fn new(traffic: Traffic) -> Self {
        let mut turns = vec![Vec::new(); REPORT_EVERY as usize];
        let (mut blocked, mut roads, mut crashes) = (Vec::new(), Vec::new(), Vec::new());
        for xway in 0..traffic.roads() {
            let past = Past::new(traffic, xway);
            for (turn, of_turn) in (0..).zip(&mut turns) {
                of_turn.push(past.trips(turn));
            }
            crashes.push(past.crashes());
            roads.extend(past.minutes.last().cloned());
            blocked.push(past.blocked);
        }
        Self { traffic, blocked, roads, second: traffic.begin, turns, crashes, queries: 0 }
    }

    /// Adds the tuples of the next second to `tuples`.
    pub(crate) fn next_second(&mut self, tuples: &mut Vec<Tuple>) {
        let (traffic, second) = (self.traffic, self.second);
        self.second += 1;
        let turn = second % REPORT_EVERY;
        for (xway, road) in (0..).zip(&mut self.roads) {
            if second % 60 == 0 {
                *road = Road::new(traffic.seed, road.xway, &self.blocked[xway as usize], second / 60);
            }
            let mut say = |vid, fix| {
                tuples.push(Tuple::Report { vid, fix });
                let drawn = draw(u64::from(vid), traffic.seed ^ u64::from(second) << 32);
                if one_of(drawn, 0, 100) == 0 {
                    let qid = self.queries;
                    self.queries += 1;
                    tuples.push(if one_of(drawn, 16, 6) == 0 {
                        Tuple::Expenditure { vid, qid, xway: road.xway, day: 1 + one_of(drawn, 32, 69) as u8 }
                    } else {
                        Tuple::Balance { vid, qid }
                    });
                }
            };
            let stride = if traffic.is_half(xway) { 2 } else { 1 };
            let trips = &mut self.turns[turn as usize][xway as usize];
            while trips.len() < SLOTS_A_TURN as usize && opens(trips.len() as u32 * REPORT_EVERY + turn) <= second {
                trips.push(Trip::default());
            }
            for (slot, trip) in (turn..).step_by(REPORT_EVERY as usize).zip(trips).step_by(stride) {
                let past = (second - opens(slot)) / REPORT_EVERY;
                if past.is_multiple_of(CYCLE) {
                    *trip = traffic.trip(xway, slot, past / CYCLE);
                }
                if let Some(fix) = trip.report(road, second) {
                    say(trip.vid, fix);
                }
            }
            for crash in self.crashes[xway as usize].iter_mut().filter(|crash| crash.is_due(second)) {
                if let Some(fix) = crash.report(road, second) {
                    say(crash.vid(), fix);
                }
            }
        }
    }
}

/// What happened on an expressway before the first second.
struct Past {
    traffic: Traffic,
    xway: u32,
    blocked: Vec<Blocked>,
    /// The road in each minute, up to the one of the first second.
    minutes: Vec<Road>,
}

impl Past {
    fn new(traffic: Traffic, xway: u32) -> Self {
        let blocked = traffic.blocked(xway);
        let road = |minute| Road::new(traffic.seed, xway as u16, &blocked, minute);
        let minutes = (0..=traffic.begin / 60).map(road).collect();
        Self { traffic, xway, blocked, minutes }
    }

    /// The seconds before the first one at which a vehicle reports that has its first report at `first`.
    fn reports(&self, first: u32) -> impl Iterator<Item = (u32, &Road)> {
        let seconds = (first..self.traffic.begin).step_by(REPORT_EVERY as usize);
        seconds.map(|second| (second, &self.minutes[(second / 60) as usize]))
    }

    /// The trips of the slots that are open, those that have their turn at `turn`.
    fn trips(&self, turn: u32) -> Vec<Trip> {
        let begin = self.traffic.begin;
        let slots = (0..SLOTS_A_TURN).map(|slot| slot * REPORT_EVERY + turn).take_while(|slot| opens(*slot) < begin);
        let trip = |slot| {
            let number = (begin - 1 - opens(slot)) / REPORT_EVERY / CYCLE;
            let mut trip = self.traffic.trip(self.xway, slot, number);
            for (second, road) in self.reports(opens(slot) + number * CYCLE * REPORT_EVERY) {
                trip.report(road, second);
            }
            trip
        };
        slots.map(trip).collect()
    }

    fn crashes(&self) -> Vec<Crash> {
        let mut crashes: Vec<_> = self.traffic.crashes(self.xway).collect();
        for crash in &mut crashes {
            for (second, road) in self.reports(crash.enters()) {
                crash.report(road, second);
            }
        }
        crashes
    }
}
