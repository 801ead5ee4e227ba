//! How many fixes the engine put on the street that they were on.

use std::collections::BTreeMap;
use std::fmt;

use differential_dataflow::AsCollection;
use smartcity::decode::JsonDecoder;
use smartcity::model::{Id, Millis, Point};
use smartcity::operators::{count, round_up};
use smartcity::source::{MemoryMessage, MemorySource};
use smartcity::view::{Snapshot, View};
use smartcity::{Clock, Engine, Settings, Time};
use timely::dataflow::operators::vec::Filter;

use super::recording::{Known, Recording};

/// A fix and the street it was put on. A device may say the same thing twice, so there is a number beside it.
type Told = ((Id, Millis, Point), Option<Id>);

/// What is told of the fixes when they come.
const AT_ONCE: View<Told, u64> = View::new("at_once");

/// What is told of them in the end.
const FINALLY: View<Told, u64> = View::new("finally");

/// How many fixes the engine put on the street that they were on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Score {
    /// Fixes whose truth is known.
    pub(crate) fixes: usize,
    /// What was told of them when they came.
    pub(crate) at_once: Shares,
    /// What was told of them in the end.
    pub(crate) finally: Shares,
}

/// Shares of the fixes, %.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shares {
    /// On a street that counts as right, in its direction.
    pub(crate) right: f64,
    /// On no street.
    pub(crate) nowhere: f64,
}

impl Score {
    /// Scores what an engine makes of the fixes, each of which comes when it is made.
    pub(crate) fn of(recording: &Recording) -> anyhow::Result<Self> {
        let messages =
            recording.fixes.iter().map(|fix| MemoryMessage::new("gps_data", fix.message.as_bytes()).at(fix.time));
        let settings = Settings::default();
        let tick_ms = settings.tick_ms;
        let engine = Engine::new(recording.city.clone())
            .settings(settings)
            .clock(Clock::Replay)
            .source(MemorySource::of_messages("recording", messages, JsonDecoder::default()))
            .capability(move |streams, publisher| {
                let told = streams.fixes.clone().map(|(device, fix)| ((device, fix.time, fix.place), fix.segment));
                let came_at = move |time: Millis| round_up(Time::try_from(time.0).unwrap_or(0), tick_ms);
                let at_once = told.inner.clone().filter(move |(((_, time, _), _), tick, _)| *tick == came_at(*time));
                publisher.publish(&AT_ONCE, count(at_once.as_collection(), "AtOnce"));
                publisher.publish(&FINALLY, count(told, "Finally"));
            })
            .start()?;
        engine.wait_finished();
        let snapshot = engine.views().snapshot();
        engine.shutdown();
        let known: Vec<&Known> = recording.fixes.iter().filter(|fix| fix.truth.is_some()).collect();
        anyhow::ensure!(!known.is_empty(), "truth.csv knows none of the fixes");
        let shares = |view| Shares::of(&known, &snapshot, view);
        Ok(Self { fixes: known.len(), at_once: shares(&AT_ONCE)?, finally: shares(&FINALLY)? })
    }
}

impl Shares {
    fn of(known: &[&Known], snapshot: &Snapshot, view: &View<Told, u64>) -> anyhow::Result<Self> {
        let mut told: BTreeMap<_, Vec<Option<Id>>> = BTreeMap::new();
        for ((fix, street), copies) in snapshot.rows(view) {
            told.entry(fix).or_default().extend((0..copies).map(|_| street));
        }
        let (mut right, mut nowhere) = (0, 0);
        for fix in known {
            let streets = told.get_mut(&fix.key()).filter(|streets| !streets.is_empty());
            let Some(streets) = streets else { anyhow::bail!("nothing is told of a fix: {}", fix.message) };
            let is_right = |street: &Option<Id>| fix.truth.iter().flatten().any(|right| Some(*right) == *street);
            let street = streets.remove(streets.iter().position(is_right).unwrap_or(0));
            right += usize::from(is_right(&street));
            nowhere += usize::from(street.is_none());
        }
        let share = |count: usize| 100.0 * count as f64 / known.len() as f64;
        Ok(Self { right: share(right), nowhere: share(nowhere) })
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "fixes with a known street       {:>8}", self.fixes)?;
        writeln!(
            f,
            "on it, by all that came after   {:>8.1} %   (on no street: {:.1} %)",
            self.finally.right, self.finally.nowhere
        )?;
        write!(
            f,
            "on it, when the fix came        {:>8.1} %   (on no street: {:.1} %)",
            self.at_once.right, self.at_once.nowhere
        )
    }
}
