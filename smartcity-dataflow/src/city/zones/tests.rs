use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::Time;
use crate::city::congestion::{Distinct, Flow, FreeFlow, traffic};
use crate::city::fixtures::{feed, id, kmh, metres, readable, zone_id};
use crate::model::{Kind, Millis, Namespace, Point, Priority, ReportStatus, Severity};
use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, trace};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Input {
    Vehicle(Id, Vehicle),
    Report(Id, ActiveReport),
    Part(Option<Id>, Part),
}

fn build<'s>(input: Rows<'s, Input>) -> Rows<'s, (Id, ZoneFigures)> {
    let vehicles = input.clone().flat_map(|row| if let Input::Vehicle(id, row) = row { Some((id, row)) } else { None });
    let reports = input.clone().flat_map(|row| if let Input::Report(id, row) = row { Some((id, row)) } else { None });
    let parts = input.flat_map(|row| if let Input::Part(zone, row) = row { Some((zone, row)) } else { None });
    zones(vehicles, reports, parts)
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

/// The part of a segment of 100 m at 50 km/h free flow that had some fixes of one speed, half a minute each.
fn part(zone: Option<&str>, fixes: i64, speed: i64) -> Input {
    let weight = 30_000 * fixes;
    let flow = Flow { fixes, weight, spot_weight: weight, spots: weight * kmh(speed).0, ..Flow::default() };
    let free = FreeFlow { length: metres(100), speed: kmh(50) };
    let traffic = traffic(&flow, Distinct::default(), kmh(speed), free.speed);
    Input::Part(zone.map(zone_id), Part::of(&flow, &traffic, free).unwrap())
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
            at(1, vehicle("v", Some("east"), true)),
            at(1, vehicle("w", Some("east"), false)),
            at(1, vehicle("x", None, true)),
            at(2, report("r", Some("west"))),
            at(2, report("s", None)),
            at(3, part(Some("east"), 4, 20)),
            gone(4, vehicle("v", Some("east"), true)),
            gone(4, vehicle("w", Some("east"), false)),
            gone(5, part(Some("east"), 4, 20)),
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
fn traffic_adds_up_in_its_zone_and_in_no_zone_counts_nowhere() {
    check(
        &[
            at(1, part(Some("east"), 4, 20)),
            at(2, part(Some("east"), 4, 40)),
            at(2, part(None, 4, 40)),
            gone(3, part(Some("east"), 4, 20)),
            at(3, part(Some("west"), 4, 20)),
        ],
        expect![[r#"
            1 +1 (east, (0, 0, 0, Some((4, 20))))
            2 -1 (east, (0, 0, 0, Some((4, 20))))
            2 +1 (east, (0, 0, 0, Some((8, 30))))
            3 +1 (west, (0, 0, 0, Some((4, 20))))
            3 +1 (east, (0, 0, 0, Some((4, 40))))
            3 -1 (east, (0, 0, 0, Some((8, 30))))
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
        let parts = rows.iter().filter_map(|row| match row {
            Input::Part(Some(here), part) if *here == zone => Some(*part),
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
            traffic: Aggregate::<Part>::output(&network),
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
        2 => (name, zone.clone()).prop_map(|(name, zone)| report(name, zone)),
        3 => (zone, 1..4i64, 0..60i64).prop_map(|(zone, fixes, speed)| part(zone, fixes, speed)),
    ];
    feed(said, 30, |row, _, _| row)
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
            1 => part(zone(i / 3), 1 + i as i64 % 3, i as i64),
            _ => vehicle(["v", "w", "x"][i as usize % 3], zone(i / 2), i % 2 == 0),
        };
        (i / 3, row)
    });
    let rows = rows.flat_map(|(time, row)| [Some(at(time, row.clone())), (time % 3 == 0).then(|| gone(time + 5, row))]);
    let updates: Vec<_> = rows.flatten().collect();
    assert_invariant(&updates, 30, build);
}
