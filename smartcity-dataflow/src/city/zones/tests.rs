use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::Time;
use crate::city::congestion::{Flow, FreeFlow, traffic};
use crate::city::fixtures::{edits, feed, id, kmh, metres, readable, segment, segment_id, zone_id};
use crate::model::{Kind, Millis, Namespace, Point, Priority, ReportStatus, Segment, Severity};
use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, trace};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Input {
    Vehicle(Id, Vehicle),
    Report(Id, ActiveReport),
    Part(Id, Part),
    City(CityRow),
}

fn build<'s>(input: Rows<'s, Input>) -> Rows<'s, (Id, ZoneFigures)> {
    let vehicles = input.clone().flat_map(|row| if let Input::Vehicle(id, row) = row { Some((id, row)) } else { None });
    let reports = input.clone().flat_map(|row| if let Input::Report(id, row) = row { Some((id, row)) } else { None });
    let parts = input.clone().flat_map(|row| if let Input::Part(id, row) = row { Some((id, row)) } else { None });
    zones(vehicles, reports, parts, input.flat_map(|row| if let Input::City(row) = row { Some(row) } else { None }))
}

fn vehicle(name: &str, zone: Option<&str>, moving: bool) -> Input {
    let vehicle = Vehicle {
        time: Millis(0),
        place: Point::default(),
        reported_speed: None,
        reported_heading: None,
        track_speed: None,
        track_heading: None,
        moving,
        implausible: None,
        segment: None,
        zone: zone.map(zone_id),
        kind: Kind::Gps,
        vehicle_type: None,
        details: None,
    };
    Input::Vehicle(id(Namespace::Device, name), vehicle)
}

fn report(name: &str, zone: Option<&str>) -> Input {
    let report = ActiveReport {
        time: Millis(0),
        place: Point::default(),
        incident_type: id(Namespace::Text, "fire"),
        status: ReportStatus::Active,
        severity: Severity::High,
        priority: Priority::P1,
        device: id(Namespace::Device, "s"),
        description: None,
        zone: zone.map(zone_id),
    };
    Input::Report(id(Namespace::Incident, name), report)
}

/// The part of a segment of 100 m at 50 km/h free flow that had some fixes of one speed.
fn part(name: &str, fixes: i64, speed: i64) -> Input {
    let flow = Flow { fixes, speeds: fixes * kmh(speed).0, ..Flow::default() };
    let free = FreeFlow { length: metres(100), speed: kmh(50) };
    Input::Part(segment_id(name), Part::of(&flow, &traffic(flow, kmh(speed), free.speed), free).unwrap())
}

fn street(name: &str, zone: Option<&str>) -> Input {
    Input::City(CityRow::Segment(Segment { zone: zone.map(zone_id), ..segment(name, (0, 0), (100, 0)) }))
}

fn check(updates: &[Update<Input>], expected: Expect) {
    let output = trace(updates, build, 20);
    // Vehicles, moving, emergencies, samples of the traffic and their whole km/h.
    let brief = |row: &ZoneFigures| {
        let traffic = row.traffic.map(|traffic| (traffic.samples, (traffic.speed.0 + 500) / 1_000));
        (row.vehicles, row.moving, row.emergencies, traffic)
    };
    let output: Vec<_> = output.iter().map(|(time, (zone, row), diff)| (*time, (*zone, brief(row)), *diff)).collect();
    expected.assert_eq(&readable(&output));
}

