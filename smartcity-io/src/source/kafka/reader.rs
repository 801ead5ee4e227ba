//! The loop that reads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message as _};
use rdkafka::statistics::Statistics;
use rdkafka::{Offset, TopicPartitionList};
use rustc_hash::FxHashMap;
use smartcity_dataflow::Time;
use smartcity_dataflow::model::{Id, Namespace, Origin};

use super::Kafka;
use super::client::{self, ANSWER, Consumer};
use super::settings::{OnGap, Start};
use crate::decode::{Arrival, Decoder, Message};
use crate::source::{Assignment, Batch, Outlet, Partition, Positions, SourceError, wall_clock};

const BATCH_ROWS: usize = 4_096;

/// How long a poll waits where nothing has come.
const PATIENCE: Duration = Duration::from_millis(20);

/// An engine that is behind for longer than this has the partitions paused, and the client is polled on.
const LONGEST_HOLD: Duration = Duration::from_secs(1);

/// How often a batch is offered to an engine that is behind.
const OFFER: Duration = Duration::from_millis(2);

/// A partition that is read here.
struct Owned {
    partition: Partition,
    /// The offset that is read next.
    position: u64,
}

/// A run of the source.
pub(super) struct Reader<'a, D> {
    kafka: &'a mut Kafka<D>,
    consumer: &'a Consumer,
    assignment: &'a Assignment,
    outlet: &'a Outlet,
    source: Id,
    owned: FxHashMap<Arc<str>, BTreeMap<i32, Owned>>,
    batch: Batch,
    discovered: Instant,
    committed: Positions,
}

impl<'a, D: Decoder> Reader<'a, D> {
    pub(super) fn new(
        kafka: &'a mut Kafka<D>,
        consumer: &'a Consumer,
        assignment: &'a Assignment,
        outlet: &'a Outlet,
    ) -> Self {
        Self {
            source: Id::new(Namespace::Source, &kafka.name),
            kafka,
            consumer,
            assignment,
            outlet,
            owned: FxHashMap::default(),
            batch: Batch::default(),
            discovered: Instant::now(),
            committed: Positions::default(),
        }
    }

    /// What is found from now on was added later.
    pub(super) fn has_started(&mut self) {
        self.kafka.has_started = true;
    }

    /// Reads until the engine stops or something fails.
    pub(super) fn read(&mut self) -> Result<(), SourceError> {
        let discover = Duration::from_millis(self.kafka.settings.discover_ms.max(100));
        loop {
            self.fill(PATIENCE)?;
            self.hand_over()?;
            self.observe();
            if self.discovered.elapsed() >= discover {
                match self.discover(false) {
                    Err(SourceError::Retry(failure)) => self.outlet.waits(Some(failure.to_string())),
                    outcome => outcome?,
                }
            }
        }
    }

    /// Polls messages into the batch; waits for the first.
    fn fill(&mut self, mut patience: Duration) -> Result<(), SourceError> {
        let now = wall_clock();
        while self.batch.len() < BATCH_ROWS {
            match self.consumer.poll(patience) {
                Some(Ok(message)) => self.take(&message, now),
                Some(Err(error)) => self.meet(&error)?,
                None => break,
            }
            patience = Duration::ZERO;
        }
        Ok(())
    }

    /// Decodes a message into the batch.
    fn take(&mut self, message: &BorrowedMessage<'_>, now: Time) {
        let of_topic = self.owned.get_mut(message.topic());
        let Some(owned) = of_topic.and_then(|numbers| numbers.get_mut(&message.partition())) else { return };
        let offset = message.offset().unsigned_abs();
        if offset < owned.position {
            return; // read before: the client fetches again what it held when it was paused or assigned
        }
        owned.position = offset + 1;
        let partition = &owned.partition;
        self.batch.positions.advance(partition.index, offset + 1);
        let rejected = self.batch.rejected.len();
        let key = message.key();
        let message = Message {
            topic: message.topic(),
            key,
            value: message.payload().filter(|_| key.is_none() || !is_withdrawn(message)),
            origin: Origin { source: self.source, partition: partition.index, offset },
            arrival: Arrival::Live { now },
        };
        self.kafka.decoder.decode(&message, &mut self.batch);
        for rejected in &mut self.batch.rejected[rejected..] {
            rejected.detail = format!("{partition} at {offset}: {}", rejected.detail).into();
        }
    }

