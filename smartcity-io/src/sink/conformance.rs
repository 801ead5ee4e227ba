//! What every state sink must do, as checks that each implementation runs.

use std::fmt::Debug;
use std::sync::Arc;

use smartcity_dataflow::testing::FilledViews;
use smartcity_dataflow::view::Snapshot;

use super::{Mirror, Sink, StateSink};

/// Ticks before each check of the whole.
const STEPS: u32 = 12;

/// Checks the [`StateSink`]s that `open` makes, all on one mirror, which is empty before the first:
///
/// - `reset` makes it equal to a snapshot, whatever another sink has left there;
/// - `apply` takes it from tick to tick, one at a time or several at once;
/// - the same ticks once more change nothing, nor do no ticks;
/// - run beside the views it has the last tick when it ends.
///
/// `change` makes the changes of a step, counted from 0, in the views that the mirror shows: rows that come, that change and
/// that go. `expected` is what a mirror of a snapshot holds, `held` what this one does.
///
/// # Panics
///
/// Where the sink does otherwise.
pub fn mirrors<S: StateSink, T: PartialEq + Debug>(
    mut open: impl FnMut() -> S,
    mut change: impl FnMut(&mut FilledViews, u32),
    expected: impl Fn(&Snapshot) -> T,
    held: impl Fn() -> T,
) {
    let mut views = FilledViews::new(1_795_435_200_000);
    let mut steps = 0..;
    let mut tick = |views: &mut FilledViews, ticks: u32| {
        let mut store = None;
        for step in steps.by_ref().take(ticks as usize) {
            change(views, step);
            store = Some(views.commit());
        }
        store.expect("at least one tick")
    };
    let shows = |snapshot: &Arc<Snapshot>, when: &str| assert_eq!(held(), expected(snapshot), "{when}");

    let snapshot = tick(&mut views, STEPS).snapshot();
    let mut sink = open();
    sink.reset(&snapshot).expect("the mirror takes a snapshot");
    shows(&snapshot, "after a snapshot");

    let mut since = snapshot.position();
    let mut apply = |sink: &mut S, views: &mut FilledViews, ticks: u32, when: &str| {
        let store = tick(views, ticks);
        let (changes, snapshot) = (store.changes_since(since).expect("the ring holds them"), store.snapshot());
        sink.apply(&changes, snapshot.position()).expect("the mirror takes ticks");
        shows(&snapshot, when);
        since = snapshot.position();
        sink.apply(&changes[changes.len().saturating_sub(1)..], since).expect("it takes the last tick once more");
        shows(&snapshot, "after the last tick once more");
        sink.apply(&[], since).expect("it takes no ticks");
        shows(&snapshot, "after no ticks");
    };
    for _ in 0..STEPS {
        apply(&mut sink, &mut views, 1, "after one tick");
    }
    apply(&mut sink, &mut views, STEPS, "after several ticks at once");
    drop(sink);

    // What has gone meanwhile is not in the snapshot that the next one begins with.
    let snapshot = tick(&mut views, STEPS).snapshot();
    open().reset(&snapshot).expect("the mirror takes a snapshot of a sink that comes after");
    shows(&snapshot, "after another sink's snapshot");

    let sink = Mirror::of(open());
    let status = sink.status();
    let listening = Box::new(sink).listen(&tick(&mut views, 1));
    let store = tick(&mut views, 20 * STEPS);
    listening.finish();
    shows(&store.snapshot(), "when it ended");
    assert_eq!(status.position(), Some(store.snapshot().position()), "and it says so");
}
