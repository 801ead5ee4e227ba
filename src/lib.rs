//! smartcity: a city's live picture as incrementally maintained views.
//!
//! This crate re-exports the three others, so that one dependency is enough:
//!
//! - [`model`], [`operators`], [`city`], [`pipeline`], [`view`]: the city as differential dataflow (`smartcity-dataflow`);
//! - [`source`], [`sink`], [`decode`], [`city_files`] and the [`Engine`]: what runs it (`smartcity-io`);
//! - [`api`]: HTTP and WebSocket over the views (`smartcity-api`).
//!
//! An engine is a city, sources, sinks and capabilities; README.md shows one whole.

#![forbid(unsafe_code)]

pub use smartcity_api as api;
pub use smartcity_dataflow::health::Health;
pub use smartcity_dataflow::{Diff, Rows, Settings, Time, city, model, operators, pipeline, view};
pub use smartcity_io::driver::{
    Arranged, CityEditor, Clock, Crew, Dataflow, Engine, EngineError, ManualClock, OperatorFigures, OperatorMeter,
    Running,
};
pub use smartcity_io::source::SourceStatus;
pub use smartcity_io::{city as city_files, decode, sink, source};

/// The README's code is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct ReadMe;

/// So is that of docs/sources.md.
#[cfg(doctest)]
#[doc = include_str!("../docs/sources.md")]
#[derive(Debug)]
pub struct Sources;

/// And that of docs/sinks.md.
#[cfg(doctest)]
#[doc = include_str!("../docs/sinks.md")]
#[derive(Debug)]
pub struct Sinks;
