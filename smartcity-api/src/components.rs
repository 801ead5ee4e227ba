//! What the sinks beside the API say of themselves, for the health routes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use serde::Serialize;
use utoipa::ToSchema;

/// The name under which the contract shows Redis.
const REDIS: &str = "redis";

/// A part that the city's answers depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Component {
    /// Whether there is a connection to it.
    pub connected: bool,
    /// Whether it answers on that connection.
    pub responsive: bool,
}

impl Component {
    /// Connected and responsive.
    pub const UP: Self = Self { connected: true, responsive: true };
    /// Neither.
    pub const DOWN: Self = Self { connected: false, responsive: false };

    /// Whether it is of use.
    pub fn is_up(self) -> bool {
        self.connected && self.responsive
    }
}

/// The state of every component by name. A clone is another handle on the same board: give one to each sink.
///
/// ```
/// use smartcity_api::{Component, Components};
/// let board = Components::default();
/// board.clone().report("redis", Component::DOWN);
/// assert_eq!(board.get("redis"), Some(Component::DOWN));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Components(Arc<Mutex<BTreeMap<String, Component>>>);

impl Components {
    /// Notes the state of the component called `name`, in place of what was known of it.
    pub fn report(&self, name: &str, component: Component) {
        self.lock().insert(name.to_owned(), component);
    }

    /// The state last reported under `name`; `None` where nothing was: that component is not configured.
    pub fn get(&self, name: &str) -> Option<Component> {
        self.lock().get(name).copied()
    }

    /// Redis: up while none is configured, since nothing that should be there is missing.
    pub(crate) fn redis(&self) -> Component {
        self.get(REDIS).unwrap_or(Component::UP)
    }

    /// All others, by name.
    pub(crate) fn beside_redis(&self) -> BTreeMap<String, Component> {
        let mut others = self.lock().clone();
        others.remove(REDIS);
        others
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Component>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
