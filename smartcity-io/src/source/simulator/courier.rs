//! The way of a message from its device to us, and what goes wrong on it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::RngCore;
use serde_json::{Map, Value};
use smartcity_dataflow::Time;
use smartcity_dataflow::model::{Body, Id, Instant, Kind, Millis, Name, Namespace, Origin, Point, Reading};

use super::noise::Noise;
use super::settings::Dirt;
use crate::decode::{Arrival, Decoder, Encoded, JsonDecoder, Message, Stamp, TopicMap, to_json};
use crate::source::Batch;

/// Numbers messages, delivers them, and on the way doubles, delays, breaks and withdraws some.
pub(super) struct Courier {
    dirt: Dirt,
    noise: Noise,
    source: Id,
    /// Starts the ids of the messages; another run has another.
    run: u32,
    messages: u64,
    /// Messages delivered.
    next_offset: u64,
    held: BinaryHeap<Reverse<Held>>,
    decoder: JsonDecoder,
    topics: TopicMap,
    verbatim: Option<Verbatim>,
}

/// A message on its way: when it arrives, a number that makes the order one, the number of the message, what it says.
type Held = (Time, u64, u64, Reading<Instant>);

/// What only a writer of files needs to know.
#[derive(Debug, Default)]
pub(super) struct Verbatim {
    /// Texts of the messages' ids.
    pub(super) ids: Vec<Name>,
    /// The broken messages, each with its offset and kind.
    pub(super) broken: Vec<(u64, Kind, Encoded)>,
}

impl Courier {
    pub(super) fn new(dirt: Dirt, noise: Noise, source: Id, run: u32) -> Self {
        Self {
            dirt,
            noise,
            source,
            run,
            messages: 0,
            next_offset: 0,
            held: BinaryHeap::new(),
            decoder: JsonDecoder::default(),
            topics: TopicMap::default(),
            verbatim: None,
        }
    }

    /// Keeps from now on what a writer of files needs.
    pub(super) fn keep_verbatim(&mut self) {
        self.verbatim = Some(Verbatim::default());
    }

    /// What was kept since the last call.
    pub(super) fn take_verbatim(&mut self) -> Verbatim {
        self.verbatim.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// When the next message arrives that was held back.
    pub(super) fn due(&self) -> Option<Time> {
        self.held.peek().map(|Reverse((due, ..))| *due)
    }

    /// The message that was held back longest arrives.
    pub(super) fn release(&mut self, at: Stamp, batch: &mut Batch) {
        if let Some(Reverse((_, _, number, reading))) = self.held.pop() {
            self.deliver(reading, number, at, batch);
        }
    }

    /// Sends a message off: gives it its id and place in the stream, and delivers it now, later, or not at all.
    pub(super) fn send(&mut self, kind: Kind, device: Id, said: (i64, Point, Body), at: Stamp, batch: &mut Batch) {
        let number = self.messages;
        self.messages += 1;
        let (time, place, body) = said;
        let reading = Reading {
            time: Instant::Utc(Millis(time)),
            origin: Origin { source: self.source, partition: 0, offset: 0 },
            kind,
            id: self.id(number, Namespace::Message),
            device,
            arrived: at.arrived,
            place: Some(place),
            body,
        };
        let Dirt { malformed, late, duplicates, withdrawn } = self.dirt;
        let mut dice = (self.noise.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let mut falls = |share: f64| {
            dice -= share;
            dice < 0.0
        };
        if falls(malformed) {
            self.spoil(&reading, number, at, batch);
        } else if falls(late) {
            self.hold(at, 20_000..120_000, number, reading);
        } else if falls(duplicates) {
            self.deliver(reading, number, at, batch);
            self.hold(at, 0..5_000, number, reading);
        } else if falls(withdrawn) {
            self.deliver(reading, number, at, batch);
            let device = self.id(number, Namespace::Device);
            self.hold(at, 5_000..60_000, number, Reading { device, place: None, body: Body::Withdrawn, ..reading });
        } else {
            self.deliver(reading, number, at, batch);
        }
    }

    fn hold(&mut self, at: Stamp, delay: std::ops::Range<u64>, number: u64, mut reading: Reading<Instant>) {
        let due = at.clock + delay.start + self.noise.next_u64() % (delay.end - delay.start);
        if reading.body == Body::Withdrawn {
            reading.time = Instant::Utc(Millis(due as i64));
        }
        self.held.push(Reverse((due, self.noise.next_u64(), number, reading)));
    }

    fn deliver(&mut self, mut reading: Reading<Instant>, number: u64, at: Stamp, batch: &mut Batch) {
        reading.arrived = at.arrived;
        reading.origin.offset = self.take_offset();
        if let Some(verbatim) = &mut self.verbatim {
            let text = text_of(self.run, number);
            verbatim.ids.push(Name::new(Namespace::Message, std::str::from_utf8(&text).unwrap_or_default()));
        }
        batch.readings.push(reading);
    }

    /// The offset of the next message.
    pub(super) fn next_offset(&self) -> u64 {
        self.next_offset
    }

    /// The next message has this offset.
    pub(super) fn count_from(&mut self, offset: u64) {
        self.next_offset = offset;
    }

    fn take_offset(&mut self) -> u64 {
        self.next_offset += 1;
        self.next_offset - 1
    }

    fn id(&self, number: u64, namespace: Namespace) -> Id {
        Id::new(namespace, std::str::from_utf8(&text_of(self.run, number)).unwrap_or_default())
    }

    /// Breaks a message, and lets a decoder reject it.
    fn spoil(&mut self, reading: &Reading<Instant>, number: u64, at: Stamp, batch: &mut Batch) {
        let origin = Origin { offset: self.take_offset(), ..reading.origin };
        let id = text_of(self.run, number);
        let encoded =
            to_json(
                reading,
                &self.topics,
                |asked| {
                    if asked == reading.id { std::str::from_utf8(&id).ok() } else { None }
                },
            );
        let value = broken(&encoded.value, &mut self.noise);
        // A live rejection is stamped by the engine, as a live reading is.
        let arrival = if at.arrived == 0 { Arrival::Live { now: at.clock } } else { Arrival::At(at.arrived) };
        let key = Some(encoded.key.as_bytes());
        let message = Message { topic: &encoded.topic, key, value: Some(value.as_bytes()), origin, arrival };
        self.decoder.decode(&message, batch);
        if let Some(verbatim) = &mut self.verbatim {
            verbatim.broken.push((origin.offset, reading.kind, Encoded { value, ..encoded }));
        }
    }
}

/// The text of a message's id: the run and the number in hexadecimal.
fn text_of(run: u32, number: u64) -> [u8; 21] {
    let mut text = [b'-'; 21];
    let digit = |value: u64, place: usize| b"0123456789abcdef"[(value >> (4 * place)) as usize & 15];
    (0..8).for_each(|place| text[7 - place] = digit(run.into(), place));
    (0..12).for_each(|place| text[20 - place] = digit(number, place));
    text
}

/// A message with one thing wrong in it, for which every decoder must reject it.
fn broken(message: &str, noise: &mut Noise) -> String {
    let wrong = match noise.next_u32() % 4 {
        0 => ("device_id", Value::Null),
        1 => ("timestamp", Value::from("yesterday")),
        2 => ("location", Value::from("here")),
        _ => return message[..message.floor_char_boundary(message.len() / 2)].to_owned(), // cut off on the way
    };
    let mut fields: Map<String, Value> = serde_json::from_str(message).unwrap_or_default();
    fields.insert(wrong.0.to_owned(), wrong.1);
    Value::from(fields).to_string()
}
