//! Why a source ends, named by what to do about it.

use std::error::Error;

/// What went wrong with a source, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("source {source_name}: {message}")]
pub struct Failure {
    /// The source's name.
    pub source_name: String,
    /// What is wrong and what to do.
    pub message: String,
    /// The cause, where there is one.
    #[source]
    pub cause: Option<Box<dyn Error + Send + Sync>>,
}

/// Why a source ended before its data did.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Something outside is away for now: the engine runs the source again, from where it had come to.
    #[error(transparent)]
    Retry(Failure),
    /// It cannot work as it is set, or as the outside is: somebody has to change that.
    #[error(transparent)]
    Refused(Failure),
    /// What was to be read is not there any more, or cannot be read: somebody has to decide whether to go on without.
    #[error(transparent)]
    Lost(Failure),
    /// The engine stopped listening: not a failure.
    #[error("the engine has stopped")]
    Closed,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident $variant:ident)*) => {$(
        $(#[$doc])*
        pub fn $name(
            source_name: &str,
            message: impl Into<String>,
            cause: impl Into<Option<Box<dyn Error + Send + Sync>>>,
        ) -> Self {
            let (source_name, message, cause) = (source_name.to_owned(), message.into(), cause.into());
            Self::$variant(Failure { source_name, message, cause })
        }
    )*};
}

impl SourceError {
    constructors! {
        /// [`Retry`](Self::Retry): what is away, and what happens when it comes back.
        retry Retry
        /// [`Refused`](Self::Refused): what is wrong and what to do.
        refused Refused
        /// [`Lost`](Self::Lost): what is gone and what to do.
        lost Lost
    }
}
