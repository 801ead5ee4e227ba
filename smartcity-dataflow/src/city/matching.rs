//! Which streets did a vehicle drive, given where it said that it was?
//!
//! A hidden Markov model in the form of Newson and Krumm (2009): a fix has a few candidate streets; a candidate costs the more
//! the further it lies from the fix, and a move from one candidate to the next the more the way between them differs from the
//! straight line. The cheapest sequence (Viterbi) says where each fix was. Costs are negative logarithms of likelihood, in
//! thousandths of a nat:
//!
//! | what | cost | constant |
//! |---|---|---|
//! | distance d of the fix from the street | d² / 2σ² | σ = [`SIGMA`] |
//! | angle Δ between reported heading and street | Δ² / 2σ², at most 8 nats | σ = 20° |
//! | way w against straight line s | \|w - s\| / β | β = [`BETA`] |
//! | a move that no way explains | [`BREAK`] | |
//!
//! The two directions of a street are two candidates with one distance. What tells them apart is the way: who moves against a
//! street's direction would have had to drive round the block.

use std::rc::Rc;

use super::map::{Map, Street, Way};
use crate::model::{Heading, Kmh, Millimetres, Point, distance_mm};

/// Spread of the positions around the street driven.
pub const SIGMA: Millimetres = Millimetres(6_000);

/// Spread of the difference between way and straight line.
pub const BETA: Millimetres = Millimetres(15_000);

/// What a move costs that no way explains: thousandths of a nat.
pub const BREAK: Cost = 12_000;

/// So many streets are considered for a fix, the nearest.
pub const CANDIDATES: usize = 6;

/// No more fixes than these are decoded at once.
pub const MAX_LAYERS: usize = 8;

/// No way is driven faster: 25 m/s.
pub const MAX_SPEED: Kmh = Kmh(90_000);

/// Further backwards on its own street than this is no noise.
pub const MAX_BACKWARDS: Millimetres = Millimetres(30_000);

/// Negative logarithm of a likelihood, thousandths of a nat.
pub type Cost = i32;

/// A street that a fix may have been on.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The street.
    pub street: Rc<Street>,
    /// How far into it, millimetres.
    pub along: i32,
    /// What the fix itself says against it.
    pub cost: Cost,
}

/// The candidates of a fix, the cheapest first; of equally cheap ones that with the smaller id. None off the roads.
pub fn candidates(map: &Map, place: Point, heading: Option<Heading>) -> Box<[Candidate]> {
    let mut found: Vec<_> = map
        .near(place)
        .map(|(street, found)| {
            let distance = square_over(found.distance.0, SIGMA.0);
            let turn = heading.map_or(0, |heading| square_over(heading.difference(found.heading), 2_000).min(8_000));
            Candidate { street: Rc::clone(street), along: found.along.0 as i32, cost: distance + turn }
        })
        .collect();
    found.sort_by_key(|candidate| (candidate.cost, candidate.street.segment.id));
    found.truncate(CANDIDATES);
    found.into()
}

/// `x² / 2σ²` in thousandths.
fn square_over(x: i64, sigma: i64) -> Cost {
    (500 * x * x / (sigma * sigma)) as Cost
}

/// How a vehicle got from one candidate to the next.
#[derive(Clone, Debug)]
pub enum Move {
    /// Along its street: so many millimetres, negative where noise goes backwards.
    Along(i32),
    /// By a way.
    By(Rc<Way>),
}

/// How a vehicle got from one candidate to another in `gap_ms`, and what that costs; `None` where no way explains it.
pub fn move_between(
    map: &Map,
    from: &Candidate,
    to: &Candidate,
    straight: Millimetres,
    gap_ms: i64,
) -> Option<(Move, Cost)> {
    let (start, end) = (&from.street.segment, &to.street.segment);
    let (found, length) = if start.id == end.id && i64::from(to.along - from.along) >= -MAX_BACKWARDS.0 {
        let along = to.along - from.along;
        (Move::Along(along), Millimetres(along.into()))
    } else {
        let ends = start.length.0 - i64::from(from.along) + i64::from(to.along);
        let longest = straight.0 + i64::from(BREAK) * BETA.0 / 1_000;
        if ends > longest {
            return None;
        }
        let way = map.way(&from.street, &to.street, Millimetres(longest - ends))?;
        let length = Millimetres(ends + way.length.0);
        (Move::By(way), length)
    };
    let cost = (length - straight).0.abs() * 1_000 / BETA.0;
    let is_too_fast = (length.0 - MAX_BACKWARDS.0) * 3_600 > MAX_SPEED.0 * gap_ms;
    (cost < i64::from(BREAK) && !is_too_fast).then_some((found, cost as Cost))
}

/// What the moves between the candidates of two fixes cost: of each of `from`, to each of `to`.
pub fn moves(map: &Map, from: &Layer<'_>, to: &Layer<'_>) -> Box<[Cost]> {
    let (straight, gap) = (distance_mm(from.place, to.place), to.time - from.time);
    let cost = |a, b| move_between(map, a, b, straight, gap).map_or(BREAK, |(_, cost)| cost);
    from.candidates.iter().flat_map(|a| to.candidates.iter().map(move |b| cost(a, b))).collect()
}

/// A fix as the decoding sees it.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    /// Event time, milliseconds.
    pub time: i64,
    /// Where it says it was.
    pub place: Point,
    /// Where it may have been; at least one.
    pub candidates: &'a [Candidate],
}

/// The cheapest sequence: which candidate of each layer, put into `chosen`. `moves[i]` are those from layer i to the next. Of
/// equally cheap ones the first candidates count, the last layer's first.
pub fn decode(layers: &[Layer<'_>], moves: &[&[Cost]], chosen: &mut [usize]) {
    let Some(first) = layers.first() else { return };
    let mut costs = [0; CANDIDATES];
    for (cost, candidate) in costs.iter_mut().zip(first.candidates) {
        *cost = candidate.cost;
    }
    let mut width = first.candidates.len();
    let mut origins = [[0; CANDIDATES]; MAX_LAYERS];
    for ((layer, moves), origins) in layers[1..].iter().zip(moves).zip(&mut origins) {
        let mut next = [0; CANDIDATES];
        let before = std::mem::replace(&mut width, layer.candidates.len());
        for (to, candidate) in layer.candidates.iter().enumerate() {
            let (mut best, mut least) = (0, Cost::MAX);
            for (from, cost) in costs[..before].iter().enumerate() {
                let reached = cost + moves[from * width + to];
                if reached < least {
                    (best, least) = (from, reached);
                }
            }
            next[to] = least + candidate.cost;
            origins[to] = best as u8;
        }
        costs = next;
    }
    let mut at = (0..width).min_by_key(|&at| costs[at]).unwrap_or(0);
    for layer in (0..layers.len()).rev() {
        chosen[layer] = at;
        at = usize::from(origins[layer.saturating_sub(1)][at]);
    }
}

#[cfg(test)]
mod tests;
