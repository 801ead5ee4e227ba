//! What a client may say.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use smartcity_dataflow::view::{Position, Snapshot};

/// A message that means something; any other text means nothing and is no mistake.
#[derive(Debug, PartialEq)]
pub(super) enum Command {
    /// Wants a pong.
    Ping,
    /// Wants the changes of some views, after `since` if it has seen that much.
    Subscribe { views: Arc<[&'static str]>, since: Option<Position> },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subscribe {
    #[serde(rename = "type")]
    _type: String,
    views: Vec<String>,
    since: Option<Position>,
}

impl Command {
    /// The command in `text`, if there is one; `Err` says what is wrong with a subscription that cannot be met.
    pub(super) fn parse(text: &str, snapshot: &Snapshot) -> Result<Option<Self>, String> {
        let Ok(message) = serde_json::from_str::<Value>(text) else { return Ok(None) };
        match message.get("type").and_then(Value::as_str) {
            Some("ping") => Ok(Some(Self::Ping)),
            Some("subscribe") => {
                let Subscribe { views, since, .. } =
                    serde_json::from_value(message).map_err(|error| format!("subscription not understood: {error}"))?;
                Ok(Some(Self::Subscribe { views: known(&views, snapshot)?, since }))
            }
            _ => Ok(None),
        }
    }
}

/// The views by their own names, ascending, each once.
fn known(views: &[String], snapshot: &Snapshot) -> Result<Arc<[&'static str]>, String> {
    let known = |view: &String| {
        let name = snapshot.tables().get_key_value(view.as_str()).map(|(name, _)| *name);
        name.ok_or_else(|| format!("there is no view called {view:?}: GET /v1/views lists them"))
    };
    let mut views = views.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    views.sort_unstable();
    views.dedup();
    Ok(views.into())
}
