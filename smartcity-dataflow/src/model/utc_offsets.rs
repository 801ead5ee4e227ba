//! STUB
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UtcOffsets(pub Vec<(i64, i64)>);
