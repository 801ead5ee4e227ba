//! How healthy is every feed?

use serde::{Deserialize, Serialize};

use crate::Time;
use crate::model::{Id, Kind, Millis};
use crate::view::View;

/// The health of every feed: a kind of reading from a source.
pub const FEEDS: View<(Id, Kind), Feed> = View::new("feeds");

/// Accepted readings that are odd, counted by feed since the start.
pub const FLAGS: View<(Id, Kind, Flag), u64> = View::new("flags");

/// What is odd about a reading that was accepted nevertheless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// Its event lies more than a minute ahead of the engine's clock.
    AheadOfClock,
    /// It came too late for the sliding window and amends closed windows.
    Late,
    /// It came too late for any window.
    TooLate,
    /// Its vehicle would have had to go faster than any road vehicle.
    ImplausibleSpeed,
    /// Its vehicle moved much faster than it reported.
    ContradictsReport,
    /// No segment is near enough for the vehicle to be on.
    OffRoad,
}

/// A feed over the last minute, with counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Feed {
    /// Readings accepted in the last minute.
    pub per_minute: u32,
    /// Mean time from event to engine over the last minute, milliseconds.
    pub lag: i64,
    /// Smallest such time over the last minute: negative where the sender's clock is ahead.
    pub skew: i64,
    /// Readings accepted since the start.
    pub accepted: u64,
    /// Messages that came again, since the start.
    pub duplicates: u64,
    /// Accepted readings that came late, since the start.
    pub late: u64,
    /// Messages not accepted, since the start.
    pub rejected: u64,
    /// Readings withdrawn, since the start.
    pub withdrawn: u64,
    /// Tick of the last message.
    pub last_arrived: Time,
    /// Event time of the newest reading.
    pub last_event: Millis,
    /// Whether nothing has come for a minute.
    pub silent: bool,
}

// STUB

use crate::model::{Placed, Rejected};
use crate::operators::Deduplicated;
use crate::{Rows, Settings};
pub fn feeds<'s>(
    d: Rows<'s, Deduplicated<Placed>>,
    _r: Rows<'s, Rejected>,
    _s: &Settings,
) -> Rows<'s, ((Id, Kind), Feed)> {
    d.flat_map(|_| None::<((Id, Kind), Feed)>)
}
pub fn flags<'s>(f: Rows<'s, (Id, Kind, Flag)>) -> Rows<'s, ((Id, Kind, Flag), u64)> {
    f.count().map(|(k, n)| (k, n as u64))
}
pub fn flagged<'s>(
    placed: Rows<'s, Placed>,
    _t: Rows<'s, (Id, super::vehicles::Step)>,
    _s: &Settings,
) -> Rows<'s, (Id, Kind, Flag)> {
    placed.flat_map(|_| None::<(Id, Kind, Flag)>)
}
