use std::collections::{BTreeMap, BTreeSet};

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::city::fixtures::{
    edits, feed, fix, kmh, leading_to, nth, on, place, readable, segment, segment_id, short_lives,
};
use crate::city::vehicles::tracks;
use crate::model::Reading;
use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, present, trace};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Input {
    Fix(Placed),
    Segment(Segment),
}

fn build<'s>(input: Rows<'s, Input>) -> Rows<'s, Piece> {
    let fixes = input.clone().flat_map(|row| if let Input::Fix(placed) = row { Some(placed) } else { None });
    let city = input.flat_map(|row| if let Input::Segment(row) = row { Some(CityRow::Segment(row)) } else { None });
    paths(tracks(fixes, &short_lives()), city, &short_lives())
}

/// The segments of a diamond: from a over b or c, which are equally long, to d; and e, which leads nowhere.
///
/// ```text
///        ╱ b ╲
///    a ─┤     ├─ d ─ e
///        ╲ c ╱
/// ```
fn diamond() -> [Segment; 5] {
    let b = leading_to(segment("b", (110, 0), (200, 50)), &[("d", 10)]);
    let c = leading_to(segment("c", (110, 0), (200, -50)), &[("d", 10)]);
    [
        leading_to(segment("a", (0, 0), (100, 0)), &[("b", 10), ("c", 10)]),
        Segment { length: c.length, ..b },
        c,
        leading_to(segment("d", (210, 0), (310, 0)), &[("e", 0), ("a", 200)]),
        segment("e", (310, 0), (410, 0)),
    ]
}

fn town() -> Vec<Update<Input>> {
    diamond().map(|segment| at(0, Input::Segment(segment))).to_vec()
}

/// A fix of v on a segment.
fn seen(seconds: i64, arrived: Time, segment: &str, at: (i64, i64)) -> Input {
    Input::Fix(on(segment, fix("v", seconds * 1_000, arrived, at, None)))
}

fn whole_metres(distance: Millimetres) -> i64 {
    (distance.0 + 500).div_euclid(1_000)
}

fn check(updates: &[Update<Input>], expected: Expect) {
    let updates: Vec<_> = town().into_iter().chain(updates.iter().cloned()).collect();
    // Segment, whole metres, milliseconds, event time of the middle.
    let brief = |piece: &Piece| (piece.segment, whole_metres(piece.distance), piece.millis, piece.middle.0);
    let output = trace(&updates, build, 20);
    let output: Vec<_> = output.iter().map(|(time, piece, diff)| (*time, brief(piece), *diff)).collect();
    expected.assert_eq(&readable(&output));
}

