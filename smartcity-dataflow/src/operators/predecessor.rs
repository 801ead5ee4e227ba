//! Rows beside the ones before them.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::ops::Bound::{Excluded, Unbounded};

use differential_dataflow::ExchangeData;
use differential_dataflow::consolidation::consolidate;
use serde::{Deserialize, Serialize};

use super::{Keep, keyed};
use crate::{Diff, Rows, Time};

/// A row and the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Followed<V> {
    /// The row.
    pub row: V,
    /// The greatest smaller row of the same key, unless it was forgotten.
    pub previous: Option<V>,
}

/// What did the same key say just before? Each row with its predecessor in the order of the rows (event time first).
///
/// | time | rows       | output (row ← previous)            |
/// |-----:|------------|------------------------------------|
/// |    0 | +(k, 10)   | +(10 ← none)                       |
/// |    1 | +(k, 30)   | +(30 ← 10)                         |
/// |    2 | +(k, 20)   | -(30 ← 10) +(20 ← 10) +(30 ← 20)   |
/// |    3 | -(k, 10)   | -(20 ← 10) +(20 ← none)            |
///
/// A row that comes twice is one row. A row is forgotten silently at `forget` of it, which must grow with the order of the rows: no retraction follows, so what
/// is built from the pairs must have dropped them by then. The last row to be forgotten before a row that is not stays known
/// as the predecessor of that one. What comes or is withdrawn after its time is ignored. A late row costs the two pairs it
/// parts; the state is the rows of a key within the retention.
///
/// ```
/// # use smartcity_dataflow::{operators::{predecessor, Followed}, testing::{at, trace}};
/// let pairs = trace(&[at(0, ('k', 10)), at(1, ('k', 20))], |rows| predecessor(rows, "Pairs", |_| 100), 5);
/// assert_eq!(pairs[1], (1, ('k', Followed { row: 20, previous: Some(10) }), 1));
/// ```
pub fn predecessor<'s, K, V>(
    rows: Rows<'s, (K, V)>,
    name: &str,
    forget: impl Fn(&V) -> Time + 'static,
) -> Rows<'s, (K, Followed<V>)>
where
    K: ExchangeData + Hash,
    V: ExchangeData,
{
    keyed(rows, name, move |key, known: &mut BTreeMap<V, Diff>, turn| {
        forget_until(known, turn.now(), &forget);
        let mut pairs = Vec::new();
        turn.for_each_change(|turn, row, diff| {
            let forgotten_at = forget(&row);
            if forgotten_at <= turn.now() {
                return;
            }
            let copies = known.get(&row).copied().unwrap_or(0);
            let sign = Diff::from(copies + diff > 0) - Diff::from(copies > 0);
            if sign == 0 {
                known.entry(row).and_modify(|copies| *copies += diff);
                return;
            }
            let before = known.range(..&row).next_back().map(|(row, _)| row.clone());
            let after = known.range((Excluded(&row), Unbounded)).next().map(|(row, _)| row.clone());
            if let Some(after) = after {
                pairs.push((Followed { row: after.clone(), previous: before.clone() }, -sign));
                pairs.push((Followed { row: after, previous: Some(row.clone()) }, sign));
            }
            pairs.push((Followed { row: row.clone(), previous: before }, sign));
            if sign > 0 {
                known.insert(row, copies + diff);
                turn.wake(forgotten_at);
            } else {
                known.remove(&row);
            }
        });
        consolidate(&mut pairs);
        for (pair, diff) in pairs {
            turn.emit((key.clone(), pair), diff);
        }
        if known.is_empty() { Keep::No } else { Keep::Yes }
    })
}

/// Forgets the rows whose time has come, but not the predecessor of one that is still known.
fn forget_until<V: Ord>(known: &mut BTreeMap<V, Diff>, now: Time, forget: impl Fn(&V) -> Time) {
    let mut rows = known.keys();
    let mut due = 0;
    while rows.next().is_some_and(|row| forget(row) <= now) {
        due += 1;
    }
    let forgotten = if due == known.len() { due } else { due.saturating_sub(1) };
    for _ in 0..forgotten {
        known.pop_first();
    }
}

#[cfg(test)]
mod tests;
