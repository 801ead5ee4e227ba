//! The fixes of a device in one feed, and what is told of each as others come and go.
//!
//! Most fixes are the newest: they are told, and the two before them amended ([`Track::amend_end`]). Around one that came late, or is
//! withdrawn, everything within [`CONTEXT_MS`] is worked out anew ([`Track::amend_around`]). Both come to the same.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::rc::Rc;

use super::fix::{Arrival, Kept, Key, Outcome, Stance, place};
use super::lattice::Lattice;
use super::reports::Reports;
use super::{CONTEXT_MS, LAG, Logged, MAX_GAP_MS, Rules, Told, motion};
use crate::Time;
use crate::city::map::{Map, Street};
use crate::city::matching::{Candidate, Move, move_between};
use crate::city::vehicles::POSITION_ERROR;
use crate::model::{Id, Kind, Millis, distance_mm, is_within};
use crate::operators::{AsOf, Turn};

/// The fixes of a device in one feed.
#[derive(Debug, Default)]
pub(super) struct Track {
    /// Ascending by event time and origin.
    pub(super) fixes: VecDeque<Kept>,
    lattice: Lattice,
    /// How many of the fixes have flags.
    pub(super) flagged: usize,
    reports: Reports,
}

impl Track {
    /// Forgets the fixes whose time is over.
    pub(super) fn forget(&mut self, vehicle: Id, turn: &mut Turn<'_, Logged, Told>, rules: &Rules) {
        while let Some(fix) = self.fixes.pop_front_if(|fix| rules.forgets(fix) <= turn.now()) {
            self.lattice.forget_first();
            self.reports.forget_first();
            self.flagged -= usize::from(fix.is_flagged());
            for flag in fix.flags() {
                turn.emit(Told::DeviceFlag(vehicle, flag), -1);
            }
        }
    }

    /// Takes a fix in or out, and notes where that was.
    pub(super) fn note(
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
                let at = place(&self.fixes, &key);
                if self.fixes.get(at).is_some_and(|known| known.key() == key) {
                    return;
                }
                if self.fixes.len() == self.fixes.capacity() {
                    self.fixes.reserve_exact(4 + self.fixes.len() / 8);
                }
                if at < self.fixes.len() {
                    self.lattice.disturb();
                }
                self.fixes.insert(at, fix);
                touched.push(key);
            }
            Logged::Withdrawn(mark) if mark.kind == kind => {
                let key = (mark.time, mark.origin());
                let at = place(&self.fixes, &key);
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

    /// Tells what follows from a fix; what was told of it before is taken back as far as it differs.
    fn tell(&mut self, at: usize, outcome: Outcome, vehicle: Id, kind: Kind, turn: &mut Turn<'_, Logged, Told>) {
        let fix = &mut self.fixes[at];
        self.flagged -= usize::from(fix.is_flagged());
        fix.tell(outcome, vehicle, kind, &mut |told, diff| turn.emit(told, diff));
        self.flagged += usize::from(fix.is_flagged());
    }

    /// Tells anew what changed around the fixes that came or went.
    pub(super) fn amend(
        &mut self,
        mut touched: Vec<Key>,
        vehicle: Id,
        kind: Kind,
        turn: &mut Turn<'_, Logged, Told>,
        maps: &AsOf<Rc<Map>>,
    ) {
        touched.sort_unstable();
        self.reports.judge(&mut self.fixes, &touched);
        let appended = self.fixes.iter().rev().take_while(|fix| fix.told.is_none()).count();
        let appended = self.fixes.len() - appended;
        let newest = self.fixes.get(appended).map(Kept::key);
        for key in touched {
            // The newest are told together; but where one that is none of them was withdrawn from among them, around it, too.
            if newest.is_some_and(|newest| newest <= key) && self.fixes.range(appended..).any(|fix| fix.key() == key) {
                continue;
            }
            let at = place(&self.fixes, &key);
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
        let recent = first.saturating_sub(LAG);
        let (from, distrusted) = self.reports.distrusted_of_newest(&self.fixes, first);
        let is_distrusted = |at: usize, told: Option<&Outcome>| match at.checked_sub(from) {
            Some(number) => distrusted.get(number).copied().unwrap_or_default(),
            None => told.is_some_and(|told| told.stance.is_distrusted),
        };
        for at in recent..=last {
            let fix = &self.fixes[at];
            // What stood before still does, but for a fix that was alone until now.
            let stood = at < first && at + 1 < first && fix.stands();
            let stood_alone_or_long = at + 1 == first && motion::stay(&self.fixes, at).is_some();
            let stands = stood || stood_alone_or_long || is_in_stay(at) || motion::stands_alone(&self.fixes, at);
            let stance = Stance { stands, is_distrusted: is_distrusted(at, fix.told.as_ref()) };
            let outcome = self.outcome(at, at >= first, stance, &decided, maps);
            self.tell(at, outcome, vehicle, kind, turn);
        }
        let stood = stays.iter().map(|stay| *stay.start()).min().unwrap_or(recent);
        for at in stood.min(from)..recent {
            let Some(told) = &self.fixes[at].told else { continue };
            let stands = told.stance.stands || is_in_stay(at);
            let stance = Stance { stands, is_distrusted: is_distrusted(at, Some(told)) };
            if stance != told.stance {
                let outcome = Outcome { stance, ..told.clone() };
                self.tell(at, outcome, vehicle, kind, turn);
            }
        }
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
        let last = end.checked_sub(1).map_or(time, |last| self.fixes[last].time.max(time));
        let last_witness = until(last.0 - time.0 + CONTEXT_MS);
        let decided = self.decide(at.saturating_sub(1), (end + LAG).min(self.fixes.len()).saturating_sub(1), maps);
        let mut stances = vec![Stance::default(); end.saturating_sub(first)];
        for stay in (first..last_witness).filter_map(|at| motion::stay(&self.fixes, at)) {
            for at in stay.filter(|at| (first..end).contains(at)) {
                stances[at - first].stands = true;
            }
        }
        for (stance, is_distrusted) in stances.iter_mut().zip(self.reports.distrusted_anew(&self.fixes, first)) {
            stance.is_distrusted = is_distrusted;
        }
        for at in first..end {
            let Stance { stands, is_distrusted } = stances[at - first];
            let stands = stands || motion::stands_alone(&self.fixes, at);
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
            outcome.gap = gap.filter(|gap| *gap <= CONTEXT_MS).and_then(|gap| u32::try_from(gap).ok()?.try_into().ok());
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
                if matches!(outcome.arrival, Arrival::By(..))
                    && outcome.is_still()
                    && is_within(self.fixes[at - 1].place, fix.place, POSITION_ERROR)
                {
                    outcome.arrival = Arrival::Along(0); // noise at a junction, and no way from street to street
                }
            }
        }
        outcome.stance = stance;
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
            Move::By(way) => Arrival::By(from.1, way),
        })
    }
}

/// A street, and how far into it, millimetres.
pub(super) type On = (Rc<Street>, i32);

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
