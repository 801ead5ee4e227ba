//! What the city asks, one question a file. Each capability is a function from collections to collections, and names the
//! [`View`](crate::view::View)s it ends in.

pub mod air;
mod cells;
pub mod congestion;
pub mod feeds;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod incidents;
pub mod locate;
pub mod map;
pub mod matching;
pub mod network;
pub mod quarantine;
pub mod road_weather;
pub mod rules;
pub mod sensors;
pub mod statics;
pub mod summary;
pub mod track;
pub mod units;
pub mod vehicles;
pub mod weather;
pub mod zones;
