//! Messages, each once.

use std::hash::Hash;

use differential_dataflow::ExchangeData;
use serde::{Deserialize, Serialize};

use super::{Keep, keyed};
use crate::{Rows, Time};

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Deduplicated<V> {
    /// The first of its key.
    Accepted(V),
    /// One of its key was there before.
    Duplicate(V),
    /// Its key is withdrawn.
    Suppressed(V),
}

impl<V> Deduplicated<V> {
    /// The message, whatever became of it.
    pub fn message(&self) -> &V {
        let (Self::Accepted(message) | Self::Duplicate(message) | Self::Suppressed(message)) = self;
        message
    }
}

/// Which messages were accepted, each once? The first row of each key, the smallest where several come in one tick; none
/// once the key is withdrawn, be it before or after the row came.
///
/// | time | rows               | output                         |
/// |-----:|--------------------|--------------------------------|
/// |    0 | +(k, b), +(k, c)   | +Accepted(b) +Duplicate(c)     |
/// |    1 | +(k, a)            | +Duplicate(a)                  |
/// |    2 | +(k, withdrawal)   | -Accepted(b)                   |
/// |    3 | +(k, b)            | +Suppressed(b)                 |
///
/// A key is forgotten when the `forget` of all its rows has come, without a retraction: the same id may then come again, and
/// a withdrawal no longer finds what it withdraws. Input is insert-only: a withdrawal is a row of its own, told by
/// `is_withdrawal`. The state is one accepted row a key.
///
/// ```
/// # use smartcity_dataflow::{operators::{Deduplicated::*, dedup}, testing::{at, trace}};
/// let twice = [at(0, ('k', 'x')), at(1, ('k', 'x'))];
/// let once = trace(&twice, |rows| dedup(rows, |_| false, |_| 100), 5);
/// assert_eq!(once, [(0, Accepted('x'), 1), (1, Duplicate('x'), 1)]);
/// ```
pub fn dedup<'s, K, V>(
    rows: Rows<'s, (K, V)>,
    is_withdrawal: impl Fn(&V) -> bool + 'static,
    forget: impl Fn(&V) -> Time + 'static,
) -> Rows<'s, Deduplicated<V>>
where
    K: ExchangeData + Hash,
    V: ExchangeData,
{
    struct Seen<V> {
        accepted: Option<V>,
        withdrawn: bool,
        forget: Time,
    }
    impl<V> Default for Seen<V> {
        fn default() -> Self {
            Self { accepted: None, withdrawn: false, forget: 0 }
        }
    }
    keyed(rows, "Dedup", move |_, seen: &mut Seen<V>, turn| {
        if seen.forget <= turn.now() {
            *seen = Seen::default();
        }
        let (mut is_withdrawn, mut forgotten) = (false, seen.forget);
        for (row, _) in turn.changes() {
            is_withdrawn |= is_withdrawal(row);
            forgotten = forgotten.max(forget(row));
        }
        if forgotten > seen.forget {
            seen.forget = forgotten;
            turn.wake(forgotten);
        }
        if is_withdrawn
            && !std::mem::replace(&mut seen.withdrawn, true)
            && let Some(row) = seen.accepted.take()
        {
            turn.emit(Deduplicated::Accepted(row), -1);
        }
        turn.for_each_change(|turn, row, mut copies| {
            if is_withdrawal(&row) {
                return;
            }
            if seen.withdrawn {
                return turn.emit(Deduplicated::Suppressed(row), copies);
            }
            if seen.accepted.is_none() {
                seen.accepted = Some(row.clone());
                turn.emit(Deduplicated::Accepted(row.clone()), 1);
                copies -= 1;
            }
            if copies > 0 {
                turn.emit(Deduplicated::Duplicate(row), copies);
            }
        });
        if seen.forget > turn.now() { Keep::Yes } else { Keep::No }
    })
}

#[cfg(test)]
mod tests;
