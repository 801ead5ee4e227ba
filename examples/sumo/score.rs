//! How near the engine's picture is to the truth.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use smartcity::city::congestion::{ENOUGH_SAMPLES, Window};
use smartcity::model::{CityRow, Id, Millis, Namespace};

use super::pack::{BEGIN_MS, Pack, Replayed};

/// Width of the windows scored.
const WINDOW_MS: i64 = 300_000;

/// An edge counts in a window in which cars spent this long on it.
const ENOUGH_SAMPLED_S: f64 = 50.0;

/// The network counts in a window with this many fixes.
const ENOUGH_FIXES: u32 = 100;

/// How near the engine's picture is to the truth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Score {
    /// Fixes whose true edge is known.
    pub(crate) fixes: usize,
    /// Share of them that were put on it, %.
    pub(crate) matched: f64,
    /// Edges and windows scored.
    pub(crate) windows: usize,
    /// Mean absolute error of their speed, km/h.
    pub(crate) speed_error: f64,
    /// Mean error of their speed, km/h.
    pub(crate) speed_bias: f64,
    /// Mean absolute error of the network's travel time index over its windows, %.
    pub(crate) index_error: f64,
}

#[derive(Deserialize)]
struct TrueEdge {
    t: i64,
    veh: String,
    edge: String,
}

#[derive(Deserialize)]
struct TrueSpeed {
    begin: i64,
    edge: String,
    speed_ms: f64,
    sampled_s: f64,
}

impl Score {
    /// Scores a replay of `pack`.
    pub(crate) fn of(pack: &Pack, replayed: &Replayed) -> anyhow::Result<Self> {
        let edges: Vec<TrueEdge> = pack.table("fcd5_truth.csv.gz")?;
        let speeds: Vec<TrueSpeed> = pack.table("edge300_truth.csv.gz")?;
        let segment = |edge: &str| Id::new(Namespace::Segment, edge);

        let (mut fixes, mut right) = (0, 0);
        for TrueEdge { t, veh, edge } in edges.iter().filter(|row| !row.edge.is_empty()) {
            let key = (Id::new(Namespace::Device, &format!("v{veh}")), Millis(BEGIN_MS + t * 1_000));
            if let Some(matched) = replayed.matches.get(&key) {
                fixes += 1;
                right += usize::from(*matched == Some(segment(edge)));
            }
        }

        let errors: Vec<f64> = speeds
            .iter()
            .filter(|truth| truth.sampled_s >= ENOUGH_SAMPLED_S)
            .filter_map(|truth| {
                let traffic = replayed.windows.get(&(segment(&truth.edge), window(truth.begin)))?;
                let scored = traffic.samples >= ENOUGH_SAMPLES;
                scored.then(|| traffic.speed.as_f64() - truth.speed_ms * 3.6)
            })
            .collect();

        Ok(Self {
            fixes,
            matched: 100.0 * right as f64 / fixes as f64,
            windows: errors.len(),
            speed_error: mean(errors.iter().map(|error| error.abs())),
            speed_bias: mean(errors.iter().copied()),
            index_error: index_error(pack, replayed, &speeds),
        })
    }
}

fn window(begin_s: i64) -> Window {
    Window { width: WINDOW_MS, start: Millis(BEGIN_MS + begin_s * 1_000) }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    sum / f64::from(count.max(1))
}

/// Error of the travel time index, %: the truth is vehicle hours over vehicle hours at the limit.
fn index_error(pack: &Pack, replayed: &Replayed, speeds: &[TrueSpeed]) -> f64 {
    let limits: BTreeMap<Id, f64> = pack
        .city
        .rows
        .iter()
        .filter_map(|row| {
            if let CityRow::Segment(segment) = row {
                Some((segment.id, segment.free_flow.as_f64() / 3.6))
            } else {
                None
            }
        })
        .collect();
    let mut truth: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
    for row in speeds {
        let Some(limit) = limits.get(&Id::new(Namespace::Segment, &row.edge)) else { continue };
        let (hours, free) = truth.entry(row.begin).or_default();
        *hours += row.sampled_s;
        *free += row.sampled_s * row.speed_ms / limit;
    }
    let errors = truth.iter().filter_map(|(begin, (hours, free))| {
        let ours = replayed.network.get(&window(*begin)).filter(|network| network.samples >= ENOUGH_FIXES)?;
        Some(100.0 * (ours.travel_time_index.as_f64() / (hours / free) - 1.0).abs())
    });
    mean(errors)
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "fixes on their true edge      {:>8.2} %   of {}", self.matched, self.fixes)?;
        writeln!(
            f,
            "5-minute edge speeds, MAE     {:>8.2} km/h (bias {:+.2}) over {}",
            self.speed_error, self.speed_bias, self.windows
        )?;
        write!(f, "network travel time index     {:>8.2} %   off in the mean window", self.index_error)
    }
}
