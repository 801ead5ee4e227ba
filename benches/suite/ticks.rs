//! What does a tick cost when many others are pending? The product on the built-in town, one row a tick from a few vehicles:
//! every row leaves something to be done later (it ends, its id is forgotten), and none of that may make a tick dearer.
//!
//! The worker's own processor time, a thousand ticks at a time. A tick is dealt when the one before it is visible, so each
//! is a round of its own, as at the pace of the clock.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use smartcity::model::{Instant, Millis};
use smartcity::source::{Assignment, Batch, Outlet, Source, SourceError};
use smartcity::view::Views;
use smartcity::{Clock, Engine, Settings, Time, city_files};

use super::child::{self, Once};
use super::report::{Plot, Report, Table};
use super::{Common, progress, simulated, usage};

const BENCH: &str = "ticks";

#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Milliseconds of a tick.
    #[arg(long, value_delimiter = ',', default_values_t = [100, 10])]
    tick_ms: Vec<Time>,
    /// Thousands of ticks, the first of which warms up.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(3..))]
    thousands: u16,
    #[command(flatten)]
    once: Once,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Case {
    tick_ms: Time,
    parts: u16,
    ticks_per_part: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Figures {
    /// Microseconds of the worker a tick, in each part after the first.
    tick_us: Vec<f64>,
}

const NAME: &str = "bench";
const VEHICLES: u64 = 10;
const TARGET_RATIO: f64 = 1.2;

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.once.run(|case: Case| once(&case))? {
        return Ok(());
    }
    let mut report = Report::new(BENCH, json!({ "vehicles": VEHICLES, "rows_per_tick": 1 }));
    let progress = progress(options.tick_ms.len() as u64, "{bar:30} {pos}/{len} {msg}");
    let mut runs = Vec::new();
    for &tick_ms in &options.tick_ms {
        progress.set_message(format!("ticks of {tick_ms} ms"));
        let case = Case { tick_ms, parts: options.thousands, ticks_per_part: 1_000 };
        runs.push((tick_ms, child::measure(BENCH, &case)?));
        progress.inc(1);
    }
    progress.finish_and_clear();
    report.add(ratios(&runs));
    report.add(thousands(&runs));
    report.note(format!(
        "Target: a tick of the last thousand costs at most {TARGET_RATIO}x one of the first after the warm-up."
    ));
    report.finish(options.common.out.as_deref())
}

fn ratios(runs: &[(Time, Figures)]) -> Table {
    let columns = ["tick ms", "first thousand CPU us per tick", "last thousand CPU us per tick", "ratio"];
    let mut table = Table::new("the first thousand ticks after the warm-up, and the last", columns);
    for (tick_ms, figures) in runs {
        if let [first, .., last] = figures.tick_us[..] {
            table.row([json!(tick_ms), json!(first), json!(last), json!(last / first)]);
        }
    }
    table
}

fn thousands(runs: &[(Time, Figures)]) -> Table {
    let mut table =
        Table::new("cost of a tick by ticks before it, one worker", ["tick ms", "ticks", "CPU us per tick"]);
    table.draw(Plot {
        title: "What a tick costs, by ticks before it",
        x: "ticks",
        y: &[("CPU us per tick", "the worker")],
        unit: "microseconds of processor time a tick",
        by: &["tick ms"],
    });
    for (tick_ms, figures) in runs {
        for (thousand, tick_us) in (1..).zip(&figures.tick_us) {
            table.row([json!(tick_ms), json!(thousand * 1_000), json!(tick_us)]);
        }
    }
    table
}

fn once(case: &Case) -> anyhow::Result<Figures> {
    let city = city_files::town().to_city();
    let ticks = usize::from(case.parts) * case.ticks_per_part;
    let mut rows = simulated::fixes(NAME, &city, VEHICLES, 1_000 / case.tick_ms, ticks)?;
    ensure!(rows.readings.len() == ticks, "the simulator made {} of {ticks} rows", rows.readings.len());
    let tick = |index: usize| simulated::START + case.tick_ms * (index as Time + 1);
    for (index, reading) in rows.readings.iter_mut().enumerate() {
        reading.arrived = tick(index);
        reading.time = Instant::Utc(Millis(reading.arrived as i64));
    }
    let views = Arc::new(OnceLock::new());
    let settings = Settings { tick_ms: case.tick_ms, ..Settings::default() };
    let source = Stepwise { rows, views: Arc::clone(&views) };
    let running = Engine::new(city).settings(settings).clock(Clock::Replay).source(source).start()?;

    let cpu = Arc::new(Mutex::new(Vec::new()));
    let ends: Vec<_> = (1..=usize::from(case.parts)).map(|part| tick(part * case.ticks_per_part - 1)).collect();
    let of_worker = Arc::clone(&cpu);
    running.views().on_publish(move |snapshot| {
        // The only worker publishes, so this is its thread.
        let mut cpu = of_worker.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if ends.get(cpu.len()).is_some_and(|&end| snapshot.position().through >= end) {
            cpu.push(usage::cpu_of_thread());
        }
    });
    ensure!(views.set(running.views().clone()).is_ok(), "a source has its views once");
    running.wait_finished();
    running.shutdown();
    let cpu = std::mem::take(&mut *cpu.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
    ensure!(cpu.len() == usize::from(case.parts), "the engine published {} of {} parts", cpu.len(), case.parts);
    let cpu: Vec<_> = cpu.into_iter().collect::<Option<_>>().context("the kernel does not tell a thread's time")?;
    let tick_us = |time: Duration| time.as_secs_f64() * 1e6 / case.ticks_per_part as f64;
    Ok(Figures { tick_us: cpu.windows(2).map(|at| tick_us(at[1] - at[0])).collect() })
}

/// Recorded readings, each sent once the one before the last is visible: that is as far as a replay gets with them.
struct Stepwise {
    rows: Batch,
    /// Of the engine, once somebody watches them.
    views: Arc<OnceLock<Views>>,
}

impl Source for Stepwise {
    fn name(&self) -> &str {
        NAME
    }

    fn is_recorded(&self) -> bool {
        true
    }

    fn run(&mut self, _: &Assignment, outlet: &Outlet) -> Result<(), SourceError> {
        let rows = std::mem::take(&mut self.rows);
        let views = self.views.wait();
        outlet.send(Batch { names: rows.names, ..Batch::default() })?;
        let mut open = None;
        for reading in rows.readings {
            let tick = reading.arrived;
            outlet.send(Batch { readings: vec![reading], ..Batch::default() })?;
            // A replay holds a tick open until a later row comes.
            while let Some(complete) = open
                && views.wait_past(complete - 1, Duration::from_millis(100)).position().through < complete
            {
                outlet.check()?;
            }
            open = Some(tick);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_measured_after_the_first() {
        let figures = once(&Case { tick_ms: 100, parts: 3, ticks_per_part: 20 }).unwrap();
        assert_eq!(figures.tick_us.len(), 2);
        assert!(figures.tick_us.iter().all(|&tick_us| tick_us > 0.0), "{figures:?}");
        let runs = [(100, figures)];
        let _ = (ratios(&runs), thousands(&runs));
    }
}
