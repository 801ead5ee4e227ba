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
    ("(outside)", 64.27),
    ("Air", 0.15),
    ("Feeds", 1.59),
    ("FreeFlow", 0.28),
    ("Incidents", 0.29),
    ("Locate", 0.76),
    ("Names", 1.03),
    ("Network", 3.39),
    ("NetworkWindows", 3.76),
    ("Quarantine", 0.00),
    ("Reports", 0.05),
    ("RoadWeather", 0.98),
    ("Roads", 8.92),
    ("Segments", 30.12),
    ("Sensors", 0.58),
    ("Summary", 15.62),
    ("Tracks", 8.60),
    ("Weather", 0.09),
    ("Zones", 11.71),
];

/// Keyed updates for each message: what travels between operators to be where its key is. No more than this.
const KEYED: f64 = 30.0;

/// Operators that take their rows where they are; whatever else there is takes them by key.
const IN_PLACE: &[&str] = &[
    "AsCollection",
    "Concatenate",
    "Expire",
    "FeedTallies",
    "Filter",
    "FlatMap",
    "Locate",
    "Map",
    "OkErr",
    "RejectedTallies",
];

/// Minute by minute the same city life: no dirt, one seed.
fn records_per_message() -> (BTreeMap<String, f64>, f64) {
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
    let figures = meter.figures();
    let is_region = |name: &str| {
        figures.iter().any(|other| other.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('/')))
    };
    let is_keyed = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        !is_region(path) && !IN_PLACE.contains(&name) && !name.ends_with("OfWorker")
    };
    let keyed =
        figures.iter().filter(|operator| is_keyed(&operator.name)).map(|operator| operator.records as f64).sum::<f64>();
    for operator in &figures {
        let path: Vec<_> = operator.name.split('/').collect();
        let region = if path.len() > 2 { path[1] } else { "(outside)" };
        *records.entry(region.to_owned()).or_default() += operator.records as f64 / messages;
    }
    (records, keyed / messages)
}

#[test]
fn a_message_costs_as_many_records_as_it_did() {
    let (measured, keyed) = records_per_message();
    println!("{keyed:.2} keyed updates a message");
    assert!(keyed <= KEYED, "{keyed:.2} keyed updates travel for a message, {KEYED} at most should");
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
