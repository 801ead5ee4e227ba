//! Time by the rows themselves.
//!
//! ```text
//!  source ──batches──▶ ┐
//!  source ──batches──▶ ┼─▶ Recording: one order of rows ──▶ Fill: the tick of each ──▶ hands ──▶ workers
//!  source ──batches──▶ ┘
//! ```
//!
//! The k-th row of a recording goes to the same tick in every run: neither batches nor threads nor the number of workers or
//! processes show. A tick has a bounded number of rows, as one of a running clock has; rows are dealt as they are read, so
//! what is held of a recording is a batch of each source and the rows on their way to the views, which are bounded too.

use std::collections::VecDeque;
use std::mem::take;
use std::thread;
use std::time::Duration;

use smartcity_dataflow::model::CityRow;
use smartcity_dataflow::{Diff, Time};

use super::pacemaker::Pacemaker;
use super::recording::{Fill, Next, Recording};
use super::taps::Tap;
use crate::source::Batch;

/// Rows that are dealt before the workers are told to work: enough to make a round worth its cost.
const ROWS_PER_ROUND: usize = 10_000;

/// Rounds that may be on their way to the views.
const ROUNDS_IN_FLIGHT: usize = 6;

/// Rows that may be on their way to the views while those of the next round are dealt.
const ROWS_IN_FLIGHT: usize = 30_000;

/// Rows of one tick that are dealt to the workers at once.
const ROWS_PER_HAND: usize = 4_096;

/// How often a command is looked for while nothing comes.
const LOOK: Duration = Duration::from_millis(1);

/// What has been dealt and is not yet complete, and what is on its way.
#[derive(Default)]
struct Rounds {
    /// Rows since the last round.
    dealt: usize,
    /// The last ticks of the rounds on their way, with the rows of each.
    on_their_way: VecDeque<(Time, usize)>,
}

impl Rounds {
    fn are_too_many(&self) -> bool {
        let rows: usize = self.on_their_way.iter().map(|(_, rows)| rows).sum();
        self.on_their_way.len() > ROUNDS_IN_FLIGHT || rows > ROWS_IN_FLIGHT
    }
}

impl Pacemaker {
    pub(super) fn replay(&mut self, city: Vec<(CityRow, Diff)>, taps: Vec<Tap>) {
        let statuses: Vec<_> = taps.iter().map(|tap| tap.status.clone()).collect();
        let mut city = Some(city);
        let mut recording = Recording::new(taps, self.share);
        let mut fill = Fill::new(self.tick_ms, self.rows_per_tick);
        let mut rounds = Rounds::default();
        let mut hand = Batch::default();
        while !self.stopping {
            match recording.next(LOOK) {
                Next::Row(time) => {
                    let tick = fill.take(time, self.earliest());
                    if tick > self.tick {
                        self.deal(take(&mut hand));
                        if rounds.dealt >= ROWS_PER_ROUND {
                            self.end_round(&mut rounds);
                        }
                        self.move_to(tick);
                    }
                    self.change_city(city.take().unwrap_or_default());
                    recording.take(self.tick, &mut hand);
                    rounds.dealt += 1; // also where another process deals it: all go through the same ticks
                    if hand.len() >= ROWS_PER_HAND {
                        self.deal(take(&mut hand));
                        self.obey();
                    }
                }
                Next::NotBefore(time) => {
                    // A source slower than the workers: they need not wait for a full round.
                    if rounds.dealt > 0 && fill.tick_of(time, self.earliest()) > self.tick {
                        self.deal(take(&mut hand));
                        self.end_round(&mut rounds);
                    } else if self.tick > self.completed + self.tick_ms && rounds.dealt > 0 {
                        self.complete_through(self.tick - self.tick_ms); // the open tick alone waits for a later row
                    }
                    self.obey();
                }
                Next::End => break,
            }
        }
        let next = self.earliest();
        recording.take_names(next, &mut hand);
        if city.is_some() || !hand.is_empty() {
            self.move_to(next); // no row, and a city all the same
            self.change_city(city.take().unwrap_or_default());
            self.deal(hand);
        }
        if self.tick > self.completed {
            self.complete();
        }
        statuses.iter().for_each(|status| status.dealt_all(self.completed));
        while !self.stopping {
            self.obey();
            if self.tick > self.completed {
                self.complete();
            }
            thread::sleep(LOOK);
        }
    }

    /// The first tick that rows can be dealt at.
    fn earliest(&self) -> Time {
        self.tick.max(self.completed + self.tick_ms)
    }

    /// Completes the current tick, and waits while too much is on its way.
    fn end_round(&mut self, rounds: &mut Rounds) {
        self.complete();
        rounds.on_their_way.push_back((self.completed, take(&mut rounds.dealt)));
        while rounds.are_too_many() && !self.stopping {
            if let Some(&(oldest, _)) = rounds.on_their_way.front()
                && self.views.wait_past(oldest - 1, LOOK).position().through >= oldest
            {
                rounds.on_their_way.pop_front();
            }
            self.obey();
        }
    }
}
