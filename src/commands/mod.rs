//! What each command does.

#[path = "../../benches/suite/mod.rs"]
mod bench;
mod city;
mod engine;
#[cfg(feature = "kafka")]
mod produce;
mod simulate;

use std::io::{ErrorKind, Write};

pub(crate) use bench::Bench;

use crate::cli::Command;
use crate::settings;

/// Runs a command to its end.
pub(crate) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Demo(demo) => engine::demo(&demo),
        Command::Run(run) => engine::run(&run),
        Command::Replay(replay) => engine::replay(&replay),
        Command::Simulate(simulate) => simulate::simulate(&simulate),
        #[cfg(feature = "kafka")]
        Command::Produce(produce) => produce::produce(&produce),
        Command::City(city) => city::run(city),
        Command::Bench(bench) => bench::run(bench),
        Command::Config(config) => write(&settings::describe(&settings::layers_of(&config.common)?)?),
        Command::Version => write(concat!("smartcity ", env!("CARGO_PKG_VERSION"))),
    }
}

/// Writes a line to standard output; a reader that has seen enough is no error.
fn write(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => Ok(outcome?),
    }
}
