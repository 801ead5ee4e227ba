//! The streets of the town: a grid with two diagonals and a shore road.

use smartcity_dataflow::model::{Kmh, Point, RoadClass};

use super::super::document::{Direction, RoadLine, road_id};
use super::plan::{COLUMNS, Corner, ROWS, exists, street_line};

/// What the segments of a street have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Street {
    pub name: &'static str,
    pub class: RoadClass,
    pub lanes: u32,
    pub kmh: i64,
    pub direction: Direction,
}

const fn street(name: &'static str, class: RoadClass, lanes: u32, kmh: i64, direction: Direction) -> Street {
    Street { name, class, lanes, kmh, direction }
}

const fn local(name: &'static str) -> Street {
    street(name, RoadClass::Residential, 1, 30, Direction::Both)
}

const fn collector(name: &'static str) -> Street {
    street(name, RoadClass::Tertiary, 1, 40, Direction::Both)
}

const fn arterial(name: &'static str) -> Street {
    street(name, RoadClass::Primary, 2, 50, Direction::Both)
}

const fn one_way(name: &'static str, direction: Direction) -> Street {
    street(name, RoadClass::Secondary, 3, 50, direction)
}

const MARKET: Street = arterial("Market St");
const MISSION: Street = street("Mission St", RoadClass::Secondary, 2, 40, Direction::Both);
const SHORE: Street = street("The Embarcadero", RoadClass::Secondary, 2, 50, Direction::Both);

/// Streets that run east and west, from the south; forward is east.
const ACROSS: [Street; ROWS] = [
    street("Cesar Chavez St", RoadClass::Secondary, 2, 50, Direction::Both),
    local("24th St"),
    local("20th St"),
    local("18th St"),
    collector("16th St"),
    one_way("Oak St", Direction::Forward),
    one_way("Fell St", Direction::Backward),
    arterial("Geary Blvd"),
    one_way("Pine St", Direction::Backward),
    arterial("Broadway"),
    collector("Bay St"),
];

/// Streets that run north and south, from the west; forward is north.
const ALONG: [Street; COLUMNS] = [
    street("Divisadero St", RoadClass::Secondary, 2, 50, Direction::Both),
    local("Scott St"),
    collector("Fillmore St"),
    one_way("Gough St", Direction::Backward),
    one_way("Franklin St", Direction::Forward),
    street("Van Ness", RoadClass::Primary, 3, 50, Direction::Both),
    local("Polk St"),
    local("Hyde St"),
    collector("Mason St"),
    local("Stockton St"),
    one_way("Kearny St", Direction::Forward),
    local("Montgomery St"),
    SHORE,
];

/// All streets, piece by piece from corner to corner.
pub(super) fn streets() -> Vec<RoadLine> {
    let mut pieces = Vec::new();
    for (row, street) in ACROSS.iter().enumerate() {
        pieces.extend(along(street, (0..COLUMNS).map(|column| (column, row))));
    }
    for (column, street) in ALONG.iter().enumerate() {
        let shore = (column == COLUMNS - 1).then_some([(11, 9), (10, 10)]);
        let inland = (0..ROWS).map(|row| (column, row)).filter(|&corner| shore.is_none() || exists(corner));
        pieces.extend(along(street, inland.chain(shore.into_iter().flatten())));
    }
    pieces.extend(along(&MARKET, (1..=10).map(|column| (column, column - 1))));
    pieces.extend(along(&MISSION, (3..=11).map(|column| (column, column - 3))));
    pieces
}

/// The pieces of a street through `corners`; there is none to or from a corner that is missing.
fn along(street: &Street, corners: impl Iterator<Item = Corner>) -> Vec<RoadLine> {
    let corners: Vec<_> = corners.collect();
    let legs = corners.windows(2).filter(|leg| exists(leg[0]) && exists(leg[1]));
    let numbered = (1..).zip(legs);
    numbered.map(|(number, leg)| piece(street, &number.to_string(), street_line(leg[0], leg[1]))).collect()
}

/// The piece `number` of a street.
pub(super) fn piece(street: &Street, number: &str, line: Vec<Point>) -> RoadLine {
    RoadLine {
        id: format!("{}-{number}", road_id(street.name)),
        name: Some(street.name.to_owned()),
        direction: street.direction,
        class: Some(street.class),
        lanes: Some(street.lanes),
        free_flow: Some(Kmh(street.kmh * 1_000)),
        length: None,
        zone: None,
        next: None,
        line,
    }
}
