//! The pacemaker: stamps what sources read with the engine's tick and deals it to the workers.

use crossbeam_channel::{Receiver, TryRecvError};
use smartcity_dataflow::model::CityRow;
use smartcity_dataflow::operators::round_up;
use smartcity_dataflow::view::Views;
use smartcity_dataflow::{Diff, Time};

use super::clock::Clock;
use super::crew::Crew;
use super::taps::Tap;
use super::worker::{CityFlow, Dealt};
use crate::source::Batch;

/// A worker gets at least this many readings at once, where there are so many.
const HAND: usize = 256;

/// Rows that a tick takes where nothing else is said; more wait for the next.
pub(super) const ROWS_PER_TICK: usize = 100_000;

/// What the pacemaker can be told.
pub(super) enum Command {
    /// The city changes.
    City(Vec<(CityRow, Diff)>),
    /// Stop.
    Stop,
}

/// See the module. [`live`](super::live) and [`replay`](super::replay) hold the two ways of keeping time.
pub(super) struct Pacemaker {
    pub(super) clock: Clock,
    pub(super) tick_ms: Time,
    /// Rows that a tick takes; more wait for the next.
    pub(super) rows_per_tick: usize,
    pub(super) views: Views,
    pub(super) crew: Crew<CityFlow>,
    pub(super) commands: Receiver<Command>,
    /// This process and the number of processes: of a recorded source each process deals its share.
    pub(super) share: (u64, u64),
    /// The tick that rows are dealt at; all before it are dealt.
    pub(super) tick: Time,
    /// The last tick that is complete.
    pub(super) completed: Time,
    pub(super) stopping: bool,
}

impl Pacemaker {
    /// Keeps time until told to stop; then the workers stop.
    pub(super) fn run(mut self, city: Vec<(CityRow, Diff)>, taps: Vec<Tap>) {
        if self.clock.is_replay() {
            self.replay(city, taps)
        } else {
            self.live(city, taps)
        }
        self.crew.shutdown();
    }

    /// Moves on to the tick that holds `time`, or stays where that is past.
    pub(super) fn move_to(&mut self, time: Time) {
        self.tick = round_up(time, self.tick_ms).max(self.tick).max(self.completed + self.tick_ms);
    }

    /// Deals rows of the current tick to the workers in turn.
    pub(super) fn deal(&mut self, batch: Batch) {
        let Batch { readings, rejected, names, .. } = batch;
        let mut readings = readings.into_iter().peekable();
        let hand = readings.len().div_ceil(self.crew.workers()).max(HAND);
        while readings.peek().is_some() {
            let hand = readings.by_ref().take(hand).collect();
            self.crew.deal(self.tick, Dealt::Rows(Batch { readings: hand, ..Batch::default() }));
        }
        if !rejected.is_empty() || !names.is_empty() {
            self.crew.deal(self.tick, Dealt::Rows(Batch { rejected, names, ..Batch::default() }));
        }
    }

    /// Changes the city at the current tick.
    pub(super) fn change_city(&mut self, changes: Vec<(CityRow, Diff)>) {
        if !changes.is_empty() {
            self.crew.deal_to(0, self.tick, Dealt::City(changes));
        }
    }

    /// The current tick is complete.
    pub(super) fn complete(&mut self) {
        self.complete_through(self.tick);
    }

    /// All ticks up to one are complete.
    pub(super) fn complete_through(&mut self, tick: Time) {
        self.completed = tick;
        self.crew.complete(tick);
    }

    /// Does what was commanded, if anything was.
    pub(super) fn obey(&mut self) {
        loop {
            match self.commands.try_recv() {
                Ok(Command::City(changes)) => {
                    self.move_to(self.tick);
                    self.change_city(changes);
                }
                Err(TryRecvError::Empty) => return,
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => {
                    self.stopping = true;
                    return;
                }
            }
        }
    }
}
