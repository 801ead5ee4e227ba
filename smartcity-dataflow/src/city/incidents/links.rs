//! Which reports are near each other?

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Included};

use serde::{Deserialize, Serialize};

use super::super::cells::Grid;
use crate::model::{Id, Millimetres, Millis, Point, distance_mm};
use crate::operators::{Keep, keyed};
use crate::{Rows, Settings};

/// A report as a place in space and time; the first sorts first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Spot {
    pub(super) time: Millis,
    pub(super) id: Id,
    pub(super) place: Point,
}

/// How near two spots of one event are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nearness {
    distance: Millimetres,
    time_ms: i64,
}

impl Nearness {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            distance: Millimetres(i64::from(settings.merge_distance_m) * 1_000),
            time_ms: i64::try_from(settings.merge_time_ms).unwrap_or(i64::MAX),
        }
    }

    pub(super) fn holds(self, earlier: Spot, later: Spot) -> bool {
        later.time.0.saturating_sub(earlier.time.0) <= self.time_ms
            && distance_mm(earlier.place, later.place) <= self.distance
    }
}

/// Which spots of a type are near each other? Enough pairs (later, earlier) of near spots that two spots hang together by the
/// pairs exactly if they hang together by nearness.
///
/// | time | spots                 | output            |
/// |-----:|-----------------------|-------------------|
/// |    0 | +10:00, +10:01        | +(10:01, 10:00)   |
/// |    1 | +10:02                | +(10:02, 10:00)   |
/// |    2 | -10:00                | -(10:01, 10:00) -(10:02, 10:00) +(10:02, 10:01) |
///
/// (all in one street, near in time.) The plane is cut into cells so small that all of a cell is within the distance. Then a
/// spot needs one link into each cell around it, however many near spots the cell holds: to the *oldest* of them that is
/// before it. The others are within the time of each other (all lie between the oldest and the spot) and within the distance
/// (all lie in the cell), so they hang together already. So a spot has no more links than cells around it, 16 to 30 in most
/// cities, and the n reports of a great fire at one street corner have n links, not n².
///
/// Linking to the oldest, not to the newest, keeps paths short: n reports of a moment are all one step from the first.
///
/// A change looks at the spots around it that are near in time. The state is every spot once for each cell around it.
pub(super) fn links<'s>(spots: Rows<'s, (Id, Spot)>, near: Nearness) -> Rows<'s, (Spot, Spot)> {
    let grid = Grid::of_cells(Millimetres(near.distance.0 * 7 / 10)); // a diagonal is below √2 · 0.7 = 0.99 of the distance
    let visits = spots.flat_map(move |(incident_type, spot)| {
        let home = grid.cell(spot.place);
        let cells = grid.around(spot.place, near.distance);
        cells.map(move |cell| ((incident_type, cell), Visit { spot, at_home: cell == home }))
    });
    keyed(visits, "Links", move |_, here: &mut Here, turn| {
        let mut touched = BTreeSet::new();
        for (visit, _) in turn.changes() {
            touched.insert(visit.spot);
            if visit.at_home {
                touched.extend(here.visitors_after(visit.spot, near));
            }
        }
        turn.for_each_change(|_, visit, diff| here.change(visit, diff > 0));
        for spot in touched {
            let (before, after) = here.link_again(spot, near);
            turn.replace(before.map(|earlier| (spot, earlier)), after.map(|earlier| (spot, earlier)));
        }
        if here.visitors.is_empty() { Keep::No } else { Keep::Yes }
    })
}

/// A spot seen from a cell that it may be near to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Visit {
    spot: Spot,
    /// Whether it lies in the cell.
    at_home: bool,
}

/// The spots around a cell.
#[derive(Debug, Default)]
struct Here {
    /// In the cell or around it.
    visitors: BTreeSet<Spot>,
    /// In the cell.
    residents: BTreeSet<Spot>,
    /// The resident that each visitor is linked to.
    links: BTreeMap<Spot, Spot>,
}

impl Here {
    fn change(&mut self, visit: Visit, comes: bool) {
        let lists = [Some(&mut self.visitors), visit.at_home.then_some(&mut self.residents)];
        for list in lists.into_iter().flatten() {
            if comes {
                list.insert(visit.spot)
            } else {
                list.remove(&visit.spot)
            };
        }
    }

    /// The visitors that a resident may be the oldest near spot of.
    fn visitors_after(&self, resident: Spot, near: Nearness) -> impl Iterator<Item = Spot> {
        let last = Spot { time: Millis(resident.time.0.saturating_add(near.time_ms).saturating_add(1)), ..resident };
        let after = self.visitors.range((Excluded(resident), Included(last)));
        after.filter(move |visitor| near.holds(resident, **visitor)).copied()
    }

    /// Links a visitor, if it is still here, to the oldest resident before it that is near: the link before and after.
    fn link_again(&mut self, visitor: Spot, near: Nearness) -> (Option<Spot>, Option<Spot>) {
        let first = Spot { time: Millis(visitor.time.0.saturating_sub(near.time_ms).saturating_sub(1)), ..visitor };
        let mut residents = self.residents.range((Included(first), Excluded(visitor)));
        let oldest = residents.find(|resident| near.holds(**resident, visitor)).copied();
        let after = oldest.filter(|_| self.visitors.contains(&visitor));
        let before = self.links.remove(&visitor);
        self.links.extend(after.map(|resident| (visitor, resident)));
        (before, after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, id, trace};

    #[test]
    fn a_hot_spot_has_as_many_links_as_reports() {
        let corner = Point { lat: 377_700_000, lon: -1_224_200_000 };
        let spot = |i: u64| Spot { time: Millis(i as i64), id: id(&i.to_string()), place: corner };
        let updates: Vec<_> = (0..300).map(|i| at(i / 10, (id("fire"), spot(i)))).collect();
        let near = Nearness::new(&Settings::default());
        let output = trace(&updates, move |spots: Rows<'_, (Id, Spot)>| links(spots, near), 50);
        assert_eq!(output.len(), 299);
        assert!(output.iter().all(|(_, (_, earlier), diff)| *earlier == spot(0) && *diff == 1));
    }
}
