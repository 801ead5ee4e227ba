use expect_test::expect;
use proptest::prelude::*;

use super::*;
use crate::Time;
use crate::model::{CameraReading, Fix, Id, Kind, Namespace, Origin, Report, ReportStatus, Sky, Unit, Unusable};

/// 2026-11-23T14:00:00Z.
const NOW: i64 = 1_795_442_400_000;

fn reading(body: Body) -> Reading<Instant> {
    Reading {
        time: Instant::Utc(Millis(NOW)),
        origin: Origin { source: Id::new(Namespace::Source, "kafka"), partition: 1, offset: 7 },
        kind: Kind::Gps,
        id: Id::new(Namespace::Message, "m"),
        device: Id::new(Namespace::Device, "d"),
        arrived: NOW as Time,
        place: Some(Point { lat: 377_700_000, lon: -1_224_200_000 }),
        body,
    }
}

fn fix(speed: i64) -> Reading<Instant> {
    reading(Body::Fix(Fix { speed: Some(Kmh(speed)), ..Fix::default() }))
}

fn camera(speed: i64) -> Reading<Instant> {
    let camera = Id::new(Namespace::Camera, "c");
    reading(Body::Camera(CameraReading { camera, speed: Kmh(speed), heading: None }))
}

fn sensor(quantity: Quantity, value: i64, unit: Unit) -> Reading<Instant> {
    reading(Body::Sensor(Sensor { quantity, value: Milli(value), unit }))
}

fn weather(weather: Weather) -> Reading<Instant> {
    reading(Body::Weather(weather))
}

fn verdict(reading: Reading<Instant>) -> Result<Reading, Rejected> {
    check(reading, &Settings::default(), &UtcOffsets::default())
}

