//! The calls of a fire department as emergency reports.
//!
//! The table has a row for every unit that was sent to a call. Each becomes a report of its own, as if the unit spoke:
//!
//! | word | of the time | learnt at |
//! |---|---|---|
//! | it is sent there, the emergency goes on | `Received DtTm`, of the call | `Dispatch DtTm`, of the unit |
//! | it is done there, the report is resolved | `Available DtTm` | `Available DtTm` |
//!
//! A row without `Available DtTm` has no second word: its report expires. Times are local, San Francisco's.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Context;
use flate2::read::MultiGzDecoder;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use smartcity::decode::{NameBook, Stamp};
use smartcity::model::{
    Body, Id, Instant, Kind, Millis, Namespace, Origin, Point, Reading, Reason, Rejected, Report, ReportStatus,
};
use smartcity::source::{Batch, MemorySource};

/// The name of the source.
pub(crate) const NAME: &str = "sf_fire";

/// A unit sent to a call, as the table has it.
#[derive(Debug, Deserialize)]
struct Row {
    #[serde(rename = "RowID")]
    id: String,
    #[serde(rename = "Call Number")]
    call: String,
    #[serde(rename = "Unit ID")]
    unit: String,
    #[serde(rename = "Call Type")]
    call_type: String,
    #[serde(rename = "Received DtTm")]
    received: String,
    #[serde(rename = "Dispatch DtTm")]
    dispatched: String,
    #[serde(rename = "Available DtTm")]
    available: String,
    #[serde(rename = "Location")]
    location: String,
}

/// A unit sent to a call.
#[derive(Clone, Debug)]
pub(crate) struct Dispatch {
    /// The report's id.
    pub(crate) report: Id,
    /// Row of the table.
    pub(crate) row: String,
    /// Line of the table.
    pub(crate) line: u64,
    /// Number of the call: the truth about which reports belong together.
    pub(crate) call: String,
    /// The unit.
    pub(crate) unit: String,
    /// What the call is about.
    pub(crate) call_type: String,
    /// Where.
    pub(crate) place: Point,
    /// When the call was received.
    pub(crate) received: Millis,
    /// When the unit was sent.
    pub(crate) sent: Millis,
    /// When the unit was free again.
    pub(crate) available: Option<Millis>,
}

/// The calls of a table.
#[derive(Debug)]
pub(crate) struct Calls {
    /// Every unit sent.
    pub(crate) dispatches: Vec<Dispatch>,
    /// Lines that are none, and why.
    pub(crate) faults: Vec<(u64, Reason, String)>,
}

impl Calls {
    /// Reads the table at `path`, as CSV or gzipped CSV.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let gzipped = path.extension().is_some_and(|extension| extension == "gz");
        let table: Box<dyn Read> = if gzipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        Self::read(table).with_context(|| format!("{} is not the table expected", path.display()))
    }

    /// Reads a table.
    pub(crate) fn read(table: impl Read) -> anyhow::Result<Self> {
        let zone = TimeZone::get("America/Los_Angeles")?;
        let mut table = csv::ReaderBuilder::new().flexible(true).from_reader(table);
        let headers = table.headers()?.clone();
        let mut calls = Self { dispatches: Vec::new(), faults: Vec::new() };
        for record in table.into_records() {
            let record = record?;
            let line = record.position().map_or(0, csv::Position::line);
            let row = record.deserialize(Some(&headers)).map_err(|error| (Reason::MissingField, error.to_string()));
            match row.and_then(|row| dispatch(row, line, &zone)) {
                Ok(dispatch) => calls.dispatches.push(dispatch),
                Err((reason, detail)) => calls.faults.push((line, reason, detail)),
            }
        }
        if let (true, Some((line, _, detail))) = (calls.dispatches.is_empty(), calls.faults.first()) {
            anyhow::bail!("no line is a unit sent to a call; of line {line}: {detail}");
        }
        Ok(calls)
    }

    /// Call number of each report.
    pub(crate) fn call_of(&self) -> BTreeMap<Id, &str> {
        self.dispatches.iter().map(|dispatch| (dispatch.report, dispatch.call.as_str())).collect()
    }

    /// A recorded source: every word when it was learnt. A line that is no dispatch comes with the first word.
    pub(crate) fn source(&self) -> MemorySource {
        let mut words: Vec<_> = self.dispatches.iter().flat_map(Dispatch::words).collect();
        words.sort_by_key(|(reading, _)| (reading.arrived, reading.origin));
        let first = words.first().map_or(0, |(reading, _)| reading.arrived);
        let rejected = self.faults.iter().map(|(line, reason, detail)| Rejected {
            arrived: first,
            origin: origin(0, *line),
            kind: Some(Kind::Emergency),
            reason: *reason,
            detail: detail.as_str().into(),
        });
        let mut batch = Batch { rejected: rejected.collect(), ..Batch::default() };
        let mut names = NameBook::default();
        for (reading, dispatch) in words {
            let now = Stamp { arrived: reading.arrived, clock: reading.arrived };
            names.id(Kind::Emergency, Namespace::Incident, &dispatch.row, now, &mut batch.names);
            names.id(Kind::Emergency, Namespace::Device, &dispatch.unit, now, &mut batch.names);
            names.class(Kind::Emergency, &dispatch.call_type, now, &mut batch.names);
            batch.readings.push(reading);
        }
        MemorySource::of_batches(NAME, vec![batch], true)
    }
}

