//! Which way did every vehicle take between two fixes, and how long did it spend on each segment?
//!
//! Between two matched fixes at most 60 s apart a vehicle took the fastest way by free flow: shortest by length over free-flow
//! speed, junctions included. The time of the gap is split over the pieces of the way in proportion to their free-flow times;
//! a junction takes its share and belongs to no segment (without it speeds come out 1 km/h too low). A way that would need
//! more than 25 m/s is no way: most often a fix inside a junction that was matched to the wrong exit.
//!
//! On one segment the distance is signed: a standing vehicle's noise cancels. More than 30 m backwards is not noise.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::vehicles::Step;
use crate::model::{CityRow, Id, Kmh, Millimetres, Millis, Placed, Segment, length_mm, project};
use crate::operators::{AsOf, map_with};
use crate::{Rows, Settings, Time};

/// Fixes further apart in time say nothing of the way between them.
pub const MAX_GAP_MS: i64 = 60_000;

/// No way is faster: 25 m/s.
pub const MAX_SPEED: Kmh = Kmh(90_000);

/// A vehicle further backwards on its segment has not only noise.
pub const MAX_BACKWARDS: Millimetres = Millimetres(30_000);

/// No way is longer: what `MAX_SPEED` covers in `MAX_GAP_MS`.
const MAX_WAY: Millimetres = Millimetres(1_500_000);

/// Time and distance of a vehicle on one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Piece {
    /// Event time of the middle of the piece, which says in what window it counts.
    pub middle: Millis,
    /// Tick at which both fixes were known.
    pub arrived: Time,
    /// The segment.
    pub segment: Id,
    /// Its named road.
    pub road: Id,
    /// Its zone.
    pub zone: Option<Id>,
    /// Distance along it; negative where noise goes backwards.
    pub distance: Millimetres,
    /// Time spent on it.
    pub millis: i64,
}

/// The pieces of every step of every vehicle, in the network as it was when the step became known.
///
/// | time | tracks                                   | output                             |
/// |-----:|------------------------------------------|------------------------------------|
/// |    1 | +(10 m into a ← none)                    |                                    |
/// |    2 | +(30 m into b, 20 s later ← 10 m into a) | +(a, 90 m in 15 s) +(b, 30 m in 5 s) |
pub fn paths<'s>(tracks: Rows<'s, (Id, Step)>, city: Rows<'s, CityRow>, settings: &Settings) -> Rows<'s, Piece> {
    let segments = city.flat_map(|row| if let CityRow::Segment(segment) = row { Some(segment) } else { None });
    let steps = tracks.flat_map(|(_, step)| step.previous.map(|from| (from, step.row)));
    // A step may be taken back for as long as its fixes are remembered, so the network is remembered as long.
    let remembered = settings.retention_ms + settings.traffic_window_ms + settings.max_ahead_ms;
    map_with(
        steps,
        segments,
        "Paths",
        move |networks: &mut AsOf<Rc<Network>>, now, changes| {
            networks.change(now, now.saturating_sub(remembered), |network| {
                let network = Rc::make_mut(network);
                network.routes.take();
                for (segment, diff) in changes {
                    if diff > 0 {
                        network.segments.insert(segment.id, Rc::new(segment));
                    } else if network.segments.get(&segment.id).is_some_and(|known| **known == segment) {
                        network.segments.remove(&segment.id);
                    }
                }
            });
        },
        |(from, to), networks| {
            let arrived = from.reading.arrived.max(to.reading.arrived);
            pieces(&from, &to, arrived, networks.at(arrived)).unwrap_or_default()
        },
    )
}

/// The road network, with the ways found in it so far.
#[derive(Clone, Debug, Default)]
struct Network {
    segments: FxHashMap<Id, Rc<Segment>>,
    routes: RefCell<FxHashMap<(Id, Id), Option<Way>>>,
}

/// Junctions and segments between two segments.
type Way = Rc<[Leg]>;

/// A part of a way: a segment, or the junction before one.
#[derive(Clone, Copy, Debug)]
struct Leg {
    segment: Option<Id>,
    length: Millimetres,
    /// Free-flow time, microseconds.
    cost: i64,
}

fn free_flow_micros(length: Millimetres, speed: Kmh) -> i64 {
    length.0 * 3_600_000 / speed.0.max(1_000)
}

