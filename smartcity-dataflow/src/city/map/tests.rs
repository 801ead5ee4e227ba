use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::city::fixtures::{leading_to, metres, place, segment, segment_id};

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "r"];

type City = BTreeMap<Id, Segment>;

/// Small networks: lengths and crossings of which many ways are equally long, some of kilometres, dead ends and loops.
fn networks() -> impl Strategy<Value = City> {
    let next = prop::collection::btree_map(
        prop::sample::select(NAMES.to_vec()),
        prop::sample::select(vec![0, 10, 20, 900]),
        0..4,
    );
    let street = (prop::bool::weighted(0.9), prop::sample::select(vec![100, 100, 200, 300]), next);
    prop::collection::vec(street, NAMES.len()).prop_map(|streets| {
        let streets = NAMES.into_iter().zip(streets).filter(|(_, (is_there, ..))| *is_there);
        let streets = streets.map(|(name, (_, length, next))| {
            let next: Vec<_> = next.into_iter().collect();
            let street = leading_to(segment(name, (0, 0), (100, 0)), &next);
            (street.id, Segment { length: metres(length), ..street })
        });
        streets.collect()
    })
}

/// All ways from the end of one segment to the start of another that pass no segment twice: the segments passed.
fn all_ways(city: &City, from: &Segment, end: Id, passed: &[Id], ways: &mut Vec<Vec<Id>>) {
    for next in from.next.iter() {
        if next.segment == end {
            ways.push(passed.to_vec());
        } else if let Some(segment) = city.get(&next.segment).filter(|segment| !passed.contains(&segment.id)) {
            all_ways(city, segment, end, &[passed, &[segment.id]].concat(), ways);
        }
    }
}

/// The parts of a way: a segment or, without one, a junction; with its millimetres.
fn parts(city: &City, start: &Segment, passed: &[Id], end: Id) -> Vec<(Option<Id>, i64)> {
    let (mut parts, mut from) = (Vec::new(), start);
    for &to in passed.iter().chain([&end]) {
        parts.push((None, from.next.iter().find(|next| next.segment == to).unwrap().crossing.0));
        if to != end {
            from = &city[&to];
            parts.push((Some(to), from.length.0));
        }
    }
    parts
}

/// Of all ways the shortest; of equally short ones that which enters its last segments first, then that with smaller ids.
fn shortest(city: &City, start: &Segment, end: Id) -> Option<Vec<(Option<Id>, i64)>> {
    let mut ways = Vec::new();
    all_ways(city, start, end, &[], &mut ways);
    let rank = |way: &Vec<Id>| {
        let (mut walked, mut entered) = (0, Vec::new());
        for (segment, length) in parts(city, start, way, end) {
            entered.extend(segment.map(|id| (walked, id)));
            walked += length;
        }
        entered.reverse();
        (walked, entered)
    };
    ways.iter().min_by_key(|way| rank(way)).map(|way| parts(city, start, way, end))
}

fn map_of(city: &City) -> Map {
    Map::new(&city.values().cloned().map(CityRow::Segment).collect::<Vec<_>>())
}

