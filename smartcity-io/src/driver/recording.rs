//! Recorded rows in one order, whatever batches and threads they came by.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::time::Duration;
use std::vec;

use crossbeam_channel::RecvTimeoutError;
use rustc_hash::FxHashMap;
use smartcity_dataflow::Time;
use smartcity_dataflow::model::{Body, Id, Instant, Kind, NameUse, Origin, Quantity, Reading, Rejected, Sky, Unit};
use smartcity_dataflow::operators::round_up;

use super::taps::Tap;
use crate::source::{Batch, Positions};

/// The rows of recorded sources in the order of the recording: by their times, at equal times by the order of the sources,
/// and within a source as it hands them over (readings and rejected messages of one time by their origin).
///
/// The order is that of the rows alone. So a row is known to be the next only when every other source has a later one, or
/// has ended; of each source one batch is held.
pub(super) struct Recording {
    tracks: Vec<Track>,
    /// Names of sources that have ended, which no row of theirs used.
    left: Vec<NameUse>,
    /// This process and the number of processes: each takes its share of the rows.
    share: (u64, u64),
}

/// What is known of the next row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is there; its time.
    Row(Time),
    /// It has not come yet, and will not be earlier than this.
    NotBefore(Time),
    /// There is none.
    End,
}

struct Track {
    tap: Tap,
    readings: Peekable<vec::IntoIter<Reading<Instant>>>,
    rejected: Peekable<vec::IntoIter<Rejected>>,
    names: Names,
    /// No row that follows is earlier.
    reached: Time,
    /// The positions after the whole batch.
    after: Positions,
    /// The tick of the row that was taken last.
    tick: Time,
}

impl Recording {
    pub(super) fn new(taps: Vec<Tap>, share: (u64, u64)) -> Self {
        let track = |tap| Track {
            tap,
            readings: Vec::new().into_iter().peekable(),
            rejected: Vec::new().into_iter().peekable(),
            names: Names::default(),
            reached: 0,
            after: Positions::default(),
            tick: 0,
        };
        Self { tracks: taps.into_iter().map(track).collect(), left: Vec::new(), share }
    }

    /// The track that has, or will have, the next row.
    fn first(&mut self) -> Option<(Time, usize)> {
        self.tracks.iter_mut().enumerate().map(|(index, track)| (track.time().unwrap_or(track.reached), index)).min()
    }

    /// What is known of the next row; waits for `patience` where it has not come.
    pub(super) fn next(&mut self, patience: Duration) -> Next {
        while let Some((time, index)) = self.first() {
            let track = &mut self.tracks[index];
            if track.time().is_some() {
                return Next::Row(time);
            }
            match track.tap.batches.recv_timeout(patience) {
                Ok(batch) => track.load(batch),
                Err(RecvTimeoutError::Timeout) => return Next::NotBefore(time),
                Err(RecvTimeoutError::Disconnected) => {
                    self.left.extend(self.tracks.remove(index).names.waiting.into_values().flatten());
                }
            }
        }
        Next::End
    }

    /// Puts the next row, which [`next`](Self::next) has told to be there, and the names that it uses into `hand`, stamped
    /// with `tick`; one of another process's share goes nowhere.
    pub(super) fn take(&mut self, tick: Time, hand: &mut Batch) {
        if let Some((_, index)) = self.first() {
            self.tracks[index].take(tick, self.share, hand);
        }
        self.take_names(tick, hand);
    }

    /// Puts the names of sources that have ended into `hand`, stamped with `tick`.
    pub(super) fn take_names(&mut self, tick: Time, hand: &mut Batch) {
        let left = self.left.drain(..).filter(|_| self.share.0 == 0);
        hand.names.extend(left.map(|named| NameUse { at: tick, ..named }));
    }
}

impl Track {
    fn load(&mut self, batch: Batch) {
        self.tap.status.took(batch.len());
        let Batch { readings, rejected, names, positions } = batch;
        self.after.merge(&positions);
        self.readings = readings.into_iter().peekable();
        self.rejected = rejected.into_iter().peekable();
        self.names.add(names);
        self.pass_batch();
    }

    /// Notes the positions after the batch, where all its rows are taken.
    fn pass_batch(&mut self) {
        if self.time().is_none() {
            self.tap.status.dealt(self.tick, &std::mem::take(&mut self.after));
        }
    }

    /// The time of the next row, where there is one.
    fn time(&mut self) -> Option<Time> {
        let readings = self.readings.peek().map(|reading| reading.arrived);
        let rejected = self.rejected.peek().map(|rejected| rejected.arrived);
        let time = readings.into_iter().chain(rejected).min()?;
        Some(time.max(self.reached))
    }

