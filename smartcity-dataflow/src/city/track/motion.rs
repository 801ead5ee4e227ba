//! What the fixes of a track say of the vehicle's motion.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use super::fix::{Kept, Mph};
use super::{CONTEXT_MS, LAG, MAX_GAP_MS};
use crate::city::vehicles::{Implausible, MOVING_ABOVE, POSITION_ERROR, SURELY_APART, TOO_FAST};
use crate::model::{Heading, Kmh, Millimetres, bearing, distance_mm, is_within};

/// Slower than this is as good as 0.
pub(super) const STANDING: Kmh = Kmh(1_000);

/// Over this time, milliseconds, motion is looked for where fixes are nearer to each other than their error.
const MOTION_MS: i64 = 60_000;

/// Who stands for longer, milliseconds, is not in the traffic, unless a queue stands with it.
const STANDING_MS: i64 = 120_000;

/// The fixes before `at`, from the last on, without those at places gone wrong: one or two in a row that no road vehicle can have
/// come from. They end where more than those ([`LAG`], as many as say where a fix was) are out of reach.
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
