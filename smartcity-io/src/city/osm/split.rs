//! From ways through nodes to pieces of road between junctions.

use rustc_hash::FxHashMap;
use smartcity_dataflow::model::Point;

use super::super::document::{Direction, RoadLine};
use super::tags::{Driving, Travel};

/// A drivable way.
#[derive(Debug)]
pub(super) struct Way {
    pub id: i64,
    /// Its nodes, none twice in a row.
    pub nodes: Vec<i64>,
    pub driving: Driving,
}

/// The nodes of drivable ways.
#[derive(Debug, Default)]
pub(super) struct Nodes(FxHashMap<i64, Node>);

#[derive(Debug, Default)]
struct Node {
    /// How often ways pass it or end at it.
    passes: u32,
    place: Option<Point>,
}

impl Nodes {
    /// The nodes of ways, none twice in a row, whose places are still to come.
    pub(super) fn of<'a>(ways: impl IntoIterator<Item = &'a [i64]>) -> Self {
        let mut nodes = Self::default();
        for &id in ways.into_iter().flatten() {
            nodes.0.entry(id).or_default().passes += 1;
        }
        nodes
    }

    /// Learns where a node is; of no effect for one that no way passes.
    pub(super) fn place(&mut self, id: i64, place: Point) {
        if let Some(node) = self.0.get_mut(&id) {
            node.place = Some(place);
        }
    }

    /// Whether ways meet at a node, or one meets itself.
    pub(super) fn is_junction(&self, id: i64) -> bool {
        self.0.get(&id).is_some_and(|node| node.passes > 1)
    }

    fn place_of(&self, id: i64) -> Option<Point> {
        self.0.get(&id)?.place
    }
}

/// The pieces of `way` between junctions, as roads.
///
/// A piece is numbered by its order along the way, so that its id stays when other ways change. Where an extract has cut
/// the way off, nodes are missing: the way is interrupted there.
pub(super) fn roads(way: &Way, nodes: &Nodes) -> Vec<RoadLine> {
    let mut roads = Vec::new();
    let mut index = 0;
    let mut line: Vec<Point> = Vec::new();
    for &node in &way.nodes {
        let place = nodes.place_of(node);
        line.extend(place);
        if place.is_none() || nodes.is_junction(node) {
            if line.windows(2).any(|leg| leg[0] != leg[1]) {
                roads.extend(directions(way, index, line));
                index += 1;
            }
            line = place.into_iter().collect();
        }
    }
    if line.windows(2).any(|leg| leg[0] != leg[1]) {
        roads.extend(directions(way, index, line));
    }
    roads
}

/// A piece of road: one feature where both directions agree, else one for each.
fn directions(way: &Way, index: usize, line: Vec<Point>) -> Vec<RoadLine> {
    let id = format!("w{}-{index}", way.id);
    let road = |id: String, direction, travel: Travel, line| RoadLine {
        id,
        name: way.driving.name.clone(),
        direction,
        class: Some(way.driving.class),
        lanes: travel.lanes,
        free_flow: travel.free_flow,
        length: None,
        zone: None,
        next: None,
        line,
    };
    match (way.driving.forward, way.driving.backward) {
        (Some(forward), Some(backward)) if forward == backward => vec![road(id, Direction::Both, forward, line)],
        (forward, backward) => {
            let forward = forward.map(|travel| road(format!("{id}f"), Direction::Forward, travel, line.clone()));
            let backward = backward.map(|travel| road(format!("{id}b"), Direction::Backward, travel, line));
            forward.into_iter().chain(backward).collect()
        }
    }
}
