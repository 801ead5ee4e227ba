//! Which messages were not accepted, and why?

use crate::model::{Id, Kind, Origin, Reason, Rejected};
use crate::operators::{count, newest};
use crate::view::View;
use crate::{Rows, Time};

/// Rejected messages, counted by source, kind and reason since the start.
pub const QUARANTINE: View<(Id, Option<Kind>, Reason), u64> = View::new("quarantine");

/// The last rejected messages.
pub const QUARANTINE_LAST: View<(Time, Origin), Rejected> = View::new("quarantine_last");

/// How many rejected messages are kept to look at.
pub const KEPT: usize = 100;

/// Rejected messages counted by source, kind and reason ([`QUARANTINE`]).
pub type Counts<'s> = Rows<'s, ((Id, Option<Kind>, Reason), u64)>;

/// The last rejected messages by tick and origin ([`QUARANTINE_LAST`]).
pub type Last<'s> = Rows<'s, ((Time, Origin), Rejected)>;

/// Which messages were not accepted, and why: how many of each sort since the start, and the last [`KEPT`] themselves, by
/// the tick at which they came and then by their origin.
///
/// | time | rejected                                  | counts               | last           |
/// |-----:|-------------------------------------------|----------------------|----------------|
/// |    0 | +(kafka, gps, NullIsland, offset 1)       | +(.., NullIsland): 1 | +1             |
/// |    1 | +(kafka, gps, NullIsland, offset 2) and 3 | -1 +3                | +2 +3          |
///
/// Input is insert-only. In a flood each worker sends one number a sort and tick, and at most [`KEPT`] messages.
///
/// ```
/// use smartcity_dataflow::city::quarantine::quarantine;
/// use smartcity_dataflow::model::{Id, Kind, Namespace, Origin, Reason, Rejected};
/// use smartcity_dataflow::testing::{at, trace};
/// let origin = Origin { source: Id::new(Namespace::Source, "kafka"), partition: 0, offset: 1 };
/// let kind = Some(Kind::Gps);
/// let rejected = Rejected { arrived: 0, origin, kind, reason: Reason::NullIsland, detail: "no fix".into() };
/// let counts = trace(&[at(0, rejected.clone())], |rejected| quarantine(rejected).0, 5);
/// assert_eq!(counts, [(0, ((origin.source, kind, Reason::NullIsland), 1), 1)]);
/// let last = trace(&[at(0, rejected.clone())], |rejected| quarantine(rejected).1, 5);
/// assert_eq!(last, [(0, ((0, origin), rejected), 1)]);
/// ```
pub fn quarantine<'s>(rejected: Rows<'s, Rejected>) -> (Counts<'s>, Last<'s>) {
    let outer = rejected.scope();
    outer.region_named("Quarantine", |region| {
        let rejected = rejected.enter_region(region);
        let sorts = rejected.clone().map(|row| (row.origin.source, row.kind, row.reason));
        let last = newest(rejected, KEPT).map(|row| ((row.arrived, row.origin), row));
        (count(sorts, "QuarantineCounts").leave_region(outer), last.leave_region(outer))
    })
}

#[cfg(test)]
mod tests;
