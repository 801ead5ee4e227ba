use std::sync::Arc;

use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::Time;
use crate::city::fixtures::{camera, edits, id, nth, place, placed, readable, road_id, segment, segment_id, zone_id};
use crate::model::{
    Camera, CameraReading, Heading, Id, Kind, Namespace, Point, Ring, Segment, Sky, Weather, Zone, project,
};
use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, present, trace};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Input {
    Reading(Reading),
    City(CityRow),
}

fn build<'s>(input: Rows<'s, Input>) -> Rows<'s, Placed> {
    let readings = input.clone().flat_map(|row| if let Input::Reading(reading) = row { Some(reading) } else { None });
    locate(readings, input.flat_map(|row| if let Input::City(row) = row { Some(row) } else { None }))
}

/// A reading of a camera that looks in a direction, in degrees.
fn seen(name: &str, arrived: Time, at: (i64, i64), heading: Option<i64>) -> Input {
    let mut reading = camera(name, 0, arrived, "x", 30).reading;
    let Body::Camera(seen) = reading.body else { panic!("a camera's reading") };
    let heading = heading.map(|degrees| Heading::from_centidegrees(degrees * 100));
    reading.body = Body::Camera(CameraReading { heading, ..seen });
    reading.place = Some(place(at));
    Input::Reading(reading)
}

fn street(name: &str, from: (i64, i64), to: (i64, i64)) -> Input {
    Input::City(CityRow::Segment(segment(name, from, to)))
}

fn zone(name: &str, (west, south): (i64, i64), (east, north): (i64, i64)) -> Zone {
    let corners = [(west, south), (east, south), (east, north), (west, north)].map(place);
    Zone { id: zone_id(name), name: zone_id(name), rings: [Ring(corners.to_vec())].into() }
}

fn check(updates: &[Update<Input>], expected: Expect) {
    let output =
        trace(updates, |input| build(input).map(|row| (row.reading.device, row.segment, row.road, row.zone)), 20);
    expected.assert_eq(&readable(&output));
}

