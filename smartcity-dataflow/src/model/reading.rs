//! Readings: what a sensor said, typed. A decoder makes them from bytes; `validate` and `normalise` make them fit to use.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Heading, Id, Kmh, Milli, Millis, Name, Point};
use crate::Time;

/// Which feed a reading came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A vehicle's own report (`vehicle_data`).
    Vehicle,
    /// A position fix (`gps_data`).
    Gps,
    /// A traffic camera's speed (`traffic_camera_data`).
    Traffic,
    /// A weather station (`weather_data`).
    Weather,
    /// An emergency report (`emergency_incident_data`).
    Emergency,
    /// Any other sensor: noise, parking, loops, air pollutants (`sensor_data`).
    Sensor,
}

impl Kind {
    /// Every kind, in the order of the contract.
    pub const ALL: [Self; 6] = [Self::Vehicle, Self::Gps, Self::Traffic, Self::Weather, Self::Emergency, Self::Sensor];

    /// The name of the kind, as views show it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vehicle => "vehicle",
            Self::Gps => "gps",
            Self::Traffic => "traffic",
            Self::Weather => "weather",
            Self::Emergency => "emergency",
            Self::Sensor => "sensor",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a message was read: the place to look it up again, and the last tie-break between equal readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// The configured source.
    pub source: Id,
    /// Partition of a topic, or file of a directory.
    pub partition: u32,
    /// Offset in the partition, or line of the file.
    pub offset: u64,
}

/// A time as a message states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Instant {
    /// With an offset, so already UTC.
    Utc(Millis),
    /// Without one: the clock on the producer's wall. `normalise` finds its UTC.
    Local(Millis),
}

/// One reading. `T` is [`Instant`] as decoded and [`Millis`] once normalised; `B` is what it may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Reading<T = Millis, B = Body> {
    /// Event time: when the sensor says it was so. First, so that readings sort by it.
    pub time: T,
    /// Where it was read.
    pub origin: Origin,
    /// Which feed it came by.
    pub kind: Kind,
    /// The message's id; with `kind` the deduplication key.
    pub id: Id,
    /// Who sent it.
    pub device: Id,
    /// Engine tick at which it was learnt.
    pub arrived: Time,
    /// Where the sensor was, if it said so.
    pub place: Option<Point>,
    /// What it said.
    pub body: B,
}

impl<B> Reading<Millis, B> {
    /// How long after the event the engine learnt of it, in milliseconds; negative for an event in the future.
    pub fn lag(&self) -> i64 {
        i64::try_from(self.arrived).unwrap_or(i64::MAX).saturating_sub(self.time.0)
    }

    /// What tells its message from others: kind and id in 64 bits, as unlikely to collide as ids are.
    pub fn key(&self) -> u64 {
        const KINDS_APART: u64 = 0xd1b5_4a32_d192_ed03; // an odd number of many bits
        self.id.get() ^ (self.kind as u64).wrapping_mul(KINDS_APART)
    }

    /// The reading with another body.
    pub fn with<C>(self, body: C) -> Reading<Millis, C> {
        let Self { time, origin, kind, id, device, arrived, place, .. } = self;
        Reading { time, origin, kind, id, device, arrived, place, body }
    }
}

/// An accepted reading at its place in the city, as the city was when the reading came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Placed<B = Body> {
    /// The reading. First, so that placed readings sort by event time too.
    pub reading: Reading<Millis, B>,
    /// The segment a vehicle or camera is on, where one is near enough.
    pub segment: Option<Id>,
    /// The named road of that segment.
    pub road: Option<Id>,
    /// The zone the reading's place lies in.
    pub zone: Option<Id>,
}

impl Placed {
    /// The reading, if `pick` finds in it what it looks for.
    pub fn only<B>(self, pick: impl FnOnce(Body) -> Option<B>) -> Option<Placed<B>> {
        let Self { reading, segment, road, zone } = self;
        let body = pick(reading.body)?;
        Some(Placed { reading: reading.with(body), segment, road, zone })
    }
}

/// What a reading says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Body {
    /// A vehicle's position.
    Fix(Fix),
    /// A camera's view of the traffic.
    Camera(Camera),
    /// The weather at a station.
    Weather(Weather),
    /// An emergency.
    Report(Report),
    /// One quantity at a station.
    Sensor(Sensor),
    /// The message of this kind and id is withdrawn: as if it had never been sent.
    Withdrawn,
}

