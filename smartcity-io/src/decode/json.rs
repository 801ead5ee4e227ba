//! The JSON of the five feeds and of generic sensors.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use smartcity_dataflow::model::{
    Body, CameraReading, Fix, Id, Instant, Kind, Millis, NameUse, Namespace, Quantity, Reading, Reason, Rejected,
    Report, ReportStatus, Sensor, Sky, Unit, Unusable, VehicleDetails, Weather,
};

use super::field::{Fault, Field, beginning};
use super::{Decoder, Message, NameBook, Stamp, TopicMap, UnknownTimeZone, timestamp, utc_offsets};
use crate::source::Batch;

/// Decodes the JSON messages of all kinds.
///
/// Every field may be absent or null, unknown fields are ignored, a number may be written as a text and a text as a
/// number. What a reading cannot do without, and what stands in for it:
///
/// | kind | must have | stands in |
/// |---|---|---|
/// | all | `id` | the message's key, then a hash of the message |
/// | all | `device_id` | sensors only: `station` |
/// | all | `timestamp` | withdrawals only: the time of arrival |
/// | vehicle, gps | `location` | |
/// | traffic | `speed`, `camera_id` | for the camera: `device_id` |
/// | emergency | `location`, `incidentId`, `incident_type`, `status` | the message's id, "unknown", active |
/// | sensor | `kind`, `value`, `unit` | for the unit: the usual one of the quantity |
///
/// A field that is there but cannot be read rejects the message, wherever the field is optional too: a broken value is
/// quarantined and seen, not dropped. Three are just not reported, since the rest of the reading is good: a direction in
/// unknown words; a direction in degrees that are not within 0 to 360; and a vehicle's speed that cannot be one, of which
/// the decoder leaves to the dataflow what fits its numbers. What a fix states in vain is in
/// [`Fix::unusable`](smartcity_dataflow::model::Fix::unusable).
///
/// A message is withdrawn by a tombstone (no value, the id as the key) or by `{"id": ..., "withdrawn": true}`. The
/// device of a withdrawal that names none is the message's id in the namespace of devices.
#[derive(Clone, Debug, Default)]
pub struct JsonDecoder {
    topics: Arc<TopicMap>,
    /// Offsets of the zone of timestamps without one; empty for UTC.
    offsets: Arc<[(i64, i64)]>,
    names: NameBook,
}

impl JsonDecoder {
    /// A decoder for these topics, that takes timestamps without an offset for UTC.
    pub fn new(topics: TopicMap) -> Self {
        Self { topics: Arc::new(topics), ..Self::default() }
    }

    /// The same, for timestamps without an offset that are local times of an IANA `zone`.
    ///
    /// The zone only drives the clock of a recording ([`RecordedClock`](super::RecordedClock)): readings keep the time
    /// as the message states it.
    ///
    /// # Errors
    ///
    /// [`UnknownTimeZone`] where the system does not know the zone.
    pub fn in_time_zone(mut self, zone: &str) -> Result<Self, UnknownTimeZone> {
        self.offsets = utc_offsets(zone)?.into();
        Ok(self)
    }
}

/// All fields of all kinds, by their names on the wire.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fields<'a> {
    #[serde(borrow)]
    id: Field<'a>,
    #[serde(borrow)]
    device_id: Field<'a>,
    #[serde(borrow)]
    timestamp: Field<'a>,
    #[serde(borrow)]
    location: Field<'a>,
    #[serde(borrow)]
    withdrawn: Field<'a>,
    #[serde(borrow)]
    speed: Field<'a>,
    #[serde(borrow)]
    direction: Field<'a>,
    #[serde(borrow)]
    make: Field<'a>,
    #[serde(borrow)]
    model: Field<'a>,
    #[serde(borrow)]
    year: Field<'a>,
    #[serde(borrow)]
    fuel_type: Field<'a>,
    #[serde(borrow)]
    vehicle_type: Field<'a>,
    #[serde(borrow)]
    camera_id: Field<'a>,
    #[serde(borrow)]
    temperature: Field<'a>,
    #[serde(borrow)]
    weather_condition: Field<'a>,
    #[serde(borrow)]
    humidity: Field<'a>,
    #[serde(borrow)]
    wind_speed: Field<'a>,
    #[serde(borrow)]
    precipitation: Field<'a>,
    #[serde(borrow, rename = "airQualityIndex")]
    air_quality_index: Field<'a>,
    #[serde(borrow, rename = "incidentId")]
    incident_id: Field<'a>,
    #[serde(borrow)]
    incident_type: Field<'a>,
    #[serde(borrow)]
    status: Field<'a>,
    #[serde(borrow)]
    description: Field<'a>,
    #[serde(borrow)]
    station: Field<'a>,
    #[serde(borrow)]
    kind: Field<'a>,
    #[serde(borrow)]
    value: Field<'a>,
    #[serde(borrow)]
    unit: Field<'a>,
}

