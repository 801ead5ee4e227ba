use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use differential_dataflow::input::InputSession;
use expect_test::expect;
use timely::dataflow::ProbeHandle;

use super::*;
use crate::city::statics::NAMES;
use crate::model::{Id, Name, Namespace};
use crate::operators::{count, expire};
use crate::testing::{FilledViews, Update, at, gone};
use crate::{Diff, Rows, Time};

const VALUES: View<u64, u64> = View::new("values");
/// How many keys have a value: made by way of another worker and two more stages, so that it lags behind.
const TOTAL: View<(), u64> = View::new("total");
const PLACES: View<Id, u64> = View::new("places");

/// Feeds `updates` to `build` on `workers`, of which `threads` make a process with a store of its own, tick by tick.
/// With `stop` each publisher is told to stop after the last tick; then the inputs go on to `after` and close. Gives the
/// stores after that.
fn engine(
    (workers, threads): (usize, usize),
    updates: &[Update<(u64, u64)>],
    (stop, after): (bool, Time),
    watch: impl Fn(&Views) + Send + Sync + 'static,
    build: impl for<'s> Fn(&Publisher, Rows<'s, (u64, u64)>) + Send + Sync + 'static,
) -> Vec<Views> {
    let stores: Vec<_> = (0..workers / threads).map(|_| Views::new(1, || 7)).collect();
    let stopped: Vec<_> = stores.iter().map(|_| Arc::new(AtomicBool::new(false))).collect();
    stores.iter().for_each(&watch);
    let (updates, of_worker) = (updates.to_vec(), stores.clone());
    timely::execute(timely::Config::process(workers), move |worker| {
        let (index, peers) = (worker.index(), worker.peers());
        let mut input = InputSession::<Time, (u64, u64), Diff>::new();
        let probe = ProbeHandle::new();
        let stopped = Arc::clone(&stopped[index / threads]);
        worker.dataflow(|scope| {
            let rows = input.to_collection(scope);
            let views = of_worker[index / threads].clone();
            build(&Publisher::new(views, index, peers, threads, Arc::clone(&stopped)), rows.clone());
            rows.probe_with(&probe);
        });
        for tick in updates.chunk_by(|a, b| a.1 == b.1) {
            input.advance_to(tick[0].1);
            for (row, _, diff) in tick.iter().skip(index).step_by(peers) {
                input.update(*row, *diff);
            }
            input.advance_to(tick[0].1 + 1);
            input.flush();
            while probe.less_than(input.time()) {
                worker.step_or_park(Some(Duration::from_millis(1)));
            }
        }
        let last = *input.time();
        // The views are behind the probe: a keeper waits for its store to have the last tick before it stops.
        if index % threads == 0 {
            while of_worker[index / threads].snapshot().position().through + 1 < last {
                worker.step_or_park(Some(Duration::from_millis(1)));
            }
            stopped.store(stop, Ordering::Release);
        }
        input.advance_to(after);
        input.flush();
        while probe.less_than(&after) {
            worker.step_or_park(Some(Duration::from_millis(1)));
        }
    })
    .expect("timely starts in a test")
    .join()
    .into_iter()
    .for_each(|result| result.expect("no worker panics"));
    stores
}

/// Publishes the values, and how many there are.
fn values_and_total(publisher: &Publisher, rows: Rows<'_, (u64, u64)>) {
    publisher.publish(&VALUES, rows.clone());
    publisher.publish(&TOTAL, count(rows.map(|_| ()), "Total"));
}

/// Key `i` has a value at every tick from `i` to `i + 40`, and another one from `i + 20` on.
fn coming_and_going() -> Vec<Update<(u64, u64)>> {
    let mut updates: Vec<_> = (1..120)
        .flat_map(|i| [at(i, (i, i)), gone(i + 20, (i, i)), at(i + 20, (i, 2 * i)), gone(i + 40, (i, 2 * i))])
        .collect();
    updates.sort_by_key(|&(_, time, _)| time);
    updates
}

fn values(snapshot: &Snapshot) -> Vec<(u64, u64)> {
    snapshot.rows(&VALUES).into_iter().collect()
}

/// The values as they ought to be through `tick`.
fn values_at(tick: Time) -> Vec<(u64, u64)> {
    let changes: Vec<_> = coming_and_going().into_iter().filter(|&(_, time, _)| time <= tick).collect();
    crate::testing::present(&changes)
}

fn assert_consistent(snapshot: &Snapshot) {
    let (values, total) = (values(snapshot), snapshot.row(&TOTAL, &()).unwrap_or(0));
    assert_eq!(values.len() as u64, total, "through {:?}", snapshot.position());
    assert_eq!(values, values_at(snapshot.position().through));
}