#[test]
fn what_is_rejected_says_which_field_which_value_and_what_was_expected() {
    let place = |lat, lon| Reading { place: Some(Point { lat, lon }), ..fix(0) };
    let time = |time| Reading { time: Instant::Utc(Millis(time)), ..fix(0) };
    let none = Weather::default();
    let broken = [
        place(0, 0),
        place(900_000_001, 5),
        place(5, -1_800_000_001),
        camera(-1),
        camera(500_001),
        camera(612_500),
        weather(Weather { temperature: Some(Milli(-90_001)), ..none }),
        weather(Weather { humidity: Some(Milli(100_001)), ..none }),
        weather(Weather { wind: Some(Kmh(400_001)), ..none }),
        weather(Weather { precipitation: Some(Milli(-1)), ..none }),
        weather(Weather { air_quality_index: Some(Milli(500_001)), ..none }),
        sensor(Quantity::Noise, 200_001, Unit::Decibel),
        sensor(Quantity::Parking, 100_001, Unit::Percent),
        sensor(Quantity::Pm25, -1, Unit::MicrogramsPerCubicMetre),
        sensor(Quantity::Co, 10_001_000, Unit::PartsPerMillion),
        sensor(Quantity::Pm25, 5, Unit::PartsPerBillion),
        time(FIRST_EVENT.0 - 1),
        time(NOW + 24 * 3_600_000 + 1),
    ];
    let said: Vec<_> = broken
        .into_iter()
        .map(|reading| {
            let Rejected { arrived, origin, kind, reason, detail } = verdict(reading).unwrap_err();
            assert_eq!((arrived, origin, kind), (reading.arrived, reading.origin, Some(reading.kind)));
            format!("{reason:?}: {detail}\n")
        })
        .collect();
    expect![[r#"
        NullIsland: location: latitude and longitude are both 0, as of a receiver without a fix
        OffEarth: location: latitude 90.0000001, longitude 0.0000005 is not on earth
        OffEarth: location: latitude 0.0000005, longitude -180.0000001 is not on earth
        SpeedOutOfRange: speed: -0.001 km/h is not within 0 to 500
        SpeedOutOfRange: speed: 500.001 km/h is not within 0 to 500
        SpeedOutOfRange: speed: 612.5 km/h is not within 0 to 500
        ValueOutOfRange: temperature: -90.001 °C is not within -90 to 60
        ValueOutOfRange: humidity: 100.001 % is not within 0 to 100
        ValueOutOfRange: wind_speed: 400.001 km/h is not within 0 to 400
        ValueOutOfRange: precipitation: -0.001 mm is not within 0 to 500
        ValueOutOfRange: airQualityIndex: 500.001 points is not within 0 to 500
        ValueOutOfRange: value: 200.001 dB is not within -10 to 200
        ValueOutOfRange: value: 100.001 % is not within 0 to 100
        ValueOutOfRange: value: -0.001 µg/m³ is not within 0 to 1000000
        ValueOutOfRange: value: 10001 ppm is not within 0 to 10000
        WrongType: unit: PartsPerBillion is not a unit of Pm25
        ClockNotSet: timestamp: 946684799999 ms since 1970 is before 2000, as of a clock that was never set
        TooFarAhead: timestamp: 86400001 ms ahead of the engine's clock; 86400000 ms are allowed (is it another time zone's?)
    "#]].assert_eq(&said.concat());
}

#[test]
fn the_limits_themselves_are_accepted() {
    let none = Weather::default();
    let time = |time| Reading { time: Instant::Utc(Millis(time)), ..fix(0) };
    for reading in [
        fix(0),
        fix(500_000),
        camera(0),
        camera(500_000),
        Reading { place: None, ..fix(0) },
        Reading { place: Some(Point { lat: 900_000_000, lon: -1_800_000_000 }), ..fix(0) },
        Reading { place: Some(Point { lat: 0, lon: 1 }), ..fix(0) },
        weather(Weather { temperature: Some(Milli(-90_000)), humidity: Some(Milli(100_000)), ..none }),
        weather(Weather { wind: Some(Kmh(400_000)), air_quality_index: Some(Milli(500_000)), ..none }),
        weather(Weather { precipitation: Some(Milli(500_000)), sky: Some(Sky::Rain), ..none }),
        sensor(Quantity::Noise, -10_000, Unit::Decibel),
        time(FIRST_EVENT.0),
        time(NOW + 24 * 3_600_000),
    ] {
        verdict(reading).unwrap();
    }
}

#[test]
fn a_fix_outlives_a_speed_that_cannot_be() {
    for speed in [-1_000, -1, 500_001, 511_000, 65_535_000, i64::MIN, i64::MAX] {
        let accepted = verdict(fix(speed)).unwrap();
        let unusable = Unusable { speed: true, heading: false };
        assert_eq!(accepted.body, Body::Fix(Fix { unusable, ..Fix::default() }), "{speed}");
        assert_eq!(accepted.place, fix(speed).place);
    }
    for speed in [0, 500_000] {
        let Body::Fix(fix) = verdict(fix(speed)).unwrap().body else { panic!("a fix") };
        assert_eq!((fix.speed, fix.unusable), (Some(Kmh(speed)), Unusable::default()));
    }
}

#[test]
fn values_are_judged_in_canonical_units() {
    // 20 mg/m³ of CO are 17.182 ppm; 20 as ppm would do too, 20 as µg/m³ would be next to nothing.
    let accepted = verdict(sensor(Quantity::Co, 20_000, Unit::MilligramsPerCubicMetre)).unwrap();
    let ppm = Sensor { quantity: Quantity::Co, value: Milli(17_182), unit: Unit::PartsPerMillion };
    assert_eq!(accepted.body, Body::Sensor(ppm));
    // 11,000 ppm is 1.1 %: too much; 11,000,000 ppb is the same.
    for (value, unit) in [(11_000_000, Unit::PartsPerMillion), (11_000_000_000, Unit::PartsPerBillion)] {
        assert_eq!(verdict(sensor(Quantity::Co, value, unit)).unwrap_err().reason, Reason::ValueOutOfRange);
    }
}

#[test]
fn a_local_time_is_judged_in_utc() {
    let hours = |hours: i64| hours * 3_600_000;
    let ahead = UtcOffsets::new([(0, hours(10))]);
    // 30 hours ahead by the wall's clock, 20 by UTC.
    let local = Reading { time: Instant::Local(Millis(NOW + hours(30))), ..fix(0) };
    assert_eq!(check(local, &Settings::default(), &ahead).unwrap().time, Millis(NOW + hours(20)));
    assert_eq!(verdict(local).unwrap_err().reason, Reason::TooFarAhead);
}

#[test]
fn a_withdrawal_is_accepted_whatever_its_time_and_place() {
    for time in [i64::MIN, 0, i64::MAX] {
        let withdrawal =
            Reading { time: Instant::Utc(Millis(time)), place: Some(Point::default()), ..reading(Body::Withdrawn) };
        let accepted = verdict(withdrawal).unwrap();
        assert_eq!((accepted.time, accepted.place, accepted.body), (Millis(NOW), None, Body::Withdrawn));
    }
    assert_eq!(
        verdict(Reading { time: Instant::Utc(Millis(NOW - 5)), ..reading(Body::Withdrawn) }).unwrap().time,
        Millis(NOW - 5)
    );
}

/// Any 64-bit number, most often a likely one, not seldom an extreme one.
fn number() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), 0..1_000_000i64, Just(0), Just(-1), Just(i64::MIN), Just(i64::MAX)]
}

fn quantity() -> impl Strategy<Value = Quantity> {
    use Quantity::*;
    let other = Other(Id::new(Namespace::Text, "pollen"));
    prop::sample::select(vec![Noise, Parking, LoopCount, LoopOccupancy, LoopSpeed, Pm25, Pm10, O3, No2, So2, Co, other])
}

