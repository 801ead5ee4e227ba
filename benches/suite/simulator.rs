//! How many rows a second does the simulator make, and how many of the same rows does the engine take with all its views?
//!
//! A simulator that is slower than the engine would be what a demonstration measures.

use std::time::Instant;

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use smartcity::source::{MemorySource, Simulator, SimulatorSettings};
use smartcity::{Clock, Engine, Time, city_files};

use super::child::{self, Once};
use super::report::{Report, Table};
use super::{Common, simulated, usage};

const BENCH: &str = "simulator";

#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Times the contract's city: 500 vehicles, 16,150 messages a minute.
    #[arg(long, default_value_t = 50.0)]
    scale: f64,
    /// Seconds of city life that the engine takes; the simulator alone makes five times as many.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// Runs of each line; the one with the median wall time is shown.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    runs: u8,
    #[command(flatten)]
    once: Once,
    #[command(flatten)]
    common: Common,
}

/// Workers of the engine; 0 for the simulator alone.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Case {
    workers: usize,
    scale: f64,
    seconds: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Figures {
    rows: u64,
    wall_s: f64,
    cpu_s: f64,
}

impl Figures {
    fn rows_per_second(&self) -> f64 {
        self.rows as f64 / self.wall_s
    }
}

/// The simulator makes at least so many times what the engine takes.
const TARGET: f64 = 2.0;
/// A longer simulation than the engine's, since it is so much faster.
const ALONE: u32 = 5;

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.once.run(|case: Case| if case.workers == 0 { alone(&case) } else { engine(&case) })? {
        return Ok(());
    }
    let Options { scale, seconds, runs, .. } = *options;
    let mut report = Report::new(BENCH, json!({ "scale": scale, "seconds": seconds, "runs": runs }));
    let columns = ["what", "rows", "wall s", "CPU-s", "rows per s", "CPU us per row", "simulator is faster by"];
    let mut table = Table::new("the simulator and the engine, the same rows", columns);
    let measure = |workers, seconds| {
        let case = Case { workers, scale, seconds };
        child::median(BENCH, &case, runs, |figures: &Figures| figures.wall_s)
    };
    let alone: Figures = measure(0, ALONE * seconds)?;
    let mut row = |what: String, figures: &Figures, is_engine: bool| {
        let cost = figures.cpu_s / figures.rows as f64 * 1e6;
        let ratio = is_engine.then(|| alone.rows_per_second() / figures.rows_per_second());
        let rate = figures.rows_per_second().round() as u64;
        table.row([
            json!(what),
            json!(figures.rows),
            json!(figures.wall_s),
            json!(figures.cpu_s),
            json!(rate),
            json!(cost),
            json!(ratio),
        ]);
    };
    row("the simulator, one thread".to_owned(), &alone, false);
    for workers in [1, 2] {
        row(format!("the engine, all views, workers: {workers}"), &measure(workers, seconds)?, true);
    }
    report.add(table);
    report.note(format!("Target: the simulator makes at least {TARGET} times the rows that the engine takes."));
    report.finish(options.common.out.as_deref())
}

fn simulator(case: &Case) -> anyhow::Result<Simulator> {
    let city = city_files::town().to_city();
    let settings = SimulatorSettings { scale: case.scale, ..SimulatorSettings::default() };
    Ok(Simulator::new("bench", &city, simulated::recorded(Time::from(case.seconds) * 1_000, settings))?)
}

/// What the simulator makes is counted and dropped.
fn alone(case: &Case) -> anyhow::Result<Figures> {
    let simulator = simulator(case)?;
    let (cpu, began) = (usage::cpu(), Instant::now());
    let mut rows = 0;
    simulated::each(simulator, |batch| rows += batch.len() as u64)?;
    Ok(Figures { rows, wall_s: began.elapsed().as_secs_f64(), cpu_s: (usage::cpu() - cpu).as_secs_f64() })
}

/// The rows come from memory, as fast as the engine takes them.
fn engine(case: &Case) -> anyhow::Result<Figures> {
    let mut batches = Vec::new();
    simulated::each(simulator(case)?, |batch| batches.push(batch))?;
    let rows = batches.iter().map(|batch| batch.len() as u64).sum();
    let source = MemorySource::of_batches("bench", batches, true);
    let engine = Engine::new(city_files::town().to_city()).clock(Clock::Replay).workers(case.workers).source(source);
    let (cpu, began) = (usage::cpu(), Instant::now());
    let running = engine.start()?;
    running.wait_finished();
    let figures = Figures { rows, wall_s: began.elapsed().as_secs_f64(), cpu_s: (usage::cpu() - cpu).as_secs_f64() };
    running.shutdown();
    Ok(figures)
}
