//! The city's files.
