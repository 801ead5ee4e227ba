//! What any view shows has its name, whatever kind of message speaks of it, and a name that nothing shows goes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use differential_dataflow::input::InputSession;
use proptest::prelude::*;
use serde_json::Value;

use crate::city::statics::{NAME_BUCKET_MS, NAMES};
use crate::model::{
    Body, CameraReading, CityRow, Fix, Id, Instant, Kind, Kmh, Milli, Millis, Name, NameUse, Namespace, Origin, Point,
    Quantity, Reading, Rejected, Report, ReportStatus, Sensor, Sky, Unit, UtcOffsets, VehicleDetails, Weather,
};
use crate::pipeline::{Inputs, pipeline};
use crate::view::{Publisher, Views};
use crate::{Diff, Settings, Time};

const MINUTE: Time = 60_000;

/// A start that is on no bucket's edge.
const START: Time = 1_795_435_200_000 + 7 * MINUTE;

/// A message: when it is decoded and how much later its tick is, in minutes, its kind, and who speaks of what. It does not
/// overtake the one before.
#[derive(Clone, Debug)]
struct Sent {
    minute: u64,
    delay: u64,
    kind: Kind,
    device: usize,
    text: usize,
}

fn sent() -> impl Strategy<Value = Vec<Sent>> {
    let kind = prop::sample::select(Kind::ALL.to_vec());
    let one = (0..90u64, 0..4u64, kind, 0..3usize, 0..3usize).prop_map(|(minute, delay, kind, device, text)| Sent {
        minute,
        delay,
        kind,
        device,
        text,
    });
    prop::collection::vec(one, 0..30)
}

/// What `message` says, and the names that it uses.
fn said(message: &Sent, offset: u64) -> (Reading<Instant>, Vec<Name>) {
    let device = Name::new(Namespace::Device, ["d-one", "d-two", "d-three"][message.device]);
    let words = ["red", "green", "blue"];
    let (word, other) = (words[message.text], words[(message.text + 1) % 3]);
    let (word, other) = (Name::new(Namespace::Text, word), Name::new(Namespace::Text, other));
    let thing = |namespace| Name::new(namespace, ["t-one", "t-two", "t-three"][message.text]);
    let mut names = vec![device.clone()];
    let mut used = |name: &Name| {
        names.push(name.clone());
        name.id
    };
    let body = match message.kind {
        Kind::Vehicle => {
            let details = VehicleDetails { make: Some(used(&word)), fuel: Some(used(&other)), ..Default::default() };
            Body::Fix(Fix { details: Some(details), ..Fix::default() })
        }
        Kind::Gps => Body::Fix(Fix { vehicle_type: Some(used(&word)), ..Fix::default() }),
        Kind::Traffic => {
            Body::Camera(CameraReading { camera: used(&thing(Namespace::Camera)), speed: Kmh(9_000), heading: None })
        }
        Kind::Weather => Body::Weather(Weather { sky: Some(Sky::Other(used(&word))), ..Weather::default() }),
        Kind::Emergency => Body::Report(Report {
            incident: used(&thing(Namespace::Incident)),
            incident_type: used(&word),
            status: if offset % 5 == 4 { ReportStatus::Resolved } else { ReportStatus::Active },
            description: Some(used(&other)),
        }),
        Kind::Sensor => Body::Sensor(Sensor {
            quantity: Quantity::Other(used(&word)),
            value: Milli(1),
            unit: Unit::Other(used(&other)),
        }),
    };
    let reading = Reading {
        time: Instant::Utc(Millis((START + message.minute * MINUTE) as i64)),
        origin: Origin { source: Id::new(Namespace::Source, "source"), partition: 0, offset },
        kind: message.kind,
        id: Id::new(Namespace::Message, &offset.to_string()),
        device: device.id,
        arrived: START + (message.minute + message.delay) * MINUTE,
        place: Some(Point { lat: 377_700_000 + 10_000 * message.device as i32, lon: -1_224_200_000 }),
        body,
    };
    (reading, names)
}

