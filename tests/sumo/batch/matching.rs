//! Which streets the fixes were on: the cheapest sequence over a few fixes, by trying all that may follow each other.

use std::collections::BTreeMap;

use smartcity::model::{City, Id, Millimetres, Segment, distance_mm, length_mm, project};

use super::Fix;

/// Millimetres, or milliseconds.
const REACH_MM: i64 = 50_000;
const SIGMA_MM: i64 = 6_000;
const BETA_MM: i64 = 15_000;
const NOISE_MM: i64 = 30_000;
const APART_MM: i64 = 10_000;
const CONTEXT_MS: i64 = 180_000;
const MAX_GAP_MS: i64 = 90_000;

/// Thousandths of a nat.
const BREAK: i64 = 12_000;

/// Metres an hour.
const MAX_SPEED: i64 = 90_000;

const CANDIDATES: usize = 6;
const LAG: usize = 2;
const CONTEXT_FIXES: usize = 4;

/// A segment, and how far into it, millimetres.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct On {
    pub(super) segment: Id,
    pub(super) along: i64,
}

/// How a vehicle came from one fix to the next.
#[derive(Clone, Debug)]
pub(super) enum Passed {
    Unknown,
    /// Along its street, millimetres.
    Along(i64),
    /// By all of these: the rest of a street, crossings and streets, the beginning of the last.
    By(Vec<Piece>),
}

/// A piece of a way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    /// The segment; of a crossing the one that it leaves.
    pub(super) segment: Id,
    pub(super) length: i64,
    pub(super) is_crossing: bool,
}

/// Of every segment: the least length at which it is entered, the segment before it (`None` for the first), the crossing.
type Entered = BTreeMap<Id, (i64, Option<Id>, i64)>;

/// The streets of a city.
pub(super) struct Streets<'a> {
    segments: BTreeMap<Id, &'a Segment>,
    drawn: BTreeMap<Id, i64>,
    /// Where one gets from the end of a segment.
    from: BTreeMap<Id, Entered>,
}

/// No car gets further in the longest gap.
const FURTHEST_MM: i64 = MAX_SPEED * MAX_GAP_MS / 3_600 + NOISE_MM;

impl<'a> Streets<'a> {
    pub(super) fn of(city: &'a City) -> Self {
        let segments: BTreeMap<_, _> = city.segments().map(|segment| (segment.id, segment)).collect();
        let drawn = segments.iter().map(|(id, segment)| (*id, length_mm(&segment.line).0)).collect();
        Self { segments, drawn, from: BTreeMap::new() }
    }

    /// Free-flow time over a piece, microseconds.
    pub(super) fn free_flow_micros(&self, piece: &Piece) -> i64 {
        piece.length * 3_600_000 / self.segments[&piece.segment].free_flow.0
    }

    /// Where every fix of a track was, as far as it was on a street.
    pub(super) fn decode(&mut self, track: &[Fix]) -> Vec<Option<On>> {
        let candidates: Vec<_> = track.iter().map(|fix| self.candidates(fix)).collect();
        let mut on = vec![None; track.len()];
        for end in 0..track.len() {
            // The last decoding that holds a fix among its last three has the say.
            for (at, decided) in self.decode_end(track, &candidates, end) {
                on[at] = decided;
            }
        }
        on
    }

    /// The streets that a fix may have been on, each with what speaks against it, by looking at every segment there is.
    fn candidates(&self, fix: &Fix) -> Vec<(i64, On)> {
        let mut found: Vec<(i64, On)> = Vec::new();
        for segment in self.segments.values() {
            // More than 100 m off by latitude, or 80 by longitude.
            let off = |ours: fn(&smartcity::model::Point) -> i32| {
                let near = ours(&fix.place) - 10_000..ours(&fix.place) + 10_000;
                segment.line.iter().all(|corner| ours(corner) < near.start)
                    || segment.line.iter().all(|corner| ours(corner) > near.end)
            };
            if off(|point| point.lat) || off(|point| point.lon) {
                continue;
            }
            let falls = project(fix.place, &segment.line).expect("a line");
            if falls.distance.0 > REACH_MM {
                continue;
            }
            let turn = fix.heading.map_or(0, |heading| heading.difference(falls.heading));
            let turn = (500 * turn * turn / (2_000 * 2_000)).min(8_000);
            let cost = 500 * falls.distance.0 * falls.distance.0 / (SIGMA_MM * SIGMA_MM) + turn;
            let along = falls.along.0 * segment.length.0 / self.drawn[&segment.id];
            found.push((cost, On { segment: segment.id, along: along.min(segment.length.0) }));
        }
        found.sort_by_key(|(cost, on)| (*cost, on.segment));
        found.truncate(CANDIDATES);
        found
    }

