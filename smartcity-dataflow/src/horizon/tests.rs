//! Whatever is remembered of a row lasts as long as anything counts it: a row that is withdrawn, at any moment of its life, leaves
//! the city as if it had never been sent, and one that comes again changes nothing.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use differential_dataflow::input::InputSession;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::Diff;
use crate::city::fixtures::{place, segment};
use crate::model::{
    Body, CameraReading, CityRow, Fix, Id, Instant, Kmh, Milli, NameUse, Namespace, Origin, Quantity, Reading,
    Rejected, Report, ReportStatus, Sensor, Station, Unit, UtcOffsets, Weather,
};
use crate::pipeline::{Inputs, pipeline};
use crate::view::{Publisher, Views};

const MINUTE: Time = 60_000;

/// A whole number of the widest windows and of every tick.
const START: Time = 1_795_434_900_000;

fn id(text: &str) -> Id {
    Id::new(Namespace::Text, text)
}

/// A message of `device` about what was at `time`, that comes at `arrived`; both milliseconds after the start.
fn message(number: u64, device: &str, time: Time, arrived: Time, kind: Kind, body: Body) -> Reading<Instant> {
    Reading {
        time: Instant::Utc(Millis((START + time).cast_signed())),
        origin: Origin { source: id("source"), partition: 0, offset: number },
        kind,
        id: id(&number.to_string()),
        device: id(device),
        arrived: START + arrived,
        place: Some(place((100, 0))),
        body,
    }
}

/// Every view but the feeds' own, at every tick from `from` to `to` after the start.
fn pictures(messages: &[Reading<Instant>], settings: &Settings, from: Time, to: Time) -> Vec<Value> {
    let (messages, settings) = (messages.to_vec(), settings.clone());
    timely::execute_directly(move |worker| {
        let views = Views::new(1, || 0);
        let publisher = Publisher::new(views.clone(), 0, 1, 1, Arc::new(AtomicBool::new(false)));
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
        city.advance_to(START - settings.tick_ms);
        city.insert(CityRow::Segment(segment("a", (0, 0), (1_000, 0))));
        city.insert(CityRow::Station(Station { id: id("station"), place: place((0, 0)) }));
        let mut pictures = Vec::new();
        let mut tick = START;
        while tick <= START + to {
            for reading in
                messages.iter().filter(|reading| reading.arrived > tick - settings.tick_ms && reading.arrived <= tick)
            {
                readings.update_at(Reading { arrived: tick, ..*reading }, tick, 1);
            }
            macro_rules! advance {
                ($($session:ident)*) => {$(
                    $session.advance_to(tick + 1);
                    $session.flush();
                )*};
            }
            advance!(readings rejected names city);
            worker.step_while(|| views.snapshot().position().through < tick);
            if tick >= START + from {
                let mut picture = views.snapshot().to_json();
                picture.as_object_mut().expect("views are an object").remove("feeds");
                pictures.push(picture);
            }
            tick += settings.tick_ms;
        }
        for dataflow in worker.installed_dataflows() {
            worker.drop_dataflow(dataflow);
        }
        pictures
    })
}

/// A row that counts to the last tick of its life, among others that show it.
struct Life {
    row: Reading<Instant>,
    others: Vec<Reading<Instant>>,
}

impl Life {
    fn ends(&self, settings: &Settings) -> Time {
        let Instant::Utc(time) = self.row.time else { panic!("the times here are UTC") };
        remembered(self.row.kind, settings).ends(time, self.row.arrived, settings.tick_ms) - START
    }

    /// Withdrawn at a moment after the start, or coming again then.
    fn with(&self, moment: Time, body: Option<Body>) -> Vec<Reading<Instant>> {
        let origin = Origin { offset: 999, ..self.row.origin };
        let again = Reading { arrived: START + moment, origin, body: body.unwrap_or(self.row.body), ..self.row };
        self.others.iter().copied().chain([self.row, again]).collect()
    }

    /// At each of some moments: what is withdrawn then leaves no trace, and what comes again then does nothing.
    fn check(&self, settings: &Settings, moments: impl IntoIterator<Item = Time>) {
        let end = self.ends(settings);
        let (never, once) = (pictures(&self.others, settings, 0, end), {
            let with: Vec<_> = self.others.iter().copied().chain([self.row]).collect();
            pictures(&with, settings, 0, end)
        });
        for moment in moments {
            let tick = round_up(moment, settings.tick_ms);
            if tick >= end {
                continue; // what comes on the tick at which the row is over is another message
            }
            let since = (tick / settings.tick_ms) as usize;
            let withdrawn = pictures(&self.with(moment, Some(Body::Withdrawn)), settings, moment, end);
            for (at, (with, without)) in withdrawn.iter().zip(&never[since..]).enumerate() {
                assert_same(with, without, &format!("withdrawn at {moment} ms of {end}, {at} ticks later"));
            }
            let again = pictures(&self.with(moment, None), settings, moment, end);
            for (at, (with, without)) in again.iter().zip(&once[since..]).enumerate() {
                assert_same(with, without, &format!("again at {moment} ms of {end}, {at} ticks later"));
            }
        }
    }

