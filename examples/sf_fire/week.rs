//! What the engine made of the calls, beside what the department knows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use differential_dataflow::AsCollection;
use smartcity::city::incidents::{INCIDENTS, Incident};
use smartcity::city::quarantine::QUARANTINE;
use smartcity::model::{City, CityRow, Id, IncidentRule, Millis, Name, Namespace, Priority, Reason, Severity};
use smartcity::view::View;
use smartcity::{Clock, Diff, Engine, Settings, Time};
use timely::dataflow::operators::vec::Map;

use super::calls::{Calls, type_id};

/// Every change of [`INCIDENTS`] as a row of its own, in order of time, what goes before what comes.
const HISTORY: View<(Time, Diff, Id), Incident> = View::new("incident_history");

/// What the department's types of call mean for the response: our own reading of them, not the department's. A type that
/// is not named here is of low severity.
const RULES: [(&str, Severity, Priority); 16] = [
    ("Structure Fire", Severity::Critical, Priority::P0),
    ("Confined Space / Structure Collapse", Severity::Critical, Priority::P0),
    ("Water Rescue", Severity::Critical, Priority::P0),
    ("Explosion", Severity::Critical, Priority::P0),
    ("Medical Incident", Severity::High, Priority::P1),
    ("Traffic Collision", Severity::High, Priority::P1),
    ("Vehicle Fire", Severity::High, Priority::P1),
    ("Outside Fire", Severity::High, Priority::P1),
    ("Gas Leak (Natural and LP Gases)", Severity::High, Priority::P1),
    ("HazMat", Severity::High, Priority::P1),
    ("Industrial Accidents", Severity::High, Priority::P1),
    ("Alarms", Severity::Medium, Priority::P2),
    ("Electrical Hazard", Severity::Medium, Priority::P2),
    ("Elevator / Escalator Rescue", Severity::Medium, Priority::P2),
    ("Fuel Spill", Severity::Medium, Priority::P2),
    ("Smoke Investigation (Outside)", Severity::Medium, Priority::P2),
];

/// A report lives longer than the longest call of the week, which kept a unit for four and a half hours.
pub(crate) fn settings() -> Settings {
    Settings { incident_life_ms: 6 * 3_600_000, ..Settings::default() }
}

/// A city that consists of its incident table.
pub(crate) fn city() -> City {
    let agency = Name::new(Namespace::Text, "fire");
    let rule = |incident_type, severity, priority| {
        CityRow::Rule(IncidentRule { incident_type, severity, priority, agencies: Arc::new([agency.id]) })
    };
    let mut city = City::default();
    city.rows.insert(CityRow::Name(agency.clone()));
    city.rows.insert(rule(None, Severity::Low, Priority::P3));
    city.rows.extend(RULES.map(|(call_type, severity, priority)| rule(Some(type_id(call_type)), severity, priority)));
    city
}

/// The city at the tick with the most incidents.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moment {
    /// The tick.
    pub(crate) tick: Time,
    /// Incidents that go on.
    pub(crate) incidents: usize,
    /// Their reports.
    pub(crate) reports: usize,
    /// The calls of these.
    pub(crate) calls: usize,
    /// Incidents by severity.
    pub(crate) by_severity: BTreeMap<Severity, usize>,
}

/// What the engine made of the calls.
#[derive(Debug, Default)]
pub(crate) struct Week {
    /// Calls, by the department's numbers.
    pub(crate) calls: usize,
    /// Reports, one a unit sent.
    pub(crate) reports: usize,
    /// The busiest moment.
    pub(crate) busiest: Moment,
    /// Calls that were one incident with another call for some time.
    pub(crate) merged: BTreeSet<String>,
    /// The most calls that one incident ever had.
    pub(crate) most_merged: usize,
    /// Calls whose reports were in several incidents at one time.
    pub(crate) split: BTreeSet<String>,
    /// Incidents that go on at the end.
    pub(crate) left: usize,
    /// Lines not accepted, by reason.
    pub(crate) quarantine: BTreeMap<Reason, u64>,
}

