//! What the fixes of a track say of the vehicle's motion.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use super::fix::{Kept, Mph};
use super::{CONTEXT_MS, MAX_GAP_MS};
use crate::city::vehicles::{Implausible, MOVING_ABOVE, POSITION_ERROR, TOO_FAST};
use crate::model::{Heading, Kmh, Millimetres, bearing, distance_mm, is_within};

/// Slower than this is as good as 0.
const STANDING: Kmh = Kmh(1_000);

/// Who moves faster does not stand, whatever it reports.
const SURELY_MOVING: Kmh = Kmh(15_000);

/// Over this time, milliseconds, motion is looked for where fixes are nearer to each other than their error.
const MOTION_MS: i64 = 60_000;

/// Who stands for longer, milliseconds, is not in the traffic, unless a queue stands with it.
const STANDING_MS: i64 = 120_000;

/// Who is further from an earlier fix has moved, whatever the errors of both.
const SURELY_APART: Millimetres = Millimetres(2 * POSITION_ERROR.0);

/// Speed and heading at a fix: from the last fix before it that is further off than positions err, at most [`MOTION_MS`] ago;
/// else from the one just before it. Who stayed within the error stands. `None` where there was no fix for [`CONTEXT_MS`].
pub(super) fn motion(fixes: &VecDeque<Kept>, at: usize) -> Option<(Mph, Option<Heading>)> {
    let fix = &fixes[at];
    let mut moved = None;
    for before in (0..at).rev().map(|before| &fixes[before]) {
        let gap = fix.time.0 - before.time.0;
        if gap > if moved.is_none() { CONTEXT_MS } else { MOTION_MS } {
            break;
        }
        if gap == 0 {
            continue; // two fixes of one moment
        }
        if !is_within(before.place, fix.place, POSITION_ERROR) {
            let speed = Kmh::over(distance_mm(before.place, fix.place), gap)?;
            return Some((
                u32::try_from(speed.0).ok().and_then(Mph::new).unwrap_or(Mph::MAX),
                bearing(before.place, fix.place),
            ));
        }
        moved = Some((Mph::ZERO, None));
    }
    moved
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

/// Whether a fix reports that it stands.
pub(super) fn reports_standing(fix: &Kept) -> bool {
    fix.reported_speed().is_some_and(|speed| speed <= STANDING)
}

/// Whether a fix reports that it moves.
pub(super) fn reports_motion(fix: &Kept) -> bool {
    fix.reported_speed().is_some_and(|speed| speed > STANDING)
}

/// Whether a fix within [`CONTEXT_MS`] of one reports that it moves.
pub(super) fn reports_motion_near(fixes: &VecDeque<Kept>, at: usize) -> bool {
    let is_near = |fix: &&Kept| (fix.time.0 - fixes[at].time.0).abs() <= CONTEXT_MS;
    let before = fixes.range(..at).rev().take_while(is_near);
    before.chain(fixes.range(at..).take_while(is_near)).any(reports_motion)
}

/// The fixes of [`CONTEXT_MS`] up to `at`, where the track contradicts their reports: none reports that it moves, and the track
/// moves on all the same, by two steps that are surely faster than [`SURELY_MOVING`] and lead on. (One step is honest between two red
/// lights; out and back is a bad position.)
pub(super) fn contradiction(fixes: &VecDeque<Kept>, at: usize) -> Option<RangeInclusive<usize>> {
    let (mut first, mut later, mut latest, mut is_contradicted) = (at, at, None, false);
    for before in (0..=at).rev() {
        let fix = &fixes[before];
        if fixes[at].time.0 - fix.time.0 > CONTEXT_MS {
            break;
        }
        if reports_motion(fix) {
            return None;
        }
        first = before;
        if is_contradicted {
            continue;
        }
        let is_step = !is_within(fix.place, fixes[later].place, POSITION_ERROR)
            && surely(fix, &fixes[later]).is_some_and(|speed| speed > SURELY_MOVING);
        if is_step {
            let leads_on = |latest: usize| !is_within(fix.place, fixes[latest].place, SURELY_APART);
            is_contradicted = latest.is_some_and(leads_on);
            (latest, later) = (Some(later), before);
        } else if fixes[later].time.0 - fix.time.0 > MOTION_MS {
            later = before;
        }
    }
    is_contradicted.then_some(first..=at)
}

/// The fixes that show that the vehicle has stood for [`STANDING_MS`] at fix `at`; `None` where it has not, as far as
/// [`CONTEXT_MS`] tell. Who reports that it moves does not stand.
pub(super) fn stay(fixes: &VecDeque<Kept>, at: usize) -> Option<RangeInclusive<usize>> {
    let fix = &fixes[at];
    let moves = |fix: &Kept| fix.reported_speed().is_some_and(|speed| speed > MOVING_ABOVE);
    if moves(fix) {
        return None;
    }
    for first in (0..at).rev() {
        let before = &fixes[first];
        let ago = fix.time.0 - before.time.0;
        if ago > CONTEXT_MS || moves(before) || !is_within(before.place, fix.place, POSITION_ERROR) {
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
    reports_standing(&fixes[at])
        && !is_near(at.checked_sub(1).and_then(|before| fixes.get(before)))
        && !is_near(fixes.get(at + 1))
}
