//! Partitions, and positions in them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A part of a source that is read in order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// Its index in the source, the `partition` of every [`Origin`](smartcity_dataflow::model::Origin). It stays what it is
    /// for as long as anything is remembered of the source; indexes may have gaps.
    pub index: u32,
    /// The topic that it belongs to, or the file that it is.
    pub topic: Arc<str>,
    /// Its number in the topic.
    pub number: u32,
}

impl Partition {
    /// The partition of a source that has only one.
    pub fn only(topic: &str) -> Self {
        Self { index: 0, topic: topic.into(), number: 0 }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.number)
    }
}

/// Where a source had come to: of each partition the offset to read next.
pub type Reached = Vec<(Partition, u64)>;

/// Of each partition, by index, the offset to read next. Positions only move on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Positions(Vec<(u32, u64)>);

impl Positions {
    /// The position of the partition of this index, where there is one.
    pub fn of(&self, index: u32) -> Option<u64> {
        self.place(index).ok().map(|place| self.0[place].1)
    }

    /// Moves a partition on to `next`; where it is past that it stays.
    pub fn advance(&mut self, index: u32, next: u64) {
        match self.place(index) {
            Ok(place) => self.0[place].1 = self.0[place].1.max(next),
            Err(place) => self.0.insert(place, (index, next)),
        }
    }

    /// Moves every partition on to where `other` is.
    pub fn merge(&mut self, other: &Self) {
        other.iter().for_each(|(index, next)| self.advance(index, next));
    }

    /// Whether no partition has a position.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every index with its position, in order of indexes.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.0.iter().copied()
    }

    fn place(&self, index: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&index, |&(index, _)| index)
    }
}

impl FromIterator<(u32, u64)> for Positions {
    fn from_iter<I: IntoIterator<Item = (u32, u64)>>(positions: I) -> Self {
        let mut all = Self::default();
        positions.into_iter().for_each(|(index, next)| all.advance(index, next));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_only_move_on() {
        let mut positions: Positions = [(7, 3), (2, 9), (7, 1)].into_iter().collect();
        assert_eq!(positions.iter().collect::<Vec<_>>(), [(2, 9), (7, 3)]);
        positions.merge(&[(2, 4), (7, 5), (0, 1)].into_iter().collect());
        assert_eq!(positions.iter().collect::<Vec<_>>(), [(0, 1), (2, 9), (7, 5)]);
        assert_eq!((positions.of(2), positions.of(3)), (Some(9), None));
    }
}
