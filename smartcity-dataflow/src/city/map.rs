//! The city's map: what lies near a place, and which way leads from one street to another.
//!
//! A map does not change; an edit makes another one that shares all that stayed (persistent maps). So a capability can ask what
//! the city was when a reading came ([`AsOf`](crate::operators::AsOf)), and a version costs its changes.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;

use imbl::OrdMap;
use rustc_hash::FxHashMap;

use crate::Diff;
use crate::model::{
    Bounds, Camera, CityRow, Heading, Id, Kmh, Millimetres, Point, Projection, Segment, Zone, length_mm, project,
};

/// A vehicle further from a segment is not on it.
pub const REACH: Millimetres = Millimetres(50_000);

/// Width of a grid cell: about 111 m of latitude.
const CELL_UNITS: i32 = 10_000;

type Cell = (i32, i32);

fn cell_of(point: Point) -> Cell {
    (point.lat.div_euclid(CELL_UNITS), point.lon.div_euclid(CELL_UNITS))
}

fn cells_of(bounds: Bounds) -> impl Iterator<Item = Cell> {
    let (low, high) = (cell_of(bounds.south_west), cell_of(bounds.north_east));
    (low.0..=high.0).flat_map(move |lat| (low.1..=high.1).map(move |lon| (lat, lon)))
}

/// A box around all that is within [`REACH`] of a box. A metre more, since a step of longitude is not the same on all of it.
fn within_reach(a: Point, b: Point) -> Option<Bounds> {
    let bounds = Bounds::around([a, b])?;
    let reach = REACH.0 + 1_000;
    Bounds::around([bounds.south_west.shifted(-reach, -reach), bounds.north_east.shifted(reach, reach)])
}

/// A segment with what is often asked of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Street {
    /// The segment.
    pub segment: Segment,
    /// Length of its line as drawn; its own length may differ.
    drawn: i64,
    /// What lies near it.
    near: Option<Bounds>,
}

impl Street {
    fn new(segment: Segment) -> Self {
        let near = Bounds::around(segment.line.iter().copied())
            .and_then(|line| within_reach(line.south_west, line.north_east));
        Self { drawn: length_mm(&segment.line).0.max(1), near, segment }
    }

    /// Where a place falls on the street, in the segment's own length; `None` beyond [`REACH`].
    pub fn project(&self, point: Point) -> Option<Projection> {
        self.near.filter(|near| near.contains(point))?;
        let found = project(point, &self.segment.line).filter(|found| found.distance <= REACH)?;
        let along = Millimetres((found.along.0 * self.segment.length.0 / self.drawn).min(self.segment.length.0));
        Some(Projection { along, ..found })
    }

    /// Time to drive `length` of it by free flow, microseconds.
    pub(super) fn free_flow_micros(&self, length: Millimetres) -> i64 {
        free_flow_micros(length, self.segment.free_flow)
    }
}

/// Time to drive `length` at `speed`, microseconds; nowhere is free flow below 1 km/h.
fn free_flow_micros(length: Millimetres, speed: Kmh) -> i64 {
    length.0 * 3_600_000 / speed.0.max(1_000)
}

/// A way from the end of one segment to the start of another: the junctions and segments between.
#[derive(Debug, PartialEq, Eq)]
pub struct Way {
    /// The segment at whose end it starts.
    pub start: Rc<Street>,
    /// In the order in which they are driven.
    pub legs: Box<[Leg]>,
    /// Of all legs.
    pub length: Millimetres,
}

/// A part of a way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The segment; `None` for the junction before one.
    pub street: Option<Rc<Street>>,
    /// Its length.
    pub length: Millimetres,
    /// Its free-flow time, microseconds.
    pub micros: i64,
}

/// What is known of the way between two segments.
#[derive(Clone, Debug)]
enum Known {
    Way(Rc<Way>),
    /// There is none of at most this length.
    NoneWithin(i64),
}

/// As many ways are kept for the next vehicle that takes them; vehicles that jump about could ask for any pair of segments.
const MAX_WAYS: usize = 400_000;

/// Ways are looked for in steps of this many millimetres, so that a way that is too long is not looked for again and again.
const SEARCH_STEP: i64 = 250_000;

