//! Tests of the whole: engines on real and simulated feeds, and the program as a person runs it.

mod cases;
mod cost;
mod dirt;
mod edits;
mod examples;
mod invariance;
mod linear_road;
mod producer;
mod program;
mod shared;
mod sumo;