    /// Where the last three fixes up to `end` were, as far as there is no gap between them.
    fn decode_end(&mut self, track: &[Fix], candidates: &[Vec<(i64, On)>], end: usize) -> Vec<(usize, Option<On>)> {
        let unbroken = (0..end).rev().take_while(|&at| track[at + 1].time - track[at].time <= MAX_GAP_MS);
        let unbroken: Vec<usize> = std::iter::once(end).chain(unbroken).collect();
        let (own, earlier) = unbroken.split_at(unbroken.len().min(LAG + 1));
        let mut seen: Vec<usize> = own.iter().copied().filter(|&at| !candidates[at].is_empty()).collect();
        let mut context = 0;
        for &at in earlier {
            if context == CONTEXT_FIXES || track[end].time - track[at].time > CONTEXT_MS {
                break;
            }
            let is_apart = |last: &usize| distance_mm(track[*last].place, track[at].place).0 >= APART_MM;
            if candidates[at].is_empty() || !seen.last().is_none_or(is_apart) {
                continue;
            }
            seen.push(at);
            context += 1;
        }
        seen.reverse();

        // Of each candidate of the last fix seen: what the cheapest sequence to it costs, and that sequence.
        let mut best: Vec<(i64, Vec<On>)> = Vec::new();
        for (number, &at) in seen.iter().enumerate() {
            let reached = candidates[at].iter().map(|&(cost, on)| {
                let Some(before) = number.checked_sub(1) else { return (cost, vec![on]) };
                let before = seen[before];
                let reach = |(cost, sequence): &(i64, Vec<On>)| {
                    let from = *sequence.last().expect("a sequence holds a fix");
                    cost + self.move_between(from, on, &track[before], &track[at]).map_or(BREAK, |(cost, _)| cost)
                };
                let costs: Vec<i64> = best.iter().map(reach).collect();
                let cheapest = (0..costs.len()).min_by_key(|&from| costs[from]).expect("a fix has candidates");
                let mut sequence = best[cheapest].1.clone();
                sequence.push(on);
                (costs[cheapest] + cost, sequence)
            });
            best = reached.collect();
        }
        let sequence = best.into_iter().min_by_key(|(cost, _)| *cost).map(|(_, sequence)| sequence).unwrap_or_default();
        let decided = |&at: &usize| (at, seen.iter().position(|&seen| seen == at).map(|number| sequence[number]));
        own.iter().map(decided).collect()
    }

    /// How a vehicle came from the fix `before` to the one behind it.
    pub(super) fn between(&mut self, track: &[Fix], before: usize, on: &[Option<On>]) -> Passed {
        let (from, to) = (&track[before], &track[before + 1]);
        let (Some(left), Some(reached)) = (on[before], on[before + 1]) else { return Passed::Unknown };
        if !(1..=MAX_GAP_MS).contains(&(to.time - from.time)) {
            return Passed::Unknown;
        }
        self.move_between(left, reached, from, to).map_or(Passed::Unknown, |(_, passed)| passed)
    }

    /// What a move costs, and how it went; `None` where no way explains it.
    fn move_between(&mut self, from: On, to: On, seen: &Fix, then: &Fix) -> Option<(i64, Passed)> {
        let straight = distance_mm(seen.place, then.place).0;
        let (passed, length) = if from.segment == to.segment && to.along - from.along >= -NOISE_MM {
            (Passed::Along(to.along - from.along), to.along - from.along)
        } else {
            let segments = &self.segments;
            let entered = self.from.entry(from.segment).or_insert_with(|| entered_from(segments, from.segment));
            let piece = |segment, length, is_crossing| Piece { segment, length, is_crossing };
            let mut pieces = vec![piece(to.segment, to.along, false)];
            let mut at = to.segment;
            loop {
                let &(_, before, crossing) = entered.get(&at)?;
                pieces.push(piece(before.unwrap_or(from.segment), crossing, true));
                let Some(before) = before else { break };
                pieces.push(piece(before, segments[&before].length.0, false));
                at = before;
            }
            pieces.push(piece(from.segment, segments[&from.segment].length.0 - from.along, false));
            pieces.reverse();
            let length = pieces.iter().map(|piece| piece.length).sum();
            (Passed::By(pieces), length)
        };
        let cost = (length - straight).abs() * 1_000 / BETA_MM;
        let is_too_fast = (length - NOISE_MM) * 3_600 > MAX_SPEED * (then.time - seen.time);
        (cost < BREAK && !is_too_fast).then_some((cost, passed))
    }
}

/// Bellman's equations, iterated until nothing changes any more.
fn entered_from(segments: &BTreeMap<Id, &Segment>, start: Id) -> Entered {
    let mut entered = Entered::new();
    loop {
        let mut changed = false;
        let ends = entered.iter().map(|(id, (length, _, _))| (Some(*id), length + segments[id].length.0, segments[id]));
        let ends: Vec<(Option<Id>, i64, &Segment)> = std::iter::once((None, 0, segments[&start])).chain(ends).collect();
        for (before, length, segment) in ends {
            for next in segment.next.iter() {
                let Millimetres(crossing) = next.crossing;
                let length = length + crossing;
                if length > FURTHEST_MM {
                    continue;
                }
                // Of equally long ways the one whose last segment is entered first, then the one with the smaller id.
                let rank = |before: Option<Id>| (before.and_then(|id| entered.get(&id)).map(|row| row.0), before);
                let known = entered.get(&next.segment);
                if known.is_none_or(|known| (length, rank(before)) < (known.0, rank(known.1))) {
                    entered.insert(next.segment, (length, before, crossing));
                    changed = true;
                }
            }
        }
        if !changed {
            return entered;
        }
    }
}
