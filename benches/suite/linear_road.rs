//! Linear Road: the example's runs, as a benchmark of the suite.

// The example has more ways to run than the suite takes.
#[expect(dead_code, reason = "the example uses the rest")]
#[path = "../../examples/linear_road/mod.rs"]
mod example;

use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};

use self::example::Options as Run;
use self::example::figures::Figures;
use super::Common;
use super::report::{Report, Table};

#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Expressways, in steps of 0.5; with --find the first that is tried.
    #[arg(short = 'L', long, value_name = "L", default_value_t = 100.0)]
    expressways: f64,
    /// Worker threads; several numbers, one run each.
    #[arg(short, long, value_delimiter = ',', default_values_t = [1, 2])]
    workers: Vec<usize>,
    /// Look for the largest L that meets every deadline at p99.99.
    #[arg(long)]
    find: bool,
    /// Minutes that run as fast as they can before the real time.
    #[arg(long, value_name = "MINUTES", default_value_t = 6)]
    warm_up: u32,
    /// Minutes in real time, the last of the three hours.
    #[arg(long, value_name = "MINUTES", default_value_t = 1)]
    real_time: u32,
    /// Minutes of one expressway, the last of the three hours, that are compared with the oracle; 0 for none.
    #[arg(long, value_name = "MINUTES", default_value_t = 180)]
    check: u32,
    /// Seed of the traffic.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    common: Common,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let bar = super::progress(1, "{bar:30} {percent} % {msg}");
    let run = Run {
        seed: options.seed,
        halves: (options.expressways * 2.0).round() as u32,
        workers: options.workers.clone(),
        warm_up: options.warm_up,
        real_time: options.real_time,
        find: options.find,
        check: options.check,
        tuples: None,
    };
    let figures = example::run(&run, &mut |what, done, all| {
        if bar.message() != what {
            bar.set_message(what.to_owned());
        }
        bar.set_length(all);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    let settings = json!({
        "seed": options.seed, "warm-up minutes": options.warm_up, "real-time minutes": options.real_time,
        "minutes compared with the oracle": options.check,
    });
    let mut report = Report::new("linear-road", settings);
    report.add(rates(&figures));
    report.add(responses(&figures));
    report.add(ratings(&figures));
    if let Some(agreement) = &figures.agreement {
        report.note(agreement.to_string());
    }
    report.finish(options.common.out.as_deref())?;
    if !figures.is_good() {
        bail!("answers differ from the oracle's, or a number of workers meets no L that was tried");
    }
    Ok(())
}

fn rates(figures: &Figures) -> Table {
    let mut table = Table::new(
        "sustained rate",
        ["L", "workers", "run", "tuples", "tuples/s", "CPU-s per 1M", "memory MiB, with the generator"],
    );
    for attempt in &figures.attempts {
        for (run, cost) in [("as fast as it can", &attempt.fast), ("in real time", &attempt.real_time)] {
            let cpu = cost.cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / cost.tuples as f64);
            table.row(vec![
                json!(f64::from(attempt.halves) / 2.0),
                json!(attempt.workers),
                json!(run),
                json!(cost.tuples),
                json!((cost.tuples as f64 / cost.took.as_secs_f64()).round()),
                json!(cpu),
                json!(cost.memory.map(|bytes| bytes >> 20)),
            ]);
        }
    }
    table
}

fn responses(figures: &Figures) -> Table {
    let columns =
        ["L", "workers", "type", "answers", "p50 ms", "p99 ms", "p99.99 ms", "max ms", "deadline ms", "verdict"];
    let mut table = Table::new("response times", columns);
    for attempt in &figures.attempts {
        for response in &attempt.responses {
            let mut row: Vec<Value> = vec![
                json!(f64::from(attempt.halves) / 2.0),
                json!(attempt.workers),
                json!(response.kind),
                json!(response.answers),
            ];
            let times = [response.p50, response.p99, response.p9999, response.max, response.deadline];
            row.extend(times.map(|time| json!((time.as_secs_f64() * 1e3).round())));
            row.push(json!(if response.is_met() { "met" } else { "missed" }));
            table.row(row);
        }
    }
    table
}

fn ratings(figures: &Figures) -> Table {
    let mut table = Table::new("L by workers", ["workers", "L"]);
    for (workers, met) in figures.ratings() {
        table.row(vec![json!(workers), json!(met.map(|halves| f64::from(halves) / 2.0))]);
    }
    table
}
