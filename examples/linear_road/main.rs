//! Runs Linear Road: compares with an oracle, then measures how fast it goes and how soon it answers.
//!
//! ```sh
//! cargo run --release --example linear_road
//! cargo run --release --example linear_road -- --find --workers 1,2
//! cargo run --release --example linear_road -- --help
//! ```

#[path = "mod.rs"]
mod linear_road;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use linear_road::Options;

/// Linear Road (VLDB 2004): tolls, accidents, balances and past days on L expressways.
#[derive(Debug, Parser)]
struct Cli {
    /// Expressways, in steps of 0.5; with --find the first that is tried.
    #[arg(short = 'L', long, value_name = "L", default_value_t = 100.0)]
    expressways: f64,
    /// Worker threads; several numbers, one run each.
    #[arg(short, long, value_delimiter = ',', default_values_t = [2])]
    workers: Vec<usize>,
    /// Look for the largest L that meets every deadline at p99.99.
    #[arg(long)]
    find: bool,
    /// Minutes that run as fast as they can before the real time.
    #[arg(long, value_name = "MINUTES", default_value_t = 6)]
    warm_up: u32,
    /// Minutes in real time, the last of the three hours.
    #[arg(long, value_name = "MINUTES", default_value_t = 1)]
    real_time: u32,
    /// Minutes of one expressway, the last of the three hours, that are compared with the oracle; 180 for all, 0 for none.
    #[arg(long, value_name = "MINUTES", default_value_t = 30)]
    check: u32,
    /// Compare the tuples of this file with the oracle instead: 15 integers a line, ascending by time.
    #[arg(long, value_name = "FILE")]
    tuples: Option<PathBuf>,
    /// Write the tuples of the last --check minutes of -L expressways to this file, and end.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Seed of the traffic.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let options = Options {
        seed: cli.seed,
        halves: (cli.expressways * 2.0).round() as u32,
        workers: cli.workers,
        warm_up: cli.warm_up,
        real_time: cli.real_time,
        find: cli.find,
        check: cli.check,
        tuples: cli.tuples,
    };
    if let Some(file) = cli.write {
        linear_road::write(&options, cli.check, &file)?;
        return Ok(ExitCode::SUCCESS);
    }
    let bar = ProgressBar::new(1).with_style(ProgressStyle::with_template("{msg} {wide_bar} {percent}% {elapsed}")?);
    let figures = linear_road::run(&options, &mut |what, done, all| {
        if bar.message() != what {
            bar.set_message(what.to_owned());
        }
        bar.set_length(all);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    print!("{figures}");
    Ok(if figures.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
