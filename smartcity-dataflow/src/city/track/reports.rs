//! Are the speeds believed that a vehicle reports? They are held against its track.
//!
//! ```text
//!  step to a fix ──▶ verdict: as reported, faster, slower ──▶ those around a fix ──▶ is it believed?
//! ```
//!
//! A verdict looks back for [`MAX_GAP_MS`] at most, so those of the 90 s before a fix are found within [`CONTEXT_MS`] of it. They say
//! whether it is believed. Where they say nothing it is *open*, and those of [`CONTEXT_MS`] after it say so as well; so nothing
//! that comes later changes what is believed of a fix that is not open.

use std::collections::VecDeque;

use super::fix::{Kept, Key, place};
use super::motion::STANDING;
use super::{CONTEXT_MS, MAX_GAP_MS};
use crate::city::vehicles::{POSITION_ERROR, SURELY_APART, TOO_FAST};
use crate::model::{Millis, distance_mm, is_within};

/// Speeds are held against the track over this time, milliseconds, where fixes are that dense and go back so far.
const STEP_MS: i64 = 30_000;

/// Over less than this, milliseconds, they are not.
const SHORTEST_STEP_MS: i64 = 6_000;

/// Of fixes that are denser than this, milliseconds, one is judged.
const JUDGED_EVERY_MS: i64 = 5_000;

/// Verdicts of this time before a fix, milliseconds, are found within [`CONTEXT_MS`] of it.
const VERDICTS_MS: i64 = CONTEXT_MS - MAX_GAP_MS;

/// How the step to a fix compares with the speeds that are reported on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nobody asked or can tell, or the vehicle was not in motion, or where it was cannot be.
    #[default]
    Silent,
    /// The vehicle was in motion, and as fast as it reported.
    Confirmed,
    /// It was faster than is likely; or, where that `is_sure`, than any vehicle changes its speed between reports.
    Faster { is_sure: bool },
    /// It was slower, likewise.
    Slower { is_sure: bool },
}

/// What has been said of the reports of a track, as far as that saves work.
#[derive(Debug, Default)]
pub(super) struct Reports {
    /// When the last was contradicted, or later.
    contradicted: Option<Millis>,
    /// When the last fix was that is open, or later.
    open: Option<Millis>,
    /// The steps before the newest fix; none while no report is contradicted.
    recent: Option<Box<Recent>>,
}

impl Reports {
    /// Judges the reports where fixes came or went: of each that came, and of those after it whose steps may begin before it. The
    /// keys ascend, and no fix is judged twice.
    pub(super) fn judge(&mut self, fixes: &mut VecDeque<Kept>, touched: &[Key]) {
        let mut judged = 0;
        for key in touched {
            let until = key.0.0 + CONTEXT_MS;
            let mut at = place(fixes, key).max(judged);
            while at < fixes.len() && fixes[at].time.0 <= until {
                let verdict = verdict(fixes, at);
                fixes[at].verdict = verdict;
                if matches!(verdict, Verdict::Faster { .. } | Verdict::Slower { .. }) {
                    self.contradicted = self.contradicted.max(Some(fixes[at].time));
                }
                at += 1;
            }
            judged = at;
            if judged == fixes.len() {
                break;
            }
        }
    }

    /// The first of the fixes is forgotten.
    pub(super) fn forget_first(&mut self) {
        if let Some(recent) = &mut self.recent {
            recent.forget_first();
        }
    }

    /// Which of the reports from fix `first` on are not believed, after others came or went among them; nothing where all are.
    pub(super) fn distrusted_anew(&mut self, fixes: &VecDeque<Kept>, first: usize) -> Vec<bool> {
        self.recent = None;
        self.open = fixes.back().map(|fix| fix.time);
        if first < fixes.len() && is_within_context(self.contradicted, &fixes[first]) {
            distrusted(fixes, first)
        } else {
            Vec::new()
        }
    }

