//! A view store without an engine.

use std::any::Any;
use std::collections::BTreeMap;

use crate::view::{Changed, Key, Netted, Row, View, Views, net};
use crate::{Diff, Time};

/// A view store that a test fills by hand, for readers of views.
#[derive(Debug)]
pub struct FilledViews {
    views: Views,
    tick: Time,
    changed: BTreeMap<&'static str, Changed>,
}

impl FilledViews {
    /// An empty store of generation 1 whose clock stands still at `now`.
    pub fn new(now: Time) -> Self {
        Self::of_generation(1, now)
    }

    /// The same of an engine's `generation`.
    pub fn of_generation(generation: u64, now: Time) -> Self {
        Self { views: Views::new(generation, move || now), tick: now, changed: BTreeMap::new() }
    }

    /// Changes `view` in the next tick: each key, row and +1 or -1.
    pub fn change<K: Key, V: Row>(&mut self, view: &View<K, V>, changes: impl IntoIterator<Item = (K, V, Diff)>) {
        let mut changes: Vec<_> = changes.into_iter().map(|(key, row, diff)| ((key, row), diff)).collect();
        if let Some(waiting) = self.changed.remove(view.name()) {
            let waiting: &dyn Any = &*waiting.changes;
            let waiting = waiting.downcast_ref::<Netted<K, V>>().expect("a view has one type");
            changes.extend(waiting.0.iter().map(|(key, row, diff)| ((key.clone(), row.clone()), *diff)));
        }
        if let Some(netted) = net(changes) {
            let mut table = self.views.snapshot().rows(view);
            self.changed.insert(view.name(), netted.change(&mut table));
        }
    }

    /// Publishes the changes as one tick and gives the store.
    pub fn commit(&mut self) -> Views {
        self.tick += 1;
        let changed = std::mem::take(&mut self.changed);
        let ticks = (!changed.is_empty()).then_some((self.tick, changed)).into_iter().collect();
        self.views.publish(ticks, self.tick);
        self.views.clone()
    }
}
