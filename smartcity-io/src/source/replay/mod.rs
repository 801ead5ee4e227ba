//! A replay of recorded files.
//!
//! ```text
//! gps_data.ndjson.gz  ── line ──▶ decode ──▶ head ┐
//! vehicle_data.ndjson ── line ──▶ decode ──▶ head ┼─ earliest ──▶ shift by loop ──▶ wait till due ──▶ Batch
//! recording.ndjson    ── line ──▶ decode ──▶ head ┘
//! ```
//!
//! A file `{topic}.ndjson` holds one value a line; in any file, a line that is a list is `[topic, key, value]`, the value as text,
//! as a broker has it, or as JSON, with null for a tombstone. Files end in `.ndjson` or `.jsonl`, with `.gz` or `.zst` behind it
//! where they are compressed.
//!
//! Every file is read in line order. Its clock is the running maximum of its rows' times
//! ([`RecordedClock`](crate::decode::RecordedClock)), or what its decoder says; a row without a time takes the clock as it
//! stands, the first rows of a file the first time that the file knows. Files are merged by these clocks, the first in
//! name order at equal times: two replays of the same files are the same rows in the same order. A partition is a file, in
//! name order from 0; a position in it is a line, from 1. A replay from a position reads the files from their beginning, so
//! that its clocks are those of a whole replay, and hands over what follows the position, with the names of the ten minutes
//! before.
//!
//! A replay may run several times over. Each loop happens one span (that of the recording, rounded up to a second) after
//! the loop before, and its messages have ids of their own, so that they are no duplicates. Names of devices, cameras
//! and incidents stay. Positions go on: the first line of a loop follows the last line of the loop before.

mod files;
mod pace;
#[cfg(test)]
mod tests;
mod track;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use smartcity_dataflow::Time;
use smartcity_dataflow::city::statics::NAME_BUCKET_MS;
use smartcity_dataflow::model::{Id, Instant, Millis, Namespace, Origin};

use self::files::RecordedFile;
use self::pace::Pace;
use self::track::Track;
use super::{Assignment, Batch, Outlet, Partition, Source, SourceError};
use crate::decode::{Decoder, JsonDecoder};

/// How a recording is replayed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReplaySettings {
    /// How many times faster than it was recorded; `None` for as fast as the engine takes it.
    pub speed: Option<f64>,
    /// How many times over.
    pub loops: NonZeroU32,
    /// Rows handed over at once, at most.
    pub batch_rows: usize,
}

impl Default for ReplaySettings {
    fn default() -> Self {
        Self { speed: None, loops: NonZeroU32::MIN, batch_rows: 4_096 }
    }
}

/// How far a replay has come; read it from any thread.
#[derive(Debug, Default)]
pub struct ReplayProgress {
    rows: AtomicU64,
    bytes: AtomicU64,
    total_bytes: u64,
    time: AtomicU64,
    is_finished: AtomicBool,
}

impl ReplayProgress {
    /// Rows handed over.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Bytes read of the files, as they lie on the disk.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Bytes that there are to read, all loops together.
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// Time of the recording, in milliseconds since the epoch; 0 before the first row.
    pub fn time(&self) -> Time {
        self.time.load(Ordering::Relaxed)
    }

    /// Whether the replay has ended, well or not.
    pub fn is_finished(&self) -> bool {
        self.is_finished.load(Ordering::Acquire)
    }
}

/// A source that replays files.
#[derive(Debug)]
pub struct Replay<D = JsonDecoder> {
    name: String,
    files: Vec<RecordedFile>,
    settings: ReplaySettings,
    decoder: D,
    progress: Arc<ReplayProgress>,
}

impl<D: Decoder + Clone> Replay<D> {
    /// A replay of the files in the folder `path`, or of the one file that it is. Every file gets a clone of `decoder`.
    ///
    /// # Errors
    ///
    /// [`SourceError::Lost`] where there is nothing to read, [`SourceError::Refused`] where a setting makes no sense.
    pub fn open(name: &str, path: &Path, settings: ReplaySettings, decoder: D) -> Result<Self, SourceError> {
        if let Some(speed) = settings.speed.filter(|speed| !(speed.is_finite() && *speed > 0.0)) {
            let message = format!("a speed of {speed} makes no replay: give a factor above 0, such as 1 or 60");
            return Err(SourceError::refused(name, message, None));
        }
        let files = files::find(path).map_err(|error| error.of_source(name))?;
        let bytes: u64 = files.iter().map(|file| file.bytes).sum();
        let total_bytes = bytes * u64::from(settings.loops.get());
        let progress = Arc::new(ReplayProgress { total_bytes, ..ReplayProgress::default() });
        Ok(Self { name: name.to_owned(), files, settings, decoder, progress })
    }

