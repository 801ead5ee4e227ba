//! How does the traffic flow on every segment and every named road?
//!
//! ```text
//!  samples of vehicles ─┬─▶ one stage a segment ─┬─▶ what flows now
//!  cameras ─────────────┤   (sums by minute,     ├─▶ what flowed, by window
//!  the segment itself ──┤    the last minutes)   └─▶ its part in network and zone
//!                       └─▶ one stage a road ─────▶ the same
//! ```
//!
//! The speed is a space-mean speed, estimated from three kinds of sample:
//!
//! - *spot speeds of fixes* (A): vehicles that report at a fixed period are met in proportion to the time they spend, so the
//!   arithmetic mean of their speeds estimates the space mean (the harmonic mean would be wrong: 12 km/h off, measured). A fix
//!   counts by the time since the one before, so a vehicle counts for its time and not for how often it reports;
//! - *ways* (P): distance over time of the ways between fixes ([`super::track`]), Edie's definition of the space mean;
//! - *cameras* (C): spot speeds at a point, met in proportion to flow, so their harmonic mean (Wardrop).
//!
//! Of vehicles the speed is (a A + P) / (a + 1), or the one that there is, where a is 1/5 and the hours that the fixes stand for:
//! of few fixes the spot speeds are noise, of many they are better than ways, which smear a queue's delay over its neighbours.
//! Ways of less than 40 s in all count less, by the fourth power of their time. With `n` fixes and `c` camera readings the speed is the mean
//! of the two weighted by `n` and `c`. Few samples are noise: the estimate is drawn to that of the same street over the last 15
//! minutes as if that were two more fixes, (n v + 2 v15) / (n + 2). docs/accuracy.md has what that is worth.
//!
//! A vehicle that has stood at one place for more than two minutes is parked, or delivers, and is not in the traffic. But a
//! street full of standing vehicles is a jam: where at least two stand so, and no fewer than move, they are a *queue* and count.
//! So they do where the others move at less than half of free flow.
//! One vehicle that was not seen to move, and nothing else, is no traffic: nobody can tell whether it is parked.
//!
//! A sample counts in the sliding window from its tick until five minutes after its event (or its tick, for an event ahead of
//! the clock), in steps of five seconds; of a camera the newest reading counts for as long as it lives. Tumbling windows go by
//! event time alone and are amended for as long as they are retained.

mod flow;
mod free_flow;
mod sample;
mod street;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::flow::{Distinct, Flow};
pub use self::free_flow::{FreeFlow, StreetInfo, info_of_roads, info_of_segments};
pub use self::sample::{CameraSample, Heard, Sample, Spot, camera_samples};
use self::street::Street;
use super::network::Part;
use super::track::CONTEXT_MS;
use crate::model::{Id, Kind, Kmh, Ratio};
pub use crate::operators::Window;
use crate::operators::{keyed, latest, round_up, validate};
use crate::view::View;
use crate::{Horizon, Rows, Settings, Time};

/// Three samples make a speed that can be trusted, if two vehicles moved.
pub const ENOUGH_SAMPLES: u32 = 3;

/// So many vehicles have to have moved for a speed that can be trusted.
pub const ENOUGH_VEHICLES: u32 = 2;

/// Widths of the tumbling windows, milliseconds: a minute and five.
pub const WINDOW_WIDTHS_MS: [i64; 2] = [60_000, 300_000];

/// A tumbling window's figures are drawn to those of this long before its end, milliseconds.
pub const WINDOW_TRAILING_MS: i64 = 900_000;

/// Those of the sliding window are drawn to those of this many times its width.
const TRAILING_WINDOWS: Time = 3;

/// The sliding window's end moves in steps of this many milliseconds.
const SLIDE_MS: Time = 5_000;

/// Every segment over the last five minutes.
pub const SEGMENTS: View<Id, Traffic> = View::new("segments");

/// Every named road over the last five minutes.
pub const ROADS: View<Id, Traffic> = View::new("roads");

/// Every segment by event-time window.
pub const SEGMENT_WINDOWS: View<(Id, Window), Traffic> = View::new("segment_windows");

/// Every named road by event-time window.
pub const ROAD_WINDOWS: View<(Id, Window), Traffic> = View::new("road_windows");

/// How freely the traffic flows, by speed relative to free flow: the bands of TomTom's flow feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// At least 90 %.
    Free,
    /// 62.5 to 90 %.
    Heavy,
    /// 35 to 62.5 %.
    Slow,
    /// 25 to 35 %.
    Queuing,
    /// Below 25 %.
    Stationary,
}

impl Level {
    /// The level of a speed relative to free flow.
    pub fn of(ratio: Ratio) -> Self {
        match ratio.0 {
            9_000.. => Self::Free,
            6_250.. => Self::Heavy,
            3_500.. => Self::Slow,
            2_500.. => Self::Queuing,
            _ => Self::Stationary,
        }
    }

