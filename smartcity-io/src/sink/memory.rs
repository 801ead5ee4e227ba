//! A mirror in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;
use smartcity_dataflow::view::{Changes, Position, Snapshot};

use super::{SinkError, StateSink};

/// A [`StateSink`] that holds the rows of every view as JSON: for programs that want them as such, and as the plainest example.
/// A clone is another handle on the same rows.
#[derive(Clone, Debug, Default)]
pub struct MemoryMirror(Arc<Mutex<Mirrored>>);

#[derive(Debug, Default)]
struct Mirrored {
    position: Option<Position>,
    /// By view, by the text of the key.
    views: BTreeMap<&'static str, BTreeMap<String, (Value, Value)>>,
}

impl MemoryMirror {
    /// What it shows; `None` before its first snapshot.
    pub fn position(&self) -> Option<Position> {
        self.lock().position
    }

    /// The row of a key, given as JSON, in a view.
    pub fn row(&self, view: &str, key: &Value) -> Option<Value> {
        self.lock().views.get(view)?.get(&key.to_string()).map(|(_, row)| row.clone())
    }

    /// All of it as [`Snapshot::to_json`] gives it, but for the order of the rows, which here is that of the texts of their keys.
    pub fn to_json(&self) -> Value {
        let mirrored = self.lock();
        let views = mirrored.views.iter().map(|(view, rows)| {
            let rows = rows.values().map(|(key, row)| Value::Array(vec![key.clone(), row.clone()]));
            ((*view).to_owned(), rows.collect())
        });
        Value::Object(views.collect())
    }

    fn lock(&self) -> MutexGuard<'_, Mirrored> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl StateSink for MemoryMirror {
    fn name(&self) -> &str {
        "memory"
    }

    fn reset(&mut self, snapshot: &Snapshot) -> Result<(), SinkError> {
        let views = snapshot.names().scope(|| {
            let views = snapshot.tables().iter().map(|(view, table)| {
                let mut rows = BTreeMap::new();
                table.for_each(&mut |key, row| _ = rows.insert(key.to_string(), (key, row)));
                (*view, rows)
            });
            views.collect()
        });
        *self.lock() = Mirrored { position: Some(snapshot.position()), views };
        Ok(())
    }

    fn apply(&mut self, ticks: &[Arc<Changes>], through: Position) -> Result<(), SinkError> {
        let mut mirrored = self.lock();
        for changes in ticks {
            changes.for_each(|view, key, row, diff| {
                let rows = mirrored.views.entry(view).or_default();
                if diff > 0 {
                    rows.insert(key.to_string(), (key, row));
                } else {
                    rows.remove(&key.to_string()); // where another comes in its place, it comes after this
                }
            });
        }
        mirrored.position = Some(through);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use smartcity_dataflow::view::View;

    use super::*;
    use crate::sink::mirrors;

    const SQUARES: View<u32, u32> = View::new("squares");
    const CUBES: View<(), u32> = View::new("cubes");

    /// Rows in the order of the texts of their keys.
    fn by_text(snapshot: &Snapshot) -> Value {
        let mut views = snapshot.to_json();
        for rows in views.as_object_mut().into_iter().flat_map(|views| views.values_mut()) {
            rows.as_array_mut().expect("a view is a list").sort_by_key(|row| row[0].to_string());
        }
        views
    }

    #[test]
    fn a_mirror_in_memory_conforms() {
        let mirror = MemoryMirror::default();
        let mut cube: Option<u32> = None;
        mirrors(
            || mirror.clone(),
            |views, step| {
                views.change(&SQUARES, [(step, step * step, 1)]);
                if step % 3 != 0 {
                    views.change(
                        &SQUARES,
                        [(step - 1, (step - 1).pow(2), -1), (step - 1, step, 1), (step - 1, step, -1)],
                    );
                }
                views.change(&CUBES, cube.map(|old| ((), old, -1)));
                cube = (step % 4 > 0).then(|| step.pow(3));
                views.change(&CUBES, cube.map(|new| ((), new, 1)));
            },
            by_text,
            || mirror.to_json(),
        );
    }
}
