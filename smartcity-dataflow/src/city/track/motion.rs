//! What the fixes of a track say of the vehicle's motion.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use super::fix::{Kept, Mph};
use super::{CONTEXT_MS, LAG, MAX_GAP_MS};
use crate::city::vehicles::{Implausible, MOVING_ABOVE, POSITION_ERROR, SURELY_APART, TOO_FAST};
use crate::model::{Heading, Kmh, Millimetres, bearing, distance_mm, is_within};

/// Slower than this is as good as 0.
const STANDING: Kmh = Kmh(1_000);

/// Over this time, milliseconds, motion is looked for where fixes are nearer to each other than their error.
const MOTION_MS: i64 = 60_000;

/// Who stands for longer, milliseconds, is not in the traffic, unless a queue stands with it.
const STANDING_MS: i64 = 120_000;

/// Reported speeds are held against the track over this time, milliseconds, where fixes are that dense and go back so far.
const STEP_MS: i64 = 30_000;

/// Of fixes that are denser than this, milliseconds, one is judged.
const JUDGED_EVERY_MS: i64 = 5_000;

/// Over less, milliseconds, they are not.
const SHORTEST_STEP_MS: i64 = 6_000;

/// The fixes before `at`, from the last on, without those at places gone wrong: one or two in a row that no road vehicle can have
/// come from. They end where more than those are out of reach.
fn leading_to(fixes: &VecDeque<Kept>, at: usize) -> impl Iterator<Item = (usize, &Kept)> {
    let (mut next, mut later, mut skipped) = (at, at, 0);
    std::iter::from_fn(move || {
        loop {
            next = next.checked_sub(1).filter(|_| skipped <= LAG)?;
            let gap = fixes[later].time.0 - fixes[next].time.0;
            let reach = POSITION_ERROR.0.saturating_add(gap.saturating_mul(TOO_FAST.0) / 3_600);
            if is_within(fixes[next].place, fixes[later].place, Millimetres(reach)) {
                (later, skipped) = (next, 0);
                return Some((next, &fixes[next]));
            }
            skipped += 1;
        }
    })
}

/// Speed and heading at a fix: from the last fix before it that is surely elsewhere, at most [`MOTION_MS`] ago; of one that reports
/// that it moves, from the last that is further off than positions err. Who stayed within that stands. Where it can have come from
/// none, the step from the last one all the same. `None` where there was no fix for [`CONTEXT_MS`].
pub(super) fn motion(fixes: &VecDeque<Kept>, at: usize) -> Option<(Mph, Option<Heading>)> {
    let fix = &fixes[at];
    let apart = if reports_motion(fix) { POSITION_ERROR } else { SURELY_APART };
    let ago = |before: &Kept| fix.time.0 - before.time.0;
    let step_from = |before: &Kept| {
        let speed = Kmh::over(distance_mm(before.place, fix.place), ago(before))?;
        let speed = u32::try_from(speed.0).ok().and_then(Mph::new).unwrap_or(Mph::MAX);
        Some((speed, bearing(before.place, fix.place)))
    };
    let mut has_stayed = false;
    // Two fixes of one moment say nothing.
    for (_, before) in leading_to(fixes, at).filter(|(_, before)| ago(before) > 0) {
        if ago(before) > if has_stayed { MOTION_MS } else { CONTEXT_MS } {
            break;
        }
        if !is_within(before.place, fix.place, apart) {
            return step_from(before);
        }
        has_stayed = true;
    }
    if has_stayed {
        return Some((Mph::ZERO, None));
    }
    let last = fixes.range(..at).rev().find(|before| ago(before) > 0)?;
    if ago(last) <= CONTEXT_MS { step_from(last) } else { None }
}

