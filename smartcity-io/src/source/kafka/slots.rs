//! Which index a partition of a topic has.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::source::Partition;

/// The indexes of the partitions of all topics.
///
/// | topic | slot | number | index |
/// |---|---:|---:|---:|
/// | first | 0 | 0, 1, 2 | 0, 61, 122 |
/// | second | 1 | 0, 1, 2 | 1, 62, 123 |
///
/// A topic's slot is its place in the settings, or where it was when positions were kept. So every process finds the same
/// indexes without asking another; and as 61 is a prime, both topics and partitions spread over processes. A topic that was
/// made anew has offsets that were there before: its partitions go on under new indexes, [`GENERATION`] further.
#[derive(Debug)]
pub(super) struct Slots {
    /// The topics to read.
    wanted: Vec<Arc<str>>,
    /// The topic of each slot; empty where there is none.
    slots: Vec<Arc<str>>,
    /// Partitions that do not go by their first index any more.
    renewed: BTreeMap<u32, u32>,
}

/// Topics that a source can have.
const SLOTS: u32 = 61;

/// Indexes before the first of a topic that was made anew.
const GENERATION: u32 = 1 << 26;

impl Slots {
    /// The slots of `topics`; `None` where there are too many.
    pub(super) fn new<'a>(topics: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut wanted: Vec<Arc<str>> = Vec::new();
        for topic in topics {
            if !wanted.iter().any(|known| **known == *topic) {
                wanted.push(topic.into());
            }
        }
        let slots = Self { slots: wanted.clone(), wanted, renewed: BTreeMap::new() };
        (slots.slots.len() <= SLOTS as usize).then_some(slots)
    }

    /// The topics to read.
    pub(super) fn topics(&self) -> &[Arc<str>] {
        &self.wanted
    }

    /// Lets every partition that is known have the index that it had; whether there are slots enough.
    pub(super) fn remember(&mut self, known: &[Partition]) -> bool {
        let mut kept: Vec<Arc<str>> = Vec::new();
        for partition in known {
            let slot = (partition.index % GENERATION % SLOTS) as usize;
            kept.resize(kept.len().max(slot + 1), "".into());
            kept[slot] = Arc::clone(&partition.topic);
            if partition.index >= GENERATION {
                let newest = self.renewed.entry(partition.index % GENERATION).or_default();
                *newest = partition.index.max(*newest);
            }
        }
        for topic in &self.wanted {
            if kept.contains(topic) {
                continue;
            }
            match kept.iter_mut().find(|slot| slot.is_empty()) {
                Some(free) => *free = Arc::clone(topic),
                None => kept.push(Arc::clone(topic)),
            }
        }
        self.slots = kept;
        self.slots.len() <= SLOTS as usize
    }

    /// The first index of a partition, which says whose it is.
    pub(super) fn first_index(&self, topic: &str, number: u32) -> Option<u32> {
        let slot = self.slots.iter().position(|known| **known == *topic)?;
        number.checked_mul(SLOTS)?.checked_add(slot as u32).filter(|index| *index < GENERATION)
    }

    /// A partition of a topic that has a slot.
    pub(super) fn partition(&self, topic: &Arc<str>, number: u32) -> Option<Partition> {
        let first = self.first_index(topic, number)?;
        let index = self.renewed.get(&first).copied().unwrap_or(first);
        Some(Partition { index, topic: Arc::clone(topic), number })
    }

    /// The same partition of a topic that was made anew.
    pub(super) fn renew(&mut self, partition: &Partition) -> Partition {
        let index = partition.index.saturating_add(GENERATION);
        self.renewed.insert(index % GENERATION, index);
        Partition { index, ..partition.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(slots: &Slots, topic: &str, number: u32) -> u32 {
        slots.partition(&topic.into(), number).unwrap().index
    }

    #[test]
    fn an_index_stays_when_topics_come_and_partitions_grow() {
        let mut slots = Slots::new(["a", "b", "a"]).unwrap();
        assert_eq!((index(&slots, "a", 0), index(&slots, "b", 0), index(&slots, "b", 2)), (0, 1, 123));
        let known = [slots.partition(&"b".into(), 0).unwrap()];
        let renewed = slots.renew(&known[0]);
        assert_eq!(renewed.index, GENERATION + 1);
        assert_eq!(index(&slots, "b", 0), renewed.index);
        let mut later = Slots::new(["c", "b", "a"]).unwrap();
        assert!(later.remember(&[known[0].clone(), renewed.clone()]));
        assert_eq!((index(&later, "b", 0), index(&later, "c", 0), index(&later, "a", 0)), (renewed.index, 0, 2));
        assert_eq!(slots.renew(&renewed).index, 2 * GENERATION + 1);
        assert!(Slots::new((0..62).map(|number| ["t"; 62][number])).is_some(), "one topic named often");
        assert_eq!(slots.partition(&"unknown".into(), 0), None);
    }

    #[test]
    fn topics_and_partitions_spread_over_processes() {
        let slots = Slots::new(["a", "b", "c", "d", "e", "f", "g", "h"]).unwrap();
        for processes in [2, 3, 4, 8] {
            let mut read = vec![0; processes];
            for topic in ["a", "b", "c", "d", "e", "f", "g", "h"] {
                (0..3).for_each(|number| read[index(&slots, topic, number) as usize % processes] += 1);
            }
            let (least, most) = (read.iter().min().unwrap(), read.iter().max().unwrap());
            assert!(most - least <= 2, "{read:?}");
        }
    }
}
