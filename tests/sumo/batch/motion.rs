//! Who stands, and whose speed is not believed.

use smartcity::model::distance_mm;

use super::Fix;

/// Two fixes may be off together by so many millimetres.
const ERROR_MM: i64 = 30_000;

/// Nothing is told of a fix by others that are further off in time.
const CONTEXT_MS: i64 = 180_000;

/// What the fixes around one say of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Motion {
    /// It has stood for two minutes, or says that it stands and nobody knows of a way.
    pub(super) stands: bool,
    /// It is where it was a minute ago, as far as positions tell.
    pub(super) stayed: bool,
    /// It says 0 while the track moves on, again and again.
    pub(super) is_distrusted: bool,
}

impl Motion {
    pub(super) fn of(track: &[Fix]) -> Vec<Self> {
        let mut motions: Vec<_> = (0..track.len())
            .map(|at| Self {
                stands: stands_alone(track, at),
                stayed: stayed(track, at),
                is_distrusted: is_distrusted(track, at),
            })
            .collect();
        for last in 0..track.len() {
            let says_moving = |fix: &Fix| fix.speed.is_some_and(|speed| speed > 5_000);
            if says_moving(&track[last]) {
                continue;
            }
            let near = |fix: &Fix| {
                let is_here = distance_mm(fix.place, track[last].place).0 <= ERROR_MM;
                is_here && !says_moving(fix) && track[last].time - fix.time <= CONTEXT_MS
            };
            let first = track[..last].iter().rposition(|fix| !near(fix)).map_or(0, |far| far + 1);
            let two_minutes = (first..last).rev().find(|&at| track[last].time - track[at].time >= 120_000);
            if let Some(first) = two_minutes {
                motions[first..=last].iter_mut().for_each(|motion| motion.stands = true);
            }
        }
        motions
    }
}

/// Whether the fix before it, of three minutes at most, and all of the last minute are within the error.
fn stayed(track: &[Fix], at: usize) -> bool {
    let ago = |fix: &Fix| track[at].time - fix.time;
    let last = track[..at].iter().rposition(|fix| (1..=CONTEXT_MS).contains(&ago(fix)));
    let is_asked = |number: usize, fix: &Fix| Some(number) == last || (1..=60_000).contains(&ago(fix));
    let mut asked = track[..at].iter().enumerate().filter(|&(number, fix)| is_asked(number, fix));
    last.is_some() && asked.all(|(_, fix)| distance_mm(fix.place, track[at].place).0 <= ERROR_MM)
}

/// At most 1 km/h.
fn says_standing(fix: &Fix) -> bool {
    fix.speed.is_some_and(|speed| speed <= 1_000)
}

/// Whether nobody near in time says how it came there or went on.
fn stands_alone(track: &[Fix], at: usize) -> bool {
    let is_near = |other: &Fix| (other.time - track[at].time).abs() <= 90_000;
    let before = at.checked_sub(1).is_some_and(|before| is_near(&track[before]));
    says_standing(&track[at]) && !before && !track.get(at + 1).is_some_and(is_near)
}

/// Whether it and all that speak within three minutes of it say that they stand, and those of three minutes moved on all the same.
fn is_distrusted(track: &[Fix], at: usize) -> bool {
    let near = |fix: &Fix| (fix.time - track[at].time).abs() <= CONTEXT_MS;
    let is_in_motion = |fix: &Fix| fix.speed.is_some() && !says_standing(fix);
    says_standing(&track[at])
        && !track.iter().any(|fix| near(fix) && is_in_motion(fix))
        && (at..track.len()).any(|last| near(&track[last]) && moved_on(track, last))
}

/// Whether the fixes of three minutes up to `last` go two steps that lead on, each faster than 15 km/h whatever the errors.
fn moved_on(track: &[Fix], last: usize) -> bool {
    let is_of_them = |fix: &&Fix| track[last].time - fix.time <= CONTEXT_MS;
    let (mut ends, mut leads_on) = (vec![&track[last]], false);
    for fix in track[..last].iter().rev().take_while(is_of_them) {
        let later = ends[ends.len() - 1];
        let (distance, gap) = (distance_mm(fix.place, later.place).0, later.time - fix.time);
        if gap > 0 && (distance - ERROR_MM) * 3_600 / gap > 15_000 {
            leads_on |= ends.len() > 1 && distance_mm(fix.place, ends[ends.len() - 2].place).0 > 2 * ERROR_MM;
            ends.push(fix);
        } else if gap > 60_000 {
            *ends.last_mut().expect("there is one") = fix;
        }
    }
    leads_on
}
