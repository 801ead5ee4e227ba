//! Against a real broker.

use std::thread;

use smartcity_dataflow::health::Health;
use smartcity_dataflow::testing::FilledViews;
use smartcity_dataflow::view::View;

use super::*;
use crate::sink::{Mirror, Sink as _, mirrors};
use crate::source::kafka::tests::broker::Broker;

const PATIENCE: Duration = Duration::from_secs(40);
const SQUARES: View<u32, u32> = View::new("squares");
const SECRETS: View<u32, u32> = View::new("secrets");

/// What a topic comes to for who reads it whole: the newest value of each key.
type Held = BTreeMap<String, Value>;

fn kafka(broker: &Broker) -> KafkaSettings {
    KafkaSettings { brokers: broker.address(), ..KafkaSettings::default() }
}

fn mirror(broker: &Broker, topic: &str) -> KafkaMirror {
    let topic = KafkaTopic { topic: topic.to_owned(), views: ["squares".to_owned()].into(), timeout_ms: 5_000 };
    KafkaMirror::new(&kafka(broker), topic).unwrap()
}

/// Squares of numbers that come and, three steps later, go; and what nobody is to see.
fn change(views: &mut FilledViews, step: u32) {
    views.change(&SQUARES, [(step, step * step, 1)]);
    views.change(&SQUARES, step.checked_sub(1).map(|old| (old, old * old, -1)));
    views.change(&SQUARES, step.checked_sub(1).map(|old| (old, old, 1)));
    views.change(&SQUARES, step.checked_sub(3).map(|old| (old, old, -1)));
    views.change(&SECRETS, [(step, step, 1)]);
}

fn expected(snapshot: &Snapshot) -> Held {
    let row = |(key, square): (u32, u32)| (format!("[\"squares\",{key}]"), Value::from(square));
    snapshot.rows(&SQUARES).into_iter().map(row).collect()
}

/// Reads a topic from its beginning to its end.
fn held(broker: &Broker, topic: &str) -> Held {
    let mut config = kafka(broker).consumer();
    let consumer = client::consumer("test", config.set("enable.partition.eof", "true")).unwrap();
    let numbers = client::numbers(&consumer, topic).unwrap();
    let mut partitions = TopicPartitionList::new();
    for number in &numbers {
        partitions.add_partition_offset(topic, *number, Offset::Beginning).unwrap();
    }
    consumer.assign(&partitions).unwrap();
    let (mut held, mut ended, until) = (Held::new(), BTreeSet::new(), Instant::now() + PATIENCE);
    while ended.len() < numbers.len() {
        assert!(Instant::now() < until, "the topic has no end");
        match consumer.poll(Duration::from_millis(50)) {
            Some(Ok(message)) => {
                let headers = message.headers().expect("headers");
                assert_eq!(headers.iter().map(|header| header.key).collect::<Vec<_>>(), ["tick", "generation"]);
                let key = String::from_utf8(message.key().expect("a key").to_owned()).unwrap();
                match message.payload() {
                    Some(row) => _ = held.insert(key, serde_json::from_slice(row).unwrap()),
                    None => _ = held.remove(&key),
                }
            }
            Some(Err(KafkaError::PartitionEOF(number))) => _ = ended.insert(number),
            _ => {}
        }
    }
    held
}

#[test]
fn it_mirrors_as_mirrors_do() {
    let Some(broker) = Broker::shared() else { return };
    let topic = "mirror";
    broker.create(topic, 3, &[("cleanup.policy", "compact")]);
    mirrors(|| mirror(&broker, topic), change, expected, || held(&broker, topic));
}

