//! Decoders: from the bytes of a message to a typed reading.
//!
//! ```text
//! topic ── TopicMap ──▶ kind ┐
//! key, value ── JSON fields ─┼──▶ Reading<Instant>  (what the sensor said)
//! arrival ── Stamp ──────────┘    NameUse           (the texts it used, once in ten minutes)
//!                                 Rejected          (what is wrong with the message, and how it began)
//! ```
//!
//! A decoder never panics and never loses a message: every message becomes a reading or a rejection. It judges only what
//! a reading cannot be built without; whether a value is plausible is the dataflow's business.

mod arrival;
mod direction;
mod encode;
mod field;
#[cfg(test)]
mod fuzz;
mod json;
mod names;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
pub(crate) mod tests;
mod time_zone;
mod timestamp;
mod topics;

pub use arrival::{Arrival, RecordedClock, Stamp};
pub use encode::{Encoded, to_json};
pub(crate) use field::beginning;
pub use json::JsonDecoder;
pub use names::NameBook;
use smartcity_dataflow::model::Origin;
pub use time_zone::{UnknownTimeZone, utc_offsets};
pub use topics::TopicMap;

use crate::source::Batch;

/// A message as a source found it.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The topic it came by.
    pub topic: &'a str,
    /// Its key; for the contract's feeds the message's id.
    pub key: Option<&'a [u8]>,
    /// Its value; `None` for a tombstone, which withdraws the message of this key.
    pub value: Option<&'a [u8]>,
    /// Where it was read.
    pub origin: Origin,
    /// When it was learnt.
    pub arrival: Arrival<'a>,
}

/// Makes readings of messages.
///
/// A decoder belongs to one source (or one file of it), whose messages it sees in order; it may remember what it saw, as
/// the [`NameBook`] does.
pub trait Decoder: Send + 'static {
    /// Adds to `batch` what `message` says: its reading and the names it uses, or a rejection that says what is wrong.
    ///
    /// Takes the `arrived` of every row from [`Arrival::stamp`]. Never panics, whatever the bytes.
    fn decode(&mut self, message: &Message<'_>, batch: &mut Batch);
}