    /// Whether a road of this level counts as congested: below 62.5 % of free flow. (A signalled street runs at about 77 %
    /// of its limit without any congestion, so the limit stands in for free flow only with a lower bar.)
    pub fn is_congested(self) -> bool {
        self >= Self::Slow
    }

    /// The contract's word for it: light, moderate or heavy.
    pub fn contract_word(self) -> &'static str {
        match self {
            Self::Free | Self::Heavy => "light",
            Self::Slow => "moderate",
            Self::Queuing | Self::Stationary => "heavy",
        }
    }
}

/// How far a speed is to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Fewer than three samples, or fewer than two vehicles that moved.
    Low,
    /// More.
    High,
}

/// The traffic on a segment or road, over a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Traffic {
    /// Fixes and camera readings behind the speed.
    pub samples: u32,
    /// Distinct vehicles among them.
    pub vehicles: u32,
    /// Space-mean speed.
    pub speed: Kmh,
    /// Free-flow speed; of a road, the mean of its segments by length.
    pub free_flow: Kmh,
    /// `speed / free_flow`.
    pub ratio: Ratio,
    /// How freely it flows.
    pub level: Level,
    /// How far the speed is to be trusted.
    pub confidence: Confidence,
}

/// How does the traffic flow? The figures of a flow against free flow.
pub fn traffic(flow: &Flow, distinct: Distinct, speed: Kmh, free_flow: Kmh) -> Traffic {
    let ratio = Ratio::of(speed.0, free_flow.0).unwrap_or(Ratio::ONE);
    let samples = (flow.fixes + flow.cameras) as u32;
    // A camera's reading is the mean of vehicles that passed.
    let moved = distinct.moved + flow.cameras as u32;
    let is_enough = samples >= ENOUGH_SAMPLES && moved >= ENOUGH_VEHICLES;
    let confidence = if is_enough { Confidence::High } else { Confidence::Low };
    let level = Level::of(ratio);
    Traffic { samples, vehicles: distinct.vehicles, speed, free_flow, ratio, level, confidence }
}

/// How long a sample counts: in the windows that hold it or draw on it until they close, and in the last minutes. What a
/// vehicle's fix says is told by others up to [`CONTEXT_MS`] later, too.
pub fn horizon(kind: Kind, settings: &Settings) -> Option<Horizon> {
    let rules = Rules::of(settings, true);
    let windows = WINDOW_TRAILING_MS.unsigned_abs() + settings.retention_ms;
    let minutes = rules.sliding_trailing.unsigned_abs() + WINDOW_WIDTHS_MS[0].unsigned_abs();
    let counts = Horizon::of_event(windows.max(minutes).max(settings.traffic_window_ms + rules.slide));
    match kind {
        Kind::Vehicle | Kind::Gps => Some(counts.later(CONTEXT_MS.unsigned_abs())),
        Kind::Traffic => Some(counts.or(Horizon::of_arrival(settings.traffic_life_ms))),
        Kind::Weather | Kind::Emergency | Kind::Sensor => None,
    }
}

/// The traffic of streets, or of roads.
#[derive(Clone)]
pub struct Flows<'s> {
    /// Over the last minutes.
    pub now: Rows<'s, (Id, Traffic)>,
    /// By window.
    pub windows: Rows<'s, ((Id, Window), Traffic)>,
    /// What each adds to the network and to its zone, over the last minutes.
    pub parts: Rows<'s, (Option<Id>, Part)>,
    /// What each adds to the network, by window.
    pub window_parts: Rows<'s, (Window, Part)>,
}

impl fmt::Debug for Flows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flows").finish_non_exhaustive()
    }
}

/// What the stage of a street tells.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Told {
    Now(Id, Traffic),
    Window((Id, Window), Traffic),
    Part(Option<Id>, Part),
    WindowPart(Window, Part),
}

/// What is told to streets, by their ids.
pub type HeardRows<'s> = Rows<'s, (Id, Heard)>;

/// How does the traffic flow on every street? `heard` is all that is told to each, by its id; one that nobody says what it is
/// has no row. `has_parts` says whether the parts in the network are wanted.
///
/// With a street of 50 km/h:
///
/// | time     | heard              | now                               | minute of 10:00      |
/// |---------:|--------------------|-----------------------------------|----------------------|
/// | 10:00:10 | +(a is 50 km/h)    |                                   |                      |
/// | 10:00:20 | +(a, v at 30 km/h) | +(a, 30 km/h, slow)               | +(30 km/h)           |
/// | 10:00:30 | +(a, w at 50 km/h) | -(30 km/h) +(a, 40 km/h, heavy)   | -(30 km/h) +(40 km/h) |
/// | 10:05:20 |                    | -(40 km/h) +(a, 43.3 km/h, heavy) |                      |
/// | 10:05:30 |                    | -(a, 43.3 km/h, heavy)            |                      |
/// | 10:16:00 |                    |                                   | -(40 km/h)           |
///
/// (v and w are fixes that stand for half a minute each. At 10:05:20 w is drawn to the mean of both: a third of 50 and two of
/// 40.) The state is one copy of each sample of the sliding window, and sums by
/// minute with the vehicles of each, for as long as a window draws on it.
pub fn flows<'s>(heard: HeardRows<'s>, name: &str, has_parts: bool, settings: &Settings) -> Flows<'s> {
    let outer = heard.scope();
    outer.region_named(name, |region| {
        let Flows { now, windows, parts, window_parts } =
            streets(heard.enter_region(region), name, Rules::of(settings, has_parts));
        Flows {
            now: now.leave_region(outer),
            windows: windows.leave_region(outer),
            parts: parts.leave_region(outer),
            window_parts: window_parts.leave_region(outer),
        }
    })
}

