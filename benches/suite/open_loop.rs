//! Open loop: every row has a time at which it is due, whatever the engine does. A row's latency is the time from there to
//! the first snapshot that holds it, so a sender that is held up counts against the engine.

use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smartcity::Time;
use smartcity::city::feeds::FEEDS;
use smartcity::model::{Id, Instant as Said, Kind, Millis, Namespace, Reading};
use smartcity::source::{Assignment, Batch, Outlet, Source, SourceError};
use smartcity::view::Views;
use smartcity::{Engine, Running};

use super::usage;

/// A sender sends what was due since the last time this often.
pub(crate) const SLICE: Duration = Duration::from_millis(5);

/// How long the engine may take for what was due.
const GRACE: Duration = Duration::from_secs(10);

/// Rows are held when the median latency of the last quarter is not above that of the first by more.
const GROWTH_MS: f64 = 200.0;

/// When the rows are due.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    /// Since the start, ascending.
    due: Vec<Duration>,
    /// Rows before this one warm up.
    first: usize,
}

impl Schedule {
    /// Rows at an even rate.
    pub(crate) fn even(rows_per_second: u64, warm_up: Duration, measured: Duration) -> Self {
        let rows = (warm_up + measured).as_nanos() as u64 / 1_000 * rows_per_second / 1_000_000;
        let due = (0..rows).map(|row| Duration::from_nanos(row * 1_000_000_000 / rows_per_second)).collect();
        Self::new(due, warm_up)
    }

    /// Rows at times that ascend.
    pub(crate) fn new(due: Vec<Duration>, warm_up: Duration) -> Self {
        let first = due.partition_point(|due| *due < warm_up);
        Self { due, first }
    }

    /// Rows.
    pub(crate) fn rows(&self) -> usize {
        self.due.len()
    }

    /// Rows that are measured.
    pub(crate) fn measured(&self) -> usize {
        self.due.len() - self.first
    }

    /// Rows that are due before a time.
    pub(crate) fn before(&self, time: Duration) -> usize {
        self.due.partition_point(|due| *due < time)
    }

    /// When the measured part begins.
    pub(crate) fn begin(&self) -> Duration {
        self.due.get(self.first).copied().unwrap_or_default()
    }

    /// When the last row is due.
    pub(crate) fn end(&self) -> Duration {
        self.due.last().copied().unwrap_or_default()
    }
}

/// How many rows were visible when.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<(usize, Instant)>>>);

impl Log {
    pub(crate) fn note(&self, rows: usize) {
        let now = Instant::now();
        let mut log = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if log.last().is_none_or(|&(before, _)| before < rows) {
            log.push((rows, now));
        }
    }

