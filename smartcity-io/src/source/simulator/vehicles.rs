//! Vehicles: each is moved only when it reports, so that a million of them cost no more than their messages.

use rand::Rng;

use super::noise::Noise;
use super::roads::{Roads, Spot};
use super::traffic::Traffic;

/// A vehicle on the road.
#[derive(Clone, Debug)]
pub(super) struct Vehicle {
    way: u32,
    /// Where it will leave the way.
    exit: u32,
    /// State of its choice of turns.
    turns: u32,
    /// Share of the traffic's speed that it drives at.
    hurry: f32,
    /// Metres from the start of the way; behind its end it crosses the junction.
    along: f64,
    /// Metres a second.
    pub(super) speed: f64,
    /// When it was there, in milliseconds since the epoch.
    pub(super) time: i64,
}

const ACCELERATION: f64 = 2.0;
const BRAKING: f64 = 2.5;
const STEP_SECONDS: f64 = 1.0;
/// A vehicle that reports less often has stood still before.
const LONGEST_DRIVE_SECONDS: f64 = 120.0;

impl Vehicle {
    /// A vehicle somewhere in the city.
    pub(super) fn new(roads: &Roads, traffic: &Traffic, time: i64, noise: &mut Noise) -> Self {
        let way = noise.random_range(0..roads.ways.len() as u32);
        let mut vehicle = Self {
            way,
            exit: 0,
            turns: noise.random(),
            hurry: noise.random_range(0.9..1.1),
            along: noise.random_range(0.0..=roads.ways[way as usize].length),
            speed: 0.0,
            time,
        };
        vehicle.speed = traffic.speed(way) * f64::from(vehicle.hurry);
        vehicle.choose_exit(roads);
        vehicle
    }

    fn choose_exit(&mut self, roads: &Roads) {
        let exits = &roads.ways[self.way as usize].exits;
        self.turns = self.turns.wrapping_mul(747_796_405).wrapping_add(2_891_336_453); // as in PCG
        self.exit = exits.start + (self.turns >> 16) % exits.len().max(1) as u32;
    }

    /// Drives on until `time`.
    pub(super) fn drive(&mut self, roads: &Roads, traffic: &Traffic, time: i64) {
        let mut left = ((time - self.time) as f64 / 1_000.0).min(LONGEST_DRIVE_SECONDS);
        self.time = self.time.max(time);
        while left > 0.0 {
            let seconds = left.min(STEP_SECONDS);
            left -= seconds;
            let (way, exit) = (&roads.ways[self.way as usize], &roads.exits[self.exit as usize]);
            let mut wanted = traffic.speed(self.way) * f64::from(self.hurry);
            let to_turn = (way.length - self.along).max(0.0);
            wanted = wanted.min((exit.turn_speed * exit.turn_speed + 2.0 * BRAKING * to_turn).sqrt());
            let change = (wanted - self.speed).clamp(-BRAKING * 1.2 * seconds, ACCELERATION * seconds);
            self.along += (self.speed + change / 2.0) * seconds;
            self.speed += change;
            self.enter(roads);
        }
    }

    /// Goes on to the next way where it has left this one.
    fn enter(&mut self, roads: &Roads) {
        const SHORTEST: f64 = 0.1; // metres, so that a round of ways without length comes to an end
        loop {
            let exit = &roads.exits[self.exit as usize];
            let length = (roads.ways[self.way as usize].length + exit.crossing).max(SHORTEST);
            if self.along <= length {
                return;
            }
            self.along -= length;
            self.way = exit.way;
            self.choose_exit(roads);
        }
    }

    /// Where it is.
    pub(super) fn spot(&self, roads: &Roads) -> Spot {
        roads.spot(self.way, self.exit, self.along)
    }
}
