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

use imbl::OrdMap;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::locate::REACH;
use super::vehicles::{Step, remembered_ms};
use crate::model::{CityRow, Id, Kmh, Millimetres, Millis, Placed, Segment, distance_mm, length_mm, project};
use crate::operators::{AsOf, map_with};
use crate::{Diff, Rows, Settings, Time};

/// Fixes further apart in time say nothing of the way between them.
pub const MAX_GAP_MS: i64 = 60_000;

/// No way is faster: 25 m/s.
pub const MAX_SPEED: Kmh = Kmh(90_000);

/// A vehicle further backwards on its segment has not only noise.
pub const MAX_BACKWARDS: Millimetres = Millimetres(30_000);

/// No way is longer: what `MAX_SPEED` covers in `MAX_GAP_MS`.
const MAX_WAY: Millimetres = Millimetres(1_500_000);

/// As many ways are kept for the next vehicle that takes them; vehicles that jump about could ask for any pair of segments.
const MAX_ROUTES: usize = 200_000;

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

/// Which way did every vehicle take, and how long did it spend on each segment? The pieces of every step, in the network as it
/// was when both fixes were known.
///
/// With segments a and b of 100 m, one after the other:
///
/// | time | tracks                                   | output                             |
/// |-----:|------------------------------------------|------------------------------------|
/// |    1 | +(10 m into a ← none)                    |                                    |
/// |    2 | +(30 m into b, 20 s later ← 10 m into a) | +(a, 90 m in 15 s) +(b, 30 m in 5 s) |
/// |    3 | -(30 m into b, 20 s later ← 10 m into a) | -(a, 90 m in 15 s) -(b, 30 m in 5 s) |
///
/// A network that was known before the first fix must be there from tick 0: a step is looked up in the network of its own
/// tick, also when it is fed again after a restart. Every worker keeps the network, with its past for as long as steps may be
/// taken back; a version costs its changes.
///
/// ```
/// # use smartcity_dataflow::{Settings, city::paths::paths, model::*, operators::Followed, testing::{at, trace}};
/// # let id = Id::new(Namespace::Segment, "a");
/// # let (class, lanes, free_flow, next) = (RoadClass::Primary, 1, Kmh(50_000), [].into());
/// let (start, end) = (Point::default(), Point::default().shifted(0, 100_000));
/// let (length, line) = (Millimetres(100_000), [start, end].into());
/// let street = Segment { id, road: id, zone: None, class, lanes, free_flow, length, line, next };
/// let fix = |seconds: i64, metres: i64| {
///     # let origin = Origin { source: id, partition: 0, offset: 0 };
///     # let (kind, device, arrived, body) = (Kind::Gps, id, 9, Body::Fix(Fix::default()));
///     let (time, place) = (Millis(seconds * 1_000), Some(start.shifted(0, metres * 1_000)));
///     let reading = Reading { time, origin, kind, id, device, arrived, place, body };
///     Placed { reading, segment: Some(id), road: Some(id), zone: None }
/// };
/// let step = (id, Followed { row: fix(10, 90), previous: Some(fix(0, 40)) });
/// let pieces = trace(
///     &[at(0, (None, Some(CityRow::Segment(street)))), at(9, (Some(step), None))],
///     |rows| paths(rows.clone().flat_map(|(step, _)| step), rows.flat_map(|(_, city)| city), &Settings::default()),
///     9,
/// );
/// let (9, piece, 1) = pieces[0] else { panic!("one piece") };
/// assert_eq!(((piece.distance.0 + 500) / 1_000, piece.millis, piece.middle), (50, 10_000, Millis(5_000)));
/// ```
pub fn paths<'s>(tracks: Rows<'s, (Id, Step)>, city: Rows<'s, CityRow>, settings: &Settings) -> Rows<'s, Piece> {
    let segments = city.flat_map(|row| if let CityRow::Segment(segment) = row { Some(segment) } else { None });
    let steps = tracks.flat_map(|(_, step)| step.previous.map(|from| (from, step.row)));
    // A step may be taken back for as long as its fixes are remembered, and they may lie ahead of the clock.
    let remembered = remembered_ms(settings) + settings.max_ahead_ms + settings.tick_ms;
    map_with(
        steps,
        segments,
        "Paths",
        move |networks: &mut AsOf<Rc<Network>>, now, changes| {
            networks.change(now, now.saturating_sub(remembered), |network| {
                *network = Rc::new(network.after(changes));
            });
        },
        |(from, to), networks| {
            let arrived = from.reading.arrived.max(to.reading.arrived);
            pieces(&from, &to, arrived, networks.at(arrived)).unwrap_or_default()
        },
    )
}

/// The road network, with the ways found in it so far.
#[derive(Debug, Default)]
struct Network {
    segments: OrdMap<Id, Rc<Segment>>,
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
    // Not even straight from one to the other: then no way need be searched.
    let straight = distance_mm(from.reading.place?, to.reading.place?).0 - 2 * REACH.0;
    if too_fast(straight, gap) {
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
    if too_fast(way.iter().map(|leg| leg.length.0).sum(), gap) {
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

/// Whether so many millimetres in so many milliseconds are more than [`MAX_SPEED`].
fn too_fast(distance: i64, millis: i64) -> bool {
    distance * 3_600 > MAX_SPEED.0 * millis
}

/// How far into its segment a fix is, in the segment's own length.
fn position(fix: &Placed, segment: &Segment) -> Option<Millimetres> {
    let along = project(fix.reading.place?, &segment.line)?.along;
    let drawn = length_mm(&segment.line).0.max(1);
    Some(Millimetres(along.0 * segment.length.0 / drawn))
}

impl Network {
    /// The network after some changes, whatever their order.
    fn after(&self, changes: Vec<(Segment, Diff)>) -> Self {
        let mut segments = self.segments.clone();
        for (segment, diff) in changes {
            if diff > 0 {
                segments.insert(segment.id, Rc::new(segment));
            } else if segments.get(&segment.id).is_some_and(|known| **known == segment) {
                segments.remove(&segment.id);
            }
        }
        Self { segments, routes: RefCell::default() }
    }

    /// The fastest way by free flow from the end of one segment to the start of another: junctions and segments between.
    fn route(&self, start: &Segment, end: &Segment) -> Option<Way> {
        let mut routes = self.routes.borrow_mut();
        if routes.len() >= MAX_ROUTES {
            routes.clear();
        }
        routes.entry((start.id, end.id)).or_insert_with(|| self.search(start, end)).clone()
    }

    /// Dijkstra's algorithm over segments, by the time at which a segment is entered. Of equally fast ways the one whose last
    /// segment is entered first, then the one whose last segment has the smaller id, then so for the way to that one.
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

#[cfg(test)]
mod tests;