#[test]
fn a_camera_is_on_the_nearest_street_that_points_its_way() {
    check(
        &[
            at(0, street("a", (0, 0), (0, 100))),
            at(0, street("b", (0, 100), (0, 0))),
            at(1, seen("v", 1, (4, 50), Some(5))),
            at(2, seen("v", 2, (4, 50), Some(185))),
            at(3, seen("v", 3, (4, 50), Some(90))),
            at(4, seen("v", 4, (49, 50), Some(5))),
            at(5, seen("v", 5, (51, 50), Some(5))),
        ],
        expect![[r#"
            1 +1 (v, Some(a), Some(main_st), None)
            2 +1 (v, Some(b), Some(main_st), None)
            3 +1 (v, None, None, None)
            4 +1 (v, Some(a), Some(main_st), None)
            5 +1 (v, None, None, None)
        "#]],
    );
}

#[test]
fn a_street_that_points_the_cameras_way_beats_a_nearer_one_that_does_not() {
    // The camera is 5 m west of a and 8 m east of b; a points 30° away: (5 / 5)² + (30 / 20)² > (8 / 5)².
    let a = street("a", (-50, -87), (50, 87));
    let b = street("b", (-14, -100), (-14, 100));
    check(
        &[at(0, a), at(0, b), at(1, seen("v", 1, (-6, 0), Some(0)))],
        expect![[r#"
        1 +1 (v, Some(b), Some(main_st), None)
    "#]],
    );
}

#[test]
fn without_a_heading_the_smaller_id_of_equally_near_streets_is_taken() {
    let first = segment_id("a").min(segment_id("b"));
    let output = trace(
        &[
            at(0, street("a", (0, 0), (0, 100))),
            at(0, street("b", (0, 100), (0, 0))),
            at(1, seen("v", 1, (4, 50), None)),
        ],
        build,
        5,
    );
    assert_eq!(output[0].1.segment, Some(first));
}

#[test]
fn the_city_of_the_readings_own_tick_counts() {
    check(
        &[
            at(1, seen("v", 1, (4, 50), Some(0))),
            at(2, street("a", (0, 0), (0, 100))),
            at(2, seen("v", 2, (4, 50), Some(0))),
            gone(3, street("a", (0, 0), (0, 100))),
            at(3, street("a", (80, 0), (80, 100))),
            at(3, seen("v", 3, (4, 50), Some(0))),
            at(3, seen("w", 3, (54, 50), Some(0))),
            gone(4, street("a", (80, 0), (80, 100))),
            at(4, seen("w", 4, (54, 50), Some(0))),
        ],
        expect![[r#"
            1 +1 (v, None, None, None)
            2 +1 (v, Some(a), Some(main_st), None)
            3 +1 (w, Some(a), Some(main_st), None)
            3 +1 (v, None, None, None)
            4 +1 (w, None, None, None)
        "#]],
    );
}

#[test]
fn a_camera_that_the_table_knows_is_where_it_says() {
    let known = Camera {
        id: id(Namespace::Camera, "331"),
        segment: None,
        road: road_id("side_st"),
        place: Some(place((4, 50))),
    };
    let reading = |name, arrived| Input::Reading(camera(name, 0, arrived, "x", 30).reading);
    check(
        &[
            at(0, street("a", (0, -50), (0, 100))),
            at(0, Input::City(CityRow::Zone(zone("east", (1, 1), (100, 100))))),
            at(0, Input::City(CityRow::Camera(known))),
            at(1, reading("331", 1)),
            at(1, reading("332", 1)),
            gone(2, Input::City(CityRow::Camera(known))),
            at(2, reading("331", 2)),
        ],
        expect![[r#"
            1 +1 (331, None, Some(side_st), Some(east))
            1 +1 (332, Some(a), Some(main_st), None)
            2 +1 (331, Some(a), Some(main_st), None)
        "#]],
    );
}

#[test]
fn a_reading_lies_in_the_zone_of_its_street_else_in_the_one_around_it() {
    let in_west = Segment { zone: Some(zone_id("west")), ..segment("a", (0, 0), (0, 100)) };
    let body = Body::Weather(Weather {
        temperature: None,
        sky: Some(Sky::Rain),
        humidity: None,
        wind: None,
        precipitation: None,
        air_quality_index: None,
    });
    let station = placed(Kind::Weather, "s", 0, 2, body).reading;
    check(
        &[
            at(0, Input::City(CityRow::Segment(in_west))),
            at(0, Input::City(CityRow::Zone(zone("east", (-100, -100), (100, 100))))),
            at(1, seen("v", 1, (4, 50), Some(0))),
            at(1, seen("w", 1, (60, 50), Some(0))),
            at(1, seen("x", 1, (200, 50), Some(0))),
            at(2, Input::Reading(station)),
            at(2, Input::Reading(Reading { place: None, ..station })),
        ],
        expect![[r#"
            1 +1 (w, None, None, Some(east))
            1 +1 (v, Some(a), Some(main_st), Some(west))
            1 +1 (x, None, None, None)
            2 +1 (s, None, None, None)
            2 +1 (s, None, None, Some(east))
        "#]],
    );
}

/// The best of all segments of the city at the reading's tick, looked at one by one.
fn naive(seen: &[Update<Input>], _: Time) -> Vec<Placed> {
    let readings = seen.iter().filter_map(|(row, _, _)| if let Input::Reading(row) = row { Some(*row) } else { None });
    let placed = readings.map(|reading| {
        let then: Vec<_> = seen.iter().filter(|(_, time, _)| *time <= reading.arrived).cloned().collect();
        let city = present(&then);
        let mut best: Option<(i64, Id, &Segment)> = None;
        for row in &city {
            let Input::City(CityRow::Segment(segment)) = row else { continue };
            let found = project(reading.place.unwrap(), &segment.line).unwrap();
            let Body::Camera(CameraReading { heading, .. }) = reading.body else {
                panic!("only cameras are generated")
            };
            let turn = heading.map_or(0, |heading| heading.difference(found.heading));
            let (distance, score) = (found.distance.0, (2 * found.distance.0).pow(2) + (5 * turn).pow(2));
            let near = distance <= 50_000 && turn <= 6_000;
            if near && best.is_none_or(|(lowest, id, _)| (score, segment.id) < (lowest, id)) {
                best = Some((score, segment.id, segment));
            }
        }
        let around = city.iter().filter_map(|row| match row {
            Input::City(CityRow::Zone(zone)) if zone.rings[0].contains(reading.place.unwrap()) => Some(zone.id),
            _ => None,
        });
        let segment = best.map(|(_, _, segment)| segment);
        let zone = segment.and_then(|segment| segment.zone).or_else(|| around.min());
        Placed { reading, segment: segment.map(|segment| segment.id), road: segment.map(|segment| segment.road), zone }
    });
    placed.collect()
}

/// A line of one or two legs in a town of so many metres.
fn geometry(town: i64) -> impl Strategy<Value = Arc<[Point]>> {
    let metres = -town / 2..town / 2;
    prop::collection::vec((metres.clone(), metres), 2..4)
        .prop_filter("a line has a length", |line| line.windows(2).all(|leg| leg[0] != leg[1]))
        .prop_map(|line| line.into_iter().map(place).collect())
}

/// In a wide town streets cross the cells of the grid in every way; in a narrow one every street is within reach.
fn inputs() -> impl Strategy<Value = Vec<Update<Input>>> {
    prop::sample::select(vec![600, 60]).prop_flat_map(inputs_of)
}

fn inputs_of(town: i64) -> impl Strategy<Value = Vec<Update<Input>>> {
    let streets = ["a", "b", "c", "d", "e"].map(|name| {
        (prop::collection::vec((geometry(town), any::<bool>()), 3)).prop_flat_map(move |versions| {
            let rows = versions.into_iter().map(|(line, zoned)| {
                let zone = zoned.then(|| zone_id("west"));
                Input::City(CityRow::Segment(Segment { line, zone, ..segment(name, (0, 0), (1, 0)) }))
            });
            edits(rows.collect(), 20)
        })
    });
    let zones = (edits(zones_of("north"), 20), edits(zones_of("east"), 20));
    let metres = -town / 2 - 50..town / 2 + 50;
    let readings = prop::collection::vec(((metres.clone(), metres), prop::option::of(0..360i64), 0..20u64), 0..40);
    (Vec::from(streets), zones, readings).prop_map(|(streets, (north, east), readings)| {
        let readings = readings.into_iter().enumerate().map(|(offset, (at_place, heading, arrived))| {
            let Input::Reading(reading) = seen("v", arrived, at_place, heading) else { panic!("a reading") };
            let placed = nth(Placed { reading, segment: None, road: None, zone: None }, offset as u64);
            at(arrived, Input::Reading(placed.reading))
        });
        streets.concat().into_iter().chain(north).chain(east).chain(readings).collect()
    })
}

/// Two shapes of a zone.
fn zones_of(name: &str) -> Vec<Input> {
    let shapes = [zone(name, (-200, -200), (100, 200)), zone(name, (-100, -300), (300, 0))];
    shapes.map(|zone| Input::City(CityRow::Zone(zone))).to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_is_the_best_of_all_segments_at_the_readings_tick(updates in inputs()) {
        assert_oracle(&updates, 25, build, naive);
    }
}

#[test]
fn neither_order_nor_workers_show() {
    let streets = (0..12).map(|i| at(i / 3, street(["a", "b", "c", "d"][i as usize % 4], (i as i64 * 9, 0), (0, 90))));
    let removed =
        (0..8).map(|i| gone(i / 3 + 4, street(["a", "b", "c", "d"][i as usize % 4], (i as i64 * 9, 0), (0, 90))));
    let readings = (0..40u64).map(|i| at(i / 4, seen("v", i / 4, (i as i64, 40), (i % 2 == 0).then_some(330))));
    let updates: Vec<_> = streets.take(4).chain(removed.take(4)).chain(readings).collect();
    assert_invariant(&updates, 15, build);
}
