//! Which reports go on?

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ActiveReport;
use crate::model::{Id, IncidentRule, Kind, Placed, Priority, Report, ReportStatus, Severity};
use crate::operators::{latest, round_up};
use crate::{Horizon, Rows, Settings, Time};

/// Which reports go on? The newest word by event time on every incident id, unless it says that it is over, with the
/// severity and priority that the city's table gives its type.
///
/// | time | words                      | rules          | output                       |
/// |-----:|----------------------------|----------------|------------------------------|
/// |    0 |                            | +(fire, high)  |                              |
/// |    1 | +(i1, 10:00, fire, active) |                | +(i1, fire, high)            |
/// |    2 |                            | -(fire, high) +(fire, critical) | -(i1, fire, high) +(i1, fire, critical) |
/// |    3 | +(i1, 10:05, resolved)     |                | -(i1, fire, critical)        |
/// |    4 | +(i1, 10:02, fire, active) |                |                              |
///
/// A word lives for [`Settings::incident_life_ms`] from the tick at which it came: a report that nobody speaks of any more
/// ends by itself. The word that it is over lives twice as long, so that a late word does not bring it back to life.
///
/// A word without a place can end a report, but cannot begin, move or prolong one. A type without a rule of its own takes
/// the city's rule for every type; without that, medium severity and priority P2. Of two rules of one type the first in the
/// order of rows counts.
///
/// The state is the live words of each incident id.
///
/// ```
/// # use smartcity_dataflow::{Rows, Settings, city::incidents::active_reports, testing::{at, id, said, trace}};
/// # use smartcity_dataflow::model::{Placed, Point, Report, ReportStatus};
/// let word = |event, status| {
///     let report = Report { incident: id("i1"), incident_type: id("fire"), status, description: None };
///     let mut placed = said("dispatch", event, 1, report);
///     placed.reading.place = Some(Point { lat: 377_700_000, lon: -1_224_200_000 });
///     placed
/// };
/// let output = trace(
///     &[at(1, word(10, ReportStatus::Active)), at(2, word(20, ReportStatus::Resolved))],
///     |words: Rows<'_, Placed<Report>>| {
///         let none = words.clone().flat_map(|_| None);
///         active_reports(words, none, &Settings::default()).map(|(incident, _)| incident)
///     },
///     10,
/// );
/// assert_eq!(output, [(1, id("i1"), 1), (2, id("i1"), -1)]);
/// ```
pub fn active_reports<'s>(
    words: Rows<'s, Placed<Report>>,
    rules: Rows<'s, IncidentRule>,
    settings: &Settings,
) -> Rows<'s, (Id, ActiveReport)> {
    let words = words.flat_map(|placed| {
        let report = placed.reading.body;
        let counts = report.status == ReportStatus::Resolved || placed.reading.place.is_some();
        counts.then_some((report.incident, placed))
    });
    let going_on = latest(words, "Reports", end_of_life(settings))
        .flat_map(|(incident, placed)| going_on(&placed).map(|report| (report.incident_type, (incident, report))));
    let rules = rule_of_types(going_on.clone().map(|(incident_type, _)| incident_type), rules);
    going_on.join_map(rules, |_, (incident, report), rule| {
        (*incident, ActiveReport { severity: rule.severity, priority: rule.priority, ..*report })
    })
}

/// When a word on an incident is forgotten.
fn end_of_life(settings: &Settings) -> impl Fn(&Placed<Report>) -> Time + 'static {
    let (life, resolved, tick) = (settings.incident_life_ms, settings.resolved_life_ms(), settings.tick_ms);
    move |placed| {
        let over = placed.reading.body.status == ReportStatus::Resolved;
        round_up(placed.reading.arrived + if over { resolved } else { life }, tick)
    }
}

/// How long a word on an incident counts.
pub fn horizon(kind: Kind, settings: &Settings) -> Option<Horizon> {
    (kind == Kind::Emergency).then(|| Horizon::of_arrival(settings.incident_life_ms.max(settings.resolved_life_ms())))
}

/// The report of a word that does not end it; how grave it is, its type will tell.
fn going_on(placed: &Placed<Report>) -> Option<ActiveReport> {
    let report = Some(placed.reading.body).filter(|report| report.status != ReportStatus::Resolved)?;
    Some(ActiveReport {
        time: placed.reading.time,
        place: placed.reading.place?,
        incident_type: report.incident_type,
        status: report.status,
        severity: UNKNOWN_SEVERITY,
        priority: UNKNOWN_PRIORITY,
        device: placed.reading.device,
        description: report.description,
        zone: placed.zone,
    })
}

/// How grave a report is whose type the city has no rule for.
const UNKNOWN_SEVERITY: Severity = Severity::Medium;
/// How urgent it is.
const UNKNOWN_PRIORITY: Priority = Priority::P2;

/// What a type of incident may mean, the best answer first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Meaning {
    /// The type's own rule.
    Own(IncidentRule),
    /// The city's rule for every type.
    Default(IncidentRule),
    /// The city has neither.
    Unknown,
}