/// Why the step to a fix is not believed. Positions may be off by [`POSITION_ERROR`], so that much is granted first. A step of
/// more than [`CONTEXT_MS`] says nothing.
pub(super) fn implausible(fixes: &VecDeque<Kept>, at: usize) -> Option<Implausible> {
    let (before, fix) = (&fixes[at.checked_sub(1)?], &fixes[at]);
    let surely = surely(before, fix).filter(|_| fix.time.0 - before.time.0 <= CONTEXT_MS)?;
    let fastest_report = fix.reported_speed().max(before.reported_speed());
    if surely > TOO_FAST {
        Some(Implausible::TooFast)
    } else if fastest_report.is_some_and(|fastest| surely.0 > 3 * fastest.0 + 30_000) {
        Some(Implausible::ContradictsReport)
    } else {
        None
    }
}

/// The least speed between two fixes that their errors allow; `None` for two fixes of one moment.
fn surely(from: &Kept, to: &Kept) -> Option<Kmh> {
    let distance = distance_mm(from.place, to.place) - POSITION_ERROR;
    Kmh::over(Millimetres(distance.0.max(0)), to.time.0 - from.time.0)
}

/// Whether a fix reports that the vehicle moves.
fn reports_motion(fix: &Kept) -> bool {
    fix.reported_speed().is_some_and(|speed| speed > MOVING_ABOVE)
}

/// How the step to a fix compares with the speeds that are reported on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nobody asked or can tell, or the vehicle was not in motion, or where it was cannot be.
    #[default]
    Silent,
    /// The vehicle was in motion, and as fast as it reported.
    Confirmed,
    /// It was faster than would be likely.
    Faster(Doubt),
    /// It was slower than would be likely.
    Slower(Doubt),
}

/// Whether reports may be honest all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Once: a vehicle may drive between two reports at red lights.
    Once,
    /// Never: no vehicle changes its speed so much between reports.
    Never,
}

/// Where the step to a fix began: the last fix that is [`STEP_MS`] older, or the first that is younger where that one is too old
/// to know the way.
fn step_begins(fixes: &VecDeque<Kept>, at: usize, last_older: Option<usize>) -> Option<usize> {
    let ago = |before: usize| fixes[at].time.0 - fixes[before].time.0;
    let first_younger = last_older.map_or(0, |older| older + 1);
    last_older
        .filter(|&older| ago(older) <= MAX_GAP_MS)
        .or_else(|| (ago(first_younger) >= SHORTEST_STEP_MS).then_some(first_younger))
}

/// The last fix that is [`STEP_MS`] older than `at`.
fn last_older(fixes: &VecDeque<Kept>, at: usize) -> Option<usize> {
    (0..at).rev().find(|&before| fixes[at].time.0 - fixes[before].time.0 >= STEP_MS)
}

/// How does the step to a fix compare with the reports on it? Between reports a vehicle may change its speed by 2 m/s each second,
/// which is granted, and 5 km/h and half of the speed besides. Where reports are far apart 10 km/h are granted, but once only.
pub(super) fn verdict(fixes: &VecDeque<Kept>, at: usize) -> Verdict {
    const CHANGE_OF_KMH: i64 = 10_000;
    let slot = |at: usize| fixes[at].time.0.div_euclid(JUDGED_EVERY_MS);
    if at.checked_sub(1).is_none_or(|before| slot(before) == slot(at)) {
        return Verdict::Silent;
    }
    let Some(first) = step_begins(fixes, at, last_older(fixes, at)) else { return Verdict::Silent };
    let (mut reported, mut longest) = (0, 0);
    for pair in first..at {
        let (from, to) = (&fixes[pair], &fixes[pair + 1]);
        let (Some(of_from), Some(of_to)) = (from.reported_speed(), to.reported_speed()) else { return Verdict::Silent };
        let gap = to.time.0 - from.time.0;
        reported += (of_from.0 + of_to.0) * gap;
        longest = gap.max(longest);
    }
    let (from, to) = (&fixes[first], &fixes[at]);
    let time = to.time.0 - from.time.0;
    let (reported, distance) = (reported / (2 * time), distance_mm(from.place, to.place).0);
    let speed = |distance: i64| distance.max(0) * 3_600 / time;
    let surely = speed(distance - POSITION_ERROR.0);
    if surely > TOO_FAST.0 {
        return Verdict::Silent; // it is the positions that are wrong
    }
    let change = longest * 9 / 5; // a quarter of 2 m/s² over the gap: 1.8 km/h a second
    let doubt = |more: i64, less: i64| {
        let beyond = more - less * 3 / 2 - 5_000;
        let doubt = if beyond > change { Doubt::Never } else { Doubt::Once };
        (beyond > change.min(CHANGE_OF_KMH)).then_some(doubt)
    };
    if let Some(doubt) = doubt(surely, reported) {
        Verdict::Faster(doubt)
    } else if let Some(doubt) = doubt(reported, speed(distance + POSITION_ERROR.0)) {
        Verdict::Slower(doubt)
    } else if distance > SURELY_APART.0 && reported > STANDING.0 {
        Verdict::Confirmed
    } else {
        Verdict::Silent
    }
}

