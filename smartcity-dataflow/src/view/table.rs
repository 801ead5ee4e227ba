//! One view: its name and types, its table, the changes of one tick.

use std::any::Any;
use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

use differential_dataflow::ExchangeData;
use imbl::OrdMap;
use serde_json::Value;

use crate::Diff;

/// What a view's key can be.
pub trait Key: ExchangeData + Hash + Send + Sync {}
impl<T: ExchangeData + Hash + Send + Sync> Key for T {}

/// What a view's row can be.
pub trait Row: ExchangeData + Hash + Send + Sync {}
impl<T: ExchangeData + Hash + Send + Sync> Row for T {}

/// A view by name: each key has at most one row.
///
/// ```
/// use smartcity_dataflow::view::View;
/// const STANDING: View<u64, u32> = View::new("standing");
/// ```
#[derive(Debug)]
pub struct View<K, V> {
    name: &'static str,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> View<K, V> {
    /// The view called `name`: lower-case words with underscores, unique in the engine.
    pub const fn new(name: &'static str) -> Self {
        Self { name, types: PhantomData }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<K, V> Clone for View<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for View<K, V> {}

/// A view's rows, whatever their types.
pub trait Table: Any + Send + Sync + Debug {
    /// Number of rows.
    fn len(&self) -> usize;

    /// Whether it has none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shows each key and row as JSON, in the order of the keys. Ids read as text inside a [`Names::scope`](crate::model::Names::scope).
    fn for_each(&self, show: &mut dyn FnMut(Value, Value));
}

/// A view's net changes of one tick, whatever their types.
pub trait TableChanges: Any + Send + Sync + Debug {
    /// Number of changes.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shows each key, row and multiplicity, in the order of the keys, what goes before what comes.
    fn for_each(&self, show: &mut dyn FnMut(Value, Value, Diff));
}

pub(super) type Rows<K, V> = OrdMap<K, V>;

/// A row as JSON. A row that JSON cannot hold (a map with compound keys) shows as the words of the error.
fn json(row: &impl serde::Serialize) -> Value {
    serde_json::to_value(row).unwrap_or_else(|error| Value::String(error.to_string()))
}

impl<K: Key, V: Row> Table for Rows<K, V> {
    fn len(&self) -> usize {
        OrdMap::len(self)
    }

    fn for_each(&self, show: &mut dyn FnMut(Value, Value)) {
        for (key, row) in self {
            show(json(key), json(row));
        }
    }
}

/// The changes of a typed view: ascending by key, what goes before what comes.
#[derive(Debug)]
pub(crate) struct Netted<K, V>(pub(crate) Vec<(K, V, Diff)>);

impl<K: Key, V: Row> TableChanges for Netted<K, V> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn for_each(&self, show: &mut dyn FnMut(Value, Value, Diff)) {
        for (key, row, diff) in &self.0 {
            show(json(key), json(row), *diff);
        }
    }
}

/// Changes on their way into a table.
pub(crate) trait Apply: TableChanges {
    /// The table after the changes; `before` is the view's table, if it has one.
    fn apply(&self, before: Option<&Arc<dyn Table>>) -> Arc<dyn Table>;
}

impl<K: Key, V: Row> Apply for Netted<K, V> {
    fn apply(&self, before: Option<&Arc<dyn Table>>) -> Arc<dyn Table> {
        let mut rows = before.map(rows_of::<K, V>).unwrap_or_default();
        for (key, row, diff) in &self.0 {
            if *diff > 0 {
                rows.insert(key.clone(), row.clone());
            } else if rows.get(key) == Some(row) {
                rows.remove(key);
            }
        }
        Arc::new(rows)
    }
}

/// The typed rows of a table; none where the types are others.
pub(super) fn rows_of<K: Key, V: Row>(table: &Arc<dyn Table>) -> Rows<K, V> {
    let table: &dyn Any = &**table;
    table.downcast_ref::<Rows<K, V>>().cloned().unwrap_or_default()
}
