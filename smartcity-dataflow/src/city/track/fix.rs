//! A fix as the log keeps it, and the rows that follow from it.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::rc::Rc;

use nonmax::NonMaxU32;

use crate::city::congestion::{Sample, Spot};
use crate::city::feeds::Flag;
use crate::city::map::{Street, Way};
use crate::city::vehicles::{Implausible, MOVING_ABOVE, Vehicle};
use crate::model::{
    Fix, Heading, Id, Kind, Kmh, Millimetres, Millis, Origin, Point, Reading, Unusable, VehicleDetails,
};
use crate::{Diff, Time};

use super::Told;
use super::reports::Verdict;

/// What orders the fixes of a track: event time, then where it was read.
pub(super) type Key = (Millis, Origin);

/// The index of the first of a track's fixes that does not come before `key`; at once for the newest, as most are.
pub(super) fn place(fixes: &VecDeque<Kept>, key: &Key) -> usize {
    match fixes.back().map(|last| last.key().cmp(key)) {
        None | Some(Ordering::Less) => fixes.len(),
        Some(Ordering::Equal) => fixes.len() - 1,
        Some(Ordering::Greater) => fixes.partition_point(|fix| fix.key() < *key),
    }
}

/// What hardly ever changes from fix to fix, kept once for all fixes that say the same.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct About {
    source: Id,
    vehicle_type: Option<Id>,
    details: Option<VehicleDetails>,
}

/// A fix of a track, with what follows from it and the fixes around it.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) time: Millis,
    offset: u64,
    partition: u32,
    pub(super) arrived: Time,
    pub(super) place: Point,
    speed: i32,
    pub(super) heading: Option<Heading>,
    unusable: Unusable,
    about: Rc<About>,
    /// What the track up to it says of the speeds that are reported.
    pub(super) verdict: Verdict,
    /// What was told of it; `None` before anything was.
    pub(super) told: Option<Outcome>,
}

/// No speed was reported.
const NO_SPEED: i32 = -1;

/// What follows from a fix and those around it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The street it is on, and how far into it.
    pub(super) on: Option<(Rc<Street>, i32)>,
    pub(super) zone: Option<Id>,
    pub(super) arrival: Arrival,
    /// Time since the fix before, milliseconds; `None` where there was none for [`CONTEXT_MS`](super::CONTEXT_MS).
    pub(super) gap: Option<NonMaxU32>,
    pub(super) track_speed: Option<Mph>,
    pub(super) track_heading: Option<Heading>,
    pub(super) implausible: Option<Implausible>,
    pub(super) stance: Stance,
}

/// What the fixes around one say of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stance {
    /// Whether the vehicle stands here outside of the traffic.
    pub(super) stands: bool,
    /// Whether its reported speed is not believed: its track contradicts what it reports again and again.
    pub(super) is_distrusted: bool,
}

impl Outcome {
    /// Whether the track says that the vehicle did not move.
    pub(super) fn is_still(&self) -> bool {
        self.track_speed == Some(Mph::ZERO)
    }

    /// Whether two outcomes say the same of the traffic.
    fn is_same_traffic(&self, other: &Self) -> bool {
        let of = |outcome: &Self| (outcome.gap, outcome.stance, outcome.is_still());
        of(self) == of(other) && self.on == other.on && self.arrival == other.arrival
    }
}

/// Metres an hour: a [`Kmh`] in four bytes, and so is an `Option` of it.
pub(super) type Mph = NonMaxU32;

/// How the vehicle came from the fix before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Nobody knows.
    #[default]
    Unknown,
    /// Along its street: so many millimetres, negative where noise goes backwards.
    Along(i32),
    /// From so far into the street at whose end a way starts, by that way.
    By(i32, Rc<Way>),
}

/// A fix stands for the time since the one before, and for this at most, milliseconds.
pub(crate) const MAX_WEIGHT_MS: u32 = 30_000;

