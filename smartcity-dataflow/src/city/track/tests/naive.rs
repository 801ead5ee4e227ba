//! All that is told, worked out from the fixes that are there, each looked at by itself.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use super::*;
use crate::city::map::Map;
use crate::city::matching::{BREAK, Candidate, Move, candidates, move_between};
use crate::city::track::fix::{Arrival, Key, Mph, Outcome, Stance};
use crate::city::vehicles::Implausible;
use crate::model::{bearing, distance_mm};
use crate::testing::present;

/// The fixes before `at` back to the last gap, `at` included: the first of them.
fn chain_start(fixes: &[Kept], at: usize) -> usize {
    (0..=at).rev().find(|&i| i == 0 || fixes[i].time.0 - fixes[i - 1].time.0 > MAX_GAP_MS).unwrap()
}

/// Where the fixes that are decoded together with `end` were: the last three, as far as no gap parts them.
fn decoded(fixes: &[Kept], end: usize, map: &Map) -> Vec<(usize, Option<Candidate>)> {
    let start = chain_start(fixes, end);
    let recent: Vec<_> = (start.max(end.saturating_sub(2))..=end).rev().collect();
    let seen = |at: usize| candidates(map, fixes[at].place, fixes[at].heading);
    let mut taken: Vec<_> = recent.iter().copied().filter(|&at| !seen(at).is_empty()).collect();
    let of_recent = taken.len();
    for at in (start..recent[recent.len() - 1]).rev() {
        let is_in_time = fixes[end].time.0 - fixes[at].time.0 <= CONTEXT_MS;
        let is_apart =
            taken.last().is_none_or(|&last: &usize| distance_mm(fixes[last].place, fixes[at].place).0 >= 10_000);
        if is_in_time && is_apart && taken.len() - of_recent < CONTEXT_FIXES && !seen(at).is_empty() {
            taken.push(at);
        }
    }
    taken.reverse();
    // The cheapest chains that end in each candidate of a fix: cost, and candidates from the last on. Of equally cheap ones the first.
    let mut best: Vec<(i32, Vec<usize>)> = Vec::new();
    for (layer, &at) in taken.iter().enumerate() {
        let here = seen(at);
        let chains = here.iter().enumerate().map(|(number, candidate)| {
            let Some(before) = layer.checked_sub(1).map(|before| taken[before]) else {
                return (candidate.cost, vec![number]);
            };
            let gap = fixes[at].time.0 - fixes[before].time.0;
            let straight = distance_mm(fixes[before].place, fixes[at].place);
            let from = seen(before);
            let reached = best.iter().map(|(cost, chain)| {
                let moved =
                    move_between(map, &from[chain[0]], candidate, straight, gap).map_or(BREAK, |(_, cost)| cost);
                (cost + moved + candidate.cost, [&[number], &chain[..]].concat())
            });
            reached.min().unwrap()
        });
        best = chains.collect();
    }
    let chain = best.into_iter().min().map_or_else(Vec::new, |(_, chain)| chain);
    let chosen: HashMap<usize, usize> = taken.iter().rev().copied().zip(chain).collect();
    recent.into_iter().map(|at| (at, chosen.get(&at).map(|&number| seen(at)[number].clone()))).collect()
}

/// The city as of any tick.
pub(super) struct Past<'a> {
    updates: &'a [Update<Input>],
    maps: RefCell<HashMap<usize, Rc<Map>>>,
}

impl<'a> Past<'a> {
    pub(super) fn new(updates: &'a [Update<Input>]) -> Self {
        Self { updates, maps: RefCell::default() }
    }

    fn map(&self, now: Time) -> Rc<Map> {
        let edits: Vec<_> = self
            .updates
            .iter()
            .filter(|(row, time, _)| matches!(row, Input::City(_)) && *time <= now)
            .cloned()
            .collect();
        let known = self.maps.borrow().get(&edits.len()).cloned();
        known.unwrap_or_else(|| {
            let rows =
                present(&edits).into_iter().filter_map(|row| if let Input::City(row) = row { Some(row) } else { None });
            let map = Rc::new(Map::new(&rows.collect::<Vec<_>>()));
            self.maps.borrow_mut().insert(edits.len(), Rc::clone(&map));
            map
        })
    }
}

