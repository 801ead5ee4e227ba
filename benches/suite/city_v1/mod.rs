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
use std::thread;
use std::time::Instant;

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::data::Data;
use self::flow::REMEMBERED_MS;
use self::replay::{Outcome, Pace, replay};
use super::child::{self, Once};
use super::open_loop::quantile;
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

const BENCH: &str = "city-v1";

#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Folder of the data, as `smartcity bench generate` writes it.
    #[arg(required_unless_present = "once")]
    data: Option<PathBuf>,
    /// Take the first N files of events only.
    #[arg(long, value_name = "N")]
    files: Option<usize>,
    /// Runs of each line; the one with the median processor time is shown.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    runs: u8,
    /// Write the final tables as CSV to this folder: for a check against another engine.
    #[arg(long, value_name = "DIR")]
    tables: Option<PathBuf>,
    #[command(flatten)]
    once: Once,
    #[command(flatten)]
    common: Common,
}

/// One run; benches/peers/run.py writes it too.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Case {
    data: PathBuf,
    files: Option<usize>,
    what: What,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum What {
    /// So many floors at once, each of all events on a thread of its own.
    Floors(usize),
    Engine {
        workers: usize,
        rows_per_step: usize,
        /// For how many seconds of event time a message is remembered, where the workload's own time is not meant.
        remembered_s: Option<u64>,
        tables: Option<PathBuf>,
    },
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
    if options.once.run(|case: Case| once(&case))? {
        return Ok(());
    }
    let Some(folder) = &options.data else { return Ok(()) };
    let data = Data::open(folder, options.files)?;
    let settings = json!({ "files": data.files.len(), "megabytes": data.bytes / 1_000_000, "runs": options.runs });
    let mut report = Report::new(BENCH, settings);
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
    let engine = |(workers, rows_per_step, remembered_s)| {
        let tables = options.tables.clone();
        What::Engine { workers, rows_per_step, remembered_s: Some(remembered_s), tables }
    };
    for what in std::iter::once(What::Floors(1)).chain(LINES.map(engine)) {
        if let What::Engine { workers, rows_per_step, .. } = what {
            progress.set_message(format!("workers: {workers}, rows a step: {rows_per_step}"));
        }
        let case = Case { data: folder.clone(), files: options.files, what };
        let run = child::median(BENCH, &case, options.runs, |run: &Run| run.cpu_s)?;
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

/// One run in this process.
fn once(case: &Case) -> anyhow::Result<Run> {
    let data = Data::open(&case.data, case.files)?;
    let began = Instant::now();
    match &case.what {
        What::Floors(floors) => {
            let events = thread::scope(|scope| {
                let floors: Vec<_> = (0..*floors).map(|_| scope.spawn(|| floor::floor(&data))).collect();
                let events = floors.into_iter().map(|floor| floor.join().unwrap_or_else(|panic| resume_unwind(panic)));
                events.sum::<anyhow::Result<u64>>()
            })?;
            Ok(Run { events, ..Run::since(began) })
        }
        &What::Engine { workers, rows_per_step, remembered_s, ref tables } => {
            let remembered_s = remembered_s.unwrap_or(REMEMBERED_MS / 1_000);
            let bar = progress(data.bytes, "{bar:30} {bytes}/{total_bytes} {bytes_per_sec}");
            let pace = Pace { workers, rows_per_step, remembered_ms: remembered_s * 1_000 };
            let Outcome { events, refused, step_ms, views } = replay(&data, pace, |bytes| bar.inc(bytes))?;
            let run = Run::since(began);
            bar.finish_and_clear();
            if let Some(folder) = tables {
                tables::write(folder, &views)?;
            }
            let [step_p50_ms, step_p99_ms] = [0.5, 0.99].map(|share| quantile(&step_ms, share));
            Ok(Run { workers, rows_per_step, remembered_s, events, refused, step_p50_ms, step_p99_ms, ..run })
        }
    }
}

impl Run {
    /// What the process has used since it began.
    fn since(began: Instant) -> Self {
        let wall_s = began.elapsed().as_secs_f64();
        Self { wall_s, cpu_s: usage::cpu().as_secs_f64(), peak_mib: usage::peak_mib(), ..Self::default() }
    }
}
