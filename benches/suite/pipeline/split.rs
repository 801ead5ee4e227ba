//! The workers' time by capability, from the operators' figures.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use smartcity::OperatorFigures;

/// What is not in a region: the wiring between capabilities, and the views' own operators.
const OUTSIDE: &str = "(wiring and views)";

/// Seconds by capability, the most expensive first. A capability is a region of the dataflow, with all that is in it.
pub(super) fn by_capability(operators: &[OperatorFigures]) -> Vec<(String, f64)> {
    let named = operators.iter().map(|figures| (&*figures.name, figures.time));
    let named: Vec<(Vec<&str>, Duration)> = named.map(|(name, time)| (name.split('/').collect(), time)).collect();
    let regions: BTreeSet<&str> = named.iter().filter(|(name, _)| name.len() > 2).map(|(name, _)| name[1]).collect();
    let mut sums: BTreeMap<&str, Duration> = BTreeMap::new();
    for (name, time) in &named {
        let region = name.get(1).copied().filter(|region| regions.contains(region));
        *sums.entry(region.unwrap_or(OUTSIDE)).or_default() += *time;
    }
    let mut sums: Vec<_> = sums.into_iter().map(|(name, time)| (name.to_owned(), time.as_secs_f64())).collect();
    sums.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_has_the_time_of_all_that_is_in_it() {
        let figures = |name: &str, millis| OperatorFigures {
            name: name.into(),
            operators: 1,
            activations: 1,
            time: Duration::from_millis(millis),
            messages: 0,
            records: 0,
            arranged: None,
        };
        let operators = [
            figures("City", 100),
            figures("City/Input", 50),
            figures("City/Paths", 1_000),
            figures("City/Paths/Predecessor", 500),
            figures("City/Paths/Inner/Map", 500),
            figures("City/Zones/Count", 1_000),
        ];
        let split = by_capability(&operators);
        let expected = [("Paths", 2.0), ("Zones", 1.0), (OUTSIDE, 0.15)];
        assert_eq!(split, expected.map(|(name, seconds)| (name.to_owned(), seconds)));
    }
}
