//! What every source must do, as checks that each implementation runs.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant as Clock};

use smartcity_dataflow::model::{Body, Instant, Millis, Origin, Reading, Rejected};

use super::{Assignment, Batch, Outlet, Partition, Source, SourceError};

/// A source that takes longer to hand over the next batch, or to end, hangs.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A row of a source.
#[derive(Clone, Debug, PartialEq)]
enum Row {
    Reading(Reading<Instant>),
    Rejected(Rejected),
}

/// What was read, in the order of offsets of each partition.
type Read = BTreeMap<(u32, u64), Row>;

/// Checks the [`Source`]s that `open` makes, each time a source of the same `rows` messages, in every partition the same:
///
/// - its partitions have indexes of their own, and are the same whenever they are asked for;
/// - a batch holds rows of offsets below the positions after it, and positions never go back;
/// - what it reads from any position is the end of what it reads from the beginning;
/// - of partitions that are split over processes each row is read once;
/// - an outlet that is full for a while loses nothing;
/// - it ends soon after the engine has stopped listening.
///
/// # Panics
///
/// Where the source does otherwise.
pub fn conforms<S: Source>(rows: usize, mut open: impl FnMut() -> S) {
    let mut source = open();
    let partitions = source.partitions().expect("the source tells its partitions");
    assert_eq!(partitions, source.partitions().expect("and again"), "the same partitions, asked again");
    let indexes: BTreeSet<_> = partitions.iter().map(|partition| partition.index).collect();
    assert_eq!(indexes.len(), partitions.len(), "each partition has an index of its own: {partitions:?}");

    let (all, cuts) = read(open(), &Assignment::all(), rows, Duration::ZERO);
    assert_eq!(all.len(), rows, "the source reads all it has");
    assert!(all.keys().all(|(index, _)| indexes.contains(index)), "rows are of its partitions");
    reads_the_end_from_any_position(&partitions, &all, &cuts, &mut open);
    splits(&all, &mut open);
    let (slow, _) = read(open(), &Assignment::all(), rows, Duration::from_millis(20));
    assert_eq!(slow, all, "an outlet that is full loses nothing");
    ends_with_the_engine(open());
}

fn reads_the_end_from_any_position<S: Source>(
    partitions: &[Partition],
    all: &Read,
    cuts: &[Vec<(u32, u64)>],
    open: &mut impl FnMut() -> S,
) {
    let ends = |partition: &Partition| {
        let mut offsets = all.keys().filter(|(index, _)| *index == partition.index).map(|(_, offset)| *offset);
        Some((partition.index, (offsets.next()?, offsets.next_back()?)))
    };
    let ends: Vec<_> = partitions.iter().filter_map(ends).collect();
    let middle = ends.iter().map(|(index, (first, last))| (*index, first.midpoint(*last))).collect();
    let past_the_end = ends.iter().map(|(index, (_, last))| (*index, last + 1)).collect();
    let one_only = ends.iter().take(1).map(|(index, (_, last))| (*index, *last)).collect();
    let between = [cuts.first(), cuts.get(cuts.len() / 2), cuts.last()].into_iter().flatten().cloned();
    for positions in between.chain([middle, past_the_end, one_only]) {
        let position = |index: u32| positions.iter().find(|(of, _)| *of == index).map_or(0, |(_, next)| *next);
        let expected: Read = all
            .iter()
            .filter(|((index, offset), _)| *offset >= position(*index))
            .map(|(place, row)| (*place, row.clone()))
            .collect();
        let reached = partitions.iter().map(|partition| (partition.clone(), position(partition.index)));
        let reached = reached.filter(|(_, next)| *next > 0);
        let (read, _) = read(open(), &Assignment::all().from(reached), expected.len(), Duration::ZERO);
        assert_eq!(read.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "read from {positions:?}");
        let other = expected.iter().find(|(place, row)| read.get(place) != Some(row));
        assert_eq!(other, None, "another row than in the whole, read from {positions:?}");
    }
}