    /// From which fix on beliefs may have changed with the newest fixes, those from `first` on, and which of the reports from there on
    /// are not believed; nothing where all are.
    pub(super) fn distrusted_of_newest(&mut self, fixes: &VecDeque<Kept>, first: usize) -> (usize, Vec<bool>) {
        let newest = first..fixes.len();
        if !is_within_context(self.contradicted, &fixes[first]) {
            self.recent = None;
            self.open = fixes.back().map(|fix| fix.time);
            return (first, Vec::new());
        }
        let recent = self.recent.get_or_insert_with(|| Box::new(Recent::before(fixes, first)));
        let mut of_newest = Vec::with_capacity(newest.len());
        for at in newest.clone() {
            let belief = recent.belief(fixes, at);
            if belief == Belief::Open {
                self.open = Some(fixes[at].time);
            }
            of_newest.push(belief == Belief::Distrusted);
        }
        let is_any_judged = fixes.range(newest).any(|fix| fix.verdict != Verdict::Silent);
        if is_any_judged && is_within_context(self.open, &fixes[first]) {
            let since = fixes[first].time.0 - CONTEXT_MS;
            let from = fixes.partition_point(|fix| fix.time.0 < since);
            return (from, distrusted(fixes, from));
        }
        (first, of_newest)
    }
}

/// Whether a time is not longer before a fix than what is told of the fix depends on.
fn is_within_context(time: Option<Millis>, fix: &Kept) -> bool {
    time.is_some_and(|time| time.0 >= fix.time.0 - CONTEXT_MS)
}

/// The last fix that is [`STEP_MS`] older than `at`.
fn last_older(fixes: &VecDeque<Kept>, at: usize) -> Option<usize> {
    (0..at).rev().find(|&before| fixes[at].time.0 - fixes[before].time.0 >= STEP_MS)
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

/// How does the step to a fix compare with the reports on it? Between reports a vehicle may change its speed by 2 m/s each second,
/// which is granted, and 5 km/h and half of the speed besides. Where reports are far apart 10 km/h are granted, and nobody is sure.
fn verdict(fixes: &VecDeque<Kept>, at: usize) -> Verdict {
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
    let (at_least, at_most) = (speed(distance - POSITION_ERROR.0), speed(distance + POSITION_ERROR.0));
    if at_least > TOO_FAST.0 {
        return Verdict::Silent; // it is the positions that are wrong
    }
    let change = longest * 9 / 5; // a quarter of 2 m/s² over the gap: 1.8 km/h a second
    let beyond = |more: i64, less: i64| more - less * 3 / 2 - 5_000;
    let (faster, slower) = (beyond(at_least, reported), beyond(reported, at_most));
    if faster > change.min(CHANGE_OF_KMH) {
        Verdict::Faster { is_sure: faster > change }
    } else if slower > change.min(CHANGE_OF_KMH) {
        Verdict::Slower { is_sure: slower > change }
    } else if distance > SURELY_APART.0 && reported > STANDING.0 {
        Verdict::Confirmed
    } else {
        Verdict::Silent
    }
}

/// What the verdicts up to a fix say of its report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Belief {
    Believed,
    Distrusted,
    Open,
}

/// The steps with a verdict that ended between two times, as both move on.
#[derive(Debug)]
struct Recent {
    enters: usize,
    /// The last fix that is [`STEP_MS`] older than the one that enters next.
    older: Option<usize>,
    /// Where each began and ended, ascending.
    steps: VecDeque<(usize, usize)>,
}

impl Recent {
    /// Those before fix `at`.
    fn before(fixes: &VecDeque<Kept>, at: usize) -> Self {
        let since = fixes[at].time.0 - VERDICTS_MS;
        let enters = fixes.partition_point(|fix| fix.time.0 < since);
        Self { enters, older: last_older(fixes, enters), steps: VecDeque::new() }
    }

    fn forget_first(&mut self) {
        self.enters = self.enters.saturating_sub(1);
        self.older = self.older.and_then(|older| older.checked_sub(1));
        for (begins, ends) in &mut self.steps {
            (*begins, *ends) = (begins.saturating_sub(1), ends.saturating_sub(1));
        }
    }

