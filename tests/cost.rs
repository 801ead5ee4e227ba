//! What an event costs, without a clock: how many records the operators take in for each message of a fixed recording.
//!
//! Records are counted from timely's own logs, on one worker, so the figures are the same on every machine. A stage that
//! begins to re-send what did not change, or a view that is published whole, shows here.

use std::collections::BTreeMap;

use smartcity::source::{MemorySource, Simulator, SimulatorClock, SimulatorSettings};
use smartcity::{Clock, Engine, Settings, city_files};

use crate::shared::rows_of;

/// A figure may be off by this share before somebody has to look: upwards it costs, downwards it is to be recorded.
const TOLERANCE: f64 = 0.05;

/// Records for each message of the recording, by region of the pipeline; the stages outside of regions are one.
const RECORDED: &[(&str, f64)] = &[
    ("(outside)", 81.87),
    ("Air", 0.15),
    ("Feeds", 1.59),
    ("Flags", 1.79),
    ("FreeFlow", 0.27),
    ("Incidents", 0.29),
    ("Locate", 1.56),
    ("Names", 1.03),
    ("Network", 3.59),
    ("NetworkWindows", 14.90),
    ("Parts", 3.81),
    ("Paths", 2.03),
    ("Quarantine", 0.00),
    ("Reports", 1.04),
    ("RoadWeather", 1.97),
    ("RoadWindows", 9.21),
    ("Roads", 3.07),
    ("SegmentWindows", 11.31),
    ("Segments", 3.81),
    ("Sensors", 1.51),
    ("SlidingFlows", 32.91),
    ("Summary", 15.64),
    ("Tracks", 3.39),
    ("Vehicles", 4.95),
    ("Weather", 2.07),
    ("WindowFlows", 15.66),
    ("Zones", 11.39),
];

/// Minute by minute the same city life: no dirt, one seed.
fn records_per_message() -> BTreeMap<String, f64> {
    let city = city_files::town().to_city();
    let clock = SimulatorClock::Recorded { start: 1_767_225_600_000, duration: 60_000 };
    let settings = SimulatorSettings { clock, scale: 0.5, ..SimulatorSettings::default() };
    let rows = rows_of(Simulator::new("cost", &city, settings).expect("the simulator starts"));
    let messages = rows.len() as f64;
    let engine = Engine::new(city)
        .clock(Clock::Replay)
        .settings(Settings { operator_metrics: true, ..Settings::default() })
        .source(MemorySource::of_batches("cost", vec![rows], true))
        .start()
        .expect("the engine starts");
    engine.wait_finished();
    let meter = engine.operator_meter();
    engine.shutdown();
    let mut records = BTreeMap::<String, f64>::new();
    for operator in meter.figures() {
        let path: Vec<_> = operator.name.split('/').collect();
        let region = if path.len() > 2 { path[1] } else { "(outside)" };
        *records.entry(region.to_owned()).or_default() += operator.records as f64 / messages;
    }
    records
}

#[test]
fn a_message_costs_as_many_records_as_it_did() {
    let measured = records_per_message();
    let table: String = measured.iter().map(|(region, records)| format!("    ({region:?}, {records:.2}),\n")).collect();
    let recorded: BTreeMap<_, _> = RECORDED.iter().copied().collect();
    assert!(
        measured.keys().map(String::as_str).eq(recorded.keys().copied()),
        "the regions of the pipeline changed; record what they cost now:\n{table}"
    );
    for (region, records) in &measured {
        let before = recorded[region.as_str()];
        // Hundredths of a record are below what a recording of this length resolves.
        let allowed = (before * TOLERANCE).max(0.01);
        assert!(
            (records - before).abs() <= allowed,
            "{region} takes {records:.2} records a message, recorded are {before:.2}; if that is meant, record:\n{table}"
        );
    }
}
