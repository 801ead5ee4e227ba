//! When and where cars crash, and the cars that do: a function of seed and expressway.

use super::random::{draw, one_of};
use super::trip::{Blocked, Road, Trip};
use super::tuple::{Fix, REPORT_EVERY, SECONDS, SEGMENT_FEET, SEGMENTS};

/// One accident begins in each such spell of an expressway, seconds.
const EVERY: u32 = 1_200;

/// The most cars in an accident.
pub(crate) const MOST_CARS: u32 = 3;

/// Accidents of an expressway in the whole run.
pub(crate) const PER_ROAD: u32 = SECONDS / EVERY;

/// A car stands in an accident, having come by the ramp of that segment just before.
#[derive(Debug)]
pub(crate) struct Crash {
    trip: Trip,
    place: Blocked,
    /// Second of its first report.
    enters: u32,
}

/// Where and when an expressway is blocked. Half a road has blocks in direction 0 alone.
pub(crate) fn blocked(seed: u64, xway: u16, half: bool) -> Vec<Blocked> {
    (0..PER_ROAD).map(|number| place(seed, xway, half, number)).collect()
}

fn drawn(seed: u64, xway: u16, number: u32) -> u64 {
    draw(seed ^ 0xacc1_de27, u64::from(xway) << 32 | u64::from(number))
}

/// Accident `number` of an expressway: 10 to 20 minutes long.
fn place(seed: u64, xway: u16, half: bool, number: u32) -> Blocked {
    let drawn = drawn(seed, xway, number);
    let from = number * EVERY + 120 + one_of(drawn, 0, 900);
    let along = (5 + one_of(drawn, 16, SEGMENTS - 10)) * SEGMENT_FEET + 1_000 + one_of(drawn, 32, 3_000);
    let more = draw(drawn, 1);
    let dir = if half { 0 } else { one_of(more, 0, 2) as u8 };
    Blocked { along, dir, from, until: from + 600 + one_of(more, 16, 601) }
}

/// The cars of accident `number`, which call themselves `first_vid` and up.
pub(crate) fn crash(seed: u64, xway: u16, half: bool, number: u32, first_vid: u32) -> impl Iterator<Item = Crash> {
    let place = place(seed, xway, half, number);
    let drawn = draw(drawn(seed, xway, number), 2);
    let cars = if one_of(drawn, 0, 5) == 0 { MOST_CARS } else { 2 };
    let lane = 1 + one_of(drawn, 16, 3) as u8;
    (0..cars).map(move |car| {
        let along = place.along / SEGMENT_FEET * SEGMENT_FEET + 100 * car;
        let drives_on_for = 5 + one_of(drawn, 32, 10) as u8;
        let stands_for = ((place.until - place.from) / REPORT_EVERY) as u8;
        let trip = Trip::from(first_vid + car, place.dir, along, lane, stands_for + drives_on_for);
        Crash { trip, place, enters: place.from - REPORT_EVERY + one_of(draw(drawn, u64::from(car)), 0, 30) }
    })
}

impl Crash {
    /// Whether the car may report at `second`.
    pub(crate) fn is_due(&self, second: u32) -> bool {
        second >= self.enters && (second - self.enters).is_multiple_of(REPORT_EVERY)
    }

    /// Its vehicle.
    pub(crate) fn vid(&self) -> u32 {
        self.trip.vid
    }

    /// Its report at `second`, when it is due.
    pub(crate) fn report(&mut self, road: &Road, second: u32) -> Option<Fix> {
        if second > self.enters && second < self.place.until {
            Some(self.trip.stand(road, self.place.along))
        } else {
            self.trip.report(road, second)
        }
    }

    /// Second of its first report.
    pub(crate) fn enters(&self) -> u32 {
        self.enters
    }
}