/// The fixes before `at`, the last first, each in reach of the next later one that is in the list; of those that are not two in a row
/// are passed over, and at the third the list ends.
fn connected(fixes: &[Kept], at: usize) -> Vec<usize> {
    let (mut list, mut out_of_reach) = (vec![at], 0);
    for i in (0..at).rev() {
        let later = *list.last().unwrap();
        let reach = 30_000 + (fixes[later].time.0 - fixes[i].time.0) * 50; // 180 km/h are 50 mm/ms
        if distance_mm(fixes[i].place, fixes[later].place).0 <= reach {
            list.push(i);
            out_of_reach = 0;
        } else if out_of_reach == 2 {
            break;
        } else {
            out_of_reach += 1;
        }
    }
    list.split_off(1)
}

fn motion(fixes: &[Kept], at: usize) -> (Option<Mph>, Option<Heading>) {
    let gap = |i: &usize| fixes[at].time.0 - fixes[*i].time.0;
    let earlier: Vec<_> = connected(fixes, at).into_iter().filter(|i| gap(i) > 0).collect();
    let earlier = earlier
        .iter()
        .enumerate()
        .filter(|(n, i)| gap(i) <= if *n == 0 { CONTEXT_MS } else { 60_000 })
        .map(|(_, i)| *i);
    let earlier: Vec<usize> = earlier.collect();
    let says_it_moves = fixes[at].reported_speed().is_some_and(|speed| speed.0 > 5_000);
    let apart = if says_it_moves { 30_000 } else { 80_000 };
    let step_from = |i: usize| {
        let speed = distance_mm(fixes[i].place, fixes[at].place).0 * 3_600 / gap(&i);
        (Mph::new(speed as u32), bearing(fixes[i].place, fixes[at].place))
    };
    let far = earlier.iter().find(|i| distance_mm(fixes[**i].place, fixes[at].place).0 > apart);
    match far {
        Some(i) => step_from(*i),
        None if !earlier.is_empty() => (Some(Mph::ZERO), None),
        None => match (0..at).rev().find(|i| gap(i) > 0).filter(|i| gap(i) <= CONTEXT_MS) {
            Some(i) => step_from(i),
            None => (None, None),
        },
    }
}

fn least_speed(from: &Kept, to: &Kept) -> i64 {
    let gap = to.time.0 - from.time.0;
    if gap == 0 { 0 } else { (distance_mm(from.place, to.place).0 - 30_000).max(0) * 3_600 / gap }
}

fn implausible(fixes: &[Kept], at: usize) -> Option<Implausible> {
    let (before, fix) = (&fixes[at.checked_sub(1)?], &fixes[at]);
    if fix.time.0 - before.time.0 > CONTEXT_MS {
        return None;
    }
    let speed = least_speed(before, fix);
    let reported = [before, fix].into_iter().filter_map(Kept::reported_speed).max();
    if speed > 180_000 {
        return Some(Implausible::TooFast);
    }
    reported.filter(|reported| speed > 3 * reported.0 + 30_000).map(|_| Implausible::ContradictsReport)
}

fn stands(fixes: &[Kept], at: usize) -> bool {
    let ago = |first: usize, last: usize| fixes[last].time.0 - fixes[first].time.0;
    let says_it_moves = |i: usize| fixes[i].reported_speed().is_some_and(|speed| speed.0 > 5_000);
    let shown_by = |witness: usize| {
        let known = connected(fixes, witness);
        let of_two_minutes = known.iter().position(|&i| ago(i, witness) >= 120_000);
        let is_here = |&i: &usize| distance_mm(fixes[i].place, fixes[witness].place).0 <= 80_000 && !says_it_moves(i);
        of_two_minutes.is_some_and(|last| {
            let first = known[last];
            let is_known = first <= at && ago(first, witness) <= CONTEXT_MS;
            is_known && !says_it_moves(witness) && known[..=last].iter().all(is_here)
        })
    };
    let is_alone = (0..fixes.len()).all(|i| i.abs_diff(at) != 1 || ago(i.min(at), i.max(at)) > MAX_GAP_MS);
    let says_it_stands = fixes[at].reported_speed().is_some_and(|speed| speed.0 <= 1_000);
    (at..fixes.len()).any(shown_by) || (is_alone && says_it_stands)
}

