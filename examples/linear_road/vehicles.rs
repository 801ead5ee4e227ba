//! What does each report mean, given the vehicle's last ones?

use serde::{Deserialize, Serialize};
use smartcity::operators::{Keep, keyed};
use smartcity::{Rows, Time};

use super::tuple::{ENTRY_LANE, EXIT_LANE, Fix, NEW_TRIP_AFTER, Segment, minute_of};

/// Reports from one place that make a vehicle a stopped one.
pub(crate) const STOPPED_REPORTS: u8 = 4;

/// A vehicle's mean speed in a minute comes in sixtieths of a mile per hour: exact for up to six reports.
pub(crate) const SPEED_PARTS: u32 = 60;

/// What follows from a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Event {
    /// The mean speeds of the segment's vehicles in this minute add up to so much more, and they are so many more.
    Sample { segment: Segment, speed: i32, vehicles: u8 },
    /// The vehicle is where its tolls change.
    Move { vid: u32, to: Move },
    /// The vehicle stands there; withdrawn when it no longer does.
    Stopped { segment: Segment, stand: Stand },
}

/// How a vehicle's place bears on its tolls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Move {
    /// Into a segment at the beginning of a trip.
    Begin(Segment),
    /// Into a segment from another.
    Cross(Segment),
    /// From another segment to the exit of this one.
    CrossToExit,
    /// To the exit of the segment it was in, or of the first one of its trip.
    Exit,
}

/// A stopped vehicle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Stand {
    pub(crate) pos: u32,
    pub(crate) lane: u8,
    pub(crate) vid: u32,
}

/// A vehicle's last report, and what it takes from those before.
#[derive(Clone, Copy, Default)]
struct Last {
    fix: Fix,
    second: u16,
    /// Reports in a row from the same place.
    same: u8,
    /// Reports from this segment in this minute; 0 of a vehicle that is not known.
    reports: u8,
    /// Sum of their speeds.
    speeds: u16,
}

/// What does each report mean, given the vehicle's last ones? Rows are reports by vehicle.
///
/// | time | report                    | output                                            |
/// |-----:|---------------------------|---------------------------------------------------|
/// |   60 | 7 enters mile 3 at 20 mph | +Sample(mile 3, 1 200, 1) +Move(7, Begin(mile 3)) |
/// |   90 | 7 in mile 3 at 30 mph     | +Sample(mile 3, 300, 0)                           |
/// |  120 | 7 in mile 4 at 40 mph     | +Sample(mile 4, 2 400, 1) +Move(7, Cross(mile 4)) |
///
/// One state of 16 bytes a vehicle. A vehicle on the exit ramp is forgotten once its next report would begin a new trip. It is
/// assumed that a vehicle does not come back to a segment within the minute in which it left it.
pub(crate) fn events<'s>(reports: Rows<'s, (u32, Fix)>) -> Rows<'s, Event> {
    keyed(reports, "Vehicles", |&vid, last: &mut Last, turn| {
        let now = turn.now();
        if turn.changes().is_empty() {
            let has_left = last.fix.lane() == EXIT_LANE && last.is_past(now);
            return if has_left || last.reports == 0 { Keep::No } else { Keep::Yes };
        }
        for index in 0..turn.changes().len() {
            let (fix, _) = turn.changes()[index]; // rows are small: no vehicle needs a list of its own
            let before = Some(*last).filter(|last| last.reports > 0);
            let next = Last::after(before, fix, now);
            let segment = fix.segment();
            let mean = |of: &Last| of.mean_speed();
            let counted = before.filter(|_| next.reports > 1);
            let speed = mean(&next) - counted.as_ref().map_or(0, mean);
            turn.emit(Event::Sample { segment, speed, vehicles: u8::from(counted.is_none()) }, 1);
            if let Some(to) = next.moved(before, now) {
                turn.emit(Event::Move { vid, to }, 1);
            }
            let stopped = [before.filter(Last::is_stopped), Some(next).filter(Last::is_stopped)];
            if stopped[0].is_some() != stopped[1].is_some() {
                for (last, diff) in stopped.into_iter().zip([-1, 1]) {
                    if let Some(Last { fix, .. }) = last {
                        let stand = Stand { pos: fix.pos, lane: fix.lane(), vid };
                        turn.emit(Event::Stopped { segment: fix.segment(), stand }, diff);
                    }
                }
            }
            if fix.lane() == EXIT_LANE {
                turn.wake(now + Time::from(NEW_TRIP_AFTER) + 1);
            }
            *last = next;
        }
        Keep::Yes
    })
}

impl Last {
    fn after(before: Option<Self>, fix: Fix, now: Time) -> Self {
        let one = Self { fix, second: now as u16, same: 1, reports: 1, speeds: fix.speed.into() };
        let Some(before) = before else { return one };
        let same = before.fix.is_at(fix) && !before.is_new_trip(fix, now);
        let same = if same { before.same.saturating_add(1).min(STOPPED_REPORTS) } else { 1 };
        let counted = before.fix.segment() == fix.segment() && minute_of(before.second.into()) == minute_of(now);
        let (reports, speeds) = if counted { (before.reports, before.speeds) } else { (0, 0) };
        Self { same, reports: reports + 1, speeds: speeds + one.speeds, ..one }
    }

    /// Whether its trip, if it is on the exit ramp, is past.
    fn is_past(&self, now: Time) -> bool {
        now > Time::from(self.second) + Time::from(NEW_TRIP_AFTER)
    }

    fn is_new_trip(&self, fix: Fix, now: Time) -> bool {
        fix.lane() == ENTRY_LANE && self.is_past(now)
    }

    /// Whether it stands on the road: not on the exit ramp.
    fn is_stopped(&self) -> bool {
        self.same == STOPPED_REPORTS && self.fix.lane() != EXIT_LANE
    }

    /// The vehicle's mean speed in this segment and minute.
    fn mean_speed(&self) -> i32 {
        (u32::from(self.speeds) * SPEED_PARTS / u32::from(self.reports)) as i32
    }

    fn moved(&self, before: Option<Self>, now: Time) -> Option<Move> {
        let segment = self.fix.segment();
        let exits = self.fix.lane() == EXIT_LANE;
        match before.filter(|before| !before.is_new_trip(self.fix, now)) {
            None if exits => Some(Move::Exit),
            None => Some(Move::Begin(segment)),
            Some(before) if before.fix.segment() == segment => exits.then_some(Move::Exit),
            Some(_) if exits => Some(Move::CrossToExit),
            Some(_) => Some(Move::Cross(segment)),
        }
    }
}
