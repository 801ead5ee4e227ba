use proptest::prelude::*;

use super::*;
use crate::city::fixtures::{leading_to, metres, place, segment, segment_id};
use crate::model::{CityRow, Id};

/// a and then b go east, r comes back; n goes north from the start of a, and leads to nothing.
fn town() -> Map {
    let streets = [
        leading_to(segment("a", (0, 0), (100, 0)), &[("b", 0)]),
        leading_to(segment("b", (100, 0), (200, 0)), &[("r", 20)]),
        leading_to(segment("r", (200, 0), (0, 0)), &[("a", 20)]),
        segment("n", (0, 0), (0, 100)),
    ];
    Map::new(&streets.map(CityRow::Segment))
}

fn on(map: &Map, street: &str, east: i64) -> Candidate {
    let (street, found) = map.near(place((east, 0))).find(|(near, _)| near.segment.id == segment_id(street)).unwrap();
    Candidate { street: Rc::clone(street), along: found.along.0 as i32, cost: 0 }
}

fn ids(candidates: &[Candidate]) -> Vec<Id> {
    candidates.iter().map(|candidate| candidate.street.segment.id).collect()
}

/// Whole metres driven and thousandths of a nat, of a move in ten seconds.
fn moved(map: &Map, from: (&str, i64), to: (&str, i64)) -> Option<(i64, Cost)> {
    let straight = metres((to.1 - from.1).abs());
    let (by, cost) = move_between(map, &on(map, from.0, from.1), &on(map, to.0, to.1), straight, 10_000)?;
    let metres = match by {
        Move::Along(distance) => (i64::from(distance) + 500).div_euclid(1_000),
        Move::By(way) => (way.length.0 + 500) / 1_000,
    };
    Some((metres, cost))
}

#[test]
fn the_two_directions_of_a_street_are_equally_near_and_a_heading_tells_them_apart() {
    let map = town();
    let seen = |heading: Option<i64>| {
        let heading = heading.map(|degrees| Heading::from_centidegrees(degrees * 100));
        candidates(&map, place((60, 4)), heading)
    };
    let silent = seen(None);
    assert_eq!(
        ids(&silent),
        [segment_id("a").min(segment_id("r")), segment_id("a").max(segment_id("r")), segment_id("b")]
    );
    assert_eq!((silent[0].cost, silent[1].cost), (221, 221), "4² / 2 · 6², and 1 mm less");
    assert_eq!((ids(&seen(Some(90)))[0], seen(Some(90))[1].cost), (segment_id("a"), 221 + 8_000));
    assert_eq!(ids(&seen(Some(270)))[0], segment_id("r"));
    assert!(candidates(&map, place((60, -51)), None).is_empty());
}

#[test]
fn candidates_are_the_cheapest_few_ascending() {
    let streets = ["a", "b", "c", "d", "e", "r", "s", "x"].into_iter().enumerate();
    let streets = streets.map(|(i, name)| CityRow::Segment(segment(name, (0, 5 * i as i64), (100, 5 * i as i64))));
    let found = candidates(&Map::new(&streets.collect::<Vec<_>>()), place((50, -3)), None);
    assert_eq!(ids(&found), ["a", "b", "c", "d", "e", "r"].map(segment_id));
    assert!(found.is_sorted_by_key(|candidate| candidate.cost));
}

#[test]
fn a_move_costs_the_more_the_further_its_way_is_from_the_straight_line() {
    let map = town();
    let near = |found: Option<(i64, Cost)>, metres, cost: Cost| {
        found.is_some_and(|(m, c)| m == metres && (c - cost).abs() < 10)
    };
    assert!(near(moved(&map, ("a", 20), ("a", 80)), 60, 0));
    assert!(near(moved(&map, ("a", 80), ("a", 60)), -20, 40_000 / 15), "noise goes backwards");
    assert_eq!(moved(&map, ("a", 90), ("a", 50)), None, "back over 40 m is no noise, and round the block too far");
    assert!(near(moved(&map, ("a", 80), ("b", 150)), 0, 0), "nothing lies between a and b");
    assert!(
        near(moved(&map, ("b", 180), ("r", 150)), 20, (90_000 - 30_000) / 15),
        "20 m to the end, 20 round, 50 back"
    );
    assert_eq!(moved(&map, ("a", 20), ("n", 0)), None, "no way leads there");
}

