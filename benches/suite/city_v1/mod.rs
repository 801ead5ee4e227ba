//! city-v1: five views of the vehicles of a city, kept while events come in by the million.
//!
//! Newest position by vehicle; traffic by road in windows of one minute, and of five that start every minute; the city by
//! minute; the city now. The answers must equal a batch query's.

pub(crate) mod data;
pub(crate) mod event;
pub(crate) mod floor;
pub(crate) mod flow;
mod now;
mod positions;
mod replay;
mod roads;
mod tables;

use std::panic::resume_unwind;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::data::Data;
use self::flow::REMEMBERED_MS;
use self::replay::{Pace, replay};
use super::report::{Report, Table};
use super::{Common, progress, usage};

/// Rows of a step in a full-speed replay: as many as stay in the processor's caches on their way.
const FULL_SPEED: usize = 10_000;

/// What is measured: workers, rows a step, seconds for which a message is remembered. The last line remembers for as long
/// as the product does.
const LINES: [(usize, usize, u64); 6] = [
    (1, FULL_SPEED, REMEMBERED_MS / 1_000),
    (2, FULL_SPEED, REMEMBERED_MS / 1_000),
    (1, 100_000, REMEMBERED_MS / 1_000),
    (1, 1_000, REMEMBERED_MS / 1_000),
    (2, 1_000, REMEMBERED_MS / 1_000),
    (1, FULL_SPEED, 900),
];

#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Folder of the data, as `smartcity bench generate` writes it.
    data: PathBuf,
    /// Take the first N files of events only.
    #[arg(long, value_name = "N")]
    files: Option<usize>,
    /// Runs of each line; the one with the median processor time is shown.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    runs: u8,
    /// Write the final tables as CSV to this folder: for a check against another engine.
    #[arg(long, value_name = "DIR")]
    tables: Option<PathBuf>,
    /// Only one run: workers of the engine, 0 for the floor. Prints its figures as JSON.
    #[arg(long, value_name = "WORKERS", hide = true)]
    once: Option<usize>,
    /// With --once 0: so many floors at once, each of all events on a thread of its own.
    #[arg(long, value_name = "N", default_value_t = 1, hide = true)]
    floors: usize,
    /// With --once: rows of a step.
    #[arg(long, value_name = "ROWS", default_value_t = FULL_SPEED, hide = true)]
    rows_per_step: usize,
    /// With --once: for how many seconds of event time a message is remembered.
    #[arg(long, value_name = "SECONDS", default_value_t = REMEMBERED_MS / 1_000, hide = true)]
    remembered_s: u64,
    #[command(flatten)]
    common: Common,
}

/// The figures of one run, in a process of its own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Run {
    workers: usize,
    rows_per_step: usize,
    remembered_s: u64,
    events: u64,
    refused: u64,
    wall_s: f64,
    cpu_s: f64,
    peak_mib: f64,
    step_p50_ms: Option<f64>,
    step_p99_ms: Option<f64>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if let Some(workers) = options.once {
        return once(options, workers);
    }
    let data = Data::open(&options.data, options.files)?;
    let settings = json!({ "files": data.files.len(), "megabytes": data.bytes / 1_000_000, "runs": options.runs });
    let mut report = Report::new("city-v1", settings);
    let mut table = Table::new(
        "city-v1",
        [
            "engine",
            "kind",
            "workers",
            "rows per step",
            "events",
            "wall s",
            "CPU-s",
            "CPU-s per 1M",
            "peak MiB",
            "step p50 ms",
            "step p99 ms",
            "answers",
        ],
    );
    let progress = progress(LINES.len() as u64 + 1, "{bar:30} {pos}/{len} {msg}");
    for line in std::iter::once((0, 0, 0)).chain(LINES) {
        let (workers, rows_per_step, _) = line;
        progress.set_message(format!("workers: {workers}, rows a step: {rows_per_step}"));
        let run = median(options, line)?;
        table.row(run.cells());
        progress.inc(1);
    }
    progress.finish_and_clear();
    report.add(table);
    report.finish(options.common.out.as_deref())
}

