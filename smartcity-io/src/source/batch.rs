//! What a source hands over.

use smartcity_dataflow::model::{Instant, NameUse, Reading, Rejected};

use super::Positions;

/// What a source read at once.
///
/// A recorded source (a replay) sets `arrived` of every row to the time the row was recorded, never decreasing within the
/// source; the engine's clock follows it. A live source leaves it 0 and the engine stamps the row with its own tick.
///
/// The rows of a partition come in the order of their offsets, among the readings as among the rejected.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Decoded messages.
    pub readings: Vec<Reading<Instant>>,
    /// Messages that no decoder could make a reading of.
    pub rejected: Vec<Rejected>,
    /// Texts that the readings refer to, each at the `arrived` of the first row that used it. The source's own name is not
    /// among them: the engine says it.
    pub names: Vec<NameUse>,
    /// The positions after this batch, of the partitions that it moved: also past what makes no row (a blank line, a hole in
    /// the offsets). A source whose batches have none cannot be resumed.
    pub positions: Positions,
}

impl Batch {
    /// Messages in the batch, decoded or not.
    pub fn len(&self) -> usize {
        self.readings.len() + self.rejected.len()
    }

    /// Whether there is a message in the batch.
    pub fn has_rows(&self) -> bool {
        !(self.readings.is_empty() && self.rejected.is_empty())
    }

    /// Moves everything of `other` to the end of this batch.
    pub fn append(&mut self, other: &mut Self) {
        self.readings.append(&mut other.readings);
        self.rejected.append(&mut other.rejected);
        self.names.append(&mut other.names);
        self.positions.merge(&std::mem::take(&mut other.positions));
    }

    /// Whether the batch holds nothing at all.
    pub fn is_empty(&self) -> bool {
        !self.has_rows() && self.names.is_empty() && self.positions.is_empty()
    }
}
