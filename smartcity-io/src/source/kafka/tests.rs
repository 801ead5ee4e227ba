//! Against a real broker.

pub(crate) mod broker;
mod outage;
mod produced;

use std::collections::BTreeMap;

use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use smartcity_dataflow::model::{Body, City, Id, Kind};

use self::broker::{Broker, Record};
use super::*;
use crate::driver::{Engine, Running};
use crate::source::{Batch, PartitionStatus, Reached, SourceStatus, conforms};

/// What a test waits for at most.
const PATIENCE: Duration = Duration::from_secs(40);

/// A topic map whose topics of fixes are these, and no others.
fn fixes(topics: &[&str]) -> TopicMap {
    TopicMap {
        vehicle: Vec::new(),
        gps: topics.iter().map(|&topic| topic.to_owned()).collect(),
        traffic: Vec::new(),
        weather: Vec::new(),
        emergency: Vec::new(),
        sensor: Vec::new(),
    }
}

fn settings(broker: &Broker) -> KafkaSettings {
    KafkaSettings { brokers: broker.address(), discover_ms: 300, ..KafkaSettings::default() }
}

fn kafka(settings: KafkaSettings, topics: &TopicMap) -> Kafka {
    Kafka::new("kafka", settings, topics, JsonDecoder::new(topics.clone())).unwrap()
}

/// A fix of vehicle `number`, whose message has the same number.
fn fix(number: u64) -> Record {
    let value = format!(
        r#"{{"device_id":"v{number}","timestamp":"2026-11-26T12:00:00Z","location":[37.7,-122.4],"speed":30}}"#
    );
    Record { key: Some(format!("m-{number}")), value: Some(value), ..Record::default() }
}

fn fixes_in(partition: i32, numbers: impl IntoIterator<Item = u64>) -> impl Iterator<Item = Record> {
    numbers.into_iter().map(move |number| Record { partition, ..fix(number) })
}

/// A source that runs.
struct Reading {
    batches: Receiver<Batch>,
    status: SourceStatus,
    reader: thread::JoinHandle<Result<(), SourceError>>,
    read: BTreeMap<(u32, u64), Id>,
    all: Batch,
}

fn run(mut source: Kafka, assignment: Assignment) -> Reading {
    let status = SourceStatus::new("kafka");
    status.starts(&assignment);
    let (outlet, batches) = Outlet::of(&status, 4);
    let reader = thread::spawn(move || source.run(&assignment, &outlet));
    Reading { batches, status, reader, read: BTreeMap::new(), all: Batch::default() }
}

impl Reading {
    /// Reads until there are `rows` rows, and a moment on; none may come twice.
    fn read(&mut self, rows: usize) -> &mut Self {
        let until = Instant::now() + PATIENCE;
        while self.all.len() < rows {
            assert!(Instant::now() < until, "{} of {rows} rows, {:?}", self.all.len(), self.status.health());
            self.read_for(Duration::from_millis(100));
        }
        self.read_for(Duration::from_millis(300));
        assert_eq!(self.all.len(), rows, "no row more");
        self
    }

    fn read_for(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while let Ok(mut batch) = self.batches.recv_deadline(until) {
            let readings = batch.readings.iter().map(|row| (row.origin, row.id));
            let rejected = batch.rejected.iter().map(|row| (row.origin, row.origin.source));
            for (origin, id) in readings.chain(rejected) {
                let twice = self.read.insert((origin.partition, origin.offset), id);
                assert_eq!(twice, None, "{origin:?} is read twice");
            }
            self.all.append(&mut batch);
        }
    }

    fn wait(&mut self, what: &str, mut is_so: impl FnMut(&SourceStatus) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !is_so(&self.status) {
            assert!(Instant::now() < until, "waited for {what}: {:?} {:?}", self.status, self.status.partitions());
            self.read_for(Duration::from_millis(20));
        }
    }

    fn positions(&self) -> Vec<(u32, u64)> {
        self.all.positions.iter().collect()
    }

    /// Ends it, and says how it ended.
    fn end(self) -> Result<(), SourceError> {
        drop(self.batches);
        self.reader.join().unwrap()
    }
}

fn reached(topic: &str, position: u64) -> Reached {
    vec![(Partition { index: 0, topic: topic.into(), number: 0 }, position)]
}

#[test]
fn it_is_a_source_as_sources_are() {
    let Some(broker) = Broker::shared() else { return };
    let topics = ["conform-a", "conform-b"];
    broker.create(topics[0], 3, &[]);
    broker.create(topics[1], 2, &[]);
    for (topic, partition) in [(topics[0], 0), (topics[0], 2), (topics[1], 0), (topics[1], 1)] {
        let records = fixes_in(partition, 0..50).map(|record| match record.key.as_deref() {
            Some("m-7") => Record { value: Some("\u{0}poison".to_owned()), ..record },
            Some("m-8") => Record { value: None, ..record },
            _ => record,
        });
        broker.produce(topic, records);
    }
    conforms(200, || kafka(settings(&broker), &fixes(&topics)));
}

