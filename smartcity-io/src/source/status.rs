//! How a source fares, for others to watch; and which positions each tick brought.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use smartcity_dataflow::Time;
use smartcity_dataflow::health::Health;

use super::{Assignment, Partition, Positions, Reached};

/// Ticks whose positions are remembered: more than can be on their way to the views.
const REMEMBERED_TICKS: usize = 1 << 16;

/// How far a partition is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionStatus {
    /// Which.
    pub partition: Partition,
    /// The offset that is read next; `None` before anything was read, or where another process reads it.
    pub position: Option<u64>,
    /// The first offset that the partition holds and the one after the last, where the source knows them.
    pub holds: Option<(u64, u64)>,
    /// Offsets that were gone before they were read.
    pub missing: u64,
}

impl PartitionStatus {
    /// Offsets that are still to be read.
    pub fn lag(&self) -> Option<u64> {
        Some(self.holds?.1.saturating_sub(self.position?))
    }
}

/// How a source fares. A clone shows the same source.
#[derive(Clone)]
pub struct SourceStatus {
    name: Arc<str>,
    shared: Arc<Shared>,
}

struct Shared {
    health: Mutex<Health>,
    rows: AtomicU64,
    /// The tick of its last rows, once all were dealt; `Time::MAX` before.
    last_tick: AtomicU64,
    progress: Mutex<Progress>,
}

/// Partitions and positions.
#[derive(Default)]
struct Progress {
    partitions: BTreeMap<u32, PartitionStatus>,
    /// After the last batch that was handed over.
    sent: Positions,
    durable: Positions,
    ticks: Ticks,
}

