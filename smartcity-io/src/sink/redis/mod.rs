//! Redis as a mirror: the keys that clients of the contract read.
//!
//! | key | value (JSON) | lives |
//! |---|---|---|
//! | `vehicle:location:{id}` | where a vehicle was last seen | [`Ttl::vehicle`] |
//! | `traffic:road:{id}` | the traffic on a named road | [`Ttl::road`] |
//! | `emergency:incident:{id}` | an emergency report that goes on | [`Ttl::incident`] |
//! | `analytics:city:summary` | the city in one line | [`Ttl::summary`] |
//! | `weather:current` | the newest weather of any station | [`Ttl::weather`] |
//! | `health:check` | that the mirror is alive, and as of which tick | [`Ttl::health`] |
//! | `vehicle:geo` | every vehicle with its place, for `GEOSEARCH` | as long as the longest of these |
//! | `smartcity:fence` | generation and tick that are written: who may write | for ever |
//! | `smartcity:keys` | the keys that are ours | as long as the longest of these |
//! | channel `smartcity:changes` | `{"tick", "set": [key], "deleted": [key]}` after each script | |
//!
//! ```text
//! ticks ──▶ Writes: the last value of each key, or that it goes ──▶ scripts of a hundred keys ──▶ Redis
//!                 └─ with every key that has lived half its time since it was written
//! ```
//!
//! *Fence.* Every script first looks whether an engine of a later generation, or a later tick of this one, has been written,
//! and then writes nothing; the last script of a call moves the fence to the tick. So of two engines on one Redis the one that
//! started later goes on, and the other ends with an error.
//!
//! *Ghosts.* A key goes when its row goes, and by its time to live when the engine does. A reset deletes what is ours by
//! `smartcity:keys` and not in the snapshot; keys of others are never looked for, and so never touched.
//!
//! *Outages.* A connection is made anew after any error, found by the Sentinels where there are some, and everything is written
//! again: a master that came after a failover may lack what the one before it had.

mod server;
mod settings;
#[cfg(test)]
mod tests;
mod writes;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use smartcity_dataflow::city::congestion::ROADS;
use smartcity_dataflow::city::incidents::REPORTS;
use smartcity_dataflow::city::summary::SUMMARY;
use smartcity_dataflow::city::vehicles::VEHICLES;
use smartcity_dataflow::city::weather::{StationWeather, WEATHER};
use smartcity_dataflow::model::Id;
use smartcity_dataflow::view::{Changes, Position, Snapshot};

use self::server::Server;
pub use self::settings::{RedisSettings, Sentinel, Ttl};
use self::writes::{Kind, Value, Writes};
use super::{SinkError, StateSink};

/// How often keys are looked through for those that must be renewed, and the mirror says that it is alive.
const BEAT: Duration = Duration::from_secs(1);

/// A [`StateSink`] that mirrors the city's views as keys of a Redis server.
pub struct Redis {
    settings: RedisSettings,
    server: Server,
    /// Every key that was written and lives, by its name without the prefix.
    live: BTreeMap<String, Live>,
    /// The newest weather of each station: of all of them one key is made.
    stations: BTreeMap<Id, StationWeather>,
    beat: Instant,
}

/// A key that was written.
struct Live {
    value: Value,
    /// When it must be written again, or it expires too soon.
    renewed: Instant,
}

impl Redis {
    /// A mirror on the server of `settings`.
    ///
    /// # Errors
    ///
    /// [`SinkError::Refused`] where a setting makes no sense. Whether a server is there shows when it runs.
    pub fn new(settings: RedisSettings) -> Result<Self, SinkError> {
        let server = Server::new(&settings)?;
        Ok(Self { settings, server, live: BTreeMap::new(), stations: BTreeMap::new(), beat: Instant::now() })
    }