impl Week {
    /// Replays `calls` through an engine.
    pub(crate) fn of(calls: &Calls, workers: usize) -> anyhow::Result<Self> {
        let engine = Engine::new(city())
            .settings(settings())
            .clock(Clock::Replay)
            .workers(workers)
            .source(calls.source())
            .capability(|streams, publisher| {
                let changes = streams.incidents.clone().consolidate().inner;
                let history = changes.map(|((id, incident), tick, diff)| (((tick, diff, id), incident), tick, 1));
                publisher.publish(&HISTORY, history.as_collection());
            })
            .start()?;
        engine.wait_finished();
        let snapshot = engine.views().snapshot();
        engine.shutdown();

        let call_of = calls.call_of();
        let mut week = Self {
            calls: call_of.values().collect::<BTreeSet<_>>().len(),
            reports: call_of.len(),
            left: snapshot.rows(&INCIDENTS).len(),
            ..Self::default()
        };
        for ((_, _, reason), count) in snapshot.rows(&QUARANTINE) {
            *week.quarantine.entry(reason).or_default() += count;
        }
        week.walk(&snapshot.rows(&HISTORY).into_iter().collect::<Vec<_>>(), &call_of);
        Ok(week)
    }

    /// Goes through the changes of the incidents, tick by tick.
    fn walk(&mut self, history: &[((Time, Diff, Id), Incident)], call_of: &BTreeMap<Id, &str>) {
        let calls_of = |incident: &Incident| -> BTreeSet<&str> {
            incident.reports.iter().filter_map(|report| call_of.get(report).copied()).collect()
        };
        let mut going_on: BTreeMap<Id, &Incident> = BTreeMap::new();
        let mut incidents_of: BTreeMap<&str, usize> = BTreeMap::new();
        for tick in history.chunk_by(|((a, ..), _), ((b, ..), _)| a == b) {
            for ((_, diff, id), incident) in tick {
                let calls = calls_of(incident);
                if *diff < 0 {
                    going_on.remove(id);
                    calls.iter().for_each(|call| *incidents_of.entry(call).or_default() -= 1);
                } else {
                    going_on.insert(*id, incident);
                    calls.iter().for_each(|call| *incidents_of.entry(call).or_default() += 1);
                }
            }
            for ((_, diff, _), incident) in tick {
                let calls = calls_of(incident);
                if *diff > 0 && calls.len() > 1 {
                    self.most_merged = self.most_merged.max(calls.len());
                    self.merged.extend(calls.iter().map(|call| (*call).to_owned()));
                }
                self.split.extend(calls.into_iter().filter(|call| incidents_of[call] > 1).map(str::to_owned));
            }
            if going_on.len() > self.busiest.incidents {
                let mut by_severity = BTreeMap::new();
                going_on.values().for_each(|incident| *by_severity.entry(incident.severity).or_default() += 1);
                self.busiest = Moment {
                    tick: tick[0].0.0,
                    incidents: going_on.len(),
                    reports: going_on.values().map(|incident| incident.reports.len()).sum(),
                    calls: incidents_of.values().filter(|&&incidents| incidents > 0).count(),
                    by_severity,
                };
            }
        }
    }
}

impl fmt::Display for Week {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Moment { tick, incidents, reports, calls, by_severity } = &self.busiest;
        writeln!(f, "calls                      {:>6}", self.calls)?;
        writeln!(f, "reports, one a unit        {:>6}", self.reports)?;
        writeln!(f, "lines not accepted         {:>6}", self.quarantine.values().sum::<u64>())?;
        for (reason, count) in &self.quarantine {
            writeln!(f, "    {:<22} {count:>6}", format!("{reason:?}"))?;
        }
        writeln!(f, "busiest moment                      {}", Millis(*tick as i64))?;
        writeln!(f, "  incidents                {incidents:>6}   from {reports} reports of {calls} calls")?;
        for (severity, count) in by_severity.iter().rev() {
            writeln!(f, "    {:<22} {count:>6}", format!("{severity:?}").to_lowercase())?;
        }
        writeln!(
            f,
            "calls merged with another  {:>6}   {:.1} %, up to {} in one incident",
            self.merged.len(),
            100.0 * self.merged.len() as f64 / self.calls.max(1) as f64,
            self.most_merged
        )?;
        writeln!(f, "calls split                {:>6}", self.split.len())?;
        write!(f, "incidents left at the end  {:>6}", self.left)
    }
}
