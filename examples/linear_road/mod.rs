//! wip

pub(crate) mod accidents;
pub(crate) mod agreement;
pub(crate) mod csv;
pub(crate) mod engine;
pub(crate) mod generator;
pub(crate) mod history;
pub(crate) mod oracle;
pub(crate) mod random;
pub(crate) mod responses;
pub(crate) mod run;
pub(crate) mod segments;
pub(crate) mod tolls;
pub(crate) mod trip;
pub(crate) mod tuple;
pub(crate) mod usage;
pub(crate) mod vehicles;
