//! Readings that are already in memory: for tests, and for programs that make their own.

use std::sync::Arc;

use smartcity_dataflow::Time;
use smartcity_dataflow::model::{Id, Namespace, Origin};

use super::{Assignment, Batch, Outlet, Partition, Positions, Source, SourceError};
use crate::decode::{Arrival, Decoder, Message, RecordedClock};

/// A source that hands over what it was given, in the order given, and ends.
///
/// ```
/// use smartcity_io::decode::JsonDecoder;
/// use smartcity_io::source::{Assignment, MemoryMessage, MemorySource, Outlet, Source};
///
/// let fix = r#"{"id": "m-1", "device_id": "bus-7", "timestamp": "2026-11-23T12:00:00Z", "location": [37.77, -122.42]}"#;
/// let mut source = MemorySource::of_messages("test", [MemoryMessage::new("gps_data", fix)], JsonDecoder::default());
/// let (outlet, batches) = Outlet::bounded(1);
/// source.run(&Assignment::all(), &outlet)?;
/// assert_eq!(batches.recv()?.readings[0].arrived, 1_795_435_200_000);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct MemorySource {
    name: String,
    is_recorded: bool,
    partitions: Vec<Partition>,
    batches: Vec<Batch>,
}

/// A message in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryMessage {
    /// The topic it came by.
    pub topic: String,
    /// The number of its partition; 0 where nothing else is said.
    pub partition: u32,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value; `None` for a tombstone.
    pub value: Option<Vec<u8>>,
    /// When it was learnt; `None` for the running maximum of the messages' own times, as in a recording.
    pub arrived: Option<Time>,
}

impl MemoryMessage {
    /// A message without a key.
    pub fn new(topic: &str, value: impl Into<Vec<u8>>) -> Self {
        Self { topic: topic.to_owned(), value: Some(value.into()), ..Self::default() }
    }

    /// A message that withdraws the one of id `key`.
    pub fn tombstone(topic: &str, key: impl Into<Vec<u8>>) -> Self {
        Self { topic: topic.to_owned(), key: Some(key.into()), ..Self::default() }
    }

    /// The same message, in the partition of this number.
    pub fn in_partition(self, partition: u32) -> Self {
        Self { partition, ..self }
    }

    /// The same message, learnt at `time`.
    pub fn at(self, time: Time) -> Self {
        Self { arrived: Some(time), ..self }
    }
}

impl MemorySource {
    /// A recorded source of `messages`, of each partition the first at offset 1. One batch.
    ///
    /// A message learnt earlier than the one before it counts as learnt with it.
    pub fn of_messages(
        name: &str,
        messages: impl IntoIterator<Item = MemoryMessage>,
        mut decoder: impl Decoder,
    ) -> Self {
        let source = Id::new(Namespace::Source, name);
        let mut clock = RecordedClock::default();
        let mut batch = Batch::default();
        for message in messages {
            let offset = batch.positions.of(message.partition).unwrap_or(1);
            batch.positions.advance(message.partition, offset + 1);
            let arrival = match message.arrived {
                Some(time) => {
                    clock = RecordedClock::starting_at(time.max(clock.now()));
                    Arrival::At(clock.now())
                }
                None => Arrival::Recorded(&clock),
            };
            let message = Message {
                topic: &message.topic,
                key: message.key.as_deref(),
                value: message.value.as_deref(),
                origin: Origin { source, partition: message.partition, offset },
                arrival,
            };
            decoder.decode(&message, &mut batch);
        }
        Self::of_batches(name, vec![batch], true)
    }

