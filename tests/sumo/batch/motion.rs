//! Who stands, and whose speed is not believed.

use smartcity::model::distance_mm;

use super::Fix;

/// Two fixes may be off together by so many millimetres.
pub(super) const ERROR_MM: i64 = 30_000;

/// So far apart are no two fixes of one place.
const APART_MM: i64 = 80_000;

/// Nothing is told of a fix by others that are further off in time.
const CONTEXT_MS: i64 = 180_000;

/// Fixes further apart in time say nothing of the way between them.
const MAX_GAP_MS: i64 = 90_000;

/// What the fixes around one say of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Motion {
    /// It has stood for two minutes, or says that it stands and nobody knows of a way.
    pub(super) stands: bool,
    /// It is where it was a minute ago, as far as positions tell.
    pub(super) stayed: bool,
    /// Its track contradicts its speeds again and again.
    pub(super) is_distrusted: bool,
}

impl Motion {
    pub(super) fn of(track: &[Fix]) -> Vec<Self> {
        let steps: Vec<_> = (0..track.len()).filter_map(|last| Step::to(track, last)).collect();
        let mut motions: Vec<_> = (0..track.len())
            .map(|at| Self {
                stands: stands_alone(track, at),
                stayed: stayed(track, at),
                is_distrusted: is_distrusted(track, at, &steps),
            })
            .collect();
        let says_moving = |fix: &Fix| fix.speed.is_some_and(|speed| speed > 5_000);
        for last in (0..track.len()).filter(|&last| !says_moving(&track[last])) {
            let ago = |before: usize| track[last].time - track[before].time;
            let earlier = leading_to(track, last);
            let Some(minutes) = earlier.iter().position(|&before| ago(before) >= 120_000) else { continue };
            let is_here = |&before: &usize| {
                let fix = &track[before];
                distance_mm(fix.place, track[last].place).0 <= APART_MM
                    && !says_moving(fix)
                    && ago(before) <= CONTEXT_MS
            };
            if earlier[..=minutes].iter().all(is_here) {
                motions[earlier[minutes]..=last].iter_mut().for_each(|motion| motion.stands = true);
            }
        }
        motions
    }
}

/// The fixes before one, from the last on, but for one or two in a row that are too far off to have come from at 50 m/s.
fn leading_to(track: &[Fix], at: usize) -> Vec<usize> {
    let (mut later, mut missed, mut found) = (at, 0, Vec::new());
    for before in (0..at).rev() {
        let gap = track[later].time - track[before].time;
        if distance_mm(track[before].place, track[later].place).0 > ERROR_MM + 50 * gap {
            missed += 1;
            if missed > 2 {
                break;
            }
            continue;
        }
        (later, missed) = (before, 0);
        found.push(before);
    }
    found
}

/// Whether there was a fix before it, of three minutes at most, and all of the last minute are nearby.
fn stayed(track: &[Fix], at: usize) -> bool {
    let ago = |fix: usize| track[at].time - track[fix].time;
    let earlier: Vec<_> = leading_to(track, at).into_iter().filter(|&before| ago(before) > 0).collect();
    let Some(last) = earlier.first().filter(|&&last| ago(last) <= CONTEXT_MS) else { return false };
    let distance = |before: usize| distance_mm(track[before].place, track[at].place).0;
    let mut asked = earlier.iter().filter(|&&before| before == *last || ago(before) <= 60_000);
    let says_moving = track[at].speed.is_some_and(|speed| speed > 5_000);
    asked.all(|&before| distance(before) <= if says_moving { ERROR_MM } else { APART_MM })
}

/// Whether nobody near in time says how it came there or went on.
fn stands_alone(track: &[Fix], at: usize) -> bool {
    let is_near = |other: &Fix| (other.time - track[at].time).abs() <= MAX_GAP_MS;
    let before = at.checked_sub(1).is_some_and(|before| is_near(&track[before]));
    let says_standing = track[at].speed.is_some_and(|speed| speed <= 1_000);
    says_standing && !before && !track.get(at + 1).is_some_and(is_near)
}

