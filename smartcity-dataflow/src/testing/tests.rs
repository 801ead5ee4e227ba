use std::cell::RefCell;

use differential_dataflow::AsCollection;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::Operator;

use super::*;
use crate::view::View;

/// Sends every row to worker 0 and gives each the number of rows that came before it: the order of arrival.
fn arrivals<'s>(rows: Rows<'s, u64>) -> Rows<'s, (u64, u64)> {
    let exchange = Exchange::new(|_: &(u64, Time, Diff)| 0);
    rows.inner
        .unary::<timely::container::CapacityContainerBuilder<Vec<_>>, _, _, _>(exchange, "Arrivals", |_, _| {
            let mut before = 0;
            move |input, output| {
                input.for_each(|capability, batch| {
                    let mut session = output.session(&capability);
                    for (row, time, diff) in batch.drain(..) {
                        session.give(((row, before), time, diff));
                        before += 1;
                    }
                });
            }
        })
        .as_collection()
}

#[test]
fn workers_out_of_step_bring_later_ticks_first() {
    let updates: Vec<_> = (0..40).map(|i| at(i, i)).collect();
    let in_step: Vec<_> = trace(&updates, arrivals, 50).into_iter().map(|(_, (row, n), _)| (row, n)).collect();
    assert!(in_step.iter().all(|(row, n)| row == n), "{in_step:?}");
    for workers in 2..=3 {
        let trace = trace_on(workers, &updates, arrivals, 50);
        let first = trace.iter().find(|(_, (row, _), _)| *row == 0).expect("row 0 arrives").1.1;
        assert!(first > 0, "the first row came first on {workers} workers");
    }
}

#[test]
#[should_panic(expected = "left is")]
fn an_operator_that_emits_on_arrival_is_found_out() {
    let updates: Vec<_> = (0..12).map(|i| at(i / 4, i)).collect();
    assert_invariant(&updates, 10, arrivals);
}

#[test]
#[should_panic(expected = "no worker panics")]
fn a_worker_that_panics_fails_the_test_instead_of_hanging_it() {
    let updates: Vec<_> = (0..10).map(|i| at(i, i)).collect();
    trace_on(3, &updates, |rows| rows.inspect(|(row, _, _)| assert!(*row < 5)), 20);
}

#[test]
#[should_panic(expected = "at time 3")]
fn an_oracle_looks_at_every_time() {
    // One row is missing at one single millisecond.
    let updates = [at(0, 1), gone(3, 1), at(4, 1)];
    assert_oracle(&updates, 9, |rows| rows, |_, _| vec![1]);
}

#[test]
fn updates_withdraw_re_insert_and_repeat_but_never_withdraw_what_is_not_there() {
    let mut runner = TestRunner::deterministic();
    let (mut withdrawn, mut again, mut repeated) = (0, 0, 0);
    for _ in 0..200 {
        let mut updates = updates(0..1_000_000u64, 10).new_tree(&mut runner).expect("a tree").current();
        updates.sort();
        for row in present(&updates.iter().map(|&(row, time, _)| at(time, row)).collect::<Vec<_>>()) {
            let (mut copies, mut came, mut most) = (0, 0, 0);
            let mut ticks: Vec<_> = updates.iter().filter(|update| update.0 == row).map(|u| (u.1, u.2)).collect();
            ticks.sort();
            for tick in ticks.chunk_by(|a, b| a.0 == b.0) {
                let net: Diff = tick.iter().map(|(_, diff)| diff).sum();
                came += i32::from(net > 0 && copies == 0);
                withdrawn += i32::from(net < 0);
                copies += net;
                most = most.max(copies);
                assert!(copies >= 0, "{row} at {}", tick[0].0);
            }
            again += i32::from(came > 1);
            repeated += i32::from(most > 1);
        }
    }
    assert!(withdrawn > 100 && again > 50 && repeated > 50, "{withdrawn} {again} {repeated}");
}

#[test]
fn a_view_filled_twice_in_a_tick_has_both() {
    const STANDING: View<u64, u32> = View::new("standing");
    let mut filled = FilledViews::new(100);
    filled.change(&STANDING, [(2, 20, 1)]);
    filled.change(&STANDING, [(1, 10, 1), (2, 20, -1), (2, 21, 1)]);
    let views = filled.commit();
    assert_eq!(views.snapshot().rows(&STANDING).into_iter().collect::<Vec<_>>(), [(1, 10), (2, 21)]);
    let seen = RefCell::new(Vec::new());
    let since = crate::view::Position { generation: 1, through: 100 };
    for changes in views.changes_since(since).expect("the ring holds them") {
        changes.for_each(|view, key, row, diff| seen.borrow_mut().push(format!("{view} {key} {row} {diff}")));
    }
    assert_eq!(seen.into_inner(), ["standing 1 10 1", "standing 2 21 1"]);
}
