//! Readings that are already in memory: for tests, and for programs that make their own.

use smartcity_dataflow::Time;
use smartcity_dataflow::model::{Id, Namespace, Origin};

use super::{Batch, Outlet, Source, SourceError};
use crate::decode::{Arrival, Decoder, Message, RecordedClock};

/// A source that hands over what it was given, in the order given, and ends.
///
/// ```
/// use smartcity_io::decode::JsonDecoder;
/// use smartcity_io::source::{MemoryMessage, MemorySource, Outlet, Source};
///
/// let fix = r#"{"id": "m-1", "device_id": "bus-7", "timestamp": "2026-11-23T12:00:00Z", "location": [37.77, -122.42]}"#;
/// let source = MemorySource::of_messages("test", [MemoryMessage::new("gps_data", fix)], JsonDecoder::default());
/// let (outlet, batches) = Outlet::bounded(1);
/// Box::new(source).run(outlet)?;
/// assert_eq!(batches.recv()?.readings[0].arrived, 1_795_435_200_000);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct MemorySource {
    name: String,
    is_recorded: bool,
    batches: Vec<Batch>,
}

/// A message in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryMessage {
    /// The topic it came by.
    pub topic: String,
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

    /// The same message, learnt at `time`.
    pub fn at(self, time: Time) -> Self {
        Self { arrived: Some(time), ..self }
    }
}

impl MemorySource {
    /// A recorded source of `messages`: partition 0, the first message at offset 1. One batch.
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
        for (offset, message) in (1..).zip(messages) {
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
                origin: Origin { source, partition: 0, offset },
                arrival,
            };
            decoder.decode(&message, &mut batch);
        }
        Self { name: name.to_owned(), is_recorded: true, batches: vec![batch] }
    }

    /// A source of `batches`; recorded where their rows carry `arrived`.
    pub fn of_batches(name: &str, batches: Vec<Batch>, is_recorded: bool) -> Self {
        Self { name: name.to_owned(), is_recorded, batches }
    }
}

impl Source for MemorySource {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_recorded(&self) -> bool {
        self.is_recorded
    }

    fn run(self: Box<Self>, outlet: Outlet) -> Result<(), SourceError> {
        self.batches.into_iter().try_for_each(|batch| outlet.send(batch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::JsonDecoder;

    #[test]
    fn messages_keep_their_order_and_never_arrive_backwards() {
        let fix = |millis: u64| {
            MemoryMessage::new("gps_data", format!(r#"{{"device_id":"v","timestamp":{millis},"location":[1,1]}}"#))
        };
        let noon = 1_795_435_200_000;
        let messages = [
            fix(noon),
            fix(noon - 5_000),
            MemoryMessage::new("gps_data", "broken"),
            fix(noon).at(noon + 9_000),
            fix(noon + 1).at(noon + 3_000),
            fix(noon + 9_500),
        ];
        let source = MemorySource::of_messages("test", messages, JsonDecoder::default());
        assert!(source.is_recorded());
        let (outlet, batches) = Outlet::bounded(1);
        Box::new(source).run(outlet).unwrap();
        let batch = batches.recv().unwrap();
        let rows: Vec<_> = batch.readings.iter().map(|row| (row.origin.offset, row.arrived - noon)).collect();
        assert_eq!(rows, [(1, 0), (2, 0), (4, 9_000), (5, 9_000), (6, 9_500)]);
        assert_eq!((batch.rejected[0].origin.offset, batch.rejected[0].arrived), (3, noon));
    }

    #[test]
    fn an_engine_that_has_stopped_closes_the_source() {
        let (outlet, batches) = Outlet::bounded(1);
        drop(batches);
        let source = MemorySource::of_batches("test", vec![Batch::default()], false);
        assert!(matches!(outlet.check(), Err(SourceError::Closed)));
        assert!(matches!(Box::new(source).run(outlet), Err(SourceError::Closed)));
    }
}
