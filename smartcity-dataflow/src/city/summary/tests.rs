use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::Time;
use crate::city::congestion::{Distinct, Flow, traffic};
use crate::city::fixtures::{feed, id, kmh, readable, road_id};
use crate::model::{Kind, Millis, Namespace, Point, Priority, Ratio, ReportStatus, Severity};
use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, trace};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Input {
    Vehicle(Id, Vehicle),
    Report(Id, ActiveReport),
    Incident(Id, Incident),
    Road(Id, Traffic),
}

fn build<'s>(input: Rows<'s, Input>) -> Rows<'s, ((), Summary)> {
    let vehicles = input.clone().flat_map(|row| if let Input::Vehicle(id, row) = row { Some((id, row)) } else { None });
    let reports = input.clone().flat_map(|row| if let Input::Report(id, row) = row { Some((id, row)) } else { None });
    let incidents =
        input.clone().flat_map(|row| if let Input::Incident(id, row) = row { Some((id, row)) } else { None });
    let roads = input.flat_map(|row| if let Input::Road(id, row) = row { Some((id, row)) } else { None });
    summary(vehicles, reports, incidents, roads)
}

fn vehicle(name: &str, reported: Option<i64>, track: Option<i64>) -> Input {
    let speed = reported.or(track).unwrap_or(0);
    let vehicle = Vehicle {
        time: Millis(0),
        place: Point::default(),
        reported_speed: reported.map(kmh),
        reported_heading: None,
        track_speed: track.map(kmh),
        track_heading: None,
        moving: speed > 5,
        implausible: None,
        segment: None,
        zone: None,
        kind: Kind::Gps,
        vehicle_type: None,
        details: None,
    };
    Input::Vehicle(id(Namespace::Device, name), vehicle)
}

fn report(name: &str) -> Input {
    let report = ActiveReport {
        time: Millis(0),
        place: Point::default(),
        incident_type: id(Namespace::Text, "fire"),
        status: ReportStatus::Active,
        severity: Severity::High,
        priority: Priority::P1,
        device: id(Namespace::Device, "s"),
        description: None,
        zone: None,
    };
    Input::Report(id(Namespace::Incident, name), report)
}

fn incident(name: &str) -> Input {
    let incident = Incident {
        first: Millis(0),
        last: Millis(0),
        place: Point::default(),
        incident_type: id(Namespace::Text, "fire"),
        severity: Severity::High,
        priority: Priority::P1,
        agencies: [].into(),
        reports: [id(Namespace::Incident, name)].into(),
        sources: [].into(),
        confidence: Ratio::ONE,
        zone: None,
    };
    Input::Incident(id(Namespace::Incident, name), incident)
}

/// A road at so many per cent of its free-flow speed of 50 km/h.
fn road(name: &str, percent: i64) -> Input {
    Input::Road(
        road_id(name),
        traffic(&Flow { fixes: 3, ..Flow::default() }, Distinct::default(), Kmh(percent * 500), kmh(50)),
    )
}

fn check(updates: &[Update<Input>], expected: Expect) {
    let output = trace(updates, build, 20);
    // Vehicles, moving, whole km/h; emergencies, incidents; congested of observed roads.
    let brief = |row: &Summary| {
        let vehicles = (row.vehicles, row.moving, (row.average_speed.0 + 500) / 1_000);
        (vehicles, (row.active_emergencies, row.incidents), (row.congested_roads, row.observed_roads))
    };
    let output: Vec<_> = output.iter().map(|(time, ((), row), diff)| (*time, brief(row), *diff)).collect();
    expected.assert_eq(&readable(&output));
}

