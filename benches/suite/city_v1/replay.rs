//! The files through the engine, in steps.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::Context;
use memchr::{memchr_iter, memrchr};
use smartcity::view::{Snapshot, Views};
use smartcity::{Crew, Time};

use super::data::Data;
use super::event;
use super::flow::{CityV1, Dealt};

/// Steps that may be on their way to the views.
const STEPS_IN_FLIGHT: usize = 2;

/// A step is dealt in pieces of at most this many lines: all workers begin at once, and the memory of a piece is used again
/// while it is warm.
const LINES_PER_PIECE: usize = 1_000;

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

/// Replays the events of `data` as fast as the machine goes; `progress` hears how many bytes are read each time.
///
/// A step is `rows_per_step` lines in the order of the files, all at one tick: the time of the event before it, as a
/// replay's clock has it.
pub(crate) fn replay(data: &Data, pace: Pace, progress: impl Fn(u64)) -> anyhow::Result<Outcome> {
    let refused = Arc::default();
    let flow = CityV1 { remembered_ms: pace.remembered_ms, refused: Arc::clone(&refused) };
    let epoch = Instant::now();
    let views = Views::new(1, move || epoch.elapsed().as_millis() as Time);
    let mut crew = Crew::start(timely::Config::process(pace.workers), flow, views)?;
    let mut steps = Steps::default();
    let mut lines = Lines::new(&data.files, progress);
    let (mut tick, mut events) = (1, 0);
    crew.deal(tick, Dealt::Roads(data.roads.clone()));
    let piece = pace.rows_per_step.div_ceil(pace.workers).clamp(1, LINES_PER_PIECE);
    loop {
        let began = Instant::now();
        let (mut left, mut last) = (pace.rows_per_step, None);
        while left > 0 {
            let (taken, bytes) = lines.take(piece.min(left))?;
            if taken == 0 {
                break;
            }
            left -= taken;
            last = last_time(&bytes).or(last);
            crew.deal(tick, Dealt::Lines(bytes));
        }
        events += (pace.rows_per_step - left) as u64;
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
    steps.step_ms.sort_by(f64::total_cmp);
    Ok(Outcome { events, refused: refused.load(Ordering::Relaxed), step_ms: steps.step_ms, views })
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

/// The lines of several files, some at a time.
struct Lines<F> {
    files: VecDeque<PathBuf>,
    file: Option<(PathBuf, File)>,
    progress: F,
    buffer: Vec<u8>,
    /// The part of the buffer that was read and not taken: at its end the beginning of a line.
    rest: Range<usize>,
}

const BUFFER_BYTES: usize = 256 << 10;

impl<F: Fn(u64)> Lines<F> {
    fn new(files: &[PathBuf], progress: F) -> Self {
        let files = files.iter().cloned().collect();
        Self { files, file: None, progress, buffer: vec![0; BUFFER_BYTES], rest: 0..0 }
    }

    /// The next `count` lines with their ends, and how many there are: fewer at the end of the data.
    fn take(&mut self, count: usize) -> anyhow::Result<(usize, Vec<u8>)> {
        let (mut found, mut searched) = (0, 0);
        loop {
            let rest = &self.buffer[self.rest.clone()];
            for end in memchr_iter(b'\n', &rest[searched..]) {
                found += 1;
                if found == count {
                    let lines = rest[..=searched + end].to_vec();
                    self.rest.start += lines.len();
                    return Ok((found, lines));
                }
            }
            searched = rest.len();
            if !self.read_more()? {
                let lines = self.buffer[self.rest.clone()].to_vec();
                self.rest = 0..0;
                return Ok((found, lines));
            }
        }
    }

    /// Reads on; `false` at the end of the data. What is read ends with the end of a line at the latest at the end of its
    /// file.
    fn read_more(&mut self) -> anyhow::Result<bool> {
        self.buffer.copy_within(self.rest.clone(), 0);
        self.rest = 0..self.rest.len();
        if self.rest.end == self.buffer.len() {
            self.buffer.resize(2 * self.buffer.len(), 0);
        }
        loop {
            let (path, file) = match &mut self.file {
                Some(open) => open,
                empty => {
                    let Some(path) = self.files.pop_front() else { return Ok(false) };
                    let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
                    empty.insert((path, file))
                }
            };
            let read = file.read(&mut self.buffer[self.rest.end..]);
            let read = read.with_context(|| format!("cannot read {}", path.display()))?;
            self.rest.end += read;
            (self.progress)(read as u64);
            if read > 0 {
                return Ok(true);
            }
            self.file = None;
            if self.buffer[self.rest.clone()].last().is_some_and(|&byte| byte != b'\n') {
                self.buffer[self.rest.end] = b'\n';
                self.rest.end += 1;
                return Ok(true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_across_files_and_none_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["a\nbb\nccc", "dddd\n", "", "e\n"].iter().enumerate().map(|(i, text)| {
            let path = folder.path().join(i.to_string());
            std::fs::write(&path, text).unwrap();
            path
        });
        let mut lines = Lines::new(&files.collect::<Vec<_>>(), |_| ());
        assert_eq!(lines.take(2).unwrap(), (2, b"a\nbb\n".to_vec()));
        assert_eq!(lines.take(2).unwrap(), (2, b"ccc\ndddd\n".to_vec()));
        assert_eq!(lines.take(2).unwrap(), (1, b"e\n".to_vec()));
        assert_eq!(lines.take(2).unwrap(), (0, Vec::new()));
    }
}