fn streets<'s>(heard: HeardRows<'s>, name: &str, rules: Rules) -> Flows<'s> {
    let told = keyed(heard, name, move |id, street: &mut Street, turn| street.turn(*id, turn, &rules));
    let (now, told) = validate(told, |told| match told {
        Told::Now(id, traffic) => Ok((id, traffic)),
        other => Err(other),
    });
    let (windows, told) = validate(told, |told| match told {
        Told::Window(key, traffic) => Ok((key, traffic)),
        other => Err(other),
    });
    let (parts, told) = validate(told, |told| match told {
        Told::Part(zone, part) => Ok((zone, part)),
        other => Err(other),
    });
    let window_parts =
        told.flat_map(|told| if let Told::WindowPart(window, part) = told { Some((window, part)) } else { None });
    Flows { now, windows, parts, window_parts }
}

/// What do the streets and the roads hear of the cameras? Of each camera the newest reading, for as long as it lives, and every
/// reading at its event time.
pub fn heard_of_cameras<'s>(
    cameras: Rows<'s, (Id, CameraSample)>,
    settings: &Settings,
) -> (HeardRows<'s>, HeardRows<'s>) {
    let life = settings.traffic_life_ms;
    let tick = settings.tick_ms;
    let every = cameras.clone().map(|(_, sample)| (sample, Heard::CameraAt(sample.time, sample.speed)));
    let newest = latest(cameras, "Cameras", move |sample| round_up(sample.arrived + life, tick))
        .map(|(_, sample)| (sample, Heard::CameraNow(sample.speed)));
    let heard = every.concat(newest);
    let of_segments = heard.clone().flat_map(|(sample, heard)| sample.segment.map(|segment| (segment, heard)));
    (of_segments, heard.map(|(sample, heard)| (sample.road, heard)))
}

/// What the settings say of a street's stage.
#[derive(Clone, Copy, Debug)]
struct Rules {
    tick: Time,
    retention: Time,
    /// Width of the sliding window.
    width: Time,
    /// Step of the sliding window's end.
    slide: Time,
    /// Width of the while that the sliding window's figures are drawn to, in whole minutes.
    sliding_trailing: i64,
    has_parts: bool,
}

impl Rules {
    fn of(settings: &Settings, has_parts: bool) -> Self {
        let minute = WINDOW_WIDTHS_MS[0].unsigned_abs();
        Self {
            tick: settings.tick_ms,
            retention: settings.retention_ms,
            width: settings.traffic_window_ms,
            slide: round_up(SLIDE_MS, settings.tick_ms),
            sliding_trailing: round_up(settings.traffic_window_ms * TRAILING_WINDOWS, minute).cast_signed(),
            has_parts,
        }
    }

    /// When a window closes: at its end and the retention.
    fn closes(&self, window: Window) -> Time {
        window.closes(self.retention, self.tick)
    }

    /// When a sample leaves the sliding window.
    fn leaves(&self, sample: &Sample) -> Time {
        let since = Time::try_from(sample.time.0).unwrap_or(0).min(sample.arrived);
        round_up(since + self.width, self.slide)
    }

    /// When nothing draws any more on a minute of event time.
    fn forgets_minute(&self, start: i64) -> Time {
        let since = Time::try_from(start).unwrap_or(0);
        let sliding = since + self.sliding_trailing.unsigned_abs() + WINDOW_WIDTHS_MS[0].unsigned_abs();
        round_up(sliding.max(since + WINDOW_TRAILING_MS.unsigned_abs() + self.retention), self.tick)
    }

    /// The first tick after `now` at which a minute begins or a window may close.
    fn next_minute(&self, now: Time) -> Time {
        let minute = WINDOW_WIDTHS_MS[0].unsigned_abs();
        let after = |offset: Time| (now.saturating_sub(offset) / minute + 1) * minute + offset;
        let closing = self.retention % minute;
        let closes = if now < closing { closing } else { after(closing) };
        round_up(after(0).min(closes), self.tick)
    }
}
