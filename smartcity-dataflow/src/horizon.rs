//! How long a row is remembered.
//!
//! Each capability declares for how long it counts a row of a kind: its *horizon*. The longest of them says how long the rows of
//! that kind are remembered, by everything that remembers: [`dedup`](crate::operators::dedup), the logs of devices
//! ([`track`]), names. It is worked out here and nowhere else, so that nothing counts a row longer than it can
//! be taken back.

use crate::city::{congestion, feeds, incidents, road_weather, sensors, track, weather};
use crate::model::{Kind, Millis};
use crate::operators::round_up;
use crate::{Settings, Time};

/// Until when a row counts: for some time after its event, and for some time after it came, whichever is later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Horizon {
    after_event: Time,
    after_arrival: Time,
}

impl Horizon {
    /// So many milliseconds after the event.
    pub const fn of_event(span: Time) -> Self {
        Self { after_event: span, after_arrival: 0 }
    }

    /// So many milliseconds after it came.
    pub const fn of_arrival(span: Time) -> Self {
        Self { after_event: 0, after_arrival: span }
    }

    /// As long as either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            after_event: self.after_event.max(other.after_event),
            after_arrival: self.after_arrival.max(other.after_arrival),
        }
    }

    /// So many milliseconds longer.
    #[must_use]
    pub fn later(self, span: Time) -> Self {
        let later = |after: Time| if after == 0 { 0 } else { after + span };
        Self { after_event: later(self.after_event), after_arrival: later(self.after_arrival) }
    }

    /// The tick, of every `tick` milliseconds, at which a row is over.
    pub fn ends(self, time: Millis, arrived: Time, tick: Time) -> Time {
        self.ends_after_event(time, tick).max(round_up(arrived.saturating_add(self.after_arrival), tick))
    }

    /// The tick at which a row is over for those that go by its event alone.
    pub fn ends_after_event(self, time: Millis, tick: Time) -> Time {
        round_up(Time::try_from(time.0).unwrap_or(0).saturating_add(self.after_event), tick)
    }

    /// The most that lies between the tick at which a row comes and the tick at which it is over, milliseconds.
    pub fn longest(self, settings: &Settings) -> Time {
        (self.after_event + settings.max_ahead_ms).max(self.after_arrival) + settings.tick_ms
    }
}

/// A capability's horizon for the rows of a kind; `None` for a kind that it does not count.
pub type Declared = fn(Kind, &Settings) -> Option<Horizon>;

/// What every capability declares.
pub const DECLARED: [(&str, Declared); 7] = [
    ("feeds", feeds::horizon),
    ("incidents", incidents::horizon),
    ("road weather", road_weather::horizon),
    ("sensors", sensors::horizon),
    ("tracks", track::horizon),
    ("congestion", congestion::horizon),
    ("weather", weather::horizon),
];

/// How long the rows of a kind are remembered.
pub fn remembered(kind: Kind, settings: &Settings) -> Horizon {
    DECLARED.iter().filter_map(|(_, declared)| declared(kind, settings)).fold(Horizon::default(), Horizon::or)
}

/// How long the names that a message of a kind uses are needed after it was decoded, milliseconds: for as long as the message is
/// remembered, and a while between the decoder and the end of its tick. (What an event ahead of the clock is shown in longer
/// shows segments and roads, which the city names.)
pub fn named_ms(kind: Kind, settings: &Settings) -> Time {
    const ON_THE_WAY_MS: Time = 300_000;
    let Horizon { after_event, after_arrival } = remembered(kind, settings);
    after_event.max(after_arrival) + ON_THE_WAY_MS
}

#[cfg(test)]
mod tests;
