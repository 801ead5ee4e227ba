//! The city's vocabulary: ids, units, geometry, readings, and the city's own data.
//!
//! Every row is made of integers: a sum of them cancels exactly when a reading is withdrawn, and they are `Ord` and
//! `Hash`. Text lives in a dictionary beside the rows ([`Name`]), so that most rows are `Copy`. Floats appear where a row
//! is written for people (its `Serialize` to a human-readable format) and nowhere else in this crate.

mod city;
mod geo;
mod id;
mod offsets;
mod reading;
mod units;

pub use city::{
    Alias, Camera, City, CityRow, IncidentRule, Priority, ResponseUnit, Road, RoadClass, Segment, Severity, Station,
    Successor, Zone,
};
pub use geo::{Bounds, Point, Projection, Ring, bearing, distance_mm, is_within, length_mm, project};
pub use id::{Id, Name, Names, Namespace};
pub use offsets::UtcOffsets;
pub use reading::{
    Body, Camera as CameraReading, Fix, Instant, Kind, NameUse, Origin, Placed, Quantity, Reading, Reason, Rejected,
    Report, ReportStatus, Sensor, Sky, Unit, Unusable, VehicleDetails, Weather,
};
pub use units::{Heading, Kmh, Milli, Millimetres, Millis, Ratio};
