//! A crew at work: as fast as it can, and in real time.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use smartcity::view::{Changes, Views};
use smartcity::{Crew, Time};

use super::engine::{ANSWERS, LinearRoad, Load};
use super::generator::{Generator, Traffic};
use super::responses::Responses;
use super::tuple::{FIRST_TICK, KINDS, Tuple, second_of, tick_of};
use super::usage;

/// Seconds that are made ahead.
const MADE_AHEAD: usize = 4;

/// Seconds on their way through the dataflow when it runs as fast as it can.
const ON_THEIR_WAY: Time = 4;

/// A run in real time that is so far behind is given up.
const FAR_BEHIND: Duration = Duration::from_secs(12);

/// Tuples that travel to a worker together.
const LOAD: usize = 16_384;

/// What a stretch of seconds took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) tuples: u64,
    pub(crate) took: Duration,
    /// Processor time of the engine: of the process but for the generator.
    pub(crate) cpu: Option<Duration>,
    /// Memory of the process at the end, bytes.
    pub(crate) memory: Option<u64>,
}

/// A crew, and the traffic that it gets.
#[derive(Debug)]
pub(crate) struct Run {
    crew: Crew<LinearRoad>,
    seconds: Receiver<Made>,
    next: u32,
    answered: Answered,
}

/// The tuples of a second, and the processor time that went into all so far.
#[derive(Debug)]
struct Made {
    tuples: Vec<Tuple>,
    cpu: Option<Duration>,
}

/// When the answers of each tick came: tick, moment, answers of each type.
type Answered = Arc<Mutex<Vec<(Time, Instant, [u64; KINDS.len()])>>>;

impl Run {
    /// Starts workers, and a generator beside them.
    pub(crate) fn start(traffic: Traffic, workers: usize) -> anyhow::Result<Self> {
        let dataflow = LinearRoad { made_up: Some(traffic.seed), kept: None };
        let views = Views::new(0, || 0);
        let answered = Answered::default();
        let noted = Arc::clone(&answered);
        views.on_changes(move |changes| {
            let answers = answers_of(changes);
            let noted = &mut *noted.lock().unwrap_or_else(PoisonError::into_inner);
            noted.push((changes.position().through, Instant::now(), answers));
        });
        let crew = Crew::start(timely::Config::process(workers), dataflow, views)?;
        let (made, seconds) = sync_channel(MADE_AHEAD);
        thread::Builder::new().name("generator".to_owned()).spawn(move || {
            let mut generator = Generator::new(traffic);
            let mut most = 0;
            loop {
                let mut tuples = Vec::with_capacity(most);
                generator.next_second(&mut tuples);
                most = tuples.len() + tuples.len() / 16;
                if made.send(Made { tuples, cpu: usage::of_this_thread() }).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { crew, seconds, next: traffic.begin, answered })
    }

    /// Runs to `end` as fast as it can; `shown` hears of every second.
    pub(crate) fn fast(&mut self, end: u32, shown: impl FnMut(u32)) -> anyhow::Result<Cost> {
        Ok(self.seconds(end, |_| true, shown)?.0)
    }

    /// Runs to `end` second by second as they pass, and ends; gives also how long the answers took from when their second
    /// began, and whether the run was given up because it was far behind.
    pub(crate) fn real_time(mut self, end: u32, shown: impl FnMut(u32)) -> anyhow::Result<(Cost, Responses, bool)> {
        let (start, first) = (Instant::now() + Duration::from_secs(1), self.next);
        let due = move |second: u32| start + Duration::from_secs((second - first).into());
        let wait = |second| {
            let now = Instant::now();
            thread::sleep(due(second).saturating_duration_since(now));
            now < due(second) + FAR_BEHIND
        };
        let (cost, given_up) = self.seconds(end, wait, shown)?;
        // Who waits for a tick may go on before it is noted; when the workers have ended all are.
        self.crew.shutdown();
        let mut responses = Responses::default();
        let noted = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        for &(tick, came, answers) in noted.iter().filter(|(tick, ..)| *tick >= tick_of(first)) {
            for (kind, answers) in answers.into_iter().enumerate().filter(|(_, answers)| *answers > 0) {
                responses.add(kind, came.saturating_duration_since(due(second_of(tick))), answers);
            }
        }
        Ok((cost, responses, given_up))
    }

    /// Runs to `end`, or until `wait` says that it is to be given up.
    fn seconds(
        &mut self,
        end: u32,
        wait: impl Fn(u32) -> bool,
        mut shown: impl FnMut(u32),
    ) -> anyhow::Result<(Cost, bool)> {
        let (began, mut tuples, mut made_with) = (Instant::now(), 0, [None; 2]);
        let used = usage::of_process();
        let mut given_up = false;
        while self.next < end && !given_up {
            let made = self.seconds.recv()?;
            made_with = [made_with[0].or(made.cpu), made.cpu];
            tuples += made.tuples.len() as u64;
            let tick = tick_of(self.next);
            given_up = !wait(self.next);
            for load in made.tuples.chunks(LOAD) {
                self.crew.deal(tick, Load::Tuples(load.to_vec()));
            }
            self.crew.complete(tick);
            if tick > FIRST_TICK + ON_THEIR_WAY {
                self.crew.wait_through(tick - ON_THEIR_WAY);
            }
            shown(self.next);
            self.next += 1;
        }
        self.crew.wait_through(tick_of(self.next) - 1);
        let cpu = || {
            let made = made_with[1]?.saturating_sub(made_with[0]?);
            Some(usage::of_process()?.saturating_sub(used?).saturating_sub(made))
        };
        Ok((Cost { tuples, took: began.elapsed(), cpu: cpu(), memory: usage::memory() }, given_up))
    }
}

/// How many answers of each type a tick brought.
fn answers_of(changes: &Changes) -> [u64; KINDS.len()] {
    let mut answers = [0_i64; KINDS.len()];
    changes.for_each(|view, kind, total, diff| {
        if view == ANSWERS.name()
            && let (Some(kind), Some(total)) = (kind.as_u64(), total.as_i64())
        {
            answers[kind as usize] += total * diff as i64;
        }
    });
    answers.map(|answers| answers.max(0) as u64)
}
