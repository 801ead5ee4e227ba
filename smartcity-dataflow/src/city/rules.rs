//! Which readings are fit to use, and in which units and time do they speak?
//!
//! [`check`] makes a reading as decoded into one that every capability can use, or says why it cannot be used. It is a
//! function of the reading and the settings alone, for [`validate`](crate::operators::validate):
//!
//! | rule | limits | reason |
//! |---|---|---|
//! | the place is on earth, and not where a receiver without a fix puts it | ±90°, ±180°, not (0, 0) | `OffEarth`, `NullIsland` |
//! | the speed at a camera | 0 to 500 km/h | `SpeedOutOfRange` |
//! | what a station measured | [`weather_limits`], [`sensor_limits`] | `ValueOutOfRange` |
//! | the unit is one of the quantity | see [`units`](crate::city::units) | `WrongType` |
//! | the sender's clock was set | from 2000 on | `ClockNotSet` |
//! | the event is not too far ahead | `max_ahead_ms` after `arrived` | `TooFarAhead` |
//!
//! The limits are our own choice: wide enough for every record ever measured, narrow enough to catch a wrong unit or a
//! broken sensor.
//!
//! A vehicle's speed out of these limits is no reason to lose the vehicle's place: it counts as not reported, and
//! [`Unusable`](crate::model::Unusable) says so.
//!
//! A withdrawal is held to none of these rules, because what it withdraws must not stay for want of a good timestamp: where
//! its time breaks a rule it counts as that of its arrival, and its place is dropped.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::units::canonical;
use crate::Settings;
use crate::model::{
    Body, Fix, Instant, Kmh, Milli, Millis, Point, Quantity, Reading, Reason, Rejected, Sensor, UtcOffsets, Weather,
};

/// 2000-01-01T00:00:00Z: no event is older.
pub const FIRST_EVENT: Millis = Millis(946_684_800_000);

/// Speeds that vehicles and cameras may report.
pub const SPEEDS: RangeInclusive<Kmh> = Kmh(0)..=Kmh(500_000);

/// The reading in UTC and canonical units, or why it is not accepted. `arrived` stays as it is.
///
/// The rules are tried in the order of the table above; the first that is broken gives the reason.
///
/// ```
/// use smartcity_dataflow::city::rules::check;
/// use smartcity_dataflow::model::*;
/// let reading = Reading {
///     time: Instant::Local(Millis(1_700_000_000_000)),
///     origin: Origin { source: Id::new(Namespace::Source, "kafka"), partition: 0, offset: 7 },
///     kind: Kind::Sensor,
///     id: Id::new(Namespace::Message, "1"),
///     device: Id::new(Namespace::Device, "station"),
///     arrived: 1_700_000_000_000,
///     place: None,
///     body: Body::Sensor(Sensor { quantity: Quantity::Pm25, value: Milli(12), unit: Unit::MilligramsPerCubicMetre }),
/// };
/// let hour_ahead = UtcOffsets::new([(0, 3_600_000)]);
/// let accepted = check(reading, &Default::default(), &hour_ahead).unwrap();
/// assert_eq!(accepted.time, Millis(1_699_996_400_000));
/// let micrograms = Sensor { quantity: Quantity::Pm25, value: Milli(12_000), unit: Unit::MicrogramsPerCubicMetre };
/// assert_eq!(accepted.body, Body::Sensor(micrograms));
///
/// let nowhere = Reading { place: Some(Point::default()), ..reading };
/// assert_eq!(check(nowhere, &Default::default(), &hour_ahead).unwrap_err().reason, Reason::NullIsland);
/// ```
///
/// # Errors
///
/// The reading as a row of the quarantine: the reason, and in words which field, which value and what was expected.
pub fn check(reading: Reading<Instant>, settings: &Settings, offsets: &UtcOffsets) -> Result<Reading, Rejected> {
    let time = match reading.time {
        Instant::Utc(time) => time,
        Instant::Local(local) => offsets.to_utc(local),
    };
    let Reading { origin, kind, id, device, arrived, .. } = reading;
    let verdict = if reading.body == Body::Withdrawn {
        let time =
            check_time(time, arrived, settings).map_or(Millis(arrived.try_into().unwrap_or(i64::MAX)), |()| time);
        Ok((time, None, Body::Withdrawn))
    } else {
        check_place(reading.place)
            .and_then(|()| check_body(reading.body))
            .and_then(|body| check_time(time, arrived, settings).map(|()| (time, reading.place, body)))
    };
    match verdict {
        Ok((time, place, body)) => Ok(Reading { time, origin, kind, id, device, arrived, place, body }),
        Err(Broken { reason, detail }) => {
            Err(Rejected { arrived, origin, kind: Some(kind), reason, detail: detail.into() })
        }
    }
}

/// A broken rule.
struct Broken {
    reason: Reason,
    detail: String,
}

fn check_place(place: Option<Point>) -> Result<(), Broken> {
    let Some(place) = place else {
        return Ok(());
    };
    let (lat, lon) = place.degrees();
    if !(-900_000_000..=900_000_000).contains(&place.lat) || !(-1_800_000_000..=1_800_000_000).contains(&place.lon) {
        let detail = format!("location: latitude {lat}, longitude {lon} is not on earth");
        return Err(Broken { reason: Reason::OffEarth, detail });
    }
    if place == Point::default() {
        let detail = "location: latitude and longitude are both 0, as of a receiver without a fix".to_owned();
        return Err(Broken { reason: Reason::NullIsland, detail });
    }
    Ok(())
}