impl Kept {
    /// What the log keeps of a fix; `None` where it says no place. `before` may say the same of the vehicle.
    pub(super) fn of(reading: &Reading<Millis, Fix>, before: Option<&Self>) -> Option<Self> {
        let Fix { speed, heading, unusable, vehicle_type, details } = reading.body;
        let Origin { source, partition, offset } = reading.origin;
        let about = About { source, vehicle_type, details };
        let known = before.map(|before| &before.about).filter(|known| ***known == about).cloned();
        Some(Self {
            time: reading.time,
            offset,
            partition,
            arrived: reading.arrived,
            place: reading.place?,
            speed: speed.map_or(NO_SPEED, |speed| speed.0 as i32),
            heading,
            unusable,
            about: known.unwrap_or_else(|| Rc::new(about)),
            verdict: Verdict::default(),
            told: None,
        })
    }

    pub(super) fn key(&self) -> Key {
        (self.time, Origin { source: self.about.source, partition: self.partition, offset: self.offset })
    }

    /// Speed as reported.
    pub(super) fn reported_speed(&self) -> Option<Kmh> {
        (self.speed != NO_SPEED).then(|| Kmh(self.speed.into()))
    }

    /// The vehicle as of this fix.
    pub(super) fn vehicle(&self, kind: Kind) -> Vehicle {
        let unknown = Outcome::default();
        let outcome = self.told.as_ref().unwrap_or(&unknown);
        let reported_speed = self.reported_speed();
        let track_speed = outcome.track_speed.map(|speed| Kmh(speed.get().into()));
        let distrusted = outcome.stance.is_distrusted.then_some(Implausible::UnreliableReports);
        let mut vehicle = Vehicle {
            time: self.time,
            place: self.place,
            reported_speed,
            reported_heading: self.heading,
            track_speed,
            track_heading: outcome.track_heading,
            moving: false,
            implausible: distrusted.or(outcome.implausible),
            segment: outcome.on.as_ref().map(|(street, _)| street.segment.id),
            zone: outcome.zone,
            kind,
            vehicle_type: self.about.vehicle_type,
            details: self.about.details,
        };
        vehicle.moving = vehicle.speed() > MOVING_ABOVE && !outcome.stance.stands;
        vehicle
    }

    /// What is odd about the fix, as told.
    pub(super) fn flags(&self) -> impl Iterator<Item = Flag> {
        let flags = self.told.as_ref().map(|outcome| {
            let contradicts =
                outcome.stance.is_distrusted || outcome.implausible == Some(Implausible::ContradictsReport);
            [
                (self.unusable.speed, Flag::SpeedNotReported),
                (self.unusable.heading, Flag::HeadingNotReported),
                (outcome.on.is_none(), Flag::OffRoad),
                (outcome.implausible == Some(Implausible::TooFast), Flag::ImplausibleSpeed),
                (contradicts, Flag::ContradictsReport),
            ]
        });
        flags.into_iter().flatten().filter(|(is_so, _)| *is_so).map(|(_, flag)| flag)
    }

    /// Whether anything is odd about it.
    pub(super) fn is_flagged(&self) -> bool {
        self.flags().next().is_some()
    }

    /// Whether the vehicle stands outside of the traffic.
    pub(super) fn stands(&self) -> bool {
        self.told.as_ref().is_some_and(|told| told.stance.stands)
    }

    /// Tells what follows from the fix; what was told before is taken back as far as it differs.
    pub(super) fn tell(&mut self, outcome: Outcome, vehicle: Id, kind: Kind, tell: &mut impl FnMut(Told, Diff)) {
        let Some(before) = &self.told else {
            self.told = Some(outcome);
            return self.tell_all(vehicle, kind, 1, tell);
        };
        if *before == outcome {
            return;
        }
        let is_same_traffic = before.is_same_traffic(&outcome);
        let (row, flags) = (self.vehicle(kind), self.flags().collect::<Vec<_>>());
        if !is_same_traffic {
            self.tell_samples(vehicle, -1, tell);
        }
        self.told = Some(outcome);
        if !is_same_traffic {
            self.tell_samples(vehicle, 1, tell);
        }
        let after = self.vehicle(kind);
        if after != row {
            tell(Told::Fix(vehicle, row), -1);
            tell(Told::Fix(vehicle, after), 1);
        }
        for flag in flags.iter().copied().filter(|&flag| self.flags().all(|after| after != flag)) {
            self.tell_flag(flag, vehicle, kind, -1, tell);
        }
        for flag in self.flags().filter(|flag| !flags.contains(flag)) {
            self.tell_flag(flag, vehicle, kind, 1, tell);
        }
    }

