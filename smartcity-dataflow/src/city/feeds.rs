//! How healthy is every feed?

mod health;

use differential_dataflow::AsCollection;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use timely::dataflow::operators::vec::Map;

use self::health::{Health, Tally};
use crate::model::{Id, Kind, Millis, Reading, Rejected};
use crate::operators::{Deduplicated, Keep, combine, count, keyed};
use crate::view::View;
use crate::{Diff, Horizon, Rows, Settings, Time};

/// The health of every feed: a kind of reading from a source.
pub const FEEDS: View<(Id, Kind), Feed> = View::new("feeds");

/// Accepted readings that are odd, counted by feed since the start.
pub const FLAGS: View<(Id, Kind, Flag), u64> = View::new("flags");

/// Odd readings of a device, counted among those that are remembered.
pub const DEVICE_FLAGS: View<(Id, Flag), u64> = View::new("device_flags");

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
    /// Its vehicle stated a speed that cannot be, which counts as none.
    SpeedNotReported,
    /// Its vehicle stated a heading that cannot be, which counts as none.
    HeadingNotReported,
}

/// A feed over the last minute, with counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Feed {
    /// Readings accepted in the last minute.
    pub per_minute: u32,
    /// Mean time from event to engine over the last minute, milliseconds, rounded down; 0 without readings.
    pub lag: i64,
    /// Smallest such time over the last minute: negative where the sender's clock is ahead; 0 without readings.
    pub skew: i64,
    /// Readings accepted since the start.
    pub accepted: u64,
    /// Messages that came again, since the start.
    pub duplicates: u64,
    /// Accepted readings that came late, since the start.
    pub late: u64,
    /// Messages not accepted, since the start.
    pub rejected: u64,
    /// Readings withdrawn, since the start, be it before or after they came.
    pub withdrawn: u64,
    /// Tick of the last message, accepted or not.
    pub last_arrived: Time,
    /// Greatest event time of the accepted readings.
    pub last_event: Millis,
    /// Whether nothing has come for [`Settings::silence_ms`].
    pub silent: bool,
}

/// What became of a message of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fate {
    source: Id,
    kind: Kind,
    is: Is,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Is {
    /// Its event, how long after that it came, and what is odd about that.
    Accepted {
        time: Millis,
        lag: i64,
        flag: Option<Flag>,
    },
    /// It is taken back, before it came or after.
    Withdrawn {
        flag: Option<Flag>,
    },
    Duplicate,
}

/// What a feed's health takes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Its source.
    pub source: Id,
    /// Its kind.
    pub kind: Kind,
    /// Its event time.
    pub time: Millis,
    /// How long after its event it came, milliseconds.
    pub lag: i64,
    /// What is odd about that.
    pub flag: Option<Flag>,
}

impl Stamp {
    /// That of a reading.
    pub fn of<B>(reading: &Reading<Millis, B>, settings: &Settings) -> Self {
        let (source, kind) = (reading.origin.source, reading.kind);
        Self { source, kind, time: reading.time, lag: reading.lag(), flag: time_flag(reading, settings) }
    }
}

impl Fate {
    /// What became of a message; a message and what is remembered of an accepted one say their stamps.
    pub fn of<V, T>(
        message: &Deduplicated<V, T>,
        stamp: impl Fn(&V) -> Stamp,
        remembered: impl Fn(&T) -> (Id, Kind, Option<Flag>),
    ) -> Self {
        let (Stamp { source, kind, time, lag, flag }, accepted) = match message {
            Deduplicated::Accepted(message) => (stamp(message), true),
            Deduplicated::Withdrawn(token) => {
                let (source, kind, flag) = remembered(token);
                return Self { source, kind, is: Is::Withdrawn { flag } };
            }
            Deduplicated::Suppressed(message) => {
                let Stamp { source, kind, .. } = stamp(message);
                return Self { source, kind, is: Is::Withdrawn { flag: None } };
            }
            Deduplicated::Duplicate(message) => (stamp(message), false),
        };
        Self { source, kind, is: if accepted { Is::Accepted { time, lag, flag } } else { Is::Duplicate } }
    }
}

/// For how long a message that comes again is told from a new one, whatever its kind.
pub fn horizon(_: Kind, settings: &Settings) -> Option<Horizon> {
    Some(Horizon::of_arrival(settings.retention_ms))
}