    /// Writes what becomes of the keys, and what must be renewed, as of `position`.
    fn write(&mut self, mut writes: Writes, position: Position) -> Result<(), SinkError> {
        let now = Instant::now();
        if self.beat <= now {
            self.beat = now + BEAT;
            writes.set(Kind::Health, "health:check".to_owned(), writes::health(position.through));
            for (key, live) in &self.live {
                if live.renewed <= now && !writes.has(key) {
                    writes.renew(key.clone(), live.value.clone());
                }
            }
        }
        if writes.is_empty() {
            return Ok(());
        }
        self.server.write(&writes, position)?;
        for (key, value) in writes.into_keys() {
            match value {
                None => _ = self.live.remove(&key),
                Some(value) => {
                    let half = self.settings.ttl.of(value.kind) / 2;
                    self.live.insert(key, Live { value, renewed: now + half });
                }
            }
        }
        Ok(())
    }

    /// The key of the newest weather, where that is another than before.
    fn weather(&self, writes: &mut Writes) {
        let newest = self.stations.iter().max_by_key(|(id, station)| (station.time, **id));
        let key = "weather:current".to_owned();
        match newest {
            Some((_, station)) => writes.set(Kind::Weather, key, writes::weather(station)),
            None => writes.delete(key),
        }
    }
}

impl StateSink for Redis {
    fn name(&self) -> &str {
        "redis"
    }

    fn reset(&mut self, snapshot: &Snapshot) -> Result<(), SinkError> {
        let position = snapshot.position();
        self.live.clear();
        self.beat = Instant::now();
        self.stations = snapshot.rows(&WEATHER).into_iter().collect();
        let writes = snapshot.names().scope(|| {
            let mut writes = Writes::default();
            snapshot.rows(&VEHICLES).iter().for_each(|(id, vehicle)| writes.vehicle(*id, vehicle));
            snapshot.rows(&ROADS).iter().for_each(|(id, traffic)| writes.road(*id, traffic, position.through));
            snapshot.rows(&REPORTS).iter().for_each(|(id, report)| writes.incident(*id, report));
            snapshot.rows(&SUMMARY).values().for_each(|summary| writes.summary(summary, position.through));
            if !self.stations.is_empty() {
                self.weather(&mut writes);
            }
            writes
        });
        self.server.connect(position)?;
        let ghosts = self.server.ghosts(&writes)?;
        let mut writes = writes;
        ghosts.keys.into_iter().for_each(|key| writes.delete(key));
        ghosts.vehicles.into_iter().for_each(|vehicle| writes.forget_place(vehicle));
        self.write(writes, position)
    }

    fn apply(&mut self, ticks: &[Arc<Changes>], through: Position) -> Result<(), SinkError> {
        let mut writes = Writes::default();
        for changes in ticks {
            let tick = changes.position().through;
            changes.names().scope(|| {
                for (id, vehicle, diff) in changes.of(&VEHICLES) {
                    if *diff > 0 { writes.vehicle(*id, vehicle) } else { writes.no_vehicle(*id) }
                }
                for (id, traffic, diff) in changes.of(&ROADS) {
                    if *diff > 0 { writes.road(*id, traffic, tick) } else { writes.delete(writes::road_key(*id)) }
                }
                for (id, report, diff) in changes.of(&REPORTS) {
                    if *diff > 0 { writes.incident(*id, report) } else { writes.delete(writes::incident_key(*id)) }
                }
                for (_, summary, diff) in changes.of(&SUMMARY) {
                    if *diff > 0 {
                        writes.summary(summary, tick)
                    } else {
                        writes.delete(writes::SUMMARY_KEY.to_owned())
                    }
                }
                let weather = changes.of(&WEATHER);
                for (id, station, diff) in weather {
                    if *diff > 0 { _ = self.stations.insert(*id, *station) } else { _ = self.stations.remove(id) }
                }
                if !weather.is_empty() {
                    self.weather(&mut writes);
                }
            });
        }
        self.write(writes, through)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("settings", &self.settings)
            .field("keys", &self.live.len())
            .finish_non_exhaustive()
    }
}
