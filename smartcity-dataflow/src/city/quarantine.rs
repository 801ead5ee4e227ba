//! Which messages were not accepted, and why?

use crate::Time;
use crate::model::{Id, Kind, Origin, Reason, Rejected};
use crate::view::View;

/// Rejected messages, counted by source, kind and reason since the start.
pub const QUARANTINE: View<(Id, Option<Kind>, Reason), u64> = View::new("quarantine");

/// The last rejected messages.
pub const QUARANTINE_LAST: View<(Time, Origin), Rejected> = View::new("quarantine_last");

/// How many rejected messages are kept to look at.
pub const KEPT: usize = 100;

// STUB

use crate::Rows;
pub fn quarantine<'s>(
    rejected: Rows<'s, Rejected>,
) -> (Rows<'s, ((Id, Option<Kind>, Reason), u64)>, Rows<'s, ((Time, Origin), Rejected)>) {
    (
        rejected.clone().map(|r| (r.origin.source, r.kind, r.reason)).count().map(|(k, n)| (k, n as u64)),
        crate::operators::newest(rejected.map(|r| ((r.arrived, r.origin), r)), KEPT),
    )
}
