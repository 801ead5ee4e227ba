//! The view store: the current snapshot, and a ring of the changes that led to it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use arc_swap::ArcSwap;
use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::table::{Changed, Key, Row, Rows, Table, TableChanges, View, changes_of, rows_of};
use crate::city::statics::NAMES;
use crate::model::Names;
use crate::{Diff, Time};

/// A point in the life of an engine: what a reader has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Which incarnation of the engine; ticks of two generations do not compare.
    pub generation: u64,
    /// The last tick that is complete.
    pub through: Time,
}

/// All views as of one tick. Immutable; a clone of the `Arc` keeps it for as long as it is needed.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    position: Position,
    published: Time,
    tables: BTreeMap<&'static str, Arc<dyn Table>>,
}

impl Snapshot {
    /// Generation and last complete tick.
    pub fn position(&self) -> Position {
        self.position
    }

    /// When it was published, by the clock given to [`Views::new`]: milliseconds since the epoch.
    pub fn published(&self) -> Time {
        self.published
    }

    /// The rows of a view by key; none where the engine has no such view.
    pub fn rows<K: Key, V: Row>(&self, view: &View<K, V>) -> OrdMap<K, V> {
        self.tables.get(view.name()).map(rows_of::<K, V>).unwrap_or_default()
    }

    /// The row of `key` in a view.
    pub fn row<K: Key, V: Row>(&self, view: &View<K, V>, key: &K) -> Option<V> {
        self.rows(view).get(key).cloned()
    }

    /// Every view by name.
    pub fn tables(&self) -> &BTreeMap<&'static str, Arc<dyn Table>> {
        &self.tables
    }

    /// The dictionary: put it in scope to write ids as text.
    pub fn names(&self) -> Names {
        Names::from(self.rows(&NAMES))
    }

    /// All views as JSON, `{view: [[key, row], ...]}`, keys in order: equal snapshots give equal texts.
    pub fn to_json(&self) -> Value {
        self.names().scope(|| {
            let views = self.tables.iter().map(|(name, table)| {
                let mut rows = Vec::with_capacity(table.len());
                table.for_each(&mut |key, row| rows.push(Value::Array(vec![key, row])));
                ((*name).to_owned(), Value::Array(rows))
            });
            Value::Object(views.collect())
        })
    }
}

/// The net changes of all views at one tick.
#[derive(Debug)]
pub struct Changes {
    position: Position,
    views: BTreeMap<&'static str, Arc<dyn TableChanges>>,
    names: Names,
}

impl Changes {
    /// The tick.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The changes of a view: ascending by key, the row that goes before the one that comes. None where nothing of it changed.
    pub fn of<K: Key, V: Row>(&self, view: &View<K, V>) -> &[(K, V, Diff)] {
        self.views.get(view.name()).map(changes_of::<K, V>).unwrap_or_default()
    }

    /// Changes by view; a view without any is absent.
    pub fn views(&self) -> &BTreeMap<&'static str, Arc<dyn TableChanges>> {
        &self.views
    }

    /// The dictionary of the tick, with the texts that went with it: put it in scope to write ids as text.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Number of changes in all views.
    pub fn len(&self) -> usize {
        self.views.values().map(|changes| changes.len()).sum()
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.views.is_empty()
    }

    /// Shows every change as (view, key, row, multiplicity), ids as text.
    pub fn for_each(&self, mut show: impl FnMut(&'static str, Value, Value, Diff)) {
        self.names.scope(|| {
            for (name, changes) in &self.views {
                changes.for_each(&mut |key, row, diff| show(name, key, row, diff));
            }
        });
    }
}

/// A reader asked for changes that the ring no longer holds, or of another generation: it must start from a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the changes since tick {} of generation {} are no longer held: start again from a snapshot", .since.through, .since.generation)]
pub struct Lagged {
    /// What was asked for.
    pub since: Position,
}