impl Decoder for JsonDecoder {
    fn decode(&mut self, message: &Message<'_>, batch: &mut Batch) {
        let kind = self.topics.kind(message.topic);
        let said_before = batch.names.len();
        match self.reading(kind, message, &mut batch.names) {
            Ok(reading) => batch.readings.push(reading),
            Err(fault) => {
                self.names.unsay(batch.names.drain(said_before..));
                batch.rejected.push(reject(fault, kind, message));
            }
        }
    }
}

fn reject(fault: Fault, kind: Option<Kind>, message: &Message<'_>) -> Rejected {
    let detail = match message.value {
        Some(value) => format!("{}; message: {}", fault.detail, beginning(value, 120)),
        None => fault.detail,
    };
    Rejected {
        arrived: message.arrival.stamp(None).arrived,
        origin: message.origin,
        kind,
        reason: fault.reason,
        detail: detail.into(),
    }
}

/// The fields of a message; `None` for a tombstone.
fn parse<'a>(value: Option<&'a [u8]>) -> Result<Option<(Fields<'a>, &'a str)>, Fault> {
    let Some(value) = value else { return Ok(None) };
    let malformed = |detail: String| Fault::new(Reason::Malformed, detail);
    let text = std::str::from_utf8(value).map_err(|error| malformed(format!("not UTF-8: {error}")))?;
    match text.trim_start().as_bytes().first() {
        Some(b'{') => (),
        Some(b'n') if text.trim() == "null" => return Ok(None),
        Some(_) => return Err(malformed("not a JSON object".to_owned())),
        None => return Err(malformed("empty".to_owned())),
    }
    let fields = serde_json::from_str(text).map_err(|error| {
        let detail = error.to_string();
        // serde_json knows no category of its own for a number that no f64 holds, such as 1e400.
        let reason = if detail.starts_with("number out of range") { Reason::BadNumber } else { Reason::Malformed };
        Fault::new(reason, format!("not a JSON object of known fields: {detail}"))
    })?;
    Ok(Some((fields, text)))
}

/// The message's key as text.
fn key<'a>(message: &Message<'a>) -> Option<&'a str> {
    let key = std::str::from_utf8(message.key?).ok()?.trim();
    (!key.is_empty()).then_some(key)
}

