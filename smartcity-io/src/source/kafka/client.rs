//! The broker's client, and what it tells of itself.

use std::sync::Mutex;
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use rdkafka::{ClientConfig, ClientContext};

use crate::source::SourceError;

/// A consumer that keeps its newest statistics.
pub(crate) type Consumer = BaseConsumer<Context>;

/// How long a question to the broker may take.
pub(crate) const ANSWER: Duration = Duration::from_secs(2);

/// Takes what the client says unasked.
#[derive(Debug, Default)]
pub(crate) struct Context {
    statistics: Mutex<Option<Statistics>>,
}

impl Context {
    /// The statistics that came since the last call.
    pub(crate) fn take_statistics(&self) -> Option<Statistics> {
        self.statistics.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take()
    }
}

impl ClientContext for Context {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        // What somebody must act on is in the source's status; the client repeats itself while a broker is away.
        tracing::debug!(facility, message, "librdkafka");
    }

    fn stats(&self, statistics: Statistics) {
        *self.statistics.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client");
    }
}

impl ConsumerContext for Context {}

/// A consumer as configured; refused where a property is unknown or has no such value.
pub(crate) fn consumer(source: &str, config: &ClientConfig) -> Result<Consumer, SourceError> {
    config.create_with_context(Context::default()).map_err(|error| refused(source, &error))
}

/// The property that a client was refused for, without its value: that may be a password.
pub(crate) fn refused(source: &str, error: &KafkaError) -> SourceError {
    let message = match error {
        KafkaError::ClientConfig(_, _, property, _) => {
            let hint = "check its name and value; TLS and SASL/SCRAM need the feature kafka-ssl";
            format!("the property {property} is not one of librdkafka, or cannot have this value: {hint}")
        }
        error => format!("no client could be made: {error}; check brokers, client and secrets"),
    };
    SourceError::refused(source, message, None)
}

/// Whether a question was not answered because we may not ask it.
pub(crate) fn is_forbidden(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
    )
}

/// Why a broker gave no answer to a consumer without partitions: it may be away, or refuse us, which comes as an event.
pub(crate) fn unanswered(source: &str, brokers: &str, consumer: &Consumer, error: KafkaError) -> SourceError {
    let events = std::iter::from_fn(|| consumer.poll(Duration::ZERO)).take(64);
    let mut codes = events.filter_map(|event| event.err()?.rdkafka_error_code());
    match codes.find(|code| is_forbidden(*code)) {
        Some(code) => no_answer(source, brokers, Some(code), error),
        None => no_answer(source, brokers, error.rdkafka_error_code(), error),
    }
}

/// What a question that was not answered, for the reason `code`, means.
pub(crate) fn no_answer(source: &str, brokers: &str, code: Option<RDKafkaErrorCode>, error: KafkaError) -> SourceError {
    match code.filter(|code| is_forbidden(*code)) {
        Some(code) => {
            let message = format!("the broker refuses us ({code}): check security.protocol, the user and the secrets");
            SourceError::refused(source, message, Box::from(error))
        }
        None => {
            let message = format!("no broker of {brokers} answers; the source goes on where it was when one does");
            SourceError::retry(source, message, Box::from(error))
        }
    }
}

/// Numbers of the partitions of a topic; none where there is no such topic.
pub(crate) fn numbers(consumer: &Consumer, topic: &str) -> Result<Vec<i32>, KafkaError> {
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER)?;
    let Some(topic) = metadata.topics().iter().find(|of| of.name() == topic) else { return Ok(Vec::new()) };
    match topic.error().map(RDKafkaErrorCode::from) {
        None => Ok(topic.partitions().iter().map(|partition| partition.id()).collect()),
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => Ok(Vec::new()),
        Some(code) => Err(KafkaError::MetadataFetch(code)),
    }
}
