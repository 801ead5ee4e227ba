//! How large and how clean the simulated city is.

use serde::{Deserialize, Serialize};
use smartcity_dataflow::Time;
use smartcity_dataflow::model::Kind;

/// Settings of the [`Simulator`](super::Simulator). The defaults are those of the contract's city, about 16,000 messages
/// a minute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulatorSettings {
    /// The same seed, city and clock make the same messages.
    pub seed: u64,
    /// Multiplies every count and every rate below; 0 to 1,000.
    pub scale: f64,
    /// Vehicles. Each reports either by itself or by its position fixes, in the proportion of the two rates.
    pub vehicles: u32,
    /// Cameras: the city's, as many as this; made up where the city has none.
    pub cameras: u32,
    /// Weather stations: the city's, as many as this; made up where the city has none.
    pub stations: u32,
    /// Dispatch centres that report emergencies.
    pub dispatch_centres: u32,
    /// Sensors of noise, parking, traffic loops and air.
    pub sensors: u32,
    /// Vehicles' own reports, all vehicles together.
    pub vehicle_per_minute: f64,
    /// Position fixes, all vehicles together.
    pub gps_per_minute: f64,
    /// Camera reports.
    pub traffic_per_minute: f64,
    /// Weather reports.
    pub weather_per_minute: f64,
    /// Emergency reports: new ones, their updates and their ends.
    pub emergency_per_minute: f64,
    /// Sensor readings.
    pub sensor_per_minute: f64,
    /// Standard deviation of a position, in metres on each axis.
    pub position_noise_m: f64,
    /// Standard deviation of a vehicle's speed, in km/h.
    pub speed_noise_kmh: f64,
    /// What goes wrong on the way.
    pub dirt: Dirt,
    /// Whose time it runs by.
    pub clock: SimulatorClock,
}

/// Shares of the messages, 0 to 1, with which something goes wrong; together at most 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dirt {
    /// Sent a second time, up to 5 s later.
    pub duplicates: f64,
    /// Held back for 20 s to 2 min.
    pub late: f64,
    /// Broken, so that a decoder rejects them.
    pub malformed: f64,
    /// Withdrawn 5 s to 1 min later.
    pub withdrawn: f64,
}

impl Dirt {
    /// Nothing goes wrong.
    pub const NONE: Self = Self { duplicates: 0.0, late: 0.0, malformed: 0.0, withdrawn: 0.0 };
}

impl Default for Dirt {
    fn default() -> Self {
        Self { duplicates: 0.01, late: 0.01, malformed: 0.001, withdrawn: 0.001 }
    }
}

/// Whose time a simulation runs by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SimulatorClock {
    /// The wall clock's; it never ends.
    #[default]
    Live,
    /// A recording's, as fast as the engine takes it: every row has its arrival time.
    Recorded {
        /// When it starts, in milliseconds since the epoch.
        start: Time,
        /// How long it lasts, in milliseconds.
        duration: Time,
    },
}

impl Default for SimulatorSettings {
    fn default() -> Self {
        Self {
            seed: 1,
            scale: 1.0,
            vehicles: 500,
            cameras: 200,
            stations: 50,
            dispatch_centres: 10,
            sensors: 1_000,
            vehicle_per_minute: 5_000.0,
            gps_per_minute: 8_000.0,
            traffic_per_minute: 2_000.0,
            weather_per_minute: 100.0,
            emergency_per_minute: 50.0,
            sensor_per_minute: 1_000.0,
            position_noise_m: 3.0,
            speed_noise_kmh: 1.08,
            dirt: Dirt::default(),
            clock: SimulatorClock::default(),
        }
    }
}

impl SimulatorSettings {
    /// Messages of a kind in a minute, scaled.
    pub fn per_minute(&self, kind: Kind) -> f64 {
        let rate = match kind {
            Kind::Vehicle => self.vehicle_per_minute,
            Kind::Gps => self.gps_per_minute,
            Kind::Traffic => self.traffic_per_minute,
            Kind::Weather => self.weather_per_minute,
            Kind::Emergency => self.emergency_per_minute,
            Kind::Sensor => self.sensor_per_minute,
        };
        rate * self.scale
    }

    /// A count, scaled; at least 1.
    pub(super) fn scaled(&self, count: u32) -> usize {
        (f64::from(count) * self.scale).round().max(1.0) as usize
    }

    /// What is wrong with the settings, if anything is.
    pub(super) fn fault(&self) -> Option<String> {
        let Dirt { duplicates, late, malformed, withdrawn } = self.dirt;
        let shares = [duplicates, late, malformed, withdrawn];
        let is_rate = |rate: f64| rate.is_finite() && rate >= 0.0;
        if !(self.scale > 0.0 && self.scale <= 1_000.0) {
            return Some(format!("a scale of {} is out of range: give a factor above 0 and up to 1000", self.scale));
        }
        if let Some(kind) = Kind::ALL.into_iter().find(|&kind| !is_rate(self.per_minute(kind))) {
            return Some(format!("{kind}_per_minute is {}: give a number from 0", self.per_minute(kind)));
        }
        if !shares.into_iter().all(is_rate) || shares.into_iter().sum::<f64>() > 1.0 {
            return Some(format!("the shares of dirt are {shares:?}: give numbers from 0 whose sum is at most 1"));
        }
        if !is_rate(self.position_noise_m) || !is_rate(self.speed_noise_kmh) {
            return Some("a noise is not a number from 0".to_owned());
        }
        None
    }
}