#[test]
fn time_is_split_by_free_flow_and_the_junction_takes_its_share() {
    check(
        &[at(1, seen(0, 1, "a", (10, 0))), at(2, seen(20, 2, "d", (230, 0))), gone(3, seen(20, 2, "d", (230, 0)))],
        expect![[r#"
            2 +1 (a, 90, 7726, 3863)
            2 +1 (b, 103, 8840, 13004)
            2 +1 (d, 20, 1718, 19141)
            3 -1 (a, 90, 7726, 3863)
            3 -1 (b, 103, 8840, 13004)
            3 -1 (d, 20, 1718, 19141)
        "#]],
    );
}

#[test]
fn on_one_segment_noise_cancels_and_more_than_noise_is_no_way() {
    check(
        &[
            at(1, seen(0, 1, "a", (40, 0))),
            at(2, seen(10, 2, "a", (60, 0))),
            at(3, seen(20, 3, "a", (45, 0))),
            at(4, seen(30, 4, "a", (10, 0))),
        ],
        expect![[r#"
            2 +1 (a, 20, 10000, 5000)
            3 +1 (a, -15, 10000, 15000)
        "#]],
    );
}

#[test]
fn what_is_too_fast_too_long_ago_or_not_connected_is_no_way() {
    check(
        &[
            at(1, seen(0, 1, "a", (10, 0))),
            at(2, seen(8, 2, "d", (230, 0))),
            at(3, seen(69, 3, "d", (240, 0))),
            at(4, seen(80, 4, "e", (320, 0))),
            at(5, seen(120, 5, "a", (10, 0))),
            at(6, seen(120, 6, "a", (20, 0))),
            at(7, seen(181, 7, "a", (30, 0))),
            at(8, seen(241, 8, "a", (40, 0))), // after a minute: just in time
        ],
        expect![[r#"
            4 +1 (d, 70, 9624, 73812)
            4 +1 (e, 10, 1376, 79312)
            8 +1 (a, 10, 60000, 211000)
        "#]],
    );
}

#[test]
fn a_step_is_taken_back_as_it_was_given_although_the_network_changed() {
    let slow = |segment: Segment| Segment { free_flow: kmh(10), ..segment };
    let [_, b, c, ..] = diamond();
    let second = seen(30, 2, "d", (230, 0));
    check(
        &[
            at(1, seen(0, 1, "a", (10, 0))),
            at(2, second.clone()),
            gone(3, Input::Segment(b.clone())),
            at(3, Input::Segment(slow(b))),
            gone(3, Input::Segment(c)),
            gone(5, second),
            at(6, seen(40, 6, "d", (230, 0))),
        ],
        expect![[r#"
            2 +1 (a, 90, 11589, 5794)
            2 +1 (b, 103, 13259, 19506)
            2 +1 (d, 20, 2577, 28711)
            5 -1 (a, 90, 11589, 5794)
            5 -1 (b, 103, 13259, 19506)
            5 -1 (d, 20, 2577, 28711)
            6 +1 (a, 90, 5256, 2628)
            6 +1 (b, 103, 30069, 20875)
            6 +1 (d, 20, 1169, 39415)
        "#]],
    );
}

#[test]
fn a_vehicle_that_jumps_is_refused_before_a_way_is_searched() {
    let network = Network::default().after(diamond().map(|segment| (segment, 1)).to_vec());
    let there = on("d", fix("v", 1_000, 1, (300, 0), None));
    assert_eq!(pieces(&on("a", fix("v", 0, 1, (0, 0), None)), &there, 1, &network), None);
    assert!(network.routes.borrow().is_empty());
}

/// All ways from the end of one segment to the start of another that pass no segment twice: the segments passed.
fn all_ways(city: &BTreeMap<Id, Segment>, from: &Segment, end: Id, passed: &[Id], ways: &mut Vec<Vec<Id>>) {
    for next in from.next.iter() {
        if next.segment == end {
            ways.push(passed.to_vec());
        } else if let Some(segment) = city.get(&next.segment).filter(|segment| !passed.contains(&segment.id)) {
            all_ways(city, segment, end, &[passed, &[segment.id]].concat(), ways);
        }
    }
}

/// Segment (none for a junction), millimetres and microseconds at free flow, of each part of a way.
fn parts(city: &BTreeMap<Id, Segment>, start: &Segment, passed: &[Id], end: Id) -> Vec<(Option<Id>, i64, i64)> {
    let micros = |millimetres: i64, speed: Kmh| millimetres * 3_600_000 / speed.0;
    let (mut parts, mut from) = (Vec::new(), start);
    for &to in passed.iter().chain([&end]) {
        let crossing = from.next.iter().find(|next| next.segment == to).unwrap().crossing.0;
        parts.push((None, crossing, micros(crossing, from.free_flow)));
        if to != end {
            from = &city[&to];
            parts.push((Some(to), from.length.0, micros(from.length.0, from.free_flow)));
        }
    }
    parts
}

/// Of all ways the fastest; of equally fast ones the one that enters its last segments first, then those with smaller ids.
fn fastest(city: &BTreeMap<Id, Segment>, start: &Segment, end: Id) -> Option<Vec<(Option<Id>, i64, i64)>> {
    let mut ways = Vec::new();
    all_ways(city, start, end, &[], &mut ways);
    let rank = |way: &Vec<Id>| {
        let parts = parts(city, start, way, end);
        let mut clock = 0;
        let mut entered = Vec::new();
        for (segment, _, micros) in &parts {
            entered.extend(segment.map(|id| (clock, id)));
            clock += micros;
        }
        entered.reverse();
        (clock, entered)
    };
    ways.iter().min_by_key(|way| rank(way)).map(|way| parts(city, start, way, end))
}

fn naive_pieces(city: &BTreeMap<Id, Segment>, from: &Placed, to: &Placed) -> Option<Vec<Piece>> {
    let gap = to.reading.time.0 - from.reading.time.0;
    let (start, end) = (city.get(&from.segment?)?, city.get(&to.segment?)?);
    let along = |fix: &Placed, segment: &Segment| {
        let drawn = project(fix.reading.place.unwrap(), &segment.line).unwrap().along.0;
        drawn * segment.length.0 / length_mm(&segment.line).0
    };
    let (left, reached) = (along(from, start), along(to, end));
    let mut way = Vec::new();
    if start.id == end.id {
        way.push((Some(start.id), reached - left, 1));
    } else {
        let micros = |millimetres: i64, segment: &Segment| millimetres * 3_600_000 / segment.free_flow.0;
        way.push((Some(start.id), start.length.0 - left, micros(start.length.0 - left, start)));
        way.extend(fastest(city, start, end.id)?);
        way.push((Some(end.id), reached, micros(reached, end)));
    }
    let metres_times_1000: i64 = way.iter().map(|(_, length, _)| length).sum();
    let believable =
        (1..=60_000).contains(&gap) && metres_times_1000 * 3_600 <= 90_000 * gap && metres_times_1000 >= -30_000;
    let total: i64 = way.iter().map(|(_, _, micros)| micros).sum::<i64>().max(1);
    let until = |parts: usize| gap * way[..parts].iter().map(|(_, _, micros)| micros).sum::<i64>() / total;
    let piece = |(i, (segment, length, _)): (usize, &(Option<Id>, i64, i64))| {
        let segment = &city[&(*segment)?];
        Some(Piece {
            middle: Millis(from.reading.time.0 + (until(i) + until(i + 1)) / 2),
            arrived: from.reading.arrived.max(to.reading.arrived),
            segment: segment.id,
            road: segment.road,
            zone: segment.zone,
            distance: Millimetres(*length),
            millis: until(i + 1) - until(i),
        })
    };
    believable.then(|| way.iter().enumerate().filter_map(piece).collect())
}

/// The pieces of every two fixes of a vehicle that follow one another, in the network when both were known.
fn naive(seen: &[Update<Input>], _: Time) -> Vec<Piece> {
    let mut tracks: BTreeMap<_, BTreeSet<Placed>> = BTreeMap::new();
    for row in present(seen) {
        if let Input::Fix(placed) = row {
            tracks.entry((placed.reading.device, placed.reading.kind)).or_default().insert(placed);
        }
    }
    let mut pieces = Vec::new();
    for track in tracks.values() {
        for (from, to) in track.iter().zip(track.iter().skip(1)) {
            let both = from.reading.arrived.max(to.reading.arrived);
            let then: Vec<_> = seen.iter().filter(|(_, time, _)| *time <= both).cloned().collect();
            let city = present(&then).into_iter().filter_map(|row| match row {
                Input::Segment(segment) => Some((segment.id, segment)),
                _ => None,
            });
            pieces.extend(naive_pieces(&city.collect(), from, to).unwrap_or_default());
        }
    }
    pieces
}

fn inputs() -> impl Strategy<Value = Vec<Update<Input>>> {
    // Anywhere within reach of a segment; on x, which nobody knows, or on none.
    let said = (
        prop::sample::select(vec!["v", "w"]),
        0..70i64,
        prop::sample::select(vec![0, 0, 1, 2, 3, 4, 5, 6]),
        (0..=100i64, -20..20i64),
    );
    let fixes = feed(said, 30, |(vehicle, seconds, segment, (percent, beside)), arrived, offset| {
        let row = nth(fix(vehicle, seconds * 1_000, arrived, (0, 0), None), offset);
        let Some(segment) = diamond().into_iter().nth(segment) else {
            return Input::Fix(if segment == 5 { on("x", row) } else { row });
        };
        let (east, north) = segment.line[1].offset_mm(segment.line[0]);
        let at = segment.line[0].shifted(east * percent / 100, north * percent / 100 + beside * 1_000);
        let reading = Reading { place: Some(at), ..row.reading };
        Input::Fix(Placed { reading, segment: Some(segment.id), road: Some(segment.road), zone: None })
    });
    let changing = diamond().map(|segment| {
        let slower = Segment { free_flow: kmh(30), ..segment.clone() };
        edits([segment, slower].map(Input::Segment).to_vec(), 30)
    });
    let changes = (0..2usize, Vec::from(changing));
    (fixes, changes).prop_map(|(fixes, (from_the_start, edits))| {
        let town = if from_the_start == 0 { town() } else { edits.concat() };
        town.into_iter().chain(fixes).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn it_is_the_fastest_way_of_every_two_fixes(updates in inputs()) {
        assert_oracle(&updates, 60, build, naive);
    }
}

#[test]
fn neither_order_nor_workers_show() {
    let [a, b, ..] = diamond();
    let fixes = (0..48u64).map(|i| {
        let Input::Fix(row) = seen((i * 7 % 40) as i64, i / 4, ["a", "b", "d"][i as usize % 3], (i as i64 * 5, 0))
        else {
            panic!("a fix")
        };
        (
            i / 4,
            Input::Fix(Placed {
                reading: Reading { place: Some(place((i as i64 * 5, 0))), ..nth(row, i).reading },
                ..row
            }),
        )
    });
    let fixes =
        fixes.flat_map(|(time, row)| [Some(at(time, row.clone())), (time % 3 == 0).then(|| gone(time + 4, row))]);
    let edits = [gone(5, Input::Segment(b.clone())), at(8, Input::Segment(b)), gone(9, Input::Segment(a))];
    let updates: Vec<_> = town().into_iter().chain(fixes.flatten()).chain(edits).collect();
    assert_invariant(&updates, 20, build);
}

#[test]
fn of_equally_fast_ways_the_smaller_id_is_taken() {
    let network = Network::default().after(diamond().map(|segment| (segment, 1)).to_vec());
    let [a, b, c, d, _] = diamond();
    let way = network.route(&a, &d).unwrap();
    assert_eq!(way[1].segment, Some(b.id.min(c.id)));
    assert_eq!(way[1].segment.is_some_and(|id| id == segment_id("b")), b.id < c.id);
}
