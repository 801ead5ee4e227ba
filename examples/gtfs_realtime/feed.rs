//! Polls of an agency's feed as a source.
//!
//! A file holds one poll: a `FeedMessage` of GTFS-realtime 2.0. Its *partition* is its place among the files, the *offset* of
//! a vehicle its place in the file. The rows of a poll arrive when its header says; where the header says nothing the
//! vehicles' own times move the clock.
//!
//! A poll repeats what every vehicle said last, so a vehicle and its timestamp are the id of a message: what comes again is
//! a duplicate. The source judges only what a reading cannot be built without; a place at (0, 0), a year 2080 and an
//! impossible speed are the pipeline's to judge.

use std::fs;
use std::path::PathBuf;

use prost::Message;
use smartcity::decode::{Arrival, NameBook, RecordedClock, Stamp};
use smartcity::model::{
    Body, Fix, Heading, Id, Instant, Kind, Kmh, Millis, Namespace, Origin, Point, Reading, Reason, Rejected, Unusable,
};
use smartcity::source::{Assignment, Batch, Outlet, Source, SourceError};

/// The name of the source.
pub(crate) const NAME: &str = "gtfs_realtime";

// What a position needs of the protocol buffers; names, types and tags are those of gtfs-realtime.proto.

/// A poll.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct FeedMessage {
    /// Of the feed as a whole.
    #[prost(message, required, tag = "1")]
    pub(crate) header: FeedHeader,
    /// What the feed tells of.
    #[prost(message, repeated, tag = "2")]
    pub(crate) entity: Vec<FeedEntity>,
}

/// Of the feed as a whole.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct FeedHeader {
    /// Version of the specification.
    #[prost(string, required, tag = "1")]
    pub(crate) gtfs_realtime_version: String,
    /// When the poll was made, seconds since the epoch.
    #[prost(uint64, optional, tag = "3")]
    pub(crate) timestamp: Option<u64>,
}

/// A vehicle, a trip update or an alert.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct FeedEntity {
    /// Unique in the poll.
    #[prost(string, required, tag = "1")]
    pub(crate) id: String,
    /// Present if the entity is a vehicle.
    #[prost(message, optional, tag = "4")]
    pub(crate) vehicle: Option<VehiclePosition>,
}

/// A vehicle and where it is.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct VehiclePosition {
    /// Where it is.
    #[prost(message, optional, tag = "2")]
    pub(crate) position: Option<Position>,
    /// When it was there, seconds since the epoch.
    #[prost(uint64, optional, tag = "5")]
    pub(crate) timestamp: Option<u64>,
    /// Which one it is.
    #[prost(message, optional, tag = "8")]
    pub(crate) vehicle: Option<VehicleDescriptor>,
}

/// Where a vehicle is.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Position {
    /// Degrees north, WGS 84.
    #[prost(float, required, tag = "1")]
    pub(crate) latitude: f32,
    /// Degrees east.
    #[prost(float, required, tag = "2")]
    pub(crate) longitude: f32,
    /// Degrees clockwise from true north.
    #[prost(float, optional, tag = "3")]
    pub(crate) bearing: Option<f32>,
    /// Metres a second.
    #[prost(float, optional, tag = "5")]
    pub(crate) speed: Option<f32>,
}

/// Which vehicle it is.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct VehicleDescriptor {
    /// Unique within the agency, the same at every poll.
    #[prost(string, optional, tag = "1")]
    pub(crate) id: Option<String>,
}

/// The vehicle positions in files, read in order.
#[derive(Debug)]
pub(crate) struct VehiclePositions {
    files: Vec<PathBuf>,
}

impl VehiclePositions {
    /// A source of `files`, one poll each, in the order in which they were made.
    pub(crate) fn new(files: Vec<PathBuf>) -> Self {
        Self { files }
    }
}

impl Source for VehiclePositions {
    fn name(&self) -> &str {
        NAME
    }

    fn is_recorded(&self) -> bool {
        true
    }

    fn run(&mut self, _: &Assignment, outlet: &Outlet) -> Result<(), SourceError> {
        let mut decoder = Decoder::default();
        for (partition, file) in (0..).zip(&self.files) {
            let bytes = fs::read(file).map_err(|cause| {
                let message = format!("{} cannot be read: give files of vehicle positions", file.display());
                SourceError::lost(NAME, message, Box::from(cause))
            })?;
            outlet.send(decoder.decode(partition, &bytes))?;
        }
        Ok(())
    }
}

