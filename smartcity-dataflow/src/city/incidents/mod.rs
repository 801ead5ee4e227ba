//! What goes on in the city that needs help, and which reports speak of the same event?
//!
//! ```text
//!  placed ──▶ newest word of every report ──▶ active reports ──▶ links between near ones ──▶ incidents
//!  rules  ─────────────────────────────────────────┴─────────────────────────────────────────────┘
//! ```
//!
//! A *report* is what a reporter numbers; its newest word says where it is and whether it goes on ([`active_reports`]). An
//! *incident* is what happened: all reports of one type that hang together by being near in place and time
//! ([`incidents`]). What a type means for the response is a table of the city, joined live: an edit acts at once.

mod links;
mod merge;
mod reports;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{Id, Millis, Point, Priority, Ratio, ReportStatus, Severity};
use crate::view::View;

pub use merge::{MANY_SOURCES, incidents};
pub use reports::{active_reports, horizon};

/// Every active report by its own incident id: what the contract's route lists.
pub const REPORTS: View<Id, ActiveReport> = View::new("reports");

/// Every incident: reports of one event merged.
pub const INCIDENTS: View<Id, Incident> = View::new("incidents");

/// A report that goes on: the newest word on its incident id, not resolved, not expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ActiveReport {
    /// Event time of the newest word.
    pub time: Millis,
    /// Where.
    pub place: Point,
    /// What sort.
    pub incident_type: Id,
    /// Active or pending.
    pub status: ReportStatus,
    /// By the table of the city.
    pub severity: Severity,
    /// By the table of the city.
    pub priority: Priority,
    /// Who reported it.
    pub device: Id,
    /// The reporter's words.
    pub description: Option<Id>,
    /// The zone it lies in.
    pub zone: Option<Id>,
}

/// An event in the city, as told by one or more reports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incident {
    /// Event time of the first report.
    pub first: Millis,
    /// Event time of the newest report.
    pub last: Millis,
    /// Where: of the first report.
    pub place: Point,
    /// What sort: of the first report.
    pub incident_type: Id,
    /// The gravest of its reports, one step higher with three or more sources.
    pub severity: Severity,
    /// The most urgent of its reports.
    pub priority: Priority,
    /// Who must come.
    pub agencies: Arc<[Id]>,
    /// The incident ids merged in it, ascending.
    pub reports: Arc<[Id]>,
    /// Who reported it, ascending.
    pub sources: Arc<[Id]>,
    /// Chance that it is real: noisy-or over its sources.
    pub confidence: Ratio,
    /// The zone it lies in.
    pub zone: Option<Id>,
}
