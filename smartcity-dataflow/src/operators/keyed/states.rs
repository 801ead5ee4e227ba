//! The state of every key.

use std::hash::{BuildHasher, Hash};

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

/// Where is the state of a key? Its place does not change while the key has a state.
///
/// A key is kept once, in its slot; the index knows places only. So a key costs its slot (itself, its state and eight bytes)
/// and, at the index's usual load, six to nine bytes of index.
pub(super) struct States<K, S> {
    /// The places, in parts that grow at different times: one table would have everything wait while it grows.
    index: Vec<HashTable<u32>>,
    slots: Blocks<Slot<K, S>>,
    /// Places whose key was dropped.
    free: Vec<u32>,
}

/// A key with its state, and what it has at the tick at hand.
pub(super) struct Slot<K, S> {
    pub(super) key: K,
    pub(super) state: S,
    /// How many keys this place has seen dropped: so a key can be told from one that had the place before.
    pub(super) generation: u32,
    /// The key's last change of the tick at hand; the kernel says how.
    pub(super) last: u32,
}

impl<K: Hash + Eq, S: Default> States<K, S> {
    const PARTS: usize = 64;

    pub(super) fn new() -> Self {
        Self { index: (0..Self::PARTS).map(|_| HashTable::new()).collect(), slots: Blocks::new(), free: Vec::new() }
    }

    /// The place of `key`, and whether that is new: then with a state to begin with, and `last`.
    pub(super) fn place(&mut self, key: K, last: u32) -> (u32, bool) {
        let hash = FxBuildHasher.hash_one(&key);
        let part = &mut self.index[part(hash)];
        if let Some(&known) = part.find(hash, |&at| self.slots.get(at).key == key) {
            return (known, false);
        }
        let at = if let Some(at) = self.free.pop() {
            let slot = self.slots.get_mut(at);
            (slot.key, slot.last) = (key, last);
            at
        } else {
            self.slots.push(Slot { key, state: S::default(), generation: 0, last })
        };
        part.insert_unique(hash, at, |&at| FxBuildHasher.hash_one(&self.slots.get(at).key));
        (at, true)
    }

    pub(super) fn slot(&mut self, at: u32) -> &mut Slot<K, S> {
        self.slots.get_mut(at)
    }

    /// Drops the key at a place, with its state.
    pub(super) fn drop(&mut self, at: u32) {
        let slot = self.slots.get_mut(at);
        slot.state = S::default();
        slot.generation = slot.generation.wrapping_add(1);
        let hash = FxBuildHasher.hash_one(&slot.key);
        if let Ok(entry) = self.index[part(hash)].find_entry(hash, |&other| other == at) {
            entry.remove();
        }
        self.free.push(at);
    }
}

/// The part of the index for a hash; a table goes by the lowest and the highest bits.
fn part(hash: u64) -> usize {
    (hash >> 32) as usize % States::<(), ()>::PARTS
}

/// A list in blocks. A vector that grows moves all that it holds, and everything waits: for 130,000 readings 0.2 seconds.
struct Blocks<T>(Vec<Vec<T>>);

impl<T> Blocks<T> {
    const LENGTH: usize = 1_024;

    fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds an item, and gives its place.
    fn push(&mut self, item: T) -> u32 {
        if self.0.last().is_none_or(|block| block.len() == Self::LENGTH) {
            // Many lists stay small.
            self.0.push(Vec::with_capacity(if self.0.is_empty() { 0 } else { Self::LENGTH }));
        }
        let block = self.0.len() - 1;
        let items = &mut self.0[block];
        items.push(item);
        (block * Self::LENGTH + items.len() - 1) as u32
    }

    fn get(&self, at: u32) -> &T {
        &self.0[at as usize / Self::LENGTH][at as usize % Self::LENGTH]
    }

    fn get_mut(&mut self, at: u32) -> &mut T {
        &mut self.0[at as usize / Self::LENGTH][at as usize % Self::LENGTH]
    }
}
