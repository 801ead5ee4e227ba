//! Query values, and what is wrong with them.

use axum::extract::{FromRequestParts, Query};
use axum::http::Uri;
use axum::http::request::Parts;
use smartcity_dataflow::view::{Mark, NotAMark};

use crate::error::{Invalid, Problem};

/// The most rows of one answer.
pub(crate) const MAX_LIMIT: usize = 10_000;

/// `?limit=`, on the routes of the contract.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit<const DEFAULT: usize>(pub(crate) usize);

impl<S: Sync, const DEFAULT: usize> FromRequestParts<S> for Limit<DEFAULT> {
    type Rejection = Invalid;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Invalid> {
        limit(&parts.uri, DEFAULT).map(Self)
    }
}

/// `?limit=&after=`, under `/v1`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) limit: usize,
    pub(crate) after: Option<Mark>,
}

impl Page {
    /// Rows of a page where the query names no limit.
    pub(crate) const DEFAULT_LIMIT: usize = 1_000;
}

impl<S: Sync> FromRequestParts<S> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let after = value(&parts.uri, "after").map(|text| {
            text.parse().map_err(|error: NotAMark| Invalid {
                r#type: "value_error",
                loc: ["query", "after"],
                msg: error.to_string(),
                input: text,
            })
        });
        Ok(Self { limit: limit(&parts.uri, Self::DEFAULT_LIMIT)?, after: after.transpose()? })
    }
}

/// A whole number from 1 to [`MAX_LIMIT`]; `default` where the query names none.
fn limit(uri: &Uri, default: usize) -> Result<usize, Invalid> {
    let Some(input) = value(uri, "limit") else { return Ok(default) };
    let (r#type, msg) = match input.trim().parse::<i64>() {
        Err(_) => ("int_parsing", "Input should be a valid integer, unable to parse string as an integer".to_owned()),
        Ok(..1) => ("greater_than_equal", "Input should be greater than or equal to 1".to_owned()),
        Ok(number) => match usize::try_from(number) {
            Ok(number) if number <= MAX_LIMIT => return Ok(number),
            _ => ("less_than_equal", format!("Input should be less than or equal to {MAX_LIMIT}")),
        },
    };
    Err(Invalid { r#type, loc: ["query", "limit"], msg, input })
}

/// The value of `name` in the query; of several the last, as FastAPI has it.
fn value(uri: &Uri, name: &str) -> Option<String> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).ok()?;
    pairs.into_iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
}
