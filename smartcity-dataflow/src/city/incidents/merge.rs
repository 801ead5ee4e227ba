//! Which reports speak of the same event?

use std::collections::BTreeSet;
use std::sync::Arc;

use differential_dataflow::operators::Iterate;

use super::links::{Nearness, Spot, links};
use super::reports::rule_of_types;
use super::{ActiveReport, Incident};
use crate::model::{Id, IncidentRule, Ratio, Severity};
use crate::{Rows, Settings};

/// With so many sources an incident is one step graver than its reports say: who has an accident calls once, a great one is
/// reported by everybody who sees it. (Our choice.)
pub const MANY_SOURCES: usize = 3;

/// Which reports speak of the same event? Reports of one type within [`Settings::merge_distance_m`] *and*
/// [`Settings::merge_time_ms`] of each other are one incident, and so are those that hang together by others between them.
/// The incident bears the id of its first report.
///
/// | time | reports                  | output                            |
/// |-----:|--------------------------|-----------------------------------|
/// |    1 | +(i1, 10:00, 0 m)        | +(i1: i1)                         |
/// |    2 | +(i2, 10:01, 200 m)      | +(i2: i2)                         |
/// |    3 | +(i3, 10:02, 100 m)      | -(i1: i1) -(i2: i2) +(i1: i1 i2 i3) |
/// |    4 | -(i3, 10:02, 100 m)      | -(i1: i1 i2 i3) +(i1: i1) +(i2: i2) |
///
/// Which reports hang together does not depend on the order in which they came: the connected components of a graph.
///
/// - Severity: the gravest of the reports, one step higher with [`MANY_SOURCES`] distinct sources.
/// - Priority: the most urgent of the reports. Agencies: those of the type, in the order of its rule.
/// - Confidence: noisy-or over the sources, 1 − (1 − 0.6)ⁿ for n of them, rounded down: 0.6, 0.84, 0.936, ... (Our choice.)
///
/// A change costs the reports around it and those of the incidents that it touches, which their rows list anyway.
///
/// ```
/// # use smartcity_dataflow::{Rows, Settings, testing::{at, id, trace}};
/// # use smartcity_dataflow::city::incidents::{ActiveReport, incidents};
/// # use smartcity_dataflow::model::{Id, Millis, Point, Priority, ReportStatus, Severity};
/// # let corner = Point { lat: 377_700_000, lon: -1_224_200_000 };
/// # let report = |time, east| ActiveReport {
/// #     time: Millis(time), place: corner.shifted(east, 0), incident_type: id("fire"), status: ReportStatus::Active,
/// #     severity: Severity::High, priority: Priority::P1, device: id("d"), description: None, zone: None,
/// # };
/// // A report at the corner, and one 100 m east of it a minute later.
/// let output = trace(
///     &[at(1, (id("i1"), report(0, 0))), at(1, (id("i2"), report(60_000, 100_000)))],
///     |reports: Rows<'_, (Id, ActiveReport)>| {
///         let rules = reports.clone().flat_map(|_| None);
///         incidents(reports, rules, &Settings::default()).map(|(incident, row)| (incident, row.reports.len()))
///     },
///     10,
/// );
/// assert_eq!(output, [(1, (id("i1"), 2), 1)]);
/// ```
pub fn incidents<'s>(
    reports: Rows<'s, (Id, ActiveReport)>,
    rules: Rows<'s, IncidentRule>,
    settings: &Settings,
) -> Rows<'s, (Id, Incident)> {
    let spots = reports
        .clone()
        .map(|(id, report)| (report.incident_type, Spot { time: report.time, id, place: report.place }))
        .consolidate(); // another word that moves nothing ends here
    let links = links(spots.clone(), Nearness::new(settings));
    let firsts = first_of_component(spots.map(|(_, spot)| spot), links);
    let merged = firsts
        .map(|(spot, first)| (spot.id, first.id))
        .join_map(reports, |id, first, report| (*first, (report.time, *id, *report)))
        .reduce_named("Merge", |_, reports, output| {
            let reports: Vec<_> = reports.iter().map(|((_, id, report), _)| (*id, *report)).collect();
            output.extend(merge(&reports).map(|incident| (incident, 1)));
        })
        .map(|(id, incident)| (incident.incident_type, (id, incident)));
    let rules = rule_of_types(merged.clone().map(|(incident_type, _)| incident_type), rules);
    merged.join_map(rules, |_, (id, incident), rule| {
        (*id, Incident { agencies: Arc::clone(&rule.agencies), ..incident.clone() })
    })
}

