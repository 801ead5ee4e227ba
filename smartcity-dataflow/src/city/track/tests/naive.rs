//! All that is told, worked out from the fixes that are there, each looked at by itself.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use super::*;
use crate::city::map::Map;
use crate::city::matching::{BREAK, Candidate, Move, candidates, move_between};
use crate::city::track::fix::{Arrival, Key, Mph, Outcome};
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

fn is_slow(fix: &Kept) -> bool {
    fix.reported_speed().is_none_or(|speed| speed.0 <= 1_000)
}

fn motion(fixes: &[Kept], at: usize) -> (Option<Mph>, Option<Heading>) {
    let gap = |i: &usize| fixes[at].time.0 - fixes[*i].time.0;
    let earlier: Vec<_> = (0..at).rev().filter(|i| gap(i) > 0).collect();
    let earlier = earlier
        .iter()
        .enumerate()
        .filter(|(n, i)| gap(i) <= if *n == 0 { CONTEXT_MS } else { 60_000 })
        .map(|(_, i)| *i);
    let earlier: Vec<usize> = earlier.collect();
    let far = earlier.iter().find(|i| distance_mm(fixes[**i].place, fixes[at].place).0 > 30_000);
    match far {
        Some(i) => {
            let speed = distance_mm(fixes[*i].place, fixes[at].place).0 * 3_600 / gap(i);
            (Mph::new(speed as u32), bearing(fixes[*i].place, fixes[at].place))
        }
        None => ((!earlier.is_empty()).then_some(Mph::ZERO), None),
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
    let near = |a: usize, b: usize| distance_mm(fixes[a].place, fixes[b].place).0 <= 30_000;
    let ago = |first: usize, last: usize| fixes[last].time.0 - fixes[first].time.0;
    let shown_by = |witness: usize| {
        let first = (0..witness).rev().find(|&first| ago(first, witness) >= 120_000);
        first.is_some_and(|first| {
            let says_it_moves = |i: usize| fixes[i].reported_speed().is_some_and(|speed| speed.0 > 5_000);
            first <= at
                && ago(first, witness) <= CONTEXT_MS
                && (first..=witness).all(|i| near(i, witness) && !says_it_moves(i))
        })
    };
    let is_alone = (0..fixes.len()).all(|i| i.abs_diff(at) != 1 || ago(i.min(at), i.max(at)) > MAX_GAP_MS);
    (at..fixes.len()).any(shown_by) || (is_alone && fixes[at].reported_speed().is_some() && is_slow(&fixes[at]))
}

fn is_distrusted(fixes: &[Kept], at: usize) -> bool {
    let near = |i: &usize| (fixes[*i].time.0 - fixes[at].time.0).abs() <= CONTEXT_MS;
    let nobody_moves = (0..fixes.len()).filter(near).all(|i| is_slow(&fixes[i]));
    fixes[at].reported_speed().is_some()
        && nobody_moves
        && (at..fixes.len()).filter(near).any(|end| moves_on(fixes, end))
}

/// Whether the fixes of three minutes up to `end` report no motion, and go two steps in a row that are faster than 15 km/h and
/// lead on.
fn moves_on(fixes: &[Kept], end: usize) -> bool {
    let of_them: Vec<_> =
        fixes[..=end].iter().rev().take_while(|fix| fixes[end].time.0 - fix.time.0 <= CONTEXT_MS).collect();
    let (mut stops, mut leads_on) = (vec![of_them[0]], false);
    for fix in &of_them {
        let last = stops.len() - 1;
        let is_apart = distance_mm(fix.place, stops[last].place).0 > 30_000;
        if is_apart && fix.time < stops[last].time && least_speed(fix, stops[last]) > 15_000 {
            leads_on |= last > 0 && distance_mm(fix.place, stops[last - 1].place).0 > 60_000;
            stops.push(fix);
        } else if stops[last].time.0 - fix.time.0 > 60_000 {
            stops[last] = fix;
        }
    }
    of_them.iter().all(|fix| is_slow(fix)) && leads_on
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
                Move::By(_) if track_speed == Some(Mph::ZERO) => Arrival::Along(0),
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
            stands: stands(fixes, at),
            is_distrusted: is_distrusted(fixes, at),
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