    fn move_on(&mut self, fixes: &VecDeque<Kept>, since: i64, until: i64) {
        while let Some(fix) = fixes.get(self.enters).filter(|fix| fix.time.0 <= until) {
            let is_older = |next: &usize| *next < self.enters && fix.time.0 - fixes[*next].time.0 >= STEP_MS;
            while let Some(next) = Some(self.older.map_or(0, |older| older + 1)).filter(is_older) {
                self.older = Some(next);
            }
            if fix.verdict != Verdict::Silent
                && let Some(begins) = step_begins(fixes, self.enters, self.older)
            {
                self.steps.push_back((begins, self.enters));
            }
            self.enters += 1;
        }
        while self.steps.pop_front_if(|(_, ends)| fixes[*ends].time.0 < since).is_some() {}
    }

    /// What do the verdicts up to fix `at`, which is not before those that were asked about, say of its report?
    fn belief(&mut self, fixes: &VecDeque<Kept>, at: usize) -> Belief {
        let time = fixes[at].time.0;
        self.move_on(fixes, time - VERDICTS_MS, time);
        let sums = Sums::of(fixes, &self.steps);
        match sums.contradict(fixes) {
            true if fixes[at].reported_speed().is_some() => Belief::Distrusted,
            false if sums.confirmed == 0 => Belief::Open,
            _ => Belief::Believed,
        }
    }
}

/// Which of the reports from fix `first` on are not believed?
fn distrusted(fixes: &VecDeque<Kept>, first: usize) -> Vec<bool> {
    let (mut before, mut around) = (Recent::before(fixes, first), Recent::before(fixes, first));
    let is_distrusted = |at: usize| match before.belief(fixes, at) {
        Belief::Believed => false,
        Belief::Distrusted => true,
        Belief::Open => {
            let time = fixes[at].time.0;
            around.move_on(fixes, time - VERDICTS_MS, time + CONTEXT_MS);
            fixes[at].reported_speed().is_some() && Sums::of(fixes, &around.steps).contradict(fixes)
        }
    };
    (first..fixes.len()).map(is_distrusted).collect()
}

/// What verdicts add up to.
#[derive(Debug, Default)]
struct Sums {
    confirmed: usize,
    faster: Same,
    slower: Same,
}

/// Steps that contradict the reports in the same way.
#[derive(Debug, Default)]
struct Same {
    count: usize,
    is_any_sure: bool,
    first_and_last: Option<[(usize, usize); 2]>,
}

impl Same {
    fn add(&mut self, step: (usize, usize), is_sure: bool) {
        self.count += 1;
        self.is_any_sure |= is_sure;
        self.first_and_last = Some([self.first_and_last.map_or(step, |[first, _]| first), step]);
    }

    /// The fixes at which the first began and the last ended, if they contradict again: where of two one is sure, or one begins where
    /// another has ended. (Once is honest between two red lights.)
    fn again(&self) -> Option<(usize, usize)> {
        let [first, last] = self.first_and_last?;
        (last.0 >= first.1 || self.count > 1 && self.is_any_sure).then_some((first.0, last.1))
    }
}

impl Sums {
    fn of(fixes: &VecDeque<Kept>, steps: &VecDeque<(usize, usize)>) -> Self {
        let mut sums = Self::default();
        for &step in steps {
            match fixes[step.1].verdict {
                Verdict::Silent => (),
                Verdict::Confirmed => sums.confirmed += 1,
                Verdict::Faster { is_sure } => sums.faster.add(step, is_sure),
                Verdict::Slower { is_sure } => sums.slower.add(step, is_sure),
            }
        }
        sums
    }

    /// Whether more contradict the reports than confirm them, and again. Those that are faster have to lead on: out and back is a bad
    /// position.
    fn contradict(&self, fixes: &VecDeque<Kept>) -> bool {
        let leads_on = |(from, to): (usize, usize)| !is_within(fixes[from].place, fixes[to].place, SURELY_APART);
        let is_again = self.slower.again().is_some() || self.faster.again().is_some_and(leads_on);
        is_again && self.faster.count + self.slower.count > self.confirmed
    }
}
