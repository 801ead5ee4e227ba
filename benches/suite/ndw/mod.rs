//! Real road sensors: half an hour of the Dutch NDW's loops, replayed and multiplied as the Open Stream Processing
//! Benchmark (van Dongen and Van den Poel 2020) does: a minute becomes a second, a sensor many.

mod sample;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use smartcity::model::{City, Kind};
use smartcity::source::MemorySource;
use smartcity::{Clock, Engine, Settings};

use self::sample::Message;
use super::child::{self, Once};
use super::open_loop::{self, Schedule};
use super::report::{Report, Table};
use super::{Common, progress, simulated, usage};

const BENCH: &str = "ndw";
const NAME: &str = "ndw";
const TICK_MS: u64 = 20;
const WARM_UP: Duration = Duration::from_secs(2);

#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Folder of the recorded data; without it $SMARTCITY_SHARED/data, or ../shared/data.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How many sensors each of the 19 becomes.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    times: u32,
    /// Seconds that latency is measured for, after two of warm-up.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=28))]
    seconds: u16,
    #[command(flatten)]
    once: Once,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum How {
    /// As fast as the engine goes.
    Replay,
    /// Open loop; a second's rows evenly over it.
    Even,
    /// Open loop; the rows of five of ten seconds come at once.
    Bursts,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Case {
    file: PathBuf,
    how: How,
    workers: usize,
    times: u32,
    seconds: u16,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Figures {
    Replay { rows: usize, wall_s: f64, cpu_s: f64 },
    OpenLoop(open_loop::Figures),
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.once.run(|case: Case| once(&case))? {
        return Ok(());
    }
    let file = sample::file(options.data.clone());
    if !file.is_file() {
        return super::print(&format!("skipped: no {} (see --data)\n", file.display()));
    }
    let Options { times, seconds, .. } = *options;
    let messages = sample::read(&file)?;
    let rows_per_second = messages.iter().filter(|message| message.minute == 0).count() * times as usize;
    let settings = json!({ "times": times, "seconds": seconds, "tick_ms": TICK_MS, "messages": messages.len() });
    let mut report = Report::new(BENCH, settings);

    let progress = progress(4, "{bar:30} {pos}/{len} {msg}");
    let measure = |how, workers| {
        progress.set_message(format!("{how:?}, {workers} workers"));
        let figures = child::measure(BENCH, &Case { file: file.clone(), how, workers, times, seconds });
        progress.inc(1);
        figures
    };
    let columns = ["workers", "rows", "wall s", "rows per s", "CPU-s per 1M"];
    let mut replay = Table::new(format!("NDW, every sensor {times} times, replayed through the product"), columns);
    for workers in [1, 2] {
        if let Figures::Replay { rows, wall_s, cpu_s } = measure(How::Replay, workers)? {
            let rate = (rows as f64 / wall_s).round() as u64;
            let cost = cpu_s / rows as f64 * 1e6;
            replay.row([json!(workers), json!(rows), json!(wall_s), json!(rate), json!(cost)]);
        }
    }
    report.add(replay);

    let mut columns = vec!["rows come", "rows per s"];
    columns.extend(open_loop::Figures::COLUMNS);
    let mut live = Table::new("NDW, a minute a second, from due to visible, open loop, two workers", columns);
    for (how, name) in [(How::Even, "evenly"), (How::Bursts, "half of them in a burst every ten seconds")] {
        if let Figures::OpenLoop(figures) = measure(how, 2)? {
            let mut cells = vec![json!(name), json!(rows_per_second)];
            cells.extend(figures.cells());
            live.row(cells);
        }
    }
    report.add(live);
    progress.finish_and_clear();
    report.finish(options.common.out.as_deref())
}

fn once(case: &Case) -> anyhow::Result<Figures> {
    let messages = sample::read(&case.file)?;
    if case.how == How::Replay {
        return replay(&messages, case);
    }
    let length = WARM_UP + Duration::from_secs(case.seconds.into());
    let messages: Vec<_> = messages.into_iter().filter(|message| message.second() < length).collect();
    let due = due(&messages, case);
    let rows = sample::readings(&messages, case.times, NAME, &due);
    let settings = Settings { tick_ms: TICK_MS, ..Settings::default() };
    let engine = Engine::new(City::default()).settings(settings).clock(Clock::Wall).workers(case.workers);
    let schedule = Schedule::new(due, WARM_UP);
    let figures = open_loop::run(engine, NAME, Kind::Sensor, (rows, simulated::START), schedule)?;
    Ok(Figures::OpenLoop(figures))
}

fn replay(messages: &[Message], case: &Case) -> anyhow::Result<Figures> {
    let rows = sample::readings(messages, case.times, NAME, &due(messages, case));
    let count = rows.len();
    let source = MemorySource::of_batches(NAME, vec![rows], true);
    let settings = Settings { tick_ms: TICK_MS, ..Settings::default() };
    let engine = Engine::new(City::default()).settings(settings).clock(Clock::Replay).workers(case.workers);
    let (cpu, began) = (usage::cpu(), Instant::now());
    let running = engine.source(source).start()?;
    running.wait_finished();
    let (wall, cpu) = (began.elapsed(), usage::cpu() - cpu);
    running.shutdown();
    Ok(Figures::Replay { rows: count, wall_s: wall.as_secs_f64(), cpu_s: cpu.as_secs_f64() })
}

/// When each message, so many times over, is due: those of a minute evenly over a second. With bursts those of the second
/// half of ten seconds come all with its beginning.
fn due(messages: &[Message], case: &Case) -> Vec<Duration> {
    let times = case.times as usize;
    let mut due = Vec::with_capacity(messages.len() * times);
    for minute in messages.chunk_by(|a, b| a.minute == b.minute) {
        let rows = minute.len() * times;
        let second = minute[0].minute;
        let is_burst = case.how == How::Bursts && second % 10 >= 5;
        due.extend((0..rows as u64).map(|row| match is_burst {
            true => Duration::from_secs(second - second % 10 + 5),
            false => Duration::from_secs(second) + Duration::from_nanos(row * 1_000_000_000 / rows as u64),
        }));
    }
    due
}
