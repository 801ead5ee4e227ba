//! How long things live and how far they reach.

use serde::{Deserialize, Serialize};

use crate::Time;
use crate::model::Kind;

const SECOND: Time = 1_000;
const MINUTE: Time = 60 * SECOND;
const HOUR: Time = 60 * MINUTE;

/// Settings of the dataflow. Every worker of an engine must have the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Engine ticks are multiples of this many milliseconds.
    pub tick_ms: Time,
    /// How long windows are amended and message ids remembered.
    pub retention_ms: Time,
    /// An event further ahead of the engine's clock is rejected. A day covers any mistaken time zone.
    pub max_ahead_ms: Time,
    /// How long a vehicle is shown after its last fix.
    pub vehicle_life_ms: Time,
    /// How long a camera's reading counts.
    pub traffic_life_ms: Time,
    /// Width of the sliding window of the traffic figures.
    pub traffic_window_ms: Time,
    /// How long an emergency report is active without another word.
    pub incident_life_ms: Time,
    /// How long the weather of a station holds.
    pub weather_life_ms: Time,
    /// How long a sensor's value holds.
    pub sensor_life_ms: Time,
    /// Reports of one event lie within this distance of each other.
    pub merge_distance_m: u32,
    /// Reports of one event lie within this time of each other.
    pub merge_time_ms: Time,
    /// A feed is silent after this time without a message.
    pub silence_ms: Time,
    /// Whether the time and the records of every operator are counted. It costs a little at every turn of an operator.
    pub operator_metrics: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tick_ms: 100,
            retention_ms: 15 * MINUTE,
            max_ahead_ms: 24 * HOUR,
            vehicle_life_ms: 5 * MINUTE,
            traffic_life_ms: 10 * MINUTE,
            traffic_window_ms: 5 * MINUTE,
            incident_life_ms: 2 * HOUR,
            weather_life_ms: 30 * MINUTE,
            sensor_life_ms: 30 * MINUTE,
            merge_distance_m: 150,
            merge_time_ms: 10 * MINUTE,
            silence_ms: MINUTE,
            operator_metrics: false,
        }
    }
}

/// A setting that makes no engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting} is {value}: give a number from {least} to {most}")]
pub struct BadSetting {
    /// Its name.
    pub setting: &'static str,
    /// What it was set to.
    pub value: u64,
    /// The least that makes sense.
    pub least: u64,
    /// The most that makes sense.
    pub most: u64,
}

impl Settings {
    /// Whether an engine can run with these.
    ///
    /// ```
    /// use smartcity_dataflow::Settings;
    /// let error = Settings { tick_ms: 0, ..Settings::default() }.check().unwrap_err();
    /// assert_eq!(error.to_string(), "tick_ms is 0: give a number from 1 to 60000");
    /// ```
    pub fn check(&self) -> Result<(), BadSetting> {
        const YEAR: Time = 366 * 24 * HOUR;
        let within = |setting, value, least, most| {
            if (least..=most).contains(&value) { Ok(()) } else { Err(BadSetting { setting, value, least, most }) }
        };
        within("tick_ms", self.tick_ms, 1, MINUTE)?;
        within("merge_distance_m", self.merge_distance_m.into(), 1, 10_000)?;
        for (setting, value) in [
            ("max_ahead_ms", self.max_ahead_ms),
            ("vehicle_life_ms", self.vehicle_life_ms),
            ("traffic_life_ms", self.traffic_life_ms),
            ("incident_life_ms", self.incident_life_ms),
            ("weather_life_ms", self.weather_life_ms),
            ("sensor_life_ms", self.sensor_life_ms),
            ("merge_time_ms", self.merge_time_ms),
            ("silence_ms", self.silence_ms),
        ] {
            within(setting, value, self.tick_ms, YEAR)?;
        }
        // Minutes of traffic are kept for these.
        within("retention_ms", self.retention_ms, self.tick_ms, 24 * HOUR)?;
        within("traffic_window_ms", self.traffic_window_ms, self.tick_ms, HOUR)?;
        Ok(())
    }

    /// A reading of a kind that is older than this when it comes, milliseconds, is history: it is no one's present.
    pub(crate) fn history_ms(&self, kind: Kind) -> i64 {
        let life = match kind {
            Kind::Emergency => self.incident_life_ms,
            Kind::Weather => self.weather_life_ms,
            Kind::Sensor => self.sensor_life_ms,
            Kind::Vehicle | Kind::Gps | Kind::Traffic => self.retention_ms,
        };
        life.cast_signed()
    }

    /// How long the word that an emergency is over is remembered: as long as a word that it goes on could still come.
    pub(crate) fn resolved_life_ms(&self) -> Time {
        2 * self.incident_life_ms
    }
}
