//! Views: what the dataflow answers, as one consistent snapshot a tick.
//!
//! ```text
//!  worker 0 ─┐   net changes per view and tick    ┌─▶ Snapshot of all views through tick T ─▶ readers
//!  worker 1 ─┼─▶ ──────────────────────────────▶ ─┤
//!  worker 2 ─┘   (exchanged to every process)     └─▶ Changes of each tick (a ring) ─▶ subscribers
//! ```
//!
//! A capability ends in a [`View`]: a name and the types of its key and row. [`Publisher::publish`] nets the changes of each
//! tick and brings them to one worker of every process. When *all* views have completed a tick, the tables change and one
//! [`Snapshot`] takes the place of the last: readers hold an immutable one, never block the engine and never see half a tick.
//!
//! Tables are persistent maps, so a snapshot costs its changes, not its size.

mod publish;
mod store;
mod table;

pub use publish::Publisher;
#[cfg(feature = "testing")]
pub(crate) use publish::net;
pub use store::{Changes, Lagged, Position, Snapshot, Views};
#[cfg(feature = "testing")]
pub(crate) use table::{Apply, Netted};
pub use table::{Key, Mark, NotAMark, Row, Table, TableChanges, View};

#[cfg(test)]
mod tests;
