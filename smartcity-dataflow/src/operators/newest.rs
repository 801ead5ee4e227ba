//! The last rows of a stream.

use std::collections::BTreeSet;

use differential_dataflow::ExchangeData;

use super::{Keep, keyed};
use crate::Rows;

/// Which are the last `count` rows? The greatest rows so far; rows sort by when they came.
///
/// With a count of two:
///
/// | time | rows       | output      |
/// |-----:|------------|-------------|
/// |    0 | +1, +2     | +1 +2       |
/// |    1 | +5, +3     | -1 -2 +3 +5 |
///
/// Input is insert-only. The rows meet on one worker; each tick costs its rows.
///
/// ```
/// # use smartcity_dataflow::{operators::newest, testing::{at, trace}};
/// let last = trace(&[at(0, 1), at(1, 3), at(1, 2)], |rows| newest(rows, 2), 5);
/// assert_eq!(last, [(0, 1, 1), (1, 1, -1), (1, 2, 1), (1, 3, 1)]);
/// ```
pub fn newest<'s, V: ExchangeData>(rows: Rows<'s, V>, count: usize) -> Rows<'s, V> {
    keyed(rows.map(|row| ((), row)), "Newest", move |(), last: &mut BTreeSet<V>, turn| {
        let before = last.clone();
        for (row, _) in turn.take_changes() {
            last.insert(row);
            if last.len() > count {
                last.pop_first();
            }
        }
        for gone in before.difference(last) {
            turn.emit(gone.clone(), -1);
        }
        for new in last.difference(&before) {
            turn.emit(new.clone(), 1);
        }
        Keep::Yes
    })
}
