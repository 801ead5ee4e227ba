//! Messages into Kafka: from a simulation, or from recorded files.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};
use smartcity_dataflow::Time;
use smartcity_dataflow::model::City;

use super::KafkaSettings;
use super::client::refused;
use crate::decode::{Decoder, TopicMap};
use crate::source::simulator::Messages;
use crate::source::{Replay, SimulatorClock, SimulatorSettings, SourceError, wall_clock};

const NAME: &str = "produce";

/// How often a live simulation speaks.
const STEP: Duration = Duration::from_millis(50);

/// How long the last messages may take to be acknowledged.
const LAST: Duration = Duration::from_secs(30);

/// Sends messages to topics; each is acknowledged by the broker, in order, once.
pub struct Producer {
    client: BaseProducer<Deliveries>,
    deliveries: Deliveries,
}

/// What became of the messages.
#[derive(Clone, Debug, Default)]
struct Deliveries(Arc<Outcome>);

#[derive(Debug, Default)]
struct Outcome {
    delivered: AtomicU64,
    failure: Mutex<Option<KafkaError>>,
}

impl ClientContext for Deliveries {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, message, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client");
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => _ = self.0.delivered.fetch_add(1, Ordering::Relaxed),
            Err((error, _)) => {
                let mut failure = self.0.failure.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                failure.get_or_insert_with(|| error.clone());
            }
        }
    }
}

impl Producer {
    /// A producer as the settings say.
    ///
    /// # Errors
    ///
    /// [`SourceError::Refused`] where a setting makes no sense.
    pub fn new(settings: &KafkaSettings) -> Result<Self, SourceError> {
        if let Some(message) = settings.fault() {
            return Err(SourceError::refused(NAME, message, None));
        }
        let deliveries = Deliveries::default();
        let mut config = settings.client();
        config.set("enable.idempotence", "true").set("linger.ms", "5").set("compression.type", "lz4");
        let client = config.create_with_context(deliveries.clone()).map_err(|error| refused(NAME, &error))?;
        Ok(Self { client, deliveries })
    }

    /// Messages that the broker has acknowledged.
    pub fn delivered(&self) -> u64 {
        self.deliveries.0.delivered.load(Ordering::Relaxed)
    }

    /// Hands a message to the client; waits while its queue is full. No value makes a tombstone.
    ///
    /// # Errors
    ///
    /// [`SourceError::Lost`] where a message was not delivered, be it one before.
    pub fn send(&self, topic: &str, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<(), SourceError> {
        let mut record = BaseRecord::<[u8], [u8]>::to(topic);
        record.key = key;
        record.payload = value;
        loop {
            match self.client.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), unsent)) => {
                    record = unsent;
                    self.client.poll(Duration::from_millis(20));
                    self.check()?;
                }
                Err((error, _)) => return Err(lost(error)),
            }
        }
        self.client.poll(Duration::ZERO);
        self.check()
    }

    /// Waits until all is acknowledged; gives the number of messages.
    ///
    /// # Errors
    ///
    /// [`SourceError::Lost`] where one was not.
    pub fn finish(self) -> Result<u64, SourceError> {
        self.client.flush(LAST).map_err(lost)?;
        self.check()?;
        Ok(self.delivered())
    }

    fn check(&self) -> Result<(), SourceError> {
        let failure = self.deliveries.0.failure.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        failure.map_or(Ok(()), |error| Err(lost(error)))
    }
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer").field("delivered", &self.delivered()).finish_non_exhaustive()
    }
}

fn lost(error: KafkaError) -> SourceError {
    let message =
        "a message was not delivered: check that the broker is up, that the topic exists, and your rights to it";
    SourceError::lost(NAME, message, Box::from(error))
}

/// Sends what the devices of a simulated city say, to the first topic of each kind; a live simulation goes on until `stop`.
/// Gives the number of messages.
///
/// # Errors
///
/// [`SourceError::Refused`] where a setting makes no sense, [`SourceError::Lost`] where a message was not delivered.
pub fn produce_simulation(
    kafka: &KafkaSettings,
    city: &City,
    settings: SimulatorSettings,
    topics: &TopicMap,
    stop: &AtomicBool,
) -> Result<u64, SourceError> {
    let producer = Producer::new(kafka)?;
    let (start, end) = match settings.clock {
        SimulatorClock::Live => (wall_clock(), None),
        SimulatorClock::Recorded { start, duration } => (start, Some(start.saturating_add(duration))),
    };
    let mut messages = Messages::new("simulator", city, settings, topics, start)?;
    if end.is_none() {
        messages.start_at(start);
    }
    let mut now: Time = start;
    while !stop.load(Ordering::Relaxed) {
        let (sent, has_more) = messages.advance(end.unwrap_or(now));
        for (_, message) in sent {
            producer.send(&message.topic, Some(message.key.as_bytes()), Some(message.value.as_bytes()))?;
        }
        if end.is_some() && !has_more {
            break;
        }
        if end.is_none() {
            if !has_more {
                thread::sleep(STEP);
            }
            now = now.max(wall_clock());
            messages.keep_up(now);
        }
    }
    producer.finish()
}

/// Sends the messages of a recording as they are, in the order of their times and at the speed that is set, once over; ends
/// early on `stop`. Gives the number of messages.
///
/// # Errors
///
/// [`SourceError::Lost`] where a file cannot be read or a message was not delivered.
pub fn produce_recording<D: Decoder + Clone>(
    kafka: &KafkaSettings,
    recording: &Replay<D>,
    stop: &AtomicBool,
) -> Result<u64, SourceError> {
    let producer = Producer::new(kafka)?;
    let check = || if stop.load(Ordering::Relaxed) { Err(SourceError::Closed) } else { Ok(()) };
    let sent = recording.each_message(
        |topic, key, value| {
            check()?;
            producer.send(topic, key, value)
        },
        check,
    );
    match sent {
        Ok(()) | Err(SourceError::Closed) => producer.finish(),
        Err(error) => Err(error),
    }
}
