//! Views: what the dataflow answers, as one consistent snapshot a tick.
//!
//! ```text
//!  worker 0 ─┐  rows of views 0, 2, ... ─▶ worker 0: net, apply ─┐    ┌─▶ Snapshot of all views through tick T ─▶ readers
//!            ├─▶                                                 ├─▶ ─┤
//!  worker 1 ─┘  rows of views 1, 3, ... ─▶ worker 1: net, apply ─┘    └─▶ Changes of each tick (a ring) ─▶ subscribers
//!                       (in every process)
//! ```
//!
//! A capability ends in a [`View`]: a name and the types of its key and row. [`Publisher::publish`] brings the changes of each
//! tick to one worker of every process, the view's *keeper*, which nets them and changes the table. The views have their
//! keepers in turn, so that the workers share that work. When *all* views have completed a tick, one [`Snapshot`] takes the
//! place of the last: readers hold an immutable one, never block the engine and never see half a tick.
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
pub(crate) use table::{Changed, Netted};
pub use table::{Key, Mark, NotAMark, Row, Table, TableChanges, View};

#[cfg(test)]
mod tests;
