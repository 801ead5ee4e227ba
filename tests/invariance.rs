//! The views are a function of the rows of each tick: not of the number of workers, nor of the order of arrival in a tick.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;
use smartcity::city_files;
use smartcity::model::City;
use smartcity::source::{Batch, Dirt, Simulator, SimulatorClock, SimulatorSettings};

use crate::shared::{by_tick, replay, rows_of};

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