    /// A source of `batches`; recorded where their rows carry `arrived`. It has the partitions that the rows say; the
    /// positions after a batch are past its rows.
    pub fn of_batches(name: &str, mut batches: Vec<Batch>, is_recorded: bool) -> Self {
        let mut positions = Positions::default();
        for batch in &mut batches {
            let readings = batch.readings.iter().map(|row| row.origin);
            let origins = readings.chain(batch.rejected.iter().map(|row| row.origin));
            origins.for_each(|origin| batch.positions.advance(origin.partition, origin.offset + 1));
            positions.merge(&batch.positions);
        }
        let topic: Arc<str> = name.into();
        let partition = |(index, _)| Partition { index, topic: Arc::clone(&topic), number: index };
        Self { name: name.to_owned(), is_recorded, partitions: positions.iter().map(partition).collect(), batches }
    }
}

impl Source for MemorySource {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_recorded(&self) -> bool {
        self.is_recorded
    }

    fn partitions(&mut self) -> Result<Vec<Partition>, SourceError> {
        Ok(self.partitions.clone())
    }

    fn run(&mut self, assignment: &Assignment, outlet: &Outlet) -> Result<(), SourceError> {
        outlet.found(self.partitions.iter().cloned());
        for mut batch in self.batches.drain(..) {
            assignment.select(&mut batch);
            outlet.send(batch)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::JsonDecoder;
    use crate::source::conforms;

    const NOON: u64 = 1_795_435_200_000;

    #[test]
    fn messages_keep_their_order_and_never_arrive_backwards() {
        let fix = |millis: u64| {
            MemoryMessage::new("gps_data", format!(r#"{{"device_id":"v","timestamp":{millis},"location":[1,1]}}"#))
        };
        let noon = NOON;
        let messages = [
            fix(noon),
            fix(noon - 5_000),
            MemoryMessage::new("gps_data", "broken"),
            fix(noon).at(noon + 9_000),
            fix(noon + 1).at(noon + 3_000),
            fix(noon + 9_500),
        ];
        let mut source = MemorySource::of_messages("test", messages, JsonDecoder::default());
        assert!(source.is_recorded());
        let (outlet, batches) = Outlet::bounded(1);
        source.run(&Assignment::all(), &outlet).unwrap();
        let batch = batches.recv().unwrap();
        let rows: Vec<_> = batch.readings.iter().map(|row| (row.origin.offset, row.arrived - noon)).collect();
        assert_eq!(rows, [(1, 0), (2, 0), (4, 9_000), (5, 9_000), (6, 9_500)]);
        assert_eq!((batch.rejected[0].origin.offset, batch.rejected[0].arrived), (3, noon));
    }

    #[test]
    fn it_is_a_source_as_sources_are() {
        let fix = |second: u64| {
            let value = format!(r#"{{"device_id":"v","timestamp":{},"location":[1,1]}}"#, NOON + second * 1_000);
            MemoryMessage::new("gps_data", if second % 7 == 3 { "broken".to_owned() } else { value })
        };
        let messages: Vec<_> = (0..60).map(|second| fix(second).in_partition((second * second % 3) as u32)).collect();
        conforms(60, || MemorySource::of_messages("test", messages.clone(), JsonDecoder::default()));
        let batches: Vec<_> = (0..12)
            .map(|number| {
                let source = MemorySource::of_messages("test", messages.clone(), JsonDecoder::default());
                let mut batch = source.batches.into_iter().next().unwrap();
                let mine = |offset: u64| (offset - 1) / 4 == number;
                batch.readings.retain(|row| mine(row.origin.offset));
                batch.rejected.retain(|row| mine(row.origin.offset));
                Batch { positions: Positions::default(), ..batch }
            })
            .collect();
        let rows = batches.iter().map(Batch::len).sum();
        conforms(rows, || MemorySource::of_batches("test", batches.clone(), false));
    }

    #[test]
    fn an_engine_that_has_stopped_closes_the_source() {
        let (outlet, batches) = Outlet::bounded(1);
        drop(batches);
        let mut source = MemorySource::of_batches("test", vec![Batch::default()], false);
        assert!(matches!(outlet.check(), Err(SourceError::Closed)));
        assert!(matches!(source.run(&Assignment::all(), &outlet), Err(SourceError::Closed)));
    }
}