/// The last fix before one that is half a minute older; where that is too old to know the way, the first after it, if it is at
/// least 6 s older.
fn half_a_minute_before(track: &[Fix], at: usize) -> Option<usize> {
    let ago = |before: usize| track[at].time - track[before].time;
    let older = track[..at].iter().rposition(|fix| track[at].time - fix.time >= 30_000);
    let next = older.map_or(0, |older| older + 1);
    older.filter(|&older| ago(older) <= MAX_GAP_MS).or_else(|| Some(next).filter(|&next| ago(next) >= 6_000))
}

/// How the step between two fixes compares with the speeds that are reported on it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Compared {
    Faster,
    Slower,
    Alike,
}

/// A step of half a minute, from one fix to another.
struct Step {
    first: usize,
    last: usize,
    compared: Compared,
    /// No vehicle changes its speed so much between reports.
    is_sure: bool,
}

impl Step {
    fn to(track: &[Fix], last: usize) -> Option<Self> {
        let slot = |at: usize| track[at].time.div_euclid(5_000);
        last.checked_sub(1).filter(|&before| slot(before) != slot(last))?;
        let first = half_a_minute_before(track, last)?;
        let (mut reported, mut longest) = (0, 0);
        for pair in track[first..=last].windows(2) {
            let gap = pair[1].time - pair[0].time;
            reported += gap * (pair[0].speed? + pair[1].speed?);
            longest = longest.max(gap);
        }
        let time = track[last].time - track[first].time;
        let (reported, straight) = (reported / 2 / time, distance_mm(track[first].place, track[last].place).0);
        let speed = |distance: i64| distance.max(0) * 3_600 / time;
        if speed(straight - ERROR_MM) > 180_000 {
            return None;
        }
        let change = 9 * longest / 5;
        // How much more one speed is than another allows.
        let beyond = |more: i64, less: i64| more - (3 * less / 2 + 5_000);
        let faster = beyond(speed(straight - ERROR_MM), reported);
        let slower = beyond(reported, speed(straight + ERROR_MM));
        let (compared, beyond) = if faster > change.min(10_000) {
            (Compared::Faster, faster)
        } else if slower > change.min(10_000) {
            (Compared::Slower, slower)
        } else if straight > APART_MM && reported > 1_000 {
            (Compared::Alike, 0)
        } else {
            return None;
        };
        Some(Self { first, last, compared, is_sure: beyond > change })
    }
}

/// Whether the steps that end in the 90 s up to a fix contradict its report; or, where they neither do nor confirm it, those that
/// end up to three minutes later as well.
fn is_distrusted(track: &[Fix], at: usize, steps: &[Step]) -> bool {
    let until = |ahead: i64| -> Vec<&Step> {
        let around = track[at].time - MAX_GAP_MS..=track[at].time + ahead;
        steps.iter().filter(|step| around.contains(&track[step.last].time)).collect()
    };
    let before = until(0);
    let is_open = before.iter().all(|step| step.compared != Compared::Alike);
    contradict(track, &before) || is_open && contradict(track, &until(CONTEXT_MS))
}

/// Whether of some steps more contradict the reports, and two do: one for sure, or one after the other.
fn contradict(track: &[Fix], steps: &[&Step]) -> bool {
    // How many there are; where the first began and the last ended, if of two one is sure or the last began after the first ended.
    let of = |compared: Compared| {
        let of: Vec<_> = steps.iter().filter(|step| step.compared == compared).collect();
        let is_so =
            |first: &Step, last: &Step| last.first >= first.last || of.len() > 1 && of.iter().any(|step| step.is_sure);
        let ends = of.first().zip(of.last()).filter(|(first, last)| is_so(first, last));
        (of.len(), ends.map(|(first, last)| (first.first, last.last)))
    };
    let leads_on = |(from, to): (usize, usize)| distance_mm(track[from].place, track[to].place).0 > APART_MM;
    let ((faster, fast), (slower, slow)) = (of(Compared::Faster), of(Compared::Slower));
    (slow.is_some() || fast.is_some_and(leads_on)) && faster + slower > of(Compared::Alike).0
}
