//! city-v1: five views of the vehicles of a city, kept while five million events come in.
pub(crate) mod data;
pub(crate) mod event;
pub(crate) mod floor;
pub(crate) mod flow;
pub(crate) mod now;
pub(crate) mod positions;
pub(crate) mod replay;
pub(crate) mod roads;
pub(crate) mod tables;