#[test]
fn a_zone_counts_what_lies_in_it_and_goes_when_nothing_does() {
    check(
        &[
            at(0, street("a", Some("east"))),
            at(1, vehicle("v", Some("east"), true)),
            at(1, vehicle("w", Some("east"), false)),
            at(1, vehicle("x", None, true)),
            at(2, report("r", Some("west"))),
            at(2, report("s", None)),
            at(3, part("a", 4, 20)),
            gone(4, vehicle("v", Some("east"), true)),
            gone(4, vehicle("w", Some("east"), false)),
            gone(5, part("a", 4, 20)),
            gone(5, report("r", Some("west"))),
        ],
        expect![[r#"
            1 +1 (east, (2, 1, 0, None))
            2 +1 (west, (0, 0, 1, None))
            3 -1 (east, (2, 1, 0, None))
            3 +1 (east, (2, 1, 0, Some((4, 20))))
            4 +1 (east, (0, 0, 0, Some((4, 20))))
            4 -1 (east, (2, 1, 0, Some((4, 20))))
            5 -1 (west, (0, 0, 1, None))
            5 -1 (east, (0, 0, 0, Some((4, 20))))
        "#]],
    );
}

#[test]
fn a_segment_that_moves_to_another_zone_takes_its_traffic_along() {
    check(
        &[
            at(1, part("a", 4, 20)),
            at(2, street("a", Some("east"))),
            gone(3, street("a", Some("east"))),
            at(3, street("a", Some("west"))),
            gone(4, street("a", Some("west"))),
            at(4, street("a", None)),
        ],
        expect![[r#"
            2 +1 (east, (0, 0, 0, Some((4, 20))))
            3 +1 (west, (0, 0, 0, Some((4, 20))))
            3 -1 (east, (0, 0, 0, Some((4, 20))))
            4 -1 (west, (0, 0, 0, Some((4, 20))))
        "#]],
    );
}

/// Everything in every zone, counted one by one.
fn naive(seen: &[Update<Input>], _: Time) -> Vec<(Id, ZoneFigures)> {
    let mut copies: BTreeMap<&Input, Diff> = BTreeMap::new();
    seen.iter().for_each(|(row, _, diff)| *copies.entry(row).or_default() += diff);
    let rows: Vec<_> = copies.iter().flat_map(|(row, copies)| (0..*copies).map(move |_| *row)).collect();
    let figures = |zone: Id| {
        let vehicles =
            || rows.iter().filter(|row| matches!(row, Input::Vehicle(_, vehicle) if vehicle.zone == Some(zone)));
        let lies_here = |id: &Id| {
            rows.iter().any(|row| {
                matches!(row, Input::City(CityRow::Segment(segment)) if segment.id == *id && segment.zone == Some(zone))
            })
        };
        let parts = rows.iter().filter_map(|row| match row {
            Input::Part(id, part) if lies_here(id) => Some(*part),
            _ => None,
        });
        let mut network = NetworkSum::default();
        parts.for_each(|part| network.add(part, 1));
        ZoneFigures {
            vehicles: vehicles().count() as u32,
            moving: vehicles().filter(|row| matches!(row, Input::Vehicle(_, vehicle) if vehicle.moving)).count() as u32,
            emergencies: rows
                .iter()
                .filter(|row| matches!(row, Input::Report(_, row) if row.zone == Some(zone)))
                .count() as u32,
            traffic: network.output(),
        }
    };
    let nothing = ZoneFigures { vehicles: 0, moving: 0, emergencies: 0, traffic: None };
    let zones = ["east", "west"].map(zone_id).map(|zone| (zone, figures(zone)));
    zones.into_iter().filter(|(_, row)| *row != nothing).collect()
}

fn inputs() -> impl Strategy<Value = Vec<Update<Input>>> {
    let zone = prop::sample::select(vec![Some("east"), Some("west"), None]);
    let name = prop::sample::select(vec!["v", "w", "r"]);
    let said = prop_oneof![
        3 => (name.clone(), zone.clone(), any::<bool>()).prop_map(|(name, zone, moving)| vehicle(name, zone, moving)),
        2 => (name, zone).prop_map(|(name, zone)| report(name, zone)),
        3 => (prop::sample::select(vec!["a", "b", "c"]), 1..4i64, 0..60i64).prop_map(|(name, n, speed)| part(name, n, speed)),
    ];
    let streets =
        ["a", "b"].map(|name| edits([Some("east"), Some("west"), None].map(|zone| street(name, zone)).to_vec(), 30));
    (feed(said, 30, |row, _, _| row), Vec::from(streets))
        .prop_map(|(rows, edits)| rows.into_iter().chain(edits.concat()).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_is_the_count_of_what_lies_in_the_zone(updates in inputs()) {
        assert_oracle(&updates, 60, build, naive);
    }
}

#[test]
fn neither_order_nor_workers_show() {
    let zone = |i: u64| [Some("east"), Some("west"), None][i as usize % 3];
    let rows = (0..60u64).map(|i| {
        let row = match i % 4 {
            0 => report(["r", "s", "x"][i as usize % 3], zone(i)),
            1 => part(["a", "b"][i as usize % 2], 1 + i as i64 % 3, i as i64),
            _ => vehicle(["v", "w", "x"][i as usize % 3], zone(i / 2), i % 2 == 0),
        };
        (i / 3, row)
    });
    let rows = rows.flat_map(|(time, row)| [Some(at(time, row.clone())), (time % 3 == 0).then(|| gone(time + 5, row))]);
    let moves =
        [at(0, street("a", Some("east"))), gone(8, street("a", Some("east"))), at(8, street("a", Some("west")))];
    let updates: Vec<_> = rows.flatten().chain(moves).collect();
    assert_invariant(&updates, 30, build);
}