    /// Asserts that the row shows until the tick before its end, and at its end no more.
    fn check_last_tick(&self, settings: &Settings) {
        let end = self.ends(settings);
        let last = end - settings.tick_ms;
        let with: Vec<_> = self.others.iter().copied().chain([self.row]).collect();
        let [mut with, mut without] = [&with, &self.others].map(|messages| pictures(messages, settings, last, end));
        assert_ne!(with[0], without[0], "{:?} is remembered for longer than anything shows it", self.row.kind);
        for picture in [&mut with[1], &mut without[1]] {
            picture.as_object_mut().expect("views are an object").remove("flags"); // they count since the start
        }
        assert_same(&with[1], &without[1], "at the end of what is remembered");
        self.check(settings, [last]);
    }
}

fn assert_same(left: &Value, right: &Value, when: &str) {
    let (Some(left), Some(right)) = (left.as_object(), right.as_object()) else { panic!("views are objects") };
    for (view, rows) in left {
        assert_eq!(Some(rows), right.get(view), "{view}, {when}");
    }
}

fn fix(speed: Option<i64>) -> Body {
    Body::Fix(Fix { speed: speed.map(|kmh| Kmh(kmh * 1_000)), ..Fix::default() })
}

fn weather(degrees: i64, rain: i64) -> Body {
    let (temperature, precipitation) = (Some(Milli(degrees * 1_000)), Some(Milli(rain * 1_000)));
    Body::Weather(Weather { temperature, precipitation, ..Weather::default() })
}

fn word(status: ReportStatus) -> Body {
    Body::Report(Report { incident: id("incident"), incident_type: id("fire"), status, description: None })
}

fn camera(kmh: i64) -> Body {
    Body::Camera(CameraReading { camera: id("camera"), speed: Kmh(kmh * 1_000), heading: None })
}

/// For every kind a row that is shown to the last tick of what its kind is remembered.
fn lives(settings: &Settings) -> Vec<Life> {
    let windows = WINDOW_TRAILING;
    // A fix stands by the fix that is as far off in time as any may be that says anything; that one is the first of the quarter
    // of an hour on which the last window draws that another vehicle keeps open.
    let (standing, later) = (120_000, 300_000);
    let others = vec![
        message(2, "v", later, later, Kind::Gps, fix(Some(4))),
        message(3, "w", later + windows - MINUTE, later + windows - MINUTE, Kind::Gps, fix(Some(40))),
    ];
    let row = message(1, "v", standing, standing, Kind::Gps, fix(None));
    let fixes = Life { row, others };
    let row = message(1, "camera", 0, 0, Kind::Traffic, camera(20));
    let other = message(2, "camera", windows - MINUTE, windows - MINUTE, Kind::Traffic, camera(50));
    let cameras = Life { row, others: vec![other] };
    // What was wet freezes.
    let row = message(1, "station", 0, 0, Kind::Weather, weather(5, 3));
    let freezing = 60 * MINUTE - settings.weather_life_ms.min(20 * MINUTE);
    let other = message(2, "station", freezing, freezing, Kind::Weather, weather(-3, 0));
    let weather = Life { row, others: vec![other] };
    // An end that lies ahead of the clock outlives the word that it ends.
    let late = 3 * settings.incident_life_ms / 2;
    let row = message(1, "police", late + MINUTE, 0, Kind::Emergency, word(ReportStatus::Resolved));
    let other = message(2, "police", late, late, Kind::Emergency, word(ReportStatus::Active));
    let reports = Life { row, others: vec![other] };
    let sensor = Sensor { quantity: Quantity::Noise, value: Milli(60_000), unit: Unit::Decibel };
    let sensors = Life { row: message(1, "station", 0, 0, Kind::Sensor, Body::Sensor(sensor)), others: Vec::new() };
    vec![fixes, cameras, weather, reports, sensors]
}

const WINDOW_TRAILING: Time = 900_000;

#[test]
fn nothing_is_remembered_for_a_tick_less_than_it_is_shown() {
    for tick_ms in [MINUTE, 20_000] {
        let (max_ahead_ms, incident_life_ms) = (48 * 60 * MINUTE, 40 * MINUTE);
        let settings = Settings { tick_ms, max_ahead_ms, incident_life_ms, ..Settings::default() };
        for life in lives(&settings) {
            life.check_last_tick(&settings);
        }
    }
}

#[test]
fn a_row_that_is_withdrawn_at_any_moment_was_never_sent() {
    let settings = Settings { tick_ms: MINUTE, incident_life_ms: 40 * MINUTE, ..Settings::default() };
    for life in lives(&settings) {
        let (arrived, end) = (life.row.arrived - START, life.ends(&settings));
        let step = (end - arrived) / 7 / MINUTE * MINUTE;
        life.check(&settings, (0..8).map(|i| arrived + i * step.max(MINUTE)));
    }
}

