//! Generic stages: they know rows, keys and time, and nothing of a city.
//!
//! | stage | question | state |
//! |---|---|---|
//! | [`dedup`] | which messages were accepted, each once? | an id and a token for the retention |
//! | [`latest`] | what did each key say last? | the live rows of a key |
//! | [`expire`] | which rows are still alive? | one copy of each live row |
//! | [`validate`] | which rows can be used, and why not the others? | none |
//! | [`aggregate`] | what do the rows of each key add up to? | one accumulator a key |
//! | [`totals`] | the same, of many rows for few keys? | one accumulator a key |
//! | [`Window`] | into which windows of event time does a row fall? | none; `aggregate` by window |
//! | [`count`] | how often is each row there? | one number a row |
//! | [`combine`] | what do the rows of a tick come to on each worker? | one tick |
//! | [`map_with`] | what is each row in the light of a few others? | the others |
//! | [`newest`] | which are the last N rows? | N rows |
//!
//! Those with a state by key run on one kernel, [`keyed`]: it collects the changes of a tick until the tick is complete, shows them
//! to each key at once, in order, and wakes keys when their time has come. So the result is a function of the rows of a
//! tick, never of the order in which they came or of the number of workers.

mod aggregate;
mod combine;
mod count;
mod dedup;
mod expire;
mod keyed;
mod latest;
mod map_with;
mod newest;
mod stash;
mod totals;
mod validate;
mod window;

pub use aggregate::{Aggregate, aggregate};
pub use combine::combine;
pub use count::count;
pub use dedup::{Deduplicated, dedup};
pub use expire::{expire, round_up};
pub use keyed::{Keep, Turn, keyed, keyed_with};
pub use latest::latest;
pub use map_with::{AsOf, map_with};
pub use newest::newest;
pub(crate) use stash::Stash;
pub use totals::totals;
pub use validate::validate;
pub use window::Window;
