//! The program's settings: built-in, then the file, then the environment, then the command line; the last one wins.

use std::path::{Path, PathBuf};

use anyhow::Context;
use figment::providers::{Env, Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::{Deserialize, Serialize};
use smartcity::decode::TopicMap;
use smartcity::source::{ReplaySettings, SimulatorSettings};

use crate::cli::Common;

/// Everything that can be set.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// The city.
    pub(crate) city: CitySettings,
    /// Zone of timestamps that have no offset.
    pub(crate) time_zone: TimeZone,
    /// The dataflow.
    pub(crate) engine: smartcity::Settings,
    /// Where the API listens.
    pub(crate) listen: Listen,
    /// The API.
    pub(crate) api: smartcity::api::Settings,
    /// Topics of each feed.
    pub(crate) topics: TopicMap,
    /// A simulated city as a source.
    pub(crate) simulator: SimulatorSettings,
    /// A recording as a source.
    pub(crate) replay: RecordingSettings,
    /// Kafka as a source, and where `produce` and the sinks of this kind send to.
    #[cfg(feature = "kafka")]
    pub(crate) kafka: smartcity::source::kafka::KafkaSettings,
    /// Which of them `run` takes.
    pub(crate) source: SourceChoice,
    /// Where the views go beside the API.
    pub(crate) sinks: Vec<SinkSettings>,
}

/// A sink.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum SinkSettings {
    /// Redis.
    #[cfg(feature = "redis")]
    Redis(smartcity::sink::redis::RedisSettings),
    /// Redis, which this build does not have.
    #[cfg(not(feature = "redis"))]
    Redis(NotBuilt),
    /// A compacted topic, on the cluster of `kafka`.
    #[cfg(feature = "kafka")]
    Kafka(smartcity::sink::kafka::KafkaTopic),
    /// Kafka, which this build does not have.
    #[cfg(not(feature = "kafka"))]
    Kafka(NotBuilt),
}

/// Settings of what this build does not have: whatever they are.
#[cfg(not(all(feature = "redis", feature = "kafka")))]
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct NotBuilt {}

/// The city.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CitySettings {
    /// Its directory; empty for the built-in town.
    pub(crate) directory: PathBuf,
    /// Whether an edit of the directory takes effect at once.
    pub(crate) watch: bool,
}

impl Default for CitySettings {
    fn default() -> Self {
        Self { directory: PathBuf::new(), watch: true }
    }
}

/// An IANA time zone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct TimeZone(pub(crate) String);

impl Default for TimeZone {
    fn default() -> Self {
        Self("UTC".to_owned())
    }
}

/// Where the API listens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Listen {
    /// A name or an address; `::` and `0.0.0.0` for every address of the machine.
    pub(crate) host: String,
    /// The port.
    pub(crate) port: u16,
}

impl Default for Listen {
    fn default() -> Self {
        Self { host: "localhost".to_owned(), port: 8000 }
    }
}

/// A recording.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RecordingSettings {
    /// Folder or file.
    pub(crate) path: PathBuf,
    /// How it is replayed.
    pub(crate) pace: ReplaySettings,
}

/// Where `run` takes its readings from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SourceChoice {
    /// The simulator.
    #[default]
    Simulator,
    /// The recording.
    Replay,
    /// Kafka.
    #[cfg(feature = "kafka")]
    Kafka,
}

/// Environment variables that clients of the contract set, and the settings they mean.
const CONTRACT_VARIABLES: &[(&str, &str)] = &[
    #[cfg(feature = "kafka")]
    ("KAFKA_BOOTSTRAP_SERVERS", "kafka.brokers"),
    ("API_HOST", "listen.host"),
    ("API_PORT", "listen.port"),
    ("VEHICLE_TOPIC", "topics.vehicle"),
    ("GPS_TOPIC", "topics.gps"),
    ("TRAFFIC_CAMERA_TOPIC", "topics.traffic"),
    ("TRAFFIC_TOPIC", "topics.traffic"),
    ("WEATHER_TOPIC", "topics.weather"),
    ("EMERGENCY_INCIDENT_TOPIC", "topics.emergency"),
    ("EMERGENCY_TOPIC", "topics.emergency"),
];

/// A variable of the contract.
struct Variable {
    name: &'static str,
    setting: &'static str,
    value: String,
}

impl Provider for Variable {
    fn metadata(&self) -> Metadata {
        Metadata::named(format!("environment variable {}", self.name))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        // A topic adds a spelling; anything else is the value.
        let value = if self.setting.starts_with("topics.") {
            Value::from(vec![self.value.clone()])
        } else {
            self.value.parse().unwrap_or_else(|never: std::convert::Infallible| match never {})
        };
        let nested = figment::util::nest(self.setting, value);
        Ok(Profile::Default.collect(nested.into_dict().unwrap_or_default()))
    }
}