impl JsonDecoder {
    /// The reading of a message. The names it said before a fault was found are for the caller to unsay.
    fn reading(
        &mut self,
        kind: Option<Kind>,
        message: &Message<'_>,
        names: &mut Vec<NameUse>,
    ) -> Result<Reading<Instant>, Fault> {
        let kind = kind.ok_or_else(|| {
            Fault::wrong(Reason::UnknownTopic, "topic", format_args!("{:?}", message.topic), "a configured topic")
        })?;
        let (fields, text) = parse(message.value)?.unwrap_or_default();
        let is_tombstone = text.is_empty();
        let given_id = fields.id.text("id")?.or(key(message).map(Cow::Borrowed));
        if is_tombstone || fields.withdrawn.flag("withdrawn")? {
            let id =
                given_id.ok_or_else(|| Fault::missing("id", "the id of the withdrawn message, or it as the key"))?;
            return self.withdrawal(kind, &id, &fields, message, names);
        }

        let id = given_id.unwrap_or(Cow::Borrowed(text));
        let mut device = fields.device_id.text("device_id")?;
        if kind == Kind::Sensor && device.is_none() {
            device = fields.station.text("station")?;
        }
        let device = device.ok_or_else(|| Fault::missing("device_id", "the id of the sender"))?;
        let time = fields.timestamp.instant("timestamp")?;
        let time = time.ok_or_else(|| Fault::missing("timestamp", timestamp::EXPECTED))?;
        let place = fields.location.place("location")?;
        if place.is_none() && matches!(kind, Kind::Vehicle | Kind::Gps | Kind::Emergency) {
            return Err(Fault::missing("location", "[latitude, longitude] in degrees"));
        }
        let at = message.arrival.stamp(Some(self.utc_millis(time)));
        let mut speaker = Speaker { book: &mut self.names, kind, at, names };
        let body = match kind {
            Kind::Vehicle | Kind::Gps => fix(&fields, &mut speaker)?,
            Kind::Traffic => camera(&fields, &device, &mut speaker)?,
            Kind::Weather => weather(&fields, &mut speaker)?,
            Kind::Emergency => report(&fields, &id, &mut speaker)?,
            Kind::Sensor => sensor(&fields, &mut speaker)?,
        };
        Ok(Reading {
            time,
            origin: message.origin,
            kind,
            id: Id::new(Namespace::Message, &id),
            device: speaker.id(Namespace::Device, &device),
            arrived: at.arrived,
            place,
            body,
        })
    }

    fn withdrawal(
        &mut self,
        kind: Kind,
        id: &str,
        fields: &Fields<'_>,
        message: &Message<'_>,
        names: &mut Vec<NameUse>,
    ) -> Result<Reading<Instant>, Fault> {
        let time = fields.timestamp.instant("timestamp")?;
        let place = fields.location.place("location")?;
        let device = fields.device_id.text("device_id")?;
        let at = message.arrival.stamp(time.map(|time| self.utc_millis(time)));
        let arrived = Instant::Utc(Millis(i64::try_from(at.clock).unwrap_or(i64::MAX)));
        Ok(Reading {
            time: time.unwrap_or(arrived),
            origin: message.origin,
            kind,
            id: Id::new(Namespace::Message, id),
            device: match device {
                Some(device) => self.names.id(kind, Namespace::Device, &device, at, names),
                None => Id::new(Namespace::Device, id),
            },
            arrived: at.arrived,
            place,
            body: Body::Withdrawn,
        })
    }

    fn utc_millis(&self, time: Instant) -> i64 {
        match time {
            Instant::Utc(millis) => millis.0,
            Instant::Local(millis) => {
                let next = self.offsets.partition_point(|&(from, _)| from <= millis.0);
                millis.0 - next.checked_sub(1).map_or(0, |row| self.offsets[row].1)
            }
        }
    }
}

/// Says the names of one message.
struct Speaker<'a> {
    book: &'a mut NameBook,
    kind: Kind,
    at: Stamp,
    names: &'a mut Vec<NameUse>,
}

impl Speaker<'_> {
    fn id(&mut self, namespace: Namespace, text: &str) -> Id {
        self.book.id(self.kind, namespace, text, self.at, self.names)
    }

    fn class_of(&mut self, word: &str) -> Id {
        self.book.class(self.kind, word, self.at, self.names)
    }

    /// The id of a text as it is written.
    fn text(&mut self, name: &str, field: &Field<'_>) -> Result<Option<Id>, Fault> {
        Ok(field.text(name)?.map(|text| self.id(Namespace::Text, &text)))
    }

    /// The id of a word that classifies.
    fn class(&mut self, name: &str, field: &Field<'_>) -> Result<Option<Id>, Fault> {
        Ok(field.text(name)?.map(|word| self.class_of(&word)))
    }
}

fn fix(fields: &Fields<'_>, speaker: &mut Speaker<'_>) -> Result<Body, Fault> {
    let details = VehicleDetails {
        make: speaker.text("make", &fields.make)?,
        model: speaker.text("model", &fields.model)?,
        year: fields.year.year("year")?,
        fuel: speaker.class("fuel_type", &fields.fuel_type)?,
    };
    let (speed, heading) = (fields.speed.speed("speed")?, fields.direction.heading("direction")?);
    Ok(Body::Fix(Fix {
        speed: speed.value,
        heading: heading.value,
        vehicle_type: speaker.class("vehicle_type", &fields.vehicle_type)?,
        details: (details != VehicleDetails::default()).then_some(details),
        unusable: Unusable { speed: speed.is_unusable, heading: heading.is_unusable },
    }))
}