    fn take(&mut self, tick: Time, (mine, of): (u64, u64), hand: &mut Batch) {
        self.reached = self.time().unwrap_or(self.reached);
        self.tick = tick;
        let is_rejected = match (self.readings.peek(), self.rejected.peek()) {
            (Some(reading), Some(rejected)) => (rejected.arrived, rejected.origin) < (reading.arrived, reading.origin),
            (reading, _) => reading.is_none(),
        };
        let is_mine = |origin: Origin| origin.offset % of == mine;
        if is_rejected {
            let Some(rejected) = self.rejected.next() else { return };
            self.pass(rejected.origin);
            let is_mine = is_mine(rejected.origin);
            let said = self.names.of(self.reached, None).filter(|_| is_mine);
            hand.names.extend(said.map(|named| NameUse { at: tick, ..named }));
            if is_mine {
                hand.rejected.push(Rejected { arrived: tick, ..rejected });
            }
        } else if let Some(reading) = self.readings.next() {
            self.pass(reading.origin);
            let is_mine = is_mine(reading.origin);
            let said = self.names.of(self.reached, Some(&reading)).filter(|_| is_mine);
            hand.names.extend(said.map(|named| NameUse { at: tick, ..named }));
            if is_mine {
                hand.readings.push(Reading { arrived: tick, ..reading });
            }
        }
        self.pass_batch();
    }

    /// Notes the position after a row.
    fn pass(&self, origin: Origin) {
        if self.after.of(origin.partition).is_some() {
            self.tap.status.dealt_one(self.tick, origin.partition, origin.offset + 1);
        }
    }
}

/// Names that were read and wait for their row.
///
/// A name comes with the first row that uses it, and no later than with the first row of a later time. Which names of one
/// time have been read depends on the batches; with which row each comes does not.
#[derive(Default)]
struct Names {
    waiting: FxHashMap<(Kind, Id), Vec<NameUse>>,
    /// What waits, or waited until a row used it, in order of time.
    in_order: VecDeque<(Time, (Kind, Id))>,
}

impl Names {
    fn add(&mut self, mut names: Vec<NameUse>) {
        names.sort_by_key(|named| named.at);
        for named in names {
            let key = (named.kind, named.name.id);
            self.in_order.push_back((named.at, key));
            self.waiting.entry(key).or_default().push(named);
        }
    }

    /// The names that come with a row of time `now`.
    fn of(&mut self, now: Time, reading: Option<&Reading<Instant>>) -> vec::IntoIter<NameUse> {
        let mut said = Vec::new();
        while let Some((at, key)) = self.in_order.pop_front_if(|(at, _)| *at < now) {
            self.take(key, at, &mut said);
        }
        if let Some(reading) = reading.filter(|_| !self.waiting.is_empty()) {
            ids(reading).for_each(|id| self.take((reading.kind, id), now, &mut said));
        }
        said.into_iter()
    }

    fn take(&mut self, key: (Kind, Id), until: Time, said: &mut Vec<NameUse>) {
        let Some(waiting) = self.waiting.get_mut(&key) else { return };
        said.extend(waiting.extract_if(.., |named| named.at <= until));
        if waiting.is_empty() {
            self.waiting.remove(&key);
        }
    }
}

/// What a reading speaks of by name.
fn ids(reading: &Reading<Instant>) -> impl Iterator<Item = Id> {
    let of_body = match reading.body {
        Body::Fix(fix) => {
            let details = fix.details.unwrap_or_default();
            [fix.vehicle_type, details.make, details.model, details.fuel]
        }
        Body::Camera(seen) => [Some(seen.camera), None, None, None],
        Body::Weather(weather) => {
            let other = if let Some(Sky::Other(word)) = weather.sky { Some(word) } else { None };
            [other, None, None, None]
        }
        Body::Report(report) => [Some(report.incident), Some(report.incident_type), report.description, None],
        Body::Sensor(sensor) => {
            let quantity = if let Quantity::Other(word) = sensor.quantity { Some(word) } else { None };
            let unit = if let Unit::Other(symbol) = sensor.unit { Some(symbol) } else { None };
            [quantity, unit, None, None]
        }
        Body::Withdrawn => [None; 4],
    };
    of_body.into_iter().flatten().chain([reading.device])
}

/// Which tick each row of a recording goes to.
///
/// A row goes to the tick of its time. Where that has its fill of rows already, the row goes to the next, and so do those
/// that follow, until the ticks have caught up with the recording. With a fill of two rows and ticks of 100 ms:
///
/// | row | recorded at | tick |
/// |----:|------------:|-----:|
/// |   1 |           5 |  100 |
/// |   2 |          10 |  100 |
/// |   3 |          10 |  200 |
/// |   4 |         150 |  200 |
/// |   5 |         150 |  300 |
/// |   6 |         310 |  400 |
///
/// So a tick is bounded, and a row's tick is a function of the rows before it.
#[derive(Clone, Debug)]
pub(super) struct Fill {
    tick_ms: Time,
    rows_per_tick: usize,
    tick: Time,
    rows: usize,
}

impl Fill {
    pub(super) fn new(tick_ms: Time, rows_per_tick: usize) -> Self {
        Self { tick_ms, rows_per_tick, tick: 0, rows: 0 }
    }

    /// The tick of a row of `time`, if it were the next; not before the tick `earliest`.
    pub(super) fn tick_of(&self, time: Time, earliest: Time) -> Time {
        let is_full = self.rows >= self.rows_per_tick;
        let open = if is_full { self.tick + self.tick_ms } else { self.tick };
        round_up(time, self.tick_ms).max(earliest).max(open)
    }

    /// The tick of the next row, whose time is `time`.
    pub(super) fn take(&mut self, time: Time, earliest: Time) -> Time {
        let tick = self.tick_of(time, earliest);
        self.rows = if tick == self.tick { self.rows + 1 } else { 1 };
        self.tick = tick;
        tick
    }
}

#[cfg(test)]
mod tests;
