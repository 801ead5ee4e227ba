//! One file of a replay, read one row ahead.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use smartcity_dataflow::Time;
use smartcity_dataflow::model::{Id, Origin, Reason, Rejected};

use super::files::{FileError, RecordedFile};
use crate::decode::{Arrival, Decoder, Message, RecordedClock, beginning};
use crate::source::Batch;
use crate::source::lines::Lines;

/// A file, and the rows that its next line became.
pub(super) struct Track<'a, D> {
    file: &'a RecordedFile,
    source: Id,
    partition: u32,
    lines: Lines,
    line: Vec<u8>,
    decoder: D,
    clock: RecordedClock,
    head: Batch,
    time: Time,
}

/// `[topic, key, value]`. The value is a text, as a broker has it, or the JSON itself.
#[derive(Deserialize)]
struct Triple<'a>(String, Option<String>, #[serde(borrow)] Option<&'a RawValue>);

/// Topic, key and value.
type Parts<'a> = (String, Option<String>, Option<Cow<'a, str>>);

impl<'a> Triple<'a> {
    fn parse(line: &'a [u8]) -> Result<Parts<'a>, serde_json::Error> {
        let Self(topic, key, value) = serde_json::from_slice(line)?;
        let text = |value: &'a RawValue| match value.get() {
            text if text.starts_with('"') => serde_json::from_str(text).map(Cow::Owned),
            json => Ok(Cow::Borrowed(json)),
        };
        Ok((topic, key, value.map(text).transpose()?))
    }
}

impl<'a, D: Decoder> Track<'a, D> {
    /// Opens a file whose clock starts at `start`; `count` hears of the bytes that are read.
    pub(super) fn open(
        file: &'a RecordedFile,
        source: Id,
        partition: u32,
        start: Time,
        decoder: D,
        count: impl FnMut(u64) + Send + 'static,
    ) -> Result<Self, FileError> {
        Ok(Self {
            file,
            source,
            partition,
            lines: Lines::open(&file.path, count).map_err(|cause| FileError::reading(&file.path, 0, cause))?,
            line: Vec::new(),
            decoder,
            clock: RecordedClock::starting_at(start),
            head: Batch::default(),
            time: start,
        })
    }

    /// The first time that a file knows; `None` where no row has one before the file ends or cannot be read.
    pub(super) fn first_time(file: &'a RecordedFile, source: Id, decoder: D) -> Option<Time> {
        let mut track = Self::open(file, source, 0, 0, decoder, |_| ()).ok()?;
        while track.advance().ok()? {
            if track.time > 0 {
                return Some(track.time);
            }
        }
        None
    }

    /// When the rows at the head were learnt.
    pub(super) fn time(&self) -> Time {
        self.time
    }

    /// Lines read so far.
    pub(super) fn lines(&self) -> u64 {
        self.lines.number()
    }

    /// The rows of the line read last, to be taken.
    pub(super) fn head(&mut self) -> &mut Batch {
        &mut self.head
    }

    /// Decodes the next line that makes a row; `false` at the end of the file.
    pub(super) fn advance(&mut self) -> Result<bool, FileError> {
        self.head.readings.clear();
        self.head.rejected.clear();
        self.head.names.clear();
        while self.head.is_empty() {
            let line = self.lines.next(&mut self.line);
            if !line.map_err(|cause| FileError::reading(&self.file.path, self.lines.number(), cause))? {
                return Ok(false);
            }
            self.decode();
        }
        self.settle();
        Ok(true)
    }

    /// Shows the line read last as a message: topic, key and value. A line that is no message is the value that it is.
    #[cfg(feature = "kafka")]
    pub(super) fn message<T>(&self, show: impl FnOnce(&str, Option<&[u8]>, Option<&[u8]>) -> T) -> T {
        let is_list = self.line.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
        match Triple::parse(&self.line) {
            Ok((topic, key, value)) if is_list => {
                show(&topic, key.as_deref().map(str::as_bytes), value.as_deref().map(str::as_bytes))
            }
            _ => show(&self.file.topic, None, Some(&self.line)),
        }
    }

    fn decode(&mut self) {
        let origin = Origin { source: self.source, partition: self.partition, offset: self.lines.number() };
        let arrival = Arrival::Recorded(&self.clock);
        match self.line.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => (), // a blank line is no message
            Some(b'[') => match Triple::parse(&self.line) {
                Ok((topic, key, value)) => {
                    let (key, value) = (key.as_deref().map(str::as_bytes), value.as_deref().map(str::as_bytes));
                    self.decoder.decode(&Message { topic: &topic, key, value, origin, arrival }, &mut self.head);
                }
                Err(error) => self.head.rejected.push(Rejected {
                    arrived: self.clock.now(),
                    origin,
                    kind: None,
                    reason: Reason::Malformed,
                    detail: format!(
                        "not a list of topic, key and value, where topic and key are texts: {error}; message: {}",
                        beginning(&self.line, 120)
                    )
                    .into(),
                }),
            },
            Some(_) => {
                let message = Message { topic: &self.file.topic, key: None, value: Some(&self.line), origin, arrival };
                self.decoder.decode(&message, &mut self.head);
            }
        }
    }

    /// Makes the rows at the head arrive together, and not before those of the line before.
    fn settle(&mut self) {
        let arrived = self.head.readings.iter().map(|row| row.arrived);
        let learnt = arrived.chain(self.head.rejected.iter().map(|row| row.arrived)).max();
        self.time = self.time.max(learnt.unwrap_or(0));
        self.head.readings.iter_mut().for_each(|row| row.arrived = self.time);
        self.head.rejected.iter_mut().for_each(|row| row.arrived = self.time);
        self.head.names.iter_mut().for_each(|named| named.at = self.time);
    }
}
