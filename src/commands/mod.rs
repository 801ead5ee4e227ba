//! What each command does.

mod city;
mod engine;
mod simulate;

use crate::cli::Command;
use crate::settings;

/// Runs a command to its end.
pub(crate) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Demo(demo) => engine::demo(&demo),
        Command::Run(run) => engine::run(&run),
        Command::Replay(replay) => engine::replay(&replay),
        Command::Simulate(simulate) => simulate::simulate(&simulate),
        Command::City(city) => city::run(city),
        Command::Config(config) => {
            println!("{}", settings::describe(&settings::layers_of(&config.common)?)?);
            Ok(())
        }
        Command::Version => {
            println!("smartcity {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
    }
}
