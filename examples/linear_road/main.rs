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
    #[command(flatten)]
    options: Options,
    /// Write the tuples of the last --check minutes of -L expressways to this file, and end.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    let Cli { options, write } = Cli::parse();
    if let Some(file) = write {
        linear_road::write(&options, &file)?;
        return Ok(ExitCode::SUCCESS);
    }
    let bar = ProgressBar::new(1).with_style(ProgressStyle::with_template("{msg} {wide_bar} {percent}% {elapsed}")?);
    let figures = linear_road::run(&options, &bar)?;
    print!("{figures}");
    Ok(if figures.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
