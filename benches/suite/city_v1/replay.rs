//! The files through the engine, in steps.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::Context;
use memchr::{memchr, memchr_iter, memrchr};
use smartcity::view::{Snapshot, Views};
use smartcity::{Crew, Time};

use super::data::Data;
use super::event;
use super::flow::{CityV1, Dealt, Reading};

/// Steps that may be on their way to the views.
const STEPS_IN_FLIGHT: usize = 2;

/// A step is dealt in pieces of at most this many lines: all workers begin at once, and the memory of a piece is used again
/// while it is warm.
const LINES_PER_PIECE: u64 = 1_000;

/// How the files are replayed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) workers: usize,
    pub(crate) rows_per_step: usize,
    pub(crate) remembered_ms: Time,
}

/// What came of a replay.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) events: u64,
    pub(crate) refused: u64,
    /// From the beginning of a step to its answers being published, milliseconds, ascending; the step before it may
    /// still be under way when it begins.
    pub(crate) step_ms: Vec<f64>,
    pub(crate) views: Arc<Snapshot>,
}

/// Replays the events of `data` as fast as the machine goes; `progress` hears how many bytes are dealt each time.
///
/// A step is so many bytes as `rows_per_step` lines have on average, cut at the end of a line. All its rows are of one tick:
/// the time of the event before it, as a replay's clock has it. Workers read their pieces themselves, as they will read
/// their partitions of a topic: nobody hands bytes from thread to thread.
pub(crate) fn replay(data: &Data, pace: Pace, progress: impl Fn(u64)) -> anyhow::Result<Outcome> {
    let reading = Arc::<Reading>::default();
    let flow = CityV1 { remembered_ms: pace.remembered_ms, reading: Arc::clone(&reading) };
    let epoch = Instant::now();
    let views = Views::new(1, move || epoch.elapsed().as_millis() as Time);
    let mut crew = Crew::start(timely::Config::process(pace.workers), flow, views)?;
    let mut steps = Steps::default();
    let mut cutter = Cutter::new(&data.files)?;
    let bytes_per_step = pace.rows_per_step as u64 * cutter.bytes_per_line;
    let bytes_per_piece = bytes_per_step.div_ceil(pace.workers as u64).min(LINES_PER_PIECE * cutter.bytes_per_line);
    let mut tick = 1;
    crew.deal(tick, Dealt::Roads(data.roads.clone()));
    loop {
        let began = Instant::now();
        let (mut left, mut last) = (bytes_per_step, None);
        while left > 0 {
            let Some(piece) = cutter.next(bytes_per_piece.min(left))? else { break };
            let bytes = piece.range.end - piece.range.start;
            left = left.saturating_sub(bytes);
            progress(bytes);
            last = piece.last_time.or(last);
            crew.deal(tick, Dealt::Piece(piece));
        }
        crew.complete(tick);
        steps.wait(&crew, STEPS_IN_FLIGHT - 1);
        steps.on_their_way.push_back((tick, began));
        if left > 0 {
            break;
        }
        tick = last.unwrap_or(0).max(tick + 1);
    }
    steps.wait(&crew, 0);
    let views = crew.views().snapshot();
    crew.shutdown();
    if let Some(error) = reading.error.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take() {
        return Err(error);
    }
    steps.step_ms.sort_by(f64::total_cmp);
    let [events, refused] = [&reading.events, &reading.refused].map(|count| count.load(Ordering::Relaxed));
    Ok(Outcome { events, refused, step_ms: steps.step_ms, views })
}

/// Steps that were dealt, and how long those took that are done.
#[derive(Default)]
struct Steps {
    on_their_way: VecDeque<(Time, Instant)>,
    step_ms: Vec<f64>,
}

impl Steps {
    /// Waits until at most `left` steps are on their way.
    fn wait(&mut self, crew: &Crew<CityV1>, left: usize) {
        while self.on_their_way.len() > left
            && let Some((tick, began)) = self.on_their_way.pop_front()
        {
            crew.wait_through(tick);
            self.step_ms.push(began.elapsed().as_secs_f64() * 1_000.0);
        }
    }
}

/// The time of the last line that is an event.
fn last_time(lines: &[u8]) -> Option<Time> {
    let mut lines = lines;
    loop {
        let (rest, line) = match memrchr(b'\n', lines) {
            Some(end) => (&lines[..end], &lines[end + 1..]),
            None => (&lines[..0], lines),
        };
        let mut time = None;
        if event::read(line, |fields| time = Time::try_from(fields.time.0).ok()) {
            return time;
        }
        if rest.is_empty() {
            return None;
        }
        lines = rest;
    }
}