/// With which spots does each hang together? Every spot with the first of those that links join it to: labels spread along
/// the links until none changes.
fn first_of_component<'s>(spots: Rows<'s, Spot>, links: Rows<'s, (Spot, Spot)>) -> Rows<'s, (Spot, Spot)> {
    let both_ways = links.clone().map(|(later, earlier)| (earlier, later)).concat(links).arrange_by_key();
    let own = spots.map(|spot| (spot, spot));
    own.clone().iterate(|scope, firsts| {
        let (both_ways, own) = (both_ways.enter(scope), own.enter(scope));
        firsts
            .join_core(both_ways, |_, first, neighbour| Some((*neighbour, *first)))
            .concat(own)
            .reduce_named("First", |_, firsts, output| output.extend(firsts.first().map(|(first, _)| (**first, 1))))
    })
}

/// The incident that reports of one type make, the first report first; who must come is still open.
fn merge(reports: &[(Id, ActiveReport)]) -> Option<Incident> {
    let ((_, first), (_, last)) = (reports.first()?, reports.last()?);
    let ids: BTreeSet<Id> = reports.iter().map(|(id, _)| *id).collect();
    let sources: BTreeSet<Id> = reports.iter().map(|(_, report)| report.device).collect();
    let gravest = reports.iter().map(|(_, report)| report.severity).max()?;
    Some(Incident {
        first: first.time,
        last: last.time,
        place: first.place,
        incident_type: first.incident_type,
        severity: if sources.len() >= MANY_SOURCES { one_step_graver(gravest) } else { gravest },
        priority: reports.iter().map(|(_, report)| report.priority).min()?,
        agencies: Arc::default(),
        confidence: confidence(sources.len()),
        reports: ids.into_iter().collect(),
        sources: sources.into_iter().collect(),
        zone: first.zone,
    })
}

fn one_step_graver(severity: Severity) -> Severity {
    match severity {
        Severity::Low => Severity::Medium,
        Severity::Medium => Severity::High,
        Severity::High | Severity::Critical => Severity::Critical,
    }
}

