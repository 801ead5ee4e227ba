//! How a Redis server is reached, and how long its keys live.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::writes::Kind;
use crate::secret::SecretUrl;

/// Settings of the mirror in Redis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisSettings {
    /// `redis://[[user:]password@]host[:port][/database]`. There is no TLS (`rediss://`) yet.
    pub url: SecretUrl,
    /// Where Sentinels say who the master is; of `url` then only user, password and database count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentinel: Option<Sentinel>,
    /// What every key and channel begins with: two cities on one server need two.
    pub prefix: String,
    /// Milliseconds that a connection or an answer may take.
    pub timeout_ms: u64,
    /// How long keys live.
    pub ttl: Ttl,
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            url: "redis://localhost:6379".into(),
            sentinel: None,
            prefix: String::new(),
            timeout_ms: 2_000,
            ttl: Ttl::default(),
        }
    }
}

/// Sentinels, and the name under which they know the master.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sentinel {
    /// The name of the master.
    pub master: String,
    /// The Sentinels; each is asked until one answers.
    pub urls: Vec<SecretUrl>,
}

/// Seconds that a key lives after its last write. A row that does not change is written again at half of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ttl {
    /// Of a vehicle's place.
    pub vehicle: u32,
    /// Of a road's traffic.
    pub road: u32,
    /// Of an emergency report.
    pub incident: u32,
    /// Of the city's summary.
    pub summary: u32,
    /// Of the weather.
    pub weather: u32,
    /// Of the sign of life.
    pub health: u32,
}

impl Default for Ttl {
    fn default() -> Self {
        Self { vehicle: 300, road: 600, incident: 7_200, summary: 60, weather: 1_800, health: 300 }
    }
}

impl Ttl {
    const fn all(self) -> [u32; 6] {
        [self.vehicle, self.road, self.incident, self.summary, self.weather, self.health]
    }

    pub(super) fn of(self, kind: Kind) -> Duration {
        let seconds = match kind {
            Kind::Vehicle => self.vehicle,
            Kind::Road => self.road,
            Kind::Incident => self.incident,
            Kind::Summary => self.summary,
            Kind::Weather => self.weather,
            Kind::Health => self.health,
        };
        Duration::from_secs(seconds.into())
    }

    pub(super) fn longest(self) -> Duration {
        Duration::from_secs(self.all().into_iter().fold(0, u32::max).into())
    }
}

impl RedisSettings {
    /// What is wrong with the settings, and what to do.
    pub(super) fn fault(&self) -> Option<String> {
        if self.timeout_ms == 0 {
            return Some("timeout_ms is 0: set it to the milliseconds that an answer may take".to_owned());
        }
        // Keys are renewed at half their time, looked at every second.
        if self.ttl.all().iter().any(|seconds| *seconds < 4) {
            return Some("a time to live is below 4 seconds: keys would expire before they are renewed".to_owned());
        }
        match &self.sentinel {
            Some(sentinel) if sentinel.urls.is_empty() || sentinel.master.is_empty() => {
                Some("sentinel needs master, the name of the master, and urls, the Sentinels".to_owned())
            }
            _ => None,
        }
    }
}