fn check_time(time: Millis, arrived: crate::Time, settings: &Settings) -> Result<(), Broken> {
    if time < FIRST_EVENT {
        let detail = format!("timestamp: {} ms since 1970 is before 2000, as of a clock that was never set", time.0);
        return Err(Broken { reason: Reason::ClockNotSet, detail });
    }
    let ahead = i128::from(time.0) - i128::from(arrived);
    if ahead > i128::from(settings.max_ahead_ms) {
        let detail = format!(
            "timestamp: {ahead} ms ahead of the engine's clock; {} ms are allowed (is it another time zone's?)",
            settings.max_ahead_ms
        );
        return Err(Broken { reason: Reason::TooFarAhead, detail });
    }
    Ok(())
}

fn check_body(body: Body) -> Result<Body, Broken> {
    match body {
        Body::Fix(fix) => return Ok(Body::Fix(without_impossible_speed(fix))),
        Body::Camera(camera) => check_speed(camera.speed)?,
        Body::Weather(weather) => check_weather(&weather)?,
        Body::Sensor(sensor) => return check_sensor(sensor).map(Body::Sensor),
        Body::Report(_) | Body::Withdrawn => {}
    }
    Ok(body)
}

/// The fix, with a speed that no vehicle has as one that was not reported.
fn without_impossible_speed(mut fix: Fix) -> Fix {
    if fix.speed.take_if(|speed| !SPEEDS.contains(speed)).is_some() {
        fix.unusable.speed = true;
    }
    fix
}

fn check_speed(speed: Kmh) -> Result<(), Broken> {
    if SPEEDS.contains(&speed) {
        return Ok(());
    }
    let detail = out_of_range("speed", speed.as_f64(), "km/h", SPEEDS.start().as_f64(), SPEEDS.end().as_f64());
    Err(Broken { reason: Reason::SpeedOutOfRange, detail })
}

/// What nature reaches: field, unit, least and greatest value in thousandths of the unit.
pub const fn weather_limits() -> [(&'static str, &'static str, RangeInclusive<i64>); 5] {
    [
        ("temperature", "°C", -90_000..=60_000),
        ("humidity", "%", 0..=100_000),
        ("wind_speed", "km/h", 0..=400_000),
        ("precipitation", "mm", 0..=500_000),
        ("airQualityIndex", "points", 0..=500_000),
    ]
}

fn check_weather(weather: &Weather) -> Result<(), Broken> {
    let Weather { temperature, sky: _, humidity, wind, precipitation, air_quality_index } = *weather;
    let values = [temperature, humidity, wind.map(|wind| Milli(wind.0)), precipitation, air_quality_index];
    for (value, (field, unit, limits)) in values.into_iter().zip(weather_limits()) {
        if let Some(value) = value {
            check_value(field, value, unit, limits)?;
        }
    }
    Ok(())
}

/// What a sensor can measure: unit, least and greatest value in thousandths of the canonical unit; `None` for a quantity
/// that is not known, any value of which is accepted.
pub const fn sensor_limits(quantity: Quantity) -> Option<(&'static str, RangeInclusive<i64>)> {
    Some(match quantity {
        Quantity::Noise => ("dB", -10_000..=200_000),
        Quantity::Parking | Quantity::LoopOccupancy => ("%", 0..=100_000),
        Quantity::LoopCount => ("vehicles", 0..=1_000_000_000_000),
        Quantity::LoopSpeed => ("km/h", 0..=500_000),
        Quantity::Pm25 | Quantity::Pm10 => ("µg/m³", 0..=1_000_000_000),
        Quantity::O3 | Quantity::No2 | Quantity::So2 => ("ppb", 0..=1_000_000_000),
        Quantity::Co => ("ppm", 0..=10_000_000),
        Quantity::Other(_) => return None,
    })
}

fn check_sensor(sensor: Sensor) -> Result<Sensor, Broken> {
    let Some(sensor) = canonical(sensor) else {
        let detail = format!("unit: {:?} is not a unit of {:?}", sensor.unit, sensor.quantity);
        return Err(Broken { reason: Reason::WrongType, detail });
    };
    if let Some((unit, limits)) = sensor_limits(sensor.quantity) {
        check_value("value", sensor.value, unit, limits)?;
    }
    Ok(sensor)
}

fn check_value(field: &str, value: Milli, unit: &str, limits: RangeInclusive<i64>) -> Result<(), Broken> {
    if limits.contains(&value.0) {
        return Ok(());
    }
    let (least, greatest) = (Milli(*limits.start()).as_f64(), Milli(*limits.end()).as_f64());
    let detail = out_of_range(field, value.as_f64(), unit, least, greatest);
    Err(Broken { reason: Reason::ValueOutOfRange, detail })
}

fn out_of_range(field: &str, value: impl Display, unit: &str, least: impl Display, greatest: impl Display) -> String {
    format!("{field}: {value} {unit} is not within {least} to {greatest}")
}

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(super) use tests::sensors;
