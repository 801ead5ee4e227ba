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

use std::collections::VecDeque;
use std::fmt;
use std::ops::RangeInclusive;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use self::fix::{Arrival, Kept, Key, Outcome};
use self::lattice::Lattice;
use super::congestion::Sample;
use super::feeds::Flag;
use super::map::{Map, Street};
use super::matching::{Candidate, Move, move_between};
use super::vehicles::Vehicle;
use crate::model::{CityRow, Fix, Id, Kind, Millis, Origin, Reading, distance_mm};
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
    /// Where it was read.
    pub origin: Origin,
    /// The device.
    pub device: Id,
    /// Which feed it came by.
    pub kind: Kind,
    /// What was odd about its time.
    pub flag: Option<Flag>,
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

/// The fixes of a device in one feed.
#[derive(Debug, Default)]
struct Track {
    /// Ascending by event time and origin.
    fixes: VecDeque<Kept>,
    lattice: Lattice,
    /// How many of the fixes have flags.
    flagged: usize,
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

impl Track {
    /// Forgets the fixes whose time is over.
    fn forget(&mut self, vehicle: Id, turn: &mut Turn<'_, Logged, Told>, rules: &Rules) {
        while let Some(fix) = self.fixes.pop_front_if(|fix| rules.forgets(fix) <= turn.now()) {
            self.lattice.forget_first();
            self.flagged -= usize::from(fix.is_flagged());
            for flag in fix.flags() {
                turn.emit(Told::DeviceFlag(vehicle, flag), -1);
            }
        }
    }

    /// Takes a fix in or out, and notes where that was.
    fn note(
        &mut self,
        logged: &Logged,
        vehicle: Id,
        kind: Kind,
        turn: &mut Turn<'_, Logged, Told>,
        rules: &Rules,
        touched: &mut Vec<Key>,
    ) {
        match logged {
            Logged::Came(reading) if reading.kind == kind => {
                let Some(fix) = Kept::of(reading, self.fixes.back()) else { return };
                if rules.forgets(&fix) <= turn.now() {
                    return;
                }
                let key = fix.key();
                let at = self.place(&key);
                if self.fixes.get(at).is_some_and(|known| known.key() == key) {
                    return;
                }
                if self.fixes.len() == self.fixes.capacity() {
                    self.fixes.reserve_exact(4 + self.fixes.len() / 4);
                }
                if at < self.fixes.len() {
                    self.lattice.disturb();
                }
                self.fixes.insert(at, fix);
                touched.push(key);
            }
            Logged::Withdrawn(mark) if mark.kind == kind => {
                let key = (mark.time, mark.origin);
                let at = self.place(&key);
                if self.fixes.get(at).is_some_and(|known| known.key() == key)
                    && let Some(fix) = self.fixes.remove(at)
                {
                    self.lattice.disturb();
                    self.flagged -= usize::from(fix.is_flagged());
                    fix.untell(vehicle, kind, &mut |told, diff| turn.emit(told, diff));
                    touched.push(key);
                }
            }
            _ => {}
        }
    }

    /// The index of the first fix that does not come before `key`.
    fn place(&self, key: &Key) -> usize {
        match self.fixes.back() {
            Some(last) if last.key() >= *key => self.fixes.partition_point(|known| known.key() < *key),
            _ => self.fixes.len(),
        }
    }

    /// Tells what follows from a fix; what was told of it before is taken back as far as it differs.
    fn tell(&mut self, at: usize, outcome: Outcome, vehicle: Id, kind: Kind, turn: &mut Turn<'_, Logged, Told>) {
        let fix = &mut self.fixes[at];
        self.flagged -= usize::from(fix.is_flagged());
        fix.tell(outcome, vehicle, kind, &mut |told, diff| turn.emit(told, diff));
        self.flagged += usize::from(fix.is_flagged());
    }

    /// Tells anew what changed around the fixes that came or went.
    fn amend(
        &mut self,
        mut touched: Vec<Key>,
        vehicle: Id,
        kind: Kind,
        turn: &mut Turn<'_, Logged, Told>,
        maps: &AsOf<Rc<Map>>,
    ) {
        touched.sort_unstable();
        let appended = self.fixes.iter().rev().take_while(|fix| fix.told.is_none()).count();
        let appended = self.fixes.len() - appended;
        let newest = self.fixes.get(appended).map(Kept::key);
        for key in touched {
            // The newest are told together; but where one that is none of them was withdrawn from among them, around it, too.
            if newest.is_some_and(|newest| newest <= key) && self.fixes.range(appended..).any(|fix| fix.key() == key) {
                continue;
            }
            let at = self.place(&key);
            self.amend_around(at, key.0, vehicle, kind, turn, maps);
        }
        if appended < self.fixes.len() {
            self.amend_end(appended, vehicle, kind, turn, maps);
        }
    }

