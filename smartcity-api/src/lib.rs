//! HTTP and WebSocket over the view store, and the first page.
//!
//! ```text
//!                 ┌─ one snapshot an answer ─▶ /api/...  the routes of the contract   ─▶ dashboards, scripts
//!   view store ───┼─ one snapshot an answer ─▶ /v1/...   every view, roads, incidents ─▶ new clients
//!                 └─ changes since a tick ───▶ /ws/realtime  summary, subscriptions   ─▶ live pages, services
//! ```
//!
//! Everything about the city is read from [`Views`](smartcity_dataflow::view::Views) alone: a request takes one immutable snapshot, never
//! waits for the engine, and says by headers which tick it saw (`x-smartcity-through`, `x-smartcity-generation`,
//! `x-smartcity-age-ms`).
//!
//! ```no_run
//! # async fn serve(views: smartcity_dataflow::view::Views) -> std::io::Result<()> {
//! use smartcity_api::{Api, Settings, run};
//!
//! let api = Api::new(views, Settings::default());
//! let listener = tokio::net::TcpListener::bind("[::]:8000").await?;
//! run(listener, api, async { std::future::pending().await }).await
//! # }
//! ```

mod answer;
mod components;
mod error;
mod live;
mod metrics;
mod query;
mod routes;
mod server;
mod settings;

pub use components::Components;
pub use metrics::{Figures, Metrics, OperatorFigures, PartitionFigures, SourceFigures};
pub use server::{Api, router, run};
pub use settings::{Settings, WebSocketSettings};
