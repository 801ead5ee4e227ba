//! A run's results: a table for people, JSON for the report.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use serde::Serialize;
use serde_json::{Value, json};

/// The results of one benchmark.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    bench: &'static str,
    /// When it ended, RFC 3339.
    when: String,
    commit: String,
    machine: Value,
    settings: Value,
    tables: Vec<Table>,
    notes: Vec<String>,
}

/// Figures with their units in the column's name.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Table {
    title: String,
    columns: Vec<&'static str>,
    rows: Vec<Vec<Value>>,
    plots: Vec<Plot>,
}

/// A picture of a table: lines over `x`; bars, one a row, where `x` is a column of words.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Plot {
    pub(crate) title: &'static str,
    pub(crate) x: &'static str,
    /// The columns that are drawn, all in one unit, each with the name of its line.
    pub(crate) y: &'static [(&'static str, &'static str)],
    pub(crate) unit: &'static str,
    /// The columns whose values tell lines apart.
    pub(crate) by: &'static [&'static str],
}

impl Report {
    pub(crate) fn new(bench: &'static str, settings: Value) -> Self {
        Self {
            bench,
            when: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            commit: commit(),
            machine: machine(),
            settings,
            tables: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, table: Table) {
        self.tables.push(table);
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Prints the tables, and writes `{folder}/{bench}.json` where a folder is given.
    pub(crate) fn finish(&self, folder: Option<&Path>) -> anyhow::Result<()> {
        let mut text = String::new();
        for table in &self.tables {
            table.write(&mut text);
        }
        for note in &self.notes {
            let _ = writeln!(text, "{note}");
        }
        super::print(&text)?;
        if let Some(folder) = folder {
            fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
            let path = folder.join(format!("{}.json", self.bench));
            fs::write(&path, serde_json::to_string_pretty(self)?)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

impl Table {
    pub(crate) fn new(title: impl Into<String>, columns: impl Into<Vec<&'static str>>) -> Self {
        Self { title: title.into(), columns: columns.into(), rows: Vec::new(), plots: Vec::new() }
    }

    /// Has the table drawn too.
    pub(crate) fn draw(&mut self, plot: Plot) {
        let columns = plot.y.iter().map(|(column, _)| column).chain(plot.by).chain([&plot.x]);
        let unknown: Vec<_> = columns.filter(|column| !self.columns.contains(column)).collect();
        assert!(unknown.is_empty(), "{}: no such columns: {unknown:?}", self.title);
        self.plots.push(plot);
    }

    pub(crate) fn row(&mut self, cells: impl Into<Vec<Value>>) {
        self.rows.push(cells.into());
    }

    /// Aligned columns: words to the left, numbers to the right.
    fn write(&self, text: &mut String) {
        let cells: Vec<Vec<String>> = self.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
        let width = |column: usize| {
            let widest = cells.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
            widest.unwrap_or(0).max(self.columns[column].chars().count())
        };
        let widths: Vec<_> = (0..self.columns.len()).map(width).collect();
        let is_number = |column: usize| {
            self.rows.iter().all(|row| row.get(column).is_none_or(|cell| cell.is_number() || cell.is_null()))
        };
        let _ = writeln!(text, "{}\n", self.title);
        let mut line = |cells: &mut dyn Iterator<Item = &str>| {
            for (column, cell) in cells.enumerate() {
                let width = widths[column];
                let _ =
                    if is_number(column) { write!(text, "  {cell:>width$}") } else { write!(text, "  {cell:<width$}") };
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        };
        line(&mut self.columns.iter().copied());
        for row in &cells {
            line(&mut row.iter().map(String::as_str));
        }
        text.push('\n');
    }
}

/// A number with three significant digits where it has a fraction.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => {
            let number = number.as_f64().unwrap_or_default();
            let decimals = if number.abs() >= 100.0 {
                0
            } else if number.abs() >= 10.0 {
                1
            } else {
                2
            };
            format!("{number:.decimals$}")
        }
        other => other.to_string(),
    }
}

/// The commit of the working directory, with a mark where it has changes; "unknown" outside a repository.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=10", "HEAD"]) else { return "unknown".to_owned() };
    let is_clean = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|changes| changes.is_empty());
    if is_clean { commit } else { format!("{commit}, with changes") }
}

fn machine() -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let memory_kib = field(&read("/proc/meminfo"), "MemTotal")
        .and_then(|memory| memory.split_whitespace().next()?.parse::<u64>().ok());
    json!({
        "cpu": field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "memory_mib": memory_kib.map(|kib| kib / 1_024),
        "os": format!("{} {}", std::env::consts::OS, read("/proc/sys/kernel/osrelease").trim()).trim(),
    })
}
