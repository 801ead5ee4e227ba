//! From collections to the view store.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use differential_dataflow::consolidation::consolidate;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::vec::Map;

use super::store::Views;
use super::table::{Apply, Key, Netted, Row, View};
use crate::{Diff, Rows, Time};

/// Publishes collections as views; one a worker, made alike on every worker.
#[derive(Clone, Debug)]
pub struct Publisher {
    /// The workers that keep a store: the first of every process.
    keepers: Arc<[u64]>,
    collector: Rc<RefCell<Collector>>,
}

/// What one worker has received and not yet published.
#[derive(Debug)]
struct Collector {
    views: Views,
    /// Whether this worker is a keeper.
    keeps: bool,
    stopped: Arc<AtomicBool>,
    /// The first time that each view may still change; `None` once it cannot.
    frontiers: BTreeMap<&'static str, Option<Time>>,
    waiting: BTreeMap<Time, BTreeMap<&'static str, Arc<dyn Apply>>>,
    published: Time,
}

impl Publisher {
    /// A publisher for worker `index` of `peers`, of which each process has `threads`; this process keeps `views`.
    ///
    /// Once `stopped` is set nothing more is published: closing the inputs releases what was to happen in the future, and
    /// nobody is to see that.
    pub fn new(views: Views, index: usize, peers: usize, threads: usize, stopped: Arc<AtomicBool>) -> Self {
        let keepers = (0..peers).step_by(threads.max(1)).map(|worker| worker as u64).collect();
        let keeps = index.is_multiple_of(threads.max(1));
        let collector =
            Collector { views, keeps, stopped, frontiers: BTreeMap::new(), waiting: BTreeMap::new(), published: 0 };
        Self { keepers, collector: Rc::new(RefCell::new(collector)) }
    }

    /// Publishes `rows` as `view`: each key must have at most one row at a time.
    ///
    /// # Panics
    ///
    /// Where the engine has a view of that name already: two capabilities would overwrite each other.
    pub fn publish<'s, K: Key, V: Row>(&self, view: &View<K, V>, rows: Rows<'s, (K, V)>) {
        let name = view.name();
        {
            let mut collector = self.collector.borrow_mut();
            collector.views.declare(view);
            match collector.frontiers.entry(name) {
                Entry::Vacant(new) => new.insert(Some(0)),
                Entry::Occupied(_) => panic!("two views are called {name}: give one another name"),
            };
        }
        let collector = Rc::clone(&self.collector);
        for_keepers(rows, Arc::clone(&self.keepers)).unary_frontier::<CapacityContainerBuilder<Vec<()>>, _, _, _>(
            Exchange::new(|(keeper, _): &(u64, _)| *keeper),
            name,
            move |capability, _| {
                drop(capability);
                let mut waiting: BTreeMap<Time, Updates<K, V>> = BTreeMap::new();
                move |(input, frontier), _| {
                    input.for_each(|_, batch| {
                        let mut updates = batch.drain(..).peekable();
                        while let Some(&(_, (_, time, _))) = updates.peek() {
                            let of_tick = std::iter::from_fn(|| updates.next_if(|&(_, (_, next, _))| next == time));
                            let waiting = waiting.entry(time).or_default();
                            waiting.extend(of_tick.map(|(_, (row, _, diff))| (row, diff)));
                        }
                    });
                    let mut collector = collector.borrow_mut();
                    while let Some(tick) = waiting.first_entry().filter(|tick| !frontier.less_equal(tick.key())) {
                        let (time, changes) = tick.remove_entry();
                        if let Some(netted) = net(changes) {
                            collector.waiting.entry(time).or_default().insert(name, Arc::new(netted));
                        }
                    }
                    collector.completed(name, frontier.frontier().first().copied());
                }
            },
        );
    }
}

/// A change of a view, beside the worker it goes to.
type Addressed<K, V> = (u64, ((K, V), Time, Diff));

/// Each change beside the worker it goes to: once for every keeper. Where several processes have to be told, what cancels
/// out stays here.
fn for_keepers<'s, K: Key, V: Row>(
    rows: Rows<'s, (K, V)>,
    keepers: Arc<[u64]>,
) -> StreamVec<'s, Time, Addressed<K, V>> {
    if let [keeper] = *keepers {
        return rows.inner.map(move |update| (keeper, update));
    }
    rows.consolidate_stream().inner.flat_map(move |update| {
        let keepers = Arc::clone(&keepers);
        (0..keepers.len()).map(move |i| (keepers[i], update.clone()))
    })
}

impl Collector {
    /// Notes how far a view is, and publishes the ticks that all views have completed.
    fn completed(&mut self, view: &'static str, frontier: Option<Time>) {
        self.frontiers.insert(view, frontier);
        let Some(frontier) = self.frontiers.values().map(|frontier| frontier.unwrap_or(Time::MAX)).min() else {
            return;
        };
        if !self.keeps
            || frontier <= self.published + 1
            || self.stopped.load(Ordering::Acquire)
            || frontier == Time::MAX
        {
            return;
        }
        let later = self.waiting.split_off(&frontier);
        let complete = std::mem::replace(&mut self.waiting, later);
        self.published = frontier - 1;
        self.views.publish(complete, self.published);
    }
}

/// Changes of a view as they come.
pub(crate) type Updates<K, V> = Vec<((K, V), Diff)>;

/// The net changes of a tick: ascending by key, what goes before what comes; `None` where nothing changed.
pub(crate) fn net<K: Key, V: Row>(mut changes: Updates<K, V>) -> Option<Netted<K, V>> {
    changes.sort_unstable_by(|((a, _), _), ((b, _), _)| a.cmp(b));
    let mut netted: Vec<(K, V, Diff)> = Vec::with_capacity(changes.len());
    let mut of_key = Vec::new();
    let mut changes = changes.into_iter().peekable();
    while let Some(((key, row), diff)) = changes.next() {
        of_key.push((row, diff));
        while let Some(((_, row), diff)) = changes.next_if(|((next, _), _)| *next == key) {
            of_key.push((row, diff));
        }
        consolidate(&mut of_key);
        of_key.sort_by_key(|&(_, diff)| diff);
        netted.extend(of_key.drain(..).map(|(row, diff)| (key.clone(), row, diff)));
    }
    (!netted.is_empty()).then_some(Netted(netted))
}