fn camera(fields: &Fields<'_>, device: &str, speaker: &mut Speaker<'_>) -> Result<Body, Fault> {
    let camera = fields.camera_id.text("camera_id")?;
    Ok(Body::Camera(CameraReading {
        camera: speaker.id(Namespace::Camera, camera.as_deref().unwrap_or(device)),
        speed: fields.speed.kmh("speed")?.ok_or_else(|| Fault::missing("speed", "a number of km/h"))?,
        heading: fields.direction.heading("direction")?.value,
    }))
}

fn weather(fields: &Fields<'_>, speaker: &mut Speaker<'_>) -> Result<Body, Fault> {
    let word = fields.weather_condition.text("weather_condition")?;
    Ok(Body::Weather(Weather {
        temperature: fields.temperature.milli("temperature", "a number of °C")?,
        sky: match word.as_deref() {
            Some(word) => Sky::from_word(word).or_else(|| Some(Sky::Other(speaker.class_of(word)))),
            None => None,
        },
        humidity: fields.humidity.milli("humidity", "a number of %")?,
        wind: fields.wind_speed.kmh("wind_speed")?,
        precipitation: fields.precipitation.milli("precipitation", "a number of mm")?,
        air_quality_index: fields.air_quality_index.milli("airQualityIndex", "a number from 0 to 500")?,
    }))
}

fn report(fields: &Fields<'_>, id: &str, speaker: &mut Speaker<'_>) -> Result<Body, Fault> {
    let incident = fields.incident_id.text("incidentId")?;
    let status = match fields.status.text("status")? {
        Some(word) => ReportStatus::from_word(&word)
            .ok_or_else(|| Fault::wrong(Reason::WrongType, "status", &fields.status, "Active, Pending or Resolved"))?,
        None => ReportStatus::Active,
    };
    Ok(Body::Report(Report {
        incident: speaker.id(Namespace::Incident, incident.as_deref().unwrap_or(id)),
        incident_type: match speaker.class("incident_type", &fields.incident_type)? {
            Some(incident_type) => incident_type,
            None => speaker.class_of("unknown"),
        },
        status,
        description: speaker.text("description", &fields.description)?,
    }))
}

fn sensor(fields: &Fields<'_>, speaker: &mut Speaker<'_>) -> Result<Body, Fault> {
    let word = fields.kind.text("kind")?;
    let word = word.ok_or_else(|| Fault::missing("kind", "what was measured, such as noise or pm25"))?;
    let value = fields.value.milli("value", "a number")?;
    let value = value.ok_or_else(|| Fault::missing("value", "a number"))?;
    let quantity = Quantity::from_word(&word).unwrap_or_else(|| Quantity::Other(speaker.class_of(&word)));
    let unit = match fields.unit.text("unit")? {
        Some(symbol) => Unit::from_symbol(&symbol).unwrap_or_else(|| Unit::Other(speaker.id(Namespace::Text, &symbol))),
        None => usual_unit(quantity),
    };
    Ok(Body::Sensor(Sensor { quantity, value, unit }))
}

/// The unit of a value that comes without one: what the common instruments of the quantity report.
fn usual_unit(quantity: Quantity) -> Unit {
    match quantity {
        Quantity::Noise => Unit::Decibel,
        Quantity::Parking | Quantity::LoopOccupancy => Unit::Percent,
        Quantity::LoopSpeed => Unit::Kmh,
        Quantity::Pm25 | Quantity::Pm10 => Unit::MicrogramsPerCubicMetre,
        Quantity::O3 | Quantity::No2 | Quantity::So2 => Unit::PartsPerBillion,
        Quantity::Co => Unit::PartsPerMillion,
        Quantity::LoopCount | Quantity::Other(_) => Unit::Count,
    }
}
