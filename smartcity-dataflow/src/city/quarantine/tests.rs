use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::model::{Name, Names, Namespace};
use crate::testing::{Update, assert_invariant, assert_oracle, at, insertions, present, present_copies, table, trace};

fn rejected(arrived: Time, source: &str, kind: Option<Kind>, reason: Reason, offset: u64) -> Rejected {
    let origin = Origin { source: Id::new(Namespace::Source, source), partition: 0, offset };
    Rejected { arrived, origin, kind, reason, detail: format!("message {offset}").into() }
}

fn check(messages: &[Rejected], counts: Expect, last: Expect) {
    let updates: Vec<_> = messages.iter().map(|message| at(message.arrived, message.clone())).collect();
    let names: Names = ["kafka", "files"].map(|source| Name::new(Namespace::Source, source)).into_iter().collect();
    names.scope(|| {
        // Ordered by names: ids are hashes.
        let counted = trace(&updates, |rows| quarantine(rows).0, 20).into_iter();
        let mut counted: Vec<_> = counted.map(|(time, row, diff)| (time, format!("{row:?}"), diff)).collect();
        counted.sort();
        counts.assert_eq(&table(&counted).replace('"', ""));
        last.assert_eq(&table(&trace(&updates, details, 20)));
    });
}

/// What is shown of the last messages.
fn details<'s>(rows: Rows<'s, Rejected>) -> Rows<'s, (Time, u64, Arc<str>)> {
    quarantine(rows).1.map(|((time, origin), row)| (time, origin.offset, row.detail))
}

#[test]
fn messages_are_counted_by_source_kind_and_reason() {
    check(
        &[
            rejected(0, "kafka", Some(Kind::Gps), Reason::NullIsland, 1),
            rejected(1, "kafka", Some(Kind::Gps), Reason::NullIsland, 2),
            rejected(1, "kafka", Some(Kind::Gps), Reason::NullIsland, 3),
            rejected(1, "files", Some(Kind::Gps), Reason::NullIsland, 4),
            rejected(2, "kafka", None, Reason::Malformed, 5),
        ],
        expect![[r#"
            0 +1 ((kafka, Some(Gps), NullIsland), 1)
            1 +1 ((files, Some(Gps), NullIsland), 1)
            1 -1 ((kafka, Some(Gps), NullIsland), 1)
            1 +1 ((kafka, Some(Gps), NullIsland), 3)
            2 +1 ((kafka, None, Malformed), 1)
        "#]],
        expect![[r#"
            0 +1 (0, 1, "message 1")
            1 +1 (1, 2, "message 2")
            1 +1 (1, 3, "message 3")
            1 +1 (1, 4, "message 4")
            2 +1 (2, 5, "message 5")
        "#]],
    );
}

#[test]
fn the_last_messages_push_out_the_ones_before() {
    let flood: Vec<_> = (0..3 * KEPT as u64)
        .map(|i| at(i / KEPT as u64, rejected(i / KEPT as u64, "kafka", None, Reason::Malformed, i)))
        .collect();
    let trace = trace(&flood, |rows| quarantine(rows).1, 9);
    for tick in 0..3 {
        let mut offsets: Vec<_> = (0..3 * KEPT as u64).filter(|i| i / KEPT as u64 == tick).collect();
        offsets.sort();
        let came: Vec<_> = trace
            .iter()
            .filter(|(time, _, diff)| *time == tick && *diff > 0)
            .map(|(_, (key, _), _)| key.1.offset)
            .collect();
        assert_eq!(came, offsets, "tick {tick}");
    }
    assert_eq!(trace.iter().map(|(_, _, diff)| diff).sum::<isize>(), KEPT as isize);
}

fn messages() -> impl Strategy<Value = Vec<Update<Rejected>>> {
    let kind = prop::sample::select(vec![None, Some(Kind::Gps), Some(Kind::Weather)]);
    let reason = prop::sample::select(vec![Reason::Malformed, Reason::NullIsland]);
    let source = prop::sample::select(vec!["kafka", "files"]);
    let message = (0..9u64, source, kind, reason, 0..40u64)
        .prop_map(|(arrived, source, kind, reason, offset)| rejected(arrived, source, kind, reason, offset));
    insertions(message, 9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn counts_are_those_of_the_messages_so_far(updates in messages()) {
        assert_oracle(&updates, 10, |rows| quarantine(rows).0, |updates, _| {
            let mut counts = BTreeMap::new();
            for row in present_copies(updates) {
                *counts.entry((row.origin.source, row.kind, row.reason)).or_default() += 1;
            }
            counts.into_iter().collect()
        });
    }

    #[test]
    fn the_last_messages_are_the_greatest_so_far(updates in messages()) {
        // More than are kept: the same messages many times over, at other offsets.
        let many: Vec<_> = updates
            .iter()
            .flat_map(|(row, time, diff)| {
                let more = |i| Rejected { origin: Origin { partition: i, ..row.origin }, ..row.clone() };
                (0..9).map(move |i| (more(i), *time, *diff))
            })
            .collect();
        assert_oracle(&many, 10, |rows| quarantine(rows).1, |updates, _| {
            let rows: BTreeSet<_> = present(updates).into_iter().collect();
            rows.into_iter().rev().take(KEPT).map(|row| ((row.arrived, row.origin), row)).collect()
        });
    }

    #[test]
    fn the_quarantine_is_the_same_on_any_workers(updates in messages()) {
        assert_invariant(&updates, 10, |rows| quarantine(rows).0);
        assert_invariant(&updates, 10, |rows| quarantine(rows).1);
    }
}