fn splits<S: Source>(all: &Read, open: &mut impl FnMut() -> S) {
    for processes in [2, 3] {
        let mut together = Read::new();
        for process in 0..processes {
            let mine = |(index, _): &&(u32, u64)| index % processes == process;
            let rows = all.keys().filter(mine).count();
            let mut source = open();
            let partitions = source.partitions().expect("the source tells its partitions");
            let share = Assignment::share(process, processes);
            if !source.grows() && !share.takes_any(&partitions) {
                continue; // such a source is not run
            }
            let (read, _) = read(source, &share, rows, Duration::ZERO);
            for (place, row) in read {
                assert!(together.insert(place, row).is_none(), "{place:?} is read by two of {processes} processes");
            }
        }
        assert_eq!(together.keys().collect::<Vec<_>>(), all.keys().collect::<Vec<_>>(), "split over {processes}");
    }
}

fn ends_with_the_engine(mut source: impl Source) {
    let (outlet, batches) = Outlet::bounded(1);
    let reader = thread::spawn(move || source.run(&Assignment::all(), &outlet));
    let _ = batches.recv_timeout(LONGEST_WAIT);
    drop(batches);
    let until = Clock::now() + LONGEST_WAIT;
    while !reader.is_finished() {
        assert!(Clock::now() < until, "the source goes on when the engine has stopped listening");
        thread::sleep(Duration::from_millis(5));
    }
    let ended = reader.join().expect("the source does not panic");
    assert!(matches!(ended, Ok(()) | Err(SourceError::Closed)), "the end of the engine is no failure: {ended:?}");
}

/// Reads `rows` rows, resting before each batch, then lets the source end. Gives the rows, and the positions after each batch.
fn read(mut source: impl Source, assignment: &Assignment, rows: usize, rest: Duration) -> (Read, Vec<Vec<(u32, u64)>>) {
    let (outlet, batches) = Outlet::bounded(1);
    let theirs = assignment.clone();
    let reader = thread::spawn(move || source.run(&theirs, &outlet));
    let (mut all, mut cuts, mut positions) = (Read::new(), Vec::new(), BTreeMap::new());
    while all.len() < rows {
        thread::sleep(rest);
        let batch = batches.recv_timeout(LONGEST_WAIT).unwrap_or_else(|_| {
            let ended = if reader.is_finished() { "ended" } else { "hangs" };
            panic!("the source {ended} after {} of {rows} rows", all.len())
        });
        for (place, row) in rows_of(&batch) {
            let next = batch.positions.of(place.0);
            assert!(next.is_some_and(|next| next > place.1), "the position after {place:?} is {next:?}");
            let before = positions.get(&place.0).copied().or(assignment.position(place.0)).unwrap_or(0);
            assert!(place.1 >= before, "{place:?} comes after position {before}");
            assert!(all.insert(place, row).is_none(), "{place:?} is read twice");
        }
        for (index, next) in batch.positions.iter() {
            let before = positions.insert(index, next).or(assignment.position(index)).unwrap_or(0);
            assert!(next >= before, "the position of {index} goes back from {before} to {next}");
        }
        cuts.push(positions.iter().map(|(index, next)| (*index, *next)).collect());
    }
    assert_eq!(all.len(), rows, "no row more than there are");
    // Whoever waits a little sees a row too many; a source that has ended is done at once, one that goes on may send batches
    // without rows for ever.
    let until = Clock::now() + Duration::from_millis(200);
    while let Ok(batch) = batches.recv_deadline(until) {
        assert_eq!(batch.len(), 0, "no row more than there are");
    }
    drop(batches);
    match reader.join().expect("the source does not panic") {
        Ok(()) | Err(SourceError::Closed) => (all, cuts),
        Err(error) => panic!("the source failed: {error}"),
    }
}

fn rows_of(batch: &Batch) -> Vec<((u32, u64), Row)> {
    let place = |origin: Origin| (origin.partition, origin.offset);
    // A tombstone has no time of its own but that of its arrival.
    let time = |row: &Reading<Instant>| if row.body == Body::Withdrawn { Instant::Utc(Millis(0)) } else { row.time };
    let read = |row: &Reading<Instant>| Row::Reading(Reading { time: time(row), ..*row });
    let readings = batch.readings.iter().map(|row| (place(row.origin), read(row)));
    readings.chain(batch.rejected.iter().map(|row| (place(row.origin), Row::Rejected(row.clone())))).collect()
}
