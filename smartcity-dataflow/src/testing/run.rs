//! Runs of a dataflow in a test: how many workers, and who is ahead of whom.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use differential_dataflow::ExchangeData;
use differential_dataflow::consolidation::consolidate_updates;
use differential_dataflow::input::InputSession;
use timely::dataflow::ProbeHandle;
use timely::worker::Worker;

use super::{Traced, Update};
use crate::{Diff, Rows, Time};

/// How the workers of a run keep step.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// Every tick is complete on all workers before the next begins.
    Lockstep,
    /// The workers feed one after the other, the last one first, each all it has: later ticks of one come before earlier
    /// ticks of another, and no tick is complete before the first worker's turn.
    OneByOne,
    /// Each feeds as fast as it can, and steps more seldom the higher its index.
    Free,
}

/// The consolidated trace, up to and including `through`, of what `build` makes of `updates` dealt to `workers`.
pub(super) fn run<I: ExchangeData + Sync, O: ExchangeData>(
    workers: usize,
    pace: Pace,
    updates: &[Update<I>],
    build: impl for<'s> Fn(Rows<'s, I>) -> Rows<'s, O> + Send + Sync + 'static,
    through: Time,
) -> Vec<Traced<O>> {
    let mut updates: Vec<_> = updates.iter().filter(|(_, time, _)| *time <= through).cloned().collect();
    updates.sort_by_key(|&(_, time, _)| time); // stable: the order inside a tick is the caller's
    let updates = Arc::new(updates);
    let output = Arc::new(Mutex::new(Vec::new()));
    let traced = Arc::clone(&output);
    let company = Company::default();
    let config = if workers == 1 { timely::Config::thread() } else { timely::Config::process(workers) };
    let guards = timely::execute(config, move |worker| {
        let member = Member(company.clone());
        let mut input = InputSession::<Time, I, Diff>::new();
        let probe = ProbeHandle::new();
        let traced = Arc::clone(&traced);
        worker.dataflow(|scope| {
            let output = build(input.to_collection(scope)).inspect_batch(move |_, batch| {
                let traced = &mut *traced.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                traced.extend(batch.iter().filter(|(_, time, _)| *time <= through).cloned());
            });
            output.probe_with(&probe);
        });
        let (index, peers) = (worker.index(), worker.peers());
        if matches!(pace, Pace::OneByOne) {
            member.wait_while(|company| company.fed.load(Ordering::Acquire) < peers - 1 - index);
            settle(worker); // a worker takes its own rows first, so it must take the others' before it has any
        }
        for tick in updates.chunk_by(|(_, a, _), (_, b, _)| a == b) {
            let now = tick[0].1;
            input.advance_to(now);
            // The share rotates with the tick, so that a row and its withdrawal come from different workers.
            let mine = tick.iter().enumerate().filter(|(i, _)| (*i as Time + now) % peers as Time == index as Time);
            for (row, _, diff) in mine.map(|(_, update)| update) {
                input.update(row.clone(), *diff);
            }
            input.advance_to(now + 1);
            input.flush();
            match pace {
                Pace::Lockstep => member.work_while(worker, |_| probe.less_equal(&now)),
                Pace::Free if now % (index as Time + 1) == 0 => _ = worker.step(),
                Pace::OneByOne | Pace::Free => {}
            }
        }
        input.advance_to(through + 1);
        input.flush();
        if matches!(pace, Pace::OneByOne) {
            settle(worker); // the rows are on their way to their workers before the next one begins
            member.0.fed.fetch_add(1, Ordering::AcqRel);
        }
        member.work_while(worker, |_| probe.less_equal(&through));
        member.0.done.fetch_add(1, Ordering::AcqRel);
        member.work_while(worker, |company| company.done.load(Ordering::Acquire) < peers);
        for dataflow in worker.installed_dataflows() {
            worker.drop_dataflow(dataflow); // closing the input instead would release what lies after `through`
        }
    })
    .expect("timely starts in a test");
    for result in guards.join() {
        result.expect("no worker panics");
    }
    let mut updates = std::mem::take(&mut *output.lock().expect("no worker panicked"));
    consolidate_updates(&mut updates);
    let mut trace: Vec<_> = updates.into_iter().map(|(row, time, diff)| (time, row, diff)).collect();
    trace.sort();
    trace
}

/// What the workers of a run know of each other.
#[derive(Clone, Debug, Default)]
struct Company {
    fed: Arc<AtomicUsize>,
    done: Arc<AtomicUsize>,
    failed: Arc<AtomicBool>,
}

/// A worker of the company, which tells the others when it panics: they would wait for it for ever.
struct Member(Company);

impl Member {
    /// Waits idly while `condition` holds.
    fn wait_while(&self, condition: impl Fn(&Company) -> bool) {
        while condition(&self.0) {
            self.check();
            std::thread::yield_now();
        }
    }

    /// Works while `condition` holds.
    fn work_while(&self, worker: &mut Worker, condition: impl Fn(&Company) -> bool) {
        while condition(&self.0) {
            self.check();
            worker.step_or_park(Some(Duration::from_millis(1)));
        }
    }

    fn check(&self) {
        assert!(!self.0.failed.load(Ordering::Acquire), "another worker panicked: see its message");
    }
}

/// Lets rows travel through the operators as far as they get without anyone else's.
fn settle(worker: &mut Worker) {
    for _ in 0..4 {
        worker.step();
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.failed.store(true, Ordering::Release);
        }
    }
}