#[test]
fn all_topics_in_both_spellings_reach_the_engine() {
    let Some(broker) = Broker::shared() else { return };
    let topics = TopicMap::default();
    let common = r#""device_id":"d","timestamp":"2026-11-26T12:00:00Z","location":[37.7,-122.4]"#;
    for (topic, kind) in topics.topics() {
        let own = match kind {
            Kind::Vehicle | Kind::Gps => r#""speed":30"#,
            Kind::Traffic => r#""speed":30,"camera_id":"c""#,
            Kind::Weather => r#""temperature":12.5"#,
            Kind::Emergency => r#""incidentId":"i","incident_type":"Fire","status":"Active""#,
            Kind::Sensor => r#""kind":"noise","value":55,"unit":"dB""#,
        };
        broker.create(topic, 2, &[]);
        let value = format!("{{{common},{own}}}");
        broker.produce(
            topic,
            [
                Record { key: Some(format!("{topic}-1")), value: Some(value), ..Record::default() },
                Record { partition: 1, value: Some("poison".to_owned()), ..Record::default() },
                Record { partition: 1, key: Some(format!("{topic}-1")), ..Record::default() },
            ],
        );
    }
    let source = kafka(settings(&broker), &topics);
    let running = Engine::new(City::default()).source(source).start().unwrap();
    wait_rows(&running, 24);
    let status = running.sources()[0].clone();
    assert_eq!(status.partitions().len(), 16);
    let until = Instant::now() + PATIENCE;
    let quarantined = || running.views().snapshot().to_json()["quarantine"].to_string();
    while quarantined().matches("malformed").count() < 6 {
        assert!(Instant::now() < until, "{}", quarantined());
        thread::sleep(Duration::from_millis(20));
    }
    let views = running.views().snapshot().to_json();
    assert!(views["quarantine_last"].to_string().contains("emergency_data/1 at 0"), "{}", views["quarantine_last"]);
    let reached = status.positions_through(u64::MAX).unwrap();
    assert_eq!(reached.iter().map(|(_, next)| next).sum::<u64>(), 24);
    running.shutdown();
}

