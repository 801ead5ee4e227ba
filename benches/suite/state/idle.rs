//! An engine that shows a city of which nothing more is heard.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::ensure;
use serde::{Deserialize, Serialize};
use serde_json::json;
use smartcity::city::vehicles::VEHICLES;
use smartcity::source::{Dirt, MemorySource, Simulator, SimulatorSettings};
use smartcity::{Clock, Engine, Time, city_files};

use super::super::open_loop::move_by;
use super::super::report::Table;
use super::super::{simulated, usage};

/// Times the contract's city: 500 vehicles times 20.
const SCALE: f64 = 20.0;
/// In this time every vehicle has reported.
const LIFE_MS: Time = 8_000;
/// After the last row something may still be under way.
const SETTLE: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Idle {
    pub(super) seconds: u16,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Figures {
    vehicles: usize,
    ticks: u64,
    seconds: f64,
    cpu_s: f64,
}

impl Figures {
    pub(super) fn table(&self) -> Table {
        let columns = ["live vehicles", "seconds", "ticks", "CPU % of a core"];
        let mut table = Table::new("no input: the product on the built-in town, one worker", columns);
        let percent = self.cpu_s / self.seconds * 100.0;
        table.row([json!(self.vehicles), json!(self.seconds), json!(self.ticks), json!(percent)]);
        table
    }
}

pub(super) fn run(case: &Idle) -> anyhow::Result<Figures> {
    let city = city_files::town().to_city();
    let settings = SimulatorSettings { scale: SCALE, dirt: Dirt::NONE, ..SimulatorSettings::default() };
    let simulator = Simulator::new("bench", &city, simulated::recorded(LIFE_MS, settings))?;
    let mut rows = simulated::rows(simulator)?;
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
    let shift = wall - (simulated::START + LIFE_MS) as i64;
    rows.readings.iter_mut().for_each(|reading| move_by(reading, shift));
    let source = MemorySource::of_batches("bench", vec![rows], false);
    let running = Engine::new(city).clock(Clock::Wall).source(source).start()?;
    running.wait_finished();
    thread::sleep(SETTLE);

    let ticks = || running.views().snapshot().position().through;
    let (first, cpu) = (ticks(), usage::cpu());
    thread::sleep(Duration::from_secs(case.seconds.into()));
    let (cpu, last) = (usage::cpu() - cpu, ticks());
    let vehicles = running.views().snapshot().rows(&VEHICLES).len();
    running.shutdown();
    ensure!(vehicles > 0 && last > first, "the engine stands still");
    let tick_ms = smartcity::Settings::default().tick_ms;
    Ok(Figures { vehicles, ticks: (last - first) / tick_ms, seconds: case.seconds.into(), cpu_s: cpu.as_secs_f64() })
}
