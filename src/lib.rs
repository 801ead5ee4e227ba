//! smartcity: a city's live picture as incrementally maintained views.
//!
//! This crate re-exports the three others, so that one dependency is enough:
//!
//! - [`model`], [`operators`], [`city`], [`pipeline`], [`view`]: the city as differential dataflow (`smartcity-dataflow`);
//! - [`source`], [`sink`], [`decode`], [`city_files`] and the [`Engine`]: what runs it (`smartcity-io`);
//! - [`api`]: HTTP and WebSocket over the views (`smartcity-api`).
//!
//! An engine is a city, sources, sinks and capabilities:
//!
//! ```no_run
//! use smartcity::Engine;
//! # fn source() -> impl smartcity::source::Source { smartcity::source::MemorySource::new("memory", Vec::new()) }
//! let engine = Engine::new(smartcity::city_files::town().to_city()).source(source()).workers(2).start()?;
//! let summary = engine.views().snapshot().row(&smartcity::city::summary::SUMMARY, &());
//! println!("{summary:?}");
//! engine.shutdown();
//! # Ok::<(), smartcity::EngineError>(())
//! ```

pub use smartcity_api as api;
pub use smartcity_dataflow::{Diff, Rows, Settings, Time, city, model, operators, pipeline, view};
pub use smartcity_io::driver::{Clock, Engine, EngineError, ManualClock, Running, SourceState, SourceStatus};
pub use smartcity_io::{city as city_files, decode, sink, source};
