//! The ground plan of the town: where the corners of its grid are, in metres, bent so that it looks grown.
//!
//! Only `+ - * /` and square roots are used, which every machine rounds the same way: the town is the same everywhere.

use smartcity_dataflow::model::Point;

/// The middle of the town.
const CENTRE: Point = Point { lat: 377_700_000, lon: -1_224_200_000 };

/// Where the streets that run north and south are drawn, metres east of the centre.
const EAST: [f64; 13] =
    [-1400.0, -1170.0, -930.0, -720.0, -500.0, -260.0, -20.0, 220.0, 450.0, 680.0, 910.0, 1160.0, 1400.0];
/// Where the streets that run east and west are drawn, metres north of the centre.
const NORTH: [f64; 11] = [-1060.0, -850.0, -640.0, -430.0, -210.0, 0.0, 190.0, 430.0, 640.0, 850.0, 1060.0];

/// A corner of the grid: column from the west, row from the south.
pub(super) type Corner = (usize, usize);

/// Columns of the grid.
pub(super) const COLUMNS: usize = EAST.len();
/// Rows of the grid.
pub(super) const ROWS: usize = NORTH.len();

/// Corners that are not there: a park in the west and the bay in the north-east.
const MISSING: [Corner; 5] = [(1, 3), (2, 3), (12, 9), (12, 10), (11, 10)];

/// Whether streets meet at a corner.
pub(super) fn exists(corner: Corner) -> bool {
    !MISSING.contains(&corner)
}

/// A place on the flat plan, metres east and north of the centre.
pub(super) type Flat = (f64, f64);

/// A corner on the flat plan.
pub(super) fn flat((column, row): Corner) -> Flat {
    (EAST[column], NORTH[row])
}

/// Where a place of the flat plan is on earth: streets bend a little, and the grid is turned by nine degrees.
pub(super) fn place((east, north): Flat) -> Point {
    const COSINE_OF_TURN: f64 = 0.987_688;
    const SINE_OF_TURN: f64 = 0.156_434;
    let (u, v) = (east / 1_400.0, north / 1_060.0);
    let east = east + 50.0 - 80.0 * v * v + 30.0 * u * v;
    let north = north - 45.0 + 95.0 * u * u + 20.0 * u * v;
    let turned = (east * COSINE_OF_TURN - north * SINE_OF_TURN, east * SINE_OF_TURN + north * COSINE_OF_TURN);
    CENTRE.shifted((turned.0 * 1_000.0) as i64, (turned.1 * 1_000.0) as i64)
}

/// The place of a corner on earth.
pub(super) fn corner_place(corner: Corner) -> Point {
    place(flat(corner))
}

/// The line of a street from one corner to another: it bends as the plan does.
pub(super) fn street_line(from: Corner, to: Corner) -> Vec<Point> {
    let (a, b) = (flat(from), flat(to));
    [a, ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0), b].map(place).into()
}

/// A polyline rounded by cutting its corners (Chaikin, "An algorithm for high-speed curve generation", 1974).
pub(super) fn rounded(mut line: Vec<Flat>, times: usize) -> Vec<Flat> {
    for _ in 0..times {
        let between = |a: Flat, b: Flat, part: f64| (a.0 + (b.0 - a.0) * part, a.1 + (b.1 - a.1) * part);
        let cut = line.windows(2).flat_map(|leg| [between(leg[0], leg[1], 0.25), between(leg[0], leg[1], 0.75)]);
        line = line.first().copied().into_iter().chain(cut).chain(line.last().copied()).collect();
    }
    line
}

/// The line beside `line`, `metres` to its right; its ends stay where they are.
pub(super) fn beside(line: &[Flat], metres: f64) -> Vec<Flat> {
    let moved = line.windows(3).map(|three| {
        let (east, north) = (three[2].0 - three[0].0, three[2].1 - three[0].1);
        let length = (east * east + north * north).sqrt();
        (three[1].0 + north / length * metres, three[1].1 - east / length * metres)
    });
    line.first().copied().into_iter().chain(moved).chain(line.last().copied()).collect()
}
