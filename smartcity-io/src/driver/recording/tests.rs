use std::sync::Arc;

use proptest::prelude::*;
use smartcity_dataflow::model::{Fix, Millis, Name, Namespace, Reason};

use super::*;
use crate::source::{Assignment, MemorySource};

const PATIENCE: Duration = Duration::from_secs(5);

/// A message of a source: after how long it follows the one before, whether it is a reading, and who sent it.
type Sent = (Time, bool, usize);

/// What a source hands over, `rows` messages a batch; a device is named with its first message, and a text that none uses
/// with every fifth.
fn batches(source: &str, sent: &[Sent], rows: usize) -> Vec<Batch> {
    let source = Id::new(Namespace::Source, source);
    let mut named = Vec::new();
    let (mut offset, mut arrived) = (0, 0);
    let mut batch_of = |chunk: &[Sent]| {
        let mut batch = Batch::default();
        for &(after, is_reading, device) in chunk {
            arrived += after;
            offset += 1;
            let origin = Origin { source, partition: 0, offset };
            let name = Name::new(Namespace::Device, &format!("device {device}"));
            if offset % 5 == 0 {
                let name = Name::new(Namespace::Text, &offset.to_string());
                batch.names.push(NameUse { at: arrived, kind: Kind::Gps, name });
            }
            if !is_reading {
                let (reason, detail) = (Reason::Malformed, Arc::from(""));
                batch.rejected.push(Rejected { arrived, origin, kind: None, reason, detail });
                continue;
            }
            let device = name.id;
            if !named.contains(&device) {
                named.push(device);
                batch.names.push(NameUse { at: arrived, kind: Kind::Gps, name });
            }
            batch.readings.push(Reading {
                time: Instant::Utc(Millis(arrived as i64)),
                origin,
                kind: Kind::Gps,
                id: device,
                device,
                arrived,
                place: None,
                body: Body::Fix(Fix::default()),
            });
        }
        batch
    };
    sent.chunks(rows).map(&mut batch_of).collect()
}

/// The rows in their order: source and offset of each, the tick it goes to, and the names that come with it.
fn order(sources: &[Vec<Sent>], rows: usize, share: (u64, u64)) -> Vec<(Option<Origin>, Time, Vec<NameUse>)> {
    let tap = |(number, sent): (usize, &Vec<Sent>)| {
        let name = format!("source {number}");
        let batches = batches(&name, sent, rows);
        Tap::open(Box::new(MemorySource::of_batches(&name, batches, true)), Assignment::all()).unwrap()
    };
    let mut recording = Recording::new(sources.iter().enumerate().map(tap).collect(), share);
    let mut fill = Fill::new(10, 3);
    let mut all = Vec::new();
    loop {
        match recording.next(PATIENCE) {
            Next::Row(time) => {
                let tick = fill.take(time, 10);
                let mut hand = Batch::default();
                recording.take(tick, &mut hand);
                hand.names.sort();
                assert!(hand.len() <= 1);
                let row = hand.readings.first().map(|row| (row.origin, row.arrived));
                let row = row.or(hand.rejected.first().map(|row| (row.origin, row.arrived)));
                assert!(row.is_none_or(|(_, arrived)| arrived == tick));
                all.push((row.map(|(origin, _)| origin), tick, hand.names));
            }
            Next::NotBefore(time) => panic!("nothing since {time}"),
            Next::End => return all,
        }
    }
}

