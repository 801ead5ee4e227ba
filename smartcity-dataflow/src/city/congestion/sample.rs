//! What tells a speed on a road?

use serde::{Deserialize, Serialize};

use crate::city::paths::Piece;
use crate::model::{Body, Id, Kmh, Millimetres, Millis, Placed};
use crate::{Rows, Time};

/// Something that tells a speed on a road.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sample {
    /// Event time.
    pub time: Millis,
    /// Tick at which it was learnt.
    pub arrived: Time,
    /// The segment, where it is known: a camera may watch a road as a whole.
    pub segment: Option<Id>,
    /// The named road.
    pub road: Id,
    /// What was observed.
    pub observed: Observed,
}

/// What a sample observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Observed {
    /// A vehicle's spot speed.
    Fix {
        /// The vehicle.
        vehicle: Id,
        /// Its speed.
        speed: Kmh,
    },
    /// A part of a vehicle's way.
    Path {
        /// Distance covered.
        distance: Millimetres,
        /// Time taken.
        millis: i64,
    },
    /// A camera's spot speed.
    Camera {
        /// The speed.
        speed: Kmh,
    },
}

/// What do vehicles tell of the speed on a road? A sample for every fix on a segment that reports a speed, and for every
/// piece of a way.
///
/// | time | placed                          | paths                  | output                             |
/// |-----:|---------------------------------|------------------------|------------------------------------|
/// |    1 | +(v on a, 30 km/h)              |                        | +(a, fix of v, 30 km/h)            |
/// |    2 | +(v on no segment), +(v on a, no speed) |                |                                    |
/// |    3 | -(v on a, 30 km/h)              | +(b, 40 m in 5 s)      | -(a, fix of v, 30 km/h) +(b, path, 40 m in 5 s) |
///
/// ```
/// # use smartcity_dataflow::{city::{congestion::{Observed, samples}, paths::Piece}, model::*, testing::{at, trace}};
/// let (segment, road) = (Id::new(Namespace::Segment, "a"), Id::new(Namespace::Road, "market_st"));
/// let (distance, millis) = (Millimetres(40_000), 5_000);
/// let piece = Piece { middle: Millis(7), arrived: 9, segment, road, zone: None, distance, millis };
/// let told = trace(&[at(9, piece)], |pieces| samples(pieces.clone().flat_map(|_| None), pieces), 9);
/// let (9, sample, 1) = told[0] else { panic!("one sample, when the piece comes") };
/// assert_eq!((sample.time, sample.observed), (Millis(7), Observed::Path { distance, millis }));
/// ```
pub fn samples<'s>(placed: Rows<'s, Placed>, paths: Rows<'s, Piece>) -> Rows<'s, Sample> {
    let fixes = placed.flat_map(|Placed { reading, segment, road, .. }| {
        let Body::Fix(fix) = reading.body else { return None };
        let observed = Observed::Fix { vehicle: reading.device, speed: fix.speed? };
        segment?;
        Some(Sample { time: reading.time, arrived: reading.arrived, segment, road: road?, observed })
    });
    let paths = paths.map(|Piece { middle, arrived, segment, road, distance, millis, .. }| Sample {
        time: middle,
        arrived,
        segment: Some(segment),
        road,
        observed: Observed::Path { distance, millis },
    });
    fixes.concat(paths)
}

/// What do cameras tell of the speed on a road? A sample, by camera, for every reading of a camera whose road is known.
///
/// | time | placed                              | output                                |
/// |-----:|-------------------------------------|---------------------------------------|
/// |    1 | +(camera 331 on market_st, 30 km/h) | +(331: market_st, camera, 30 km/h)    |
/// |    2 | +(camera 7 on no road, 30 km/h)     |                                       |
///
/// ```
/// # use smartcity_dataflow::{city::congestion::camera_samples, model::*, testing::{at, trace}};
/// # let id = |text| Id::new(Namespace::Text, text);
/// # let origin = Origin { source: id("feed"), partition: 0, offset: 0 };
/// let body = Body::Camera(CameraReading { camera: id("331"), speed: Kmh(30_000), heading: None });
/// # let (time, kind, device) = (Millis(1), Kind::Traffic, id("331"));
/// let reading = Reading { time, origin, kind, id: id("1"), device, arrived: 1, place: None, body };
/// let seen = Placed { reading, segment: None, road: Some(id("market_st")), zone: None };
/// let nowhere = Placed { road: None, ..seen };
/// let told = trace(&[at(1, seen), at(2, nowhere)], camera_samples, 3);
/// assert_eq!(told.len(), 1);
/// assert_eq!((told[0].1.0, told[0].1.1.road), (id("331"), id("market_st")));
/// ```
pub fn camera_samples<'s>(placed: Rows<'s, Placed>) -> Rows<'s, (Id, Sample)> {
    placed.flat_map(|Placed { reading, segment, road, .. }| {
        let Body::Camera(camera) = reading.body else { return None };
        let observed = Observed::Camera { speed: camera.speed };
        Some((camera.camera, Sample { time: reading.time, arrived: reading.arrived, segment, road: road?, observed }))
    })
}
