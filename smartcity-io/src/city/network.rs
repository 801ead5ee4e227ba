//! Geometry and topology of a road network: where roads lead, in which zone they lie, what can be reached.

use std::collections::HashMap;
use std::sync::Arc;

use smartcity_dataflow::model::{Bounds, Id, Millimetres, Point, Ring, Successor, distance_mm, length_mm};

/// The place `along` a line of at least one point; its end where the line is shorter.
pub(super) fn place_along(line: &[Point], along: Millimetres) -> Point {
    let mut left = along.0.max(0);
    for leg in line.windows(2) {
        let length = distance_mm(leg[0], leg[1]).0;
        if left < length {
            let part = |from: i32, to: i32| from + (i64::from(to - from) * left / length) as i32;
            return Point { lat: part(leg[0].lat, leg[1].lat), lon: part(leg[0].lon, leg[1].lon) };
        }
        left -= length;
    }
    line.last().copied().unwrap_or_default()
}

/// The place in the middle of a line.
pub(super) fn midpoint(line: &[Point]) -> Point {
    place_along(line, Millimetres(length_mm(line).0 / 2))
}

/// The zones of a city, to be asked which one holds a place.
#[derive(Debug, Default)]
pub(super) struct ZoneFinder(Vec<(Bounds, Arc<[Ring]>, Id)>);

impl ZoneFinder {
    /// Zones in the order of preference where several hold a place.
    pub(super) fn new(zones: impl IntoIterator<Item = (Id, Arc<[Ring]>)>) -> Self {
        let with_bounds = |(id, rings): (Id, Arc<[Ring]>)| {
            let points = rings.iter().flat_map(|ring| ring.0.iter().copied());
            Some((Bounds::around(points)?, rings, id))
        };
        Self(zones.into_iter().filter_map(with_bounds).collect())
    }

    /// The zone that holds `point` (even-odd, so that a hole is outside).
    pub(super) fn zone_of(&self, point: Point) -> Option<Id> {
        let holds = |rings: &[Ring]| rings.iter().filter(|ring| ring.contains(point)).count() % 2 == 1;
        self.0.iter().find(|(bounds, rings, _)| bounds.contains(point) && holds(rings)).map(|&(.., id)| id)
    }
}

/// The segments of a city by the place where they start.
#[derive(Debug, Default)]
pub(super) struct Starts<'a>(HashMap<Point, Vec<(Id, &'a [Point])>>);