#[test]
fn no_move_is_faster_than_25_metres_a_second() {
    let map = town();
    let (from, to) = (on(&map, "a", 10), on(&map, "b", 190));
    let moved = |millis| move_between(&map, &from, &to, metres(180), millis).is_some();
    // Of 180 m the error of the places may be 30.
    assert_eq!([5_900, 6_100].map(moved), [false, true]);
    let same = |millis| move_between(&map, &on(&map, "a", 0), &on(&map, "a", 100), metres(100), millis).is_some();
    assert_eq!([2_700, 2_900].map(same), [false, true]);
}

#[test]
fn who_moves_against_a_street_is_on_the_one_that_comes_back() {
    let map = town();
    let decoded = |easts: [i64; 3]| {
        let seen = easts.map(|east| candidates(&map, place((east, 0)), None));
        let layer = |i: usize| Layer { time: 10_000 * i as i64, place: place((easts[i], 0)), candidates: &seen[i] };
        let layers = [layer(0), layer(1), layer(2)];
        let costs = [moves(&map, &layers[0], &layers[1]), moves(&map, &layers[1], &layers[2])];
        let best = decoded_of(&layers, &[&costs[0], &costs[1]]);
        best.iter().zip(&seen).map(|(&best, seen)| seen[best].street.segment.id).collect::<Vec<_>>()
    };
    assert_eq!(decoded([20, 60, 90]), ["a"; 3].map(segment_id));
    assert_eq!(decoded([90, 40, 20]), ["r"; 3].map(segment_id));
    // A jump that no way explains: each side of it is decoded as if the other were not.
    let jump = decoded([60, 90, 20]);
    assert_eq!(jump.len(), 3);
}

/// The candidate of each layer.
fn decoded_of(layers: &[Layer<'_>], moves: &[&[Cost]]) -> Vec<usize> {
    let mut chosen = vec![0; layers.len()];
    decode(layers, moves, &mut chosen);
    chosen
}

/// Costs of candidates, and of the moves from each layer to the next.
fn lattices() -> impl Strategy<Value = (Vec<Vec<Cost>>, Vec<Vec<Cost>>)> {
    let cost = || prop_oneof![4 => 0..4i32, 1 => Just(BREAK)];
    prop::collection::vec(prop::collection::vec(cost(), 1..5), 1..6).prop_flat_map(move |layers| {
        let moves: Vec<_> =
            layers.windows(2).map(|pair| prop::collection::vec(cost(), pair[0].len() * pair[1].len())).collect();
        (Just(layers), moves)
    })
}

/// All sequences: which candidate of each layer.
fn sequences(layers: &[Vec<Cost>]) -> Vec<Vec<usize>> {
    layers.iter().fold(vec![Vec::new()], |begun, layer| {
        let longer =
            |sequence: &Vec<usize>| (0..layer.len()).map(|next| [&sequence[..], &[next]].concat()).collect::<Vec<_>>();
        begun.iter().flat_map(longer).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Of equally cheap sequences that whose last candidate is the first, and so on back.
    #[test]
    fn the_cheapest_of_all_sequences_is_found((costs, moves) in lattices()) {
        let map = town();
        let street = on(&map, "a", 50).street;
        let of = |cost: &Cost| Candidate { street: Rc::clone(&street), along: 0, cost: *cost };
        let seen: Vec<Vec<_>> = costs.iter().map(|layer| layer.iter().map(of).collect()).collect();
        let layers: Vec<_> = seen.iter().map(|candidates| Layer { time: 0, place: place((0, 0)), candidates }).collect();
        let found = decoded_of(&layers, &moves.iter().map(|moves| &moves[..]).collect::<Vec<_>>());
        let total = |sequence: &Vec<usize>| {
            let own: Cost = sequence.iter().zip(&costs).map(|(&at, layer)| layer[at]).sum();
            let between = sequence.windows(2).enumerate().map(|(i, pair)| moves[i][pair[0] * costs[i + 1].len() + pair[1]]);
            own + between.sum::<Cost>()
        };
        let backwards = |sequence: &Vec<usize>| sequence.iter().rev().copied().collect::<Vec<_>>();
        let best = sequences(&costs).into_iter().min_by_key(|sequence| (total(sequence), backwards(sequence)));
        prop_assert_eq!(Some(found), best);
    }
}

#[test]
fn nothing_decodes_to_nothing() {
    assert!(decoded_of(&[], &[]).is_empty());
}
