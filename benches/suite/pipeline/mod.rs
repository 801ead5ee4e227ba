//! The whole product on city-v1's data: its events as GPS readings, its roads as a city, and all views.

mod city;
mod source;
mod split;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::ensure;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use smartcity::city::feeds::FEEDS;
use smartcity::{Clock, Engine, Settings, Time};

use self::source::Events;
use super::child::{self, Once};
use super::city_v1::data::Data;
use super::report::{Plot, Report, Table};
use super::{Common, progress, usage};

const BENCH: &str = "pipeline";

#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Folder of the data, as `smartcity bench generate` writes it.
    #[arg(required_unless_present = "once")]
    data: Option<PathBuf>,
    /// Take the first N files of events.
    #[arg(long, value_name = "N", default_value_t = 5)]
    files: usize,
    /// Milliseconds of a tick; an event is a millisecond of the data.
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1_000, 10_000])]
    tick_ms: Vec<Time>,
    /// Milliseconds of a tick of the run that is split by capability.
    #[arg(long, default_value_t = 1_000)]
    split_tick_ms: Time,
    /// Runs of each line; the one with the median processor time is shown.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    runs: u8,
    #[command(flatten)]
    once: Once,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Case {
    data: PathBuf,
    files: usize,
    workers: usize,
    tick_ms: Time,
    /// Whether the operators are timed, which costs time too.
    is_split: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Figures {
    rows: u64,
    wall_s: f64,
    cpu_s: f64,
    peak_mib: f64,
    /// Seconds by capability, where the operators are timed.
    by_capability: Vec<(String, f64)>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.once.run(|case: Case| once(&case))? {
        return Ok(());
    }
    let Some(data) = &options.data else { return Ok(()) };
    if city::read(data)?.is_none() {
        return super::print(
            "skipped: there is no road_ends.csv, so nothing says where roads end; smartcity bench generate writes one\n",
        );
    }
    let mut report = Report::new(BENCH, json!({ "files": options.files, "runs": options.runs }));
    let columns = ["tick ms", "workers", "rows", "wall s", "CPU-s", "CPU-s per 1M", "rows per s", "peak MiB"];
    let mut table = Table::new("the product, all views, on the data of city-v1", columns);
    let progress = progress(2 * options.tick_ms.len() as u64 + 1, "{bar:30} {pos}/{len} {msg}");
    let measure = |tick_ms, workers, is_split| {
        progress.set_message(format!("ticks of {tick_ms} ms, {workers} workers"));
        let case = Case { data: data.clone(), files: options.files, workers, tick_ms, is_split };
        let figures: Figures = child::median(BENCH, &case, options.runs, |figures: &Figures| figures.cpu_s)?;
        progress.inc(1);
        anyhow::Ok(figures)
    };
    for (tick_ms, workers) in options.tick_ms.iter().flat_map(|&tick_ms| [(tick_ms, 1), (tick_ms, 2)]) {
        let figures = measure(tick_ms, workers, false)?;
        table.row([
            json!(tick_ms),
            json!(workers),
            json!(figures.rows),
            json!(figures.wall_s),
            json!(figures.cpu_s),
            json!(figures.per_million(figures.cpu_s)),
            json!((figures.rows as f64 / figures.wall_s).round() as u64),
            json!(figures.peak_mib.round()),
        ]);
    }
    report.add(table);
    let title = format!("where the time goes: ticks of {} ms, one worker", options.split_tick_ms);
    let figures = measure(options.split_tick_ms, 1, true)?;
    let all: f64 = figures.by_capability.iter().map(|(_, seconds)| seconds).sum();
    let mut split = Table::new(title, ["capability", "seconds per 1M", "share %"]);
    split.draw(Plot {
        title: "Where the time goes in the product",
        x: "capability",
        y: &[("seconds per 1M", "one worker")],
        unit: "seconds of a worker per million events",
        by: &[],
    });
    for (name, seconds) in &figures.by_capability {
        split.row([json!(name), json!(figures.per_million(*seconds)), json!(seconds / all * 100.0)]);
    }
    report.add(split);
    progress.finish_and_clear();
    report.note("The split is of the worker's turns, in a run of its own; decoding is on the source's thread.");
    report.finish(options.common.out.as_deref())
}

impl Figures {
    fn per_million(&self, seconds: f64) -> f64 {
        seconds / self.rows as f64 * 1e6
    }
}

fn once(case: &Case) -> anyhow::Result<Figures> {
    let data = Data::open(&case.data, Some(case.files))?;
    let city = city::read(&case.data)?.unwrap_or_default();
    let settings = Settings { tick_ms: case.tick_ms, operator_metrics: case.is_split, ..Settings::default() };
    let source = Events::new(data.files);
    let engine = Engine::new(city).settings(settings).clock(Clock::Replay).workers(case.workers).source(source);
    let (cpu, began) = (usage::cpu(), Instant::now());
    let running = engine.start()?;
    running.wait_finished();
    let (wall, cpu) = (began.elapsed(), usage::cpu() - cpu);
    let feeds = running.views().snapshot().rows(&FEEDS);
    let rows = feeds.values().map(|feed| feed.accepted + feed.duplicates + feed.rejected).sum();
    let by_capability = split::by_capability(&running.operators());
    running.shutdown();
    ensure!(rows > 0, "no event became a reading");
    Ok(Figures {
        rows,
        wall_s: wall.as_secs_f64(),
        cpu_s: cpu.as_secs_f64(),
        peak_mib: usage::peak_mib(),
        by_capability,
    })
}
