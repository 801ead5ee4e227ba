//! How long things live and how far they reach.

use serde::{Deserialize, Serialize};

use crate::Time;

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
        }
    }
}
