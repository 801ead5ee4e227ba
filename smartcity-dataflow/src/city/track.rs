//! Where was every vehicle, and how did it move? The log of each device.
//!
//! A device's log holds each of its fixes once and tells, in one turn, all that follows from a fix and those around it:
//!
//! ```text
//!                                    ┌─▶ fixes     each as the vehicle then was: street, zone, motion
//!  fixes, once ──▶ log of a device ──┼─▶ vehicles  the newest that lives
//!  withdrawals       ▲               ├─▶ samples   what it says of the traffic on each street
//!  the city's map ───┘               └─▶ flags     what is odd about it
//! ```
//!
//! *Where it was* is decoded ([`matching`](super::matching)) from the fix, at most two after it, and a few before it. So the newest
//! fix is on a street at once, and what is told of it may be amended when the next two come. *How it came there* is the way that
//! this decoding took.
//!
//! What is told of a fix is a function of the fixes within [`CONTEXT_MS`] before it and [`CONTEXT_MS`] after it, in the map as of
//! the last of those it was decoded from to arrive. The log remembers a fix for that much longer than anything counts it, so
//! forgetting moves nothing, and neither does a restart from what is remembered.
//!
//! A vehicle has a track in each feed. Many send by both at the same moment, so a track through both would stand still at every
//! other step; and two receivers in one vehicle would zigzag between their errors.

mod fix;
mod lattice;
mod motion;
mod one_feed;
mod reports;

use std::fmt;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use self::fix::Kept;
use self::one_feed::Track;
use super::congestion::Sample;
use super::feeds::Flag;
use super::map::Map;
use super::vehicles::Vehicle;
use crate::model::{CityRow, Fix, Id, Kind, Millis, Origin, Reading};
use crate::operators::{AsOf, Keep, Turn, keyed_with, round_up, validate};
use crate::{Diff, Horizon, Rows, Settings, Time};

pub(super) use self::fix::MAX_WEIGHT_MS;

/// Fixes further apart in time, milliseconds, say nothing of the way between them.
pub const MAX_GAP_MS: i64 = 90_000;

/// So many fixes after one may still move it to another street.
pub const LAG: usize = 2;

/// So many fixes before those, where they are apart, say where the vehicle came from.
pub const CONTEXT_FIXES: usize = 4;

/// Nothing is told of a fix by others that are further off in time, milliseconds.
pub const CONTEXT_MS: i64 = 180_000;

/// A fix in the log of its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Logged {
    /// A fix that was accepted.
    Came(Reading<Millis, Fix>),
    /// One that is withdrawn.
    Withdrawn(Mark),
}

/// Which fix of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mark {
    /// Its event time.
    pub time: Millis,
    /// The source that it was read from.
    pub source: Id,
    /// The device.
    pub device: Id,
    offset: u64,
    partition: u32,
    /// Which feed it came by.
    pub kind: Kind,
    /// What was odd about its time.
    pub flag: Option<Flag>,
}

impl Mark {
    /// That of a fix. One is kept of every message, so it is laid out without a gap.
    pub fn of<B>(fix: &Reading<Millis, B>, flag: Option<Flag>) -> Self {
        let Origin { source, partition, offset } = fix.origin;
        Self { time: fix.time, source, device: fix.device, offset, partition, kind: fix.kind, flag }
    }

    /// Where the fix was read.
    pub fn origin(&self) -> Origin {
        Origin { source: self.source, partition: self.partition, offset: self.offset }
    }
}

/// What the logs tell.
#[derive(Clone)]
pub struct Tracks<'s> {
    /// Every fix as the vehicle then was. A fix that is withdrawn leaves; one that is forgotten does not.
    pub fixes: Rows<'s, (Id, Vehicle)>,
    /// The newest living fix of every vehicle.
    pub vehicles: Rows<'s, (Id, Vehicle)>,
    /// What every fix says of the traffic: segment, road, sample. As for fixes, none leaves when it is forgotten.
    pub samples: Rows<'s, (Id, Id, Sample)>,
    /// What is odd about the fixes of a feed: source, kind, flag.
    pub flags: Rows<'s, (Id, Kind, Flag)>,
    /// What is odd about the fixes of a device, for as long as they are remembered.
    pub device_flags: Rows<'s, (Id, Flag)>,
}

impl fmt::Debug for Tracks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracks").finish_non_exhaustive()
    }
}

/// What follows from the log of a device.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Told {
    Fix(Id, Vehicle),
    Newest(Id, Vehicle),
    Sample { segment: Id, road: Id, sample: Sample },
    Flag(Id, Kind, Flag),
    DeviceFlag(Id, Flag),
}