/// The city by place.
#[derive(Clone, Debug, Default)]
pub struct Map {
    streets: OrdMap<Id, Rc<Street>>,
    /// What lies near each cell. An edit copies the list of cells, and nothing else of those that it leaves as they are.
    cells: Rc<FxHashMap<Cell, Rc<[Rc<Street>]>>>,
    zones: OrdMap<Id, Rc<(Zone, Option<Bounds>)>>,
    cameras: OrdMap<Id, Camera>,
    ways: RefCell<FxHashMap<(Id, Id), Known>>,
}

impl Map {
    /// The map of some segments, zones and cameras.
    pub fn new<'a>(rows: impl IntoIterator<Item = &'a CityRow>) -> Self {
        Self::default().after(rows.into_iter().map(|row| (row.clone(), 1)))
    }

    /// Whether a part of the city is on a map.
    pub fn shows(row: &CityRow) -> bool {
        matches!(row, CityRow::Segment(_) | CityRow::Zone(_) | CityRow::Camera(_))
    }

    /// The map after some changes, whatever their order.
    pub fn after(&self, changes: impl IntoIterator<Item = (CityRow, Diff)>) -> Self {
        let Self { streets, cells, zones, cameras, ways: _ } = self.clone();
        let mut map = Self { streets, cells, zones, cameras, ways: RefCell::default() };
        let mut changes: Vec<_> = changes.into_iter().collect();
        changes.sort_by_key(|&(_, diff)| diff); // what goes before what comes
        for (row, diff) in changes {
            match row {
                CityRow::Segment(segment) => map.change_street(Street::new(segment), diff > 0),
                CityRow::Zone(zone) if diff > 0 => {
                    let bounds = Bounds::around(zone.rings.iter().flat_map(|ring| ring.0.iter().copied()));
                    map.zones.insert(zone.id, Rc::new((zone, bounds)));
                }
                CityRow::Zone(zone) => drop(map.zones.remove(&zone.id)),
                CityRow::Camera(camera) if diff > 0 => drop(map.cameras.insert(camera.id, camera)),
                CityRow::Camera(camera) => drop(map.cameras.remove(&camera.id)),
                _ => {}
            }
        }
        map
    }

    fn change_street(&mut self, street: Street, comes: bool) {
        let street = Rc::new(street);
        let id = street.segment.id;
        if comes {
            self.streets.insert(id, Rc::clone(&street));
        } else {
            self.streets.remove(&id);
        }
        let legs = street.segment.line.windows(2).filter_map(|leg| within_reach(leg[0], leg[1]));
        let mut cells: Vec<Cell> = legs.flat_map(cells_of).collect();
        cells.sort_unstable();
        cells.dedup();
        for cell in cells {
            let near = Rc::make_mut(&mut self.cells);
            let others = near.get(&cell).into_iter().flat_map(|here| here.iter());
            let mut here: Vec<_> = others.filter(|other| other.segment.id != id).cloned().collect();
            if comes {
                let at = here.partition_point(|other| other.segment.id < id);
                here.insert(at, Rc::clone(&street));
            }
            if here.is_empty() { drop(near.remove(&cell)) } else { drop(near.insert(cell, here.into())) }
        }
    }

    /// The streets within [`REACH`] of a place, ascending by id, each with where the place falls on it.
    pub fn near(&self, point: Point) -> impl Iterator<Item = (&Rc<Street>, Projection)> {
        let here = self.cells.get(&cell_of(point)).into_iter().flat_map(|here| here.iter());
        here.filter_map(move |street| street.project(point).map(|found| (street, found)))
    }

    /// The segment that somebody at `point` with `heading` is on: the nearest that points that way, by (d / 5 m)² + (Δ / 20°)²
    /// and no further off than 60°; of equally good ones the one with the smallest id.
    pub fn segment_at(&self, point: Point, heading: Option<Heading>) -> Option<&Segment> {
        const MAX_TURN_CENTIDEGREES: i64 = 6_000;
        let scored = self.near(point).filter_map(|(street, found)| {
            let turn = heading.map_or(0, |heading| heading.difference(found.heading));
            // In hundred-millionths.
            (turn <= MAX_TURN_CENTIDEGREES).then(|| (4 * found.distance.0.pow(2) + 25 * turn.pow(2), street))
        });
        scored.min_by_key(|(score, _)| *score).map(|(_, street)| &street.segment)
    }

    /// The zone that holds `point`; the one with the smallest id where zones overlap.
    pub fn zone_at(&self, point: Point) -> Option<Id> {
        let holds = |zone: &&Rc<(Zone, Option<Bounds>)>| {
            zone.1.is_some_and(|bounds| bounds.contains(point))
                && zone.0.rings.iter().filter(|ring| ring.contains(point)).count() % 2 == 1
        };
        self.zones.values().find(holds).map(|zone| zone.0.id)
    }

    /// The camera of that id.
    pub fn camera(&self, id: Id) -> Option<&Camera> {
        self.cameras.get(&id)
    }

    /// The shortest way from the end of one street to the start of another, in this map: a street of another map leads where this
    /// one says, and nowhere if this one does not know it. `None` where the way is longer than `within`, give or take a quarter
    /// of a kilometre.
    pub fn way(&self, start: &Street, end: &Street, within: Millimetres) -> Option<Rc<Way>> {
        let within = (within.0.max(0) / SEARCH_STEP + 1) * SEARCH_STEP;
        let mut ways = self.ways.borrow_mut();
        if ways.len() >= MAX_WAYS {
            ways.clear();
        }
        let ids = (start.segment.id, end.segment.id);
        match ways.get(&ids) {
            Some(Known::Way(way)) => return (way.length.0 <= within).then(|| Rc::clone(way)),
            Some(Known::NoneWithin(searched)) if *searched >= within => return None,
            _ => {}
        }
        let way = self.streets.get(&ids.0).and_then(|start| self.search(start, ids.1, within)).map(Rc::new);
        ways.insert(ids, way.clone().map_or(Known::NoneWithin(within), Known::Way));
        way
    }

    /// Dijkstra's algorithm over segments, by the length at which a segment is entered. Of equally long ways the one whose last
    /// segment is entered first, then the one whose last segment has the smaller id, then so for the way to that one.
    fn search(&self, start: &Rc<Street>, end: Id, within: i64) -> Option<Way> {
        struct Entered {
            length: i64,
            from: Option<Id>,
            crossing: Leg,
        }
        let mut best: FxHashMap<Id, Entered> = FxHashMap::default();
        let mut open = BinaryHeap::new();
        let expand =
            |from: &Street, length: i64, origin: Option<Id>, best: &mut FxHashMap<_, _>, open: &mut BinaryHeap<_>| {
                for next in from.segment.next.iter() {
                    let length = length + next.crossing.0;
                    if length <= within && best.get(&next.segment).is_none_or(|known: &Entered| length < known.length) {
                        let micros = from.free_flow_micros(next.crossing);
                        let crossing = Leg { street: None, length: next.crossing, micros };
                        best.insert(next.segment, Entered { length, from: origin, crossing });
                        open.push(Reverse((length, next.segment)));
                    }
                }
            };
        expand(start, 0, None, &mut best, &mut open);
        while let Some(Reverse((length, id))) = open.pop() {
            if id == end {
                break;
            }
            let is_stale = best.get(&id).is_some_and(|known| known.length < length);
            if !is_stale && let Some(street) = self.streets.get(&id) {
                expand(street, length + street.segment.length.0, Some(id), &mut best, &mut open);
            }
        }
        let mut at = best.get(&end)?;
        let length = Millimetres(at.length);
        let mut legs = vec![at.crossing.clone()];
        while let Some(from) = at.from {
            let street = self.streets.get(&from)?;
            let length = street.segment.length;
            legs.push(Leg { street: Some(Rc::clone(street)), length, micros: street.free_flow_micros(length) });
            at = best.get(&from)?;
            legs.push(at.crossing.clone());
        }
        legs.reverse();
        Some(Way { start: Rc::clone(start), legs: legs.into(), length })
    }
}

#[cfg(test)]
mod tests;
