//! A small town and what its sensors say, for tests of capabilities.

use std::fmt::Debug;
use std::sync::Arc;

use proptest::prelude::*;

use crate::model::{
    Body, CameraReading, Fix, Id, Kind, Kmh, Millimetres, Millis, Name, Names, Namespace, Origin, Placed, Point,
    Reading, RoadClass, Segment, Successor,
};
use crate::testing::{Traced, Update, at, gone, table};
use crate::{Settings, Time};

/// Where the town's metres count from.
pub(crate) const TOWN: Point = Point { lat: 377_700_000, lon: -1_224_200_000 };

/// Lives of some ticks of 5 ms, so that an oracle can look at every millisecond.
pub(crate) fn short_lives() -> Settings {
    Settings {
        tick_ms: 5,
        retention_ms: 40,
        max_ahead_ms: 100,
        vehicle_life_ms: 20,
        traffic_life_ms: 30,
        traffic_window_ms: 12,
        ..Settings::default()
    }
}

pub(crate) fn id(namespace: Namespace, text: &str) -> Id {
    Id::new(namespace, text)
}

pub(crate) fn segment_id(text: &str) -> Id {
    id(Namespace::Segment, text)
}

pub(crate) fn road_id(text: &str) -> Id {
    id(Namespace::Road, text)
}

pub(crate) fn zone_id(text: &str) -> Id {
    id(Namespace::Zone, text)
}

pub(crate) fn kmh(speed: i64) -> Kmh {
    Kmh(speed * 1_000)
}

pub(crate) fn metres(length: i64) -> Millimetres {
    Millimetres(length * 1_000)
}

/// The place so many metres east and north in the town.
pub(crate) fn place((east, north): (i64, i64)) -> Point {
    TOWN.shifted(east * 1_000, north * 1_000)
}

/// A segment of main_st at 50 km/h between two places, metres east and north.
pub(crate) fn segment(name: &str, from: (i64, i64), to: (i64, i64)) -> Segment {
    let line: Arc<[Point]> = [place(from), place(to)].into();
    Segment {
        id: segment_id(name),
        road: road_id("main_st"),
        zone: None,
        class: RoadClass::Primary,
        lanes: 1,
        free_flow: kmh(50),
        length: crate::model::length_mm(&line),
        line,
        next: [].into(),
    }
}

/// The segment, from whose end one can go on to others: their names, and the metres across the junction.
pub(crate) fn leading_to(segment: Segment, next: &[(&str, i64)]) -> Segment {
    let next = next.iter().map(|&(name, across)| Successor { segment: segment_id(name), crossing: metres(across) });
    Segment { next: next.collect(), ..segment }
}

/// A reading that is on no segment and in no zone.
pub(crate) fn placed(kind: Kind, device: &str, time: i64, arrived: Time, body: Body) -> Placed {
    let reading = Reading {
        time: Millis(time),
        origin: Origin { source: id(Namespace::Source, "feed"), partition: 0, offset: 0 },
        kind,
        id: id(Namespace::Message, "message"),
        device: id(Namespace::Device, device),
        arrived,
        place: Some(TOWN),
        body,
    };
    Placed { reading, segment: None, road: None, zone: None }
}

/// A vehicle's fix at a place, metres east and north, by the feed of trackers.
pub(crate) fn fix(vehicle: &str, time: i64, arrived: Time, at: (i64, i64), speed: Option<i64>) -> Placed {
    let mut fix = placed(Kind::Gps, vehicle, time, arrived, Body::Fix(Fix { speed: speed.map(kmh), ..Fix::default() }));
    fix.reading.place = Some(place(at));
    fix
}

/// A camera's reading of a road.
pub(crate) fn camera(name: &str, time: i64, arrived: Time, road: &str, speed: i64) -> Placed {
    let body = Body::Camera(CameraReading { camera: id(Namespace::Camera, name), speed: kmh(speed), heading: None });
    Placed { road: Some(road_id(road)), ..placed(Kind::Traffic, name, time, arrived, body) }
}

/// The reading at another offset of its feed: equal readings are so two rows.
pub(crate) fn nth(mut row: Placed, offset: u64) -> Placed {
    row.reading.origin.offset = offset;
    row
}

/// A trace as text in which the town's ids read as words.
pub(crate) fn readable<O: Debug>(trace: &[Traced<O>]) -> String {
    const WORDS: [&str; 20] = [
        "a", "b", "c", "d", "e", "v", "w", "331", "332", "main_st", "side_st", "east", "west", "r", "s", "police",
        "fire", "north", "feed", "x",
    ];
    use Namespace::*;
    let namespaces = [Message, Device, Camera, Segment, Road, Zone, Incident, Source, Text];
    let names: Names = namespaces.iter().flat_map(|&space| WORDS.map(|word| Name::new(space, word))).collect();
    names.scope(|| table(trace))
}

/// What a feed brings: rows that come at ticks below `until`, some of which are withdrawn later. `make` is told what to say,
/// the tick, and the offset in the feed.
pub(crate) fn feed<D: Debug + Clone, R: Debug + Clone>(
    said: impl Strategy<Value = D>,
    until: Time,
    make: impl Fn(D, Time, u64) -> R,
) -> impl Strategy<Value = Vec<Update<R>>> {
    let one = (said, 0..until, prop::option::weighted(0.3, 0..until));
    prop::collection::vec(one, 0..24).prop_map(move |said| {
        let mut updates = Vec::new();
        for (offset, (said, arrived, after)) in said.into_iter().enumerate() {
            let row = make(said, arrived, offset as u64);
            updates.push(at(arrived, row.clone()));
            updates.extend(after.map(|after| gone(arrived + after, row)));
        }
        updates
    })
}

/// Edits of one part of the city: at some ticks below `until` another of its versions holds, or none.
pub(crate) fn edits<R: Debug + Clone + PartialEq>(
    versions: Vec<R>,
    until: Time,
) -> impl Strategy<Value = Vec<Update<R>>> {
    prop::collection::btree_map(0..until, 0..=versions.len(), 0..5).prop_map(move |edits| {
        let mut updates = Vec::new();
        let mut before: Option<R> = None;
        for (time, version) in edits {
            let after = versions.get(version).cloned();
            if after != before {
                updates.extend(before.map(|row| gone(time, row)));
                updates.extend(after.clone().map(|row| at(time, row)));
                before = after;
            }
        }
        updates
    })
}
