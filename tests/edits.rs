//! The city is data: an edit changes exactly what depends on it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;
use smartcity::city::congestion::SEGMENTS;
use smartcity::city_files;
use smartcity::model::{City, CityRow, Id, Kmh, Segment};
use smartcity::sink::EmitChanges;
use smartcity::source::{MemorySource, Simulator, SimulatorClock, SimulatorSettings};
use smartcity::{Clock, Engine};

use crate::shared::{Written, by_tick, rows_of};

#[test]
fn a_new_speed_limit_changes_its_segment_its_road_and_the_sums_over_them() {
    let city = city_files::town().to_city();
    // Half a minute: nothing of it has ended by the tick of the edit.
    let clock = SimulatorClock::Recorded { start: 1_767_225_600_000, duration: 30_000 };
    let settings = SimulatorSettings { scale: 0.2, clock, ..SimulatorSettings::default() };
    let rows = rows_of(Simulator::new("test", &city, settings).expect("the simulator starts"));
    let batches = by_tick(rows, 100, |_| {});

    let written = Written::default();
    let running = Engine::new(city.clone())
        .clock(Clock::Replay)
        .source(MemorySource::of_batches("test", batches, true))
        .sink(EmitChanges::new(written.clone()))
        .start()
        .expect("the engine starts");
    let last = running.wait_finished();
    let seen = running.views().snapshot().rows(&SEGMENTS);
    let (observed, _) = seen.iter().next().expect("traffic was seen");
    let (edited, road) = limit(&city, *observed, Kmh(17_000));

    running.city().replace(edited.clone());
    let began = Instant::now();
    let mut after = running.views().snapshot();
    while after.rows(&SEGMENTS)[observed].free_flow != Kmh(17_000) {
        assert!(began.elapsed() < Duration::from_secs(20), "the edit takes effect: {:?}", after.position());
        after = running.views().wait_past(after.position().through, Duration::from_millis(100));
    }
    assert!(after.position().through > last, "the edit has its own tick");
    running.shutdown();

    let names = after.names();
    let (segment, road) = names.scope(|| (observed.to_string(), road.to_string()));
    let mut views = BTreeSet::new();
    let changes = written.text();
    let changes: Vec<Value> = changes.lines().map(|line| serde_json::from_str(line).expect("JSON a line")).collect();
    for change in changes.iter().filter(|change| change["through"].as_u64() > Some(last)) {
        let view = change["view"].as_str().expect("a view");
        let key = change["key"].to_string();
        match view {
            "city_segments" | "segments" | "segment_windows" => assert!(key.contains(&segment), "{change}"),
            "roads" | "road_windows" => assert!(key.contains(&road), "{change}"),
            "network" | "network_windows" | "zones" | "summary" => {}
            _ => panic!("{view} does not depend on a speed limit: {change}"),
        }
        views.insert(view.to_owned());
    }
    for view in ["city_segments", "segments", "roads", "network"] {
        assert!(views.contains(view), "{view} depends on the limit and did not change: {views:?}");
    }

    let (before, now) = (seen[observed], after.rows(&SEGMENTS)[observed]);
    assert_eq!((now.free_flow, now.speed, now.samples), (Kmh(17_000), before.speed, before.samples));
}

/// The city with another free-flow speed on a segment, and the segment's road.
fn limit(city: &City, id: Id, speed: Kmh) -> (City, Id) {
    let mut edited = city.clone();
    let segment = city.segments().find(|segment| segment.id == id).expect("the segment").clone();
    edited.rows.remove(&CityRow::Segment(segment.clone()));
    let road = segment.road;
    edited.rows.insert(CityRow::Segment(Segment { free_flow: speed, ..segment }));
    (edited, road)
}
