//! The workers: each runs the pipeline, fed from its desk.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::Thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
use differential_dataflow::input::InputSession;
use smartcity_dataflow::model::{CityRow, Instant, Name, Reading, Rejected, UtcOffsets};
use smartcity_dataflow::pipeline::{Inputs, pipeline};
use smartcity_dataflow::view::{Publisher, Views};
use smartcity_dataflow::{Diff, Settings, Time};
use timely::communication::WorkerGuards;
use timely::worker::Worker;

use super::Capability;
use crate::source::Batch;

/// Orders that wait on a desk; more, and the pacemaker waits.
const WAITING_ORDERS: usize = 64;

/// A worker that has nothing to do looks up this often, in case a wake-up was lost.
const NAP: Duration = Duration::from_millis(200);

/// What the pacemaker tells a worker.
pub(super) enum Order {
    /// Rows of a tick. Their `arrived` is the tick.
    Rows(Time, Batch),
    /// Changes of the city at a tick.
    City(Time, Vec<(CityRow, Diff)>),
    /// No rows at or before this tick will follow.
    Complete(Time),
    /// Stop now.
    Stop,
}

/// The pacemaker's side of a worker.
#[derive(Debug)]
pub(super) struct Handle {
    orders: Sender<Order>,
    thread: Arc<OnceLock<Thread>>,
}

impl Handle {
    /// Puts an order on the worker's desk; waits while the desk is full. An order to a worker that has ended is lost.
    pub(super) fn send(&self, order: Order) {
        let _ = self.orders.send(order);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

/// A worker's side.
#[derive(Debug)]
pub(super) struct Desk {
    orders: Receiver<Order>,
    thread: Arc<OnceLock<Thread>>,
}

/// Handles and desks for the workers of a process.
pub(super) fn desks(threads: usize) -> (Vec<Handle>, Vec<Desk>) {
    (0..threads)
        .map(|_| {
            let (sender, receiver) = bounded(WAITING_ORDERS);
            let thread = Arc::new(OnceLock::new());
            (Handle { orders: sender, thread: Arc::clone(&thread) }, Desk { orders: receiver, thread })
        })
        .unzip()
}

/// What every worker builds.
pub(super) struct Plan {
    pub(super) settings: Settings,
    pub(super) offsets: UtcOffsets,
    pub(super) capabilities: Vec<Capability>,
    pub(super) views: Views,
    pub(super) stopped: Arc<AtomicBool>,
    /// Workers of this process.
    pub(super) threads: usize,
}

/// Starts the workers; each takes a desk.
pub(super) fn start(config: timely::Config, plan: Plan, desks: Vec<Desk>) -> Result<WorkerGuards<()>, String> {
    let desks = Mutex::new(desks.into_iter().map(Some).collect::<Vec<_>>());
    timely::execute(config, move |worker| {
        let _end_together = AbortOnPanic;
        let mine = worker.index() % plan.threads;
        let desk = desks.lock().unwrap_or_else(|poisoned| poisoned.into_inner())[mine].take();
        if let Some(desk) = desk {
            let _ = desk.thread.set(std::thread::current());
            run(worker, &plan, &desk.orders);
        }
    })
}

/// A worker that panics leaves the others waiting for it for ever, so the process ends with it.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("a worker panicked; the process ends");
            std::process::abort();
        }
    }
}

/// The worker's inputs.
struct Sessions {
    readings: InputSession<Time, Reading<Instant>, Diff>,
    rejected: InputSession<Time, Rejected, Diff>,
    names: InputSession<Time, (Time, Name), Diff>,
    city: InputSession<Time, CityRow, Diff>,
}

impl Sessions {
    fn feed(&mut self, tick: Time, batch: Batch) {
        for reading in batch.readings {
            self.readings.update_at(reading, tick, 1);
        }
        for rejected in batch.rejected {
            self.rejected.update_at(rejected, tick, 1);
        }
        for named in batch.names {
            self.names.update_at(named, tick, 1);
        }
    }

    /// Times at or before `tick` are complete.
    fn complete(&mut self, tick: Time) {
        macro_rules! advance {
            ($($session:ident)*) => {$(
                self.$session.advance_to(tick + 1);
                self.$session.flush();
            )*};
        }
        advance!(readings rejected names city);
    }
}

fn run(worker: &mut Worker, plan: &Plan, orders: &Receiver<Order>) {
    let mut sessions = build(worker, plan);
    loop {
        match orders.try_recv() {
            Ok(Order::Rows(tick, batch)) => sessions.feed(tick, batch),
            Ok(Order::City(tick, changes)) => {
                for (row, diff) in changes {
                    sessions.city.update_at(row, tick, diff);
                }
            }
            Ok(Order::Complete(tick)) => {
                sessions.complete(tick);
                worker.step();
            }
            Err(TryRecvError::Empty) => {
                worker.step_or_park(Some(NAP));
            }
            Ok(Order::Stop) | Err(TryRecvError::Disconnected) => break,
        }
        if plan.stopped.load(Ordering::Acquire) {
            break;
        }
    }
    // Closing the inputs would release what was to happen in the future; a dropped dataflow releases nothing.
    for dataflow in worker.installed_dataflows() {
        worker.drop_dataflow(dataflow);
    }
}

fn build(worker: &mut Worker, plan: &Plan) -> Sessions {
    let mut sessions = Sessions {
        readings: InputSession::new(),
        rejected: InputSession::new(),
        names: InputSession::new(),
        city: InputSession::new(),
    };
    let publisher =
        Publisher::new(plan.views.clone(), worker.index(), worker.peers(), plan.threads, Arc::clone(&plan.stopped));
    worker.dataflow_named("City", |scope| {
        let inputs = Inputs {
            readings: sessions.readings.to_collection(scope),
            rejected: sessions.rejected.to_collection(scope),
            names: sessions.names.to_collection(scope),
            city: sessions.city.to_collection(scope),
        };
        let streams = pipeline(inputs, &plan.settings, &plan.offsets, &publisher);
        for capability in &plan.capabilities {
            capability(&streams, &publisher);
        }
    });
    sessions
}
