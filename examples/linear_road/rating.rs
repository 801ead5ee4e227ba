//! Is L expressways met, and which is the largest that is?

use super::generator::Traffic;
use super::responses::Response;
use super::run::{Cost, Run};
use super::tuple::{REPORT_EVERY, SECONDS};
use super::{Options, Progress};

/// Tries before the search is content.
const TRIES: usize = 8;

/// The search ends when the largest L that is met and the smallest that is not are within one part in so many.
const NEARNESS: u32 = 20;

/// What a number of expressways came to.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// Expressways, in halves.
    pub(crate) halves: u32,
    pub(crate) workers: usize,
    /// First second of the run.
    pub(crate) begin: u32,
    /// As fast as it can, once every vehicle is known.
    pub(crate) fast: Cost,
    /// In real time, up to the end of the third hour.
    pub(crate) real_time: Cost,
    pub(crate) responses: Vec<Response>,
    /// Whether the run was given up, far behind.
    pub(crate) given_up: bool,
}

impl Attempt {
    /// Whether every deadline is met, for all but one answer in ten thousand.
    pub(crate) fn is_met(&self) -> bool {
        !self.given_up && self.responses.iter().all(Response::is_met)
    }

    /// Expressways.
    pub(crate) fn expressways(&self) -> f64 {
        f64::from(self.halves) / 2.0
    }

    /// A line for whoever waits.
    pub(crate) fn in_short(&self) -> String {
        format!("L = {} on {} workers: {}", self.expressways(), self.workers, self.verdict())
    }

    pub(crate) fn verdict(&self) -> &'static str {
        match (self.given_up, self.is_met()) {
            (true, _) => "given up, too far behind",
            (_, true) => "every deadline met",
            (_, false) => "a deadline missed",
        }
    }
}

/// Warms up as fast as it can, then runs to the end of the third hour in real time.
pub(crate) fn attempt(
    options: &Options,
    halves: u32,
    workers: usize,
    progress: Progress<'_>,
) -> anyhow::Result<Attempt> {
    let real_time_from = SECONDS - options.real_time * 60;
    let begin = real_time_from - options.warm_up * 60;
    let title = |what| format!("L = {} on {workers}, {what}", f64::from(halves) / 2.0);
    progress(&title("traffic"), 0, 1);
    let mut run = Run::start(Traffic { seed: options.seed, halves, begin }, workers)?;
    let known = begin + REPORT_EVERY + 1;
    run.fast(known, |_| {})?;
    let warming_up = title("warming up");
    let fast =
        run.fast(real_time_from, |second| progress(&warming_up, since(begin, second), since(begin, real_time_from)))?;
    let in_real_time = title("real time");
    let (real_time, responses, given_up) = run.real_time(SECONDS, |second| {
        progress(&in_real_time, since(real_time_from, second), since(real_time_from, SECONDS));
    })?;
    Ok(Attempt { halves, workers, begin, fast, real_time, responses: responses.by_kind(), given_up })
}

fn since(first: u32, second: u32) -> u64 {
    (second - first).into()
}

/// Looks for the largest L that is met: upwards or downwards from the first, in halves, then between. Gives every attempt.
pub(crate) fn find(
    first: u32,
    mut attempt: impl FnMut(u32) -> anyhow::Result<Attempt>,
) -> anyhow::Result<Vec<Attempt>> {
    let mut tries: Vec<Attempt> = Vec::new();
    while tries.len() < TRIES {
        let met = tries.iter().filter(|attempt| attempt.is_met()).map(|attempt| attempt.halves).max();
        let missed = tries.iter().filter(|attempt| !attempt.is_met()).map(|attempt| attempt.halves).min();
        let next = match (met, missed) {
            (None, None) => first,
            (Some(met), None) => met + met.div_ceil(2),
            (None, Some(missed)) => missed / 2,
            (Some(met), Some(missed)) if missed > met + (met / NEARNESS).max(1) => met.midpoint(missed),
            _ => break,
        };
        if next == 0 {
            break;
        }
        tries.push(attempt(next)?);
    }
    Ok(tries)
}
