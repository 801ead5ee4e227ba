//! The API from outside: over its router, and over a real listener.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod city;
mod contract;
mod documents;
mod live;
mod metrics;
mod v1;
