//! The workload's files.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Deserialize;

use super::event::Speed;
use super::flow::Road;

/// What a folder holds: `gps/*.ndjson` in the order of their names, and `roads.csv`.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) roads: Vec<Road>,
    /// Bytes of the files together.
    pub(crate) bytes: u64,
}

#[derive(Deserialize)]
struct RoadRow {
    road_id: String,
    free_flow: f64,
}

impl Data {
    /// Reads the road table, and lists the files of events; `limit` takes the first files only.
    pub(crate) fn open(folder: &Path, limit: Option<usize>) -> anyhow::Result<Self> {
        let gps = folder.join("gps");
        let entries = std::fs::read_dir(&gps).with_context(|| {
            format!("cannot read {}: make the data with `smartcity bench generate {}`", gps.display(), folder.display())
        })?;
        let mut files = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "ndjson") {
                files.push(path);
            }
        }
        files.sort();
        files.truncate(limit.unwrap_or(usize::MAX));
        if files.is_empty() {
            bail!("no *.ndjson in {}", gps.display());
        }
        let mut bytes = 0;
        for file in &files {
            bytes += file.metadata()?.len();
        }
        let path = folder.join("roads.csv");
        let mut roads = Vec::new();
        for row in
            csv::Reader::from_path(&path).with_context(|| format!("cannot read {}", path.display()))?.deserialize()
        {
            let row: RoadRow = row.with_context(|| format!("in {}", path.display()))?;
            let free_flow = Speed((row.free_flow * 10_000.0).round() as i32);
            roads.push(Road { name: row.road_id, free_flow });
        }
        Ok(Self { files, roads, bytes })
    }
}
