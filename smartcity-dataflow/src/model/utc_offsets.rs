//! STUB
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UtcOffsets(pub Vec<(i64, i64)>);
impl UtcOffsets {
    pub fn new(v: Vec<(i64, i64)>) -> Self {
        Self(v)
    }
}
