//! One view: its name and types, its table, the changes of one tick.

use std::any::Any;
use std::fmt::{self, Debug};
use std::hash::{BuildHasher, BuildHasherDefault, Hash};
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Arc;

use differential_dataflow::ExchangeData;
use imbl::OrdMap;
use rustc_hash::FxHasher;
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

    /// Shows up to `limit` rows as [`for_each`](Self::for_each) does, from the first or from the one behind `after`; gives the
    /// mark of the last one where more follow.
    fn page(&self, after: Option<Mark>, limit: usize, show: &mut dyn FnMut(Value, Value)) -> Option<Mark>;
}

/// Where a page of rows ended: the next one goes on behind that row or, where the row has gone, at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mark {
    /// How many rows there were up to it, itself included.
    rows: usize,
    /// Hash of its key.
    key: u64,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.rows, self.key)
    }
}

/// The text is not one that [`Mark`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a mark: take it from the page before")]
pub struct NotAMark;

impl FromStr for Mark {
    type Err = NotAMark;

    fn from_str(text: &str) -> Result<Self, NotAMark> {
        let (rows, key) = text.split_once('-').ok_or(NotAMark)?;
        let key = u64::from_str_radix(key, 16).map_err(|_| NotAMark)?;
        Ok(Self { rows: rows.parse().map_err(|_| NotAMark)?, key })
    }
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

pub(crate) type Rows<K, V> = OrdMap<K, V>;

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

    fn page(&self, after: Option<Mark>, limit: usize, show: &mut dyn FnMut(Value, Value)) -> Option<Mark> {
        let hash = |key: &K| BuildHasherDefault::<FxHasher>::default().hash_one(key);
        let first = after.map_or(0, |mark| {
            let found = self.keys().position(|key| hash(key) == mark.key);
            found.map_or(mark.rows.saturating_sub(1), |index| index + 1)
        });
        let mut last = None;
        for (index, (key, row)) in self.iter().enumerate().skip(first).take(limit) {
            show(json(key), json(row));
            last = Some((index + 1, key));
        }
        last.filter(|(rows, _)| *rows < OrdMap::len(self)).map(|(rows, key)| Mark { rows, key: hash(key) })
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

/// What a view has become at a tick.
#[derive(Debug)]
pub(crate) struct Changed {
    pub(super) table: Arc<dyn Table>,
    pub(crate) changes: Arc<dyn TableChanges>,
}

impl<K: Key, V: Row> Netted<K, V> {
    /// Changes `rows`, the view before the tick, and gives what it has become.
    pub(crate) fn change(self, rows: &mut Rows<K, V>) -> Changed {
        let mut changes = self.0.iter().peekable();
        while let Some((key, row, diff)) = changes.next() {
            if *diff > 0 {
                rows.insert(key.clone(), row.clone());
            } else if changes.peek().is_none_or(|(next, _, _)| next != key) && rows.get(key) == Some(row) {
                // Otherwise the row that comes takes the place of the one that goes.
                rows.remove(key);
            }
        }
        Changed { table: Arc::new(rows.clone()), changes: Arc::new(self) }
    }
}

/// The typed rows of a table; none where the types are others.
pub(super) fn rows_of<K: Key, V: Row>(table: &Arc<dyn Table>) -> Rows<K, V> {
    let table: &dyn Any = &**table;
    table.downcast_ref::<Rows<K, V>>().cloned().unwrap_or_default()
}

/// The typed changes of a view; none where the types are others.
pub(super) fn changes_of<K: Key, V: Row>(changes: &Arc<dyn TableChanges>) -> &[(K, V, Diff)] {
    let changes: &dyn Any = &**changes;
    changes.downcast_ref::<Netted<K, V>>().map_or(&[], |netted| &netted.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(rows: &Rows<u32, u32>, after: Option<Mark>, limit: usize) -> (Vec<Value>, Option<Mark>) {
        let mut keys = Vec::new();
        let next = rows.page(after, limit, &mut |key, _| keys.push(key));
        (keys, next)
    }

    #[test]
    fn pages_join_to_the_whole() {
        let rows: Rows<u32, u32> = (0..5_u32).map(|key| (key, key)).collect();
        let (first, next) = pages(&rows, None, 2);
        assert_eq!(first, [0, 1]);
        let (second, next) = pages(&rows, next, 2);
        assert_eq!(second, [2, 3]);
        let (third, next) = pages(&rows, next, 2);
        assert_eq!((third, next), (vec![Value::from(4)], None));
        assert_eq!(pages(&rows, None, 5).1, None, "a page that ends with the rows has no next");
    }

    #[test]
    fn a_page_goes_on_behind_its_mark_whatever_came_or_went() {
        let mut rows: Rows<u32, u32> = (0..6_u32).map(|key| (key * 10, key)).collect();
        let (_, mark) = pages(&rows, None, 3);
        rows.insert(5, 0);
        assert_eq!(pages(&rows, mark, 1).0, [30], "a row came before the mark");
        rows.remove(&5);
        rows.remove(&20);
        assert_eq!(pages(&rows, mark, 1).0, [30], "the marked row went");
        assert_eq!(pages(&rows, mark.and_then(|mark| mark.to_string().parse().ok()), 1).0, [30], "as text and back");
        assert_eq!("3-x".parse::<Mark>(), Err(NotAMark));
    }
}
