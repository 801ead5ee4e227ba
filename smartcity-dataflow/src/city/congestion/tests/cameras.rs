use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::city::fixtures::{feed, readable, road_id, short_lives};
use crate::testing::{assert_invariant, assert_oracle, present_copies};

/// What cameras tell segments (`true`) and roads (`false`), with readings that live for 30 ms in ticks of 5.
fn of_cameras<'s>(cameras: Rows<'s, (Id, CameraSample)>) -> Rows<'s, (bool, Id, Heard)> {
    let (of_segments, of_roads) = heard_of_cameras(cameras, &short_lives());
    of_segments.map(|(id, heard)| (true, id, heard)).concat(of_roads.map(|(id, heard)| (false, id, heard)))
}

fn camera(name: &str, time: i64, arrived: Time, segment: Option<&str>, speed: i64) -> (Id, CameraSample) {
    let segment = segment.map(|name| id(Namespace::Segment, name));
    let road = road_id("main_st");
    (id(Namespace::Camera, name), CameraSample { time: Millis(time), arrived, segment, road, speed: kmh(speed) })
}

#[test]
fn of_a_camera_the_newest_reading_counts_now_and_every_reading_at_its_time() {
    let updates = [
        at(10, camera("331", 10, 10, Some("a"), 30)),
        at(13, camera("331", 12, 13, Some("a"), 50)),
        at(14, camera("331", 11, 14, Some("a"), 70)),
        at(14, camera("332", 14, 14, None, 20)),
    ];
    expect![[r#"
        10 +1 (false, main_st, CameraNow(Kmh(30000)))
        10 +1 (false, main_st, CameraAt(Millis(10), Kmh(30000)))
        10 +1 (true, a, CameraNow(Kmh(30000)))
        10 +1 (true, a, CameraAt(Millis(10), Kmh(30000)))
        13 -1 (false, main_st, CameraNow(Kmh(30000)))
        13 +1 (false, main_st, CameraNow(Kmh(50000)))
        13 +1 (false, main_st, CameraAt(Millis(12), Kmh(50000)))
        13 -1 (true, a, CameraNow(Kmh(30000)))
        13 +1 (true, a, CameraNow(Kmh(50000)))
        13 +1 (true, a, CameraAt(Millis(12), Kmh(50000)))
        14 +1 (false, main_st, CameraNow(Kmh(20000)))
        14 +1 (false, main_st, CameraAt(Millis(11), Kmh(70000)))
        14 +1 (false, main_st, CameraAt(Millis(14), Kmh(20000)))
        14 +1 (true, a, CameraAt(Millis(11), Kmh(70000)))
        45 -1 (false, main_st, CameraNow(Kmh(20000)))
        45 -1 (false, main_st, CameraNow(Kmh(50000)))
        45 -1 (true, a, CameraNow(Kmh(50000)))
    "#]]
    .assert_eq(&readable(&trace(&updates, of_cameras, 80)));
}

/// Every reading at its time, and the newest of every camera that lives.
fn naive_of_cameras(seen: &[Update<(Id, CameraSample)>], now: Time) -> Vec<(bool, Id, Heard)> {
    let rows = present_copies(seen);
    let mut told: Vec<_> =
        rows.iter().map(|(_, sample)| (*sample, Heard::CameraAt(sample.time, sample.speed))).collect();
    let mut newest: BTreeMap<Id, CameraSample> = BTreeMap::new();
    for (camera, sample) in rows.into_iter().filter(|(_, sample)| now < (sample.arrived + 30).div_ceil(5) * 5) {
        newest.entry(camera).and_modify(|newest| *newest = sample.max(*newest)).or_insert(sample);
    }
    told.extend(newest.into_values().map(|sample| (sample, Heard::CameraNow(sample.speed))));
    let of_segments = told.iter().filter_map(|(sample, heard)| Some((true, sample.segment?, *heard)));
    of_segments.chain(told.iter().map(|(sample, heard)| (false, sample.road, *heard))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn cameras_tell_their_newest_and_all_they_ever_said(updates in camera_readings()) {
        assert_oracle(&updates, 120, of_cameras, naive_of_cameras);
    }

    #[test]
    fn cameras_tell_the_same_on_any_workers(updates in camera_readings()) {
        assert_invariant(&updates, 120, of_cameras);
    }
}

fn camera_readings() -> impl Strategy<Value = Vec<Update<(Id, CameraSample)>>> {
    let name = prop::sample::select(vec!["331", "332"]);
    let segment = prop::sample::select(vec![Some("a"), Some("b"), None]);
    feed((name, -5..60i64, segment, 0..3i64), 40, |(name, time, segment, speed), arrived, _| {
        camera(name, time, arrived, segment, speed * 30)
    })
}