    /// An error is an event: the client goes on by itself where it can.
    fn meet(&mut self, error: &KafkaError) -> Result<(), SourceError> {
        let name = &self.kafka.name;
        let cause = || Box::from(error.clone());
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => self.close_gaps(),
            Some(code) if client::is_forbidden(code) => {
                let message = "the broker refuses us: check security.protocol, the user, its rights and the secrets";
                Err(SourceError::refused(name, message, cause()))
            }
            Some(
                RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition,
            ) => {
                let message = "a topic is gone; its partitions are looked for until they are back";
                Err(SourceError::retry(name, message, cause()))
            }
            Some(RDKafkaErrorCode::Fatal) => {
                Err(SourceError::retry(name, "the client failed; a new one is made", cause()))
            }
            _ => {
                tracing::debug!(source = name, %error, "kafka client"); // whether it is an outage the statistics say
                Ok(())
            }
        }
    }

    /// Hands over the batch; polls on while the engine is behind.
    fn hand_over(&mut self) -> Result<(), SourceError> {
        if self.batch.is_empty() {
            return self.outlet.check();
        }
        let began = Instant::now();
        let mut is_paused = false;
        while let Some(batch) = self.outlet.try_send(std::mem::take(&mut self.batch))? {
            self.batch = batch;
            if is_paused {
                self.serve()?;
            } else if began.elapsed() > LONGEST_HOLD {
                self.consumer.pause(&self.assigned()).map_err(|error| self.failed(error))?;
                is_paused = true;
            } else {
                thread::sleep(OFFER);
            }
        }
        if is_paused {
            self.consumer.resume(&self.assigned()).map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    /// Polls once for what is no message; one that was on its way is taken all the same.
    fn serve(&mut self) -> Result<(), SourceError> {
        match self.consumer.poll(PATIENCE) {
            Some(Ok(message)) => self.take(&message, wall_clock()),
            Some(Err(error)) => self.meet(&error)?,
            None => self.observe(),
        }
        Ok(())
    }

    /// Takes in what the client tells of itself every second.
    fn observe(&mut self) {
        let durable = self.outlet.durable();
        if durable != self.committed {
            // For monitors; where it fails the next one is later.
            let mut offsets = TopicPartitionList::new();
            for owned in self.owned.values().flat_map(BTreeMap::values) {
                if let Some(next) = durable.of(owned.partition.index) {
                    let Partition { topic, number, .. } = &owned.partition;
                    let _ = offsets.add_partition_offset(topic, *number as i32, Offset::Offset(next as i64));
                }
            }
            let _ = self.consumer.commit(&offsets, CommitMode::Async);
            self.committed = durable;
        }
        let Some(statistics) = self.consumer.context().take_statistics() else { return };
        if self.owned.is_empty() {
            return;
        }
        let is_up = statistics.brokers.values().any(|broker| broker.nodeid >= 0 && broker.state == "UP");
        let brokers = &self.kafka.settings.brokers;
        self.outlet.waits((!is_up).then(|| format!("no broker of {brokers} is up; the source goes on when one is")));
        self.watermarks(&statistics);
    }

    /// Shows what the partitions hold, and moves positions to the ends that were reached.
    fn watermarks(&mut self, statistics: &Statistics) {
        for (topic, numbers) in &mut self.owned {
            let Some(topic) = statistics.topics.get(&**topic) else { continue };
            for (number, owned) in numbers {
                let Some(of) = topic.partitions.get(number) else { continue };
                let index = owned.partition.index;
                if let (Ok(low), Ok(high)) = (u64::try_from(of.lo_offset), u64::try_from(of.hi_offset)) {
                    self.outlet.holds(index, low, high);
                }
                // The end was reached before the queue was empty, and what came out of the queue was taken: so whatever
                // lies between the last message and the end has none.
                let end = u64::try_from(of.eof_offset).unwrap_or(0);
                if of.fetchq_cnt == 0 && end > owned.position {
                    owned.position = end;
                    self.batch.positions.advance(index, end);
                }
            }
        }
    }

    /// Looks for topics and partitions, and begins to read those that are its own. What is found at the `first` time begins
    /// as the settings say.
    pub(super) fn discover(&mut self, is_first: bool) -> Result<(), SourceError> {
        self.discovered = Instant::now();
        let (mut found, mut new) = (Vec::new(), Vec::new());
        for topic in self.kafka.slots.topics() {
            let numbers = client::numbers(self.consumer, topic).map_err(|error| self.unanswered(error))?;
            for number in numbers {
                let slots = &self.kafka.slots;
                let Some(partition) = slots.partition(topic, number as u32) else { continue };
                let is_mine = slots.first_index(topic, number as u32).is_some_and(|first| self.assignment.takes(first));
                let is_read = self.owned.get(topic).is_some_and(|numbers| numbers.contains_key(&number));
                found.push(partition.clone());
                if is_mine && !is_read {
                    new.push(partition);
                }
            }
        }
        let there_is_none = found.is_empty();
        self.outlet.found(found);
        if there_is_none {
            let topics = self.kafka.slots.topics().join(", ");
            self.outlet.waits(Some(format!("none of the topics {topics} exists; the source goes on when one does")));
        } else if self.owned.is_empty() {
            self.outlet.waits(None);
        }
        for partition in new {
            self.open(partition, is_first)?;
        }
        Ok(())
    }

    /// Begins to read a partition.
    fn open(&mut self, partition: Partition, is_first: bool) -> Result<(), SourceError> {
        let (low, high) = self.ends(&partition)?;
        let start = match self.assignment.position(partition.index) {
            Some(position) => return self.go_on(partition, position, (low, high)),
            None if is_first => self.kafka.settings.start,
            None => Start::Earliest,
        };
        let position = match start {
            Start::Earliest => low,
            Start::Latest => high,
            Start::Time(time) => self.offset_at(&partition, time.as_millisecond())?.unwrap_or(high),
        };
        self.assign(partition, position)
    }

    /// Reads a partition from `position`, or from behind what is missing there.
    fn go_on(&mut self, partition: Partition, position: u64, (low, high): (u64, u64)) -> Result<(), SourceError> {
        if (low..=high).contains(&position) {
            return self.assign(partition, position);
        }
        let message = if position < low {
            format!("{partition}: the offsets from {position} to {} were gone before they were read", low - 1)
        } else {
            format!("{partition} ends at {high}, before position {position}: it was made anew, or has lost its end")
        };
        if self.kafka.settings.on_gap == OnGap::Stop {
            let advice = "set on_gap = \"go_on\" to read on with what is there";
            return Err(SourceError::lost(&self.kafka.name, format!("{message}; {advice}"), None));
        }
        tracing::warn!(source = self.kafka.name, message, "messages are missing");
        let renewed = if position < low { partition } else { self.kafka.slots.renew(&partition) };
        self.outlet.found([renewed.clone()]);
        self.outlet.misses(renewed.index, low.saturating_sub(position));
        self.assign(renewed, low)
    }

    /// Finds the partitions whose messages at their positions are gone, and goes on as the settings say.
    fn close_gaps(&mut self) -> Result<(), SourceError> {
        let owned = self.owned.values().flat_map(BTreeMap::values);
        let positions: Vec<_> = owned.map(|owned| (owned.partition.clone(), owned.position)).collect();
        let mut is_whole = true;
        for (partition, position) in positions {
            let ends = self.ends(&partition)?;
            if !(ends.0..=ends.1).contains(&position) {
                is_whole = false;
                self.go_on(partition, position, ends)?;
            }
        }
        if is_whole {
            let message = "the client lost its place, and every position is there; it begins anew from them";
            return Err(SourceError::retry(&self.kafka.name, message, None));
        }
        Ok(())
    }

    fn assign(&mut self, partition: Partition, position: u64) -> Result<(), SourceError> {
        let number = partition.number as i32;
        let mut one = TopicPartitionList::new();
        one.add_partition_offset(&partition.topic, number, Offset::Offset(position as i64))
            .map_err(|error| self.failed(error))?;
        let numbers = self.owned.entry(Arc::clone(&partition.topic)).or_default();
        let assigned = match numbers.insert(number, Owned { partition: partition.clone(), position }) {
            None => Ok(()),
            Some(_) => self.consumer.incremental_unassign(&one),
        };
        assigned.and_then(|()| self.consumer.incremental_assign(&one)).map_err(|error| self.failed(error))?;
        self.batch.positions.advance(partition.index, position);
        Ok(())
    }

    /// The first offset of a partition, and the one after its last.
    fn ends(&self, partition: &Partition) -> Result<(u64, u64), SourceError> {
        let ends = self.consumer.fetch_watermarks(&partition.topic, partition.number as i32, ANSWER);
        let (low, high) = ends.map_err(|error| self.unanswered(error))?;
        self.outlet.holds(partition.index, low.unsigned_abs(), high.unsigned_abs());
        Ok((low.unsigned_abs(), high.unsigned_abs()))
    }

    /// The offset of the first message that was written at `millis` or later, where there is one.
    fn offset_at(&self, partition: &Partition, millis: i64) -> Result<Option<u64>, SourceError> {
        let mut times = TopicPartitionList::new();
        times
            .add_partition_offset(&partition.topic, partition.number as i32, Offset::Offset(millis))
            .map_err(|error| self.failed(error))?;
        let found = self.consumer.offsets_for_times(times, ANSWER).map_err(|error| self.unanswered(error))?;
        match found.elements().first().map(|element| (element.offset(), element.error())) {
            Some((_, Err(error))) => Err(self.unanswered(error)),
            Some((Offset::Offset(offset), Ok(()))) => Ok(Some(offset.unsigned_abs())),
            _ => Ok(None), // past the end
        }
    }

    fn assigned(&self) -> TopicPartitionList {
        let mut all = TopicPartitionList::new();
        for owned in self.owned.values().flat_map(BTreeMap::values) {
            all.add_partition(&owned.partition.topic, owned.partition.number as i32);
        }
        all
    }

    fn unanswered(&self, error: KafkaError) -> SourceError {
        let (name, brokers) = (&self.kafka.name, &self.kafka.settings.brokers);
        if self.owned.is_empty() {
            client::unanswered(name, brokers, self.consumer, error)
        } else {
            client::no_answer(name, brokers, error.rdkafka_error_code(), error) // a poll would take messages
        }
    }

    fn failed(&self, error: KafkaError) -> SourceError {
        SourceError::retry(&self.kafka.name, "the client failed; a new one is made", Box::from(error))
    }
}

/// Whether a header says that the message of this key is withdrawn.
fn is_withdrawn(message: &BorrowedMessage<'_>) -> bool {
    let Some(headers) = message.headers() else { return false };
    headers.iter().any(|header| header.key == "withdrawn" && header.value != Some(b"false"))
}