/// Settings that an engine accepts, of the size that feeds have.
fn accepted() -> impl Strategy<Value = Settings> {
    let minutes = |most: Time| (1..most).prop_map(|minutes| minutes * MINUTE);
    let lives = (minutes(30), minutes(30), minutes(90), minutes(50), minutes(50));
    (prop::sample::select(vec![7_000, 30_000, MINUTE]), minutes(25), minutes(12), lives).prop_map(
        |(tick_ms, retention_ms, traffic_window_ms, (vehicle, traffic, incident, weather, sensor))| Settings {
            tick_ms,
            retention_ms,
            traffic_window_ms,
            vehicle_life_ms: vehicle,
            traffic_life_ms: traffic,
            incident_life_ms: incident,
            weather_life_ms: weather,
            sensor_life_ms: sensor,
            ..Settings::default()
        },
    )
}

/// Who says what by which kind of message, when it comes, and by how much its event is ahead of that.
type Said = ((&'static str, Kind, Body), Time, i64);

/// A feed of all kinds, some of it late, some ahead of the clock.
fn feed() -> impl Strategy<Value = Vec<Reading<Instant>>> {
    let body = prop_oneof![
        6 => (prop::sample::select(vec!["v", "w"]), prop::option::of(0..60i64)).prop_map(|(device, speed)| (device, Kind::Gps, fix(speed))),
        1 => (0..60i64).prop_map(|speed| ("camera", Kind::Traffic, camera(speed))),
        1 => (-5..9i64, 0..3i64).prop_map(|(degrees, rain)| ("station", Kind::Weather, weather(degrees, rain))),
        1 => any::<bool>().prop_map(|over| ("police", Kind::Emergency, word(if over { ReportStatus::Resolved } else { ReportStatus::Active }))),
    ];
    let one = (body, 0..40 * MINUTE, prop_oneof![4 => -2_000i64..2_000, 1 => -1_500_000i64..600_000]);
    prop::collection::vec(one, 2..24).prop_map(|said| {
        let of = |(number, said): (u64, Said)| {
            let ((device, kind, body), arrived, ahead) = said;
            let time = arrived.saturating_add_signed(ahead);
            message(number, device, time, arrived, kind, body)
        };
        (1..).zip(said).map(of).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn so_it_is_in_any_feed_with_any_accepted_settings(messages in feed(), settings in accepted(), part in 0..1_000u64) {
        prop_assume!(settings.check().is_ok());
        let mut others = messages;
        let row = others.swap_remove(0);
        let life = Life { row, others };
        let arrived = life.row.arrived - START;
        let moment = arrived + (life.ends(&settings) - arrived) * part / 1_000;
        life.check(&settings, [moment]);
    }
}

#[test]
fn a_kind_is_remembered_for_as_long_as_the_one_who_counts_it_longest() {
    let settings = Settings::default();
    for kind in Kind::ALL {
        let declared: Vec<_> = DECLARED.iter().filter_map(|(_, declared)| declared(kind, &settings)).collect();
        let longest = |span: fn(&Horizon) -> Time| declared.iter().map(span).max().unwrap();
        let expected = Horizon {
            after_event: longest(|horizon| horizon.after_event),
            after_arrival: longest(|horizon| horizon.after_arrival),
        };
        assert_eq!(remembered(kind, &settings), expected, "{kind}");
        assert!(declared.len() > 1, "whatever comes is told from what comes again, and counted by someone: {kind}");
    }
}

#[test]
fn a_row_is_over_on_the_tick_after_the_later_of_its_ends() {
    let horizon = Horizon::of_event(100).or(Horizon::of_arrival(20));
    let ends = [(50, 60), (50, 131), (-900, 0), (50, Time::MAX)]
        .map(|(time, arrived)| horizon.ends(Millis(time), arrived, 10));
    assert_eq!(ends, [150, 160, 100, Time::MAX]);
    assert_eq!(horizon.ends_after_event(Millis(51), 10), 160);
    assert_eq!(horizon.later(5), Horizon::of_event(105).or(Horizon::of_arrival(25)));
    assert_eq!(
        Horizon::of_event(100).later(5),
        Horizon::of_event(105),
        "who does not count from a time does not later either"
    );
}

#[test]
fn no_row_comes_so_early_that_it_lives_longer_than_the_longest() {
    let settings = Settings { max_ahead_ms: 1_000, tick_ms: 10, ..Settings::default() };
    for horizon in
        [Horizon::of_event(100), Horizon::of_arrival(20), Horizon::of_event(100).or(Horizon::of_arrival(5_000))]
    {
        let latest = horizon.ends(Millis(8_001), 7_001, 10);
        assert!(latest - 7_001 <= horizon.longest(&settings), "{horizon:?}");
    }
}
