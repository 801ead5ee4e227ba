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