    fn visible(&self) -> usize {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).last().map_or(0, |&(rows, _)| rows)
    }

    /// Waits until `rows` are visible, or the grace is over.
    pub(crate) fn wait(&self, rows: usize) {
        let began = Instant::now();
        while self.visible() < rows && began.elapsed() < GRACE {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The latencies of a schedule that began at `start`.
    pub(crate) fn figures(&self, schedule: &Schedule, start: Instant, cpu: Duration) -> Figures {
        let log = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let end = start + schedule.end();
        let at_end = log.iter().take_while(|(_, when)| *when <= end).last().map_or(0, |&(rows, _)| rows);
        let mut latencies = Vec::with_capacity(schedule.measured());
        let mut row = schedule.first;
        for &(visible, when) in &*log {
            for due in &schedule.due[row.min(visible)..visible.min(schedule.rows())] {
                latencies.push((when - start).as_secs_f64() * 1e3 - due.as_secs_f64() * 1e3);
            }
            row = row.max(visible);
        }
        let is_complete = latencies.len() == schedule.measured();
        let quarter = latencies.len() / 4;
        let median = |latencies: &[f64]| quantile(&sorted(latencies), 0.5).unwrap_or_default();
        let growth = median(&latencies[latencies.len() - quarter..]) - median(&latencies[..quarter]);
        let is_held = is_complete && growth < GROWTH_MS;
        let latencies = sorted(&latencies);
        Figures {
            rows: schedule.measured(),
            is_held,
            backlog: schedule.rows().saturating_sub(at_end),
            latency_ms: [0.5, 0.99, 0.9999, 1.0].map(|share| quantile(&latencies, share).filter(|_| is_held)),
            cpu_s: cpu.as_secs_f64(),
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) rows: usize,
    pub(crate) is_held: bool,
    /// Rows that were due and not visible when the last was due.
    pub(crate) backlog: usize,
    /// p50, p99, p99.99 and the longest.
    pub(crate) latency_ms: [Option<f64>; 4],
    pub(crate) cpu_s: f64,
}

impl Figures {
    pub(crate) const COLUMNS: [&str; 7] =
        ["holds", "p50 ms", "p99 ms", "p99.99 ms", "max ms", "backlog at the end", "CPU us per row"];

    pub(crate) fn cells(&self) -> Vec<Value> {
        let [p50, p99, p9999, max] = self.latency_ms;
        let holds = if self.is_held { "yes" } else { "no, the backlog grows" };
        // Where the rows are not all through, there is no cost of a row.
        let cost = self.is_held.then(|| self.cpu_s / self.rows.max(1) as f64 * 1e6);
        vec![json!(holds), json!(p50), json!(p99), json!(p9999), json!(max), json!(self.backlog), json!(cost)]
    }
}

fn sorted(numbers: &[f64]) -> Vec<f64> {
    let mut numbers = numbers.to_vec();
    numbers.sort_by(f64::total_cmp);
    numbers
}

/// The number below which `share` of the ascending numbers lie.
pub(crate) fn quantile(ascending: &[f64], share: f64) -> Option<f64> {
    ascending.get((ascending.len().checked_sub(1)? as f64 * share) as usize).copied()
}

/// Sleeps until a time, or not at all where it is past.
pub(crate) fn sleep_until(time: Instant) {
    if let Some(left) = time.checked_duration_since(Instant::now()) {
        thread::sleep(left);
    }
}

/// A live source that hands over prepared readings when they are due.
struct Paced {
    name: String,
    schedule: Schedule,
    rows: Batch,
    /// The clock to which the readings' times were made.
    epoch: Time,
    start: Arc<OnceLock<Instant>>,
}

impl Source for Paced {
    fn name(&self) -> &str {
        &self.name
    }

    fn run(&mut self, _: &Assignment, outlet: &Outlet) -> Result<(), SourceError> {
        let Self { schedule, epoch, start, .. } = self;
        let rows = std::mem::take(&mut self.rows);
        // The city comes first, and the names.
        outlet.send(Batch { names: rows.names, ..Batch::default() })?;
        thread::sleep(Duration::from_secs(1));
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let began = *start.get_or_init(Instant::now);
        let shift = wall.as_millis() as i64 - *epoch as i64;
        let mut readings = rows.readings.into_iter();
        let (mut end, mut sent) = (SLICE, 0);
        while sent < schedule.rows() {
            sleep_until(began + end);
            let due = schedule.before(end);
            let mut slice: Vec<_> = readings.by_ref().take(due - sent).collect();
            slice.iter_mut().for_each(|reading| move_by(reading, shift));
            outlet.send(Batch { readings: slice, ..Batch::default() })?;
            (sent, end) = (due, end + SLICE);
        }
        // A source that has ended is silent; this one only has no more to say.
        loop {
            thread::sleep(Duration::from_millis(100));
            outlet.check()?;
        }
    }
}

/// Moves a reading in time; a live reading has no time of arrival yet.
pub(crate) fn move_by(reading: &mut Reading<Said>, millis: i64) {
    let (Said::Utc(Millis(time)) | Said::Local(Millis(time))) = &mut reading.time;
    *time += millis;
    reading.arrived = 0;
}

/// Readings of one kind from the source `name`, whose times were made to a clock that started at `epoch`, through an engine
/// with all its views: row `i` of the readings is due as `schedule` says.
pub(crate) fn run(
    engine: Engine,
    name: &str,
    kind: Kind,
    (rows, epoch): (Batch, Time),
    schedule: Schedule,
) -> anyhow::Result<Figures> {
    let start = Arc::new(OnceLock::new());
    let paced = Paced { name: name.to_owned(), schedule: schedule.clone(), rows, epoch, start: Arc::clone(&start) };
    let running = engine.source(paced).start()?;
    let log = Log::default();
    watch(running.views(), Id::new(Namespace::Source, name), kind, log.clone());
    let start = *start.wait();
    sleep_until(start + schedule.begin());
    let before = usage::cpu();
    sleep_until(start + schedule.end());
    log.wait(schedule.rows());
    let cpu = usage::cpu() - before;
    Running::shutdown(running);
    Ok(log.figures(&schedule, start, cpu))
}

/// Logs how many messages of a feed the views count: they are in the order of the source.
fn watch(views: &Views, source: Id, kind: Kind, log: Log) {
    views.on_publish(move |snapshot| {
        if let Some(feed) = snapshot.row(&FEEDS, &(source, kind)) {
            log.note((feed.accepted + feed.duplicates + feed.rejected) as usize);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_from_due_time_to_the_first_snapshot_with_the_row() {
        let millis = Duration::from_millis;
        let schedule = Schedule::even(1_000, millis(2), millis(6));
        assert_eq!((schedule.rows(), schedule.measured(), schedule.before(millis(5))), (8, 6, 5));
        let start = Instant::now();
        let log = [(1, start + millis(1)), (4, start + millis(10)), (8, start + millis(12))];
        let log = Log(Arc::new(Mutex::new(log.to_vec())));
        let figures = log.figures(&schedule, start, millis(3));
        assert!(figures.is_held);
        let latencies = figures.latency_ms.map(|latency| latency.map(f64::round));
        // Rows 2 and 3 waited 8 and 7 ms, rows 4 to 7 8 down to 5 ms.
        assert_eq!(latencies, [Some(7.0), Some(8.0), Some(8.0), Some(8.0)]);
        assert_eq!(figures.backlog, 7);
    }

    #[test]
    fn a_backlog_that_grows_is_no_latency() {
        let millis = Duration::from_millis;
        let schedule = Schedule::even(1_000, Duration::ZERO, millis(8));
        let start = Instant::now();
        let log = [(4, start + millis(5)), (8, start + millis(500))];
        let figures = Log(Arc::new(Mutex::new(log.to_vec()))).figures(&schedule, start, millis(3));
        assert_eq!((figures.is_held, figures.backlog, figures.latency_ms[0]), (false, 4, None));
        let figures = Log(Arc::new(Mutex::new(log[..1].to_vec()))).figures(&schedule, start, millis(3));
        assert!(!figures.is_held);
    }
}