/// Steps, ascending, by the fixes at which each began and ended.
type Steps = VecDeque<(usize, usize)>;

/// Steps by verdict.
#[derive(Debug, Default)]
struct Verdicts {
    confirmed: Steps,
    /// And those of them that leave no doubt.
    faster: [Steps; 2],
    slower: [Steps; 2],
}

impl Verdicts {
    fn add(&mut self, verdict: Verdict, step: (usize, usize)) {
        let (steps, doubt) = match verdict {
            Verdict::Silent => return,
            Verdict::Confirmed => return self.confirmed.push_back(step),
            Verdict::Faster(doubt) => (&mut self.faster, doubt),
            Verdict::Slower(doubt) => (&mut self.slower, doubt),
        };
        steps[0].push_back(step);
        if doubt == Doubt::Never {
            steps[1].push_back(step);
        }
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Steps> {
        self.faster.iter_mut().chain(&mut self.slower).chain([&mut self.confirmed])
    }

    fn remove(&mut self, is_over: impl Fn(usize) -> bool) {
        for steps in self.all() {
            while steps.pop_front_if(|(_, ends)| is_over(*ends)).is_some() {}
        }
    }

    /// Whether more of them contradict what is reported than confirm it, and again: by two of which one leaves no doubt, or one that
    /// begins where another has ended. Those that are faster have to lead on: out and back is a bad position.
    fn contradict(&self, fixes: &VecDeque<Kept>) -> bool {
        let whole = |steps: &[Steps; 2]| {
            let ((begins, ends), (begins_again, ends_again)) = (*steps[0].front()?, *steps[0].back()?);
            let is_so = begins_again >= ends || steps[0].len() > 1 && !steps[1].is_empty();
            is_so.then_some((begins, ends_again))
        };
        let leads_on = |(from, to): (usize, usize)| !is_within(fixes[from].place, fixes[to].place, SURELY_APART);
        let is_so = whole(&self.slower).is_some() || whole(&self.faster).is_some_and(leads_on);
        is_so && self.faster[0].len() + self.slower[0].len() > self.confirmed.len()
    }
}

/// A verdict looks back for a gap itself, so those of this time before a fix, milliseconds, say whether it is believed.
const VERDICTS_MS: i64 = CONTEXT_MS - MAX_GAP_MS;

/// Whether the speed that a fix reports is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Belief {
    pub(super) is_distrusted: bool,
    /// Whether what comes later may say otherwise.
    pub(super) is_open: bool,
}

/// The verdicts between two times, as both move on.
#[derive(Debug)]
pub(super) struct Recent {
    enters: usize,
    /// The last fix that is [`STEP_MS`] older than the one that enters next.
    older: Option<usize>,
    verdicts: Verdicts,
}

impl Recent {
    /// Those before fix `at`.
    pub(super) fn before(fixes: &VecDeque<Kept>, at: usize) -> Self {
        let since = fixes[at].time.0 - VERDICTS_MS;
        let enters = fixes.partition_point(|fix| fix.time.0 < since);
        Self { enters, older: last_older(fixes, enters), verdicts: Verdicts::default() }
    }

