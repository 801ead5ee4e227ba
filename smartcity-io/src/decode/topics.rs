//! Which feed a topic carries.

use serde::{Deserialize, Serialize};
use smartcity_dataflow::model::Kind;

/// The topics of every kind. The first spelling of a kind is the one that we write; all of them are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TopicMap {
    /// Vehicles' own reports.
    pub vehicle: Vec<String>,
    /// Position fixes.
    pub gps: Vec<String>,
    /// Traffic cameras.
    pub traffic: Vec<String>,
    /// Weather stations.
    pub weather: Vec<String>,
    /// Emergency reports.
    pub emergency: Vec<String>,
    /// All other sensors.
    pub sensor: Vec<String>,
}

impl Default for TopicMap {
    fn default() -> Self {
        let spellings = |topics: &[&str]| topics.iter().map(|&topic| topic.to_owned()).collect();
        Self {
            vehicle: spellings(&["vehicle_data"]),
            gps: spellings(&["gps_data"]),
            traffic: spellings(&["traffic_camera_data", "traffic_data"]),
            weather: spellings(&["weather_data"]),
            emergency: spellings(&["emergency_incident_data", "emergency_data"]),
            sensor: spellings(&["sensor_data"]),
        }
    }
}

impl TopicMap {
    /// The kind that `topic` carries.
    pub fn kind(&self, topic: &str) -> Option<Kind> {
        self.topics().find_map(|(spelling, kind)| (spelling == topic).then_some(kind))
    }

    /// The topics of a kind.
    pub fn of(&self, kind: Kind) -> &[String] {
        match kind {
            Kind::Vehicle => &self.vehicle,
            Kind::Gps => &self.gps,
            Kind::Traffic => &self.traffic,
            Kind::Weather => &self.weather,
            Kind::Emergency => &self.emergency,
            Kind::Sensor => &self.sensor,
        }
    }

    /// Every topic with its kind, in the order of [`Kind::ALL`]: what to subscribe to.
    pub fn topics(&self) -> impl Iterator<Item = (&str, Kind)> {
        Kind::ALL.into_iter().flat_map(|kind| self.of(kind).iter().map(move |topic| (topic.as_str(), kind)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_topic_mean_its_kind() {
        let topics = TopicMap::default();
        assert_eq!(topics.kind("traffic_camera_data"), Some(Kind::Traffic));
        assert_eq!(topics.kind("traffic_data"), Some(Kind::Traffic));
        assert_eq!(topics.kind("emergency_data"), Some(Kind::Emergency));
        assert_eq!(topics.kind("sensor_data"), Some(Kind::Sensor));
        assert_eq!(topics.kind("gps"), None);
        assert_eq!(topics.topics().count(), 8);
    }

    #[test]
    fn a_setting_replaces_the_topics_of_one_kind_only() {
        let topics: TopicMap = serde_json::from_str(r#"{"gps": ["fixes"]}"#).unwrap();
        assert_eq!(topics.kind("fixes"), Some(Kind::Gps));
        assert_eq!(topics.kind("gps_data"), None);
        assert_eq!(topics.kind("vehicle_data"), Some(Kind::Vehicle));
        assert!(serde_json::from_str::<TopicMap>(r#"{"gsp": []}"#).is_err());
    }
}
