//! Messages, each once.

use std::hash::Hash;

use differential_dataflow::{Data, ExchangeData};
use serde::{Deserialize, Serialize};

use super::{Keep, keyed};
use crate::{Rows, Time};

/// What became of a message, or of one that was accepted before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Deduplicated<V, T = V> {
    /// The first of its key.
    Accepted(V),
    /// The accepted message with this token is taken back.
    Withdrawn(T),
    /// One of its key was there before.
    Duplicate(V),
    /// The first of its key, which had been withdrawn before it came.
    Suppressed(V),
}

/// Which messages were accepted, each once? The first row of each key, the smallest where several come in one tick; none
/// where the key was withdrawn before, or in that tick.
///
/// With the text as the token:
///
/// | time | rows               | output                         |
/// |-----:|--------------------|--------------------------------|
/// |    0 | +(k, b), +(k, c)   | +Accepted(b) +Duplicate(c)     |
/// |    1 | +(k, a)            | +Duplicate(a)                  |
/// |    2 | +(k, withdrawal)   | +Withdrawn(b)                  |
/// |    3 | +(k, b)            | +Duplicate(b)                  |
/// |    3 | +(j, withdrawal)   |                                |
/// |    4 | +(j, d), +(j, d)   | +Suppressed(d) +Duplicate(d)   |
///
/// Input and output are insert-only. A withdrawal is a row of its own, told by `is_withdrawal`; it comes out at most once, with
/// the `token` of the row that was accepted: whatever is needed to find that row again.
///
/// A key is forgotten when the `forget` of all its rows has come: the same id may then come again, and a withdrawal no longer
/// finds what it withdraws. The state is a token and a time a key, for as long.
///
/// ```
/// # use smartcity_dataflow::{operators::{Deduplicated::*, dedup}, testing::{at, trace}};
/// let messages = [at(0, ('k', 'x')), at(1, ('k', 'x')), at(2, ('k', '-'))];
/// let once = trace(&messages, |rows| dedup(rows, |&text| text == '-', |_| 100, |&text| text), 5);
/// assert_eq!(once, [(0, Accepted('x'), 1), (1, Duplicate('x'), 1), (2, Withdrawn('x'), 1)]);
/// ```
pub fn dedup<'s, K, V, T>(
    rows: Rows<'s, (K, V)>,
    is_withdrawal: impl Fn(&V) -> bool + 'static,
    forget: impl Fn(&V) -> Time + 'static,
    token: impl Fn(&V) -> T + 'static,
) -> Rows<'s, Deduplicated<V, T>>
where
    K: ExchangeData + Hash,
    V: ExchangeData,
    T: Data,
{
    keyed(rows, "Dedup", move |_, seen: &mut Seen<T>, turn| {
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
        if is_withdrawn {
            seen.story = match std::mem::take(&mut seen.story) {
                Story::Unheard => Story::Awaited,
                Story::Accepted(token) => {
                    turn.emit(Deduplicated::Withdrawn(token), 1);
                    Story::Over
                }
                withdrawn => withdrawn,
            };
        }
        turn.for_each_change(|turn, row, copies| {
            if is_withdrawal(&row) {
                return;
            }
            let (first, story) = match seen.story {
                Story::Unheard => (Deduplicated::Accepted(row.clone()), Story::Accepted(token(&row))),
                Story::Awaited => (Deduplicated::Suppressed(row.clone()), Story::Over),
                Story::Accepted(_) | Story::Over => return turn.emit(Deduplicated::Duplicate(row), copies),
            };
            seen.story = story;
            turn.emit(first, 1);
            if copies > 1 {
                turn.emit(Deduplicated::Duplicate(row), copies - 1);
            }
        });
        if seen.forget > turn.now() { Keep::Yes } else { Keep::No }
    })
}

/// A key, until it is forgotten.
struct Seen<T> {
    story: Story<T>,
    forget: Time,
}

/// What a key's messages have come to.
#[derive(Default)]
enum Story<T> {
    /// There was none.
    #[default]
    Unheard,
    /// One was accepted.
    Accepted(T),
    /// There was none, and the first will be suppressed.
    Awaited,
    /// One was accepted or suppressed, and the key is withdrawn.
    Over,
}

impl<T> Default for Seen<T> {
    fn default() -> Self {
        Self { story: Story::default(), forget: 0 }
    }
}

#[cfg(test)]
mod tests;