/// The window of the figures "over the last minute", milliseconds of engine time.
const MINUTE: Time = 60_000;

/// How far ahead of the clock an event is odd, milliseconds.
const AHEAD: i64 = 60_000;

/// How healthy is every feed: how much comes, how late, and does anything come at all?
///
/// With a minute of 10 ms and a silence of 6 ms, and rows as event time:
///
/// | time | messages                    | output                                                   |
/// |-----:|-----------------------------|----------------------------------------------------------|
/// |    5 | +Accepted(3), +Accepted(1)  | +(2 a minute, lag 3, skew 2)                             |
/// |    7 | +Duplicate(1)               | -(..) +(.., 1 duplicate, last arrived 7)                 |
/// |   13 |                             | -(..) +(.., silent)                                      |
/// |   15 |                             | -(..) +(0 a minute, lag 0, skew 0, .., silent)           |
///
/// A reading that is withdrawn was accepted all the same, so it stays in the figures and counts as withdrawn beside them. A
/// rejected message of no known kind belongs to no feed; the quarantine counts it.
///
/// Messages are tallied by the worker that has them, so a feed costs one row a worker and tick, however much it sends. The
/// state is the ticks of the last minute.
///
/// ```
/// use smartcity_dataflow::city::feeds::{Feed, feeds};
/// use smartcity_dataflow::model::{Id, Kind, Namespace, Origin, Reason, Rejected};
/// use smartcity_dataflow::testing::{at, trace};
/// let origin = Origin { source: Id::new(Namespace::Source, "kafka"), partition: 0, offset: 1 };
/// let kind = Kind::Gps;
/// let rejected =
///     Rejected { arrived: 100, origin, kind: Some(kind), reason: Reason::NullIsland, detail: "no fix".into() };
/// let health = trace(
///     &[at(100, rejected)],
///     |rejected| feeds(rejected.clone().flat_map(|_| None), rejected, &Default::default()),
///     200,
/// );
/// let feed = Feed { rejected: 1, last_arrived: 100, ..Feed::default() };
/// assert_eq!(health, [(100, ((origin.source, kind), feed), 1)]);
/// ```
pub fn feeds<'s>(
    fates: Rows<'s, Fate>,
    rejected: Rows<'s, Rejected>,
    settings: &Settings,
) -> Rows<'s, ((Id, Kind), Feed)> {
    feeds_over(MINUTE, fates, rejected, settings)
}

fn feeds_over<'s>(
    minute: Time,
    fates: Rows<'s, Fate>,
    rejected: Rows<'s, Rejected>,
    settings: &Settings,
) -> Rows<'s, ((Id, Kind), Feed)> {
    let outer = fates.scope();
    outer.region_named("Feeds", |region| {
        let accepted = accepted_tallies(fates.enter_region(region));
        let rejected = rejected_tallies(rejected.enter_region(region));
        let settings = settings.clone();
        let feeds = keyed(accepted.concat(rejected), "Feeds", move |feed, health: &mut Health, turn| {
            let before = health.shown().map(|shown| (*feed, shown));
            turn.for_each_change(|_, tally, copies| {
                for _ in 0..copies {
                    health.add(&tally); // workers with equal tallies
                }
            });
            for wake in health.show(turn.now(), minute, &settings) {
                turn.wake(wake);
            }
            turn.replace(before, health.shown().map(|shown| (*feed, shown)));
            Keep::Yes
        });
        feeds.leave_region(outer)
    })
}

type Tallies = FxHashMap<(Id, Kind), Tally>;

/// What each worker heard of each feed in a tick.
fn accepted_tallies<'s>(fates: Rows<'s, Fate>) -> Rows<'s, ((Id, Kind), Tally)> {
    let add = move |tallies: &mut Tallies, fate: Fate, diff: Diff| {
        let copies = diff.unsigned_abs() as u64;
        let tally = tallies.entry((fate.source, fate.kind)).or_default();
        match fate.is {
            Is::Accepted { time, lag, flag } => {
                tally.accept(time, lag, copies, matches!(flag, Some(Flag::Late | Flag::TooLate)));
            }
            Is::Withdrawn { .. } => tally.withdrawn += copies,
            Is::Duplicate => tally.duplicates += copies,
        }
    };
    combine(fates, "FeedTallies", add, |tallies: Tallies| tallies.into_iter().map(|tally| (tally, 1)))
}