    /// Tells what follows from the fixes from `first` on, the newest, and amends those before them.
    fn amend_end(
        &mut self,
        first: usize,
        vehicle: Id,
        kind: Kind,
        turn: &mut Turn<'_, Logged, Told>,
        maps: &AsOf<Rc<Map>>,
    ) {
        let last = self.fixes.len() - 1;
        let decided = self.decide(first, last, maps);
        let stays: Vec<_> = (first..=last).filter_map(|at| motion::stay(&self.fixes, at)).collect();
        let is_in_stay = |at| stays.iter().any(|stay: &RangeInclusive<usize>| stay.contains(&at));
        let contradicted: Vec<_> = (first..=last).filter_map(|at| motion::contradiction(&self.fixes, at)).collect();
        let is_contradicted = |at| contradicted.iter().any(|fixes: &RangeInclusive<usize>| fixes.contains(&at));
        for at in first.saturating_sub(LAG)..=last {
            // What stood before still does, but for a fix that was alone until now.
            let stood = at < first && at + 1 < first && self.fixes[at].stands();
            let stood_alone_or_long = at + 1 == first && (motion::stay(&self.fixes, at).is_some());
            let stands = stood || stood_alone_or_long || is_in_stay(at) || motion::stands_alone(&self.fixes, at);
            let is_distrusted = self.is_distrusted(at, self.fixes[at].is_distrusted() || is_contradicted(at));
            let outcome = self.outcome(at, at >= first, Stance { stands, is_distrusted }, &decided, maps);
            self.tell(at, outcome, vehicle, kind, turn);
        }
        for at in stays.iter().flat_map(Clone::clone).filter(|at| at + LAG < first) {
            if let Some(told) = self.fixes[at].told.as_ref().filter(|told| !told.stands) {
                let outcome = Outcome { stands: true, ..told.clone() };
                self.tell(at, outcome, vehicle, kind, turn);
            }
        }
        let is_in_motion = self.fixes.range(first..).any(motion::reports_motion);
        if !is_in_motion && contradicted.is_empty() {
            return;
        }
        let since = self.fixes[first].time.0 - CONTEXT_MS;
        for at in (0..first.saturating_sub(LAG)).rev() {
            let fix = &self.fixes[at];
            if fix.time.0 < since || motion::reports_motion(fix) {
                break; // what is before a fix in motion is believed already
            }
            let was_distrusted = fix.is_distrusted();
            if was_distrusted && !is_in_motion {
                continue;
            }
            let is_distrusted = self.is_distrusted(at, was_distrusted || is_contradicted(at));
            if let Some(told) = self.fixes[at].told.as_ref().filter(|told| told.is_distrusted != is_distrusted) {
                let outcome = Outcome { is_distrusted, ..told.clone() };
                self.tell(at, outcome, vehicle, kind, turn);
            }
        }
    }

    /// Whether a fix reports that it stands, as do all near it in time, and is not believed. One of those with a track that
    /// contradicts them `is_contradicted`.
    fn is_distrusted(&self, at: usize, is_contradicted: bool) -> bool {
        is_contradicted && motion::reports_standing(&self.fixes[at]) && !motion::reports_motion_near(&self.fixes, at)
    }

    /// Tells anew what follows from the fixes around `at`, where one of event time `time` came or went.
    fn amend_around(
        &mut self,
        at: usize,
        time: Millis,
        vehicle: Id,
        kind: Kind,
        turn: &mut Turn<'_, Logged, Told>,
        maps: &AsOf<Rc<Map>>,
    ) {
        let until = |span: i64| self.fixes.partition_point(|fix| fix.time.0 <= time.0.saturating_add(span));
        let since = |span: i64| self.fixes.partition_point(|fix| fix.time.0 < time.0.saturating_sub(span));
        let (first, end) =
            (since(CONTEXT_MS).min(at.saturating_sub(LAG)), until(CONTEXT_MS).max(at + 1).min(self.fixes.len()));
        let last_witness = until(2 * CONTEXT_MS);
        let decided = self.decide(at.saturating_sub(1), (end + LAG).min(self.fixes.len()).saturating_sub(1), maps);
        let mut stances = vec![Stance::default(); end.saturating_sub(first)];
        for stay in (first..last_witness).filter_map(|at| motion::stay(&self.fixes, at)) {
            for at in stay.filter(|at| (first..end).contains(at)) {
                stances[at - first].stands = true;
            }
        }
        for contradicted in (first..last_witness).filter_map(|at| motion::contradiction(&self.fixes, at)) {
            for at in contradicted.filter(|at| (first..end).contains(at)) {
                stances[at - first].is_distrusted = true;
            }
        }
        for at in first..end {
            let Stance { stands, is_distrusted } = stances[at - first];
            let stands = stands || motion::stands_alone(&self.fixes, at);
            let is_distrusted = self.is_distrusted(at, is_distrusted);
            let outcome = self.outcome(at, true, Stance { stands, is_distrusted }, &decided, maps);
            self.tell(at, outcome, vehicle, kind, turn);
        }
    }