/// How many changes the ring keeps; a reader further behind starts from a snapshot.
const RING_CHANGES: usize = 200_000;

/// How many ticks the ring keeps.
const RING_TICKS: usize = 4_096;

type Listeners<T> = Mutex<Vec<Box<dyn Fn(&Arc<T>) + Send + Sync>>>;

/// The view store. A clone is another handle on the same views.
#[derive(Clone)]
pub struct Views(Arc<Shared>);

struct Shared {
    generation: u64,
    clock: Box<dyn Fn() -> Time + Send + Sync>,
    pending: Mutex<Pending>,
    current: ArcSwap<Snapshot>,
    ring: Mutex<Ring>,
    published: Condvar,
    snapshot_listeners: Listeners<Snapshot>,
    changes_listeners: Listeners<Changes>,
}

/// What waits for the other views.
#[derive(Default)]
struct Pending {
    /// The first time that each view may still change; `None` once it cannot.
    frontiers: BTreeMap<&'static str, Option<Time>>,
    ticks: BTreeMap<Time, BTreeMap<&'static str, Changed>>,
    published: Time,
}

#[derive(Default)]
struct Ring {
    ticks: VecDeque<Arc<Changes>>,
    changes: usize,
    /// Ticks up to this one have left the ring.
    left: Time,
}

impl Views {
    /// An empty store of an engine's `generation`; `clock` gives milliseconds since the epoch, to date what is published.
    pub fn new(generation: u64, clock: impl Fn() -> Time + Send + Sync + 'static) -> Self {
        let empty = Snapshot { position: Position { generation, through: 0 }, ..Snapshot::default() };
        Self(Arc::new(Shared {
            generation,
            clock: Box::new(clock),
            pending: Mutex::default(),
            current: ArcSwap::from_pointee(empty),
            ring: Mutex::default(),
            published: Condvar::new(),
            snapshot_listeners: Mutex::default(),
            changes_listeners: Mutex::default(),
        }))
    }