/// What does each type that occurs mean? Every type of `types` (which may repeat) with the rule for it.
pub(super) fn rule_of_types<'s>(types: Rows<'s, Id>, rules: Rows<'s, IncidentRule>) -> Rows<'s, (Id, IncidentRule)> {
    let types = types.distinct();
    let default = rules.clone().filter(|rule| rule.incident_type.is_none()).map(|rule| ((), rule));
    let own = rules.flat_map(|rule| Some((rule.incident_type?, Meaning::Own(rule))));
    let default = types
        .clone()
        .map(|incident_type| ((), incident_type))
        .join_map(default, |(), incident_type, rule| (*incident_type, Meaning::Default(rule.clone())));
    let unknown = types.map(|incident_type| (incident_type, Meaning::Unknown));
    own.concat(default).concat(unknown).reduce_named("RuleOfType", |incident_type, meanings, output| {
        let rule = match meanings.first() {
            Some((Meaning::Own(rule) | Meaning::Default(rule), _)) => rule.clone(),
            Some((Meaning::Unknown, _)) | None => IncidentRule {
                incident_type: Some(*incident_type),
                severity: UNKNOWN_SEVERITY,
                priority: UNKNOWN_PRIORITY,
                agencies: Arc::default(),
            },
        };
        output.push((rule, 1));
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Point, Reading};
    use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, id, names, present, said, table, trace};

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    enum Row {
        Said(Placed<Report>),
        Rule(IncidentRule),
    }

    const LIFE: Time = 20;
    const TICK: Time = 5;

    fn build(rows: Rows<'_, Row>) -> Rows<'_, (Id, ActiveReport)> {
        let placed = rows.clone().flat_map(|row| if let Row::Said(placed) = row { Some(placed) } else { None });
        let rules = rows.flat_map(|row| if let Row::Rule(rule) = row { Some(rule) } else { None });
        active_reports(placed, rules, &Settings { tick_ms: TICK, incident_life_ms: LIFE, ..Settings::default() })
    }

    fn word(incident: &str, event: i64, arrived: Time, incident_type: &str, status: ReportStatus) -> Row {
        let report = Report { incident: id(incident), incident_type: id(incident_type), status, description: None };
        let mut placed = said("dispatch", event, arrived, report);
        placed.reading.place = Some(Point { lat: 7, lon: 7 });
        Row::Said(placed)
    }

    fn without_place(row: Row) -> Row {
        match row {
            Row::Said(Placed { reading, .. }) => {
                let reading = Reading { place: None, ..reading };
                Row::Said(Placed { reading, segment: None, road: None, zone: None })
            }
            rule => rule,
        }
    }

    fn rule(incident_type: Option<&str>, severity: Severity) -> Row {
        let incident_type = incident_type.map(id);
        Row::Rule(IncidentRule { incident_type, severity, priority: Priority::P1, agencies: Arc::default() })
    }

    fn check(updates: &[Update<Row>], expected: Expect) {
        let brief = |(incident, report): (Id, ActiveReport)| {
            (incident, report.time.0, report.incident_type, report.status, report.severity, report.priority)
        };
        let output = trace(updates, move |rows: Rows<'_, Row>| build(rows).map(brief), 60);
        expected.assert_eq(&names(&["i1", "i2", "fire", "theft"]).scope(|| table(&output)));
    }

    use ReportStatus::{Active, Pending, Resolved};

    #[test]
    fn the_newest_word_counts_and_an_edited_rule_acts_at_once() {
        check(
            &[
                at(0, rule(Some("fire"), Severity::High)),
                at(1, word("i1", 100, 1, "fire", Pending)),
                at(2, word("i1", 110, 2, "fire", Active)),
                at(3, rule(Some("fire"), Severity::Critical)),
                gone(3, rule(Some("fire"), Severity::High)),
                at(4, word("i1", 120, 4, "fire", Resolved)),
                at(5, word("i1", 115, 5, "fire", Active)),
            ],
            expect![[r#"
                1 +1 (i1, 100, fire, Pending, High, P1)
                2 -1 (i1, 100, fire, Pending, High, P1)
                2 +1 (i1, 110, fire, Active, High, P1)
                3 -1 (i1, 110, fire, Active, High, P1)
                3 +1 (i1, 110, fire, Active, Critical, P1)
                4 -1 (i1, 110, fire, Active, Critical, P1)
            "#]],
        );
    }

    #[test]
    fn a_type_without_a_rule_takes_the_citys_default_and_without_that_the_engines() {
        check(
            &[
                at(1, word("i1", 100, 1, "theft", Active)),
                at(2, rule(None, Severity::Low)),
                at(3, rule(Some("theft"), Severity::High)),
                gone(4, rule(Some("theft"), Severity::High)),
            ],
            expect![[r#"
                1 +1 (i1, 100, theft, Active, Medium, P2)
                2 +1 (i1, 100, theft, Active, Low, P1)
                2 -1 (i1, 100, theft, Active, Medium, P2)
                3 -1 (i1, 100, theft, Active, Low, P1)
                3 +1 (i1, 100, theft, Active, High, P1)
                4 +1 (i1, 100, theft, Active, Low, P1)
                4 -1 (i1, 100, theft, Active, High, P1)
                25 -1 (i1, 100, theft, Active, Low, P1)
            "#]],
        );
    }

    #[test]
    fn a_report_that_nobody_speaks_of_ends_and_a_late_word_does_not_revive_what_is_over() {
        check(
            &[
                at(1, word("i1", 100, 1, "fire", Active)),
                at(1, word("i2", 100, 1, "fire", Resolved)),
                at(19, word("i2", 90, 19, "fire", Active)),
            ],
            expect![[r#"
                1 +1 (i1, 100, fire, Active, Medium, P2)
                25 -1 (i1, 100, fire, Active, Medium, P2)
            "#]],
        );
    }

    #[test]
    fn a_word_without_a_place_can_end_a_report_and_nothing_else() {
        check(
            &[
                at(1, without_place(word("i1", 100, 1, "fire", Active))),
                at(2, word("i1", 110, 2, "fire", Active)),
                at(3, without_place(word("i1", 120, 3, "theft", Active))),
                at(4, without_place(word("i1", 130, 4, "fire", Resolved))),
            ],
            expect![[r#"
                2 +1 (i1, 110, fire, Active, Medium, P2)
                4 -1 (i1, 110, fire, Active, Medium, P2)
            "#]],
        );
    }

    /// Goes through all words that count and live, keeps the newest of each incident, and looks its type up.
    fn naive(seen: &[Update<Row>], now: Time) -> Vec<(Id, ActiveReport)> {
        let rows = present(seen);
        let mut newest = BTreeMap::<Id, (Placed<Report>, Report)>::new();
        for row in &rows {
            let Row::Said(placed) = row else { continue };
            let report = placed.reading.body;
            let over = report.status == Resolved;
            let life = if over { 2 * LIFE } else { LIFE };
            if (placed.reading.arrived + life).div_ceil(TICK) * TICK > now && (over || placed.reading.place.is_some()) {
                let best = newest.entry(report.incident).or_insert((*placed, report));
                *best = (*best).max((*placed, report));
            }
        }
        let severity_of = |incident_type: Option<Id>| {
            let rules = rows.iter().filter_map(|row| if let Row::Rule(rule) = row { Some(rule) } else { None });
            rules.filter(|rule| rule.incident_type == incident_type).min().map(|rule| (rule.severity, rule.priority))
        };
        let going_on = newest.into_iter().filter(|(_, (_, report))| report.status != Resolved);
        let reports = going_on.map(|(incident, (placed, report))| {
            let own = severity_of(Some(report.incident_type)).or(severity_of(None));
            let (severity, priority) = own.unwrap_or((Severity::Medium, Priority::P2));
            let report = ActiveReport {
                time: placed.reading.time,
                place: placed.reading.place.unwrap(),
                incident_type: report.incident_type,
                status: report.status,
                severity,
                priority,
                device: placed.reading.device,
                description: None,
                zone: None,
            };
            (incident, report)
        });
        reports.collect()
    }

    fn rows() -> impl Strategy<Value = Row> {
        let types = prop::sample::select(vec!["fire", "theft"]);
        let status = prop::sample::select(vec![Active, Pending, Resolved]);
        let incident = prop::sample::select(vec!["i1", "i2"]);
        let words = (incident, 0..5i64, 0..50u64, types.clone(), status, prop::bool::weighted(0.8)).prop_map(
            |(incident, event, arrived, incident_type, status, placed)| {
                let word = word(incident, event, arrived, incident_type, status);
                if placed { word } else { without_place(word) }
            },
        );
        let severity = prop::sample::select(vec![Severity::Low, Severity::High]);
        let rules =
            (prop::option::of(types), severity).prop_map(|(incident_type, severity)| rule(incident_type, severity));
        prop_oneof![5 => words, 2 => rules]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn it_is_the_newest_live_word_by_the_rule_of_its_type(updates in crate::testing::updates(rows(), 50)) {
            assert_oracle(&updates, 100, build, naive);
        }
    }

    #[test]
    fn neither_order_nor_workers_show() {
        let updates: Vec<_> = (0..60)
            .map(|i| {
                let (incident, status) = (format!("i{}", i % 7), [Active, Active, Pending, Resolved][i as usize % 4]);
                at(i / 3, word(&incident, (i * 7 % 11) as i64, i / 3, ["fire", "theft"][i as usize % 2], status))
            })
            .chain([at(0, rule(None, Severity::Low)), at(9, rule(Some("fire"), Severity::Critical))])
            .chain([gone(12, rule(None, Severity::Low))])
            .collect();
        assert_invariant(&updates, 60, build);
    }
}