#[test]
fn a_snapshot_of_many_rows_is_several_transactions() {
    let Some(broker) = Broker::shared() else { return };
    broker.create("many", 2, &[("cleanup.policy", "compact")]);
    let mut views = FilledViews::new(1_795_435_200_000);
    let rows = 2 * TRANSACTION_MESSAGES as u32 + 5;
    views.change(&SQUARES, (0..rows).map(|number| (number, number, 1)));
    let snapshot = views.commit().snapshot();
    mirror(&broker, "many").reset(&snapshot).unwrap();
    assert_eq!(held(&broker, "many"), expected(&snapshot));
}

#[test]
fn of_two_engines_the_one_that_started_later_goes_on() {
    let Some(broker) = Broker::shared() else { return };
    broker.create("contested", 1, &[("cleanup.policy", "compact")]);
    let views_of = |generation| {
        let mut views = FilledViews::of_generation(generation, 1_795_435_200_000);
        change(&mut views, 0);
        let snapshot = views.commit().snapshot();
        (views, snapshot)
    };
    let ((mut views, first), (_, second)) = (views_of(1), views_of(2));
    let (mut earlier, mut later) = (mirror(&broker, "contested"), mirror(&broker, "contested"));
    earlier.reset(&first).unwrap();
    later.reset(&second).unwrap();
    change(&mut views, 1);
    let store = views.commit();
    let changes = store.changes_since(first.position()).unwrap();
    let error = earlier.apply(&changes, store.snapshot().position()).unwrap_err();
    assert!(matches!(&error, SinkError::Refused(..)), "{error}");
    assert!(error.to_string().contains("another engine has begun to write the topic contested"), "{error}");
    let error = earlier.reset(&store.snapshot()).unwrap_err();
    assert!(error.to_string().contains("an engine of generation 2 writes the topic contested"), "{error}");
    later.apply(&[], second.position()).unwrap();
    assert_eq!(held(&broker, "contested"), expected(&second));
}

#[test]
fn an_outage_is_shown_and_what_changed_meanwhile_is_written() {
    let Some(broker) = Broker::start() else { return };
    broker.create("outage", 1, &[("cleanup.policy", "compact")]);
    let mut views = FilledViews::new(1_795_435_200_000);
    change(&mut views, 0);
    let sink = Mirror::of(mirror(&broker, "outage"));
    let status = sink.status();
    let wait = |what: &str, holds: &dyn Fn() -> bool| {
        let until = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < until, "{what} does not come: {status:?}");
            thread::sleep(Duration::from_millis(10));
        }
    };
    let listening = Box::new(sink).listen(&views.commit());
    wait("the first write", &|| status.resets() == 1);
    broker.kill();
    change(&mut views, 1);
    let _ = views.commit();
    wait("the outage", &|| matches!(status.health(), Health::Waiting(_)));
    change(&mut views, 2);
    let last = views.commit().snapshot();
    broker.resume();
    wait("the last tick", &|| status.position() == Some(last.position()));
    assert_eq!(held(&broker, "outage"), expected(&last));
    listening.finish();
}

#[test]
fn what_makes_no_mirror_is_named() {
    let refused = |topic: KafkaTopic| KafkaMirror::new(&KafkaSettings::default(), topic).unwrap_err().to_string();
    let error = refused(KafkaTopic { topic: String::new(), ..KafkaTopic::default() });
    assert!(error.contains("needs a topic"), "{error}");
    let wrong = KafkaSettings { client: [("no.such".to_owned(), "1".to_owned())].into(), ..KafkaSettings::default() };
    let error = KafkaMirror::new(&wrong, KafkaTopic::default()).unwrap_err().to_string();
    assert!(error.contains("no.such is not one of librdkafka"), "{error}");

    let Some(broker) = Broker::shared() else { return };
    let mut views = FilledViews::new(1_795_435_200_000);
    change(&mut views, 0);
    let error = mirror(&broker, "nowhere").reset(&views.commit().snapshot()).unwrap_err();
    assert!(matches!(&error, SinkError::Retry(..)), "{error}");
    assert!(error.to_string().contains("there is no topic nowhere: create it, with cleanup.policy=compact"), "{error}");
}
