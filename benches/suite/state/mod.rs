//! What does state cost? An update's processor time against the number of vehicles, the memory of a vehicle and of a row,
//! traffic that is all on one road, and a city where nothing happens.

mod idle;
mod steady;

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::idle::Idle;
use self::steady::Steady;
use super::child::{self, Once};
use super::report::{Plot, Report, Table};
use super::{Common, progress};

const BENCH: &str = "state";

#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Numbers of vehicles, ascending.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000, 100_000, 1_000_000])]
    vehicles: Vec<u64>,
    /// Rows of a step; a step is as long as they take at 1,000 rows a second.
    #[arg(long, default_value_t = 1_000)]
    rows_per_step: u64,
    /// Runs of each line; the one with the median processor time is shown.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    runs: u8,
    /// Seconds that the idle engine is watched.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    idle_seconds: u16,
    #[command(flatten)]
    once: Once,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Case {
    Steady(Steady),
    Idle(Idle),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Figures {
    Steady(steady::Figures),
    Idle(idle::Figures),
}

const TARGET_RATIO: f64 = 1.5;
const TARGET_HOT: f64 = 1.3;
const TARGET_IDLE: f64 = 3.0;

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let measure = |case| {
        Ok(match case {
            Case::Steady(case) => Figures::Steady(steady::run(&case)?),
            Case::Idle(case) => Figures::Idle(idle::run(&case)?),
        })
    };
    if options.once.run(measure)? {
        return Ok(());
    }
    let settings = json!({ "rows_per_step": options.rows_per_step, "runs": options.runs });
    let mut report = Report::new(BENCH, settings);
    let progress = progress(2 * options.vehicles.len() as u64 + 5, "{bar:30} {pos}/{len} {msg}");
    let steady = |vehicles, workers, is_hot| {
        progress.set_message(format!("{vehicles} vehicles, {workers} workers"));
        let case = Steady { vehicles, workers, is_hot, rows_per_step: options.rows_per_step };
        let figures = child::median(BENCH, &Case::Steady(case), options.runs, |figures: &Figures| match figures {
            Figures::Steady(figures) => figures.cpu_us_per_row(),
            Figures::Idle(_) => 0.0,
        });
        progress.inc(1);
        figures.and_then(|figures| match figures {
            Figures::Steady(figures) => Ok(figures),
            Figures::Idle(_) => anyhow::bail!("the figures of another case"),
        })
    };
    let by_vehicles = options.vehicles.iter().map(|&vehicles| Ok((vehicles, steady(vehicles, 1, false)?)));
    let by_vehicles = by_vehicles.collect::<anyhow::Result<Vec<_>>>()?;
    let floor = options.vehicles.iter().map(|&vehicles| steady(vehicles, 0, false));
    let floor = floor.collect::<anyhow::Result<Vec<_>>>()?;
    report.add(cost(&by_vehicles, &floor));
    report.add(memory(&by_vehicles));

    let mut hot = Vec::new();
    for workers in [1, 2] {
        hot.push((workers, steady(HOT_VEHICLES, workers, false)?, steady(HOT_VEHICLES, workers, true)?));
    }
    report.add(hot_key(&hot));

    progress.set_message("idle");
    let case = Case::Idle(Idle { seconds: options.idle_seconds });
    if let Figures::Idle(figures) = child::measure(BENCH, &case)? {
        report.add(figures.table());
    }
    progress.finish_and_clear();
    report.note(format!(
        "Targets: {TARGET_RATIO}x the CPU of an update from the fewest vehicles to the most, {TARGET_HOT}x with half of \
         the traffic on one road, below {TARGET_IDLE} % of a core with no input."
    ));
    if let Some((fewest, _)) = by_vehicles.first().filter(|&&(fewest, _)| fewest < options.rows_per_step) {
        report.note(format!(
            "With {fewest} vehicles a step has {} rows of each, which net before they travel.",
            options.rows_per_step / fewest
        ));
    }
    report.note("Restoring state is not measured: there are no checkpoints yet.");
    report.finish(options.common.out.as_deref())
}

const HOT_VEHICLES: u64 = 10_000;

/// The floor's cost shows what the memory of the machine makes of as many vehicles.
fn cost(by_vehicles: &[(u64, steady::Figures)], floor: &[steady::Figures]) -> Table {
    let columns = ["vehicles", "rows", "wall s", "CPU us per row", "ratio", "floor CPU us per row", "floor ratio"];
    let mut table = Table::new("cost of an update by vehicles, one worker", columns);
    table.draw(Plot {
        title: "What an update costs, by vehicles",
        x: "vehicles",
        y: &[("CPU us per row", "smartcity"), ("floor CPU us per row", "the floor")],
        unit: "microseconds of processor time a row",
        by: &[],
    });
    let (Some((_, first)), Some(first_floor)) = (by_vehicles.first(), floor.first()) else { return table };
    for ((vehicles, figures), floor) in by_vehicles.iter().zip(floor) {
        let costs = [(figures, first), (floor, first_floor)];
        let costs = costs.map(|(figures, first)| (figures.cpu_us_per_row(), first.cpu_us_per_row()));
        let [(ours, ratio), (floor, floor_ratio)] = costs.map(|(cost, first)| (json!(cost), json!(cost / first)));
        table.row([json!(vehicles), json!(figures.rows), json!(figures.wall_s), ours, ratio, floor, floor_ratio]);
    }
    table
}

/// The runs have the same rows, so what one has more than the first is the vehicles'.
fn memory(by_vehicles: &[(u64, steady::Figures)]) -> Table {
    let columns = ["vehicles", "resident MiB", "rows remembered", "bytes per row", "bytes per vehicle more"];
    let mut table = Table::new("memory after every vehicle was seen", columns);
    table.draw(Plot {
        title: "Memory, by vehicles",
        x: "vehicles",
        y: &[("resident MiB", "resident")],
        unit: "MiB",
        by: &[],
    });
    let Some((fewest, first)) = by_vehicles.first() else { return table };
    for (vehicles, figures) in by_vehicles {
        let is_first = vehicles == fewest;
        let bytes = |mib: f64, of: u64| json!((mib * 1_048_576.0 / of as f64).round());
        let per_row = bytes(figures.state_mib, figures.remembered);
        let more = figures.state_mib - first.state_mib;
        let per_vehicle = if is_first { Value::Null } else { bytes(more, vehicles - fewest) };
        table.row([
            json!(vehicles),
            json!(figures.resident_mib),
            json!(figures.remembered),
            if is_first { per_row } else { Value::Null },
            per_vehicle,
        ]);
    }
    table
}

fn hot_key(runs: &[(usize, steady::Figures, steady::Figures)]) -> Table {
    let columns = ["workers", "traffic", "wall s", "CPU us per row", "CPU ratio", "wall ratio"];
    let mut table = Table::new("half of the traffic on one of 500 roads", columns);
    for (workers, even, hot) in runs {
        for (name, figures) in [("even", even), ("half on one road", hot)] {
            let cost = figures.cpu_us_per_row();
            let ratios = [cost / even.cpu_us_per_row(), figures.wall_s / even.wall_s];
            let [cpu_ratio, wall_ratio] = ratios.map(|ratio| json!(ratio));
            table.row([json!(workers), json!(name), json!(figures.wall_s), json!(cost), cpu_ratio, wall_ratio]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plots_are_of_columns_that_there_are() {
        let _ = (cost(&[], &[]), memory(&[]));
    }
}
