//! How many rows a second the whole pipeline takes, all views included: a recorded simulation from memory, on one worker and
//! on two.
//!
//! `cargo bench` runs it; figures are rows a second of wall time on the machine at hand.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use smartcity::source::{
    Assignment, Batch, MemorySource, Outlet, Simulator, SimulatorClock, SimulatorSettings, Source,
};
use smartcity::{Clock, Engine, city_files};

/// The rows of half a minute of the contract's city.
fn rows() -> Vec<Batch> {
    let city = city_files::town().to_city();
    let clock = SimulatorClock::Recorded { start: 1_767_225_600_000, duration: 30_000 };
    let settings = SimulatorSettings { clock, ..SimulatorSettings::default() };
    let mut simulator = Simulator::new("bench", &city, settings).expect("the simulator starts");
    let (outlet, batches) = Outlet::bounded(16);
    let source = std::thread::spawn(move || simulator.run(&Assignment::all(), &outlet));
    let rows = batches.into_iter().collect();
    source.join().expect("the simulator does not panic").expect("the simulation ends");
    rows
}

fn replay(criterion: &mut Criterion) {
    let city = city_files::town().to_city();
    let rows = rows();
    let mut group = criterion.benchmark_group("replay");
    group.sample_size(10);
    group.throughput(Throughput::Elements(rows.iter().map(|batch| batch.len() as u64).sum()));
    for workers in [1, 2] {
        group.bench_function(BenchmarkId::new("workers", workers), |bencher| {
            let engine = || {
                Engine::new(city.clone()).clock(Clock::Replay).workers(workers).source(MemorySource::of_batches(
                    "bench",
                    rows.clone(),
                    true,
                ))
            };
            let run = |engine: Engine| {
                let running = engine.start().expect("the engine starts");
                running.wait_finished();
                running.shutdown();
            };
            bencher.iter_batched(engine, run, BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, replay);
criterion_main!(benches);
