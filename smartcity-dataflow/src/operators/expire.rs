//! Rows that end by themselves.

use differential_dataflow::{AsCollection, Data};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;

use super::Stash;
use crate::{Diff, Rows, Time};

/// The first multiple of `step` at or after `time`.
///
/// Ends are rounded up to the tick, so that all that ends within a tick ends at one time. A step of 0 counts as 1; what lies
/// beyond the greatest time is the greatest time.
pub fn round_up(time: Time, step: Time) -> Time {
    let step = step.max(1);
    time.div_ceil(step).saturating_mul(step)
}

/// Which rows are still alive? Every row leaves at the time `end` gives it; a row whose end has come never enters.
///
/// `expire(rows, |row| row.ends)`, with rows that end at 5, 9 and 1:
///
/// | time | rows             | output   |
/// |-----:|------------------|----------|
/// |    0 | +(a, 5), +(b, 9) | +a +b    |
/// |    2 | -(b, 9), +(c, 1) | -b       |
/// |    5 |                  | -a       |
///
/// `end` must depend on the row alone, so that a withdrawal finds the end that the insertion set.
///
/// The operator holds the future retraction itself and releases it when due: a retraction sent ahead of its time would be
/// walked over at every tick by every arrangement behind it. No exchange; it keeps one copy of each live row.
///
/// ```
/// # use smartcity_dataflow::{operators::expire, testing::{at, trace}};
/// let live = trace(&[at(0, 5), at(0, 9)], |ends| expire(ends, |&end| end), 10);
/// assert_eq!(live, [(0, 5, 1), (0, 9, 1), (5, 5, -1), (9, 9, -1)]);
/// ```
pub fn expire<'s, D: Data>(rows: Rows<'s, D>, end: impl Fn(&D) -> Time + 'static) -> Rows<'s, D> {
    rows.inner
        .unary_frontier::<CapacityContainerBuilder<_>, _, _, _>(Pipeline, "Expire", |_, _| {
            let mut leaving = Stash::<Vec<(D, Diff)>>::new();
            move |(input, frontier), output| {
                input.for_each(|capability, batch| {
                    let mut session = output.session(&capability);
                    for (row, time, diff) in batch.drain(..) {
                        let end = end(&row);
                        if end > time {
                            leaving.at(end, || capability.delayed(&end, 0)).push((row.clone(), -diff));
                            session.give((row, time, diff));
                        }
                    }
                });
                while let Some((time, capability, leaves)) = leaving.next(|due| !frontier.less_equal(due)) {
                    output.session(&capability).give_iterator(leaves.into_iter().map(|(row, diff)| (row, time, diff)));
                }
            }
        })
        .as_collection()
}

#[cfg(test)]
mod tests;
