//! Linear Road: the example's runs, as a benchmark of the suite.

// The example has more ways to run than the suite takes.
#[expect(dead_code, reason = "the example uses the rest")]
#[path = "../../examples/linear_road/mod.rs"]
mod example;

use std::time::Duration;

use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};

use self::example::figures::Figures;
use self::example::responses::Response;
use super::Common;
use super::report::{Plot, Report, Table};

#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    run: example::Options,
    #[command(flatten)]
    common: Common,
}

pub(crate) fn run(Options { run, common }: &Options) -> anyhow::Result<()> {
    let bar = super::progress(1, "{bar:30} {percent} % {msg}");
    let figures = example::run(run, &bar)?;
    let settings = json!({
        "seed": run.seed, "warm-up minutes": run.warm_up, "real-time minutes": run.real_time,
        "minutes compared with the oracle": run.check,
    });
    let mut report = if run.find {
        let mut report = Report::new("linear-road-rating", settings);
        report.add(ratings(&figures));
        report.add(tries(&figures));
        report
    } else {
        let mut report = Report::new("linear-road", settings);
        report.add(rates(&figures));
        report.add(responses(&figures));
        report
    };
    if let Some(agreement) = &figures.agreement {
        report.note(agreement.to_string());
    }
    report.finish(common.out.as_deref())?;
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
            table.row([
                json!(attempt.expressways()),
                json!(attempt.workers),
                json!(run),
                json!(cost.tuples),
                json!(cost.tuples_per_second()),
                json!(cost.cpu_per_million()),
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
                json!(attempt.expressways()),
                json!(attempt.workers),
                json!(response.kind),
                json!(response.answers),
            ];
            let times = [response.p50, response.p99, response.p9999, response.max, response.deadline];
            row.extend(times.map(|time| json!(millis(time))));
            row.push(json!(if response.is_met() { "met" } else { "missed" }));
            table.row(row);
        }
    }
    table
}

/// The largest L that was met.
fn ratings(figures: &Figures) -> Table {
    let mut table = Table::new("the largest L by workers", ["workers", "L"]);
    table.draw(Plot {
        title: "Expressways that keep every deadline (L)",
        x: "workers",
        y: &[("L", "L")],
        unit: "L",
        by: &[],
    });
    for (workers, met) in figures.ratings() {
        table.row([json!(workers), json!(met.map(expressways))]);
    }
    table
}

/// Every L that was tried, in real time.
fn tries(figures: &Figures) -> Table {
    let columns = [
        "workers",
        "L",
        "tuples/s",
        "CPU-s per 1M",
        "memory MiB, with the generator",
        "p99.99 ms, of the slowest type",
        "max ms",
        "verdict",
    ];
    let mut table = Table::new("what was tried", columns);
    for attempt in &figures.attempts {
        let slowest = |of: fn(&Response) -> Duration| attempt.responses.iter().map(of).max().map(millis);
        let cost = &attempt.real_time;
        table.row([
            json!(attempt.workers),
            json!(attempt.expressways()),
            json!(cost.tuples_per_second()),
            json!(cost.cpu_per_million()),
            json!(cost.memory.map(|bytes| bytes >> 20)),
            json!(slowest(|response| response.p9999)),
            json!(slowest(|response| response.max)),
            json!(attempt.verdict()),
        ]);
    }
    table
}

fn expressways(halves: u32) -> f64 {
    f64::from(halves) / 2.0
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e3).round()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plots_are_of_columns_that_there_are() {
        let _ = ratings(&Figures::default());
    }
}