/// Where the step of half a minute, or a little more, to a fix began; one of less where nothing is known of the time before.
fn step_to(fixes: &[Kept], at: usize) -> Option<usize> {
    let ago = |i: usize| fixes[at].time.0 - fixes[i].time.0;
    let older = (0..at).filter(|&i| ago(i) >= 30_000).max();
    match older {
        Some(older) if ago(older) <= MAX_GAP_MS => Some(older),
        _ => Some(older.map_or(0, |older| older + 1)).filter(|&first| ago(first) >= 6_000),
    }
}

/// How a step compares with the reports on it: whether it was faster (1) or slower (-1), or as reported and in motion (0); and
/// whether there is no doubt.
fn against_reports(fixes: &[Kept], first: usize, last: usize) -> Option<(i32, bool)> {
    let reports: Option<Vec<i64>> = fixes[first..=last].iter().map(|fix| Some(fix.reported_speed()?.0)).collect();
    let reports = reports?;
    let gaps: Vec<i64> = fixes[first..=last].windows(2).map(|pair| pair[1].time.0 - pair[0].time.0).collect();
    let doubled: i64 = gaps.iter().zip(reports.windows(2)).map(|(gap, pair)| gap * (pair[0] + pair[1])).sum();
    let time: i64 = gaps.iter().sum();
    let mean = doubled / 2 / time;
    let change = gaps.iter().max().unwrap() * 1_800 / 1_000;
    let distance = distance_mm(fixes[first].place, fixes[last].place).0;
    let (at_least, at_most) = ((distance - 30_000).max(0) * 3_600 / time, (distance + 30_000) * 3_600 / time);
    if at_least > 180_000 {
        return None; // nobody was there
    }
    for (faster, slower, which) in [(at_least, mean, 1), (mean, at_most, -1)] {
        let bound = slower + slower / 2 + 5_000;
        if faster > bound + change.min(10_000) {
            return Some((which, faster > bound + change));
        }
    }
    (distance > 80_000 && mean > 1_000).then_some((0, false))
}

/// A step: where it began and ended, and how it compares.
type Compared = (usize, usize, (i32, bool));

/// Whether more of the steps contradict the reports than confirm them, and two do, one without a doubt or one after the other.
fn contradict(fixes: &[Kept], steps: &[Compared]) -> bool {
    let of = |which: i32| -> Vec<_> { steps.iter().filter(|(_, _, (compared, _))| *compared == which).collect() };
    let (faster, slower, confirmed) = (of(1), of(-1), of(0).len());
    let is_so = |of: &[&Compared]| {
        let is_sure = |(_, _, (_, is_sure)): &&&Compared| *is_sure;
        of.len() > 1 && of.iter().any(|one| is_sure(&one) || of.iter().any(|next| next.0 >= one.1))
    };
    let leads_on = || {
        let (from, to) = (faster.iter().map(|step| step.0).min(), faster.iter().map(|step| step.1).max());
        let (from, to) = from.zip(to).unwrap();
        distance_mm(fixes[from].place, fixes[to].place).0 > 80_000
    };
    (is_so(&slower) || is_so(&faster) && leads_on()) && faster.len() + slower.len() > confirmed
}

/// Whether the steps of a minute and a half that end with a fix contradict the reports; or, where they neither do nor confirm them,
/// those that end up to three minutes later.
fn is_distrusted(fixes: &[Kept], at: usize) -> bool {
    let is_judged = |i: usize| i > 0 && fixes[i - 1].time.0.div_euclid(5_000) != fixes[i].time.0.div_euclid(5_000);
    let steps_until = |until: i64| -> Vec<Compared> {
        let times = fixes[at].time.0 - 90_000..=fixes[at].time.0 + until;
        let ends = (0..fixes.len()).filter(|&i| is_judged(i) && times.contains(&fixes[i].time.0));
        let step = |last| {
            let first = step_to(fixes, last)?;
            Some((first, last, against_reports(fixes, first, last)?))
        };
        ends.filter_map(step).collect()
    };
    let before = steps_until(0);
    let is_open = before.iter().all(|(_, _, (compared, _))| *compared != 0);
    let is_so = contradict(fixes, &before) || is_open && contradict(fixes, &steps_until(CONTEXT_MS));
    fixes[at].reported_speed().is_some() && is_so
}