/// 1 − (2/5)ⁿ, rounded down; never one.
fn confidence(sources: usize) -> Ratio {
    let n = sources.min(16) as u32; // beyond, it does not change any more
    let doubt = (Ratio::ONE.0.unsigned_abs() * 2u64.pow(n)).div_ceil(5u64.pow(n));
    Ratio(Ratio::ONE.0 - doubt as i64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::{Expect, expect};
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::Time;
    use crate::model::{Millis, Point, Priority, ReportStatus, distance_mm};
    use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, id, names, present, table, trace};

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    enum Row {
        Report(Id, ActiveReport),
        Rule(IncidentRule),
    }

    const CORNER: Point = Point { lat: 377_700_000, lon: -1_224_200_000 };

    fn build(rows: Rows<'_, Row>) -> Rows<'_, (Id, Incident)> {
        let reports = rows.clone().flat_map(|row| match row {
            Row::Report(id, report) => Some((id, report)),
            Row::Rule(_) => None,
        });
        let rules = rows.flat_map(|row| if let Row::Rule(rule) = row { Some(rule) } else { None });
        incidents(reports, rules, &Settings { merge_distance_m: 150, merge_time_ms: 10, ..Settings::default() })
    }

    /// A report of `incident_type` by `device`, metres east and north of the corner.
    fn report(name: &str, incident_type: &str, time: i64, (east, north): (i64, i64), device: &str) -> Row {
        let report = ActiveReport {
            time: Millis(time),
            place: CORNER.shifted(east * 1_000, north * 1_000),
            incident_type: id(incident_type),
            status: ReportStatus::Active,
            severity: Severity::Medium,
            priority: Priority::P2,
            device: id(device),
            description: None,
            zone: None,
        };
        Row::Report(id(name), report)
    }

    fn rule(incident_type: &str, agencies: &[&str]) -> Row {
        Row::Rule(IncidentRule {
            incident_type: Some(id(incident_type)),
            severity: Severity::Medium,
            priority: Priority::P2,
            agencies: agencies.iter().map(|agency| id(agency)).collect(),
        })
    }

    const WORDS: [&str; 9] = ["i1", "i2", "i3", "i4", "fire", "theft", "anna", "brigade", "police"];

    fn check(updates: &[Update<Row>], expected: Expect) {
        let brief = |(id, incident): (Id, Incident)| {
            (id, incident.reports, incident.severity, incident.confidence.0, incident.agencies)
        };
        let output = trace(updates, move |rows: Rows<'_, Row>| build(rows).map(brief), 60);
        expected.assert_eq(&names(&WORDS).scope(|| table(&output)));
    }

    #[test]
    fn a_report_between_two_incidents_joins_them_until_it_goes() {
        check(
            &[
                at(1, report("i1", "fire", 1, (0, 0), "anna")),
                at(2, report("i2", "fire", 2, (200, 0), "anna")),
                at(3, report("i3", "fire", 3, (100, 0), "anna")),
                gone(4, report("i3", "fire", 3, (100, 0), "anna")),
            ],
            expect![[r#"
                1 +1 (i1, [i1], Medium, 6000, [])
                2 +1 (i2, [i2], Medium, 6000, [])
                3 -1 (i1, [i1], Medium, 6000, [])
                3 +1 (i1, [i1, i2, i3], Medium, 6000, [])
                3 -1 (i2, [i2], Medium, 6000, [])
                4 +1 (i1, [i1], Medium, 6000, [])
                4 -1 (i1, [i1, i2, i3], Medium, 6000, [])
                4 +1 (i2, [i2], Medium, 6000, [])
            "#]],
        );
    }

    #[test]
    fn another_type_another_place_or_another_time_is_another_incident() {
        check(
            &[
                at(1, report("i1", "fire", 1, (0, 0), "anna")),
                at(1, report("i2", "theft", 1, (0, 0), "anna")),
                at(1, report("i3", "fire", 1, (151, 0), "anna")),
                at(1, report("i4", "fire", 12, (0, 0), "anna")),
            ],
            expect![[r#"
                1 +1 (i1, [i1], Medium, 6000, [])
                1 +1 (i2, [i2], Medium, 6000, [])
                1 +1 (i4, [i4], Medium, 6000, [])
                1 +1 (i3, [i3], Medium, 6000, [])
            "#]],
        );
    }

    #[test]
    fn three_sources_make_an_incident_graver_and_all_of_them_make_it_surer() {
        check(
            &[
                at(1, report("i1", "fire", 1, (0, 0), "anna")),
                at(2, report("i2", "fire", 2, (10, 0), "bert")),
                at(3, report("i3", "fire", 3, (20, 0), "bert")),
                at(4, report("i4", "fire", 4, (30, 0), "cleo")),
            ],
            expect![[r#"
                1 +1 (i1, [i1], Medium, 6000, [])
                2 -1 (i1, [i1], Medium, 6000, [])
                2 +1 (i1, [i1, i2], Medium, 8400, [])
                3 -1 (i1, [i1, i2], Medium, 8400, [])
                3 +1 (i1, [i1, i2, i3], Medium, 8400, [])
                4 +1 (i1, [i1, i2, i4, i3], High, 9360, [])
                4 -1 (i1, [i1, i2, i3], Medium, 8400, [])
            "#]],
        );
    }

    #[test]
    fn an_edited_rule_sends_others() {
        check(
            &[
                at(0, rule("fire", &["brigade"])),
                at(1, report("i1", "fire", 1, (0, 0), "anna")),
                gone(2, rule("fire", &["brigade"])),
                at(2, rule("fire", &["brigade", "police"])),
            ],
            expect![[r#"
                1 +1 (i1, [i1], Medium, 6000, [brigade])
                2 -1 (i1, [i1], Medium, 6000, [brigade])
                2 +1 (i1, [i1], Medium, 6000, [brigade, police])
            "#]],
        );
    }

    #[test]
    fn the_first_report_leaving_a_hot_spot_renames_its_incident() {
        let crowd = |i: i64| report(&format!("crowd {i}"), "fire", (i + 19) / 20, (i % 40, i % 30), "anna");
        let mut updates: Vec<_> = (0..200).map(|i| at(1, crowd(i))).collect();
        updates.push(gone(2, crowd(0)));
        let brief = |(name, incident): (Id, Incident)| (name == id("crowd 0"), incident.reports.len());
        let output = trace(&updates, move |rows: Rows<'_, Row>| build(rows).map(brief), 5);
        assert_eq!(output, [(1, (true, 200), 1), (2, (false, 199), 1), (2, (true, 200), -1)]);
    }

    #[test]
    fn confidence_grows_with_the_sources_and_never_reaches_one() {
        let confidences: Vec<_> = [1, 2, 3, 5, 10, 1_000].into_iter().map(|n| confidence(n).0).collect();
        assert_eq!(confidences, [6_000, 8_400, 9_360, 9_897, 9_998, 9_999]);
    }

    /// Joins every report with every other one that is near, over and over, until nothing changes.
    fn naive(seen: &[Update<Row>], _: Time) -> Vec<(Id, Incident)> {
        let rows = present(seen);
        let mut reports: Vec<(ActiveReport, Id)> = Vec::new();
        for row in &rows {
            if let Row::Report(id, report) = row {
                reports.push((*report, *id));
            }
        }
        reports.sort_by_key(|(report, id)| (report.time, *id));
        let near = |(a, _): &(ActiveReport, Id), (b, _): &(ActiveReport, Id)| {
            a.incident_type == b.incident_type
                && b.time.0 - a.time.0 <= 10
                && distance_mm(a.place, b.place).0 <= 150_000
        };
        let mut group: Vec<usize> = (0..reports.len()).collect();
        loop {
            let before = group.clone();
            for later in 0..reports.len() {
                for earlier in 0..later {
                    if near(&reports[earlier], &reports[later]) {
                        let joined = group[earlier].min(group[later]);
                        (group[earlier], group[later]) = (joined, joined);
                    }
                }
            }
            if group == before {
                break;
            }
        }
        let mut members = BTreeMap::<usize, Vec<(ActiveReport, Id)>>::new();
        for (report, group) in reports.iter().zip(group) {
            members.entry(group).or_default().push(*report);
        }
        let incidents = members.into_values().map(|members| {
            let (first, id) = members[0];
            let ids: BTreeSet<Id> = members.iter().map(|(_, id)| *id).collect();
            let sources: BTreeSet<Id> = members.iter().map(|(report, _)| report.device).collect();
            let rules = rows.iter().filter_map(|row| if let Row::Rule(rule) = row { Some(rule) } else { None });
            let rule = rules.filter(|rule| rule.incident_type == Some(first.incident_type)).min();
            let incident = Incident {
                first: first.time,
                last: members[members.len() - 1].0.time,
                place: first.place,
                incident_type: first.incident_type,
                severity: if sources.len() >= 3 { Severity::High } else { Severity::Medium },
                priority: Priority::P2,
                agencies: rule.map(|rule| Arc::clone(&rule.agencies)).unwrap_or_default(),
                confidence: Ratio([0, 6_000, 8_400, 9_360][sources.len()]),
                reports: ids.into_iter().collect(),
                sources: sources.into_iter().collect(),
                zone: None,
            };
            (id, incident)
        });
        incidents.collect()
    }

    /// Changes as `active_reports` makes them: at a time, one row for each report.
    fn changes() -> impl Strategy<Value = Vec<Update<Row>>> {
        let place = (0..12i64, 0..4i64).prop_map(|(east, north)| (east * 50, north * 50));
        let device = prop::sample::select(vec!["anna", "bert", "cleo"]);
        let reports = (0..14usize, prop::bool::weighted(0.8), 0..30i64, place, device).prop_map(
            |(name, fire, time, place, device)| {
                report(&format!("r{name}"), if fire { "fire" } else { "theft" }, time, place, device)
            },
        );
        let rules = prop::sample::select(vec![rule("fire", &["brigade"]), rule("theft", &["police"])]);
        let rows = prop_oneof![9 => reports, 1 => rules];
        prop::collection::vec((rows, 0..30u64, 1..30u64), 0..30).prop_map(|rows| {
            let mut free = BTreeMap::new();
            let mut updates = Vec::new();
            for (row, time, life) in rows {
                let key = match &row {
                    Row::Report(id, _) => Some(*id),
                    Row::Rule(rule) => rule.incident_type,
                };
                let from = time.max(*free.get(&key).unwrap_or(&0));
                free.insert(key, from + life);
                updates.extend([at(from, row.clone()), gone(from + life, row)]);
            }
            updates
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn incidents_are_what_hangs_together(updates in changes()) {
            assert_oracle(&updates, 60, build, naive);
        }
    }

    #[test]
    fn neither_order_nor_workers_show() {
        let updates: Vec<_> = (0..60u64)
            .flat_map(|i| {
                let place = (i as i64 * 37 % 500, i as i64 * 53 % 200);
                let row = report(&format!("r{i}"), ["fire", "theft"][i as usize % 2], i as i64 / 4, place, "anna");
                [at(i / 3, row.clone()), gone(i / 3 + 10, row)]
            })
            .chain([at(5, rule("fire", &["brigade"]))])
            .collect();
        assert_invariant(&updates, 40, build);
    }
}
