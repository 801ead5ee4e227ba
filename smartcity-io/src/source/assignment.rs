//! What a source is to read.

use smartcity_dataflow::model::Origin;

use super::{Batch, Partition, Positions};

/// Which partitions a process reads of a source, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    process: u32,
    processes: u32,
    known: Vec<Partition>,
    positions: Positions,
}

impl Default for Assignment {
    fn default() -> Self {
        Self::share(0, 1)
    }
}

impl Assignment {
    /// Every partition, each from where the source starts.
    pub fn all() -> Self {
        Self::default()
    }

    /// The partitions of process `process` of `processes`, from 0.
    pub fn share(process: u32, processes: u32) -> Self {
        Self { process, processes: processes.max(1), known: Vec::new(), positions: Positions::default() }
    }

    /// The same partitions, those named here from these positions.
    #[must_use]
    pub fn from(mut self, reached: impl IntoIterator<Item = (Partition, u64)>) -> Self {
        for (partition, next) in reached {
            self.positions.advance(partition.index, next);
            self.known.push(partition);
        }
        self
    }

    /// Moves the positions on to these.
    pub fn resume(&mut self, positions: &Positions) {
        self.positions.merge(positions);
    }

    /// Whether the partition of this index is to be read.
    pub fn takes(&self, index: u32) -> bool {
        index % self.processes == self.process
    }

    /// The offset to start from; `None` for the partition's beginning, or for what the source's settings say.
    pub fn position(&self, index: u32) -> Option<u64> {
        self.positions.of(index)
    }

    /// The partitions that were known when the positions were kept, whosever they are: each keeps its index.
    pub fn known(&self) -> &[Partition] {
        &self.known
    }

    /// Whether what was read at `origin` is to be handed over: its partition is taken, and it is at the position or past it.
    pub fn wants(&self, origin: Origin) -> bool {
        self.takes(origin.partition) && self.position(origin.partition).is_none_or(|next| origin.offset >= next)
    }

    /// Whether a source with these partitions has anything to read here; one without any is read by the first process.
    pub(crate) fn takes_any(&self, partitions: &[Partition]) -> bool {
        match partitions {
            [] => self.process == 0,
            _ => partitions.iter().any(|partition| self.takes(partition.index)),
        }
    }

    /// Takes out of `batch` what is not [wanted](Self::wants). The names stay: later rows may use them.
    pub(crate) fn select(&self, batch: &mut Batch) {
        if self.processes > 1 || !self.positions.is_empty() {
            batch.readings.retain(|row| self.wants(row.origin));
            batch.rejected.retain(|row| self.wants(row.origin));
            let mine = batch.positions.iter().filter(|&(index, _)| self.takes(index));
            let onwards = |(index, next): (u32, u64)| (index, next.max(self.position(index).unwrap_or(0)));
            batch.positions = mine.map(onwards).collect();
        }
    }
}