/// What follows from every fix of a track, looked at one by one.
fn outcomes(fixes: &[Kept], past: &Past<'_>) -> Vec<Outcome> {
    let map_of = |end: usize| {
        let context = fixes[..=end].iter().filter(|fix| fix.time.0 >= fixes[end].time.0 - CONTEXT_MS);
        past.map(context.map(|fix| fix.arrived).max().unwrap())
    };
    let mut seen: Vec<Option<(Option<Candidate>, Rc<Map>)>> = vec![None; fixes.len()];
    for end in 0..fixes.len() {
        let map = map_of(end);
        for (at, on) in decoded(fixes, end, &map) {
            seen[at] = Some((on, Rc::clone(&map)));
        }
    }
    let outcome = |at: usize| {
        let (on, map) = seen[at].as_ref().unwrap();
        let gap = at.checked_sub(1).map(|before| fixes[at].time.0 - fixes[before].time.0);
        let (track_speed, track_heading) = motion(fixes, at);
        let arrival = || {
            let gap = gap.filter(|gap| (1..=MAX_GAP_MS).contains(gap))?;
            let from = seen[at - 1].as_ref()?.0.as_ref()?;
            let straight = distance_mm(fixes[at - 1].place, fixes[at].place);
            Some(match move_between(map, from, on.as_ref()?, straight, gap)?.0 {
                Move::Along(distance) => Arrival::Along(distance),
                Move::By(_) if track_speed == Some(Mph::ZERO) && straight.0 <= 30_000 => Arrival::Along(0),
                Move::By(way) => Arrival::By(from.along, way),
            })
        };
        let of_street = on.as_ref().and_then(|on| on.street.segment.zone);
        Outcome {
            on: on.as_ref().map(|on| (Rc::clone(&on.street), on.along)),
            zone: of_street.or_else(|| map.zone_at(fixes[at].place)),
            arrival: arrival().unwrap_or_default(),
            gap: gap.filter(|gap| *gap <= CONTEXT_MS).and_then(|gap| u32::try_from(gap).ok()?.try_into().ok()),
            track_speed,
            track_heading,
            implausible: implausible(fixes, at),
            stance: Stance { stands: stands(fixes, at), is_distrusted: is_distrusted(fixes, at) },
        }
    };
    (0..fixes.len()).map(outcome).collect()
}

/// All that is told at `now`: of the fixes that are there and not forgotten.
pub(super) fn naive(seen: &[Update<Input>], now: Time, rules: &Rules, past: &Past<'_>) -> Vec<Told> {
    let rows = present(seen);
    let rows = rows.iter().filter_map(|row| if let Input::Fix(fix) = row { Some(fix) } else { None });
    let mut rows: Vec<_> = rows.copied().collect();
    rows.sort_by_key(|row| (row.device, row.kind, row.time, row.origin));
    let mut told = Vec::new();
    let mut living: BTreeMap<Id, (Key, Vehicle)> = BTreeMap::new();
    for track in rows.chunk_by(|a, b| (a.device, a.kind) == (b.device, b.kind)) {
        let (vehicle, kind) = (track[0].device, track[0].kind);
        let mut fixes: Vec<_> = track.iter().filter_map(|row| Kept::of(row, None)).collect();
        fixes.retain(|fix| rules.forgets(fix) > now);
        let outcomes = outcomes(&fixes, past);
        for (fix, outcome) in fixes.iter_mut().zip(outcomes) {
            fix.tell(outcome, vehicle, kind, &mut |row, diff| {
                assert_eq!(diff, 1);
                told.push(row);
            });
            let lives = fix.arrived as i64 - fix.time.0 <= rules.retention as i64
                && round_up(fix.arrived + rules.life, rules.tick) > now;
            if lives && living.get(&vehicle).is_none_or(|(key, _)| *key < fix.key()) {
                living.insert(vehicle, (fix.key(), fix.vehicle(kind)));
            }
        }
    }
    told.extend(living.into_iter().map(|(vehicle, (_, row))| Told::Newest(vehicle, row)));
    told
}
