//! How does traffic run in each segment, what does it cost to enter it, and has there been an accident?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smartcity::operators::{Keep, combine, keyed};
use smartcity::{Diff, Rows, Time};

use super::tuple::{Segment, minute_of};
use super::vehicles::{Event, SPEED_PARTS, Stand};

/// Minutes over which the latest average velocity is the mean.
const LAV_MINUTES: usize = 5;

/// Up to so many vehicles in a minute nothing is charged.
const FREE_VEHICLES: u32 = 50;

/// From this latest average velocity on nothing is charged, mph.
const FREE_LAV: u128 = 40;

/// What holds for a segment during a minute; it follows from the minutes before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// What entering it costs where no accident is near.
    pub(crate) toll: u32,
    /// Latest average velocity, rounded to miles per hour; 0 where nobody was seen.
    pub(crate) lav: u8,
    /// Whether there was an accident in the minute before.
    pub(crate) accident: bool,
}

/// What is learnt of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Lesson {
    /// Of the minute that has just ended.
    Minute(Minute),
    Stopped(Stand),
}

/// A segment's minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Minute {
    /// Sum of the vehicles' mean speeds.
    speeds: u32,
    vehicles: u32,
}

/// What holds for each segment from minute to minute?
///
/// | time | events                                  | output                                  |
/// |-----:|-----------------------------------------|-----------------------------------------|
/// |  60+ | +Sample(mile 3, 36 000, 60) in all      |                                         |
/// |  120 |                                         | +(mile 3, toll 200, lav 10)             |
/// |  150 | +Stopped(mile 9, a) +Stopped(mile 9, b) |                                         |
/// |  180 |                                         | -(mile 3, toll 200, lav 10) +(mile 3, toll 0, lav 10) +(mile 9, accident) |
///
/// Samples are added up on the worker where they arise, so one row a segment, worker and minute travels. A segment's state is
/// five minutes, and the vehicles that stand there.
pub(crate) fn standings<'s>(events: Rows<'s, Event>) -> Rows<'s, (Segment, Standing)> {
    let lessons = minutes(events.clone()).concat(stands(events));
    keyed(lessons, "Segments", |&segment, known: &mut Known, turn| {
        let now = turn.now();
        let begins = known.minute != minute_of(now);
        let had_accident = known.begin(minute_of(now));
        turn.for_each_change(|_, lesson, diff| known.learn(lesson, diff));
        known.accident |= known.has_accident();
        if begins {
            let standing = known.standing(had_accident);
            let before = std::mem::replace(&mut known.standing, standing);
            turn.replace(row(segment, before), row(segment, standing));
        }
        if known.is_empty() {
            return Keep::No;
        }
        turn.wake((now / 60 + 1) * 60);
        Keep::Yes
    })
}

/// A segment's row; none where it would say nothing.
fn row(segment: Segment, standing: Standing) -> Option<(Segment, Standing)> {
    (standing != Standing::default()).then_some((segment, standing))
}

/// The minutes that end, by segment, from each worker.
fn minutes<'s>(events: Rows<'s, Event>) -> Rows<'s, (Segment, Lesson)> {
    let at_its_end = |time: &Time| (time / 60 + 1) * 60;
    let add = |segments: &mut Vec<(i64, i64)>, event, diff: Diff| {
        if let Event::Sample { segment, speed, vehicles } = event {
            let index = segment.0 as usize;
            if segments.len() <= index {
                segments.resize(index + 1, (0, 0));
            }
            let (speeds, count) = &mut segments[index];
            *speeds += i64::from(speed) * diff as i64;
            *count += i64::from(vehicles) * diff as i64;
        }
    };
    let finish = |segments: Vec<(i64, i64)>| {
        (0..).zip(segments).filter(|(_, sums)| *sums != (0, 0)).map(|(index, (speeds, vehicles))| {
            let minute = Minute { speeds: speeds as u32, vehicles: vehicles as u32 };
            ((Segment(index), Lesson::Minute(minute)), 1)
        })
    };
    combine(events.delay(at_its_end), "Minutes", add, finish)
}

fn stands<'s>(events: Rows<'s, Event>) -> Rows<'s, (Segment, Lesson)> {
    events.flat_map(|event| match event {
        Event::Stopped { segment, stand } => Some((segment, Lesson::Stopped(stand))),
        _ => None,
    })
}

/// What is known of a segment.
#[derive(Default)]
struct Known {
    minute: u32,
    /// The last minutes, the newest first.
    minutes: [Minute; LAV_MINUTES],
    /// Vehicles that stand at each position and lane.
    stopped: BTreeMap<(u32, u8), Diff>,
    /// Whether there has been an accident in this minute.
    accident: bool,
    standing: Standing,
}

impl Known {
    /// Goes to `minute`; tells whether there was an accident in the one before.
    fn begin(&mut self, minute: u32) -> bool {
        let passed = minute - self.minute;
        if passed == 0 {
            return false;
        }
        self.minute = minute;
        let passed = passed.min(LAV_MINUTES as u32) as usize;
        self.minutes.rotate_right(passed);
        self.minutes[..passed].fill(Minute::default());
        std::mem::take(&mut self.accident)
    }

    fn learn(&mut self, lesson: Lesson, diff: Diff) {
        match lesson {
            Lesson::Minute(minute) => {
                let times = diff.unsigned_abs() as u32; // equal parts of two workers are one row
                self.minutes[0].speeds += minute.speeds * times;
                self.minutes[0].vehicles += minute.vehicles * times;
            }
            Lesson::Stopped(Stand { pos, lane, .. }) => {
                let there = self.stopped.entry((pos, lane)).or_default();
                *there += diff;
                if *there == 0 {
                    self.stopped.remove(&(pos, lane));
                }
            }
        }
    }

    /// Two vehicles that stand at one place have had an accident.
    fn has_accident(&self) -> bool {
        self.stopped.values().any(|vehicles| *vehicles >= 2)
    }

    fn standing(&self, accident: bool) -> Standing {
        let (speeds, of) = self.lav();
        let vehicles = self.minutes[0].vehicles;
        let is_free = vehicles <= FREE_VEHICLES || speeds >= FREE_LAV * of;
        let toll = if is_free { 0 } else { 2 * (vehicles - FREE_VEHICLES).pow(2) };
        let lav = if of == 0 { 0 } else { (2 * speeds + of) / (2 * of) };
        Standing { toll, lav: lav as u8, accident }
    }

    /// The latest average velocity as a fraction: the mean over the minutes in which somebody was seen of the mean over the
    /// vehicles of the minute. 0 of 0 where nobody was.
    fn lav(&self) -> (u128, u128) {
        let seen = || self.minutes.iter().filter(|minute| minute.vehicles > 0);
        if seen().next().is_none() {
            return (0, 0);
        }
        let of: u128 = seen().map(|minute| u128::from(minute.vehicles)).product();
        let speeds: u128 = seen().map(|minute| u128::from(minute.speeds) * (of / u128::from(minute.vehicles))).sum();
        (speeds, of * seen().count() as u128 * u128::from(SPEED_PARTS))
    }

    fn is_empty(&self) -> bool {
        let quiet = self.minutes.iter().all(|minute| minute.vehicles == 0);
        quiet && self.stopped.is_empty() && !self.accident && self.standing == Standing::default()
    }
}
