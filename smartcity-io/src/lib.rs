//! Pluggable sources and sinks around the smartcity dataflow, the city's files, and the driver that runs it all.

mod backoff;
pub mod city;
pub mod decode;
pub mod driver;
pub mod secret;
pub mod sink;
pub mod source;
