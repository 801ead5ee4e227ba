//! A compacted topic of Kafka as a mirror: the newest row of each key, and a tombstone where it has gone.
//!
//! | of a message | what it is |
//! |---|---|
//! | key | `["vehicles","bus-1"]`: view and key, as JSON |
//! | value | the row as JSON; none where it has gone |
//! | headers | `tick`: that the row is as of; `generation`: of the engine that wrote it |
//!
//! ```text
//! connect ─▶ fence by the transactional id ─▶ what keys the topic has ─▶ snapshot, and tombstones for the others ─▶ ticks
//! ```
//!
//! What changed is one transaction (of at most [`TRANSACTION_MESSAGES`]), so that who reads committed messages alone sees whole
//! ticks. Create the topic beforehand, with `cleanup.policy=compact` and as many partitions as it is to keep: a key stays in its
//! partition.
//!
//! *Fence.* Two engines that write one topic have one transactional id, so the broker stops the one that came first. One of an earlier
//! generation that comes back finds the other's messages and ends with an error.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use smartcity_dataflow::view::{Changes, Position, Snapshot};

use super::{SinkError, StateSink};
use crate::source::kafka::KafkaSettings;
use crate::source::kafka::client::{self, is_forbidden};

/// A transaction has at most so many messages.
pub const TRANSACTION_MESSAGES: usize = 10_000;

/// What is written where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaTopic {
    /// The topic.
    pub topic: String,
    /// The views that it shows; all where none is named.
    pub views: BTreeSet<String>,
    /// Milliseconds that the broker may take to answer, or to take a transaction.
    pub timeout_ms: u64,
}

impl Default for KafkaTopic {
    fn default() -> Self {
        Self { topic: "smartcity_views".to_owned(), views: BTreeSet::new(), timeout_ms: 10_000 }
    }
}

/// A [`StateSink`] that mirrors views as a compacted topic.
pub struct KafkaMirror {
    settings: KafkaTopic,
    brokers: String,
    producing: ClientConfig,
    reading: ClientConfig,
    producer: Option<BaseProducer<Quiet>>,
}

/// Takes what the client says unasked: what somebody must act on comes as the outcome of a transaction.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, message, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client");
    }
}

impl ProducerContext for Quiet {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

/// The last of each key: a row as JSON, or that it goes.
type Messages = BTreeMap<String, Option<String>>;

impl KafkaMirror {
    /// A mirror on the cluster of `kafka`.
    ///
    /// # Errors
    ///
    /// [`SinkError::Refused`] where a setting makes no sense. Whether a broker is there shows when it runs.
    pub fn new(kafka: &KafkaSettings, settings: KafkaTopic) -> Result<Self, SinkError> {
        if let Some(message) = kafka.fault() {
            return Err(SinkError::Refused(format!("kafka: {message}"), None));
        }
        if settings.topic.is_empty() || settings.timeout_ms == 0 {
            let message = "kafka: a sink needs a topic, and a timeout_ms above 0".to_owned();
            return Err(SinkError::Refused(message, None));
        }
        let mut producing = kafka.client();
        producing
            .set("transactional.id", format!("smartcity {}", settings.topic))
            .set("linger.ms", "2")
            .set("compression.type", "lz4")
            .set("transaction.timeout.ms", (2 * settings.timeout_ms).to_string())
            .set("message.timeout.ms", settings.timeout_ms.to_string());
        let mut reading = kafka.consumer();
        reading.set("enable.partition.eof", "true");
        let brokers = kafka.brokers.clone();
        let mirror = Self { settings, brokers, producing, reading, producer: None };
        mirror.client()?; // so that a wrong property is said at once
        Ok(mirror)
    }

    fn client(&self) -> Result<BaseProducer<Quiet>, SinkError> {
        let client = self.producing.create_with_context(Quiet);
        client.map_err(|error| SinkError::Refused(client::refused("kafka", &error).to_string(), None))
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(self.settings.timeout_ms)
    }

    fn shows(&self, view: &str) -> bool {
        self.settings.views.is_empty() || self.settings.views.contains(view)
    }