    /// Takes back all that was told.
    pub(super) fn untell(&self, vehicle: Id, kind: Kind, tell: &mut impl FnMut(Told, Diff)) {
        if self.told.is_some() {
            self.tell_all(vehicle, kind, -1, tell);
        }
    }

    fn tell_all(&self, vehicle: Id, kind: Kind, diff: Diff, tell: &mut impl FnMut(Told, Diff)) {
        tell(Told::Fix(vehicle, self.vehicle(kind)), diff);
        for flag in self.flags() {
            self.tell_flag(flag, vehicle, kind, diff, tell);
        }
        self.tell_samples(vehicle, diff, tell);
    }

    fn tell_flag(&self, flag: Flag, vehicle: Id, kind: Kind, diff: Diff, tell: &mut impl FnMut(Told, Diff)) {
        tell(Told::Flag(self.about.source, kind, flag), diff);
        tell(Told::DeviceFlag(vehicle, flag), diff);
    }

    /// The traffic that it saw: what it says itself with the end of the way to it, and the streets on the way.
    fn tell_samples(&self, vehicle: Id, diff: Diff, tell: &mut impl FnMut(Told, Diff)) {
        let Some(outcome) = &self.told else { return };
        let Some((street, along)) = &outcome.on else { return };
        let gap = outcome.gap.map_or(0, |gap| gap.get().into());
        let sample = |street: &Street, time, distance, millis: i64, spot: Option<Spot>| {
            let reports_motion = spot.is_some_and(|spot| spot.speed > Some(MOVING_ABOVE.0 as i32));
            let has_moved = !outcome.is_still() && distance > 0;
            let moved = !outcome.stance.stands && (has_moved || reports_motion);
            let sample = Sample {
                time: Millis(time),
                arrived: self.arrived,
                vehicle,
                spot,
                distance: distance as i32,
                millis: millis as i32,
                moved,
                stands: outcome.stance.stands,
            };
            Told::Sample { segment: street.segment.id, road: street.segment.road, sample }
        };
        let weight = outcome.gap.map_or(MAX_WEIGHT_MS, |gap| gap.get()).min(MAX_WEIGHT_MS);
        let speed = self.reported_speed().filter(|_| !outcome.stance.is_distrusted).map(|speed| speed.0 as i32);
        let spot = Some(Spot { weight, speed });
        match &outcome.arrival {
            Arrival::Unknown => tell(sample(street, self.time.0, 0, 0, spot), diff),
            Arrival::Along(distance) => tell(sample(street, self.time.0, i64::from(*distance), gap, spot), diff),
            Arrival::By(left, way) => {
                let from = &way.start;
                let (first, last) = ((from.segment.length.0 - i64::from(*left)).max(0), i64::from(*along));
                let costs = [from.free_flow_micros(Millimetres(first)), street.free_flow_micros(Millimetres(last))];
                let total = (costs[0] + costs[1] + way.legs.iter().map(|leg| leg.micros).sum::<i64>()).max(1);
                let start = self.time.0 - gap;
                let (mut cost, mut begins) = (costs[0], gap * costs[0] / total);
                tell(sample(from, start + begins / 2, first, begins, None), diff);
                for leg in &way.legs {
                    cost += leg.micros;
                    let ends = gap * cost / total;
                    if let Some(street) = &leg.street {
                        let middle = start + i64::midpoint(begins, ends);
                        tell(sample(street, middle, leg.length.0, ends - begins, None), diff);
                    }
                    begins = ends;
                }
                tell(sample(street, self.time.0, last, gap - begins, spot), diff);
            }
        }
    }
}
