//! Kafka as a source.
//!
//! ```text
//!             ┌─ every discover_ms: topics, partitions ──▶ those of this process, each from its position
//!  broker ──▶ poll ──▶ decode ──▶ Batch, positions ──▶ try_send ──▶ engine
//!             └─ every second: statistics ──▶ watermarks, positions past holes, is any broker up
//! ```
//!
//! Partitions are assigned and never subscribed to: a start goes by the engine's positions, else by [`Start`]. What the engine
//! has made durable is committed to the broker for monitors only. Messages are decoded on the source's own thread.
//!
//! *Memory.* The client holds [`buffer_kb`](KafkaSettings::buffer_kb) and a fetch more, whatever the broker holds; the engine
//! holds a bounded number of batches. While the engine is behind for longer than a moment the partitions are paused, and the
//! client is polled on.
//!
//! *Holes.* Offsets of aborted and finished transactions and of compacted messages have no message. A position is past them when
//! the client has come to the end of the partition.
//!
//! *Outages.* While no broker is up the source waits and its status says so; it goes on where it was. A position whose messages
//! are gone, or a topic that was made anew, is never passed over silently: see [`OnGap`].
//!
//! *Tombstones* withdraw the message whose id is their key, and so does a message with the header `withdrawn: true` and a key.
//! What cannot be decoded is rejected, with its topic, partition and offset.

pub(crate) mod client;
mod produce;
mod reader;
mod settings;
mod slots;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt;

pub use self::produce::{Producer, produce_recording, produce_simulation};
use self::reader::Reader;
pub use self::settings::{KafkaSettings, OnGap, Start};
use self::slots::Slots;
use super::{Assignment, Outlet, Partition, Source, SourceError};
use crate::decode::{Decoder, JsonDecoder, TopicMap};

/// A source that reads topics of a Kafka cluster.
pub struct Kafka<D = JsonDecoder> {
    name: String,
    settings: KafkaSettings,
    slots: Slots,
    decoder: D,
    /// Whether it has found partitions before: those that it finds now are new.
    has_started: bool,
}

impl<D: Decoder> Kafka<D> {
    /// A source of every topic in `topics`.
    ///
    /// # Errors
    ///
    /// [`SourceError::Refused`] where a setting makes no sense. Whether a broker is there shows when it runs.
    pub fn new(name: &str, settings: KafkaSettings, topics: &TopicMap, decoder: D) -> Result<Self, SourceError> {
        let fault = |message: String| SourceError::refused(name, message, None);
        if let Some(message) = settings.fault() {
            return Err(fault(message));
        }
        let slots = Slots::new(topics.topics().map(|(topic, _)| topic))
            .ok_or_else(|| fault("more than 61 topics are named: make a second source of the others".to_owned()))?;
        client::consumer(name, &settings.consumer())?; // so that a wrong property is said at once
        Ok(Self { name: name.to_owned(), settings, slots, decoder, has_started: false })
    }
}

impl<D: Decoder> Source for Kafka<D> {
    fn name(&self) -> &str {
        &self.name
    }

    fn partitions(&mut self) -> Result<Vec<Partition>, SourceError> {
        let consumer = client::consumer(&self.name, &self.settings.consumer())?;
        let mut partitions = Vec::new();
        for topic in self.slots.topics() {
            let numbers = client::numbers(&consumer, topic)
                .map_err(|error| client::unanswered(&self.name, &self.settings.brokers, &consumer, error))?;
            partitions.extend(numbers.into_iter().filter_map(|number| self.slots.partition(topic, number as u32)));
        }
        partitions.sort();
        Ok(partitions)
    }

    fn grows(&self) -> bool {
        true
    }

    fn run(&mut self, assignment: &Assignment, outlet: &Outlet) -> Result<(), SourceError> {
        if !self.slots.remember(assignment.known()) {
            let message = "the topics of the settings and those whose positions were kept are more than 61 together: \
                           make a second source of the new ones";
            return Err(SourceError::refused(&self.name, message, None));
        }
        let is_first = !self.has_started && assignment.known().is_empty();
        let consumer = client::consumer(&self.name, &self.settings.consumer())?;
        let mut reader = Reader::new(self, &consumer, assignment, outlet);
        reader.discover(is_first)?;
        reader.has_started();
        reader.read()
    }
}

impl<D> fmt::Debug for Kafka<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kafka").field("name", &self.name).field("settings", &self.settings).finish_non_exhaustive()
    }
}