/// How many messages of each feed each worker rejected in a tick.
fn rejected_tallies<'s>(rejected: Rows<'s, Rejected>) -> Rows<'s, ((Id, Kind), Tally)> {
    let add = |tallies: &mut Tallies, message: Rejected, diff: Diff| {
        if let Some(kind) = message.kind {
            tallies.entry((message.origin.source, kind)).or_default().rejected += diff.unsigned_abs() as u64;
        }
    };
    combine(rejected, "RejectedTallies", add, |tallies: Tallies| tallies.into_iter().map(|tally| (tally, 1)))
}

/// How often is which oddity seen in which feed? Counts the rows that are there ([`FLAGS`]), so what is to be counted since
/// the start must not be withdrawn by expiry.
///
/// | time | flagged                        | output                    |
/// |-----:|--------------------------------|---------------------------|
/// |    0 | +(kafka, gps, Late) twice      | +((kafka, gps, Late), 2)  |
/// |    1 | -(kafka, gps, Late)            | -(.., 2) +(.., 1)         |
///
/// Each worker counts its own rows first: a feed of oddities only costs one row a worker and tick.
///
/// ```
/// use smartcity_dataflow::city::feeds::{Flag, flags};
/// use smartcity_dataflow::model::{Id, Kind, Namespace};
/// use smartcity_dataflow::testing::{at, trace};
/// let late = (Id::new(Namespace::Source, "kafka"), Kind::Gps, Flag::Late);
/// assert_eq!(trace(&[at(0, late), at(0, late)], |flagged| flags(flagged), 5), [(0, (late, 2), 1)]);
/// ```
pub fn flags<'s>(flagged: Rows<'s, (Id, Kind, Flag)>) -> Rows<'s, ((Id, Kind, Flag), u64)> {
    count(flagged, "Flags")
}

/// What is odd about the event times of the readings that are there.
pub fn flagged_times<'s>(fates: Rows<'s, Fate>) -> Rows<'s, (Id, Kind, Flag)> {
    let flagged = fates.inner.flat_map(|(fate, time, diff)| {
        let (flag, sign) = match fate.is {
            Is::Accepted { flag, .. } => (flag?, 1),
            Is::Withdrawn { flag } => (flag?, -1),
            Is::Duplicate => return None,
        };
        Some(((fate.source, fate.kind, flag), time, sign * diff))
    });
    flagged.as_collection()
}

/// How often is which oddity seen of which device, among the readings of it that are remembered?
///
/// | time | flagged                        | output                    |
/// |-----:|--------------------------------|---------------------------|
/// |    0 | +(v, SpeedNotReported)         | +((v, SpeedNotReported), 1) |
/// |    1 | -(v, SpeedNotReported)         | -((v, SpeedNotReported), 1) |
pub fn device_flags<'s>(flagged: Rows<'s, (Id, Flag)>) -> Rows<'s, ((Id, Flag), u64)> {
    count(flagged, "DeviceFlags")
}

/// What is odd about the event time of a reading, if anything.
///
/// | event before `arrived` by              | flag                  |
/// |----------------------------------------|-----------------------|
/// | less than -1 min                       | [`Flag::AheadOfClock`] |
/// | more than `traffic_window_ms`          | [`Flag::Late`]        |
/// | more than that and `retention_ms`      | [`Flag::TooLate`]     |
///
/// A reading that is too late is so for every window that is not wider than `traffic_window_ms`
/// ([`Window::is_closed`](crate::operators::Window::is_closed)).
pub fn time_flag<B>(reading: &Reading<Millis, B>, settings: &Settings) -> Option<Flag> {
    let lag = i128::from(reading.lag());
    let late = i128::from(settings.traffic_window_ms);
    let too_late = late + i128::from(settings.retention_ms);
    if lag < -i128::from(AHEAD) {
        Some(Flag::AheadOfClock)
    } else if lag > too_late {
        Some(Flag::TooLate)
    } else if lag > late {
        Some(Flag::Late)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