impl SourceStatus {
    pub(crate) fn new(name: &str) -> Self {
        let shared = Shared {
            health: Mutex::new(Health::Running),
            rows: AtomicU64::new(0),
            last_tick: AtomicU64::new(Time::MAX),
            progress: Mutex::default(),
        };
        Self { name: name.into(), shared: Arc::new(shared) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it goes on.
    pub fn health(&self) -> Health {
        self.health_now().clone()
    }

    /// Messages the engine has taken from it so far.
    pub fn rows(&self) -> u64 {
        self.shared.rows.load(Ordering::Relaxed)
    }

    /// How far each partition is.
    pub fn partitions(&self) -> Vec<PartitionStatus> {
        let progress = self.progress();
        let now =
            |of: &PartitionStatus| PartitionStatus { position: progress.sent.of(of.partition.index), ..of.clone() };
        progress.partitions.values().map(now).collect()
    }

    /// The positions after all that was dealt at or before `tick`, of the partitions that this process reads: what a start
    /// after that tick goes on from. `None` where the tick is so long past that it is not remembered.
    ///
    /// Whoever asks sees to it that the tick is complete.
    pub fn positions_through(&self, tick: Time) -> Option<Reached> {
        let progress = self.progress();
        let positions = progress.ticks.through(tick)?;
        let known = |(index, next)| Some((progress.partitions.get(&index)?.partition.clone(), next));
        Some(positions.iter().filter_map(known).collect())
    }

    /// The source goes on from where it once had come to.
    pub(crate) fn starts(&self, assignment: &Assignment) {
        self.found(assignment.known().iter().cloned());
        let mine = |partition: &Partition| {
            let index = partition.index;
            assignment.position(index).filter(|_| assignment.takes(index)).map(|next| (index, next))
        };
        let positions: Positions = assignment.known().iter().filter_map(mine).collect();
        self.sent(&positions);
        self.dealt(0, &positions);
    }

    /// Everything before these positions is durable.
    pub fn set_durable(&self, positions: &Positions) {
        self.progress().durable.merge(positions);
    }

    pub(crate) fn durable(&self) -> Positions {
        self.progress().durable.clone()
    }

    pub(crate) fn sent(&self, positions: &Positions) {
        if !positions.is_empty() {
            self.progress().sent.merge(positions);
        }
    }

    /// After the last batch that was handed over.
    pub(crate) fn reached(&self) -> Positions {
        self.progress().sent.clone()
    }

    pub(crate) fn found(&self, partitions: impl IntoIterator<Item = Partition>) {
        let mut progress = self.progress();
        for partition in partitions {
            let new = || PartitionStatus { partition: partition.clone(), position: None, holds: None, missing: 0 };
            progress.partitions.entry(partition.index).or_insert_with(new);
        }
    }

    pub(crate) fn holds(&self, index: u32, low: u64, high: u64) {
        if let Some(status) = self.progress().partitions.get_mut(&index) {
            status.holds = Some((low, high));
        }
    }

    pub(crate) fn misses(&self, index: u32, offsets: u64) {
        if let Some(status) = self.progress().partitions.get_mut(&index) {
            status.missing += offsets;
        }
    }

    pub(crate) fn waits(&self, reason: Option<String>) {
        let mut health = self.health_now();
        if !health.has_ended() {
            *health = reason.map_or(Health::Running, Health::Waiting);
        }
    }

    pub(crate) fn set(&self, health: Health) {
        *self.health_now() = health;
    }

    /// Counts messages that the engine has taken.
    pub(crate) fn took(&self, rows: usize) {
        self.shared.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// Notes the positions after what was dealt at `tick`; ticks never decrease.
    pub(crate) fn dealt(&self, tick: Time, positions: &Positions) {
        if !positions.is_empty() {
            self.progress().ticks.at(tick).merge(positions);
        }
    }

    /// Notes the position after a row that was dealt at `tick`.
    pub(crate) fn dealt_one(&self, tick: Time, index: u32, next: u64) {
        self.progress().ticks.at(tick).advance(index, next);
    }

    /// Notes that the source has ended and its last rows were dealt at or before `tick`.
    pub(crate) fn dealt_all(&self, tick: Time) {
        self.shared.last_tick.store(tick, Ordering::Release);
    }

    /// The tick of its last rows, once it has ended and they were dealt.
    pub(crate) fn last_tick(&self) -> Option<Time> {
        Some(self.shared.last_tick.load(Ordering::Acquire)).filter(|&tick| tick != Time::MAX)
    }

    fn health_now(&self) -> MutexGuard<'_, Health> {
        self.shared.health.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.shared.progress.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl fmt::Debug for SourceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("SourceStatus");
        shown.field("name", &self.name).field("health", &self.health()).field("rows", &self.rows()).finish()
    }
}

/// Which positions each tick brought, of the last ticks.
#[derive(Default)]
struct Ticks {
    /// The last tick that is not remembered by itself, and the positions after it.
    before: (Time, Positions),
    /// What each tick after it moved.
    moved: VecDeque<(Time, Positions)>,
    /// The last of them.
    last: Time,
}

impl Ticks {
    /// What `tick` moves; ticks never decrease.
    fn at(&mut self, tick: Time) -> &mut Positions {
        if self.moved.len() == REMEMBERED_TICKS
            && let Some((forgotten, moved)) = self.moved.pop_front_if(|_| self.last < tick)
        {
            self.before.0 = forgotten;
            self.before.1.merge(&moved);
        }
        if self.last < tick || self.moved.is_empty() {
            self.moved.push_back((tick, Positions::default()));
            self.last = tick;
        }
        let newest = self.moved.len() - 1;
        &mut self.moved[newest].1
    }

    fn through(&self, tick: Time) -> Option<Positions> {
        let (before, positions) = &self.before;
        if tick < *before {
            return None;
        }
        let mut positions = positions.clone();
        self.moved.iter().take_while(|(moved, _)| *moved <= tick).for_each(|(_, moved)| positions.merge(moved));
        Some(positions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions<const N: usize>(positions: [(u32, u64); N]) -> Positions {
        positions.into_iter().collect()
    }

    #[test]
    fn the_positions_of_a_tick_are_those_after_all_that_was_dealt_until_then() {
        let mut ticks = Ticks::default();
        assert_eq!(ticks.through(50), Some(Positions::default()));
        ticks.at(100).merge(&positions([(0, 5)]));
        ticks.at(100).merge(&positions([(1, 2)]));
        ticks.at(300).merge(&positions([(0, 9)]));
        assert_eq!(ticks.through(99), Some(Positions::default()));
        assert_eq!(ticks.through(200), Some(positions([(0, 5), (1, 2)])));
        assert_eq!(ticks.through(300), Some(positions([(0, 9), (1, 2)])));
    }

    #[test]
    fn ticks_long_past_are_not_remembered() {
        let mut ticks = Ticks::default();
        for tick in 1..=REMEMBERED_TICKS as u64 + 3 {
            ticks.at(tick).advance(0, tick * 10);
        }
        assert_eq!(ticks.moved.len(), REMEMBERED_TICKS);
        assert_eq!((ticks.through(2), ticks.through(3)), (None, Some(positions([(0, 30)]))));
    }
}
