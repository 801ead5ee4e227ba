//! `city.toml`: the city's name, its defaults, and what each type of incident means.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smartcity_dataflow::model::{Kmh, Priority, RoadClass, Severity};

/// The content of `city.toml`.
///
/// ```toml
/// name = "Springfield"
/// time_zone = "America/Los_Angeles"
/// centre = { lat = 37.77, lon = -122.42 }
///
/// [defaults]
/// class = "residential"
/// free_flow_kmh = { residential = 30 }
///
/// [[incident]]
/// type = "fire"
/// severity = "critical"
/// priority = "P0"
/// agencies = ["fire", "medical"]
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The city's name, for people.
    pub name: String,
    /// The IANA name of its time zone, in which feeds without an offset are read; UTC where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Where a map opens; the middle of the roads where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub centre: Option<Degrees>,
    /// Whom the data must be credited to, wherever a map of it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribution: Option<String>,
    /// What a road is taken to be where `roads.geojson` does not say.
    #[serde(default)]
    pub defaults: Defaults,
    /// What each type of incident means; [`Incident::table`] where there is no `[[incident]]` at all.
    #[serde(default = "Incident::table", rename = "incident")]
    pub incidents: Vec<Incident>,
}

/// A place in degrees, WGS 84.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Degrees {
    /// Latitude, -90 to 90.
    pub lat: f64,
    /// Longitude, -180 to 180.
    pub lon: f64,
}

/// What a road is taken to be where `roads.geojson` does not say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Defaults {
    /// Class of a road without one.
    pub class: RoadClass,
    /// Free-flow speed by class, km/h, 1 to 200.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub free_flow_kmh: BTreeMap<RoadClass, f64>,
    /// Lanes in each direction by class, 1 to 12.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub lanes: BTreeMap<RoadClass, u32>,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { class: RoadClass::Residential, free_flow_kmh: BTreeMap::new(), lanes: BTreeMap::new() }
    }
}

impl Defaults {
    /// Free-flow speed of a road of `class`; where the settings do not say, a usual limit in towns (our choice).
    pub fn free_flow(&self, class: RoadClass) -> Kmh {
        let told = self.free_flow_kmh.get(&class).and_then(|&kmh| Kmh::from_f64(kmh));
        told.unwrap_or(match class {
            RoadClass::Motorway => Kmh(100_000),
            RoadClass::Trunk => Kmh(80_000),
            RoadClass::Primary | RoadClass::Secondary | RoadClass::Tertiary => Kmh(50_000),
            RoadClass::Residential => Kmh(30_000),
            RoadClass::Service => Kmh(20_000),
        })
    }

    /// Lanes in each direction of a road of `class`: where the settings do not say, two on motorways and trunk roads.
    pub fn lanes(&self, class: RoadClass) -> u32 {
        let usual = if matches!(class, RoadClass::Motorway | RoadClass::Trunk) { 2 } else { 1 };
        self.lanes.get(&class).copied().unwrap_or(usual)
    }
}

/// What a type of incident means for the response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// The word of the message, in any case; absent for every type without an entry of its own.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub incident_type: Option<String>,
    /// Severity of one report: low, medium, high or critical.
    pub severity: Severity,
    /// Priority of one report: P0 (at once) to P3.
    pub priority: Priority,
    /// Who must come, in order of need.
    pub agencies: Vec<String>,
}

impl Incident {
    /// The table of a city that brings none of its own: our choice, to be edited in `city.toml`.
    pub fn table() -> Vec<Self> {
        use Priority::{P0, P1, P2, P3};
        use Severity::{Critical, High, Low, Medium};
        let rows: [(Option<&str>, Severity, Priority, &[&str]); 15] = [
            (Some("fire"), Critical, P0, &["fire", "medical", "police"]),
            (Some("explosion"), Critical, P0, &["fire", "medical", "police"]),
            (Some("hazmat"), Critical, P0, &["fire", "medical", "police"]),
            (Some("medical"), High, P0, &["medical"]),
            (Some("accident"), High, P1, &["police", "medical", "tow"]),
            (Some("collision"), High, P1, &["police", "medical", "tow"]),
            (Some("assault"), High, P1, &["police", "medical"]),
            (Some("flood"), High, P1, &["fire", "works"]),
            (Some("hazard"), Medium, P2, &["fire", "works"]),
            (Some("theft"), Medium, P2, &["police"]),
            (Some("power_outage"), Medium, P2, &["works"]),
            (Some("breakdown"), Low, P3, &["tow"]),
            (Some("roadwork"), Low, P3, &["works"]),
            (Some("noise"), Low, P3, &["police"]),
            (None, Medium, P2, &["police"]),
        ];
        rows.into_iter()
            .map(|(incident_type, severity, priority, agencies)| Self {
                incident_type: incident_type.map(str::to_owned),
                severity,
                priority,
                agencies: agencies.iter().map(|&agency| agency.to_owned()).collect(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_enough() {
        let settings: Settings = toml::from_str("name = \"Springfield\"").unwrap();
        assert_eq!(settings.incidents, Incident::table());
        assert_eq!(settings.defaults, Defaults::default());
    }

    #[test]
    fn settings_come_back_as_they_were_written() {
        let settings = Settings {
            name: "Springfield".into(),
            time_zone: Some("America/Los_Angeles".into()),
            centre: Some(Degrees { lat: 37.77, lon: -122.42 }),
            attribution: None,
            defaults: Defaults {
                class: RoadClass::Tertiary,
                free_flow_kmh: [(RoadClass::Motorway, 110.0), (RoadClass::Service, 7.5)].into(),
                lanes: [(RoadClass::Trunk, 3)].into(),
            },
            incidents: Incident::table(),
        };
        let text = toml::to_string_pretty(&settings).unwrap();
        assert_eq!(toml::from_str::<Settings>(&text).unwrap(), settings, "{text}");
    }

    #[test]
    fn defaults_can_be_given_by_class() {
        let settings: Settings =
            toml::from_str("name = \"x\"\n[defaults]\nfree_flow_kmh = { residential = 25 }\nlanes = { primary = 3 }")
                .unwrap();
        assert_eq!(settings.defaults.free_flow(RoadClass::Residential), Kmh(25_000));
        assert_eq!(settings.defaults.free_flow(RoadClass::Motorway), Kmh(100_000));
        assert_eq!((settings.defaults.lanes(RoadClass::Primary), settings.defaults.lanes(RoadClass::Trunk)), (3, 2));
    }

    #[test]
    fn a_misspelt_setting_is_refused() {
        for text in [
            "name = \"x\"\ntimezone = \"UTC\"",
            "name = \"x\"\n[defaults]\nlane = 3",
            "name = \"x\"\n[[incident]]\ntype = \"fire\"\nseverity = \"grave\"\npriority = \"P0\"\nagencies = []",
        ] {
            assert!(toml::from_str::<Settings>(text).is_err(), "{text}");
        }
    }
}
