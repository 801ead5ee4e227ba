//! The long benchmarks, `smartcity bench NAME`: each prints a table and, with `--out`, writes its results as JSON.
//!
//! Criterion's short ones are beside this folder. Figures are processor seconds of the whole process and ratios within one
//! run: machines differ, and shared ones differ from minute to minute.

mod child;
mod city_v1;
mod codec;
mod generate;
mod latency;
mod linear_road;
mod ndw;
mod open_loop;
mod pipeline;
mod report;
mod simulated;
mod simulator;
mod state;
mod ticks;
mod traffic;
mod usage;

use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};

/// A benchmark.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Write the data of city-v1: vehicles on roads, some events late, some twice.
    Generate(generate::Options),
    /// Five views of a city's vehicles: the cost of an event in full-speed replays and in small steps.
    CityV1(city_v1::Options),
    /// How old a row is when a reader sees it: at several rates, open loop.
    Latency(latency::Options),
    /// What state costs: vehicles, memory, a hot key, an idle city.
    State(state::Options),
    /// What a tick costs, however many others are pending.
    Ticks(ticks::Options),
    /// The product on real road sensors, multiplied in time and number.
    Ndw(ndw::Options),
    /// The rows the simulator makes against the rows the engine takes.
    Simulator(simulator::Options),
    /// The product, all its views, on the data of city-v1.
    Pipeline(pipeline::Options),
    /// Linear Road (VLDB 2004): the largest number of expressways whose deadlines are met, and the oracle's verdict.
    LinearRoad(linear_road::Options),
    /// What a row costs between processes: bytes, and the time to write and to read it.
    Codec(codec::Options),
}

/// What every benchmark takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Common {
    /// Folder to write {bench}.json to.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// Runs a benchmark to its end.
pub(crate) fn run(bench: Bench) -> anyhow::Result<()> {
    match bench {
        Bench::Generate(options) => generate::run(&options),
        Bench::CityV1(options) => city_v1::run(&options),
        Bench::Latency(options) => latency::run(&options),
        Bench::State(options) => state::run(&options),
        Bench::Ticks(options) => ticks::run(&options),
        Bench::Ndw(options) => ndw::run(&options),
        Bench::Simulator(options) => simulator::run(&options),
        Bench::Pipeline(options) => pipeline::run(&options),
        Bench::LinearRoad(options) => linear_road::run(&options),
        Bench::Codec(options) => codec::run(&options),
    }
}

/// Writes to standard output; a reader that has seen enough is no error.
fn print(text: &str) -> anyhow::Result<()> {
    match write!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// A bar on a terminal, nothing elsewhere.
fn progress(length: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style)
}