/// How long a fix is shown as its vehicle: from the tick at which it came, and only where that was not too late already.
/// Others up to [`CONTEXT_MS`] later say what is told of it.
pub fn horizon(kind: Kind, settings: &Settings) -> Option<Horizon> {
    let is_fix = KINDS.contains(&kind);
    is_fix.then(|| {
        Horizon::of_event(settings.retention_ms + settings.vehicle_life_ms + settings.tick_ms)
            .later(CONTEXT_MS.unsigned_abs())
    })
}

/// What do the logs of all devices tell? Fixes and withdrawals by device, each once, and how long a fix is remembered.
///
/// With a street of 100 m:
///
/// | time | logged            | fixes                     | samples                              |
/// |-----:|-------------------|---------------------------|--------------------------------------|
/// |    1 | +(v: 0 s, 10 m)   | +(v: 0 s, on the street)  | +(0 s, of a fix)                     |
/// |    2 | +(v: 10 s, 90 m)  | +(v: 10 s, 29 km/h)       | +(10 s, of a fix, and 80 m in 10 s)  |
/// |    3 | +(v: 10 s withdrawn) | -(v: 10 s, 29 km/h)    | -(10 s, of a fix, and 80 m in 10 s)  |
///
/// A city that was known before the first fix must be there from tick 0: a fix is looked at in the city of its own tick, also when
/// it is fed again after a restart. Every worker keeps the map, with its past for as long as fixes are remembered; a device's log
/// is on one worker.
///
/// ```
/// # use smartcity_dataflow::{Settings, city::track::{self, Logged, tracks}, model::*, testing::{at, id, said, trace}};
/// # let (class, lanes, free_flow, next) = (RoadClass::Primary, 1, Kmh(50_000), [].into());
/// let (start, end) = (Point::default(), Point::default().shifted(0, 100_000));
/// let (length, line) = (Millimetres(100_000), [start, end].into());
/// let street = Segment { id: id("a"), road: id("a"), zone: None, class, lanes, free_flow, length, line, next };
/// let fix = |seconds: i64, metres: i64| {
///     let reading = said("v", seconds * 1_000, 1, Fix::default()).reading;
///     let reading = Reading { kind: Kind::Gps, place: Some(start.shifted(0, metres * 1_000)), ..reading };
///     (id("v"), Logged::Came(reading))
/// };
/// let remembered = track::horizon(Kind::Gps, &Settings::default()).unwrap();
/// let samples = trace(
///     &[at(0, (None, Some(CityRow::Segment(street)))), at(1, (Some(fix(0, 10)), None)), at(1, (Some(fix(10, 90)), None))],
///     move |rows| {
///         let (logged, city) = (rows.clone().flat_map(|(logged, _)| logged), rows.flat_map(|(_, city)| city));
///         tracks(logged, city, remembered, &Settings::default()).samples
///     },
///     1,
/// );
/// let covered = samples.iter().map(|(_, (_, _, sample), _)| ((sample.distance + 500) / 1_000, sample.millis));
/// assert_eq!(covered.collect::<Vec<_>>(), [(0, 0), (80, 10_000)]);
/// ```
pub fn tracks<'s>(
    logged: Rows<'s, (Id, Logged)>,
    city: Rows<'s, CityRow>,
    remembered: Horizon,
    settings: &Settings,
) -> Tracks<'s> {
    let outer = logged.scope();
    outer.region_named("Tracks", |region| {
        let (logged, city) = (logged.enter_region(region), city.enter_region(region));
        let Tracks { fixes, vehicles, samples, flags, device_flags } = logs(logged, city, remembered, settings);
        Tracks {
            fixes: fixes.leave_region(outer),
            vehicles: vehicles.leave_region(outer),
            samples: samples.leave_region(outer),
            flags: flags.leave_region(outer),
            device_flags: device_flags.leave_region(outer),
        }
    })
}

fn logs<'s>(
    logged: Rows<'s, (Id, Logged)>,
    city: Rows<'s, CityRow>,
    remembered: Horizon,
    settings: &Settings,
) -> Tracks<'s> {
    let rules = Rules::of(settings, remembered);
    let map_is_kept = rules.map_is_kept;
    let told = keyed_with(
        logged,
        city.filter(Map::shows),
        "Tracks",
        move |maps: &mut AsOf<Rc<Map>>, now: Time, changes: Vec<(CityRow, Diff)>| {
            maps.change(now, now.saturating_sub(map_is_kept), |map| *map = Rc::new(map.after(changes)));
        },
        move |vehicle, log: &mut Log, turn, maps| log.turn(*vehicle, turn, maps, &rules),
    );
    let (samples, told) = validate(told, |told| match told {
        Told::Sample { segment, road, sample } => Ok((segment, road, sample)),
        other => Err(other),
    });
    let (fixes, told) = validate(told, |told| match told {
        Told::Fix(vehicle, row) => Ok((vehicle, row)),
        other => Err(other),
    });
    let (vehicles, told) = validate(told, |told| match told {
        Told::Newest(vehicle, row) => Ok((vehicle, row)),
        other => Err(other),
    });
    let flags = told.clone().flat_map(|told| match told {
        Told::Flag(source, kind, flag) => Some((source, kind, flag)),
        _ => None,
    });
    let device_flags = told.flat_map(|told| match told {
        Told::DeviceFlag(vehicle, flag) => Some((vehicle, flag)),
        _ => None,
    });
    Tracks { fixes, vehicles, samples, flags, device_flags }
}

