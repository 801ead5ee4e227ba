//! The newest row of each key.

use std::collections::VecDeque;
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
/// the newest of the others takes its place; so the state is the live rows of each key. A row that is newer than all others
/// costs the same however many there are; a late row or a withdrawal moves the rows behind it.
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
        let before = live.newest().cloned();
        let now = turn.now();
        turn.for_each_change(|_, row, diff| live.change(row, diff, &end, now));
        live.end(&end, now);
        if let Some(ends) = live.newest().map(&end)
            && live.wakes.is_none_or(|wakes| wakes <= now || ends < wakes)
        {
            live.wakes = Some(ends);
            turn.wake(ends);
        }
        let with_key = |row: Option<V>| row.map(|row| (key.clone(), row));
        turn.replace(with_key(before), with_key(live.newest().cloned()));
        if live.rows.is_empty() { Keep::No } else { Keep::Yes }
    })
}

/// The live rows of a key, each with its copies, ascending. Rows that have ended may still be among them, but not as the
/// newest and not as the oldest: those are the two places where rows leave.
struct Live<V> {
    rows: VecDeque<(V, Diff)>,
    /// The next turn that was asked for.
    wakes: Option<Time>,
}

impl<V> Default for Live<V> {
    fn default() -> Self {
        Self { rows: VecDeque::new(), wakes: None }
    }
}

impl<V: Ord> Live<V> {
    fn newest(&self) -> Option<&V> {
        self.rows.back().map(|(row, _)| row)
    }

    fn change(&mut self, row: V, diff: Diff, end: impl Fn(&V) -> Time, now: Time) {
        if end(&row) <= now {
            return;
        }
        // Most rows are newer than all before.
        let place = match self.newest() {
            Some(newest) if *newest >= row => self.rows.binary_search_by(|(known, _)| known.cmp(&row)),
            _ => Err(self.rows.len()),
        };
        match place {
            Ok(place) => {
                self.rows[place].1 += diff;
                if self.rows[place].1 == 0 {
                    self.rows.remove(place);
                }
            }
            Err(place) => self.rows.insert(place, (row, diff)),
        }
    }

    /// Removes rows that have ended, from both sides.
    fn end(&mut self, end: impl Fn(&V) -> Time, now: Time) {
        while self.rows.back().is_some_and(|(row, _)| end(row) <= now) {
            self.rows.pop_back();
        }
        while self.rows.front().is_some_and(|(row, _)| end(row) <= now) {
            self.rows.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