/// The layers, lowest first.
pub(crate) fn layers(file: Option<&Path>) -> anyhow::Result<Figment> {
    let mut layers = Figment::from(Serialized::defaults(Settings::default()));
    if let Some(file) = file {
        anyhow::ensure!(file.is_file(), "{} is no file: name a settings file, or leave --config out", file.display());
        layers = layers.merge(Toml::file_exact(file));
    }
    for &(name, setting) in CONTRACT_VARIABLES {
        if let Ok(value) = std::env::var(name) {
            let variable = Variable { name, setting, value };
            layers = if setting.starts_with("topics.") { layers.admerge(variable) } else { layers.merge(variable) };
        }
    }
    if let Some(redis) = redis_of_the_contract(&layers) {
        layers = layers.merge(redis);
    }
    // Other variables may begin alike; a setting has two parts, or is one of the two that have one.
    let is_setting = |key: &str| key.contains("__") || ["time_zone", "source"].contains(&key.to_lowercase().as_str());
    let variables = Env::prefixed("SMARTCITY_").filter(move |key| is_setting(key.as_str())).split("__");
    Ok(layers.merge(variables))
}

/// The sink that REDIS_HOST and REDIS_PORT ask for, where the file names no sink.
fn redis_of_the_contract(layers: &Figment) -> Option<Variable> {
    let [host, port] = ["REDIS_HOST", "REDIS_PORT"].map(|name| std::env::var(name).ok());
    let name = if host.is_some() { "REDIS_HOST" } else { "REDIS_PORT" };
    host.as_ref().or(port.as_ref())?;
    let has_sinks =
        layers.find_value("sinks").is_ok_and(|sinks| sinks.as_array().is_some_and(|sinks| !sinks.is_empty()));
    let (host, port) = (host.as_deref().unwrap_or("localhost"), port.as_deref().unwrap_or("6379"));
    let value = format!("[{{kind=redis, url=\"redis://{host}:{port}\"}}]");
    (cfg!(feature = "redis") && !has_sinks).then_some(Variable { name, setting: "sinks", value })
}

/// [`layers`], and what the command line says.
pub(crate) fn layers_of(common: &Common) -> anyhow::Result<Figment> {
    let mut layers = layers(common.config.as_deref())?;
    let flag = |layers: Figment, name: &str, setting: &str, value: Value| {
        layers.merge(Flag { name: name.to_owned(), setting: setting.to_owned(), value })
    };
    if let Some(city) = &common.city {
        layers = flag(layers, "--city", "city.directory", Value::from(city.to_string_lossy().into_owned()));
    }
    if let Some(host) = &common.host {
        layers = flag(layers, "--host", "listen.host", Value::from(host.as_str()));
    }
    if let Some(port) = common.port {
        layers = flag(layers, "--port", "listen.port", Value::from(port));
    }
    if common.operator_metrics {
        layers = flag(layers, "--operator-metrics", "engine.operator_metrics", Value::from(true));
    }
    Ok(layers)
}

/// A setting from the command line.
pub(crate) struct Flag {
    pub(crate) name: String,
    pub(crate) setting: String,
    pub(crate) value: Value,
}

impl Provider for Flag {
    fn metadata(&self) -> Metadata {
        Metadata::named(format!("flag {}", self.name))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let nested = figment::util::nest(&self.setting, self.value.clone());
        Ok(Profile::Default.collect(nested.into_dict().unwrap_or_default()))
    }
}

/// The settings that the layers give.
pub(crate) fn settings(layers: &Figment) -> anyhow::Result<Settings> {
    layers.extract().context("the settings are not valid; `smartcity config` shows where each comes from")
}

/// Every setting as `name = value  # origin`.
pub(crate) fn describe(layers: &Figment) -> anyhow::Result<String> {
    // The values are shown as the settings show them, which is how a secret stays one; the layers know where each is from.
    let shown = serde_json::to_value(settings(layers)?)?;
    let values: Value = layers.extract()?;
    let mut lines = Vec::new();
    describe_into(layers, "", &values, &shown, &mut lines);
    Ok(lines.join("\n"))
}

fn describe_into(layers: &Figment, path: &str, value: &Value, shown: &serde_json::Value, lines: &mut Vec<String>) {
    if let Some(table) = value.as_dict().filter(|table| !table.is_empty()) {
        for (name, value) in table {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            describe_into(layers, &path, value, &shown[name], lines);
        }
        return;
    }
    // The spellings of a topic may come from several places.
    let values = value.as_array().filter(|values| !values.is_empty()).unwrap_or(std::slice::from_ref(value));
    let mut origins: Vec<String> = values.iter().map(|value| origin(layers.get_metadata(value.tag()))).collect();
    origins.dedup();
    lines.push(format!("{:<52} # {}", format!("{path} = {shown}"), origins.join(", ")));
}

/// Where a value comes from, in words.
fn origin(metadata: Option<&Metadata>) -> String {
    match metadata {
        Some(Metadata { source: Some(figment::Source::File(file)), .. }) => file.display().to_string(),
        Some(metadata) if metadata.name.contains("variable") || metadata.name.starts_with("flag") => {
            metadata.name.to_string()
        }
        _ => "built in".to_owned(),
    }
}
