//! A state sink at work: a thread, its pace, its pauses, and how it fares.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use smartcity_dataflow::health::Health;
use smartcity_dataflow::view::{Position, Views};

use super::{Listening, Sink, SinkError, StateSink};
use crate::backoff::Backoff;

/// A sink for which nothing has changed is called this often.
const LOOK: Duration = Duration::from_millis(100);

/// Runs a [`StateSink`] beside the engine, which never waits for it.
#[derive(Debug)]
pub struct Mirror<S> {
    sink: S,
    status: SinkStatus,
    backoff: Backoff,
}

/// How a sink fares. A clone shows the same sink.
#[derive(Clone)]
pub struct SinkStatus {
    name: Arc<str>,
    progress: Arc<Mutex<Progress>>,
}

struct Progress {
    health: Health,
    position: Option<Position>,
    resets: u64,
}

impl<S: StateSink> Mirror<S> {
    /// Of `sink`; add it to an engine.
    pub fn of(sink: S) -> Self {
        let progress = Progress { health: Health::Running, position: None, resets: 0 };
        let status = SinkStatus { name: sink.name().into(), progress: Arc::new(Mutex::new(progress)) };
        Self { sink, status, backoff: Backoff::default() }
    }

    /// How it fares, from now on.
    pub fn status(&self) -> SinkStatus {
        self.status.clone()
    }
}

impl<S: StateSink> Sink for Mirror<S> {
    fn listen(self: Box<Self>, views: &Views) -> Listening {
        let stopped = Arc::new(AtomicBool::new(false));
        let Self { sink, status, backoff } = *self;
        let views = views.clone();
        let runner = Runner { sink, status, backoff, views, position: None, stopped: Arc::clone(&stopped) };
        let thread = thread::Builder::new().name(format!("sink {}", runner.status.name)).spawn(move || runner.run());
        if let Err(error) = &thread {
            tracing::error!(%error, "a sink did not start");
        }
        Listening::new(move || stopped.store(true, Ordering::Release), thread.ok())
    }

    fn status(&self) -> Option<SinkStatus> {
        Some(self.status.clone())
    }
}

impl SinkStatus {
    /// The name of the sink.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it goes on.
    pub fn health(&self) -> Health {
        self.progress().health.clone()
    }

    /// What it shows; `None` before it has shown anything, and while what it shows may be a part of a tick.
    pub fn position(&self) -> Option<Position> {
        self.progress().position
    }

    /// How often all was written anew, the first time included.
    pub fn resets(&self) -> u64 {
        self.progress().resets
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl fmt::Debug for SinkStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let progress = self.progress();
        f.debug_struct("SinkStatus")
            .field("name", &self.name)
            .field("health", &progress.health)
            .field("position", &progress.position)
            .field("resets", &progress.resets)
            .finish()
    }
}

/// A sink on its thread.
struct Runner<S> {
    sink: S,
    status: SinkStatus,
    backoff: Backoff,
    views: Views,
    /// What the mirror shows; `None` where it has to be written anew.
    position: Option<Position>,
    stopped: Arc<AtomicBool>,
}

impl<S: StateSink> Runner<S> {
    fn run(mut self) {
        loop {
            // Looked at before the turn, which then takes all that was published before the end.
            let is_last = self.stopped.load(Ordering::Acquire);
            match self.turn() {
                Ok(()) => self.backoff.reset(),
                Err(error @ SinkError::Refused(..)) => {
                    tracing::error!(sink = %self.status.name, error = &error as &dyn Error, "sink failed");
                    return self.lost(Health::Failed(error.to_string()));
                }
                Err(error) => {
                    tracing::warn!(sink = %self.status.name, error = &error as &dyn Error, "sink waits");
                    self.lost(Health::Waiting(error.to_string()));
                    if is_last {
                        return; // its health goes on saying what it lacks
                    }
                    let stopped = &self.stopped;
                    self.backoff.rest(|| !stopped.load(Ordering::Acquire));
                }
            }
            if is_last {
                self.status.progress().health = Health::Ended;
                return;
            }
        }
    }