fn wait_rows(running: &Running, rows: u64) {
    let until = Instant::now() + PATIENCE;
    while running.sources()[0].rows() < rows {
        assert!(Instant::now() < until, "{:?}", running.sources());
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn keys_headers_and_tombstones_say_what_is_withdrawn() {
    let Some(broker) = Broker::shared() else { return };
    let topic = "withdrawn";
    broker.create(topic, 1, &[]);
    let header = Some(("withdrawn", "true"));
    let records = [
        fix(1),
        Record { value: None, ..fix(1) },
        Record { header, ..fix(1) },
        Record { header: Some(("trace", "abc")), ..fix(2) },
        Record { key: None, value: None, ..Record::default() },
    ];
    broker.produce(topic, records);
    let mut running = run(kafka(settings(&broker), &fixes(&[topic])), Assignment::all());
    let read = &running.read(5).all;
    let withdrawn: Vec<_> = read.readings.iter().map(|row| row.body == Body::Withdrawn).collect();
    assert_eq!(withdrawn, [false, true, true, false]);
    assert_eq!(read.readings[0].id, read.readings[2].id);
    assert_eq!(read.rejected[0].origin.offset, 4);
    assert!(read.rejected[0].detail.starts_with("withdrawn/0 at 4: "), "{}", read.rejected[0].detail);
    running.end().unwrap_err();
}

#[test]
fn a_start_is_at_the_beginning_the_end_a_time_or_a_position() {
    let Some(broker) = Broker::shared() else { return };
    let topic = "starts";
    broker.create(topic, 1, &[]);
    let noon = 1_795_694_400_000;
    broker.produce(topic, (0..10).map(|number| Record { at: Some(noon + number as i64 * 1_000), ..fix(number) }));
    let begin = |start: Start, reached: Reached| {
        let settings = KafkaSettings { start, ..settings(&broker) };
        let mut running = run(kafka(settings, &fixes(&[topic])), Assignment::all().from(reached));
        running.wait("a position", |status| status.partitions().iter().any(|of| of.position.is_some()));
        running
    };
    let at = |millis: i64| Start::Time(jiff::Timestamp::from_millisecond(noon + millis).unwrap());
    for (start, position, rows) in
        [(Start::Earliest, None, 10), (at(3_500), None, 6), (Start::Latest, Some(7), 3), (Start::Earliest, Some(10), 0)]
    {
        let reached = position.map_or(Vec::new(), |position| reached(topic, position));
        begin(start, reached).read(rows);
    }
    let mut late = [begin(Start::Latest, Vec::new()), begin(at(1_000_000), Vec::new())];
    broker.produce(topic, [fix(10), fix(11)]);
    for running in &mut late {
        let offsets: Vec<_> = running.read(2).read.keys().map(|(_, offset)| *offset).collect();
        assert_eq!(offsets, [10, 11]);
    }
}

#[test]
fn partitions_and_topics_that_are_added_are_read_from_their_beginning() {
    let Some(broker) = Broker::shared() else { return };
    broker.create("grows", 1, &[]);
    broker.produce("grows", fixes_in(0, 0..3));
    let settings = KafkaSettings { start: Start::Latest, ..settings(&broker) };
    let topics = fixes(&["grows", "comes"]);
    let mut halves = [0, 1].map(|process| run(kafka(settings.clone(), &topics), Assignment::share(process, 2)));
    halves[0].wait("a position", |status| status.partitions().iter().any(|of| of.position.is_some()));
    broker.grow("grows", 3);
    broker.create("comes", 2, &[]);
    for partition in 0..3 {
        broker.produce("grows", fixes_in(partition, 10..20));
    }
    broker.produce("comes", fixes_in(1, 0..5));
    halves[0].read(25); // grows/0, grows/2 and comes/1, of indexes 0, 122 and 62
    halves[1].read(10); // grows/1, of index 61
    assert_eq!(halves[1].status.partitions().len(), 5, "it shows those of the others too");
}

#[test]
fn positions_pass_the_holes_of_transactions_and_compaction() {
    let Some(broker) = Broker::shared() else { return };
    broker.create("holes", 1, &[]);
    let some = |numbers: std::ops::Range<u64>| fixes_in(0, numbers).collect::<Vec<_>>();
    broker.transact("holes", [(true, some(0..5)), (false, some(5..10)), (true, some(10..15)), (false, some(15..20))]);
    let mut running = run(kafka(settings(&broker), &fixes(&["holes"])), Assignment::all());
    running.read(10);
    // 20 messages and four markers
    running.wait("the end", |status| status.partitions()[0].position == Some(24));
    running.wait("no lag", |status| status.partitions()[0].lag() == Some(0));
    assert_eq!(running.positions(), [(0, 24)]);
    let mut rest = run(kafka(settings(&broker), &fixes(&["holes"])), Assignment::all().from(reached("holes", 7)));
    let offsets: Vec<_> = rest.read(5).read.keys().map(|(_, offset)| *offset).collect();
    assert_eq!(offsets, [12, 13, 14, 15, 16]);

    let settings_of = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "100"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("delete.retention.ms", "100"),
    ];
    broker.create("compacted", 1, &settings_of);
    let until = Instant::now() + PATIENCE;
    let mut produced = 0;
    loop {
        // The same five keys over and over; a write a little later rolls the segment, so that it can be compacted.
        broker.produce("compacted", fixes_in(0, 0..5));
        produced += 5;
        thread::sleep(Duration::from_millis(300));
        let mut running = run(kafka(settings(&broker), &fixes(&["compacted"])), Assignment::all());
        running.wait("the end", |status| status.partitions().iter().any(|of| of.position == Some(produced)));
        running.read_for(Duration::from_millis(300));
        if running.all.len() < produced as usize {
            assert_eq!(running.positions(), [(0, produced)]);
            break;
        }
        assert!(Instant::now() < until, "the broker does not compact");
    }
}

#[test]
fn messages_that_are_gone_stop_the_source_or_are_shown() {
    let Some(broker) = Broker::shared() else { return };
    broker.create("gap", 1, &[]);
    broker.produce("gap", fixes_in(0, 0..10));
    broker.cut("gap", 6);
    let from = |position, on_gap| {
        let settings = KafkaSettings { on_gap, ..settings(&broker) };
        run(kafka(settings, &fixes(&["gap"])), Assignment::all().from(reached("gap", position)))
    };
    let error = from(2, OnGap::Stop).reader.join().unwrap().unwrap_err();
    assert!(matches!(error, SourceError::Lost(_)), "{error}");
    assert!(error.to_string().contains("gap/0: the offsets from 2 to 5 were gone"), "{error}");
    let mut running = from(2, OnGap::GoOn);
    assert_eq!(running.read(4).status.partitions()[0].missing, 4);

    // Made anew while somebody reads it.
    broker.delete("gap");
    broker.create("gap", 1, &[]);
    broker.produce("gap", fixes_in(0, 100..103));
    let error = from(10, OnGap::Stop).reader.join().unwrap().unwrap_err();
    assert!(error.to_string().contains("ends at 3, before position 10"), "{error}");
    let mut anew = from(10, OnGap::GoOn);
    let read: Vec<_> = anew.read(3).read.keys().copied().collect();
    assert_eq!(read, [0, 1, 2].map(|offset| (1 << 26, offset)), "under an index of its own");
}

#[test]
fn what_makes_no_source_is_named() {
    let refused = |settings: KafkaSettings| {
        Kafka::new("kafka", settings, &TopicMap::default(), JsonDecoder::default()).unwrap_err().to_string()
    };
    let with = |name: &str, value: &str| KafkaSettings {
        secrets: [(name.to_owned(), value.into())].into(),
        ..KafkaSettings::default()
    };
    let error = refused(with("sasl.pasword", "hunter2"));
    assert!(error.contains("sasl.pasword is not one of librdkafka") && !error.contains("hunter2"), "{error}");
    let error = refused(with("security.protocol", "hunter2"));
    assert!(error.contains("security.protocol") && !error.contains("hunter2"), "{error}");
}