fn sources() -> impl Strategy<Value = Vec<Vec<Sent>>> {
    let after = prop_oneof![4 => Just(0), 2 => 1..4u64, 1 => 20..60u64];
    let sent = prop::collection::vec((after, prop::bool::weighted(0.8), 0..4usize), 0..24);
    prop::collection::vec(sent, 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Neither the order nor the tick of a row, nor that of a name, depends on the batches.
    #[test]
    fn batches_do_not_show(sources in sources(), rows in 1..8usize) {
        let one_by_one = order(&sources, 1, (0, 1));
        prop_assert_eq!(&one_by_one, &order(&sources, rows, (0, 1)));
        prop_assert_eq!(&one_by_one, &order(&sources, usize::MAX, (0, 1)));
        prop_assert_eq!(one_by_one.len(), sources.iter().map(Vec::len).sum::<usize>());
    }

    /// Every process goes through the same ticks, and each row and name is dealt by one of them.
    #[test]
    fn processes_share_the_rows_and_none_the_ticks(sources in sources()) {
        let whole = order(&sources, 4, (0, 1));
        let halves = [order(&sources, 4, (0, 2)), order(&sources, 4, (1, 2))];
        for (row, (one, other)) in whole.iter().zip(halves[0].iter().zip(&halves[1])) {
            prop_assert_eq!((row.1, row.1), (one.1, other.1));
            prop_assert!(one.0.is_none() || other.0.is_none());
            prop_assert_eq!(row.0, one.0.or(other.0));
            let mut names = [&one.2[..], &other.2].concat();
            names.sort();
            prop_assert_eq!(&row.2, &names);
        }
    }

    /// A tick has at most its fill; a row is on the tick of its time, or later where all ticks from there on are full.
    #[test]
    fn a_row_waits_only_for_full_ticks(
        gaps in prop::collection::vec(prop_oneof![3 => Just(0), 1 => 0..50u64], 0..60),
        tick_ms in 1..20u64,
        most in 1..5usize,
    ) {
        let mut fill = Fill::new(tick_ms, most);
        let mut time = 0;
        let mut rows: Vec<(Time, Time)> = Vec::new();
        for gap in gaps {
            time += gap;
            prop_assert_eq!(fill.tick_of(time, tick_ms), fill.clone().take(time, tick_ms));
            rows.push((round_up(time, tick_ms).max(tick_ms), fill.take(time, tick_ms)));
        }
        let at = |tick| rows.iter().filter(|row| row.1 == tick).count();
        prop_assert!(rows.is_sorted_by_key(|row| row.1), "no row goes before an earlier one");
        for &(own, tick) in &rows {
            prop_assert!(tick >= own && tick.is_multiple_of(tick_ms) && at(tick) <= most);
            for before in (own..tick).step_by(tick_ms as usize) {
                prop_assert_eq!(at(before), most, "{} is full", before);
            }
        }
    }
}

#[test]
fn rows_that_find_a_tick_full_wait_for_the_next() {
    let mut fill = Fill::new(100, 2);
    let ticks = [5, 10, 10, 150, 150, 310].map(|time| fill.take(time, 100));
    assert_eq!(ticks, [100, 100, 200, 200, 300, 400]);
    assert_eq!(fill.tick_of(390, 100), 400);
    assert_eq!(fill.take(390, 700), 700, "an edit of the city has moved the clock on");
}

#[test]
fn rows_of_one_time_go_by_the_order_of_the_sources() {
    let sources = [vec![(5, true, 0), (0, false, 0), (0, true, 1)], vec![(5, true, 2), (0, true, 0)]];
    let order: Vec<_> = order(&sources, 2, (0, 1))
        .into_iter()
        .map(|(origin, tick, names)| (origin.unwrap().offset, tick, names.len()))
        .collect();
    assert_eq!(order, [(1, 10, 1), (2, 10, 0), (3, 10, 1), (1, 20, 1), (2, 20, 1)]);
}

#[test]
fn names_that_no_row_uses_come_all_the_same() {
    let name = Name::new(Namespace::Device, "a");
    let names = vec![NameUse { at: 3, kind: Kind::Gps, name }];
    let source = MemorySource::of_batches("test", vec![Batch { names, ..Batch::default() }], true);
    let mut recording = Recording::new(vec![Tap::open(Box::new(source), Assignment::all()).unwrap()], (0, 1));
    assert_eq!(recording.next(PATIENCE), Next::End);
    let mut hand = Batch::default();
    recording.take_names(70, &mut hand);
    assert_eq!(hand.names.iter().map(|named| named.at).collect::<Vec<_>>(), [70]);
}