    /// The first of the fixes is forgotten.
    pub(super) fn forget_first(&mut self) {
        self.enters = self.enters.saturating_sub(1);
        self.older = self.older.and_then(|older| older.checked_sub(1));
        for (begins, ends) in self.verdicts.all().flatten() {
            (*begins, *ends) = (begins.saturating_sub(1), ends.saturating_sub(1));
        }
    }

    fn move_on(&mut self, fixes: &VecDeque<Kept>, since: i64, until: i64) -> &Verdicts {
        while let Some(fix) = fixes.get(self.enters).filter(|fix| fix.time.0 <= until) {
            let is_older = |next: &usize| *next < self.enters && fix.time.0 - fixes[*next].time.0 >= STEP_MS;
            while let Some(next) = Some(self.older.map_or(0, |older| older + 1)).filter(is_older) {
                self.older = Some(next);
            }
            if fix.verdict != Verdict::Silent
                && let Some(begins) = step_begins(fixes, self.enters, self.older)
            {
                self.verdicts.add(fix.verdict, (begins, self.enters));
            }
            self.enters += 1;
        }
        self.verdicts.remove(|ends| fixes[ends].time.0 < since);
        &self.verdicts
    }

    /// What do the verdicts up to fix `at`, which is not before those that were asked about, say of it?
    pub(super) fn belief(&mut self, fixes: &VecDeque<Kept>, at: usize) -> Belief {
        let fix = &fixes[at];
        let verdicts = self.move_on(fixes, fix.time.0 - VERDICTS_MS, fix.time.0);
        let is_contradicted = verdicts.contradict(fixes);
        let is_open = !is_contradicted && verdicts.confirmed.is_empty();
        Belief { is_distrusted: is_contradicted && fix.reported_speed().is_some(), is_open }
    }
}

/// Are the speeds believed that are reported from fix `first` on? What led to a fix says so; where that says nothing, so do the
/// verdicts of [`CONTEXT_MS`] after it as well.
pub(super) fn beliefs(fixes: &VecDeque<Kept>, first: usize) -> Vec<Belief> {
    let (mut before, mut around) = (Recent::before(fixes, first), Recent::before(fixes, first));
    let belief = |at: usize| {
        let (time, belief) = (fixes[at].time.0, before.belief(fixes, at));
        let around = around.move_on(fixes, time - VERDICTS_MS, time + CONTEXT_MS);
        let is_reported = fixes[at].reported_speed().is_some();
        let is_distrusted = belief.is_distrusted || belief.is_open && is_reported && around.contradict(fixes);
        Belief { is_distrusted, ..belief }
    };
    (first..fixes.len()).map(belief).collect()
}

/// Whether a verdict of such a time settles whether a fix is believed.
pub(super) fn settles(verdict: i64, fix: &Kept) -> bool {
    (fix.time.0 - VERDICTS_MS..=fix.time.0).contains(&verdict)
}

/// The fixes that show that the vehicle has stood for [`STANDING_MS`] at fix `at`; `None` where it has not, as far as
/// [`CONTEXT_MS`] tell. Who reports that it moves does not stand.
pub(super) fn stay(fixes: &VecDeque<Kept>, at: usize) -> Option<RangeInclusive<usize>> {
    let fix = &fixes[at];
    if reports_motion(fix) {
        return None;
    }
    for (first, before) in leading_to(fixes, at) {
        let ago = fix.time.0 - before.time.0;
        if ago > CONTEXT_MS || reports_motion(before) || !is_within(before.place, fix.place, SURELY_APART) {
            return None;
        }
        if ago >= STANDING_MS {
            return Some(first..=at);
        }
    }
    None
}

/// Whether a fix says that the vehicle stands, and no other near it in time says how it came there or went on.
pub(super) fn stands_alone(fixes: &VecDeque<Kept>, at: usize) -> bool {
    let is_near =
        |other: Option<&Kept>| other.is_some_and(|other| (other.time.0 - fixes[at].time.0).abs() <= MAX_GAP_MS);
    fixes[at].reported_speed().is_some_and(|speed| speed <= STANDING)
        && !is_near(at.checked_sub(1).and_then(|before| fixes.get(before)))
        && !is_near(fixes.get(at + 1))
}
