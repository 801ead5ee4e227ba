//! From collections to the view store.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use differential_dataflow::consolidation::consolidate;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::vec::Map;

use super::store::Views;
use super::table::{self, Key, Netted, Row, View};
use crate::operators::Stash;
use crate::{Diff, Rows, Time};

/// Publishes collections as views; one a worker, made alike on every worker.
#[derive(Clone, Debug)]
pub struct Publisher {
    views: Views,
    index: usize,
    peers: usize,
    threads: usize,
    stopped: Arc<AtomicBool>,
    /// Of the views so far, in their order.
    names: Rc<RefCell<Vec<&'static str>>>,
}

impl Publisher {
    /// A publisher for worker `index` of `peers`, of which each process has `threads`; this process keeps `views`.
    ///
    /// Once `stopped` is set nothing more is published.
    pub fn new(views: Views, index: usize, peers: usize, threads: usize, stopped: Arc<AtomicBool>) -> Self {
        Self { views, index, peers, threads: threads.max(1), stopped, names: Rc::default() }
    }

    /// Publishes `rows` as `view`: each key must have at most one row at a time.
    ///
    /// # Panics
    ///
    /// Where the engine has a view of that name already: two capabilities would overwrite each other.
    pub fn publish<'s, K: Key, V: Row>(&self, view: &View<K, V>, rows: Rows<'s, (K, V)>) {
        let name = view.name();
        let keepers = self.keepers(name);
        self.views.declare(view);
        let is_keeper = keepers.contains(&(self.index as u64));
        let (views, stopped) = (self.views.clone(), Arc::clone(&self.stopped));
        for_keepers(rows, keepers).unary_frontier::<CapacityContainerBuilder<Vec<()>>, _, _, _>(
            Exchange::new(|(keeper, _): &(u64, _)| *keeper),
            name,
            move |capability, _| {
                drop(capability);
                let mut waiting = Stash::<Updates<K, V>, ()>::new();
                let mut table = table::Rows::new();
                move |(input, frontier), _| {
                    input.for_each(|_, batch| {
                        let updates = batch.drain(..).map(|(_, update)| update);
                        waiting.sort(updates, |_| (), |tick, row, diff| tick.push((row, diff)));
                    });
                    if !is_keeper {
                        return;
                    }
                    let mut ticks = Vec::new();
                    while let Some((time, (), changes)) = waiting.next(|tick| !frontier.less_equal(tick)) {
                        ticks.extend(net(changes).map(|netted| (time, netted.change(&mut table))));
                    }
                    views.complete(name, ticks, frontier.frontier().first().copied(), &stopped);
                }
            },
        );
    }

    /// The workers that keep the view `name`: one of every process, and of one view after the other another one.
    fn keepers(&self, name: &'static str) -> Arc<[u64]> {
        let mut names = self.names.borrow_mut();
        assert!(!names.contains(&name), "two views are called {name}: give one another name");
        names.push(name);
        let first = (names.len() - 1) % self.threads;
        (first..self.peers).step_by(self.threads).map(|worker| worker as u64).collect()
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
