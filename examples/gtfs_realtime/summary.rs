//! What the engine made of the polls.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use smartcity::city::feeds::FEEDS;
use smartcity::city::quarantine::{QUARANTINE, QUARANTINE_LAST};
use smartcity::city::vehicles::{VEHICLES, Vehicle};
use smartcity::model::{City, Id, Kmh, Millis, Reason};
use smartcity::{Clock, Engine, Health};

use super::feed::VehiclePositions;

/// What the engine made of the polls, as of the last one.
#[derive(Debug)]
pub(crate) struct Summary {
    /// Time of the last poll, in whole seconds as the feed has it.
    pub(crate) through: Millis,
    /// Vehicles of the last minutes.
    pub(crate) vehicles: BTreeMap<Id, Vehicle>,
    /// Messages accepted since the first poll.
    pub(crate) accepted: u64,
    /// Messages that came again.
    pub(crate) duplicates: u64,
    /// Messages not accepted, by reason.
    pub(crate) quarantine: BTreeMap<Reason, u64>,
    /// The last of them of each reason, in words.
    pub(crate) examples: BTreeMap<Reason, Arc<str>>,
}

impl Summary {
    /// Replays `files` through an engine.
    ///
    /// The city has no roads, so the vehicles are shown where they are and counted on no road. A city imported from
    /// OpenStreetMap (`city_files::import_osm`) in its place puts them on theirs.
    pub(crate) fn of(files: Vec<PathBuf>) -> anyhow::Result<Self> {
        let engine = Engine::new(City::default()).clock(Clock::Replay).source(VehiclePositions::new(files)).start()?;
        let last = engine.wait_finished();
        let states: Vec<_> = engine.sources().iter().map(|source| source.health()).collect();
        let snapshot = engine.views().snapshot();
        engine.shutdown();
        if let Some(Health::Failed(failure)) = states.into_iter().find(|state| *state != Health::Ended) {
            anyhow::bail!(failure);
        }
        let mut quarantine = BTreeMap::new();
        for ((_, _, reason), count) in snapshot.rows(&QUARANTINE) {
            *quarantine.entry(reason).or_default() += count;
        }
        let feeds = snapshot.rows(&FEEDS);
        Ok(Self {
            through: Millis(last as i64 / 1_000 * 1_000),
            vehicles: snapshot.rows(&VEHICLES).into_iter().collect(),
            accepted: feeds.values().map(|feed| feed.accepted).sum(),
            duplicates: feeds.values().map(|feed| feed.duplicates).sum(),
            quarantine,
            examples: snapshot.rows(&QUARANTINE_LAST).into_iter().map(|(_, row)| (row.reason, row.detail)).collect(),
        })
    }

    /// Mean of the speeds that vehicles report; `None` where none does.
    pub(crate) fn mean_speed(&self) -> Option<Kmh> {
        let speeds: Vec<_> = self.vehicles.values().filter_map(|vehicle| vehicle.reported_speed).collect();
        let sum: i64 = speeds.iter().map(|speed| speed.0).sum();
        (!speeds.is_empty()).then(|| Kmh(sum / speeds.len() as i64))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moving = self.vehicles.values().filter(|vehicle| vehicle.moving).count();
        writeln!(f, "as of            {}", self.through)?;
        writeln!(f, "messages         {:>6}   and {} that came again", self.accepted, self.duplicates)?;
        writeln!(f, "vehicles         {:>6}   {moving} of them known to move", self.vehicles.len())?;
        match self.mean_speed() {
            Some(speed) => writeln!(f, "mean speed       {:>6.1}   km/h", speed.as_f64())?,
            None => writeln!(f, "mean speed            -   the feed reports none")?,
        }
        write!(f, "quarantine       {:>6}", self.quarantine.values().sum::<u64>())?;
        for (reason, count) in &self.quarantine {
            let example = self.examples.get(reason).map_or("", |detail| detail);
            write!(f, "\n  {:<14} {count:>6}   {example}", format!("{reason:?}"))?;
        }
        Ok(())
    }
}
