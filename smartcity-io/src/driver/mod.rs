//! The driver: an engine from a city, sources, sinks and capabilities.
//!
//! ```text
//!  source threads ──batches──▶ pacemaker ──rows of a tick──▶ worker 0 ──▶ views ──▶ sink threads
//!   (decode)       (bounded)   (one clock)  "tick T is done" ▶ worker 1
//! ```
//!
//! The *pacemaker* is the only one who knows the time. It stamps what comes with the engine's tick, deals it to the workers
//! of this process and tells them when a tick is complete. While the views are behind it takes no more from the sources, so
//! their channels fill and they wait. Every other process of a cluster has a pacemaker of its own; views are complete
//! through a tick when all are.

mod clock;
mod crew;
mod live;
mod operators;
mod pacemaker;
mod recording;
mod replay;
mod taps;
#[cfg(test)]
mod tests;
mod worker;

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::Sender;
use smartcity_dataflow::model::{City, CityRow, Name, Namespace, UtcOffsets};
use smartcity_dataflow::pipeline::Streams;
use smartcity_dataflow::view::{Publisher, Views};
use smartcity_dataflow::{BadSetting, Settings, Time};
use timely::CommunicationConfig;

pub use clock::{Clock, ManualClock};
pub use crew::{Crew, Dataflow};
pub use operators::{Arranged, OperatorFigures, OperatorMeter};
use pacemaker::{Command, Pacemaker, ROWS_PER_TICK};
use taps::Tap;

use crate::sink::{Listening, Sink, SinkStatus};
use crate::source::{Assignment, Reached, Source, SourceStatus};

/// Builds the dataflow of a capability: called once on every worker.
type Capability = Arc<dyn for<'s> Fn(&Streams<'s>, &Publisher) + Send + Sync>;

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Timely could not start its workers or reach the other processes.
    #[error("the workers did not start: {0}; check the number of processes, this process's index and the host file")]
    Workers(String),
    /// A setting makes no sense.
    #[error("the engine cannot run as it is set")]
    Settings(#[from] BadSetting),
    /// A recorded clock has nothing to follow.
    #[error("the replay clock needs at least one source, and only sources that were recorded; {0} is not")]
    NotRecorded(String),
    /// The operating system gave no thread.
    #[error("no thread could be started")]
    Thread(#[source] std::io::Error),
}

/// An engine before it starts: a city, and what flows through it.
pub struct Engine {
    city: City,
    settings: Settings,
    offsets: UtcOffsets,
    clock: Clock,
    rows_per_tick: usize,
    timely: timely::Config,
    sources: Vec<(Box<dyn Source>, Reached)>,
    sinks: Vec<Box<dyn Sink>>,
    capabilities: Vec<Capability>,
}

impl Engine {
    /// An engine for `city`, with default settings, one worker, and the wall clock.
    pub fn new(city: City) -> Self {
        Self {
            city,
            settings: Settings::default(),
            offsets: UtcOffsets::default(),
            clock: Clock::Wall,
            rows_per_tick: ROWS_PER_TICK,
            timely: timely::Config::process(1),
            sources: Vec::new(),
            sinks: Vec::new(),
            capabilities: Vec::new(),
        }
    }

    /// Takes these settings.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Lets a tick take this many rows, 100,000 without a word; more wait for the next tick. It bounds the memory that a
    /// burst costs: of a live source, and of a recording with many rows of one time. At least 1.
    #[must_use]
    pub fn rows_per_tick(mut self, rows: usize) -> Self {
        self.rows_per_tick = rows.max(1);
        self
    }

    /// Reads timestamps without an offset by this zone's table.
    #[must_use]
    pub fn local_time(mut self, offsets: UtcOffsets) -> Self {
        self.offsets = offsets;
        self
    }

    /// Runs on the threads of this process.
    #[must_use]
    pub fn workers(mut self, threads: usize) -> Self {
        self.timely.communication = CommunicationConfig::Process(threads.max(1));
        self
    }

    /// Runs as timely is configured: several processes, host file, ...
    #[must_use]
    pub fn timely(mut self, config: timely::Config) -> Self {
        self.timely = config;
        self
    }

    /// Takes its time from `clock`.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Adds a source.
    #[must_use]
    pub fn source(self, source: impl Source) -> Self {
        self.source_from(source, Vec::new())
    }

    /// Adds a source that goes on from where it had come to, as [`SourceStatus::positions_through`] told it.
    #[must_use]
    pub fn source_from(mut self, source: impl Source, reached: Reached) -> Self {
        self.sources.push((Box::new(source), reached));
        self
    }

    /// Adds a sink.
    #[must_use]
    pub fn sink(mut self, sink: impl Sink) -> Self {
        self.sinks.push(Box::new(sink));
        self
    }

    /// Adds a capability: `build` takes collections of the pipeline and publishes views of its own.
    #[must_use]
    pub fn capability(mut self, build: impl for<'s> Fn(&Streams<'s>, &Publisher) + Send + Sync + 'static) -> Self {
        self.capabilities.push(Arc::new(build));
        self
    }

    /// Starts the workers, the sources and the sinks.
    pub fn start(mut self) -> Result<Running, EngineError> {
        self.settings.check()?;
        if self.clock.is_replay()
            && let Some((live, _)) = self.sources.iter().find(|(source, _)| !source.is_recorded())
        {
            return Err(EngineError::NotRecorded(live.name().to_owned()));
        }
        let (process, processes, _) = crew::shape(&self.timely.communication);
        let names = self.sources.iter().map(|(source, _)| CityRow::Name(Name::new(Namespace::Source, source.name())));
        let names: Arc<[CityRow]> = names.collect();
        self.city.rows.extend(names.iter().cloned());
        // Of a recording every process reads all: the tick of a row depends on the rows before it.
        let share = if self.clock.is_replay() {
            Assignment::all()
        } else {
            Assignment::share(process as u32, processes as u32)
        };
        let wall = clock::wall_millis;
        let views = Views::new(wall(), wall);
        let sinks = self.sinks.iter().filter_map(|sink| sink.status()).collect();
        let listening: Vec<_> = self.sinks.into_iter().map(|sink| sink.listen(&views)).collect();
        let flow = worker::CityFlow {
            settings: self.settings.clone(),
            offsets: self.offsets,
            capabilities: self.capabilities,
        };
        let meter = OperatorMeter::default();
        let crew = if self.settings.operator_metrics {
            Crew::start_metered(self.timely, flow, views.clone(), &meter)?
        } else {
            Crew::start(self.timely, flow, views.clone())?
        };
        let stopped = crew.stopped();
        let (commands, orders) = crossbeam_channel::unbounded();
        let pacemaker = Pacemaker {
            clock: self.clock,
            tick_ms: self.settings.tick_ms,
            rows_per_tick: self.rows_per_tick,
            views: views.clone(),
            crew,
            commands: orders,
            share: (process as u64, processes as u64),
            tick: 0,
            completed: 0,
            stopping: false,
        };
        let open = |(source, reached)| Tap::open(source, share.clone().from(reached));
        let taps = self.sources.into_iter().map(open).collect::<io::Result<Vec<_>>>().map_err(EngineError::Thread)?;
        let statuses = taps.iter().map(|tap| tap.status.clone()).collect();
        let initial = if process == 0 { City::default().changes_to(&self.city) } else { Vec::new() };
        let pacemaker = thread::Builder::new()
            .name("pacemaker".to_owned())
            .spawn(move || pacemaker.run(initial, taps))
            .map_err(EngineError::Thread)?;
        let editor = CityEditor { city: Arc::new(Mutex::new(self.city)), commands, names };
        Ok(Running { views, meter, editor, stopped, statuses, sinks, pacemaker, listening })
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources: Vec<_> = self.sources.iter().map(|(source, _)| source.name()).collect();
        f.debug_struct("Engine").field("settings", &self.settings).field("sources", &sources).finish_non_exhaustive()
    }
}