fn legs(way: &Way) -> Vec<(Option<Id>, i64)> {
    way.legs.iter().map(|leg| (leg.street.as_ref().map(|street| street.segment.id), leg.length.0)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever was asked before, and however long a way it was allowed.
    #[test]
    fn a_way_is_the_shortest_of_all(city in networks(), asked in prop::collection::vec((0..6usize, 0..6usize, 0..2_500i64), 1..40)) {
        let map = map_of(&city);
        for (start, end, within) in asked {
            let [start, end] = [start, end].map(|i| map.streets.get(&segment_id(NAMES[i])));
            let (Some(start), Some(end)) = (start, end) else { continue };
            let expected = shortest(&city, &start.segment, end.segment.id);
            let limit = (within / 250 + 1) * 250_000;
            let expected = expected.filter(|way| way.iter().map(|(_, length)| length).sum::<i64>() <= limit);
            let found = map.way(start, end, metres(within));
            prop_assert_eq!(found.as_ref().map(|way| legs(way)), expected.clone());
            if let (Some(found), Some(expected)) = (found, expected) {
                prop_assert_eq!(found.length.0, expected.iter().map(|(_, length)| length).sum::<i64>());
            }
        }
    }

    /// Streets come, change and go, and what is near is what is near of those that are there.
    #[test]
    fn near_is_every_street_within_reach(
        edits in prop::collection::vec((0..4usize, prop::option::of(prop::collection::vec((-300..300i64, -300..300i64), 2..5))), 1..12),
        points in prop::collection::vec((-350_000..350_000i64, -350_000..350_000i64), 1..20),
    ) {
        let (mut map, mut there) = (Map::default(), City::new());
        for (name, line) in edits {
            let mut changes = Vec::new();
            let id = segment_id(NAMES[name]);
            changes.extend(line.map(|line| {
                let line = line.into_iter().map(place).collect();
                let street = Segment { line, ..segment(NAMES[name], (0, 0), (70, 0)) };
                (CityRow::Segment(street), 1)
            }));
            changes.extend(there.remove(&id).map(|street| (CityRow::Segment(street), -1)));
            there.extend(changes.iter().filter(|(_, diff)| *diff > 0).map(|(row, _)| match row {
                CityRow::Segment(street) => (street.id, street.clone()),
                _ => unreachable!(),
            }));
            map = map.after(changes);
        }
        let anew = map_of(&there);
        for point in points.into_iter().map(|(east, north)| place((0, 0)).shifted(east, north)) {
            let found: Vec<_> = map.near(point).map(|(street, found)| (street.segment.id, found.distance)).collect();
            let expected = there.values().filter_map(|street| {
                let distance = project(point, &street.line)?.distance;
                (distance <= REACH).then_some((street.id, distance))
            });
            prop_assert_eq!(&found, &expected.collect::<Vec<_>>());
            prop_assert_eq!(found, anew.near(point).map(|(street, found)| (street.segment.id, found.distance)).collect::<Vec<_>>());
        }
    }
}

/// a leads to b and c, and both of them to d.
fn diamond() -> City {
    let streets = [
        leading_to(segment("a", (0, 0), (100, 0)), &[("b", 10), ("c", 10)]),
        leading_to(segment("b", (110, 0), (200, 50)), &[("d", 10)]),
        leading_to(segment("c", (110, 0), (200, -50)), &[("d", 10)]),
        segment("d", (210, 0), (310, 0)),
    ];
    streets.map(|street| (street.id, Segment { length: metres(100), ..street })).into_iter().collect()
}

#[test]
fn of_equally_short_ways_the_smaller_id_is_taken() {
    let map = map_of(&diamond());
    let way = map.way(&map.streets[&segment_id("a")], &map.streets[&segment_id("d")], metres(500)).unwrap();
    assert_eq!(legs(&way)[1].0, Some(segment_id("b").min(segment_id("c"))));
}

#[test]
fn a_street_of_an_older_map_leads_where_the_map_says() {
    let before = map_of(&diamond());
    let [a, b] = ["a", "b"].map(|name| before.streets[&segment_id(name)].segment.clone());
    let only_c = leading_to(a.clone(), &[("c", 10)]);
    let after = before.after([(CityRow::Segment(a), -1), (CityRow::Segment(only_c), 1)]);
    let street = |map: &Map, name| Rc::clone(&map.streets[&segment_id(name)]);
    let passed = |map: &Map, start: &Street| legs(&map.way(start, &street(map, "d"), metres(500)).unwrap())[1].0;
    for start in [street(&before, "a"), street(&after, "a")] {
        assert_eq!(passed(&after, &start), Some(segment_id("c")));
    }
    let gone = before.after([(CityRow::Segment(b), -1)]);
    let ways: BTreeSet<_> = [street(&gone, "a"), street(&before, "b")]
        .map(|start| gone.way(&start, &street(&gone, "d"), metres(500)).map(|way| legs(&way).len()))
        .into();
    assert_eq!(ways, BTreeSet::from([None, Some(3)]), "from b, which is gone, leads no way");
}

#[test]
fn a_place_falls_on_the_length_that_the_segment_says_it_has() {
    let street = Street::new(Segment { length: metres(120), ..segment("a", (0, 0), (100, 0)) });
    let along = |east, north| street.project(place((east, north))).map(|found| (found.along.0 + 500) / 1_000);
    assert_eq!([along(50, 10), along(130, 0), along(151, 0), along(50, 51)], [Some(60), Some(120), None, None]);
}

#[test]
fn near_reaches_as_far_at_either_end_of_a_long_street() {
    // A degree of longitude is 15 cm in 50 m shorter at its northern end.
    let map = Map::new(&[CityRow::Segment(segment("a", (0, 0), (0, 20_000)))]);
    for (north, beside) in [0, 1, 10_000, 19_999].into_iter().flat_map(|north| [(north, -49_980), (north, 49_980)]) {
        let point = place((0, north)).shifted(beside, 0);
        assert_eq!(map.near(point).count(), 1, "{beside} mm beside it, {north} m north");
        assert_eq!(map.near(place((0, north)).shifted(beside * 1_001 / 1_000, 0)).count(), 0);
    }
}