#[test]
fn two_views_of_one_input_never_disagree() {
    for workers in 1..=3 {
        let published = Arc::new(Mutex::new(Vec::new()));
        let (listened, done) = (Arc::clone(&published), Arc::new(AtomicBool::new(false)));
        let readers = Arc::new(Mutex::new(Vec::new()));
        let (started, ended) = (Arc::clone(&readers), Arc::clone(&done));
        let watch = move |views: &Views| {
            let listened = Arc::clone(&listened);
            views.on_publish(move |snapshot| listened.lock().unwrap().push(Arc::clone(snapshot)));
            for _ in 0..2 {
                let (views, ended) = (views.clone(), Arc::clone(&ended));
                started.lock().unwrap().push(std::thread::spawn(move || {
                    let mut last = 0;
                    while !ended.load(Ordering::Acquire) {
                        let snapshot = views.snapshot();
                        assert!(snapshot.position().through >= last, "time went back");
                        last = snapshot.position().through;
                        assert_consistent(&snapshot);
                    }
                }));
            }
        };
        engine((workers, workers), &coming_and_going(), (true, 500), watch, values_and_total);
        done.store(true, Ordering::Release);
        for reader in readers.lock().unwrap().drain(..) {
            reader.join().expect("no reader saw the views disagree");
        }
        let published = published.lock().unwrap();
        assert!(published.len() > 50, "{} snapshots on {workers} workers", published.len());
        assert!(published.is_sorted_by(|a, b| a.position() < b.position()));
        published.iter().for_each(|snapshot| assert_consistent(snapshot));
    }
}

#[test]
fn every_process_keeps_all_views() {
    let stores = engine((4, 2), &coming_and_going(), (true, 500), |_| (), values_and_total);
    assert_eq!(stores.len(), 2);
    for views in &stores {
        assert_consistent(&views.snapshot());
        assert_eq!(views.snapshot().position(), Position { generation: 1, through: 159 });
    }
}

#[test]
fn changes_lead_from_one_snapshot_to_the_next() {
    let views = &engine((2, 2), &coming_and_going(), (true, 500), |_| (), values_and_total)[0];
    for since in [0, 1, 50, 158, 159] {
        let mut rows: Vec<_> = values_at(since).into_iter().map(|row| (row, 1)).collect();
        let changes = views.changes_since(Position { generation: 1, through: since }).unwrap();
        assert!(changes.is_sorted_by(|a, b| a.position() < b.position()));
        assert!(changes.iter().all(|changes| changes.position().through > since && !changes.is_empty()));
        for changes in changes {
            changes.for_each(|view, key, value, diff| {
                if view == VALUES.name() {
                    rows.push(((key.as_u64().unwrap(), value.as_u64().unwrap()), diff));
                }
            });
        }
        differential_dataflow::consolidation::consolidate(&mut rows);
        let now: Vec<_> = values(&views.snapshot()).into_iter().map(|row| (row, 1)).collect();
        assert_eq!(rows, now, "since {since}");
    }
}

/// A row that ends at 1,000 and one that ends at 2,000, and a store whose inputs went on to 1,500 and closed, with the last row at 4.
fn shut_down(stop: bool) -> Vec<(u64, u64)> {
    let updates = [at(1, (1, 1_000)), at(2, (2, 2_000)), at(4, (3, 2_000))];
    let publish = |publisher: &Publisher, rows: Rows<'_, (u64, u64)>| {
        publisher.publish(&VALUES, expire(rows, |&(_, end)| end));
    };
    values(&engine((2, 2), &updates, (stop, 1_500), |_| (), publish)[0].snapshot())
}

#[test]
fn a_shutdown_does_not_show_what_was_to_happen_in_the_future() {
    assert_eq!(shut_down(true), [(1, 1_000), (2, 2_000), (3, 2_000)]);
    assert_eq!(shut_down(false), [(2, 2_000), (3, 2_000)], "without the stop the end at 1,000 would show");
}

#[test]
fn two_views_of_one_name_are_refused() {
    let twice = std::panic::AssertUnwindSafe(|| {
        timely::execute_directly(|worker| {
            let publisher = Publisher::new(Views::new(1, || 7), 0, 1, 1, Arc::default());
            worker.dataflow::<Time, _, _>(|scope| {
                let rows = InputSession::<Time, (u64, u64), Diff>::new().to_collection(scope);
                publisher.publish(&VALUES, rows.clone());
                publisher.publish(&VALUES, rows);
            });
        });
    });
    let panic = std::panic::catch_unwind(twice).unwrap_err();
    let said = panic.downcast_ref::<String>().map(String::as_str).unwrap_or_default();
    assert!(said.contains("two views are called values"), "{said}");
}

