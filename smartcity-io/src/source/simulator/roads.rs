//! The roads that vehicles drive on: the city's segments, as floats for motion.

use std::ops::Range;

use rustc_hash::FxHashMap;
use smartcity_dataflow::model::{Bounds, City, Heading, Id, Point, bearing, distance_mm};

/// A straight piece of a way.
#[derive(Clone, Copy, Debug)]
struct Leg {
    /// Where it starts, in the units of a [`Point`].
    lat: f64,
    lon: f64,
    /// Units for each metre along it.
    lat_per_metre: f64,
    lon_per_metre: f64,
    /// Metres from the start of the way.
    start: f64,
    end: f64,
    heading: Heading,
}

impl Leg {
    fn new(from: Point, to: Point, start: f64) -> Self {
        let length = distance_mm(from, to).0 as f64 / 1_000.0;
        let per_metre =
            |from: i32, to: i32| if length > 0.0 { (f64::from(to) - f64::from(from)) / length } else { 0.0 };
        Self {
            lat: f64::from(from.lat),
            lon: f64::from(from.lon),
            lat_per_metre: per_metre(from.lat, to.lat),
            lon_per_metre: per_metre(from.lon, to.lon),
            start,
            end: start + length,
            heading: bearing(from, to).unwrap_or_default(),
        }
    }

    fn at(&self, along: f64) -> Spot {
        let metres = along - self.start;
        let (lat, lon) = (self.lat + self.lat_per_metre * metres, self.lon + self.lon_per_metre * metres);
        Spot { lat, lon, heading: self.heading }
    }
}

/// A place on a road, in the units of a [`Point`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) lat: f64,
    pub(super) lon: f64,
    pub(super) heading: Heading,
}

impl Spot {
    /// The point some metres east and north of here.
    pub(super) fn shifted(self, east: f64, north: f64) -> Point {
        const UNITS_PER_METRE: f64 = 1e9 / 11_119_493.0; // as in the model's plane
        let longitude = UNITS_PER_METRE / (self.lat / 1e7).to_radians().cos().max(1e-3);
        Point {
            lat: (self.lat + north * UNITS_PER_METRE).round() as i32,
            lon: (self.lon + east * longitude).round() as i32,
        }
    }
}

/// A directed segment that can be driven on without end.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) road: Id,
    /// Metres.
    pub(super) length: f64,
    /// Metres a second.
    pub(super) free_flow: f64,
    legs: Range<u32>,
    pub(super) exits: Range<u32>,
}

/// A way across a junction.
#[derive(Clone, Debug)]
pub(super) struct Exit {
    pub(super) way: u32,
    /// Metres from the end of one way to the start of the other.
    pub(super) crossing: f64,
    /// Metres a second at which the turn is taken.
    pub(super) turn_speed: f64,
    leg: Leg,
}

/// All ways, of which each can be reached from each.
#[derive(Clone, Debug)]
pub(super) struct Roads {
    pub(super) ways: Vec<Way>,
    pub(super) exits: Vec<Exit>,
    legs: Vec<Leg>,
    pub(super) centre: Point,
    /// Half the diagonal of the city, in metres.
    pub(super) radius: f64,
    by_segment: FxHashMap<Id, u32>,
}

impl Roads {
    /// The largest part of the city's road graph in which every segment can be reached from every other; `None` where
    /// there is not even a loop.
    ///
    /// At a dead end a vehicle turns round, where the other direction is a segment too.
    pub(super) fn of(city: &City) -> Option<Self> {
        let segments: Vec<_> = city.segments().filter(|segment| segment.line.len() >= 2).collect();
        let index: FxHashMap<Id, u32> = (0..).zip(&segments).map(|(at, segment)| (segment.id, at)).collect();
        let ends = |line: &[Point]| (line[0], line[line.len() - 1]);
        let by_ends: FxHashMap<(Point, Point), u32> =
            (0..).zip(&segments).map(|(at, segment)| (ends(&segment.line), at)).collect();
        let next: Vec<Vec<u32>> = segments
            .iter()
            .map(|segment| {
                let next: Vec<u32> = segment.next.iter().filter_map(|next| index.get(&next.segment).copied()).collect();
                let (start, end) = ends(&segment.line);
                if next.is_empty() { by_ends.get(&(end, start)).copied().into_iter().collect() } else { next }
            })
            .collect();
        let kept = largest_component(&next)?;
        let bounds = Bounds::around(kept.iter().flat_map(|&at| segments[at as usize].line.iter().copied()))?;
        let position: FxHashMap<u32, u32> = (0..).zip(&kept).map(|(new, &old)| (old, new)).collect();

        let mut roads = Self {
            ways: Vec::with_capacity(kept.len()),
            exits: Vec::new(),
            legs: Vec::new(),
            centre: Point {
                lat: i32::midpoint(bounds.south_west.lat, bounds.north_east.lat),
                lon: i32::midpoint(bounds.south_west.lon, bounds.north_east.lon),
            },
            radius: (distance_mm(bounds.south_west, bounds.north_east).0 as f64 / 2_000.0).max(100.0),
            by_segment: FxHashMap::default(),
        };
        for &at in &kept {
            let segment = segments[at as usize];
            let (first_leg, first_exit) = (roads.legs.len() as u32, roads.exits.len() as u32);
            let mut length = 0.0;
            for pair in segment.line.windows(2) {
                let leg = Leg::new(pair[0], pair[1], length);
                length = leg.end;
                roads.legs.push(leg);
            }
            let end = segment.line[segment.line.len() - 1];
            let heading = roads.legs.last().map_or_else(Heading::default, |leg| leg.heading);
            for old in &next[at as usize] {
                let Some(&way) = position.get(old) else { continue };
                let entered = segments[*old as usize];
                let leg = Leg::new(end, entered.line[0], 0.0);
                let turn_speed = match heading.difference(entered.heading()) {
                    0..3_000 => f64::INFINITY,
                    3_000..6_000 => 8.0,
                    6_000..12_000 => 5.0,
                    _ => 2.5,
                };
                roads.exits.push(Exit { way, crossing: leg.end, turn_speed, leg });
            }
            roads.by_segment.insert(segment.id, roads.ways.len() as u32);
            roads.ways.push(Way {
                road: segment.road,
                length,
                free_flow: (segment.free_flow.as_f64() / 3.6).max(2.0),
                legs: first_leg..roads.legs.len() as u32,
                exits: first_exit..roads.exits.len() as u32,
            });
        }
        Some(roads)
    }

