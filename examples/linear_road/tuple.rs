//! What comes in and what goes out: small rows of integers, without the time, which is the tick.

use serde::{Deserialize, Serialize};
use smartcity::Time;

/// Length of a segment, feet.
pub(crate) const SEGMENT_FEET: u32 = 5_280;

/// Segments of an expressway in each direction.
pub(crate) const SEGMENTS: u32 = 100;

/// Length of an expressway, feet.
pub(crate) const ROAD_FEET: u32 = SEGMENTS * SEGMENT_FEET;

/// The lane on which vehicles come.
pub(crate) const ENTRY_LANE: u8 = 0;

/// The lane on which vehicles leave.
pub(crate) const EXIT_LANE: u8 = 4;

/// Seconds of simulated time.
pub(crate) const SECONDS: u32 = 10_800;

/// Seconds between two reports of a vehicle.
pub(crate) const REPORT_EVERY: u32 = 30;

/// Seconds after which a vehicle that comes by a ramp is on a new trip.
pub(crate) const NEW_TRIP_AFTER: u32 = 60;

/// Engine time of the first second: a minute, so that the minute number `second / 60 + 1` of a tick is `tick / 60`.
pub(crate) const FIRST_TICK: Time = 60;

/// The tick of a simulated second.
pub(crate) fn tick_of(second: u32) -> Time {
    FIRST_TICK + Time::from(second)
}

/// The simulated second of a tick.
pub(crate) fn second_of(tick: Time) -> u32 {
    u32::try_from(tick.saturating_sub(FIRST_TICK)).unwrap_or(u32::MAX)
}

/// The minute number of a tick: 1 for the first minute.
pub(crate) fn minute_of(tick: Time) -> u32 {
    u32::try_from(tick / 60).unwrap_or(u32::MAX)
}

/// Where a vehicle says it is, and how fast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Fix {
    /// Feet from the western end.
    pub(crate) pos: u32,
    /// Expressway, from 0.
    pub(crate) xway: u16,
    /// Miles per hour.
    pub(crate) speed: u8,
    /// Lane, and the direction in the bit above.
    way: u8,
}

impl Fix {
    /// A fix; `dir` is 0 eastbound, 1 westbound.
    pub(crate) fn new(xway: u16, dir: u8, lane: u8, pos: u32, speed: u8) -> Self {
        Self { pos, xway, speed, way: lane | dir << 3 }
    }

    /// 0 the entry ramp, 1 to 3 the road, 4 the exit ramp.
    pub(crate) fn lane(self) -> u8 {
        self.way & 7
    }

    /// 0 eastbound, 1 westbound.
    pub(crate) fn dir(self) -> u8 {
        self.way >> 3
    }

    /// Mile of the road, from 0.
    pub(crate) fn seg(self) -> u8 {
        (self.pos / SEGMENT_FEET) as u8
    }

    /// The segment it is in.
    pub(crate) fn segment(self) -> Segment {
        Segment::new(self.xway, self.dir(), self.seg())
    }

    /// Whether `other` is at the very same place.
    pub(crate) fn is_at(self, other: Self) -> bool {
        (self.xway, self.way, self.pos) == (other.xway, other.way, other.pos)
    }
}

/// A mile of an expressway in one direction, by number: neighbours are next to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Segment(pub(crate) u32);

impl Segment {
    /// Mile `seg` of `xway` in direction `dir`.
    pub(crate) fn new(xway: u16, dir: u8, seg: u8) -> Self {
        Self((u32::from(xway) * 2 + u32::from(dir)) * SEGMENTS + u32::from(seg))
    }

    /// Its expressway.
    pub(crate) fn xway(self) -> u16 {
        (self.0 / SEGMENTS / 2) as u16
    }

    /// Its direction.
    pub(crate) fn dir(self) -> u8 {
        (self.0 / SEGMENTS % 2) as u8
    }

    /// Its mile.
    pub(crate) fn seg(self) -> u8 {
        (self.0 % SEGMENTS) as u8
    }
}

/// What comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Tuple {
    /// Type 0: a vehicle says where it is.
    Report { vid: u32, fix: Fix },
    /// Type 2: what does the vehicle owe today?
    Balance { vid: u32, qid: u32 },
    /// Type 3: what did it spend on an expressway on an earlier day, 1 (yesterday) to 69?
    Expenditure { vid: u32, qid: u32, xway: u16, day: u8 },
}

/// What goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// Type 0: what the segment that the vehicle has entered will cost, and its latest average velocity.
    Toll { vid: u32, lav: u8, toll: u32 },
    /// Type 1: there is an accident ahead, in this segment.
    Accident { vid: u32, segment: Segment },
    /// Type 2: what the vehicle owes as of now.
    Balance { qid: u32, balance: u32 },
    /// Type 3: what it spent.
    Expenditure { qid: u32, toll: u8 },
}

impl Answer {
    /// Its type in the benchmark.
    pub(crate) fn kind(&self) -> u8 {
        match self {
            Self::Toll { .. } => 0,
            Self::Accident { .. } => 1,
            Self::Balance { .. } => 2,
            Self::Expenditure { .. } => 3,
        }
    }
}

/// The types of answers, what they are called, and the seconds they may take.
pub(crate) const KINDS: [(&str, f64); 4] =
    [("toll notification", 5.0), ("accident notification", 5.0), ("account balance", 5.0), ("daily expenditure", 10.0)];