/// The pieces of the way from one fix to the next; `None` where no way is believable.
fn pieces(from: &Placed, to: &Placed, arrived: Time, network: &Network) -> Option<Vec<Piece>> {
    let gap = to.reading.time.0 - from.reading.time.0;
    if gap <= 0 || gap > MAX_GAP_MS {
        return None;
    }
    let (start, end) = (network.segments.get(&from.segment?)?, network.segments.get(&to.segment?)?);
    let (left, reached) = (position(from, start)?, position(to, end)?);
    let leg = |segment: &Segment, length| Leg {
        segment: Some(segment.id),
        length,
        cost: free_flow_micros(Millimetres(length.0.abs()), segment.free_flow),
    };
    let way = if start.id == end.id {
        let distance = reached - left;
        if distance.0 < -MAX_BACKWARDS.0 {
            return None;
        }
        vec![Leg { cost: 1, ..leg(start, distance) }]
    } else {
        let between = network.route(start, end)?;
        let first = leg(start, start.length - left);
        [first].into_iter().chain(between.iter().copied()).chain([leg(end, reached)]).collect()
    };
    let distance: i64 = way.iter().map(|leg| leg.length.0).sum();
    if distance * 3_600 > MAX_SPEED.0 * gap {
        return None;
    }
    let total = way.iter().map(|leg| leg.cost).sum::<i64>().max(1);
    let (mut cost, mut begins) = (0, 0);
    let mut pieces = Vec::with_capacity(way.len());
    for leg in way {
        cost += leg.cost;
        let ends = gap * cost / total;
        if let Some(segment) = leg.segment.and_then(|id| network.segments.get(&id)) {
            pieces.push(Piece {
                middle: Millis(from.reading.time.0 + (begins + ends) / 2),
                arrived,
                segment: segment.id,
                road: segment.road,
                zone: segment.zone,
                distance: leg.length,
                millis: ends - begins,
            });
        }
        begins = ends;
    }
    Some(pieces)
}

/// How far into its segment a fix is, in the segment's own length.
fn position(fix: &Placed, segment: &Segment) -> Option<Millimetres> {
    let along = project(fix.reading.place?, &segment.line)?.along;
    let drawn = length_mm(&segment.line).0.max(1);
    Some(Millimetres(along.0 * segment.length.0 / drawn))
}

impl Network {
    /// The fastest way by free flow from the end of one segment to the start of another: junctions and segments between.
    fn route(&self, start: &Segment, end: &Segment) -> Option<Way> {
        self.routes.borrow_mut().entry((start.id, end.id)).or_insert_with(|| self.search(start, end)).clone()
    }

    /// Dijkstra's algorithm over segments, by the time at which a segment is entered; ties by id.
    fn search(&self, start: &Segment, end: &Segment) -> Option<Way> {
        struct Entered {
            cost: i64,
            from: Option<Id>,
            crossing: Leg,
        }
        let mut best: FxHashMap<Id, Entered> = FxHashMap::default();
        let mut open = BinaryHeap::new();
        let mut expand = |from: &Segment, cost: i64, length: i64, origin: Option<Id>, open: &mut BinaryHeap<_>| {
            for next in from.next.iter() {
                let crossing =
                    Leg { segment: None, length: next.crossing, cost: free_flow_micros(next.crossing, from.free_flow) };
                let (cost, length) = (cost + crossing.cost, length + next.crossing.0);
                if length <= MAX_WAY.0 && best.get(&next.segment).is_none_or(|known| cost < known.cost) {
                    best.insert(next.segment, Entered { cost, from: origin, crossing });
                    open.push(Reverse((cost, next.segment, length)));
                }
            }
        };
        expand(start, 0, 0, None, &mut open);
        while let Some(Reverse((cost, id, length))) = open.pop() {
            if id == end.id {
                break;
            }
            if let Some(segment) = self.segments.get(&id) {
                let passed = cost + free_flow_micros(segment.length, segment.free_flow);
                expand(segment, passed, length + segment.length.0, Some(id), &mut open);
            }
        }
        let mut way = Vec::new();
        let mut at = best.get(&end.id)?;
        loop {
            way.push(at.crossing);
            let Some(from) = at.from else { break };
            let segment = self.segments.get(&from)?;
            way.push(Leg {
                segment: Some(from),
                length: segment.length,
                cost: free_flow_micros(segment.length, segment.free_flow),
            });
            at = best.get(&from)?;
        }
        way.reverse();
        Some(way.into())
    }
}
