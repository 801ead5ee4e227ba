//! The views are a function of the rows of each tick: not of the number of workers, nor of the order of arrival in a tick.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;
use smartcity::city_files;
use smartcity::decode::{Arrival, Decoder, JsonDecoder, Message};
use smartcity::model::{City, Id, Namespace, Origin};
use smartcity::sink::EmitChanges;
use smartcity::source::{Batch, Dirt, MemorySource, Simulator, SimulatorClock, SimulatorSettings};
use smartcity::{Clock, Engine, Time};

use crate::dirt::sent;
use crate::shared::{Written, by_tick, replay, rows_of};

/// Three minutes of a small city with every kind of dirt.
fn city_life(seed: u64) -> (City, Batch) {
    let city = city_files::town().to_city();
    let settings = SimulatorSettings {
        seed,
        scale: 0.1,
        dirt: Dirt { duplicates: 0.05, late: 0.05, malformed: 0.05, withdrawn: 0.05 },
        clock: SimulatorClock::Recorded { start: 1_767_225_600_000, duration: 180_000 },
        ..SimulatorSettings::default()
    };
    let rows = rows_of(Simulator::new("test", &city, settings).expect("the simulator starts"));
    (city, rows)
}

fn shuffled(rows: &Batch, seed: u64) -> Vec<Batch> {
    let mut random = Pcg64::seed_from_u64(seed);
    by_tick(rows.clone(), 100, |tick| {
        tick.readings.shuffle(&mut random);
        tick.rejected.shuffle(&mut random);
        tick.names.shuffle(&mut random);
    })
}

#[test]
fn workers_and_arrival_order_do_not_show() {
    let (city, rows) = city_life(7);
    let expected = replay(&city, by_tick(rows.clone(), 100, |_| {}), 1);
    assert!(expected.changes.lines().count() > 5_000, "the city lives: {}", expected.changes.lines().count());
    for workers in 1..=3 {
        let other = replay(&city, shuffled(&rows, workers as u64), workers);
        assert!(other.snapshot.to_json() == expected.snapshot.to_json(), "final views differ with {workers} workers");
        for (line, (ours, theirs)) in other.changes.lines().zip(expected.changes.lines()).enumerate() {
            assert_eq!(ours, theirs, "change {line} with {workers} workers, shuffled");
        }
        assert_eq!(other.changes.len(), expected.changes.len(), "as many changes with {workers} workers");
    }
}

/// Every change of every view, of messages that came in batches of `rows` and found ticks full.
fn changes_of_crowded_ticks(messages: &[(Time, String, Vec<u8>)], rows: usize, workers: usize) -> String {
    let source = Id::new(Namespace::Source, "test");
    let mut decoder = JsonDecoder::default();
    let mut offset = 0;
    let mut batch_of = |messages: &[(Time, String, Vec<u8>)]| {
        let mut batch = Batch::default();
        for (at, topic, value) in messages {
            let origin = Origin { source, partition: 0, offset };
            let arrival = Arrival::At(*at);
            decoder.decode(&Message { topic, key: None, value: Some(value), origin, arrival }, &mut batch);
            offset += 1;
        }
        batch
    };
    let batches = messages.chunks(rows).map(&mut batch_of).collect();
    let written = Written::default();
    let running = Engine::new(city_files::town().to_city())
        .clock(Clock::Replay)
        .rows_per_tick(40)
        .workers(workers)
        .source(MemorySource::of_batches("test", batches, true))
        .sink(EmitChanges::new(written.clone()))
        .start()
        .expect("the engine starts");
    running.wait_finished();
    running.shutdown();
    written.text()
}

#[test]
fn a_crowded_tick_is_split_alike_for_any_batches_and_workers() {
    let folder = tempfile::tempdir().expect("a folder");
    // All that is said in two seconds is learnt at one time, and every ninth message is broken.
    let messages: Vec<_> = (0..)
        .zip(sent(folder.path()))
        .map(|(number, sent)| {
            let mut value = sent.value.to_string().into_bytes();
            value.truncate(if number % 9 == 0 { 30 } else { usize::MAX });
            (sent.at.next_multiple_of(2_000), sent.topic, value)
        })
        .collect();
    let expected = changes_of_crowded_ticks(&messages, 1, 1);
    let quarantined = expected.lines().filter(|line| line.contains(r#""view":"quarantine_last""#)).count();
    assert!(expected.lines().count() > 5_000 && quarantined > 100, "{quarantined} of {}", expected.lines().count());
    for (workers, rows) in [(1, usize::MAX), (1, 7), (2, 61), (3, 1_000), (3, 1)] {
        let other = changes_of_crowded_ticks(&messages, rows, workers);
        for (line, (ours, theirs)) in other.lines().zip(expected.lines()).enumerate() {
            assert_eq!(ours, theirs, "change {line} with {workers} workers and batches of {rows}");
        }
        assert_eq!(other.len(), expected.len(), "as many changes with {workers} workers and batches of {rows}");
    }
}