    /// The files it reads, by partition.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| file.path.as_path())
    }

    /// How far it has come.
    pub fn progress(&self) -> Arc<ReplayProgress> {
        Arc::clone(&self.progress)
    }

    fn found(&self) -> Vec<Partition> {
        let names = self.files.iter().map(|file| file.path.file_name().unwrap_or_default().to_string_lossy());
        (0..).zip(names).map(|(index, name)| Partition { index, topic: name.into(), number: 0 }).collect()
    }

    fn replay(&self, assignment: &Assignment, outlet: &Outlet) -> Result<(), SourceError> {
        let mut out = Out::new(self, assignment, outlet);
        let mut this = Loop { number: 0, shift: 0, lines: vec![0; self.files.len()] };
        for number in 0..self.settings.loops.get() {
            this.number = number;
            let merged = self.merge(&mut this, |track, position, time, this| {
                out.take(track.head(), position, time + this.shift, this)
            });
            out.flush()?; // also before an error: the rows up to it are kept
            let (first, last) = merged?;
            this.shift += (last - first) / 1_000 * 1_000 + 1_000;
        }
        Ok(())
    }

    /// Shows every message once, as it is recorded and at the recorded speed: its topic, key and value. `check` is asked
    /// again and again while nothing is due.
    #[cfg(feature = "kafka")]
    pub(crate) fn each_message(
        &self,
        mut show: impl FnMut(&str, Option<&[u8]>, Option<&[u8]>) -> Result<(), SourceError>,
        check: impl Fn() -> Result<(), SourceError>,
    ) -> Result<(), SourceError> {
        let mut pace = self.settings.speed.map(Pace::new);
        let mut this = Loop { number: 0, shift: 0, lines: vec![0; self.files.len()] };
        self.merge(&mut this, |track, _, time, _| {
            if let Some(pace) = &mut pace
                && !pace.is_due(time)
            {
                pace.wait_until(time, &check)?;
            }
            self.progress.rows.fetch_add(1, Ordering::Relaxed);
            track.message(&mut show)
        })?;
        Ok(())
    }

    /// One run over all files, each row shown with the position after it and its time; returns the first and the last time of
    /// the recording.
    fn merge(
        &self,
        this: &mut Loop,
        mut take: impl FnMut(&mut Track<'_, D>, (u32, u64), Time, &Loop) -> Result<(), SourceError>,
    ) -> Result<(Time, Time), SourceError> {
        let source = Id::new(Namespace::Source, &self.name);
        let failed = |error: files::FileError| error.of_source(&self.name);
        let starts: Vec<Option<Time>> =
            self.files.iter().map(|file| Track::first_time(file, source, self.decoder.clone())).collect();
        let first = starts.iter().flatten().min().copied().unwrap_or(0);
        let mut tracks = Vec::with_capacity(self.files.len());
        let mut heads = BinaryHeap::new();
        for ((partition, file), start) in (0..).zip(&self.files).zip(starts) {
            let progress = self.progress();
            let count = move |bytes| _ = progress.bytes.fetch_add(bytes, Ordering::Relaxed);
            let start = start.unwrap_or(first);
            let mut track = Track::open(file, source, partition, start, self.decoder.clone(), count).map_err(failed)?;
            if track.advance().map_err(failed)? {
                heads.push(Reverse((track.time(), tracks.len())));
            }
            tracks.push(track);
        }
        let mut last = first;
        while let Some(Reverse((time, index))) = heads.pop() {
            let track = &mut tracks[index];
            let next = this.lines[index] + track.lines() + 1;
            take(track, (index as u32, next), time, this)?;
            last = time;
            if track.advance().map_err(failed)? {
                heads.push(Reverse((track.time(), index)));
            }
        }
        this.lines.iter_mut().zip(&tracks).for_each(|(lines, track)| *lines += track.lines());
        Ok((first, last))
    }
}