#[test]
fn it_counts_what_is_shown_and_is_gone_when_nothing_is() {
    let (slow, fast) = (vehicle("v", Some(30), Some(90)), vehicle("w", None, Some(50)));
    check(
        &[
            at(1, slow.clone()),
            at(2, fast.clone()),
            at(2, report("r")),
            at(2, incident("r")),
            at(2, road("main_st", 62)),
            at(2, road("side_st", 63)),
            gone(3, slow),
            gone(3, report("r")),
            gone(3, incident("r")),
            gone(4, fast),
            gone(5, road("main_st", 62)),
            gone(5, road("side_st", 63)),
        ],
        expect![[r#"
            1 +1 ((1, 1, 30), (0, 0), (0, 0))
            2 -1 ((1, 1, 30), (0, 0), (0, 0))
            2 +1 ((2, 2, 40), (1, 1), (1, 2))
            3 +1 ((1, 1, 50), (0, 0), (1, 2))
            3 -1 ((2, 2, 40), (1, 1), (1, 2))
            4 +1 ((0, 0, 0), (0, 0), (1, 2))
            4 -1 ((1, 1, 50), (0, 0), (1, 2))
            5 -1 ((0, 0, 0), (0, 0), (1, 2))
        "#]],
    );
}

#[test]
fn emergencies_without_a_vehicle_have_an_average_speed_of_zero() {
    check(
        &[at(1, report("r"))],
        expect![[r#"
        1 +1 ((0, 0, 0), (1, 0), (0, 0))
    "#]],
    );
}

/// Everything there is, counted one by one.
fn naive(seen: &[Update<Input>], _: Time) -> Vec<((), Summary)> {
    let mut copies: BTreeMap<&Input, Diff> = BTreeMap::new();
    seen.iter().for_each(|(row, _, diff)| *copies.entry(row).or_default() += diff);
    let rows: Vec<_> = copies.iter().flat_map(|(row, copies)| (0..*copies).map(move |_| *row)).collect();
    let mut summary = Summary::default();
    let mut speeds = Vec::new();
    for row in &rows {
        match row {
            Input::Vehicle(_, vehicle) => {
                speeds.push(vehicle.reported_speed.or(vehicle.track_speed).map_or(0, |speed| speed.0));
                summary.vehicles += 1;
                summary.moving += u32::from(vehicle.moving);
            }
            Input::Report(..) => summary.active_emergencies += 1,
            Input::Incident(..) => summary.incidents += 1,
            Input::Road(_, traffic) => {
                summary.observed_roads += 1;
                summary.congested_roads += u32::from(traffic.ratio.0 < 6_250);
            }
        }
    }
    summary.average_speed = Kmh(speeds.iter().sum::<i64>() / speeds.len().max(1) as i64);
    if rows.is_empty() { Vec::new() } else { vec![((), summary)] }
}

fn inputs() -> impl Strategy<Value = Vec<Update<Input>>> {
    let name = prop::sample::select(vec!["v", "w", "r"]);
    let said = prop_oneof![
        3 => (name.clone(), prop::option::of(0..90i64), prop::option::of(0..90i64))
            .prop_map(|(name, reported, track)| vehicle(name, reported, track)),
        1 => name.clone().prop_map(report),
        1 => name.clone().prop_map(incident),
        2 => (name, 55..70i64).prop_map(|(name, percent)| road(name, percent)),
    ];
    feed(said, 30, |row, _, _| row)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_is_the_count_of_everything(updates in inputs()) {
        assert_oracle(&updates, 60, build, naive);
    }
}

#[test]
fn neither_order_nor_workers_show() {
    let rows = (0..60u64).map(|i| {
        let name = ["v", "w", "x", "r", "s"][i as usize % 5];
        let row = match i % 4 {
            0 => report(name),
            1 => incident(name),
            2 => road(name, 55 + i as i64 % 15),
            _ => vehicle(name, Some(i as i64), None),
        };
        (i / 3, row)
    });
    let rows = rows.flat_map(|(time, row)| [Some(at(time, row.clone())), (time % 3 == 0).then(|| gone(time + 5, row))]);
    assert_invariant(&rows.flatten().collect::<Vec<_>>(), 30, build);
}
