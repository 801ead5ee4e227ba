//! How old is a row when a reader sees it? Open loop, from the time a row is due to the first snapshot that holds it.
//!
//! Twice: the five views of city-v1, from lines of JSON in memory; and the product, all its views, from GPS readings on the
//! built-in town. The floor is a tick.

mod city;
mod product;

use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::child::{self, Once};
use super::open_loop::{Figures, Schedule};
use super::report::{Plot, Report, Table};
use super::{Common, progress};

const BENCH: &str = "latency";

#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Rows a second for the views of city-v1.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000, 50_000, 100_000])]
    rates: Vec<u64>,
    /// Rows a second for the product.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000, 50_000])]
    product_rates: Vec<u64>,
    /// Seconds that are measured at each rate, after two of warm-up.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=600))]
    seconds: u16,
    /// Milliseconds of a tick.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(5..=1_000))]
    tick_ms: u16,
    #[command(flatten)]
    once: Once,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Views {
    CityV1,
    Product,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Case {
    views: Views,
    workers: usize,
    rows_per_second: u64,
    seconds: u16,
    tick_ms: u16,
}

impl Case {
    fn schedule(&self) -> Schedule {
        Schedule::even(self.rows_per_second, WARM_UP, Duration::from_secs(self.seconds.into()))
    }

    /// Each vehicle reports every two seconds, as in city-v1.
    fn vehicles(&self) -> u64 {
        self.rows_per_second * WARM_UP.as_secs()
    }
}

/// In this time every vehicle is seen once.
const WARM_UP: Duration = Duration::from_secs(2);

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let measure = |case: Case| match case.views {
        Views::CityV1 => city::run(&case),
        Views::Product => product::run(&case),
    };
    if options.once.run(measure)? {
        return Ok(());
    }
    let Options { seconds, tick_ms, .. } = *options;
    let case = |views, workers, rows_per_second| Case { views, workers, rows_per_second, seconds, tick_ms };
    let of_city_v1 = [1, 2].into_iter().flat_map(|workers| options.rates.iter().map(move |&rate| (workers, rate)));
    let cases = of_city_v1.map(|(workers, rate)| case(Views::CityV1, workers, rate));
    let cases: Vec<_> = cases.chain(options.product_rates.iter().map(|&rate| case(Views::Product, 2, rate))).collect();

    let mut report = Report::new(BENCH, json!({ "seconds": seconds, "tick_ms": tick_ms }));
    let mut columns = vec!["views", "workers", "rows per s"];
    columns.extend(Figures::COLUMNS);
    let mut table = Table::new("latency, from due to visible, open loop", columns);
    table.draw(Plot {
        title: "From due to visible, p99",
        x: "rows per s",
        y: &[("p99 ms", "p99")],
        unit: "milliseconds",
        by: &["views", "workers"],
    });
    let progress = progress(cases.len() as u64, "{bar:30} {pos}/{len} {msg}");
    for case in cases {
        progress.set_message(format!("{} rows a second, {} workers", case.rows_per_second, case.workers));
        let figures: Figures = child::measure(BENCH, &case)?;
        let views = if case.views == Views::CityV1 { "city-v1" } else { "the product" };
        let mut cells = vec![json!(views), json!(case.workers), json!(case.rows_per_second)];
        cells.extend(figures.cells());
        table.row(cells);
        progress.inc(1);
    }
    progress.finish_and_clear();
    report.add(table);
    report.note(format!("Target: p99 below 100 ms at 50,000 rows a second. A tick has {tick_ms} ms."));
    report.finish(options.common.out.as_deref())
}