/// Makes a batch of every poll; remembers the time and the names that were said.
#[derive(Debug, Default)]
struct Decoder {
    clock: RecordedClock,
    names: NameBook,
}

impl Decoder {
    fn decode(&mut self, partition: u32, bytes: &[u8]) -> Batch {
        let mut batch = Batch::default();
        let feed = match FeedMessage::decode(bytes) {
            Ok(feed) => feed,
            Err(error) => {
                let fault = (Reason::Malformed, format!("not a FeedMessage of GTFS-realtime: {error}"));
                batch.rejected.push(rejected(None, origin(partition, 0), self.now(), fault));
                return batch;
            }
        };
        self.move_clock(&feed);
        let now = self.now();
        for (offset, entity) in (1..).zip(&feed.entity) {
            let origin = origin(partition, offset);
            match self.reading(entity, origin, now, &mut batch) {
                Ok(reading) => batch.readings.push(reading),
                Err(fault) => {
                    let kind = entity.vehicle.is_some().then_some(Kind::Gps);
                    batch.rejected.push(rejected(kind, origin, now, fault));
                }
            }
        }
        batch
    }

    fn now(&self) -> Stamp {
        Arrival::Recorded(&self.clock).stamp(None)
    }

    fn move_clock(&self, feed: &FeedMessage) {
        let advance = |seconds| _ = Arrival::Recorded(&self.clock).stamp(Some(millis(seconds).0));
        match feed.header.timestamp {
            Some(made) if made > 0 => advance(made),
            _ => feed.entity.iter().filter_map(|entity| entity.vehicle.as_ref()?.timestamp).for_each(advance),
        }
    }

    fn reading(
        &mut self,
        entity: &FeedEntity,
        origin: Origin,
        now: Stamp,
        batch: &mut Batch,
    ) -> Result<Reading<Instant>, Fault> {
        let name = &entity.id;
        let Some(position) = &entity.vehicle else {
            let detail = format!("entity {name:?} is no vehicle position: a trip update or an alert is not read here");
            return Err((Reason::UnknownTopic, detail));
        };
        let descriptor = position.vehicle.as_ref().and_then(|vehicle| vehicle.id.as_ref());
        let vehicle = descriptor.filter(|id| !id.is_empty()).unwrap_or(name);
        let time = position.timestamp.map_or(Millis(now.clock as i64), millis);
        let Some(position) = &position.position else {
            return Err((Reason::MissingField, format!("vehicle {vehicle:?} has no position")));
        };
        let (place, fix) = motion(position)?;
        Ok(Reading {
            time: Instant::Utc(time),
            origin,
            kind: Kind::Gps,
            id: Id::new(Namespace::Message, &format!("{vehicle} {}", time.0)),
            device: self.names.id(Kind::Gps, Namespace::Device, vehicle, now, &mut batch.names),
            arrived: now.arrived,
            place: Some(place),
            body: Body::Fix(fix),
        })
    }
}

fn origin(partition: u32, offset: u64) -> Origin {
    Origin { source: Id::new(Namespace::Source, NAME), partition, offset }
}

fn millis(seconds: u64) -> Millis {
    Millis(seconds.saturating_mul(1_000).try_into().unwrap_or(i64::MAX))
}

fn motion(position: &Position) -> Result<(Point, Fix), Fault> {
    let &Position { latitude, longitude, bearing, speed } = position;
    let place = Point::from_degrees(latitude.into(), longitude.into()).ok_or_else(|| {
        (Reason::OffEarth, format!("position: latitude {latitude}, longitude {longitude} is not on earth"))
    })?;
    // What no vehicle has is not reported. Which speeds are too high, the engine says.
    let kmh = speed.and_then(|speed| Kmh::from_f64(f64::from(speed) * 3.6));
    let heading = bearing.filter(|bearing| (0.0..=360.0).contains(bearing));
    let heading = heading.map(|bearing| Heading::from_centidegrees((f64::from(bearing) * 100.0).round() as i64));
    let unusable =
        Unusable { speed: speed.is_some() && kmh.is_none(), heading: bearing.is_some() && heading.is_none() };
    Ok((place, Fix { speed: kmh, heading, unusable, ..Fix::default() }))
}

/// Why there is no reading, in a code and in words.
type Fault = (Reason, String);

fn rejected(kind: Option<Kind>, origin: Origin, now: Stamp, (reason, detail): Fault) -> Rejected {
    Rejected { arrived: now.arrived, origin, kind, reason, detail: detail.into() }
}
