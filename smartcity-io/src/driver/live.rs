//! Time by a clock that runs, whatever the sources do.

use std::time::Duration;

use crossbeam_channel::{Select, TryRecvError};
use smartcity_dataflow::model::CityRow;
use smartcity_dataflow::{Diff, Time};

use super::clock::Clock;
use super::pacemaker::Pacemaker;
use super::taps::Tap;
use crate::source::Batch;

/// Ticks that may be on their way to the views; with more, nothing is taken from the sources.
const TICKS_IN_FLIGHT: Time = 20;

/// How often a clock that is moved by hand is looked at.
const LOOK: Duration = Duration::from_millis(2);

impl Pacemaker {
    pub(super) fn live(&mut self, city: Vec<(CityRow, Diff)>, mut taps: Vec<Tap>) {
        self.move_to(self.clock.now());
        self.change_city(city);
        while !self.stopping {
            let through = self.views.snapshot().position().through;
            let is_behind = self.completed.saturating_sub(through) > TICKS_IN_FLIGHT * self.tick_ms && through > 0;
            let mut room = if is_behind { 0 } else { self.rows_per_tick };
            while self.clock.now() <= self.tick && !self.stopping {
                self.wait(&mut taps, &mut room);
            }
            if !is_behind {
                self.complete();
            }
            self.move_to(self.clock.now());
        }
    }

    /// Waits for a command, for rows where there is room for them, or for the end of the tick.
    fn wait(&mut self, taps: &mut Vec<Tap>, room: &mut usize) {
        let left = (self.tick + 1).saturating_sub(self.clock.now());
        let wait = if matches!(self.clock, Clock::Manual(_)) { LOOK } else { Duration::from_millis(left) };
        let commands = self.commands.clone();
        let mut select = Select::new();
        let command = select.recv(&commands);
        if *room > 0 {
            for tap in taps.iter() {
                select.recv(&tap.batches);
            }
        }
        let Ok(ready) = select.ready_timeout(wait) else { return };
        drop(select);
        if ready == command {
            return self.obey();
        }
        let index = ready - 1;
        match taps[index].batches.try_recv() {
            Ok(mut batch) => {
                taps[index].status.took(batch.len());
                taps[index].status.dealt(self.tick, &batch.positions);
                *room = room.saturating_sub(batch.len());
                stamp(&mut batch, self.tick);
                self.deal(batch);
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => taps.remove(index).status.dealt_all(self.tick),
        }
    }
}

/// Rows of a live source are learnt at the tick at which they are taken.
fn stamp(batch: &mut Batch, tick: Time) {
    batch.readings.iter_mut().for_each(|reading| reading.arrived = tick);
    batch.rejected.iter_mut().for_each(|rejected| rejected.arrived = tick);
    batch.names.iter_mut().for_each(|named| named.at = tick);
}
