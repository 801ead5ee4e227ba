//! The streets that the last fixes of a track may have been on, and what the moves between them cost.

use std::collections::VecDeque;
use std::rc::Rc;

use super::fix::Kept;
use super::one_feed::On;
use super::{CONTEXT_FIXES, CONTEXT_MS, LAG, MAX_GAP_MS};
use crate::city::map::Map;
use crate::city::matching::{Candidate, Cost, Layer, MAX_LAYERS, candidates, decode, moves};
use crate::model::{Millimetres, is_within};

/// Fixes nearer to each other than this say little of the way between them: as context they count once.
const APART: Millimetres = Millimetres(9_999);

const _: () = assert!(LAG + 1 + CONTEXT_FIXES <= MAX_LAYERS);

/// Layers of the fixes decoded last. A cache and nothing else: what is missing is made again.
#[derive(Debug, Default)]
pub(super) struct Lattice {
    map: Option<Rc<Map>>,
    layers: Vec<Known>,
}

/// What is known of a fix.
#[derive(Debug)]
struct Known {
    /// Its index in the track.
    fix: usize,
    candidates: Box<[Candidate]>,
    /// What the moves cost from the fix of that index.
    moves: Option<(usize, Box<[Cost]>)>,
}

impl Lattice {
    /// Where were the fix `end` and the [`LAG`] before it, as far as they are of one chain? Of the fixes before those the
    /// [`CONTEXT_FIXES`] nearest that are apart, no more than [`CONTEXT_MS`] before the end, say where they came from.
    ///
    /// Shows indices of fixes, descending, each with the street it was on and how far into it.
    pub(super) fn decode(
        &mut self,
        fixes: &VecDeque<Kept>,
        end: usize,
        map: &Rc<Map>,
        mut show: impl FnMut(usize, Option<On>),
    ) {
        if !self.map.as_ref().is_some_and(|known| Rc::ptr_eq(known, map)) {
            *self = Self { map: Some(Rc::clone(map)), layers: Vec::new() };
        }
        // Descending: the end, those before it, their context; each with its layer.
        let mut chosen = [(0, 0); MAX_LAYERS];
        let (mut layers, mut of_context, mut later, mut decided) = (0, 0, end, end);
        for at in (0..=end).rev() {
            if fixes[later].time.0 - fixes[at].time.0 > MAX_GAP_MS {
                break;
            }
            let is_context = at + LAG < end;
            if is_context && (of_context == CONTEXT_FIXES || fixes[end].time.0 - fixes[at].time.0 > CONTEXT_MS) {
                break;
            }
            later = at;
            if is_context && layers > 0 && is_within(fixes[chosen[layers - 1].0].place, fixes[at].place, APART) {
                continue;
            }
            if !is_context {
                decided = at;
            }
            let layer = self.layer(at, &fixes[at], map);
            if self.layers[layer].candidates.is_empty() {
                continue;
            }
            of_context += usize::from(is_context);
            chosen[layers] = (at, layer);
            layers += 1;
        }
        let chosen = &mut chosen[..layers];
        chosen.reverse();
        for pair in chosen.windows(2) {
            self.know_moves(fixes, pair[0], pair[1], map);
        }
        let layer_of = |&(fix, layer): &(usize, usize)| layer_of(&fixes[fix], &self.layers[layer]);
        let mut best = [0; MAX_LAYERS];
        if let Some(first) = chosen.first() {
            let (mut seen, mut moves) = ([layer_of(first); MAX_LAYERS], [&[] as &[Cost]; MAX_LAYERS]);
            for (at, choice) in chosen.iter().enumerate() {
                seen[at] = layer_of(choice);
                if let (Some((_, costs)), true) = (&self.layers[choice.1].moves, at > 0) {
                    moves[at - 1] = costs;
                }
            }
            decode(&seen[..layers], &moves[..layers - 1], &mut best);
        }
        for fix in (decided..=end).rev() {
            let on = chosen.iter().rposition(|&(at, _)| at == fix).map(|at| {
                let candidate = &self.layers[chosen[at].1].candidates[best[at]];
                (Rc::clone(&candidate.street), candidate.along)
            });
            show(fix, on);
        }
        let kept = |fix| chosen.iter().any(|&(at, _)| at == fix) || fix + LAG > end;
        self.layers.retain(|layer| kept(layer.fix));
    }

    /// A fix came or went at an index, other than at the end.
    pub(super) fn disturb(&mut self) {
        self.layers.clear();
    }

    /// The first fix went.
    pub(super) fn forget_first(&mut self) {
        self.layers.retain(|layer| layer.fix > 0);
        for layer in &mut self.layers {
            layer.fix -= 1;
            if layer.moves.as_ref().is_some_and(|&(from, _)| from == 0) {
                layer.moves = None;
            } else if let Some((from, _)) = &mut layer.moves {
                *from -= 1;
            }
        }
    }

    /// The place of a fix's layer.
    fn layer(&mut self, at: usize, fix: &Kept, map: &Map) -> usize {
        self.layers.iter().rposition(|layer| layer.fix == at).unwrap_or_else(|| {
            self.layers.push(Known { fix: at, candidates: candidates(map, fix.place, fix.heading), moves: None });
            self.layers.len() - 1
        })
    }

    /// Makes sure that the later layer knows what it costs to come from the earlier one.
    fn know_moves(&mut self, fixes: &VecDeque<Kept>, from: (usize, usize), to: (usize, usize), map: &Map) {
        if self.layers[to.1].moves.as_ref().is_some_and(|(known, _)| *known == from.0) {
            return;
        }
        let [from_layer, to_layer] = [from, to].map(|(fix, layer)| layer_of(&fixes[fix], &self.layers[layer]));
        self.layers[to.1].moves = Some((from.0, moves(map, &from_layer, &to_layer)));
    }
}

fn layer_of<'a>(fix: &Kept, known: &'a Known) -> Layer<'a> {
    Layer { time: fix.time.0, place: fix.place, candidates: &known.candidates }
}
