//! A crew of workers: any dataflow on timely's threads, fed tick by tick.
//!
//! ```text
//!  deal(tick, rows) ──▶ desk ──▶ worker 0: feed ─┐
//!  complete(tick) ────▶ desk ──▶ worker 1: feed ─┴─▶ operators ─▶ Publisher ─▶ Views
//! ```
//!
//! The [`Engine`](super::Engine) is a crew that runs the city. With row types of your own, be the pacemaker yourself: deal
//! rows at ticks that never decrease, say when a tick is complete, and read the views.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::Thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
use smartcity_dataflow::Time;
use smartcity_dataflow::view::{Publisher, Snapshot, Views};
use timely::CommunicationConfig;
use timely::communication::WorkerGuards;
use timely::worker::Worker;

use super::EngineError;
use super::operators::{OperatorFigures, OperatorMeter, Recording};

/// Orders that wait on a desk; with more, who deals waits.
const WAITING_ORDERS: usize = 64;

/// A worker that has nothing to do looks up this often, in case a wake-up was lost.
const NAP: Duration = Duration::from_millis(200);

/// What the workers of a [`Crew`] run.
///
/// ```
/// use differential_dataflow::input::InputSession;
/// use smartcity_dataflow::operators::count;
/// use smartcity_dataflow::view::{Publisher, View, Views};
/// use smartcity_dataflow::{Diff, Time};
/// use smartcity_io::driver::{Crew, Dataflow};
/// use timely::worker::Worker;
///
/// /// How often was each stop asked for?
/// const ASKED: View<u32, u64> = View::new("asked");
///
/// struct Stops;
///
/// impl Dataflow for Stops {
///     type Rows = Vec<u32>;
///     type Inputs = InputSession<Time, u32, Diff>;
///
///     fn build(&self, worker: &mut Worker, publisher: &Publisher) -> Self::Inputs {
///         let mut stops = InputSession::new();
///         worker.dataflow(|scope| publisher.publish(&ASKED, count(stops.to_collection(scope), "Asked")));
///         stops
///     }
///
///     fn feed(&self, stops: &mut Self::Inputs, tick: Time, asked: Vec<u32>) {
///         asked.into_iter().for_each(|stop| stops.update_at(stop, tick, 1));
///     }
///
///     fn complete(&self, stops: &mut Self::Inputs, tick: Time) {
///         stops.advance_to(tick + 1);
///         stops.flush();
///     }
/// }
///
/// let mut crew = Crew::start(timely::Config::process(2), Stops, Views::new(1, || 0))?;
/// crew.deal(1, vec![7, 9]);
/// crew.deal(1, vec![7]);
/// crew.complete(1);
/// assert_eq!(crew.wait_through(1).row(&ASKED, &7), Some(2));
/// crew.shutdown();
/// # Ok::<_, smartcity_io::driver::EngineError>(())
/// ```
pub trait Dataflow: Send + Sync + 'static {
    /// Rows of a tick on their way to one worker: whatever [`feed`](Self::feed) makes rows of.
    type Rows: Send + 'static;
    /// A worker's inputs.
    type Inputs: 'static;

    /// Builds the dataflow and gives its inputs. Called once on every worker, and must build the same on each.
    fn build(&self, worker: &mut Worker, publisher: &Publisher) -> Self::Inputs;

    /// Puts `rows` into the inputs at `tick`.
    fn feed(&self, inputs: &mut Self::Inputs, tick: Time, rows: Self::Rows);

    /// Nothing at or before `tick` will follow: advances every input to `tick + 1` and flushes it.
    fn complete(&self, inputs: &mut Self::Inputs, tick: Time);
}

/// Workers at work on a dataflow.
pub struct Crew<D: Dataflow> {
    desks: Vec<Desk<D::Rows>>,
    next: usize,
    views: Views,
    stopped: Arc<AtomicBool>,
    meter: OperatorMeter,
    guards: WorkerGuards<()>,
    /// Whether the workers of this process are all there are.
    is_alone: bool,
}

impl<D: Dataflow> Crew<D> {
    /// Starts the workers of this process, as `config` says; what they publish goes to `views`.
    pub fn start(config: timely::Config, dataflow: D, views: Views) -> Result<Self, EngineError> {
        Self::start_with(config, dataflow, views, None)
    }

    /// [`start`](Self::start), with every operator measured by `meter`: that costs some time at every turn of each.
    pub fn start_metered(
        config: timely::Config,
        dataflow: D,
        views: Views,
        meter: &OperatorMeter,
    ) -> Result<Self, EngineError> {
        Self::start_with(config, dataflow, views, Some(meter.clone()))
    }

    fn start_with(
        mut config: timely::Config,
        dataflow: D,
        views: Views,
        meter: Option<OperatorMeter>,
    ) -> Result<Self, EngineError> {
        let spines = differential_dataflow::Config::default().idle_merge_effort(Some(1_000));
        differential_dataflow::configure(&mut config.worker, &spines);
        let (_, processes, threads) = shape(&config.communication);
        let stopped = Arc::new(AtomicBool::new(false));
        let (desks, orders): (Vec<_>, Vec<_>) = (0..threads).map(|_| Desk::new()).unzip();
        let orders = Mutex::new(orders.into_iter().map(Some).collect::<Vec<_>>());
        let (of_workers, is_stopped) = (views.clone(), Arc::clone(&stopped));
        let of_crew = meter.clone().unwrap_or_default();
        let guards = timely::execute(config, move |worker| {
            let _end_together = AbortOnPanic;
            let mine = worker.index() % threads;
            let Some(orders) = orders.lock().unwrap_or_else(|poisoned| poisoned.into_inner())[mine].take() else {
                return;
            };
            orders.start();
            let (index, peers) = (worker.index(), worker.peers());
            let publisher = Publisher::new(of_workers.clone(), index, peers, threads, Arc::clone(&is_stopped));
            let recording = meter.as_ref().map(|meter| meter.record(worker));
            work(worker, &dataflow, &publisher, &orders.orders, &is_stopped, recording);
        });
        let guards = guards.map_err(EngineError::Workers)?;
        Ok(Self { desks, next: 0, views, stopped, meter: of_crew, guards, is_alone: processes == 1 })
    }

