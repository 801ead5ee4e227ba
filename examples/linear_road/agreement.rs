//! Does the dataflow say what the oracle says?

use std::sync::PoisonError;

use differential_dataflow::consolidation::consolidate;
use smartcity::view::Views;
use smartcity::{Crew, Time};

use super::engine::{Kept, LinearRoad, Load};
use super::history::Week;
use super::oracle::Oracle;
use super::tuple::{Answer, KINDS, Tuple, tick_of};

/// How far dataflow and oracle agree.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agreement {
    pub(crate) tuples: u64,
    /// Answers of each type, by the oracle.
    pub(crate) answers: [u64; KINDS.len()],
    /// Accounts that the oracle found in debt when it was asked.
    pub(crate) in_debt: u64,
    /// Answers that the dataflow gave and the oracle did not (1), or the reverse (-1), with their ticks.
    pub(crate) differences: Vec<((Time, Answer), isize)>,
}

impl Agreement {
    /// Whether every answer is the same.
    pub(crate) fn is_whole(&self) -> bool {
        self.differences.is_empty()
    }
}

/// What dataflow and oracle say to `seconds` of tuples, given the tolls of earlier days in ascending order.
pub(crate) fn compare(
    seconds: impl Iterator<Item = (u32, Vec<Tuple>)>,
    weeks: &[Week],
    workers: usize,
) -> anyhow::Result<Agreement> {
    let kept = Kept::default();
    let dataflow = LinearRoad { made_up: None, kept: Some(kept.clone()) };
    let mut crew = Crew::start(timely::Config::process(workers), dataflow, Views::new(0, || 0))?;
    for weeks in weeks.chunks(16_384) {
        crew.deal(1, Load::Weeks(weeks.to_vec()));
    }
    crew.complete(1);
    let mut oracle = Oracle::new(weeks);
    let mut agreement = Agreement::default();
    let mut last = 1;
    for (second, tuples) in seconds {
        agreement.tuples += tuples.len() as u64;
        let tick = tick_of(second);
        for load in tuples.chunks(tuples.len().div_ceil(workers).max(1)) {
            crew.deal(tick, Load::Tuples(load.to_vec()));
        }
        crew.complete(tick);
        let expected = oracle.answer(second, &tuples);
        for answer in &expected {
            agreement.answers[usize::from(answer.kind())] += 1;
            agreement.in_debt += u64::from(matches!(answer, Answer::Balance { balance: 1.., .. }));
        }
        crew.wait_through(last);
        last = tick;
        let mut differences: Vec<_> = expected.into_iter().map(|answer| ((tick, answer), -1)).collect();
        agreement.differences.append(&mut differences);
        settle(&mut agreement.differences, &kept);
    }
    crew.wait_through(last);
    settle(&mut agreement.differences, &kept);
    crew.shutdown();
    Ok(agreement)
}

/// Adds what was kept to the differences; what both said goes.
fn settle(differences: &mut Vec<((Time, Answer), isize)>, kept: &Kept) {
    let kept = std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner));
    differences.extend(kept.into_iter().map(|answer| (answer, 1)));
    consolidate(differences);
}
