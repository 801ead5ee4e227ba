//! What tells a speed on a road?

use serde::{Deserialize, Serialize};

use crate::model::{CameraReading, Id, Kmh, Millis, Placed};
use crate::{Rows, Time};

/// What a vehicle's fix, or its way to the fix, tells of a street.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sample {
    /// Event time: of the fix, where there is one; else of the middle of the way on this street.
    pub time: Millis,
    /// Tick at which it was learnt.
    pub arrived: Time,
    /// The vehicle.
    pub vehicle: Id,
    /// The fix, where it lies on this street.
    pub spot: Option<Spot>,
    /// Distance covered on the street on the way to the fix, millimetres; negative where noise goes backwards.
    pub distance: i32,
    /// Time that this took, milliseconds; 0 where nobody knows the way.
    pub millis: i32,
    /// Whether the vehicle moved on this street.
    pub moved: bool,
    /// Whether it stands outside of the traffic, unless this is a queue.
    pub stands: bool,
}

/// A fix as it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Spot {
    /// The time that it stands for, milliseconds: since the fix before, 30 s at most. So who reports more often does not count
    /// more.
    pub weight: u32,
    /// Speed, where it is reported and believed, metres an hour.
    pub speed: Option<i32>,
}

/// What is told to a street, or to a road as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Heard {
    /// What it is.
    Is(super::StreetInfo),
    /// A vehicle's sample.
    Sample(Sample),
    /// Spot speed of a camera's newest reading.
    CameraNow(Kmh),
    /// Spot speed of a camera's reading at an event time.
    CameraAt(Millis, Kmh),
}

/// A camera's spot speed, and where it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CameraSample {
    /// Event time.
    pub time: Millis,
    /// Tick at which it was learnt.
    pub arrived: Time,
    /// The segment, where it is known: a camera may watch a road as a whole.
    pub segment: Option<Id>,
    /// The named road.
    pub road: Id,
    /// The speed.
    pub speed: Kmh,
}

/// What do cameras tell of the speed on a road? A sample, by camera, for every reading of a camera whose road is known.
///
/// | time | cameras                             | output                                |
/// |-----:|-------------------------------------|---------------------------------------|
/// |    1 | +(camera 331 on market_st, 30 km/h) | +(331: market_st, 30 km/h)            |
/// |    2 | +(camera 7 on no road, 30 km/h)     |                                       |
///
/// ```
/// # use smartcity_dataflow::{city::congestion::camera_samples, model::*, testing::{at, id, said, trace}};
/// let reading = said("331", 1, 1, CameraReading { camera: id("331"), speed: Kmh(30_000), heading: None });
/// let seen = Placed { road: Some(id("market_st")), ..reading };
/// let told = trace(&[at(1, seen), at(2, reading)], camera_samples, 3);
/// assert_eq!(told.len(), 1);
/// assert_eq!((told[0].1.0, told[0].1.1.road), (id("331"), id("market_st")));
/// ```
pub fn camera_samples<'s>(cameras: Rows<'s, Placed<CameraReading>>) -> Rows<'s, (Id, CameraSample)> {
    cameras.flat_map(|Placed { reading, segment, road, .. }| {
        let CameraReading { camera, speed, .. } = reading.body;
        Some((camera, CameraSample { time: reading.time, arrived: reading.arrived, segment, road: road?, speed }))
    })
}
