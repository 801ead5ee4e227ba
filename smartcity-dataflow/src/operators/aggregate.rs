//! Sums by key.

use std::hash::Hash;

use differential_dataflow::ExchangeData;

use super::{Keep, keyed};
use crate::{Diff, Rows, Time};

/// What rows add up to. Adding a row and then withdrawing it must leave things as they were.
pub trait Aggregate<V>: Default + 'static {
    /// The sum, as others see it.
    type Output: differential_dataflow::Data;

    /// Adds `row`, `diff` times.
    fn add(&mut self, row: V, diff: Diff);

    /// The sum; `None` only where no row is left, or those left add up to nothing: it is forgotten then, and begins anew.
    fn output(&self) -> Option<Self::Output>;
}

/// What do the rows of each key add up to?
///
/// With a plain sum, and key b closed at 8:
///
/// | time | rows               | output            |
/// |-----:|--------------------|-------------------|
/// |    0 | +(a, 5), +(b, 1)   | +(a, 5) +(b, 1)   |
/// |    1 | +(a, 2)            | -(a, 5) +(a, 7)   |
/// |    2 | -(a, 5), -(a, 2)   | -(a, 7)           |
/// |    8 |                    | -(b, 1)           |
/// |    9 | +(b, 1)            |                   |
///
/// A key for which `close` gives a time is dropped then, and rows that come later are ignored: so ends a window. The state
/// is one accumulator a key; a turn costs its changes.
///
/// ```
/// # use smartcity_dataflow::{Diff, operators::{Aggregate, aggregate}, testing::{at, trace}};
/// #[derive(Default)]
/// struct Sum {
///     rows: Diff,
///     sum: i64,
/// }
/// impl Aggregate<i64> for Sum {
///     type Output = i64;
///     fn add(&mut self, row: i64, diff: Diff) {
///         self.rows += diff;
///         self.sum += row * diff as i64;
///     }
///     fn output(&self) -> Option<i64> {
///         (self.rows > 0).then_some(self.sum)
///     }
/// }
/// let sums = trace(&[at(0, ('a', 5)), at(1, ('a', 2))], |rows| aggregate::<_, _, Sum>(rows, "Sums", |_| None), 5);
/// assert_eq!(sums, [(0, ('a', 5), 1), (1, ('a', 5), -1), (1, ('a', 7), 1)]);
/// ```
pub fn aggregate<'s, K, V, A>(
    rows: Rows<'s, (K, V)>,
    name: &str,
    close: impl Fn(&K) -> Option<Time> + 'static,
) -> Rows<'s, (K, A::Output)>
where
    K: ExchangeData + Hash,
    V: ExchangeData,
    A: Aggregate<V>,
{
    keyed(rows, name, move |key, sum: &mut A, turn| {
        let before = sum.output().map(|sum| (key.clone(), sum));
        let closes = close(key);
        if closes.is_some_and(|closes| closes <= turn.now()) {
            turn.replace(before, None);
            return Keep::No;
        }
        if let (None, Some(closes)) = (&before, closes) {
            turn.wake(closes);
        }
        turn.for_each_change(|_, row, diff| sum.add(row, diff));
        let after = sum.output().map(|sum| (key.clone(), sum));
        let keep = if after.is_some() { Keep::Yes } else { Keep::No };
        turn.replace(before, after);
        keep
    })
}

#[cfg(test)]
mod tests;
