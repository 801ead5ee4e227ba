//! What the tests of the whole share: recorded data, rows of a source, and what an engine makes of them.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use smartcity::model::City;
use smartcity::sink::EmitChanges;
use smartcity::source::{Assignment, Batch, MemorySource, Outlet, Source};
use smartcity::view::Snapshot;
use smartcity::{Clock, Engine, Settings, Time};

/// All rows of a source.
pub(crate) fn rows_of(mut source: impl Source) -> Batch {
    let (outlet, batches) = Outlet::bounded(16);
    let reader = std::thread::spawn(move || source.run(&Assignment::all(), &outlet));
    let mut all = Batch::default();
    for mut batch in batches {
        all.append(&mut batch);
    }
    reader.join().expect("the source does not panic").expect("the source reads all it has");
    all
}

/// The rows of each tick, in order of ticks; their order inside a tick is `order`'s business.
pub(crate) fn by_tick(rows: Batch, tick_ms: Time, mut order: impl FnMut(&mut Batch)) -> Vec<Batch> {
    let mut ticks: BTreeMap<Time, Batch> = BTreeMap::new();
    let tick = |arrived: Time| arrived.div_ceil(tick_ms) * tick_ms;
    for row in rows.readings {
        ticks.entry(tick(row.arrived)).or_default().readings.push(row);
    }
    for row in rows.rejected {
        ticks.entry(tick(row.arrived)).or_default().rejected.push(row);
    }
    for named in rows.names {
        ticks.entry(tick(named.at)).or_default().names.push(named);
    }
    // One tick is one batch whose rows all arrive at the tick.
    ticks
        .into_iter()
        .map(|(tick, mut batch)| {
            batch.readings.iter_mut().for_each(|row| row.arrived = tick);
            batch.rejected.iter_mut().for_each(|row| row.arrived = tick);
            order(&mut batch);
            batch
        })
        .collect()
}

/// What an engine made of its rows.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// All views after the last row.
    pub(crate) snapshot: Arc<Snapshot>,
    /// Every change of every view, a line each.
    pub(crate) changes: String,
}

impl Outcome {
    /// All views as JSON but those called `without`.
    pub(crate) fn views(&self, without: &[&str]) -> Value {
        let mut views = self.snapshot.to_json();
        let table = views.as_object_mut().expect("views are an object");
        table.retain(|name, _| !without.contains(&name.as_str()));
        views
    }
}

/// Replays batches through an engine of `city`.
pub(crate) fn replay(city: &City, batches: Vec<Batch>, workers: usize) -> Outcome {
    replay_with(city, batches, workers, Settings::default())
}

/// [`replay`], with settings.
pub(crate) fn replay_with(city: &City, batches: Vec<Batch>, workers: usize, settings: Settings) -> Outcome {
    let written = Written::default();
    let running = Engine::new(city.clone())
        .settings(settings)
        .clock(Clock::Replay)
        .workers(workers)
        .source(MemorySource::of_batches("test", batches, true))
        .sink(EmitChanges::new(written.clone()))
        .start()
        .expect("the engine starts");
    running.wait_finished();
    let snapshot = running.views().snapshot();
    running.shutdown();
    Outcome { snapshot, changes: written.text() }
}

/// A writer that others can read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no writer panicked").clone()).expect("JSON is UTF-8")
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no writer panicked").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
