//! Rows that are fit to use, and those that are not.

use differential_dataflow::{AsCollection, Data};
use timely::dataflow::operators::core::OkErr;

use crate::{Diff, Rows, Time};

/// Which rows can be used, and why not the others? `check` turns a row into what it is accepted as, or into the reason.
///
/// With a check that halves even numbers and refuses odd ones:
///
/// | time | rows  | accepted | rejected |
/// |-----:|-------|----------|----------|
/// |    0 | +4 +3 | +2       | +3       |
/// |    1 | -4    | -2       |          |
///
/// `check` must depend on the row alone, so that a withdrawal goes the way of its row. One pass, no state, no exchange.
///
/// ```
/// # use smartcity_dataflow::{operators::validate, testing::{at, trace}};
/// let halve = |n: u32| if n.is_multiple_of(2) { Ok(n / 2) } else { Err(n) };
/// assert_eq!(trace(&[at(0, 4), at(0, 3)], move |rows| validate(rows, halve).0, 5), [(0, 2, 1)]);
/// assert_eq!(trace(&[at(0, 4), at(0, 3)], move |rows| validate(rows, halve).1, 5), [(0, 3, 1)]);
/// ```
pub fn validate<'s, D: Data, A: Data, R: Data>(
    rows: Rows<'s, D>,
    check: impl Fn(D) -> Result<A, R> + 'static,
) -> (Rows<'s, A>, Rows<'s, R>) {
    let (accepted, rejected) = rows.inner.ok_err(move |(row, time, diff): (D, Time, Diff)| match check(row) {
        Ok(row) => Ok((row, time, diff)),
        Err(reason) => Err((reason, time, diff)),
    });
    (accepted.as_collection(), rejected.as_collection())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, present_copies, table, trace, updates};

    fn halve(n: u32) -> Result<u32, u32> {
        if n.is_multiple_of(2) { Ok(n / 2) } else { Err(n) }
    }

    /// Both outputs in one: what was accepted as `Ok`, what was not as `Err`.
    fn both<'s>(rows: Rows<'s, u32>) -> Rows<'s, Result<u32, u32>> {
        let (accepted, rejected) = validate(rows, halve);
        accepted.map(Ok).concat(rejected.map(Err))
    }

    fn check(updates: &[Update<u32>], expected: Expect) {
        expected.assert_eq(&table(&trace(updates, both, 9)));
    }

    #[test]
    fn each_row_goes_one_way_and_so_does_its_withdrawal() {
        check(
            &[at(0, 4), at(0, 3), gone(1, 4), gone(2, 3)],
            expect![[r#"
                0 +1 Ok(2)
                0 +1 Err(3)
                1 -1 Ok(2)
                2 -1 Err(3)
            "#]],
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn every_row_is_accepted_or_rejected_and_none_is_both(updates in updates(0..6u32, 6)) {
            assert_oracle(&updates, 25, both, |updates, _| present_copies(updates).into_iter().map(halve).collect());
        }

        #[test]
        fn the_verdicts_are_the_same_on_any_workers(updates in updates(0..6u32, 6)) {
            assert_invariant(&updates, 25, both);
        }
    }
}
