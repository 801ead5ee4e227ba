//! Time by the rows themselves.

use std::collections::{BTreeMap, VecDeque};
use std::thread;
use std::time::Duration;

use crossbeam_channel::RecvTimeoutError;
use smartcity_dataflow::model::CityRow;
use smartcity_dataflow::operators::round_up;
use smartcity_dataflow::{Diff, Time};

use super::pacemaker::Pacemaker;
use super::taps::Tap;
use crate::source::Batch;

/// Rows that are dealt before the workers are told to work: enough to make a round worth its cost.
const ROWS_PER_ROUND: usize = 10_000;

/// Rounds that may be on their way to the views.
const ROUNDS_IN_FLIGHT: usize = 8;

/// How often a command is looked for while nothing comes.
const LOOK: Duration = Duration::from_millis(5);

/// Rows by tick that have not been dealt.
type Waiting = BTreeMap<Time, Batch>;

impl Pacemaker {
    pub(super) fn replay(&mut self, city: Vec<(CityRow, Diff)>, mut taps: Vec<Tap>) {
        let statuses: Vec<_> = taps.iter().map(|tap| tap.status.clone()).collect();
        let mut reached: Vec<Time> = vec![0; taps.len()];
        let mut city = Some(city);
        let mut waiting = Waiting::new();
        let mut rounds = VecDeque::new();
        let mut dealt = 0;
        while !self.stopping && (!taps.is_empty() || !waiting.is_empty()) {
            // The source that is furthest behind holds the clock, so it is read first.
            if let Some(index) = (0..taps.len()).min_by_key(|&index| reached[index]) {
                match taps[index].batches.recv_timeout(LOOK) {
                    Ok(batch) => {
                        taps[index].count(&batch);
                        reached[index] = self.sort(batch, &mut waiting).max(reached[index]);
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => {
                        taps.remove(index);
                        reached.remove(index);
                    }
                }
            }
            let open = reached.iter().min().map_or(Time::MAX, |&reached| round_up(reached, self.tick_ms));
            while let Some(entry) = waiting.first_entry().filter(|entry| *entry.key() < open && !self.stopping) {
                let (tick, batch) = entry.remove_entry();
                self.move_to(tick);
                self.change_city(city.take().unwrap_or_default());
                dealt += batch.len().max(1);
                self.deal(batch);
                if dealt >= ROWS_PER_ROUND {
                    self.end_round(&mut dealt, &mut rounds);
                }
            }
            // A source slower than the workers: they need not wait for a full round.
            if dealt > 0 && taps.iter().all(|tap| tap.batches.is_empty()) {
                self.end_round(&mut dealt, &mut rounds);
            }
            self.obey();
        }
        if let Some(city) = city.take() {
            self.move_to(self.tick); // no row, and a city all the same
            self.change_city(city);
        }
        if self.tick > self.completed {
            self.complete();
        }
        statuses.iter().for_each(|status| status.dealt(self.completed));
        while !self.stopping {
            self.obey();
            if self.tick > self.completed {
                self.complete();
            }
            thread::sleep(LOOK);
        }
    }

    /// Sorts the rows of a batch by tick, and keeps the share of this process. Gives the time of the last row.
    ///
    /// The ticks of the other shares count too: all processes go through the same ticks, to the last one.
    fn sort(&self, batch: Batch, waiting: &mut Waiting) -> Time {
        let tick_of = |arrived| round_up(arrived, self.tick_ms).max(self.completed + self.tick_ms);
        let (mine, of) = self.share;
        let mut last = 0;
        for mut reading in batch.readings {
            last = last.max(reading.arrived);
            reading.arrived = tick_of(reading.arrived);
            let tick = waiting.entry(reading.arrived).or_default();
            if reading.origin.offset % of == mine {
                tick.readings.push(reading);
            }
        }
        for mut rejected in batch.rejected {
            last = last.max(rejected.arrived);
            rejected.arrived = tick_of(rejected.arrived);
            let tick = waiting.entry(rejected.arrived).or_default();
            if rejected.origin.offset % of == mine {
                tick.rejected.push(rejected);
            }
        }
        for mut named in batch.names {
            named.at = tick_of(named.at);
            waiting.entry(named.at).or_default().names.push(named);
        }
        last
    }

    /// Completes the current tick, and waits while too many rounds are on their way.
    fn end_round(&mut self, dealt: &mut usize, rounds: &mut VecDeque<Time>) {
        *dealt = 0;
        self.complete();
        rounds.push_back(self.completed);
        while rounds.len() > ROUNDS_IN_FLIGHT && !self.stopping {
            if let Some(oldest) = rounds.front()
                && self.views.wait_past(oldest - 1, LOOK).position().through >= *oldest
            {
                rounds.pop_front();
            }
            self.obey();
        }
    }
}