/// Texts that look like ids.
fn unnamed(shown: &Value, found: &mut Vec<String>) {
    let is_id = |text: &str| text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match shown {
        Value::String(text) if is_id(text) => found.push(text.clone()),
        Value::Array(rows) => rows.iter().for_each(|row| unnamed(row, found)),
        Value::Object(fields) => fields.iter().for_each(|(key, row)| {
            unnamed(&Value::from(key.as_str()), found);
            unnamed(row, found);
        }),
        _ => {}
    }
}

/// Lets a pipeline run for `minutes` after the start, looks at every tick for ids without a name, and gives the names that
/// are left, with the greatest number of names that there were.
fn watch(messages: &[Sent], minutes: u64) -> (BTreeSet<String>, usize) {
    let mut messages = messages.to_vec();
    messages.sort_by_key(|message| message.minute);
    let mut said_before = BTreeSet::new();
    let (mut readings_due, mut names_due) = (Vec::new(), Vec::new());
    let mut tick = 0;
    for (offset, message) in (0..).zip(&messages) {
        let (mut reading, names) = said(message, offset);
        tick = tick.max(reading.arrived);
        reading.arrived = tick;
        let bucket = (START + message.minute * MINUTE) / NAME_BUCKET_MS;
        for name in names {
            if said_before.insert((bucket, message.kind, name.clone())) {
                names_due.push(NameUse { at: reading.arrived, kind: message.kind, name });
            }
        }
        readings_due.push(reading);
    }
    timely::execute_directly(move |worker| {
        let views = Views::new(1, || 0);
        let publisher = Publisher::new(views.clone(), 0, 1, 1, Arc::new(AtomicBool::new(false)));
        let settings = Settings { tick_ms: MINUTE, ..Settings::default() };
        let mut readings = InputSession::<Time, Reading<Instant>, Diff>::new();
        let mut rejected = InputSession::<Time, Rejected, Diff>::new();
        let mut names = InputSession::<Time, NameUse, Diff>::new();
        let mut city = InputSession::<Time, CityRow, Diff>::new();
        worker.dataflow(|scope| {
            let inputs = Inputs {
                readings: readings.to_collection(scope),
                rejected: rejected.to_collection(scope),
                names: names.to_collection(scope),
                city: city.to_collection(scope),
            };
            pipeline(inputs, &settings, &UtcOffsets::default(), &publisher);
        });
        city.update_at(CityRow::Name(Name::new(Namespace::Source, "source")), START, 1);
        let mut most = 0;
        for minute in 0..=minutes {
            let tick = START + minute * MINUTE;
            for reading in readings_due.iter().filter(|reading| reading.arrived == tick) {
                readings.update_at(*reading, tick, 1);
            }
            for named in names_due.iter().filter(|named| named.at == tick) {
                names.update_at(named.clone(), tick, 1);
            }
            macro_rules! advance {
                ($($session:ident)*) => {$(
                    $session.advance_to(tick + 1);
                    $session.flush();
                )*};
            }
            advance!(readings rejected names city);
            worker.step_while(|| views.snapshot().position().through < tick);
            let snapshot = views.snapshot();
            let mut found = Vec::new();
            unnamed(&snapshot.to_json(), &mut found);
            assert!(found.is_empty(), "{found:?} have no name after {minute} minutes: {:#}", snapshot.to_json());
            most = most.max(snapshot.rows(&NAMES).len());
        }
        let left = views.snapshot().rows(&NAMES).values().map(|text| text.to_string()).collect();
        (left, most)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn what_is_shown_has_its_name(messages in sent()) {
        watch(&messages, 220);
    }
}

#[test]
fn names_are_there_for_every_kind_until_its_last_row_is_gone_and_then_go() {
    let once = |kind| Sent { minute: 0, delay: 0, kind, device: 0, text: 0 };
    for kind in Kind::ALL {
        // The first says the names; the second, in the same bucket and later at its tick, relies on them.
        let relying = Sent { minute: 2, delay: 4, ..once(kind) };
        let life = crate::horizon::named_ms(kind, &Settings::default()) / MINUTE;
        let (left, most) = watch(&[once(kind), relying], 10 + life);
        assert!(most > 1, "{kind}");
        assert_eq!(left, BTreeSet::from(["source".to_owned()]), "{kind}");
    }
}