impl<D: Decoder + Clone> Source for Replay<D> {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_recorded(&self) -> bool {
        true
    }

    fn partitions(&mut self) -> Result<Vec<Partition>, SourceError> {
        Ok(self.found())
    }

    fn run(&mut self, assignment: &Assignment, outlet: &Outlet) -> Result<(), SourceError> {
        outlet.found(self.found());
        let ended = self.replay(assignment, outlet);
        self.progress.is_finished.store(true, Ordering::Release);
        ended
    }
}

/// One run over the files.
#[derive(Debug)]
struct Loop {
    number: u32,
    /// How much later than recorded it happens, in milliseconds.
    shift: Time,
    /// Lines of each file in the loops before.
    lines: Vec<u64>,
}

impl Loop {
    /// Moves the rows of `batch` to this loop.
    fn shift(&self, batch: &mut Batch) {
        if self.number == 0 {
            return;
        }
        let offset = |origin: &mut Origin| origin.offset += self.lines[origin.partition as usize];
        batch.readings.iter_mut().for_each(|reading| offset(&mut reading.origin));
        batch.rejected.iter_mut().for_each(|rejected| offset(&mut rejected.origin));
        let millis = |Millis(time): Millis| Millis(time.saturating_add_unsigned(self.shift));
        for reading in &mut batch.readings {
            reading.time = match reading.time {
                Instant::Utc(time) => Instant::Utc(millis(time)),
                Instant::Local(time) => Instant::Local(millis(time)),
            };
            reading.arrived += self.shift;
            reading.id = Id::new(Namespace::Message, &format!("{:016x} loop {}", reading.id.get(), self.number));
        }
        batch.rejected.iter_mut().for_each(|rejected| rejected.arrived += self.shift);
        batch.names.iter_mut().for_each(|named| named.at += self.shift);
    }
}

/// What is read and not yet handed over.
struct Out<'a> {
    assignment: &'a Assignment,
    outlet: &'a Outlet,
    progress: &'a ReplayProgress,
    pace: Option<Pace>,
    batch_rows: usize,
    batch: Batch,
    time: Time,
}

impl<'a> Out<'a> {
    fn new<D>(replay: &'a Replay<D>, assignment: &'a Assignment, outlet: &'a Outlet) -> Self {
        Self {
            assignment,
            outlet,
            progress: &replay.progress,
            pace: replay.settings.speed.map(Pace::new),
            batch_rows: replay.settings.batch_rows.max(1),
            batch: Batch::default(),
            time: 0,
        }
    }

    /// Takes over the rows of `head`, that are learnt at `time`, once they are due; after them comes the position `next` of
    /// the file `index`.
    fn take(
        &mut self,
        head: &mut Batch,
        (index, next): (u32, u64),
        time: Time,
        this: &Loop,
    ) -> Result<(), SourceError> {
        this.shift(head);
        self.assignment.select(head);
        if !head.has_rows() {
            self.skip(head, time);
            return Ok(());
        }
        if self.pace.as_mut().is_some_and(|pace| !pace.is_due(time)) {
            self.flush()?;
            if let Some(pace) = &self.pace {
                pace.wait_until(time, || self.outlet.check())?;
            }
        }
        self.time = time;
        self.batch.append(head);
        self.batch.positions.advance(index, next);
        if self.batch.len() >= self.batch_rows { self.flush() } else { Ok(()) }
    }

    /// Leaves out what was read before; its names stay, for the later rows of their bucket do not say them again.
    fn skip(&mut self, head: &mut Batch, time: Time) {
        if !self.batch.has_rows() {
            let bucket = time / NAME_BUCKET_MS;
            self.batch.names.retain(|named| named.at / NAME_BUCKET_MS == bucket);
        }
        self.batch.append(head);
    }

    fn flush(&mut self) -> Result<(), SourceError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let rows = self.batch.len() as u64;
        self.outlet.send(std::mem::take(&mut self.batch))?;
        self.progress.rows.fetch_add(rows, Ordering::Relaxed);
        self.progress.time.store(self.time, Ordering::Relaxed);
        Ok(())
    }
}