#[test]
fn a_reader_resumes_where_it_was_or_is_told_that_it_lagged() {
    let mut filled = FilledViews::new(0);
    let since = |through| Position { generation: 1, through };
    for tick in 1..=5_000u64 {
        filled.change(&VALUES, [(0, tick, 1), (0, tick - 1, if tick == 1 { 0 } else { -1 })]);
        filled.commit();
    }
    let views = filled.commit(); // a tick without changes
    assert_eq!(views.snapshot().position(), since(5_001));
    let resumed = views.changes_since(since(4_990)).unwrap();
    assert_eq!(
        resumed.iter().map(|tick| tick.position().through).collect::<Vec<_>>(),
        (4_991..=5_000).collect::<Vec<_>>()
    );
    assert_eq!(views.changes_since(since(5_001)).unwrap().len(), 0);
    // The ring holds 4,096 ticks: up to 904 they have left it.
    assert_eq!(views.changes_since(since(904)).unwrap().len(), 4_096);
    let lagged = views.changes_since(since(903)).unwrap_err();
    assert_eq!(
        lagged.to_string(),
        "the changes since tick 903 of generation 1 are no longer held: start again from a snapshot"
    );
    assert_eq!(views.changes_since(Position { generation: 2, through: 4_990 }).unwrap_err().since.generation, 2);
}

#[test]
fn a_tick_with_more_changes_than_the_ring_holds_is_still_told() {
    let mut filled = FilledViews::new(0);
    for tick in 0..3u64 {
        filled.change(&VALUES, (0..150_000).map(|key| (tick * 150_000 + key, tick, 1)));
        filled.commit();
    }
    let views = filled.commit();
    assert_eq!(views.changes_since(Position { generation: 1, through: 2 }).unwrap()[0].len(), 150_000);
    assert!(views.changes_since(Position { generation: 1, through: 1 }).is_err());
}

#[test]
fn a_row_that_goes_with_its_name_is_still_told_by_name() {
    let name = Name::new(Namespace::Zone, "harbour");
    let mut filled = FilledViews::new(0);
    filled.change(&NAMES, [(name.id, Arc::clone(&name.text), 1)]);
    filled.change(&PLACES, [(name.id, 5, 1)]);
    filled.commit();
    filled.change(&NAMES, [(name.id, Arc::clone(&name.text), -1)]);
    filled.change(&PLACES, [(name.id, 5, -1)]);
    let views = filled.commit();
    let mut told = Vec::new();
    for changes in views.changes_since(Position { generation: 1, through: 0 }).unwrap() {
        changes.for_each(|view, key, row, diff| told.push(format!("{diff:+} {view} {key} {row}")));
    }
    expect![[r#"
        [
            "+1 names \"harbour\" \"harbour\"",
            "+1 places \"harbour\" 5",
            "-1 names \"harbour\" \"harbour\"",
            "-1 places \"harbour\" 5",
        ]
    "#]]
    .assert_debug_eq(&told);
}

#[test]
fn equal_snapshots_give_equal_json() {
    let harbour = Name::new(Namespace::Zone, "harbour");
    let fill = |order: &[u64]| {
        let mut filled = FilledViews::new(0);
        for &key in order {
            filled.change(&VALUES, [(key, 10 * key, 1)]);
        }
        filled.change(&PLACES, [(harbour.id, 5, 1)]);
        filled.change(&NAMES, [(harbour.id, Arc::clone(&harbour.text), 1)]);
        filled.commit().snapshot().to_json().to_string()
    };
    let json = fill(&[3, 1, 2]);
    assert_eq!(json, fill(&[2, 3, 1]));
    expect![[r#"{"names":[["harbour","harbour"]],"places":[["harbour",5]],"values":[[1,10],[2,20],[3,30]]}"#]]
        .assert_eq(&json);
}

#[test]
fn a_waiting_reader_is_woken_by_the_next_tick_and_gives_up_in_time() {
    let mut filled = FilledViews::new(0);
    let views = filled.commit();
    assert_eq!(views.wait_past(1, Duration::from_millis(1)).position().through, 1);
    let reader = std::thread::spawn(move || views.wait_past(1, Duration::from_secs(60)).position().through);
    filled.commit();
    assert_eq!(reader.join().unwrap(), 2);
}

#[test]
fn a_snapshot_stays_as_it_was() {
    let mut filled = FilledViews::new(0);
    filled.change(&VALUES, [(1, 10, 1)]);
    let before = filled.commit().snapshot();
    filled.change(&VALUES, [(1, 10, -1), (1, 11, 1), (2, 20, 1)]);
    let after = filled.commit().snapshot();
    assert_eq!(values(&before), [(1, 10)]);
    assert_eq!(values(&after), [(1, 11), (2, 20)]);
}

#[test]
fn changes_have_the_types_of_their_view() {
    const OTHER: View<u64, Id> = View::new("values");
    let mut views = FilledViews::new(1_000);
    views.change(&VALUES, [(2, 20, 1), (1, 10, 1)]);
    let since = views.commit().snapshot().position();
    views.change(&VALUES, [(2, 20, -1), (2, 21, 1)]);
    let changes = views.commit().changes_since(since).expect("the ring holds them");
    let [changes] = &*changes else { panic!("one tick: {changes:?}") };
    assert_eq!(changes.of(&VALUES), [(2, 20, -1), (2, 21, 1)]);
    assert!(changes.of(&TOTAL).is_empty(), "nothing of it changed");
    assert!(changes.of(&OTHER).is_empty(), "it has other types");
}
