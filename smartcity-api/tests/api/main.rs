//! The API from outside: over its router, and over a real listener.

mod city;
mod contract;
mod documents;
mod live;
mod v1;