    /// Which streets were the fixes on, as far as the decodings that end with `first` to `last` decide it?
    fn decide(&mut self, first: usize, last: usize, maps: &AsOf<Rc<Map>>) -> Decided {
        let from = first.saturating_sub(LAG);
        let mut decided = Decided { first: from, of: Vec::with_capacity(last + 1 - from) };
        decided.of.resize_with((last + 1).min(self.fixes.len()).saturating_sub(from), || None);
        for end in first..=last {
            if end >= self.fixes.len() {
                break;
            }
            let map = self.map_of(end, maps);
            let fixes = &self.fixes;
            self.lattice.decode(fixes, end, map, |at, on| {
                let has_moved = fixes[at].told.as_ref().is_none_or(|told| told.on != on);
                decided.of[at - from] = Some(Decision { on, map: Rc::clone(map), has_moved });
            });
        }
        decided
    }

    /// The map in which the fixes up to `end` are decoded: as of the last of them to arrive.
    fn map_of<'a>(&self, end: usize, maps: &'a AsOf<Rc<Map>>) -> &'a Rc<Map> {
        let known = maps.at(self.fixes[end].arrived);
        if Rc::ptr_eq(known, maps.at(Time::MAX)) {
            return known;
        }
        let since = self.fixes[end].time.0 - CONTEXT_MS;
        let of_context = self.fixes.range(..=end).rev().take_while(|fix| fix.time.0 >= since);
        maps.at(of_context.map(|fix| fix.arrived).max().unwrap_or(Time::MAX))
    }

    /// What follows from a fix. Where it is not `fresh`, what the fixes before it say of its motion is as it was.
    fn outcome(&self, at: usize, fresh: bool, stance: Stance, decided: &Decided, maps: &AsOf<Rc<Map>>) -> Outcome {
        let fix = &self.fixes[at];
        let mut outcome = fix.told.clone().unwrap_or_default();
        if fresh || fix.told.is_none() {
            let gap = at.checked_sub(1).map(|before| fix.time.0 - self.fixes[before].time.0);
            outcome.gap = gap.filter(|gap| *gap <= CONTEXT_MS).and_then(|gap| u32::try_from(gap).ok());
            (outcome.track_speed, outcome.track_heading) =
                motion::motion(&self.fixes, at).map_or((None, None), |(speed, heading)| (Some(speed), heading));
            outcome.implausible = motion::implausible(&self.fixes, at);
        }
        if let Some(Decision { on, map, has_moved }) = decided.get(at) {
            let has_moved = *has_moved || at.checked_sub(1).is_some_and(|before| decided.has_moved(before));
            if fresh || has_moved || !Rc::ptr_eq(map, maps.at(fix.arrived)) {
                outcome.on.clone_from(on);
                let of_street = on.as_ref().and_then(|(street, _)| street.segment.zone);
                outcome.zone = of_street.or_else(|| map.zone_at(fix.place));
                outcome.arrival = self.arrival(at, on.as_ref(), map, decided).unwrap_or_default();
                let stayed = outcome.track_speed == Some(0);
                if stayed && matches!(outcome.arrival, Arrival::By(..)) {
                    outcome.arrival = Arrival::Along(0); // noise at a junction, and no way from street to street
                }
            }
        }
        outcome.is_distrusted = stance.is_distrusted;
        outcome.stands = stance.stands;
        outcome
    }

    /// How the vehicle came to a fix from the one before.
    fn arrival(&self, at: usize, on: Option<&On>, map: &Map, decided: &Decided) -> Option<Arrival> {
        let (fix, earlier) = (&self.fixes[at], at.checked_sub(1)?);
        let before = &self.fixes[earlier];
        let from =
            decided.get(earlier).map_or_else(|| before.told.as_ref()?.on.as_ref(), |decision| decision.on.as_ref())?;
        let gap = fix.time.0 - before.time.0;
        if gap <= 0 || gap > MAX_GAP_MS {
            return None;
        }
        let candidate = |(street, along): &On| Candidate { street: Rc::clone(street), along: *along, cost: 0 };
        let straight = distance_mm(before.place, fix.place);
        Some(match move_between(map, &candidate(from), &candidate(on?), straight, gap)?.0 {
            Move::Along(distance) => Arrival::Along(distance),
            Move::By(way) => Arrival::By(Rc::clone(&from.0), from.1, way),
        })
    }
}

/// What the fixes around one say of it.
#[derive(Clone, Copy, Debug, Default)]
struct Stance {
    /// Whether the vehicle stands for so long that it is no traffic.
    stands: bool,
    /// Whether its reported speed is contradicted.
    is_distrusted: bool,
}

/// A street, and how far into it, millimetres.
type On = (Rc<Street>, i32);

/// Where a fix was, as decoded in a map.
#[derive(Debug)]
struct Decision {
    on: Option<On>,
    map: Rc<Map>,
    /// Whether that is not what was told.
    has_moved: bool,
}

/// Where fixes were, from an index on, as far as that is decided anew.
#[derive(Debug)]
struct Decided {
    first: usize,
    of: Vec<Option<Decision>>,
}

impl Decided {
    fn get(&self, at: usize) -> Option<&Decision> {
        self.of.get(at.checked_sub(self.first)?)?.as_ref()
    }

    fn has_moved(&self, at: usize) -> bool {
        self.get(at).is_some_and(|decision| decision.has_moved)
    }
}

#[cfg(test)]
mod tests;
