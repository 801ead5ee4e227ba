//! Hostile bytes: a seeded mutator over real messages.
//!
//! Runs for two seconds, or for as many as the environment says: `SMARTCITY_FUZZ_SECONDS=60 cargo test -p smartcity-io
//! fuzz`. A failure prints the seed and the message; the same seed makes the same messages.

use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use smartcity_dataflow::model::{Id, Namespace, Origin};
use smartcity_dataflow::testing::recorded;

use super::*;

const SEEDS: [&str; 10] = [
    r#"{"id":"m","device_id":"Vehicle1","timestamp":"2026-11-23T14:17:50.416365","location":[51.6,-0.16],"speed":18.0,"direction":"North-East","make":"Toyota","model":"Camry","year":2024,"fuel_type":"Hybrid"}"#,
    r#"{"id":"m","device_id":"Vehicle1","timestamp":"2026-11-23T14:17:50Z","location":[51.6,-0.16],"speed":"23.5","direction":271.5,"vehicle_type":"private"}"#,
    r#"{"id":"m","device_id":"Vehicle1","camera_id":"Camera331","timestamp":1795443470416,"snapshot":"QmFzZTY0","speed":8.99}"#,
    r#"{"id":"m","device_id":"Vehicle1","timestamp":"2026-11-23T14:17:50+05:30","temperature":33.6,"weather_condition":"Clear","humidity":76.4,"wind_speed":96.9,"precipitation":75.2,"airQualityIndex":454.5}"#,
    r#"{"id":"m","device_id":"Vehicle1","incidentId":"i","timestamp":"1795443470","location":[51.6,-0.16],"incident_type":"Breakdown","status":"Resolved","description":"caf\u00e9"}"#,
    r#"{"id":"m","station":"Air1","timestamp":"2026-11-23 14:17:50","kind":"pm2.5","value":-1.5e3,"unit":"µg/m³"}"#,
    r#"{"id":"m","withdrawn":true}"#,
    "null",
    "{}",
    "[[[[[[[[[[[[[[[[[[[[[[[[",
];

/// Bytes that parsers trip over.
const TOKENS: [&[u8]; 24] = [
    b"\"",
    b"\\",
    b"\\u",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"true",
    b"1e999",
    b"-0",
    b"NaN",
    b"18446744073709551616",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\0",
    b"9999-12-31T23:59:60.999999999+25:59",
    b"[[[[[[[[",
    b"-9223372036854775808",
    b"\"id\":",
    b"\xf0\x9f\x9a\x97",
];

fn mutate(message: &mut Vec<u8>, random: &mut Pcg64Mcg) {
    for _ in 0..random.random_range(0..6) {
        let length = message.len();
        let at = random.random_range(0..=length);
        let end = (at + random.random_range(0..20)).min(length);
        match random.random_range(0..6) {
            0 if at < length => message[at] = random.random(),
            1 => drop(message.drain(at..end)),
            2 => message.truncate(at),
            3 => {
                let copy = message[at..end].to_vec();
                let to = random.random_range(0..=length);
                message.splice(to..to, copy);
            }
            _ => {
                let token = TOKENS[random.random_range(0..TOKENS.len())];
                message.splice(at..end, token.iter().copied());
            }
        }
    }
}

#[test]
fn any_bytes_are_one_reading_or_one_rejection() {
    let seconds = std::env::var("SMARTCITY_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut corpus: Vec<Vec<u8>> = SEEDS.iter().map(|seed| seed.as_bytes().to_vec()).collect();
    if let Some(file) = recorded("producer/messages.ndjson") {
        let lines = std::fs::read_to_string(file).unwrap();
        let value = |line| serde_json::from_str::<(String, String, String)>(line).unwrap().2.into_bytes();
        corpus.extend(lines.lines().map(value));
    }
    let topics: Vec<_> =
        TopicMap::default().topics().map(|(topic, _)| topic.to_owned()).chain(["other".into()]).collect();
    let origin = Origin { source: Id::new(Namespace::Source, "fuzz"), partition: 0, offset: 0 };
    let mut seed = 0;
    let mut accepted = 0usize;
    while Instant::now() < end {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut decoder = JsonDecoder::default();
        let clock = RecordedClock::default();
        for _ in 0..1_000 {
            let mut value = corpus[random.random_range(0..corpus.len())].clone();
            mutate(&mut value, &mut random);
            let mut key = b"key".to_vec();
            mutate(&mut key, &mut random);
            let message = Message {
                topic: &topics[random.random_range(0..topics.len())],
                key: random.random_bool(0.5).then_some(&key),
                value: random.random_bool(0.98).then_some(&value),
                origin,
                arrival: Arrival::Recorded(&clock),
            };
            let mut batch = Batch::default();
            decoder.decode(&message, &mut batch);
            assert_eq!(batch.len(), 1, "seed {seed}: {}", String::from_utf8_lossy(&value));
            assert!(batch.rejected.is_empty() || batch.names.is_empty(), "seed {seed}: names of a rejected message");
            for reading in &batch.readings {
                let encoded = to_json(reading, &TopicMap::default(), |_| None);
                assert!(!encoded.value.is_empty(), "seed {seed}: {reading:?}");
            }
            accepted += batch.readings.len();
        }
        seed += 1;
    }
    assert!(accepted > 0, "the mutator spoils every message, so it proves nothing");
    println!("{} messages, {accepted} of them readings", seed * 1_000);
}
