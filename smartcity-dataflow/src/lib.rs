//! The city as differential dataflow operators.
#![deny(clippy::float_arithmetic)]

pub mod city;
pub mod model;
pub mod operators;
pub mod pipeline;
mod settings;
#[cfg(feature = "testing")]
pub mod testing;
pub mod view;

pub use settings::Settings;
/// Engine time: milliseconds since the Unix epoch, rounded up to the tick.
pub type Time = u64;
/// Multiplicity of a change.
pub type Diff = isize;
/// A collection of rows that changes with time.
pub type Rows<'s, D> = differential_dataflow::VecCollection<'s, Time, D, Diff>;
