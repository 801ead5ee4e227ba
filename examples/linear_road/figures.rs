//! What was measured, for people.

use std::fmt;

use super::agreement::Agreement;
use super::rating::Attempt;
use super::run::Cost;
use super::tuple::{KINDS, SECONDS};

/// What was measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) seed: u64,
    pub(crate) agreement: Option<Agreement>,
    pub(crate) attempts: Vec<Attempt>,
}

impl Figures {
    /// The largest L in halves that each number of workers has met.
    pub(crate) fn ratings(&self) -> Vec<(usize, Option<u32>)> {
        let mut workers: Vec<_> = self.attempts.iter().map(|attempt| attempt.workers).collect();
        workers.dedup();
        let met = |workers| {
            let met = self.attempts.iter().filter(|attempt| attempt.workers == workers && attempt.is_met());
            met.map(|attempt| attempt.halves).max()
        };
        workers.into_iter().map(|workers| (workers, met(workers))).collect()
    }

    /// Whether dataflow and oracle agree and every number of workers has met some L.
    pub(crate) fn is_good(&self) -> bool {
        self.agreement.as_ref().is_none_or(Agreement::is_whole) && self.ratings().iter().all(|(_, met)| met.is_some())
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Linear Road, seed {}; queries of type 2 and 3, none of type 4", self.seed)?;
        if let Some(agreement) = &self.agreement {
            writeln!(f, "\n{agreement}")?;
        }
        for attempt in &self.attempts {
            writeln!(f, "\n{attempt}")?;
        }
        writeln!(f)?;
        for (workers, met) in self.ratings() {
            match met {
                Some(halves) => {
                    let l = f64::from(halves) / 2.0;
                    writeln!(f, "{workers} workers: L = {l}, every deadline met at p99.99")?;
                }
                None => writeln!(f, "{workers} workers: no L that was tried meets every deadline")?,
            }
        }
        if self.agreement.as_ref().is_some_and(|agreement| !agreement.is_whole()) {
            writeln!(f, "The answers are WRONG: dataflow and oracle differ.")?;
        }
        Ok(())
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answers: u64 = self.answers.iter().sum();
        if !self.is_whole() {
            writeln!(f, "oracle: {} of {answers} answers differ, for example", self.differences.len())?;
            return self.differences.iter().take(5).try_for_each(|difference| writeln!(f, "  {difference:?}"));
        }
        write!(f, "oracle: all {answers} answers to {} tuples are the same (", self.tuples)?;
        for (index, ((kind, _), answers)) in KINDS.iter().zip(self.answers).enumerate() {
            write!(f, "{}{answers} {kind}", if index == 0 { "" } else { ", " })?;
        }
        write!(f, "; {} balances above zero)", self.in_debt)
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let l = self.expressways();
        writeln!(f, "L = {l} on {} workers, minutes {} to {}", self.workers, self.begin / 60, SECONDS / 60)?;
        writeln!(f, "  as fast as it can: {}", self.fast)?;
        writeln!(f, "  in real time:      {}", self.real_time)?;
        writeln!(f, "  type                     answers     p50     p99  p99.99     max  deadline")?;
        for response in &self.responses {
            write!(f, "  {:<21} {:>10}", response.kind, response.answers)?;
            for took in [response.p50, response.p99, response.p9999, response.max] {
                write!(f, " {:>5.0} ms", took.as_secs_f64() * 1e3)?;
            }
            let met = if response.is_met() { "met" } else { "MISSED" };
            writeln!(f, "  {:>2} s {met}", response.deadline.as_secs())?;
        }
        write!(f, "  {}", self.verdict())
    }
}

impl Cost {
    pub(crate) fn tuples_per_second(&self) -> f64 {
        (self.tuples as f64 / self.took.as_secs_f64()).round()
    }

    pub(crate) fn cpu_per_million(&self) -> Option<f64> {
        Some(self.cpu?.as_secs_f64() * 1e6 / self.tuples as f64)
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.took.as_secs_f64();
        write!(f, "{} tuples in {seconds:.1} s, {:.0} a second", self.tuples, self.tuples_per_second())?;
        if let Some(cpu) = self.cpu_per_million() {
            write!(f, ", {cpu:.2} CPU-s a million")?;
        }
        if let Some(memory) = self.memory {
            write!(f, ", {:.2} GB with the generator", memory as f64 / 1e9)?;
        }
        Ok(())
    }
}
