//! Dirt in the feeds costs nothing but itself.

use std::collections::BTreeMap;
use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use serde_json::Value;
use smartcity::Time;
use smartcity::city::quarantine::QUARANTINE;
use smartcity::city_files;
use smartcity::decode::{JsonDecoder, TopicMap};
use smartcity::model::{Id, Kind, Namespace, Reason};
use smartcity::source::{Batch, Dirt, MemoryMessage, MemorySource, SimulatorClock, SimulatorSettings, write_ndjson};

use crate::shared::{Outcome, by_tick, replay, rows_of};

const START: Time = 1_767_225_600_000;

/// Views that tell of the dirt itself, and of the texts that it used.
const OF_THE_DIRT: [&str; 5] = ["feeds", "flags", "names", "quarantine", "quarantine_last"];

/// A message that a simulated device sent, in order of event time.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) topic: String,
    pub(crate) value: Value,
    pub(crate) at: Time,
}

pub(crate) fn sent(folder: &Path) -> Vec<Sent> {
    let city = city_files::town().to_city();
    let clock = SimulatorClock::Recorded { start: START, duration: 240_000 };
    let settings = SimulatorSettings { scale: 0.1, dirt: Dirt::NONE, clock, ..SimulatorSettings::default() };
    write_ndjson(folder, &city, settings).expect("the simulation can be written");
    let mut all = Vec::new();
    for (topic, _) in TopicMap::default().topics() {
        let Ok(text) = std::fs::read_to_string(folder.join(format!("{topic}.ndjson"))) else { continue };
        for line in text.lines() {
            let value: Value = serde_json::from_str(line).expect("clean messages are JSON");
            let time: jiff::Timestamp =
                value["timestamp"].as_str().expect("a timestamp").parse().expect("with an offset");
            all.push(Sent { topic: topic.to_owned(), value, at: time.as_millisecond() as Time });
        }
    }
    all.sort_by_key(|message| message.at);
    all
}

/// A message and when it is learnt.
type Learnt = (Time, MemoryMessage);

fn outcome(mut messages: Vec<Learnt>, workers: usize) -> Outcome {
    messages.sort_by_key(|(at, _)| *at);
    let messages = messages.into_iter().map(|(at, message)| message.at(at));
    let source = MemorySource::of_messages("test", messages, JsonDecoder::default());
    let batches: Vec<Batch> = by_tick(rows_of(source), 100, |_| {});
    replay(&city_files::town().to_city(), batches, workers)
}

fn message(sent: &Sent, value: &Value, at: Time) -> Learnt {
    (at, MemoryMessage::new(&sent.topic, value.to_string()))
}

#[test]
fn dirt_changes_no_view_but_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let sent = sent(folder.path());
    let clean = outcome(sent.iter().map(|sent| message(sent, &sent.value, sent.at)).collect(), 1);

    let mut random = Pcg64::seed_from_u64(3);
    let end = sent.last().expect("messages").at;
    let mut dirty = Vec::new();
    let mut quarantined: BTreeMap<(Option<Kind>, Reason), u64> = BTreeMap::new();
    let mut reject = |topic: &str, reason| {
        *quarantined.entry((TopicMap::default().kind(topic), reason)).or_default() += 1;
    };
    for sent in &sent {
        let at = sent.at;
        let later = |random: &mut Pcg64| (at + random.random_range(1..60_000)).min(end);
        match random.random_range(0..10) {
            // Held back, but not so long that anything has ended by then.
            0 => dirty.push(message(sent, &sent.value, later(&mut random))),
            1 => {
                dirty.push(message(sent, &sent.value, at));
                dirty.push(message(sent, &sent.value, later(&mut random)));
            }
            2 => {
                // The message as it should be, and another that is broken.
                dirty.push(message(sent, &sent.value, at));
                let mut broken = sent.value.clone();
                broken["id"] = Value::from(format!("broken-{}", dirty.len()));
                let text = match random.random_range(0..4) {
                    0 => {
                        reject(&sent.topic, Reason::Malformed);
                        broken.to_string()[..20].to_owned()
                    }
                    1 => {
                        reject(&sent.topic, Reason::MissingField);
                        broken["timestamp"] = Value::Null;
                        broken.to_string()
                    }
                    2 => {
                        reject(&sent.topic, Reason::BadTimestamp);
                        broken["timestamp"] = Value::from("yesterday");
                        broken.to_string()
                    }
                    _ => {
                        reject(&sent.topic, Reason::ClockNotSet);
                        broken["timestamp"] = Value::from("1970-01-01T00:00:12Z");
                        broken.to_string()
                    }
                };
                dirty.push((at, MemoryMessage::new(&sent.topic, text)));
            }
            3 => {
                // The message as it should be, and another that is taken back: before it comes, or after.
                dirty.push(message(sent, &sent.value, at));
                let id = format!("regretted-{}", dirty.len());
                let mut regretted = sent.value.clone();
                regretted["id"] = Value::from(id.as_str());
                regretted["timestamp"] = Value::from(smartcity::model::Millis(at as i64 + 1).to_string());
                dirty.push(message(sent, &regretted, at));
                let regret = later(&mut random);
                dirty.push((if random.random() { regret } else { at }, MemoryMessage::tombstone(&sent.topic, id)));
            }
            _ => dirty.push(message(sent, &sent.value, at)),
        }
    }
    for workers in [1, 2] {
        let dirty = outcome(dirty.clone(), workers);
        let (clean, dirty_views) = (clean.views(&OF_THE_DIRT), dirty.views(&OF_THE_DIRT));
        for (view, rows) in clean.as_object().expect("views") {
            assert_eq!(&dirty_views[view], rows, "view {view} with {workers} workers");
        }
        let source = Id::new(Namespace::Source, "test");
        let counted: BTreeMap<_, _> = dirty
            .snapshot
            .rows(&QUARANTINE)
            .into_iter()
            .map(|((of, kind, reason), rows)| {
                assert_eq!(of, source);
                ((kind, reason), rows)
            })
            .collect();
        assert_eq!(counted, quarantined, "every broken message is in quarantine, by its reason");
    }
}