    /// Brings the mirror from what it shows to what the views show, where they show anything.
    fn turn(&mut self) -> Result<(), SinkError> {
        let changes = match self.position {
            // Before the first tick there is nothing, and a mirror with something from before is better than one with nothing.
            None if self.views.wait_past(0, LOOK).position().through == 0 => return Ok(()),
            None => None,
            Some(position) => {
                let through = self.views.wait_past(position.through, LOOK).position();
                self.views.changes_since(position).ok().map(|ticks| (ticks, through))
            }
        };
        let through = if let Some((ticks, through)) = changes {
            // The ring may be further than what was looked at before it.
            let through = ticks.last().map_or(through, |tick| tick.position().max(through));
            self.sink.apply(&ticks, through)?;
            through
        } else {
            let snapshot = self.views.snapshot();
            self.sink.reset(&snapshot)?;
            self.status.progress().resets += 1;
            snapshot.position()
        };
        self.position = Some(through);
        let mut progress = self.status.progress();
        if matches!(progress.health, Health::Waiting(_)) {
            tracing::info!(sink = %self.status.name, "sink goes on");
        }
        (progress.health, progress.position) = (Health::Running, Some(through));
        Ok(())
    }

    fn lost(&mut self, health: Health) {
        self.position = None;
        let mut progress = self.status.progress();
        (progress.health, progress.position) = (health, None);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use smartcity_dataflow::testing::FilledViews;
    use smartcity_dataflow::view::{Changes, Snapshot, View};

    use super::*;
    use crate::sink::MemoryMirror;

    const NUMBERS: View<u32, u32> = View::new("numbers");

    /// What the sink does at each call.
    type Script = Box<dyn FnMut(u64) -> Result<(), SinkError> + Send>;

    /// A mirror in memory that does what a script says at each call, counted from 0, before it writes.
    struct Scripted {
        mirror: MemoryMirror,
        calls: u64,
        script: Script,
    }

    impl Scripted {
        fn call(&mut self) -> Result<(), SinkError> {
            self.calls += 1;
            (self.script)(self.calls - 1)
        }
    }

    impl StateSink for Scripted {
        fn name(&self) -> &str {
            "scripted"
        }

        fn reset(&mut self, snapshot: &Snapshot) -> Result<(), SinkError> {
            self.call()?;
            self.mirror.reset(snapshot)
        }

        fn apply(&mut self, ticks: &[Arc<Changes>], through: Position) -> Result<(), SinkError> {
            self.call()?;
            self.mirror.apply(ticks, through)
        }
    }

    struct Running {
        views: FilledViews,
        mirror: MemoryMirror,
        status: SinkStatus,
        listening: Listening,
    }

    fn run(script: impl FnMut(u64) -> Result<(), SinkError> + Send + 'static) -> Running {
        run_with(Backoff::default(), script)
    }

    fn run_with(backoff: Backoff, script: impl FnMut(u64) -> Result<(), SinkError> + Send + 'static) -> Running {
        let mut views = FilledViews::new(1_000);
        views.change(&NUMBERS, [(0, 0, 1)]);
        let mirror = MemoryMirror::default();
        let sink = Mirror::of(Scripted { mirror: mirror.clone(), calls: 0, script: Box::new(script) });
        let sink = Mirror { backoff, ..sink };
        let status = sink.status();
        let listening = Box::new(sink).listen(&views.commit());
        Running { views, mirror, status, listening }
    }

    impl Running {
        /// The next tick: one row comes, and the one before the last goes.
        fn tick(&mut self, number: u32) -> Snapshot {
            self.views.change(&NUMBERS, [(number, number, 1)]);
            if let Some(old) = number.checked_sub(2) {
                self.views.change(&NUMBERS, [(old, old, -1)]);
            }
            Snapshot::clone(&self.views.commit().snapshot())
        }

        fn wait(&self, what: &str, holds: impl Fn(&SinkStatus) -> bool) {
            let until = Instant::now() + Duration::from_secs(30);
            while !holds(&self.status) {
                assert!(Instant::now() < until, "{what} does not come: {:?}", self.status);
                thread::sleep(Duration::from_millis(2));
            }
        }
    }

    fn away() -> SinkError {
        SinkError::Retry("away; it is tried again".to_owned(), None)
    }

    #[test]
    fn the_end_of_the_engine_waits_for_what_was_published() {
        let mut running = run(|_| Ok(()));
        let mut last = None;
        for number in 1..500 {
            last = Some(running.tick(number));
        }
        running.listening.finish();
        assert_eq!(Some(running.mirror.to_json()), last.map(|last| last.to_json()));
        assert_eq!((running.status.health(), running.status.resets()), (Health::Ended, 1));
    }

    #[test]
    fn what_could_not_be_written_is_written_anew_with_all_that_came_meanwhile() {
        let is_away = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&is_away);
        let mut running = run(move |_| if theirs.load(Ordering::Acquire) { Err(away()) } else { Ok(()) });
        running.wait("the first write", |status| status.resets() == 1);
        is_away.store(true, Ordering::Release);
        running.wait("the fault", |status| matches!(status.health(), Health::Waiting(_)));
        assert_eq!(running.status.position(), None, "nobody knows what is written of the tick");
        let last = running.tick(1);
        is_away.store(false, Ordering::Release);
        running.wait("the tick", |status| status.position() == Some(last.position()));
        assert_eq!(running.mirror.to_json(), last.to_json());
        assert_eq!((running.status.health(), running.status.resets()), (Health::Running, 2));
        running.listening.finish();
    }

