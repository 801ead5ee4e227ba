//! What `produce` sends is what was simulated, or recorded.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::city::town;
use crate::source::{Dirt, Replay, ReplaySettings, SimulatorClock, SimulatorSettings, write_ndjson};

/// Topics of their own for every kind.
fn topics(prefix: &str) -> TopicMap {
    let topic = |name: &str| vec![format!("{prefix}-{name}")];
    TopicMap {
        vehicle: topic("vehicle"),
        gps: topic("gps"),
        traffic: topic("traffic"),
        weather: topic("weather"),
        emergency: topic("emergency"),
        sensor: topic("sensor"),
    }
}

fn simulation() -> SimulatorSettings {
    SimulatorSettings {
        scale: 0.05,
        dirt: Dirt { duplicates: 0.05, late: 0.05, malformed: 0.05, withdrawn: 0.05 },
        clock: SimulatorClock::Recorded { start: 1_767_225_600_000, duration: 60_000 },
        ..SimulatorSettings::default()
    }
}

/// What a batch says, whatever its origin and arrival.
fn said(batch: &Batch) -> BTreeSet<String> {
    let said = batch.readings.iter().map(|row| format!("{:?} {:?} {:?} {:?}", row.kind, row.id, row.time, row.body));
    said.chain(batch.rejected.iter().map(|row| format!("{:?} {:?}", row.kind, row.reason))).collect()
}

#[test]
fn a_simulated_city_and_its_files_arrive_as_they_are() {
    let Some(broker) = Broker::start() else { return }; // the default topics are its own
    let city = town().to_city();
    let folder = tempfile::tempdir().unwrap();
    let written = write_ndjson(folder.path(), &city, simulation()).unwrap().rows;
    let open = || {
        let decoder = JsonDecoder::default();
        Replay::open("files", folder.path(), ReplaySettings::default(), decoder).unwrap()
    };
    let (outlet, batches) = Outlet::bounded(100_000);
    open().run(&Assignment::all(), &outlet).unwrap();
    drop(outlet);
    let mut expected = Batch::default();
    batches.iter().for_each(|mut batch| expected.append(&mut batch));
    assert_eq!(expected.len() as u64, written);

    let simulated = topics("simulated");
    simulated.topics().for_each(|(topic, _)| broker.create(topic, 2, &[]));
    let settings = settings(&broker);
    let stop = AtomicBool::new(false);
    let sent = produce_simulation(&settings, &city, simulation(), &simulated, &stop).unwrap();
    assert_eq!(sent, written);
    let mut running = run(kafka(settings.clone(), &simulated), Assignment::all());
    assert_eq!(said(&running.read(sent as usize).all), said(&expected));

    // The files are named by the default topics.
    let recorded = TopicMap::default();
    recorded.topics().for_each(|(topic, _)| broker.create(topic, 1, &[]));
    let latest = KafkaSettings { start: Start::Latest, ..settings.clone() };
    let mut running = run(kafka(latest, &recorded), Assignment::all());
    running.wait("its start", |status| status.partitions().iter().filter(|of| of.position.is_some()).count() >= 8);
    assert_eq!(produce_recording(&settings, &open(), &stop).unwrap(), written);
    assert_eq!(said(&running.read(written as usize).all), said(&expected));
}