    /// Number of workers of this process.
    pub fn workers(&self) -> usize {
        self.desks.len()
    }

    /// Deals rows of `tick` to the workers in turn; waits while the worker's desk is full.
    pub fn deal(&mut self, tick: Time, rows: D::Rows) {
        self.deal_to(self.next, tick, rows);
        self.next = (self.next + 1) % self.desks.len();
    }

    /// Deals rows of `tick` to one worker of this process, of [`workers`](Self::workers) from 0.
    pub fn deal_to(&self, worker: usize, tick: Time, rows: D::Rows) {
        self.desks[worker].put(Order::Rows(tick, rows));
    }

    /// Nothing at or before `tick` will be dealt any more.
    pub fn complete(&self, tick: Time) {
        for desk in &self.desks {
            desk.put(Order::Complete(tick));
        }
    }

    /// The views.
    pub fn views(&self) -> &Views {
        &self.views
    }

    /// What each operator has cost so far; nothing where the crew was started without a meter.
    pub fn operators(&self) -> Vec<OperatorFigures> {
        self.meter.figures()
    }

    /// Waits until the views are through `tick`.
    pub fn wait_through(&self, tick: Time) -> Arc<Snapshot> {
        loop {
            let snapshot = self.views.wait_past(tick.saturating_sub(1), NAP);
            if snapshot.position().through >= tick {
                return snapshot;
            }
        }
    }

    /// Once it is set, nothing more is published and the workers end.
    pub(super) fn stopped(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stopped)
    }

    /// Stops the workers. What was to happen in the future does not happen.
    ///
    /// A process of a cluster ends the whole cluster with it: its connections close when the process ends.
    pub fn shutdown(self) {
        self.stopped.store(true, Ordering::Release);
        for desk in &self.desks {
            desk.put(Order::Stop);
        }
        if !self.is_alone {
            // The threads between processes end when all processes do; this one does not wait for that.
            std::mem::forget(self.guards);
            return;
        }
        for outcome in self.guards.join() {
            if let Err(error) = outcome {
                tracing::error!(error, "a worker did not end well");
            }
        }
    }
}

impl<D: Dataflow> fmt::Debug for Crew<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew").field("workers", &self.desks.len()).field("views", &self.views).finish_non_exhaustive()
    }
}

/// This process, the number of processes, and the workers of each.
pub(super) fn shape(communication: &CommunicationConfig) -> (usize, usize, usize) {
    match communication {
        CommunicationConfig::Thread => (0, 1, 1),
        CommunicationConfig::Process(threads) | CommunicationConfig::ProcessBinary(threads) => (0, 1, *threads),
        CommunicationConfig::Cluster { threads, process, addresses, .. } => (*process, addresses.len(), *threads),
    }
}

/// What a worker is told.
enum Order<R> {
    /// Rows of a tick.
    Rows(Time, R),
    /// No rows at or before this tick will follow.
    Complete(Time),
    /// Stop now.
    Stop,
}

/// The dealer's side of a worker.
struct Desk<R> {
    orders: Sender<Order<R>>,
    worker: Arc<OnceLock<Thread>>,
}

/// The worker's side.
struct Orders<R> {
    orders: Receiver<Order<R>>,
    worker: Arc<OnceLock<Thread>>,
}

impl<R> Desk<R> {
    fn new() -> (Self, Orders<R>) {
        let (sender, receiver) = bounded(WAITING_ORDERS);
        let worker = Arc::new(OnceLock::new());
        (Self { orders: sender, worker: Arc::clone(&worker) }, Orders { orders: receiver, worker })
    }

    /// Puts an order on the desk; waits while it is full. An order to a worker that has ended is lost.
    fn put(&self, order: Order<R>) {
        let _ = self.orders.send(order);
        if let Some(worker) = self.worker.get() {
            worker.unpark();
        }
    }
}

impl<R> Orders<R> {
    /// Called on the worker's thread: from now on an order wakes it.
    fn start(&self) {
        let _ = self.worker.set(std::thread::current());
    }
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

fn work<D: Dataflow>(
    worker: &mut Worker,
    dataflow: &D,
    publisher: &Publisher,
    orders: &Receiver<Order<D::Rows>>,
    stopped: &AtomicBool,
    recording: Option<Recording>,
) {
    let mut inputs = dataflow.build(worker, publisher);
    loop {
        match orders.try_recv() {
            Ok(Order::Rows(tick, rows)) => dataflow.feed(&mut inputs, tick, rows),
            Ok(Order::Complete(tick)) => {
                dataflow.complete(&mut inputs, tick);
                worker.step();
            }
            Err(TryRecvError::Empty) => {
                worker.step_or_park(Some(NAP));
            }
            Ok(Order::Stop) | Err(TryRecvError::Disconnected) => break,
        }
        if stopped.load(Ordering::Acquire) {
            break;
        }
    }
    if let Some(recording) = recording {
        recording.finish(worker);
    }
    // Closing the inputs would release what was to happen in the future; a dropped dataflow releases nothing.
    for dataflow in worker.installed_dataflows() {
        worker.drop_dataflow(dataflow);
    }
}
