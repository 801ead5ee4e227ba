//! How a part of the whole fares, in the same words for every part.

/// How a source or a sink fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It works.
    Running,
    /// Something outside is away; why, and what happens then. It goes on when that is back.
    Waiting(String),
    /// It has done all it had to do.
    Ended,
    /// It failed; what is wrong and what to do.
    Failed(String),
}

impl Health {
    /// Whether nothing more will come of it.
    pub fn has_ended(&self) -> bool {
        matches!(self, Self::Ended | Self::Failed(_))
    }
}