/// What the settings say of a log.
#[derive(Clone, Copy, Debug)]
struct Rules {
    tick: Time,
    remembered: Horizon,
    life: Time,
    retention: Time,
    /// How long a map is kept that is no longer true.
    map_is_kept: Time,
}

impl Rules {
    fn of(settings: &Settings, remembered: Horizon) -> Self {
        Self {
            tick: settings.tick_ms,
            remembered,
            life: settings.vehicle_life_ms,
            retention: settings.retention_ms,
            map_is_kept: remembered.longest(settings) + settings.tick_ms,
        }
    }

    /// When a fix is forgotten.
    fn forgets(&self, fix: &Kept) -> Time {
        self.remembered.ends_after_event(fix.time, self.tick)
    }

    /// When a fix ends as its vehicle's place; the past where it came too late to be one.
    fn ends(&self, fix: &Kept) -> Time {
        let lag = i64::try_from(fix.arrived).unwrap_or(i64::MAX).saturating_sub(fix.time.0);
        let is_history = lag > i64::try_from(self.retention).unwrap_or(i64::MAX);
        if is_history { 0 } else { round_up(fix.arrived + self.life, self.tick).min(self.forgets(fix)) }
    }
}

/// All that is remembered of a device.
#[derive(Debug, Default)]
struct Log {
    /// In the vehicle's own feed, and in its tracker's.
    tracks: [Track; 2],
    /// Its newest living fix, as told, and when it ends.
    shown: Option<(Vehicle, Time)>,
    /// The next turn that it asked for.
    woken_at: Option<Time>,
}

const KINDS: [Kind; 2] = [Kind::Vehicle, Kind::Gps];

impl Log {
    fn turn(&mut self, vehicle: Id, turn: &mut Turn<'_, Logged, Told>, maps: &AsOf<Rc<Map>>, rules: &Rules) -> Keep {
        let now = turn.now();
        if self.woken_at.is_some_and(|at| at <= now) {
            self.woken_at = None;
        }
        for (track, kind) in self.tracks.iter_mut().zip(KINDS) {
            track.forget(vehicle, turn, rules);
            let mut touched = Vec::new();
            for at in 0..turn.changes().len() {
                let (logged, _) = turn.changes()[at];
                track.note(&logged, vehicle, kind, turn, rules, &mut touched);
            }
            track.amend(touched, vehicle, kind, turn, maps);
        }
        self.show(vehicle, turn, rules);
        let due = self.due(rules);
        if let Some(due) = due
            && self.woken_at.is_none_or(|at| at > due)
        {
            self.woken_at = Some(due);
            turn.wake(due);
        }
        if due.is_some() { Keep::Yes } else { Keep::No }
    }

    /// Shows the newest fix that lives.
    fn show(&mut self, vehicle: Id, turn: &mut Turn<'_, Logged, Told>, rules: &Rules) {
        let newest_of = |track: &Track| {
            let newest = track.fixes.iter().rposition(|fix| rules.ends(fix) > turn.now())?;
            Some((track.fixes[newest].key(), newest))
        };
        let newest = self.tracks.iter().map(newest_of).enumerate();
        let newest = newest.filter_map(|(track, newest)| newest.map(|(key, fix)| (key, track, fix))).max();
        let row = newest.map(|(_, track, fix)| {
            let newest = &self.tracks[track].fixes[fix];
            (newest.vehicle(KINDS[track]), rules.ends(newest))
        });
        let before = std::mem::replace(&mut self.shown, row);
        turn.replace(before.map(|(row, _)| Told::Newest(vehicle, row)), row.map(|(row, _)| Told::Newest(vehicle, row)));
    }

    /// The next tick at which time alone changes something; `None` for an empty log.
    fn due(&self, rules: &Rules) -> Option<Time> {
        let of_track = |track: &Track| {
            let forgotten = if track.flagged > 0 { track.fixes.front() } else { track.fixes.back() };
            forgotten.map(|fix| rules.forgets(fix))
        };
        let shown = self.shown.map(|(_, ends)| ends);
        self.tracks.iter().filter_map(of_track).chain(shown).min()
    }
}

#[cfg(test)]
mod tests;
