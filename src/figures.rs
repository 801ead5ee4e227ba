//! What the engine costs: for `/metrics`, and as a table for people.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use indicatif::HumanCount;
use smartcity::api::{Figures, OperatorFigures, PartitionFigures, SourceFigures};
use smartcity::{Arranged, Health, Running, SourceStatus};

/// Operators with less than this share of the time stand in one line of the table.
const LEAST_SHARE: f64 = 0.001;

/// Gives the figures of a running engine, whenever they are asked for.
pub(crate) fn figures_of(running: &Running) -> impl Fn() -> Figures + Send + Sync + 'static {
    let (meter, sources) = (running.operator_meter(), running.sources().to_vec());
    move || {
        let mut by_name: BTreeMap<&str, SourceFigures> = BTreeMap::new();
        for source in &sources {
            let name = source.name();
            let none = || SourceFigures { source: name.into(), rows: 0, is_up: true, partitions: Vec::new() };
            let figures = by_name.entry(name).or_insert_with(none);
            figures.rows += source.rows();
            figures.is_up &= matches!(source.health(), Health::Running | Health::Ended);
            // A topic that was made anew has partitions of the same numbers and greater indexes; the last one counts.
            for of in partitions_of(source) {
                figures.partitions.retain(|old| (&old.topic, old.number) != (&of.topic, of.number));
                figures.partitions.push(of);
            }
        }
        let operators = meter.figures().into_iter().map(|operator| OperatorFigures {
            operator: operator.name,
            time: operator.time,
            activations: operator.activations,
            messages: operator.messages,
            records: operator.records,
            arranged: operator.arranged.map(|Arranged { records, batches }| (records, batches)),
        });
        Figures { sources: by_name.into_values().collect(), operators: operators.collect() }
    }
}

/// The partitions of a source whose ends are known.
fn partitions_of(source: &SourceStatus) -> impl Iterator<Item = PartitionFigures> {
    source.partitions().into_iter().filter_map(|of| {
        let (first, end) = of.holds?;
        let (topic, number) = (of.partition.topic, of.partition.number);
        Some(PartitionFigures { topic, number, position: of.position, first, end, missing: of.missing })
    })
}

/// A line of the table.
#[derive(Default)]
struct Line {
    name: String,
    time: Duration,
    activations: u64,
    records: u64,
    arranged: Option<u64>,
}

impl Line {
    /// One line for all of `lines`.
    fn sum<'a>(name: String, lines: impl IntoIterator<Item = &'a Line>) -> Self {
        lines.into_iter().fold(Self { name, ..Self::default() }, |sum, line| Self {
            time: sum.time + line.time,
            activations: sum.activations + line.activations,
            records: sum.records + line.records,
            arranged: line.arranged.map_or(sum.arranged, |records| Some(sum.arranged.unwrap_or(0) + records)),
            ..sum
        })
    }
}

/// The operators by time, the longest first.
pub(crate) fn table(operators: &[smartcity::OperatorFigures]) -> String {
    let mut lines: Vec<_> = operators
        .iter()
        .map(|operator| Line {
            name: match operator.operators {
                1 => operator.name.to_string(),
                alike => format!("{} ({alike})", operator.name),
            },
            time: operator.time,
            activations: operator.activations,
            records: operator.records,
            arranged: operator.arranged.map(|arranged| arranged.records),
        })
        .collect();
    lines.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| a.name.cmp(&b.name)));
    // A region's records come to its operators too, so a sum of records would count them twice.
    let total = Line { records: 0, ..Line::sum("all".to_owned(), &lines) };
    let share = |line: &Line| line.time.as_secs_f64() / total.time.as_secs_f64().max(f64::MIN_POSITIVE);
    let small = lines.split_off(lines.partition_point(|line| share(line) >= LEAST_SHARE));
    if !small.is_empty() {
        lines.push(Line { records: 0, ..Line::sum(format!("{} others", small.len()), &small) });
    }
    let width = lines.iter().map(|line| line.name.chars().count()).fold(8, usize::max);
    let mut text = String::new();
    let mut row = |name: &str, cells: [&str; 6]| {
        let [time, share, activations, records, rate, arranged] = cells;
        let _ = writeln!(
            text,
            "{name:<width$} {time:>10} {share:>7} {activations:>12} {records:>13} {rate:>12} {arranged:>11}"
        );
    };
    row("operator", ["seconds", "share", "activations", "records in", "in a second", "arranged"]);
    for line in lines.iter().chain([&total]) {
        let count = |count: u64| if count == 0 { "-".to_owned() } else { HumanCount(count).to_string() };
        let rate = line.records as f64 / line.time.as_secs_f64().max(f64::MIN_POSITIVE);
        row(
            &line.name,
            [
                &format!("{:.3}", line.time.as_secs_f64()),
                &format!("{:.1} %", 100.0 * share(line)),
                &count(line.activations),
                &count(line.records),
                &count(rate as u64),
                &line.arranged.map_or_else(|| "-".to_owned(), |records| HumanCount(records).to_string()),
            ],
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(name: &str, millis: u64, records: u64, arranged: Option<u64>) -> smartcity::OperatorFigures {
        smartcity::OperatorFigures {
            name: name.into(),
            operators: if name.ends_with("Map") { 12 } else { 1 },
            activations: 2 * millis,
            time: Duration::from_millis(millis),
            messages: records / 10,
            records,
            arranged: arranged.map(|records| Arranged { records, batches: 3 }),
        }
    }

    #[test]
    fn the_longest_comes_first_and_the_small_stand_together() {
        let table = table(&[
            operator("City", 0, 0, None),
            operator("City/Map", 250, 1_000_000, None),
            operator("City/Tracks/Arrange", 1_750, 7_000, Some(1_234)),
            operator("City/Input", 1, 0, None),
        ]);
        let lines: Vec<_> = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines,
            [
                "operator seconds share activations records in in a second arranged",
                "City/Tracks/Arrange 1.750 87.5 % 3,500 7,000 4,000 1,234",
                "City/Map (12) 0.250 12.5 % 500 1,000,000 4,000,000 -",
                "2 others 0.001 0.0 % 2 - - -",
                "all 2.001 100.0 % 4,002 - - 1,234",
            ]
        );
        let widths: Vec<_> = table.lines().map(str::len).collect();
        assert!(widths.windows(2).all(|pair| pair[0] == pair[1]), "aligned:\n{table}");
    }

    #[test]
    fn an_engine_that_was_not_measured_has_an_empty_table() {
        assert_eq!(table(&[]).lines().count(), 2);
    }
}
