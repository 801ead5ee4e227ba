//! One vehicle's way: by a ramp onto the road, along it, and off by a ramp.

use super::random::{draw, one_of};
use super::tuple::{ENTRY_LANE, EXIT_LANE, Fix, ROAD_FEET, SECONDS, SEGMENT_FEET, SEGMENTS};

/// A vehicle that does a mile an hour goes this far between two reports, feet.
const FEET_PER_MPH: u32 = 44;

/// Segments before an accident in which traffic crawls.
const CRAWLING_SEGMENTS: u32 = 2;

/// A stretch of road that is blocked for some time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blocked {
    /// Feet along the direction of travel.
    pub(crate) along: u32,
    pub(crate) dir: u8,
    /// First second.
    pub(crate) from: u32,
    /// First second after it.
    pub(crate) until: u32,
}

/// How fast traffic goes on an expressway in one minute: a function of the time, whoever drives.
#[derive(Clone, Debug)]
pub(crate) struct Road {
    pub(crate) xway: u16,
    seed: u64,
    /// Miles per hour by direction and mile along it.
    pace: [[u8; SEGMENTS as usize]; 2],
}

impl Road {
    /// The road in a minute, counted from 0: the more vehicles the slower, not the same everywhere, and a crawl before a
    /// block.
    pub(crate) fn new(seed: u64, xway: u16, blocked: &[Blocked], minute: u32) -> Self {
        let crowded = 66 - 34 * minute * 60 / SECONDS;
        let pace = [0, 1].map(|dir| {
            std::array::from_fn(|seg| {
                let spell = u64::from(minute / 10) << 8 | dir << 7 | seg as u64;
                let usual = crowded * (75 + one_of(draw(seed ^ u64::from(xway), spell), 0, 41)) / 100;
                let crawls = blocked.iter().any(|block| {
                    let at = block.along / SEGMENT_FEET;
                    u64::from(block.dir) == dir
                        && (block.from..block.until).contains(&(minute * 60))
                        && (at.saturating_sub(CRAWLING_SEGMENTS)..=at).contains(&(seg as u32))
                });
                if crawls { usual.min(12) as u8 } else { usual as u8 }
            })
        });
        Self { xway, seed, pace }
    }

    fn pace(&self, dir: u8, along: u32) -> u32 {
        self.pace[usize::from(dir)][(along / SEGMENT_FEET) as usize].into()
    }
}

/// A vehicle on its way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Trip {
    pub(crate) vid: u32,
    /// Feet along the direction of travel.
    along: u32,
    /// Reports so far; none before it has entered, and [`Trip::LEFT`] after it has left.
    reports: u8,
    /// The report with which it leaves.
    last: u8,
    dir: u8,
    lane: u8,
}

impl Trip {
    /// Reports of a vehicle that has left.
    const LEFT: u8 = u8::MAX;

    /// The most reports of a trip.
    pub(crate) const MOST: u32 = 59;

    /// A trip that `drawn` describes; it has not begun.
    pub(crate) fn new(vid: u32, dir: u8, drawn: u64) -> Self {
        let along = one_of(drawn, 0, SEGMENTS * 3 / 4) * SEGMENT_FEET + one_of(drawn, 16, 800);
        let last = Self::MOST as u8 - one_of(drawn, 32, 17) as u8;
        Self { vid, along, reports: 0, last, dir, lane: 1 + one_of(drawn, 48, 3) as u8 }
    }

    /// A trip from `along` with so many `reports`; it has not begun.
    pub(crate) fn from(vid: u32, dir: u8, along: u32, lane: u8, reports: u8) -> Self {
        Self { vid, along, reports: 0, last: reports, dir, lane }
    }

    /// A place in the road's own feet.
    fn fix(&self, xway: u16, lane: u8, speed: u32) -> Fix {
        let pos = if self.dir == 0 { self.along } else { ROAD_FEET - 1 - self.along };
        Fix::new(xway, self.dir, lane, pos, speed as u8)
    }

    /// Its report at `second`, 30 s after the one before; `None` once it has left.
    pub(crate) fn report(&mut self, road: &Road, second: u32) -> Option<Fix> {
        if self.reports == Self::LEFT {
            return None;
        }
        self.reports += 1;
        let drawn = draw(u64::from(self.vid) ^ road.seed, u64::from(second));
        if self.reports == 1 {
            return Some(self.fix(road.xway, ENTRY_LANE, 20 + one_of(drawn, 0, 16)));
        }
        let temper = draw(u64::from(self.vid), road.seed);
        let pace = road.pace(self.dir, self.along) * (88 + one_of(temper, 0, 25)) / 100;
        let speed = (pace + one_of(drawn, 0, 7)).saturating_sub(3);
        self.along += speed * FEET_PER_MPH;
        let leaves = self.reports == self.last || self.along >= ROAD_FEET - SEGMENT_FEET / 2;
        if !leaves {
            if one_of(drawn, 16, 8) == 0 {
                self.lane = 1 + one_of(drawn, 32, 3) as u8;
            }
            return Some(self.fix(road.xway, self.lane, speed));
        }
        self.along = self.along.min(ROAD_FEET - 1);
        self.reports = Self::LEFT;
        Some(self.fix(road.xway, EXIT_LANE, speed.min(30)))
    }

    /// Its report while it stands at `along`.
    pub(crate) fn stand(&mut self, road: &Road, along: u32) -> Fix {
        self.along = along;
        self.reports += 1;
        self.fix(road.xway, self.lane, 0)
    }
}
