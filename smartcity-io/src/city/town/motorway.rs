//! Highway 101: around the south of the town and up its west side, with an interchange at three corners of the grid.

use smartcity_dataflow::model::{Millimetres, Point, RoadClass, length_mm, project};

use super::super::document::{Direction, RoadLine};
use super::super::network::place_along;
use super::plan::{Corner, Flat, beside, corner_place, flat, place, rounded};
use super::streets::{Street, piece};

const HIGHWAY: Street =
    Street { name: "Highway 101", class: RoadClass::Motorway, lanes: 3, kmh: 100, direction: Direction::Forward };
const RAMP: Street = Street { name: "Ramp", class: RoadClass::Trunk, lanes: 1, kmh: 60, direction: Direction::Forward };

/// Where the highway ends and becomes a street, in the east and in the west.
const ENDS: [Corner; 2] = [(12, 2), (0, 6)];
/// Its course between them on the flat plan, from the east.
const COURSE: [Flat; 11] = [
    (1_660.0, -700.0),
    (1_650.0, -1_150.0),
    (1_250.0, -1_390.0),
    (600.0, -1_400.0),
    (0.0, -1_340.0),
    (-600.0, -1_360.0),
    (-1_250.0, -1_400.0),
    (-1_680.0, -1_150.0),
    (-1_740.0, -700.0),
    (-1_720.0, -150.0),
    (-1_600.0, 160.0),
];
/// The corners that its ramps lead to: Kearny St, Van Ness and Market St at Cesar Chavez St.
const INTERCHANGES: [Corner; 3] = [(10, 0), (5, 0), (1, 0)];

/// Distance of each carriageway from the middle of the highway.
const CARRIAGEWAY_OFFSET_METRES: f64 = 14.0;
/// Distance from an interchange to where its ramps leave and join.
const RAMP_REACH: Millimetres = Millimetres(170_000);

/// The carriageways, piece by piece, and the ramps.
pub(super) fn motorway() -> Vec<RoadLine> {
    let course = [flat(ENDS[0])].into_iter().chain(COURSE).chain([flat(ENDS[1])]).collect();
    let westbound = rounded(course, 2);
    let eastbound: Vec<_> = westbound.iter().rev().copied().collect();
    [("w", westbound), ("e", eastbound)]
        .into_iter()
        .flat_map(|(direction, middle)| {
            let line: Vec<_> = beside(&middle, CARRIAGEWAY_OFFSET_METRES).into_iter().map(place).collect();
            carriageway(direction, &line)
        })
        .collect()
}

/// A carriageway and its ramps.
fn carriageway(direction: &str, line: &[Point]) -> Vec<RoadLine> {
    let mut crossings: Vec<_> = INTERCHANGES
        .into_iter()
        .filter_map(|corner| Some((project(corner_place(corner), line)?.along, corner_place(corner))))
        .collect();
    crossings.sort();
    let mut pieces = Vec::new();
    let mut start = Millimetres(0);
    for (number, (along, corner)) in (1..).zip(crossings) {
        let (exit, entry) = (along - RAMP_REACH, along + RAMP_REACH);
        for (part, end) in [("a", exit), ("b", entry)] {
            pieces.push(piece(&HIGHWAY, &format!("{direction}{number}{part}"), between(line, start, end)));
            start = end;
        }
        let bend = |along| halfway(place_along(line, along), corner);
        let off = vec![place_along(line, exit), bend(along - Millimetres(RAMP_REACH.0 / 2)), corner];
        let on = vec![corner, bend(along + Millimetres(RAMP_REACH.0 / 2)), place_along(line, entry)];
        for (name, ramp) in [("off", off), ("on", on)] {
            let ramp = piece(&RAMP, &format!("{direction}{number}-{name}"), ramp);
            pieces.push(RoadLine { name: None, ..ramp });
        }
    }
    pieces.push(piece(&HIGHWAY, &format!("{direction}4a"), between(line, start, length_mm(line))));
    pieces
}

/// The part of a line from one place along it to another.
fn between(line: &[Point], start: Millimetres, end: Millimetres) -> Vec<Point> {
    let mut walked = Millimetres(0);
    let mut part = vec![place_along(line, start)];
    for leg in line.windows(2) {
        walked = walked + length_mm(leg);
        if start < walked && walked < end {
            part.push(leg[1]);
        }
    }
    part.push(place_along(line, end));
    part
}

fn halfway(a: Point, b: Point) -> Point {
    Point { lat: i32::midpoint(a.lat, b.lat), lon: i32::midpoint(a.lon, b.lon) }
}
