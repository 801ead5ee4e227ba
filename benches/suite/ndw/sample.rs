//! The sample: a line a lane and quantity, its key and its message.
//!
//! `au/…/RWS01_MONICA_…/lane1= {"lat":51.4,"long":5.4,"flow":360,"period":60,…,"timestamp":"2017-03-15 14:41:00.0",…}`

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use flate2::read::MultiGzDecoder;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustc_hash::FxHashSet;
use serde::Deserialize;
use smartcity::model::{
    Body, Id, Instant, Kind, Milli, Millis, Name, NameUse, Namespace, Origin, Point, Quantity, Reading, Sensor, Unit,
};
use smartcity::source::Batch;

use super::super::simulated::START;

/// What a lane said in a minute.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    /// From the first of the sample.
    pub(super) minute: u64,
    /// The sensor and its lane.
    lane: String,
    place: Point,
    body: Sensor,
}

impl Message {
    /// When it comes: a minute is a second here.
    pub(super) fn second(&self) -> Duration {
        Duration::from_secs(self.minute)
    }
}

#[derive(Deserialize)]
struct Said {
    lat: f64,
    long: f64,
    timestamp: String,
    /// Vehicles an hour.
    flow: Option<f64>,
    /// Seconds over which the flow was counted.
    period: Option<f64>,
    /// Mean speed, km/h.
    speed: Option<f64>,
}

/// The sample in the folder of recorded data.
pub(super) fn file(data: Option<PathBuf>) -> PathBuf {
    let beside = || std::env::var_os("SMARTCITY_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    data.unwrap_or_else(|| beside().join("data")).join("ndw_ospbench/ndw_30min.txt.gz")
}

/// The messages by minute; lines that are none are an error, for the sample is known.
pub(super) fn read(file: &Path) -> anyhow::Result<Vec<Message>> {
    let open = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    let mut messages = Vec::new();
    for (number, line) in (1..).zip(BufReader::new(MultiGzDecoder::new(open)).lines()) {
        let place = || format!("{}, line {number}", file.display());
        let line = line.with_context(place)?;
        messages.push(message(&line).with_context(place)?);
    }
    messages.sort_by_key(|message| message.minute);
    let first = messages.first().map_or(0, |message| message.minute);
    messages.iter_mut().for_each(|message| message.minute -= first);
    Ok(messages)
}

fn message(line: &str) -> anyhow::Result<Message> {
    let (lane, said) = line.split_once('=').context("a key, = and a message are expected")?;
    let said: Said = serde_json::from_str(said)?;
    let time = TimeZone::UTC.to_timestamp(DateTime::strptime("%Y-%m-%d %H:%M:%S%.f", &said.timestamp)?)?;
    let place = Point::from_degrees(said.lat, said.long).context("a place on earth is expected")?;
    let (quantity, value, unit) = match (said.flow, said.speed) {
        (Some(flow), _) => (Quantity::LoopCount, flow * said.period.unwrap_or(60.0) / 3_600.0, Unit::Count),
        (None, Some(speed)) => (Quantity::LoopSpeed, speed, Unit::Kmh),
        (None, None) => anyhow::bail!("a flow or a speed is expected"),
    };
    let body = Sensor { quantity, value: Milli((value * 1_000.0).round() as i64), unit };
    let minute = time.as_second().div_euclid(60).unsigned_abs();
    Ok(Message { minute, lane: lane.trim().to_owned(), place, body })
}

/// The messages as readings of the source `name`, each from so many lanes; reading `i` is made and learnt at `due[i]`.
pub(super) fn readings(messages: &[Message], times: u32, name: &str, due: &[Duration]) -> Batch {
    let source = Id::new(Namespace::Source, name);
    let mut batch = Batch::default();
    let mut named = FxHashSet::default();
    let copies = messages
        .chunk_by(|a, b| a.minute == b.minute)
        .flat_map(|minute| (0..times).flat_map(move |copy| minute.iter().map(move |message| (copy, message))));
    for (number, ((copy, message), due)) in (0..).zip(copies.zip(due)) {
        let arrived = START + due.as_millis() as u64;
        let text = format!("{}/{copy}", message.lane);
        let device = Id::new(Namespace::Device, &text);
        if named.insert(device) {
            let name = Name { id: device, text: text.into() };
            batch.names.push(NameUse { at: arrived, kind: Kind::Sensor, name });
        }
        batch.readings.push(Reading {
            time: Instant::Utc(Millis(arrived as i64)),
            origin: Origin { source, partition: copy, offset: number },
            kind: Kind::Sensor,
            id: Id::new(Namespace::Message, &number.to_string()),
            device,
            arrived,
            place: Some(message.place),
            body: Body::Sensor(message.body),
        });
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_a_count_in_its_period_and_a_speed_a_speed() {
        let line = |rest: &str| {
            message(&format!(r#"au/x/lane1= {{"lat":51.5,"long":5.5,{rest},"timestamp":"2017-03-15 14:41:00.0"}}"#))
        };
        let flow = line(r#""flow":360,"period":60,"accuracy":100"#).unwrap();
        assert_eq!(flow.body, Sensor { quantity: Quantity::LoopCount, value: Milli(6_000), unit: Unit::Count });
        assert_eq!((flow.lane.as_str(), flow.place), ("au/x/lane1", Point { lat: 515_000_000, lon: 55_000_000 }));
        let speed = line(r#""speed":92,"accuracy":100"#).unwrap();
        assert_eq!(speed.body, Sensor { quantity: Quantity::LoopSpeed, value: Milli(92_000), unit: Unit::Kmh });
        assert!(line(r#""accuracy":100"#).is_err());
        let due = [Duration::ZERO, Duration::ZERO, Duration::from_millis(500), Duration::from_millis(500)];
        let batch = readings(&[flow, speed], 2, "ndw", &due);
        assert_eq!((batch.len(), batch.names.len()), (4, 2));
        assert_eq!(batch.readings[3].arrived, START + 500);
    }
}