/// A running engine.
pub struct Running {
    views: Views,
    meter: OperatorMeter,
    editor: CityEditor,
    stopped: Arc<AtomicBool>,
    statuses: Arc<[SourceStatus]>,
    sinks: Arc<[SinkStatus]>,
    pacemaker: JoinHandle<()>,
    listening: Vec<Listening>,
}

impl Running {
    /// The engine's views.
    pub fn views(&self) -> &Views {
        &self.views
    }

    /// How each source fares.
    pub fn sources(&self) -> &[SourceStatus] {
        &self.statuses
    }

    /// How each sink fares that says so.
    pub fn sinks(&self) -> &[SinkStatus] {
        &self.sinks
    }

    /// What each operator of this process has cost so far, by name; nothing without
    /// [`Settings::operator_metrics`](smartcity_dataflow::Settings::operator_metrics).
    pub fn operators(&self) -> Vec<OperatorFigures> {
        self.meter.figures()
    }

    /// A handle on the figures of [`operators`](Self::operators), good from any thread and after the end.
    pub fn operator_meter(&self) -> OperatorMeter {
        self.meter.clone()
    }

    /// A way to change the city while the engine runs.
    pub fn city(&self) -> CityEditor {
        self.editor.clone()
    }

    /// Whether every source has ended.
    pub fn is_finished(&self) -> bool {
        self.statuses.iter().all(|source| source.health().has_ended())
    }

    /// Waits until every source has ended and the views hold all they sent; gives the last tick.
    pub fn wait_finished(&self) -> Time {
        loop {
            if let Some(last) = self.last_tick() {
                let through =
                    self.views.wait_past(last.saturating_sub(1), Duration::from_millis(100)).position().through;
                if through >= last {
                    return last;
                }
            } else {
                thread::sleep(Duration::from_millis(5));
            }
        }
    }

    /// The tick of the last rows, once every source has ended and been dealt out.
    fn last_tick(&self) -> Option<Time> {
        self.statuses.iter().try_fold(0, |last, source| Some(source.last_tick()?.max(last)))
    }

    /// Stops sources, workers and sinks, in this order. What was to happen in the future does not happen.
    ///
    /// A process of a cluster ends the whole cluster with it: its connections close when the process ends.
    pub fn shutdown(self) {
        self.stopped.store(true, Ordering::Release);
        let _ = self.editor.commands.send(Command::Stop);
        if self.pacemaker.join().is_err() {
            tracing::error!("the pacemaker panicked");
        }
        for sink in self.listening {
            sink.finish();
        }
    }
}

/// A way to change the city of a running engine. A clone edits the same city.
#[derive(Clone)]
pub struct CityEditor {
    city: Arc<Mutex<City>>,
    commands: Sender<Command>,
    /// The names of the sources, which every city of the engine has.
    names: Arc<[CityRow]>,
}

impl CityEditor {
    /// Puts `city` in the place of the city that is: what differs changes at the next tick, and nothing else.
    pub fn replace(&self, mut city: City) {
        city.rows.extend(self.names.iter().cloned());
        let mut current = self.city.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let changes = current.changes_to(&city);
        *current = city;
        if !changes.is_empty() {
            // An engine that has stopped needs no city.
            let _ = self.commands.send(Command::City(changes));
        }
    }
}

impl fmt::Debug for CityEditor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CityEditor").finish_non_exhaustive()
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("views", &self.views).field("sources", &self.statuses).finish_non_exhaustive()
    }
}
