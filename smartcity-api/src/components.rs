//! The parts beside the engine, sources and sinks, for the health routes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use serde::Serialize;
use smartcity_dataflow::health::Health;
use utoipa::ToSchema;

/// The name under which the contract shows Redis.
const REDIS: &str = "redis";

/// A part that the city's answers depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Component {
    /// Whether there is a connection to it.
    connected: bool,
    /// Whether it answers on that connection.
    responsive: bool,
    /// What is wrong, and what happens then.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// False where nothing is: the part is not configured, and counts as up since nothing that should be there is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    configured: Option<bool>,
}

impl Component {
    fn of(health: Health) -> Self {
        let (is_up, detail) = match health {
            Health::Running | Health::Ended => (true, None),
            Health::Waiting(reason) | Health::Failed(reason) => (false, Some(reason)),
        };
        Self { connected: is_up, responsive: is_up, detail, configured: None }
    }

    /// Whether it is of use.
    pub(crate) fn is_up(&self) -> bool {
        self.connected && self.responsive
    }
}

type Ask = dyn Fn() -> Vec<(String, Health)> + Send + Sync;

/// The parts beside the engine. They are asked how they fare whenever somebody wants to know. A clone is another handle on the
/// same parts.
#[derive(Clone, Default)]
pub struct Components(Arc<Mutex<Option<Box<Ask>>>>);

impl Components {
    /// Asks `parts` from now on: each by its name, of which `redis` is the one that the contract's clients look for.
    ///
    /// ```
    /// use smartcity_api::Components;
    /// use smartcity_dataflow::health::Health;
    /// let components = Components::default();
    /// components.ask(|| vec![("redis".to_owned(), Health::Waiting("no server answers".to_owned()))]);
    /// ```
    pub fn ask(&self, parts: impl Fn() -> Vec<(String, Health)> + Send + Sync + 'static) {
        *self.lock() = Some(Box::new(parts));
    }

    /// Redis, and all others by name. Of several parts of one name the one that is down is shown.
    pub(crate) fn now(&self) -> (Component, BTreeMap<String, Component>) {
        let parts = self.lock().as_ref().map_or_else(Vec::new, |parts| parts());
        let mut components: BTreeMap<String, Component> = BTreeMap::new();
        for (name, health) in parts {
            let component = Component::of(health);
            if components.get(&name).is_none_or(Component::is_up) {
                components.insert(name, component);
            }
        }
        let unconfigured = || Component { configured: Some(false), ..Component::of(Health::Running) };
        (components.remove(REDIS).unwrap_or_else(unconfigured), components)
    }

    /// Redis; up while none is configured.
    pub(crate) fn redis(&self) -> Component {
        self.now().0
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Ask>>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl fmt::Debug for Components {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Components").field(&self.now()).finish()
    }
}
