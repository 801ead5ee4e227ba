//! What can be set of the Kafka source and sinks.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rdkafka::ClientConfig;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::secret::Secret;

/// How Kafka is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaSettings {
    /// Brokers to begin with, `host:port`, comma-separated.
    pub brokers: String,
    /// The consumer group in which offsets are committed, for monitors only: a start goes by the engine's own positions.
    pub group: String,
    /// Where a first start begins.
    pub start: Start,
    /// What happens when messages are gone before they were read.
    pub on_gap: OnGap,
    /// How often topics and partitions are looked for, in milliseconds.
    pub discover_ms: u64,
    /// What the client holds of messages that were fetched and not yet read, in kilobytes; a fetch more at most.
    pub buffer_kb: u32,
    /// Further properties of the client, as librdkafka names them: `security.protocol`, `sasl.username`, ...
    #[serde(deserialize_with = "open_properties")]
    pub client: BTreeMap<String, String>,
    /// Those that nobody may see: `sasl.password`, `ssl.key.password`, ...
    pub secrets: BTreeMap<String, Secret>,
}

impl Default for KafkaSettings {
    fn default() -> Self {
        Self {
            brokers: "localhost:9092".to_owned(),
            group: "smartcity".to_owned(),
            start: Start::default(),
            on_gap: OnGap::default(),
            discover_ms: 30_000,
            buffer_kb: 16 * 1_024,
            client: BTreeMap::new(),
            secrets: BTreeMap::new(),
        }
    }
}

/// Where a start begins that has no positions. A partition that is added later is read from its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// With the first message that there is.
    #[default]
    Earliest,
    /// With what comes next.
    Latest,
    /// With the first message that was written at or after a time.
    Time(Timestamp),
}

/// What happens when the messages at a position are not there any more, or the topic was made anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnGap {
    /// The source stops and says what is missing.
    #[default]
    Stop,
    /// It goes on with what there is; what is missing shows in its status and in the log.
    GoOn,
}

/// Reads properties that anybody may see: one that nobody should is refused here, before anything can show it.
fn open_properties<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let properties = BTreeMap::<String, String>::deserialize(deserializer)?;
    match properties.keys().find(|name| is_secret(name)) {
        Some(name) => Err(D::Error::custom(would_be_shown(name))),
        None => Ok(properties),
    }
}

/// Whether librdkafka's property of this name holds what nobody may see.
fn is_secret(name: &str) -> bool {
    ["password", ".pem", "secret", "sasl.oauthbearer.config"].iter().any(|end| name.ends_with(end))
}

fn would_be_shown(name: &str) -> String {
    format!("the property {name} would be shown: set it under secrets and not under client")
}

/// Properties that the source or the sinks decide themselves.
const OUR_OWN: [&str; 8] = [
    "bootstrap.servers",
    "group.id",
    "auto.offset.reset",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "statistics.interval.ms",
    "transactional.id",
];

impl KafkaSettings {
    /// What is wrong with the settings, and what to do.
    pub(crate) fn fault(&self) -> Option<String> {
        let properties = || self.client.keys().chain(self.secrets.keys());
        if self.brokers.trim().is_empty() {
            return Some(
                "no brokers are named: set brokers to host:port, or to several of them with commas".to_owned(),
            );
        }
        if let Some(own) = properties().find(|name| OUR_OWN.contains(&name.as_str())) {
            return Some(format!("the property {own} is decided by the source: leave it out"));
        }
        if let Some(open) = self.client.keys().find(|name| is_secret(name)) {
            return Some(would_be_shown(open));
        }
        None
    }

    /// A client's configuration as far as consumers and producers have it in common.
    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        self.set_common(&mut config);
        config
    }

    fn set_common(&self, config: &mut ClientConfig) {
        config.set("bootstrap.servers", &self.brokers).set("client.id", "smartcity");
        config.set("reconnect.backoff.max.ms", "2000").set("log.connection.close", "false");
        self.client.iter().for_each(|(name, value)| _ = config.set(name, value));
        self.secrets.iter().for_each(|(name, value)| _ = config.set(name, value.expose()));
    }

    /// The configuration of a consumer.
    pub(crate) fn consumer(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        let kilobytes = self.buffer_kb.clamp(64, 2_000_000);
        let bytes = (u64::from(kilobytes) * 1_024).to_string();
        config
            .set("fetch.min.bytes", "1")
            .set("fetch.wait.max.ms", "100")
            .set("fetch.queue.backoff.ms", "5") // with a small buffer and the default of a second the reader starves
            .set("queued.max.messages.kbytes", kilobytes.to_string())
            .set("fetch.max.bytes", &bytes)
            .set("fetch.message.max.bytes", (1_048_576.min(u64::from(kilobytes) * 1_024)).to_string())
            .set("isolation.level", "read_committed");
        self.set_common(&mut config);
        config
            .set("group.id", &self.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("statistics.interval.ms", "1000");
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> KafkaSettings {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn settings_are_read_and_secrets_are_not_written() {
        let settings = read(
            r#"
            brokers = "a:1,b:2"
            start = { time = "2026-11-26T12:00:00Z" }
            on_gap = "go_on"
            client = { "security.protocol" = "sasl_ssl", "sasl.username" = "city" }
            secrets = { "sasl.password" = "hunter2" }
            "#,
        );
        assert_eq!(settings.start, Start::Time("2026-11-26T12:00:00Z".parse().unwrap()));
        assert_eq!(settings.fault(), None);
        let config = settings.consumer();
        assert!(config.create_native_config().is_ok() || cfg!(not(feature = "kafka-ssl")));
        assert_eq!(config.get("sasl.username"), Some("city"));
        assert_eq!(config.get("security.protocol"), Some("sasl_ssl"));
        let shown = format!("{settings:?} {}", toml::to_string(&settings).unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(read(r#"start = "latest""#).start, Start::Latest);
        assert!(toml::from_str::<KafkaSettings>("broker = 1").is_err());
    }

    #[test]
    fn what_makes_no_client_is_named() {
        let fault = |text| read(text).fault().unwrap_or_default();
        assert!(fault("brokers = \" \"").starts_with("no brokers are named"));
        assert!(fault("client = { \"group.id\" = \"x\" }").contains("group.id is decided by the source"));
        let client = [("sasl.password".to_owned(), "x".to_owned())].into();
        let open = KafkaSettings { client, ..KafkaSettings::default() };
        assert!(open.fault().is_some_and(|fault| fault.contains("under secrets")));
    }

    #[test]
    fn a_password_among_the_open_properties_is_refused_before_it_can_be_shown() {
        let read = toml::from_str::<KafkaSettings>("client = { \"ssl.key.password\" = \"hunter2\" }");
        let error = read.unwrap_err().message().to_owned();
        assert_eq!(error, "the property ssl.key.password would be shown: set it under secrets and not under client");
    }
}