impl<'a> Starts<'a> {
    pub(super) fn new(segments: impl IntoIterator<Item = (Id, &'a [Point])>) -> Self {
        let mut starts = Self::default();
        for (id, line) in segments {
            starts.0.entry(line[0]).or_default().push((id, line));
        }
        starts
    }

    /// The segments that start where `line` ends, each across a junction of no extent: their lines share a point.
    ///
    /// Turning back into the same piece of road is left to dead ends, where nothing else is left.
    pub(super) fn after(&self, line: &[Point]) -> Vec<Successor> {
        let Some(starting) = line.last().and_then(|end| self.0.get(end)) else { return Vec::new() };
        let is_back = |other: &[Point]| other.len() == line.len() && other.iter().rev().eq(line);
        let onward = starting.iter().filter(|(_, other)| !is_back(other));
        let mut successors: Vec<_> = onward.map(|&(segment, _)| segment).collect();
        if successors.is_empty() {
            successors = starting.iter().map(|&(segment, _)| segment).collect();
        }
        successors.sort_unstable();
        successors.into_iter().map(|segment| Successor { segment, crossing: Millimetres(0) }).collect()
    }
}

/// Size of the largest set of nodes that can all reach each other.
///
/// `edges[a]` are the nodes that `a` leads to. Kosaraju's algorithm, without recursion.
pub(super) fn largest_strong_component(edges: &[Vec<usize>]) -> usize {
    let mut backward = vec![Vec::new(); edges.len()];
    for (from, targets) in edges.iter().enumerate() {
        for &to in targets {
            backward[to].push(from);
        }
    }
    let mut seen = vec![false; edges.len()];
    let mut finished = Vec::with_capacity(edges.len());
    for start in 0..edges.len() {
        finish_order(edges, start, &mut seen, &mut finished);
    }
    let mut seen = vec![false; edges.len()];
    let mut component = Vec::new();
    let mut largest = 0;
    for &start in finished.iter().rev() {
        component.clear();
        finish_order(&backward, start, &mut seen, &mut component);
        largest = largest.max(component.len());
    }
    largest
}

/// Appends to `finished` the unseen nodes that `start` reaches, each after all that it leads to.
fn finish_order(edges: &[Vec<usize>], start: usize, seen: &mut [bool], finished: &mut Vec<usize>) {
    if std::mem::replace(&mut seen[start], true) {
        return;
    }
    let mut path = vec![(start, 0)];
    while let Some((node, next)) = path.last_mut() {
        if let Some(&target) = edges[*node].get(*next) {
            *next += 1;
            if !std::mem::replace(&mut seen[target], true) {
                path.push((target, 0));
            }
        } else {
            finished.push(*node);
            path.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use smartcity_dataflow::model::Namespace;

    use super::*;

    const TOWN: Point = Point { lat: 377_700_000, lon: -1_224_200_000 };

    fn square(size: i64) -> Ring {
        Ring([(0, 0), (size, 0), (size, size), (0, size)].map(|(east, north)| TOWN.shifted(east, north)).into())
    }

    #[test]
    fn a_place_along_a_line_is_found_across_its_legs() {
        let line = [TOWN, TOWN.shifted(100_000, 0), TOWN.shifted(100_000, 100_000)];
        let place = place_along(&line, Millimetres(130_000));
        assert!(distance_mm(place, TOWN.shifted(100_000, 30_000)).0 < 50, "{place:?}");
        assert_eq!(place_along(&line, Millimetres(900_000)), line[2]);
        assert_eq!(place_along(&line, Millimetres(-1)), line[0]);
    }

    #[test]
    fn a_hole_is_not_in_the_zone() {
        let zone = Id::new(Namespace::Zone, "ring");
        let hole = Ring([(40, 40), (60, 40), (60, 60), (40, 60)].map(|(e, n)| TOWN.shifted(e, n)).into());
        let finder = ZoneFinder::new([(zone, vec![square(100), hole].into())]);
        assert_eq!(finder.zone_of(TOWN.shifted(20, 20)), Some(zone));
        assert_eq!(finder.zone_of(TOWN.shifted(50, 50)), None);
        assert_eq!(finder.zone_of(TOWN.shifted(-20, 20)), None);
    }

    #[test]
    fn a_vehicle_turns_back_only_in_a_dead_end() {
        let (a, b, c) = (TOWN, TOWN.shifted(100_000, 0), TOWN.shifted(200_000, 0));
        let lines = [("ab", [a, b]), ("ba", [b, a]), ("bc", [b, c]), ("cb", [c, b])];
        let id = |text| Id::new(Namespace::Segment, text);
        let starts = Starts::new(lines.iter().map(|(name, line)| (id(name), &line[..])));
        let after = |line: &[Point]| starts.after(line).into_iter().map(|next| next.segment).collect::<Vec<_>>();
        assert_eq!(after(&[a, b]), [id("bc")]);
        assert_eq!(after(&[b, c]), [id("cb")]);
        assert_eq!(after(&[b, TOWN.shifted(0, 7_000)]), []);
    }

    #[test]
    fn a_one_way_link_does_not_join_components() {
        // 0 -> 1 -> 2 -> 0 is a circle; 3 <-> 4 is another; 2 -> 3 leads from one to the other.
        let edges = [vec![1], vec![2], vec![0, 3], vec![4], vec![3]];
        assert_eq!(largest_strong_component(&edges), 3);
        assert_eq!(largest_strong_component(&[vec![1], vec![]]), 1);
        assert_eq!(largest_strong_component(&[]), 0);
    }
}
