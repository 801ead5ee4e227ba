//! What a replay hands over.

use std::fs;
use std::io::Write;
use std::num::NonZeroU32;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use smartcity_dataflow::model::{Id, Kind, Name, NameUse, Namespace, Reason};
use smartcity_dataflow::testing::recorded;
use tempfile::TempDir;

use super::*;
use crate::source::conforms;

const NOON: u64 = 1_795_435_200_000;

fn fix(device: &str, seconds: u64) -> String {
    format!(
        "{{\"id\":\"{device}-{seconds}\",\"device_id\":\"{device}\",\"timestamp\":{},\"location\":[1,2]}}\n",
        NOON + seconds * 1_000
    )
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn open(path: &Path, settings: ReplaySettings) -> Replay {
    Replay::open("test", path, settings, JsonDecoder::default()).unwrap()
}

/// Everything that a replay hands over, as one batch, and how it ended.
fn run(mut replay: Replay) -> (Batch, Result<(), SourceError>) {
    let (outlet, batches) = Outlet::bounded(2);
    let source = thread::spawn(move || replay.run(&Assignment::all(), &outlet));
    let mut all = Batch::default();
    batches.iter().for_each(|mut batch| all.append(&mut batch));
    (all, source.join().unwrap())
}

fn replayed(files: &[(&str, &[u8])], settings: ReplaySettings) -> Batch {
    let folder = folder(files);
    let (batch, ended) = run(open(folder.path(), settings));
    ended.unwrap();
    batch
}

/// (seconds after noon, partition, line) of every reading.
fn rows(batch: &Batch) -> Vec<(u64, u32, u64)> {
    let seconds = |arrived: u64| (arrived - NOON) / 1_000;
    batch.readings.iter().map(|row| (seconds(row.arrived), row.origin.partition, row.origin.offset)).collect()
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn files_are_merged_by_time_and_then_by_name() {
    let a = fix("a", 1) + &fix("a", 5) + &fix("a", 3) + &fix("a", 6);
    let b = fix("b", 0) + &fix("b", 5) + &fix("b", 7);
    let batch = replayed(
        &[("gps_data.ndjson", b.as_bytes()), ("fixes.ndjson", b"\n\n"), ("fixes.txt", b"no")],
        ReplaySettings::default(),
    );
    assert_eq!(rows(&batch), [(0, 1, 1), (5, 1, 2), (7, 1, 3)]);
    let batch = replayed(
        &[("vehicle_data.ndjson", b.as_bytes()), ("gps_data.ndjson", a.as_bytes())],
        ReplaySettings { batch_rows: 2, ..Default::default() },
    );
    assert_eq!(rows(&batch), [(0, 1, 1), (1, 0, 1), (5, 0, 2), (5, 0, 3), (5, 1, 2), (6, 0, 4), (7, 1, 3)]);
    assert_eq!(batch.readings[0].kind, Kind::Vehicle);
    assert_eq!(batch.readings[0].origin.source, Id::new(Namespace::Source, "test"));
}

#[test]
fn it_is_a_source_as_sources_are() {
    let lines = |device: &str, every: u64| -> String {
        (0..40).map(|number| if number % 9 == 4 { "\n".to_owned() } else { fix(device, number * every) }).collect()
    };
    let folder = folder(&[
        ("gps_data.ndjson", (lines("a", 3) + "broken\n").as_bytes()),
        ("vehicle_data.ndjson.gz", &gzipped(&lines("b", 5))),
        ("z.ndjson", b"\nbroken\n"),
    ]);
    for (loops, batch_rows) in [(1, 1), (1, 4_096), (3, 7)] {
        let settings = ReplaySettings { loops: NonZeroU32::new(loops).unwrap(), batch_rows, ..Default::default() };
        conforms(74 * loops as usize, || open(folder.path(), settings.clone()));
    }
}

#[test]
fn a_replay_from_a_position_says_the_names_of_its_bucket() {
    let old = fix("gone", 0) + &fix("gone", 3);
    let text = old + &fix("a", 700) + &fix("b", 701) + &fix("a", 702) + &fix("b", 703) + &fix("a", 1_300);
    let folder = folder(&[("gps_data.ndjson", text.as_bytes())]);
    let mut replay = open(folder.path(), ReplaySettings::default());
    let reached = (replay.partitions().unwrap().remove(0), 5);
    let (outlet, batches) = Outlet::bounded(2);
    replay.run(&Assignment::all().from([reached]), &outlet).unwrap();
    let batch = batches.recv().unwrap();
    assert_eq!(rows(&batch), [(702, 0, 5), (703, 0, 6), (1_300, 0, 7)]);
    let names: Vec<_> = batch.names.iter().map(|named| ((named.at - NOON) / 1_000, &*named.name.text)).collect();
    assert_eq!(names, [(700, "a"), (701, "b"), (1_300, "a")]);
}

#[test]
fn compression_changes_nothing() {
    let text = fix("a", 1) + &fix("a", 5);
    let plain = replayed(&[("gps_data.ndjson", text.as_bytes())], ReplaySettings::default());
    let gzip = replayed(&[("gps_data.ndjson.gz", &gzipped(&text))], ReplaySettings::default());
    let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
    let zstd = replayed(&[("gps_data.ndjson.zst", &zstd)], ReplaySettings::default());
    assert_eq!(plain.readings.len(), 2);
    assert_eq!((&plain.readings, &plain.names), (&gzip.readings, &gzip.names));
    assert_eq!((&plain.readings, &plain.names), (&zstd.readings, &zstd.names));
}

#[test]
fn triples_carry_topic_key_and_tombstones() {
    let value = fix("a", 1).replace("\"id\":\"a-1\",", "");
    let triples = [
        serde_json::json!(["gps_data", "k-1", value]),
        serde_json::json!(["gps_data", "k-1", null]),
        serde_json::json!(["gps_data", 5, null]),
        serde_json::json!(["other", "k", "{}"]),
        serde_json::json!(["gps_data", "k-2", serde_json::from_str::<serde_json::Value>(&value).unwrap()]),
        serde_json::json!(["gps_data", "k-2", 5]),
    ];
    let text: String = triples.iter().map(|triple| format!("{triple}\n")).collect();
    let batch = replayed(&[("recording.jsonl", text.as_bytes())], ReplaySettings::default());
    let ids: Vec<_> = batch.readings.iter().map(|row| row.id).collect();
    assert_eq!(ids, ["k-1", "k-1", "k-2"].map(|key| Id::new(Namespace::Message, key)));
    let reasons: Vec<_> = batch.rejected.iter().map(|row| (row.origin.offset, row.reason)).collect();
    assert_eq!(reasons, [(3, Reason::Malformed), (4, Reason::UnknownTopic), (6, Reason::Malformed)]);
}

#[test]
fn a_row_without_a_time_takes_the_clock_as_it_stands() {
    let text = String::from("broken\n") + &fix("a", 4) + "broken\n" + &fix("a", 2) + "broken\n";
    let early = fix("b", 1);
    let files: [(&str, &[u8]); 3] =
        [("gps_data.ndjson", text.as_bytes()), ("a.ndjson", b"broken\n"), ("vehicle_data.ndjson", early.as_bytes())];
    let batch = replayed(&files, ReplaySettings::default());
    let rejected: Vec<_> = batch
        .rejected
        .iter()
        .map(|row| ((row.arrived - NOON) / 1_000, row.origin.partition, row.origin.offset))
        .collect();
    assert_eq!(rejected, [(1, 0, 1), (4, 1, 1), (4, 1, 3), (4, 1, 5)]);
    assert_eq!(rows(&batch), [(1, 2, 1), (4, 1, 2), (4, 1, 4)]);
}

#[test]
fn each_loop_is_later_and_has_ids_of_its_own() {
    let text = fix("a", 0) + &fix("a", 5) + "[\"gps_data\",\"a-0\",null]\n" + "broken\n";
    let settings = ReplaySettings { loops: NonZeroU32::new(3).unwrap(), ..Default::default() };
    let batch = replayed(&[("gps_data.ndjson", text.as_bytes())], settings);
    let seconds: Vec<_> = rows(&batch).iter().map(|row| row.0).collect();
    assert_eq!(seconds, [0, 5, 5, 6, 11, 11, 12, 17, 17]);
    let ids: Vec<Id> = batch.readings.iter().map(|row| row.id).collect();
    for loop_of in ids.chunks(3) {
        assert_eq!(loop_of[0], loop_of[2], "a withdrawal means the message of its own loop");
    }
    assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 6);
    assert_eq!(batch.readings[0].device, batch.readings[3].device);
    let rejected: Vec<_> = batch.rejected.iter().map(|row| (row.arrived - NOON) / 1_000).collect();
    assert_eq!(rejected, [5, 11, 17]);
    let said: Vec<_> = batch.names.iter().map(|named| (named.at - NOON, &*named.name.text)).collect();
    assert_eq!(said, [(0, "a"), (6_000, "a"), (12_000, "a")]);
}

#[test]
fn devices_are_named_and_the_source_is_for_the_engine_to_name() {
    let batch = replayed(&[("gps_data.ndjson", fix("a", 1).as_bytes())], ReplaySettings::default());
    let name = Name::new(Namespace::Device, "a");
    assert_eq!(batch.names, [NameUse { at: NOON + 1_000, kind: Kind::Gps, name }]);
}

#[test]
fn a_file_that_is_cut_off_keeps_the_rows_before() {
    let text: String = (0..5_000).map(|second| fix("a", second)).collect();
    let gzip = gzipped(&text);
    let folder = folder(&[("gps_data.ndjson.gz", &gzip[..gzip.len() / 2])]);
    let replay = open(folder.path(), ReplaySettings::default());
    let progress = replay.progress();
    let (batch, ended) = run(replay);
    let error = ended.unwrap_err().to_string();
    let rows = batch.readings.len();
    assert!(rows > 1_000 && rows < 5_000, "{rows}");
    let words = format!("gps_data.ndjson.gz is cut off after line {rows}:");
    assert!(error.contains(&words), "{error} does not say {words}");
    assert!(progress.is_finished());
}

#[test]
fn what_is_not_there_is_named() {
    let refused = |path: &Path, settings| {
        let replay = Replay::open("test", path, settings, JsonDecoder::default());
        replay.unwrap_err().to_string()
    };
    let absent = refused(Path::new("no-such-folder"), ReplaySettings::default());
    assert!(absent.starts_with("source test: no-such-folder cannot be read"), "{absent}");
    let folder = folder(&[("README.md", b"nothing")]);
    let empty = refused(folder.path(), ReplaySettings::default());
    assert!(empty.contains("holds no recording: expected files such as gps_data.ndjson"), "{empty}");
    let still = refused(folder.path(), ReplaySettings { speed: Some(0.0), ..Default::default() });
    assert!(still.contains("a speed of 0 makes no replay"), "{still}");
}

#[test]
fn progress_is_told_to_other_threads() {
    let text = fix("a", 1) + &fix("a", 5);
    let folder = folder(&[("gps_data.ndjson", text.as_bytes())]);
    let replay = open(
        &folder.path().join("gps_data.ndjson"),
        ReplaySettings { loops: NonZeroU32::new(2).unwrap(), ..Default::default() },
    );
    let progress = replay.progress();
    assert_eq!((progress.rows(), progress.bytes(), progress.is_finished()), (0, 0, false));
    run(replay).1.unwrap();
    assert_eq!((progress.rows(), progress.time(), progress.is_finished()), (4, NOON + 10_000, true));
    assert_eq!((progress.bytes(), progress.total_bytes()), (2 * text.len() as u64, 2 * text.len() as u64));
}

#[test]
fn recorded_speed_is_kept_and_a_stopped_engine_ends_the_wait() {
    let text = fix("a", 0) + &fix("a", 30) + &fix("a", 36_000);
    let folder = folder(&[("gps_data.ndjson", text.as_bytes())]);
    let mut replay = open(folder.path(), ReplaySettings { speed: Some(100.0), ..Default::default() });
    let (outlet, batches) = Outlet::bounded(2);
    let started = Instant::now();
    let source = thread::spawn(move || replay.run(&Assignment::all(), &outlet));
    let mut rows = 0;
    while rows < 2 {
        rows += batches.recv().unwrap().len();
    }
    assert!(started.elapsed() >= Duration::from_millis(280), "30 s at 100 times the speed: {:?}", started.elapsed());
    drop(batches);
    assert!(matches!(source.join().unwrap(), Err(SourceError::Closed)));
    assert!(started.elapsed() < Duration::from_secs(20), "the third row is due in 6 minutes");
}

#[test]
fn two_replays_of_the_original_producer_are_the_same() {
    let Some(file) = recorded("producer/messages.ndjson") else { return };
    let replays = [3, 4_096].map(|batch_rows| {
        let (batch, ended) = run(open(&file, ReplaySettings { batch_rows, ..Default::default() }));
        ended.unwrap();
        batch
    });
    assert_eq!((replays[0].readings.len(), replays[0].rejected.len()), (245, 0));
    assert_eq!(replays[0].readings, replays[1].readings);
    assert_eq!(replays[0].names, replays[1].names);
    assert!(replays[0].readings.is_sorted_by_key(|row| row.arrived));
}
