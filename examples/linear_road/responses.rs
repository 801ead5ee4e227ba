//! How long answers took, by type.

use std::time::Duration;

use super::tuple::KINDS;

/// How long the answers of each type took: (time, how many).
#[derive(Clone, Debug, Default)]
pub(crate) struct Responses([Vec<(Duration, u64)>; KINDS.len()]);

/// Response times of one type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Response {
    pub(crate) kind: &'static str,
    pub(crate) deadline: Duration,
    pub(crate) answers: u64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) p9999: Duration,
    pub(crate) max: Duration,
}

impl Responses {
    /// `answers` of type `kind` came after `took`.
    pub(crate) fn add(&mut self, kind: usize, took: Duration, answers: u64) {
        self.0[kind].push((took, answers));
    }

    /// The times of each type of which there were answers.
    pub(crate) fn by_kind(mut self) -> Vec<Response> {
        self.0.iter_mut().for_each(|times| times.sort_unstable());
        let kinds = KINDS.iter().zip(&self.0).filter(|(_, times)| !times.is_empty());
        kinds
            .map(|(&(kind, deadline), times)| Response {
                kind,
                deadline: Duration::from_secs_f64(deadline),
                answers: times.iter().map(|(_, answers)| answers).sum(),
                p50: at_share(times, 0.5),
                p99: at_share(times, 0.99),
                p9999: at_share(times, 0.9999),
                max: at_share(times, 1.0),
            })
            .collect()
    }
}

/// The time in which a share of the answers had come.
fn at_share(times: &[(Duration, u64)], share: f64) -> Duration {
    let all: u64 = times.iter().map(|(_, answers)| answers).sum();
    let wanted = (all as f64 * share).ceil() as u64;
    let mut come = 0;
    let enough = times.iter().find(|(_, answers)| {
        come += answers;
        come >= wanted
    });
    enough.map_or(Duration::ZERO, |(took, _)| *took)
}

impl Response {
    /// Whether all but one in ten thousand came in time.
    pub(crate) fn is_met(&self) -> bool {
        self.p9999 <= self.deadline
    }
}