    /// The way of a segment.
    pub(super) fn way_of(&self, segment: Id) -> Option<u32> {
        self.by_segment.get(&segment).copied()
    }

    /// A place on a way, or behind its end on the way across the junction to `exit`.
    pub(super) fn spot(&self, way: u32, exit: u32, along: f64) -> Spot {
        let way = &self.ways[way as usize];
        if along > way.length {
            return self.exits[exit as usize].leg.at(along - way.length);
        }
        let legs = &self.legs[way.legs.start as usize..way.legs.end as usize];
        let leg = legs.partition_point(|leg| leg.end < along).min(legs.len() - 1);
        legs[leg].at(along)
    }

    /// Metres east and north of the centre, of the middle of a way.
    pub(super) fn middle(&self, way: u32) -> (f64, f64) {
        let spot = self.spot(way, 0, self.ways[way as usize].length / 2.0);
        let (east, north) = spot.shifted(0.0, 0.0).offset_mm(self.centre);
        (east as f64 / 1_000.0, north as f64 / 1_000.0)
    }
}

/// The largest strongly connected component that holds a loop, in ascending order (Tarjan 1972, without recursion).
fn largest_component(next: &[Vec<u32>]) -> Option<Vec<u32>> {
    const UNSEEN: u32 = u32::MAX;
    let mut order = vec![UNSEEN; next.len()];
    let mut low = vec![0; next.len()];
    let mut is_open = vec![false; next.len()];
    let (mut open, mut largest): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
    let mut seen = 0;
    for root in 0..next.len() as u32 {
        if order[root as usize] != UNSEEN {
            continue;
        }
        let mut path = vec![(root, 0)];
        while let Some((node, edge)) = path.last_mut() {
            let at = *node as usize;
            if *edge == 0 {
                (order[at], low[at]) = (seen, seen);
                seen += 1;
                open.push(*node);
                is_open[at] = true;
            }
            if let Some(&to) = next[at].get(*edge) {
                *edge += 1;
                if order[to as usize] == UNSEEN {
                    path.push((to, 0));
                } else if is_open[to as usize] {
                    low[at] = low[at].min(order[to as usize]);
                }
                continue;
            }
            let node = *node;
            path.pop();
            if let Some((parent, _)) = path.last() {
                low[*parent as usize] = low[*parent as usize].min(low[at]);
            }
            if low[at] == order[at] {
                let start = open.iter().rposition(|&member| member == node).unwrap_or(0);
                let members = open.split_off(start);
                members.iter().for_each(|&member| is_open[member as usize] = false);
                let loops = members.len() > 1 || next[at].contains(&node);
                if loops && members.len() > largest.len() {
                    largest = members;
                }
            }
        }
    }
    largest.sort_unstable();
    (!largest.is_empty()).then_some(largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_part_that_can_be_driven_without_end_is_kept() {
        let next = [vec![1], vec![2], vec![0, 3], vec![4], vec![3], vec![0], vec![]];
        assert_eq!(largest_component(&next), Some(vec![0, 1, 2]));
        assert_eq!(largest_component(&[vec![1], vec![2], vec![]]), None);
        assert_eq!(largest_component(&[vec![1], vec![1]]), Some(vec![1]));
        assert_eq!(largest_component(&[]), None);
    }
}