/// A part of a file, from the beginning of a line to the end of one.
#[derive(Debug)]
pub(crate) struct Piece {
    path: Arc<Path>,
    range: Range<u64>,
    /// The time of its last event.
    last_time: Option<Time>,
}

impl Piece {
    /// Reads it into `buffer`.
    pub(crate) fn read(&self, buffer: &mut Vec<u8>) -> anyhow::Result<()> {
        let mut read = || {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(self.range.start))?;
            buffer.resize((self.range.end - self.range.start) as usize, 0);
            file.read_exact(buffer)
        };
        read().with_context(|| format!("cannot read {}", self.path.display()))
    }
}

/// Cuts files into pieces.
struct Cutter {
    files: VecDeque<PathBuf>,
    /// The file at hand, its length, and where the next piece begins.
    file: Option<(Arc<Path>, File, u64)>,
    at: u64,
    /// Of the first lines of the first file.
    bytes_per_line: u64,
}

/// Read around a cut: holds a line, and mostly several.
const WINDOW_BYTES: u64 = 1_024;

impl Cutter {
    fn new(files: &[PathBuf]) -> anyhow::Result<Self> {
        let mut cutter = Self { files: files.iter().cloned().collect(), file: None, at: 0, bytes_per_line: 1 };
        if let Some(first) = files.first() {
            let mut head = Vec::new();
            let read = File::open(first).and_then(|file| file.take(64 * WINDOW_BYTES).read_to_end(&mut head));
            read.with_context(|| format!("cannot read {}", first.display()))?;
            let lines = memchr_iter(b'\n', &head).count().max(1);
            cutter.bytes_per_line = (memrchr(b'\n', &head).map_or(head.len(), |end| end + 1) / lines).max(1) as u64;
        }
        Ok(cutter)
    }

    /// The next piece of about `bytes` bytes: more, up to the end of a line, or less, at the end of a file.
    fn next(&mut self, bytes: u64) -> anyhow::Result<Option<Piece>> {
        loop {
            let (path, file, length) = match &mut self.file {
                Some(open) => open,
                empty => {
                    let Some(path) = self.files.pop_front() else { return Ok(None) };
                    let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
                    let length = file.metadata()?.len();
                    self.at = 0;
                    empty.insert((path.into(), file, length))
                }
            };
            if self.at >= *length {
                self.file = None;
                continue;
            }
            let cut = cut(file, (self.at + bytes).min(*length), *length);
            let (end, last_time) = cut.with_context(|| format!("cannot read {}", path.display()))?;
            let range = self.at..end;
            self.at = end;
            return Ok(Some(Piece { path: Arc::clone(path), range, last_time }));
        }
    }
}

/// The end of the line that holds the byte before `near`, and the time of the last event up to it.
fn cut(file: &mut File, near: u64, length: u64) -> std::io::Result<(u64, Option<Time>)> {
    let start = near.saturating_sub(WINDOW_BYTES);
    let before = (near - start) as usize;
    let mut window = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    loop {
        let read = file.by_ref().take(2 * WINDOW_BYTES).read_to_end(&mut window)?;
        let end = memchr(b'\n', &window[before.saturating_sub(1)..]).map(|found| before.max(1) + found);
        if end.is_some() || read == 0 {
            let end = end.unwrap_or(window.len());
            let lines = window[..end].trim_ascii_end();
            return Ok(((start + end as u64).min(length), last_time(lines)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_end_with_lines_and_none_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let texts = ["a\nbb\nccc", "dddd\n", "", "e\n"];
        let files: Vec<_> = texts.iter().enumerate().map(|(i, _)| folder.path().join(i.to_string())).collect();
        files.iter().zip(texts).for_each(|(file, text)| std::fs::write(file, text).unwrap());
        for bytes in 1..9 {
            let (mut cutter, mut pieces, mut piece_text) = (Cutter::new(&files).unwrap(), Vec::new(), Vec::new());
            while let Some(piece) = cutter.next(bytes).unwrap() {
                piece.read(&mut piece_text).unwrap();
                pieces.push(String::from_utf8(piece_text.clone()).unwrap());
            }
            assert_eq!(pieces.concat(), texts.concat(), "{bytes} bytes a piece");
            assert!(pieces.iter().all(|piece| piece.ends_with('\n') || piece.ends_with("ccc")), "{pieces:?}");
        }
    }
}
