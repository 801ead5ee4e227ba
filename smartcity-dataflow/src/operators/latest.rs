//! The newest row of each key.

use std::collections::BTreeMap;
use std::hash::Hash;

use differential_dataflow::ExchangeData;

use super::{Keep, keyed};
use crate::{Diff, Rows, Time};

/// What did each key say last? The greatest live row of each key; rows sort by their event time first.
///
/// `latest(rows, "Latest", |row| row.ends)`, where a row is (event time, end):
///
/// | time | rows                | output             |
/// |-----:|---------------------|--------------------|
/// |    1 | +(k, (10, 20))      | +(k, (10, 20))     |
/// |    2 | +(k, (12, 15))      | -(k, (10, 20)) +(k, (12, 15)) |
/// |    3 | +(k, (11, 30))      |                    |
/// |   15 |                     | -(k, (12, 15)) +(k, (11, 30)) |
/// |   30 |                     | -(k, (11, 30))     |
///
/// A row lives from its tick to `end` of it, which must depend on the row alone. When the newest row ends or is withdrawn,
/// the newest of the others takes its place; so the state is the live rows of each key, and a turn costs the logarithm of
/// their number.
///
/// ```
/// # use smartcity_dataflow::{operators::latest, testing::{at, trace}};
/// let newest = trace(&[at(1, ('k', 10)), at(2, ('k', 12)), at(3, ('k', 11))], |rows| latest(rows, "Latest", |_| 9), 9);
/// assert_eq!(newest, [(1, ('k', 10), 1), (2, ('k', 10), -1), (2, ('k', 12), 1), (9, ('k', 12), -1)]);
/// ```
pub fn latest<'s, K, V>(rows: Rows<'s, (K, V)>, name: &str, end: impl Fn(&V) -> Time + 'static) -> Rows<'s, (K, V)>
where
    K: ExchangeData + Hash,
    V: ExchangeData,
{
    keyed(rows, name, move |key, live: &mut Live<V>, turn| {
        let before = live.newest();
        live.end(turn.now());
        for (row, diff) in turn.take_changes() {
            let ends = end(&row);
            if ends > turn.now() {
                turn.wake(ends);
                live.change(row, diff, ends);
            }
        }
        let with_key = |row: Option<V>| row.map(|row| (key.clone(), row));
        turn.replace(with_key(before), with_key(live.newest()));
        if live.copies.is_empty() { Keep::No } else { Keep::Yes }
    })
}

/// The live rows of a key.
struct Live<V> {
    copies: BTreeMap<V, Diff>,
    /// Rows by their end; one that was withdrawn may still be listed.
    ends: BTreeMap<Time, Vec<V>>,
}

impl<V> Default for Live<V> {
    fn default() -> Self {
        Self { copies: BTreeMap::new(), ends: BTreeMap::new() }
    }
}

impl<V: Ord + Clone> Live<V> {
    fn newest(&self) -> Option<V> {
        self.copies.last_key_value().map(|(row, _)| row.clone())
    }

    fn change(&mut self, row: V, diff: Diff, ends: Time) {
        let copies = self.copies.entry(row.clone()).or_default();
        *copies += diff;
        if *copies == 0 {
            self.copies.remove(&row);
        } else if diff > 0 {
            self.ends.entry(ends).or_default().push(row);
        }
    }

    /// Removes the rows whose end has come.
    fn end(&mut self, now: Time) {
        while let Some(due) = self.ends.first_entry().filter(|due| *due.key() <= now) {
            for row in due.remove() {
                self.copies.remove(&row);
            }
        }
    }
}

#[cfg(test)]
mod tests;
