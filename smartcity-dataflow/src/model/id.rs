//! Stable ids: a 64-bit hash of (namespace, text), the same on every worker, machine and restart.
//!
//! The text itself is kept once, as a [`Name`] row beside the readings that use it. Two texts with one id are a collision;
//! the `names` view reports it (about one chance in 37 million for a million ids).

use std::cell::RefCell;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use imbl::OrdMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use twox_hash::XxHash3_64;

/// What a text names. Equal texts in two namespaces have different ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Namespace {
    /// A message of a feed, by its `id` field; the deduplication key.
    Message,
    /// A device that sends: a vehicle, a station, a dispatch centre.
    Device,
    /// A camera.
    Camera,
    /// One directed piece of road.
    Segment,
    /// A named road: all segments that share a name.
    Road,
    /// A zone of the city.
    Zone,
    /// A response unit, an ambulance or an engine.
    Unit,
    /// An incident as its reporter numbers it.
    Incident,
    /// A configured source of readings.
    Source,
    /// Free text that is only shown: makes, types, descriptions.
    Text,
}

/// The stable id of a text in a namespace.
///
/// To a person (JSON) it reads as its text where a dictionary is in scope ([`Names::scope`]), else as 16 hex digits.
///
/// ```
/// use smartcity_dataflow::model::{Id, Namespace};
/// let road = Id::new(Namespace::Road, "market_st");
/// assert_eq!(road, Id::new(Namespace::Road, "market_st"));
/// assert_ne!(road, Id::new(Namespace::Zone, "market_st"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(NonZeroU64);

impl Id {
    /// The id of `text` in `namespace`.
    pub fn new(namespace: Namespace, text: &str) -> Self {
        // Not the namespace as XXH3's seed: of short texts the seed only flips bits, so that device "331" was camera "332".
        let hash = XxHash3_64::oneshot(text.as_bytes()) ^ (namespace as u64 + 1).wrapping_mul(NAMESPACES_APART);
        Self(NonZeroU64::new(hash).unwrap_or(NonZeroU64::MIN))
    }

    /// The raw hash.
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

/// 2⁶⁴ divided by the golden ratio: its multiples differ in all their bits.
const NAMESPACES_APART: u64 = 0x9e37_79b9_7f4a_7c15;

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Names::in_scope(*self) {
            Some(text) => f.write_str(&text),
            None => write!(f, "{:016x}", self.0),
        }
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        NonZeroU64::deserialize(deserializer).map(Self)
    }
}

/// A row of the dictionary: `id` stands for `text`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Name {
    /// The id.
    pub id: Id,
    /// The text it stands for.
    pub text: Arc<str>,
}

impl Name {
    /// The dictionary row of `text` in `namespace`.
    pub fn new(namespace: Namespace, text: &str) -> Self {
        Self { id: Id::new(namespace, text), text: text.into() }
    }
}

/// A dictionary of ids; a clone is cheap and stays as it was.
#[derive(Clone, Debug, Default)]
pub struct Names {
    texts: OrdMap<Id, Arc<str>>,
    otherwise: OrdMap<Id, Arc<str>>,
}

impl Names {
    /// The text of `id`, if it is known.
    pub fn text(&self, id: Id) -> Option<&Arc<str>> {
        self.texts.get(&id).or_else(|| self.otherwise.get(&id))
    }

    /// This dictionary, and `other` for what it does not know.
    pub fn or(self, other: Self) -> Self {
        Self { texts: self.texts, otherwise: other.texts }
    }

    /// Runs `write` with this dictionary in scope: every [`Id`] written in it reads as its text.
    ///
    /// ```
    /// use smartcity_dataflow::model::{Id, Name, Names, Namespace};
    /// let names: Names = [Name::new(Namespace::Road, "market_st")].into_iter().collect();
    /// let road = Id::new(Namespace::Road, "market_st");
    /// assert_eq!(names.scope(|| road.to_string()), "market_st");
    /// assert_eq!(road.to_string().len(), 16);
    /// ```
    pub fn scope<R>(&self, write: impl FnOnce() -> R) -> R {
        let outer = IN_SCOPE.replace(Some(self.clone()));
        let result = write();
        IN_SCOPE.set(outer);
        result
    }

    fn in_scope(id: Id) -> Option<Arc<str>> {
        IN_SCOPE.with_borrow(|names| names.as_ref()?.text(id).cloned())
    }
}

impl From<OrdMap<Id, Arc<str>>> for Names {
    fn from(texts: OrdMap<Id, Arc<str>>) -> Self {
        Self { texts, otherwise: OrdMap::new() }
    }
}

impl FromIterator<Name> for Names {
    fn from_iter<I: IntoIterator<Item = Name>>(names: I) -> Self {
        Self::from(names.into_iter().map(|name| (name.id, name.text)).collect::<OrdMap<_, _>>())
    }
}

thread_local! {
    static IN_SCOPE: RefCell<Option<Names>> = const { RefCell::new(None) };
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_in_a_row_have_distinct_ids_in_all_namespaces() {
        use Namespace::*;
        let namespaces = [Message, Device, Camera, Segment, Road, Zone, Unit, Incident, Source, Text];
        for prefix in ["", "Vehicle", "a device with a long name "] {
            let ids =
                namespaces.iter().flat_map(|&space| (0..500).map(move |n| Id::new(space, &format!("{prefix}{n}"))));
            assert_eq!(ids.collect::<BTreeSet<_>>().len(), 500 * namespaces.len(), "{prefix:?}");
        }
    }
}
