//! A simulated city as files.

use std::time::{SystemTime, UNIX_EPOCH};

use smartcity::city_files;
use smartcity::source::{SimulatorClock, write_ndjson};

use crate::cli;
use crate::settings;

const MINUTE_MS: u64 = 60_000;

pub(super) fn simulate(simulate: &cli::Simulate) -> anyhow::Result<()> {
    let settings = settings::settings(&settings::layers(simulate.config.as_deref())?)?;
    let mut simulator = settings.simulator;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64;
    let duration = u64::from(simulate.minutes) * MINUTE_MS;
    simulator.clock = SimulatorClock::Recorded { start: (now - duration) / MINUTE_MS * MINUTE_MS, duration };
    let dirt = &mut simulator.dirt;
    for (share, asked) in [
        (&mut dirt.duplicates, simulate.duplicates),
        (&mut dirt.late, simulate.late),
        (&mut dirt.malformed, simulate.malformed),
        (&mut dirt.withdrawn, simulate.withdrawn),
    ] {
        *share = asked.unwrap_or(*share);
    }
    simulator.seed = simulate.seed.unwrap_or(simulator.seed);
    simulator.scale = simulate.scale.unwrap_or(simulator.scale);
    let city = match &simulate.city {
        Some(dir) => city_files::load(dir)?,
        None => city_files::town().to_city(),
    };
    let written = write_ndjson(&simulate.dir, &city, simulator)?;
    let (rows, dir) = (written.rows, simulate.dir.display());
    super::write(&format!("{rows} messages in {} files; replay them with: smartcity replay {dir}", written.files))
}