    /// The keys that live in the topic. Fails where an engine of a later generation has written there.
    fn keys(&self, generation: u64) -> Result<BTreeSet<String>, SinkError> {
        let topic = &self.settings.topic;
        let consumer =
            client::consumer("kafka", &self.reading).map_err(|error| SinkError::Refused(error.to_string(), None))?;
        let numbers = client::numbers(&consumer, topic).map_err(|error| self.failed(&error))?;
        if numbers.is_empty() {
            let message = format!("kafka: there is no topic {topic}: create it, with cleanup.policy=compact");
            return Err(SinkError::Retry(message, None));
        }
        let mut partitions = TopicPartitionList::new();
        for number in &numbers {
            let place = partitions.add_partition_offset(topic, *number, Offset::Beginning);
            place.map_err(|error| self.failed(&error))?;
        }
        consumer.assign(&partitions).map_err(|error| self.failed(&error))?;
        let (mut keys, mut ended, mut heard) = (BTreeSet::new(), BTreeSet::new(), Instant::now());
        while ended.len() < numbers.len() {
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    let of = |name: &str| message.headers()?.iter().find(|header| header.key == name)?.value;
                    let theirs = of("generation").and_then(|text| std::str::from_utf8(text).ok()?.parse::<u64>().ok());
                    if let Some(theirs) = theirs.filter(|theirs| *theirs > generation) {
                        let message = format!(
                            "kafka: an engine of generation {theirs} writes the topic {topic}, this one is of generation \
                             {generation}: stop one of them or give it another topic"
                        );
                        return Err(SinkError::Refused(message, None));
                    }
                    let Some(key) = message.key().and_then(|key| std::str::from_utf8(key).ok()) else { continue };
                    match message.payload() {
                        Some(_) => _ = keys.insert(key.to_owned()),
                        None => _ = keys.remove(key),
                    }
                }
                Some(Err(KafkaError::PartitionEOF(number))) => _ = ended.insert(number),
                Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_forbidden) => {
                    return Err(self.failed(&error));
                }
                _ if heard.elapsed() > self.timeout() => return Err(self.silent("the topic cannot be read")),
                _ => {}
            }
        }
        Ok(keys)
    }

    /// Writes all of it, in one transaction where it is not too much for one.
    fn write(&self, messages: &Messages, position: Position) -> Result<(), SinkError> {
        let Some(producer) = &self.producer else { return Err(self.silent("there is no connection")) };
        let headers = |position: Position| {
            let numbers = [("tick", position.through), ("generation", position.generation)];
            numbers.into_iter().fold(OwnedHeaders::new(), |headers, (key, number)| {
                headers.insert(Header { key, value: Some(&number.to_string()) })
            })
        };
        let headers = headers(position);
        let mut messages = messages.iter().peekable();
        while messages.peek().is_some() {
            producer.begin_transaction().map_err(|error| self.failed(&error))?;
            for (key, row) in messages.by_ref().take(TRANSACTION_MESSAGES) {
                let mut record = BaseRecord::to(&self.settings.topic).key(key).headers(headers.clone());
                record.payload = row.as_ref();
                let until = Instant::now() + self.timeout();
                while let Err((error, unsent)) = producer.send(record) {
                    if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) || Instant::now() > until {
                        return Err(self.failed(&error));
                    }
                    producer.poll(Duration::from_millis(10));
                    record = unsent;
                }
            }
            producer.commit_transaction(self.timeout()).map_err(|error| self.failed(&error))?;
        }
        Ok(())
    }

    /// [`write`](Self::write), after which the client is not used again where it failed.
    fn write_or_end(&mut self, messages: &Messages, position: Position) -> Result<(), SinkError> {
        let written = self.write(messages, position);
        if written.is_err() {
            self.producer = None; // what it had begun is aborted by whoever comes next
        }
        written
    }

    fn silent(&self, what: &str) -> SinkError {
        let message =
            format!("kafka: no broker of {} answers ({what}); all is written anew when one does", self.brokers);
        SinkError::Retry(message, None)
    }

    /// What an error means.
    fn failed(&self, error: &KafkaError) -> SinkError {
        use RDKafkaErrorCode as Code;
        let topic = &self.settings.topic;
        match error.rdkafka_error_code() {
            Some(Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch) => {
                let message = format!(
                    "kafka: another engine has begun to write the topic {topic}: stop one of them or give it another topic"
                );
                SinkError::Refused(message, None)
            }
            Some(code) if is_forbidden(code) || code == Code::TransactionalIdAuthorizationFailed => {
                let message = format!(
                    "kafka: the broker refuses us ({code}): check user and secrets; the user must read and write the topic {topic} \
                     and write as the transactional id \"smartcity {topic}\""
                );
                SinkError::Refused(message, None)
            }
            _ => self.silent(&error.to_string()),
        }
    }
}

impl StateSink for KafkaMirror {
    fn name(&self) -> &str {
        "kafka sink"
    }

    fn reset(&mut self, snapshot: &Snapshot) -> Result<(), SinkError> {
        self.producer = None;
        let position = snapshot.position();
        let ghosts = self.keys(position.generation)?;
        let producer = self.client()?;
        producer.init_transactions(self.timeout()).map_err(|error| self.failed(&error))?;
        self.producer = Some(producer);
        let mut messages: Messages = ghosts.into_iter().map(|key| (key, None)).collect();
        snapshot.names().scope(|| {
            for (view, table) in snapshot.tables().iter().filter(|(view, _)| self.shows(view)) {
                table.for_each(&mut |key, row| _ = messages.insert(key_of(view, key), Some(row.to_string())));
            }
        });
        self.write_or_end(&messages, position)
    }

    fn apply(&mut self, ticks: &[Arc<Changes>], through: Position) -> Result<(), SinkError> {
        let mut messages = Messages::new();
        for changes in ticks {
            changes.for_each(|view, key, row, diff| {
                if self.shows(view) {
                    messages.insert(key_of(view, key), (diff > 0).then(|| row.to_string()));
                }
            });
        }
        self.write_or_end(&messages, through)
    }
}

/// The key of a message: the same row's is always the same text.
fn key_of(view: &str, key: Value) -> String {
    Value::Array(vec![view.into(), key]).to_string()
}

impl fmt::Debug for KafkaMirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaMirror").field("settings", &self.settings).finish_non_exhaustive()
    }
}