/// A vehicle's motion, with what is known of the vehicle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fix {
    /// Reported speed.
    pub speed: Option<Kmh>,
    /// Reported heading.
    pub heading: Option<Heading>,
    /// What sort of vehicle: private, bus, ambulance, ...
    pub vehicle_type: Option<Id>,
    /// Make and model, where the vehicle reports itself.
    pub details: Option<VehicleDetails>,
    /// What the message stated and what cannot be, so that it counts as not reported.
    pub unusable: Unusable,
}

/// What a vehicle's message stated and what cannot be: -1, 511, 65535 and other numbers that senders write for "not known".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Unusable {
    /// A speed below 0 or above 500 km/h.
    pub speed: bool,
    /// A heading below 0 or above 360 degrees.
    pub heading: bool,
}

/// What a vehicle says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VehicleDetails {
    /// Maker.
    pub make: Option<Id>,
    /// Model.
    pub model: Option<Id>,
    /// Model year.
    pub year: Option<u16>,
    /// Petrol, diesel, hybrid, electric, ...
    pub fuel: Option<Id>,
}

/// A spot speed at a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Camera {
    /// The camera.
    pub camera: Id,
    /// Mean spot speed of the vehicles it saw.
    pub speed: Kmh,
    /// Where it looks.
    pub heading: Option<Heading>,
}

/// The sky over a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sky {
    /// No cloud worth a word.
    Clear,
    /// Overcast.
    Clouds,
    /// Rain or drizzle.
    Rain,
    /// Snow or sleet.
    Snow,
    /// Fog or mist.
    Fog,
    /// Thunderstorm.
    Storm,
    /// A word that is none of these.
    Other(Id),
}

impl Sky {
    /// The condition a word means, in any case; `None` for a word that means none of them.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "clear" | "sunny" => Self::Clear,
            "clouds" | "cloudy" | "overcast" => Self::Clouds,
            "rain" | "rainy" | "drizzle" => Self::Rain,
            "snow" | "snowy" | "sleet" => Self::Snow,
            "fog" | "foggy" | "mist" => Self::Fog,
            "storm" | "stormy" | "thunderstorm" => Self::Storm,
            _ => return None,
        })
    }

    /// The condition's word as the contract writes it ("Clear", "Rain", ...); `None` for another word.
    pub fn word(self) -> Option<&'static str> {
        Some(match self {
            Self::Clear => "Clear",
            Self::Clouds => "Clouds",
            Self::Rain => "Rain",
            Self::Snow => "Snow",
            Self::Fog => "Fog",
            Self::Storm => "Storm",
            Self::Other(_) => return None,
        })
    }
}

/// The weather at a station; every quantity may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Weather {
    /// Air temperature, °C.
    pub temperature: Option<Milli>,
    /// Sky and precipitation kind.
    pub sky: Option<Sky>,
    /// Relative humidity, %.
    pub humidity: Option<Milli>,
    /// Wind speed, km/h.
    pub wind: Option<Kmh>,
    /// Precipitation, mm in the last hour.
    pub precipitation: Option<Milli>,
    /// Air quality index as the station computed it, 0 to 500.
    pub air_quality_index: Option<Milli>,
}

/// Whether a reported emergency goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportStatus {
    /// It goes on.
    Active,
    /// Reported, not confirmed.
    Pending,
    /// It is over.
    Resolved,
}

impl ReportStatus {
    /// The status a word means, in any case.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "active" | "open" => Self::Active,
            "pending" => Self::Pending,
            "resolved" | "closed" => Self::Resolved,
            _ => return None,
        })
    }
}

/// A report of an emergency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Report {
    /// The reporter's number of it.
    pub incident: Id,
    /// What sort: the lower-cased word of the message ("accident", "theft", ...).
    pub incident_type: Id,
    /// Whether it goes on.
    pub status: ReportStatus,
    /// The reporter's words.
    pub description: Option<Id>,
}

/// A message spoke of something by its name.
///
/// Who makes readings says a name with the first message of a kind that uses it, and again once
/// [`NAME_BUCKET_MS`](crate::city::statics::NAME_BUCKET_MS) have passed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NameUse {
    /// Engine tick at which it was learnt.
    pub at: Time,
    /// The kind of the message: how long what it says can be shown.
    pub kind: Kind,
    /// The name.
    pub name: Name,
}