    #[test]
    fn one_that_stalls_holds_up_nobody_and_is_written_anew_where_it_lagged() {
        let (release, stall) = std::sync::mpsc::channel::<()>();
        let mut running = run(move |call| {
            if call == 1 {
                _ = stall.recv();
            }
            Ok(())
        });
        running.wait("the first write", |status| status.resets() == 1);
        let mut last = None;
        for number in 1..6_000 {
            last = Some(running.tick(number)); // more ticks than the ring holds
        }
        let last = last.expect("there were ticks");
        drop(release);
        running.wait("the last tick", |status| status.position() == Some(last.position()));
        assert_eq!(running.mirror.to_json(), last.to_json());
        assert_eq!(running.status.resets(), 2);
        running.listening.finish();
    }

    #[test]
    fn one_that_refuses_ends_and_says_why() {
        let running = run(|_| Err(SinkError::Refused("of another engine: choose another prefix".to_owned(), None)));
        let failed = Health::Failed("of another engine: choose another prefix".to_owned());
        running.wait("the refusal", |status| status.health() == failed);
        running.listening.finish();
        assert_eq!((running.status.health(), running.status.resets()), (failed, 0));
    }

    #[test]
    fn one_that_is_away_at_the_end_ends_soon_and_goes_on_saying_so() {
        let an_hour = Duration::from_secs(3_600);
        let running = run_with(Backoff::new(an_hour, an_hour), |_| Err(away()));
        running.wait("the fault", |status| matches!(status.health(), Health::Waiting(_)));
        let began = Instant::now();
        running.listening.finish();
        assert!(began.elapsed() < an_hour / 2, "it does not wait for its pauses");
        assert!(matches!(running.status.health(), Health::Waiting(_)));
    }

    #[test]
    fn one_for_which_nothing_changes_is_called_all_the_same() {
        let calls = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let counted = Arc::clone(&calls);
        let running = run(move |call| {
            counted.store(call, Ordering::Relaxed);
            Ok(())
        });
        running.wait("the third call", |_| calls.load(Ordering::Relaxed) >= 3);
        running.listening.finish();
    }
}