fn unit() -> impl Strategy<Value = Unit> {
    use Unit::*;
    let other = Other(Id::new(Namespace::Text, "furlong"));
    prop::sample::select(vec![
        Decibel,
        Percent,
        Count,
        Kmh,
        MicrogramsPerCubicMetre,
        MilligramsPerCubicMetre,
        PartsPerBillion,
        PartsPerMillion,
        other,
    ])
}

/// Sensors of any quantity, unit and value.
pub(in crate::city) fn sensors() -> impl Strategy<Value = Sensor> {
    (quantity(), number(), unit()).prop_map(|(quantity, value, unit)| Sensor { quantity, value: Milli(value), unit })
}

fn bodies() -> impl Strategy<Value = Body> {
    let value = || prop::option::of(number());
    let fix = (value(), any::<bool>(), any::<bool>()).prop_map(|(speed, of_speed, heading)| {
        let unusable = Unusable { speed: of_speed, heading };
        Body::Fix(Fix { speed: speed.map(Kmh), unusable, ..Fix::default() })
    });
    let camera = number().prop_map(|speed| {
        Body::Camera(CameraReading { camera: Id::new(Namespace::Camera, "c"), speed: Kmh(speed), heading: None })
    });
    let weather = (value(), value(), value(), value(), value()).prop_map(|(a, b, c, d, e)| {
        Body::Weather(Weather {
            temperature: a.map(Milli),
            sky: None,
            humidity: b.map(Milli),
            wind: c.map(Kmh),
            precipitation: d.map(Milli),
            air_quality_index: e.map(Milli),
        })
    });
    let incident = Id::new(Namespace::Incident, "i");
    let report = Report { incident, incident_type: incident, status: ReportStatus::Active, description: None };
    prop_oneof![
        fix,
        camera,
        weather,
        sensors().prop_map(Body::Sensor),
        Just(Body::Report(report)),
        Just(Body::Withdrawn)
    ]
}

fn readings() -> impl Strategy<Value = Reading<Instant>> {
    let time = prop_oneof![3 => NOW - 100_000..NOW + 100_000, 1 => number()];
    let arrived = prop_oneof![3 => Just(NOW as Time), 1 => any::<Time>(), 1 => Just(Time::MAX)];
    let place = prop::option::of((any::<i32>(), any::<i32>()).prop_map(|(lat, lon)| Point { lat, lon }));
    (time, any::<bool>(), arrived, place, bodies()).prop_map(|(time, utc, arrived, place, body)| {
        let time = if utc { Instant::Utc(Millis(time)) } else { Instant::Local(Millis(time)) };
        Reading { time, arrived, place, ..reading(body) }
    })
}

fn zones() -> impl Strategy<Value = UtcOffsets> {
    prop::collection::vec((number(), number()), 0..3).prop_map(UtcOffsets::new)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Checking again what was accepted changes nothing; so accepted readings can be fed back from the lake.
    #[test]
    fn an_accepted_reading_is_accepted_again_as_it_is(reading in readings(), zone in zones(), max_ahead_ms: Time) {
        let settings = Settings { max_ahead_ms, ..Settings::default() };
        if let Ok(accepted) = check(reading, &settings, &zone) {
            let Reading { time, origin, kind, id, device, arrived, place, body } = accepted;
            let again = Reading { time: Instant::Utc(time), origin, kind, id, device, arrived, place, body };
            prop_assert_eq!(check(again, &settings, &zone), Ok(accepted));
            prop_assert_eq!((origin, kind, id, device, arrived), (reading.origin, reading.kind, reading.id, reading.device, reading.arrived));
        }
    }

    /// What was accepted keeps to the limits, whatever came in.
    #[test]
    fn an_accepted_reading_keeps_to_the_limits(reading in readings(), zone in zones()) {
        let Ok(accepted) = check(reading, &Settings::default(), &zone) else { return Ok(()) };
        if accepted.body != Body::Withdrawn {
            prop_assert!(accepted.time >= FIRST_EVENT);
            prop_assert!(i128::from(accepted.time.0) <= i128::from(accepted.arrived) + 24 * 3_600_000);
        }
        if let Some(place) = accepted.place {
            let (lat, lon) = place.degrees();
            prop_assert!(place != Point::default() && lat.abs() <= 90.0 && lon.abs() <= 180.0);
        }
        match accepted.body {
            Body::Fix(Fix { speed: Some(speed), .. }) | Body::Camera(CameraReading { speed, .. }) => {
                prop_assert!((0..=500_000).contains(&speed.0));
            }
            Body::Sensor(Sensor { quantity: Quantity::Parking, value, unit }) => {
                prop_assert!((0..=100_000).contains(&value.0) && unit == Unit::Percent);
            }
            _ => {}
        }
    }
}
