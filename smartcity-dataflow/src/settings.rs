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
            ("retention_ms", self.retention_ms),
            ("max_ahead_ms", self.max_ahead_ms),
            ("vehicle_life_ms", self.vehicle_life_ms),
            ("traffic_life_ms", self.traffic_life_ms),
            ("traffic_window_ms", self.traffic_window_ms),
            ("incident_life_ms", self.incident_life_ms),
            ("weather_life_ms", self.weather_life_ms),
            ("sensor_life_ms", self.sensor_life_ms),
            ("merge_time_ms", self.merge_time_ms),
            ("silence_ms", self.silence_ms),
        ] {
            within(setting, value, self.tick_ms, YEAR)?;
        }
        Ok(())
    }

    /// How long the word that an emergency is over is remembered: as long as a word that it goes on could still come.
    pub(crate) fn resolved_life_ms(&self) -> Time {
        2 * self.incident_life_ms
    }

    /// How long after it came a reading of this kind holds by itself.
    pub(crate) fn life_ms(&self, kind: Kind) -> Time {
        match kind {
            Kind::Vehicle | Kind::Gps => self.vehicle_life_ms,
            Kind::Traffic => self.traffic_life_ms,
            Kind::Weather => self.weather_life_ms,
            Kind::Emergency => self.resolved_life_ms(),
            Kind::Sensor => self.sensor_life_ms,
        }
    }

    /// No row shows what a reading of this kind speaks of for longer than this after the reading was decoded: its life, or
    /// the windows that it counts in, and a while between the decoder and the end of a tick.
    ///
    /// The windows are those of now. What an event ahead of the clock is shown in longer shows segments and roads, which
    /// the city names.
    pub(crate) fn shown_ms(&self, kind: Kind) -> Time {
        const ON_THE_WAY: Time = 5 * MINUTE;
        self.life_ms(kind).max(self.retention_ms + self.traffic_window_ms) + ON_THE_WAY
    }
}