/// A physical quantity that a generic sensor reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Sound level.
    Noise,
    /// Share of parking bays in use.
    Parking,
    /// Vehicles over a loop.
    LoopCount,
    /// Share of time a loop is covered.
    LoopOccupancy,
    /// Speed over a loop.
    LoopSpeed,
    /// Fine particles.
    Pm25,
    /// Coarse particles.
    Pm10,
    /// Ozone.
    O3,
    /// Nitrogen dioxide.
    No2,
    /// Sulphur dioxide.
    So2,
    /// Carbon monoxide.
    Co,
    /// Any other, by its name.
    Other(Id),
}

impl Quantity {
    /// The quantity a word means, in any case and with any of the usual spellings; `None` for another word.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().replace(['.', '-', ' '], "_").as_str() {
            "noise" | "laeq" | "sound" => Self::Noise,
            "parking" | "parking_occupancy" => Self::Parking,
            "loop" | "loop_count" | "flow" => Self::LoopCount,
            "loop_occupancy" | "occupancy" => Self::LoopOccupancy,
            "loop_speed" => Self::LoopSpeed,
            "pm25" | "pm2_5" => Self::Pm25,
            "pm10" => Self::Pm10,
            "o3" | "ozone" => Self::O3,
            "no2" => Self::No2,
            "so2" => Self::So2,
            "co" => Self::Co,
            _ => return None,
        })
    }
}

/// The unit of a sensor's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A-weighted decibels.
    Decibel,
    /// Per cent.
    Percent,
    /// A number of things.
    Count,
    /// Kilometres per hour.
    Kmh,
    /// Micrograms per cubic metre.
    MicrogramsPerCubicMetre,
    /// Milligrams per cubic metre.
    MilligramsPerCubicMetre,
    /// Parts per billion by volume.
    PartsPerBillion,
    /// Parts per million by volume.
    PartsPerMillion,
    /// Any other, by its name.
    Other(Id),
}

impl Unit {
    /// The unit a symbol means, in any case and with any of the usual spellings; `None` for another.
    pub fn from_symbol(symbol: &str) -> Option<Self> {
        Some(match symbol.to_lowercase().replace(['³', '^'], "3").replace("33", "3").as_str() {
            "db" | "dba" | "db(a)" => Self::Decibel,
            "%" | "percent" => Self::Percent,
            "" | "count" | "n" | "veh" => Self::Count,
            "km/h" | "kmh" => Self::Kmh,
            "µg/m3" | "μg/m3" | "ug/m3" => Self::MicrogramsPerCubicMetre,
            "mg/m3" => Self::MilligramsPerCubicMetre,
            "ppb" => Self::PartsPerBillion,
            "ppm" => Self::PartsPerMillion,
            _ => return None,
        })
    }
}

/// One quantity at a station; the reading's device is the station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sensor {
    /// What was measured.
    pub quantity: Quantity,
    /// The value, in thousandths of `unit`.
    pub value: Milli,
    /// Its unit.
    pub unit: Unit,
}

/// Why a message was not accepted. The code is stable; the words are in [`Rejected::detail`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Not UTF-8, not JSON, or not an object.
    Malformed,
    /// A topic that no decoder knows.
    UnknownTopic,
    /// A field has the wrong type.
    WrongType,
    /// A field that the reading cannot do without is absent or null.
    MissingField,
    /// A timestamp that is none.
    BadTimestamp,
    /// Not finite, or too large for a fixed-point number.
    BadNumber,
    /// A latitude or longitude that is not on earth.
    OffEarth,
    /// Latitude and longitude are both zero: a receiver without a fix.
    NullIsland,
    /// A camera's speed below 0 or above 500 km/h. Of a vehicle it is only [not reported](Unusable).
    SpeedOutOfRange,
    /// A weather or sensor value that nature does not reach.
    ValueOutOfRange,
    /// An event further ahead of the clock than the setting allows.
    TooFarAhead,
    /// An event before 2000, from a clock that was never set.
    ClockNotSet,
}

/// A message that was not accepted, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rejected {
    /// Engine tick at which it was learnt.
    pub arrived: Time,
    /// Where it was read.
    pub origin: Origin,
    /// Which feed it came by; `None` where the topic says none.
    pub kind: Option<Kind>,
    /// Why it was not accepted.
    pub reason: Reason,
    /// What was wrong, in words, with the beginning of the message where there is one.
    pub detail: Arc<str>,
}
