//! The health of one feed: what ticks add to it, and what time takes away.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Feed;
use crate::model::Millis;
use crate::operators::round_up;
use crate::{Settings, Time};

/// What one worker heard of a feed in one tick.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Tally {
    accepted: u64,
    late: u64,
    pub(super) duplicates: u64,
    pub(super) rejected: u64,
    pub(super) withdrawn: u64,
    /// Sum of the accepted readings' lags.
    lag: i128,
    /// The smallest of them.
    skew: Option<i64>,
    newest: Option<Millis>,
}

impl Tally {
    /// Counts a reading that was accepted `copies` times.
    pub(super) fn accept(&mut self, time: Millis, lag: i64, copies: u64, late: bool) {
        self.accepted += copies;
        self.late += if late { copies } else { 0 };
        self.lag += i128::from(lag) * i128::from(copies);
        self.skew = Some(self.skew.map_or(lag, |skew| skew.min(lag)));
        self.newest = self.newest.max(Some(time));
    }

    fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.late += other.late;
        self.duplicates += other.duplicates;
        self.rejected += other.rejected;
        self.withdrawn += other.withdrawn;
        self.lag += other.lag;
        self.skew = self.skew.into_iter().chain(other.skew).min();
        self.newest = self.newest.max(other.newest);
    }
}

/// A feed, as a state that turns change.
#[derive(Debug, Default)]
pub(super) struct Health {
    shown: Option<Feed>,
    /// What came since it was last shown; `None` for nothing.
    heard: Option<Tally>,
    newest: Option<Millis>,
    minute: Minute,
}

impl Health {
    /// The feed as last shown.
    pub(super) fn shown(&self) -> Option<Feed> {
        self.shown
    }

    /// Notes what came at this tick.
    pub(super) fn add(&mut self, tally: &Tally) {
        self.heard.get_or_insert_default().add(tally);
    }

    /// Brings the feed up to tick `now`; gives the ticks at which time alone will change it.
    pub(super) fn show(&mut self, now: Time, minute: Time, settings: &Settings) -> Vec<Time> {
        self.minute.leave(now);
        let mut feed = self.shown.unwrap_or_default();
        let mut wakes = Vec::new();
        if let Some(heard) = self.heard.take() {
            feed.accepted += heard.accepted;
            feed.late += heard.late;
            feed.duplicates += heard.duplicates;
            feed.rejected += heard.rejected;
            feed.withdrawn += heard.withdrawn;
            feed.last_arrived = now;
            self.newest = self.newest.max(heard.newest);
            if let Some(skew) = heard.skew {
                let leaves = round_up(now.saturating_add(minute), settings.tick_ms);
                self.minute.enter(Tick { leaves, accepted: heard.accepted, lag: heard.lag, skew });
                wakes.push(leaves);
            }
        }
        let silent_at = round_up(feed.last_arrived.saturating_add(settings.silence_ms), settings.tick_ms);
        feed.silent = silent_at <= now;
        if !feed.silent {
            wakes.push(silent_at);
        }
        feed.last_event = self.newest.unwrap_or_default();
        (feed.per_minute, feed.lag, feed.skew) = self.minute.figures();
        self.shown = Some(feed);
        wakes
    }
}

/// What was accepted in one tick.
#[derive(Clone, Copy, Debug)]
struct Tick {
    /// When it is a minute old.
    leaves: Time,
    accepted: u64,
    lag: i128,
    skew: i64,
}

/// The ticks of the last minute, with their sums kept as they come and go.
#[derive(Debug, Default)]
struct Minute {
    ticks: VecDeque<Tick>,
    accepted: u64,
    lag: i128,
    /// The ticks that will be the smallest of those left, in turn: ascending by time and by skew.
    smallest: VecDeque<(Time, i64)>,
}

impl Minute {
    fn enter(&mut self, tick: Tick) {
        while self.smallest.pop_back_if(|(_, skew)| *skew >= tick.skew).is_some() {}
        self.smallest.push_back((tick.leaves, tick.skew));
        self.accepted += tick.accepted;
        self.lag += tick.lag;
        self.ticks.push_back(tick);
    }

    /// Drops the ticks whose time is over.
    fn leave(&mut self, now: Time) {
        while let Some(tick) = self.ticks.pop_front_if(|tick| tick.leaves <= now) {
            self.accepted -= tick.accepted;
            self.lag -= tick.lag;
        }
        while self.smallest.pop_front_if(|(leaves, _)| *leaves <= now).is_some() {}
    }

    /// Number of readings, their mean lag rounded down, and their smallest.
    fn figures(&self) -> (u32, i64, i64) {
        let mean = self.lag.div_euclid(i128::from(self.accepted.max(1)));
        let smallest = self.smallest.front().map_or(0, |&(_, skew)| skew);
        (u32::try_from(self.accepted).unwrap_or(u32::MAX), mean as i64, smallest)
    }
}