    /// The current snapshot.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.0.current.load_full()
    }

    /// The engine's clock: milliseconds since the epoch.
    pub fn now(&self) -> Time {
        (self.0.clock)()
    }

    /// The changes after `since`, oldest first, tick by tick; ticks without changes are left out.
    pub fn changes_since(&self, since: Position) -> Result<Vec<Arc<Changes>>, Lagged> {
        let ring = lock(&self.0.ring);
        if since.generation != self.0.generation || since.through < ring.left {
            return Err(Lagged { since });
        }
        let first = ring.ticks.partition_point(|tick| tick.position.through <= since.through);
        Ok(ring.ticks.range(first..).cloned().collect())
    }

    /// Waits until a tick after `through` is complete, or `timeout` has passed; gives the current snapshot.
    pub fn wait_past(&self, through: Time, timeout: Duration) -> Arc<Snapshot> {
        let behind = |_: &mut Ring| self.0.current.load().position.through <= through;
        let ring = lock(&self.0.ring);
        drop(
            self.0.published.wait_timeout_while(ring, timeout, behind).unwrap_or_else(|poisoned| poisoned.into_inner()),
        );
        self.snapshot()
    }

    /// Calls `listener` with every snapshot from now on, on the engine's thread: it must be quick and must not block.
    pub fn on_publish(&self, listener: impl Fn(&Arc<Snapshot>) + Send + Sync + 'static) {
        lock(&self.0.snapshot_listeners).push(Box::new(listener));
    }

    /// Calls `listener` with the changes of every tick from now on, in order, on the engine's thread. While it blocks the
    /// engine waits: so nothing is lost, and a listener that must not hold the engine up must not block. A reader of
    /// [`wait_past`](Self::wait_past) may go on with a tick before its listeners are called.
    pub fn on_changes(&self, listener: impl Fn(&Arc<Changes>) + Send + Sync + 'static) {
        lock(&self.0.changes_listeners).push(Box::new(listener));
    }

    /// Takes what the view `name` has become at `ticks`, and that it may still change at `frontier` and after it, or never
    /// again. Publishes the ticks that all views have completed by now.
    ///
    /// Not once `stopped` is set: closing the inputs releases what was to happen in the future, and nobody is to see that.
    pub(super) fn complete(
        &self,
        name: &'static str,
        ticks: Vec<(Time, Changed)>,
        frontier: Option<Time>,
        stopped: &AtomicBool,
    ) {
        let mut pending = lock(&self.0.pending);
        for (tick, changed) in ticks {
            pending.ticks.entry(tick).or_default().insert(name, changed);
        }
        pending.frontiers.insert(name, frontier);
        let frontier = pending.frontiers.values().map(|frontier| frontier.unwrap_or(Time::MAX)).min();
        let Some(frontier) = frontier.filter(|&frontier| frontier > pending.published + 1 && frontier < Time::MAX)
        else {
            return;
        };
        if stopped.load(Ordering::Acquire) {
            return;
        }
        let later = pending.ticks.split_off(&frontier);
        let complete = std::mem::replace(&mut pending.ticks, later);
        pending.published = frontier - 1;
        // Still locked, so that ticks are published in their order.
        self.publish(complete, frontier - 1);
    }

    /// Publishes what the views have become at ticks up to `through`.
    pub(crate) fn publish(&self, ticks: BTreeMap<Time, BTreeMap<&'static str, Changed>>, through: Time) {
        let mut snapshot = Snapshot::clone(&self.snapshot());
        let generation = self.0.generation;
        let mut published = Vec::with_capacity(ticks.len());
        for (tick, views) in ticks {
            let before = snapshot.names();
            let mut changes = BTreeMap::new();
            for (name, changed) in views {
                snapshot.tables.insert(name, changed.table);
                changes.insert(name, changed.changes);
            }
            // A row that goes may name what goes with it, so the names before the tick are still in scope.
            let names = snapshot.names().or(before);
            published.push(Arc::new(Changes {
                position: Position { generation, through: tick },
                views: changes,
                names,
            }));
        }
        snapshot.position.through = through;
        snapshot.published = (self.0.clock)();
        let snapshot = Arc::new(snapshot);
        {
            let mut ring = lock(&self.0.ring);
            published.iter().for_each(|changes| ring.push(Arc::clone(changes)));
            self.0.current.store(Arc::clone(&snapshot));
        }
        self.0.published.notify_all();
        for listener in &*lock(&self.0.changes_listeners) {
            published.iter().for_each(listener);
        }
        for listener in &*lock(&self.0.snapshot_listeners) {
            listener(&snapshot);
        }
    }

    /// Makes an empty table for a view, so that it is listed before its first row; nothing is published before this view
    /// has its first tick, too. Every worker declares every view.
    pub(super) fn declare<K: Key, V: Row>(&self, view: &View<K, V>) {
        lock(&self.0.pending).frontiers.entry(view.name()).or_insert(Some(0));
        self.0.current.rcu(|snapshot| {
            let mut snapshot = Snapshot::clone(snapshot);
            snapshot.tables.entry(view.name()).or_insert_with(|| Arc::new(Rows::<K, V>::new()));
            snapshot
        });
    }
}

impl fmt::Debug for Views {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let snapshot = self.snapshot();
        f.debug_struct("Views").field("position", &snapshot.position).field("views", &snapshot.tables.keys()).finish()
    }
}

impl Ring {
    fn push(&mut self, tick: Arc<Changes>) {
        self.changes += tick.len();
        self.ticks.push_back(tick);
        while self.ticks.len() > RING_TICKS || (self.changes > RING_CHANGES && self.ticks.len() > 1) {
            if let Some(oldest) = self.ticks.pop_front() {
                self.changes -= oldest.len();
                self.left = oldest.position.through;
            }
        }
    }
}

/// A lock survives a reader's panic: what it guards is replaced whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