impl Run {
    fn cells(&self) -> Vec<Value> {
        let is_floor = self.workers == 0;
        let name = match self.remembered_s {
            _ if is_floor => "the floor: hash maps, one thread".to_owned(),
            seconds if seconds * 1_000 == REMEMBERED_MS => "smartcity".to_owned(),
            seconds => format!("smartcity, ids remembered for {seconds} s"),
        };
        vec![
            json!(name),
            json!(if is_floor { "floor" } else { "incremental" }),
            json!(self.workers.max(1)),
            if is_floor { Value::Null } else { json!(self.rows_per_step) },
            json!(self.events),
            json!(self.wall_s),
            json!(self.cpu_s),
            json!(self.cpu_s / self.events as f64 * 1e6),
            json!(self.peak_mib.round()),
            json!(self.step_p50_ms),
            json!(self.step_p99_ms),
            json!("not checked"),
        ]
    }
}

/// Several runs, each in a process of its own; the one with the median processor time.
fn median(options: &Options, line: (usize, usize, u64)) -> anyhow::Result<Run> {
    let (workers, rows_per_step, remembered_s) = line;
    let mut runs = Vec::new();
    for _ in 0..options.runs {
        let mut command = Command::new(std::env::current_exe().context("this program is not found again")?);
        command.args(["bench", "city-v1", "--once", &workers.to_string()]);
        command.args(["--rows-per-step", &rows_per_step.to_string(), "--remembered-s", &remembered_s.to_string()]);
        if let Some(files) = options.files {
            command.args(["--files", &files.to_string()]);
        }
        if let Some(tables) = options.tables.as_ref().filter(|_| workers > 0) {
            command.arg("--tables").arg(tables);
        }
        let output = command.arg(&options.data).stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            bail!("a run with {workers} workers and {rows_per_step} rows a step failed: {}", output.status);
        }
        runs.push(serde_json::from_slice::<Run>(&output.stdout).context("a run printed no figures")?);
    }
    runs.sort_by(|a, b| a.cpu_s.total_cmp(&b.cpu_s));
    Ok(runs.swap_remove(runs.len() / 2))
}

/// One run in this process.
fn once(options: &Options, workers: usize) -> anyhow::Result<()> {
    let data = Data::open(&options.data, options.files)?;
    let bar = progress(data.bytes, "{bar:30} {bytes}/{total_bytes} {bytes_per_sec}");
    let began = Instant::now();
    let Options { rows_per_step, remembered_s, .. } = *options;
    let mut run = Run { workers, rows_per_step, remembered_s, ..Run::default() };
    if workers == 0 {
        run.events = thread::scope(|scope| {
            let floors: Vec<_> = (0..options.floors).map(|_| scope.spawn(|| floor::floor(&data))).collect();
            let events = floors.into_iter().map(|floor| floor.join().unwrap_or_else(|panic| resume_unwind(panic)));
            events.sum::<anyhow::Result<u64>>()
        })?;
    } else {
        let pace = Pace { workers, rows_per_step, remembered_ms: remembered_s * 1_000 };
        let outcome = replay(&data, pace, |bytes| bar.inc(bytes))?;
        (run.events, run.refused) = (outcome.events, outcome.refused);
        let at = |share: f64| outcome.step_ms.get(((outcome.step_ms.len() - 1) as f64 * share) as usize).copied();
        (run.step_p50_ms, run.step_p99_ms) = (at(0.5), at(0.99));
        run.finish(began);
        if let Some(folder) = &options.tables {
            tables::write(folder, &outcome.views)?;
        }
    }
    run.finish(began);
    bar.finish_and_clear();
    super::print(&serde_json::to_string(&run)?)
}

impl Run {
    /// Notes what the process has used, once.
    fn finish(&mut self, began: Instant) {
        if self.wall_s == 0.0 {
            self.wall_s = began.elapsed().as_secs_f64();
            (self.cpu_s, self.peak_mib) = (usage::cpu().as_secs_f64(), usage::peak_mib());
        }
    }
}