impl Dispatch {
    /// What the unit says, and of which dispatch.
    fn words(&self) -> impl Iterator<Item = (Reading<Instant>, &Self)> {
        let active = self.word(0, ReportStatus::Active, self.received, self.sent);
        let resolved = self.available.map(|time| self.word(1, ReportStatus::Resolved, time, time));
        [active].into_iter().chain(resolved).map(move |reading| (reading, self))
    }

    /// A word. The second has a partition of its own, so that it is the newer one even where a unit is free at once.
    fn word(&self, partition: u32, status: ReportStatus, time: Millis, learnt: Millis) -> Reading<Instant> {
        Reading {
            time: Instant::Utc(time),
            origin: origin(partition, self.line),
            kind: Kind::Emergency,
            id: Id::new(Namespace::Message, &format!("{} {status:?}", self.row)),
            device: Id::new(Namespace::Device, &self.unit),
            arrived: learnt.0.unsigned_abs(),
            place: Some(self.place),
            body: Body::Report(Report {
                incident: self.report,
                incident_type: type_id(&self.call_type),
                status,
                description: None,
            }),
        }
    }
}

/// The id of a call type: that of its lower case, as of every type of incident.
pub(crate) fn type_id(call_type: &str) -> Id {
    Id::new(Namespace::Text, &call_type.to_lowercase())
}

fn origin(partition: u32, line: u64) -> Origin {
    Origin { source: Id::new(Namespace::Source, NAME), partition, offset: line }
}

fn dispatch(row: Row, line: u64, zone: &TimeZone) -> Result<Dispatch, (Reason, String)> {
    let time = |column: &str, text: &str| {
        let local = DateTime::strptime("%m/%d/%Y %I:%M:%S %p", text);
        let time = local.and_then(|local| zone.to_timestamp(local)).map_err(|_| {
            (Reason::BadTimestamp, format!("{column} is {text:?}: expected a time such as 12/31/2016 11:57:56 PM"))
        })?;
        Ok(Millis(time.as_millisecond()))
    };
    let place = place(&row.location).ok_or_else(|| {
        (Reason::OffEarth, format!("Location is {:?}: expected a place such as (37.7457, -122.4567)", row.location))
    })?;
    Ok(Dispatch {
        report: Id::new(Namespace::Incident, &row.id),
        line,
        place,
        received: time("Received DtTm", &row.received)?,
        sent: time("Dispatch DtTm", &row.dispatched)?,
        available: match row.available.as_str() {
            "" => None,
            text => Some(time("Available DtTm", text)?),
        },
        row: row.id,
        call: row.call,
        unit: row.unit,
        call_type: row.call_type,
    })
}

/// The place of `(latitude, longitude)` in degrees.
fn place(text: &str) -> Option<Point> {
    let (lat, lon) = text.strip_prefix('(')?.strip_suffix(')')?.split_once(',')?;
    Point::from_degrees(lat.trim().parse().ok()?, lon.trim().parse().ok()?)
}
