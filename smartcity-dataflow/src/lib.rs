//! The city as differential dataflow: typed rows in, consistent views out. No clock, no randomness, no float, no I/O.
//!
//! ```text
//!  readings ──▶ check ──▶ locate ──▶ dedup ──▶ capabilities ──▶ Publisher ──▶ Views
//!               rules     segment,   by id     city/*.rs        nets each     a snapshot of all
//!                 │       zone                 one question     tick          views per tick, and
//!                 ▼                            a file                         a ring of changes
//!            quarantine
//! ```
//!
//! - [`model`]: ids, units, readings, the city's own data.
//! - [`operators`]: generic stages, which know rows, keys and time.
//! - [`city`]: one capability a file; each says its question, meaning and assumption.
//! - [`pipeline`]: the wiring, drawn.
//! - [`view`]: from collections to snapshots and changes.
//! - [`health`]: how a source or a sink fares.
//! - `testing` (a feature): golden traces, oracles, several workers out of step.
//!
//! # Glossary
//!
//! | word | meaning |
//! |---|---|
//! | reading | what one message of a sensor says |
//! | event time | when the sensor says it was so; data like any other |
//! | tick | engine time at which the engine learnt of a row: milliseconds since the epoch, rounded up to `tick_ms` |
//! | through | the last tick that every view has completed |
//! | generation | one run of an engine; ticks of two generations do not compare |
//! | life | how long a row counts after its tick; then it leaves by itself |
//! | retention | how long windows of event time are amended by late rows |
//! | segment | one directed piece of road, from junction to junction |
//! | road | the segments that share a name |
//! | withdrawal | a message that takes another back, as if it had never been sent |
#![deny(clippy::float_arithmetic)]

pub mod city;
pub mod health;
pub mod horizon;
pub mod model;
pub mod operators;
pub mod pipeline;
mod settings;
#[cfg(feature = "testing")]
pub mod testing;
pub mod view;

pub use horizon::Horizon;
pub use settings::{BadSetting, Settings};

/// Engine time: milliseconds since the Unix epoch, rounded up to the tick.
pub type Time = u64;

/// Multiplicity of a change.
pub type Diff = isize;

/// A collection of rows that changes with time.
pub type Rows<'s, D> = differential_dataflow::VecCollection<'s, Time, D, Diff>;
