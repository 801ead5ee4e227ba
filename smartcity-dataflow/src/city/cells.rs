//! The city in cells, to find what is near without looking at everything.

use serde::{Deserialize, Serialize};

use crate::model::{Millimetres, Point};

/// A cell of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Cell {
    row: i32,
    column: i32,
}

/// A grid of cells with equal steps of latitude and longitude. A cell is as wide as high at the equator and narrower
/// elsewhere. The grid ends at the antimeridian: what lies on both sides of it is not near.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    step: i32,
}

/// Beyond this latitude (80°) cells get too narrow to look around in.
const MAX_LATITUDE: i32 = 800_000_000;

impl Grid {
    /// Cells that are `side` high and at most as wide.
    pub(super) fn of_cells(side: Millimetres) -> Self {
        Self { step: Point::default().shifted(0, side.0).lat.max(1) }
    }

    /// The cell that holds `point`.
    pub(super) fn cell(self, point: Point) -> Cell {
        Cell { row: point.lat.div_euclid(self.step), column: point.lon.div_euclid(self.step) }
    }

    /// The middle of a cell.
    pub(super) fn middle(self, cell: Cell) -> Point {
        let middle = |index: i32| index * self.step + self.step / 2;
        Point { lat: middle(cell.row), lon: middle(cell.column) }
    }

    /// Every cell that holds a place within `reach` of `point`, and some more. Beyond 80° north or south: the cell of `point`.
    pub(super) fn around(self, point: Point, reach: Millimetres) -> impl Iterator<Item = Cell> {
        let reach = if point.lat.abs() <= MAX_LATITUDE { reach.0 } else { 0 };
        let (low, high) = (self.cell(point.shifted(-reach, -reach)), self.cell(point.shifted(reach, reach)));
        (low.row..=high.row).flat_map(move |row| (low.column..=high.column).map(move |column| Cell { row, column }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::distance_mm;

    proptest! {
        #[test]
        fn what_is_near_lies_in_a_cell_around(
            lat in -790_000_000..790_000_000, lon in -1_790_000_000..1_790_000_000,
            east in -1_000_000i64..1_000_000, north in -1_000_000i64..1_000_000, side in 1_000i64..2_000_000,
        ) {
            let (grid, here) = (Grid::of_cells(Millimetres(side)), Point { lat, lon });
            let there = here.shifted(east, north);
            let around: Vec<_> = grid.around(here, distance_mm(here, there)).take(1_000_000).collect();
            prop_assume!(around.len() < 1_000_000);
            prop_assert!(around.contains(&grid.cell(here)));
            prop_assert!(around.contains(&grid.cell(there)));
        }

        #[test]
        fn a_cell_is_no_larger_than_its_side(
            lat in -890_000_000..890_000_000, lon in -1_790_000_000..1_790_000_000, side in 1_000i64..2_000_000,
        ) {
            let grid = Grid::of_cells(Millimetres(side));
            let middle = grid.middle(grid.cell(Point { lat, lon }));
            let half_diagonal = distance_mm(Point { lat, lon }, middle).0;
            prop_assert!(half_diagonal <= side * 71 / 100 + 30, "{half_diagonal}");
        }
    }

    #[test]
    fn at_the_pole_only_the_own_cell_is_looked_at() {
        let (grid, pole) = (Grid::of_cells(Millimetres(100_000)), Point { lat: 900_000_000, lon: 0 });
        assert_eq!(grid.around(pole, Millimetres(150_000)).collect::<Vec<_>>(), [grid.cell(pole)]);
    }
}
