//! Windows of event time.
//!
//! A window is a key like any other: rows are put beside the windows they fall into, [`aggregate`](super::aggregate) adds
//! them up, and the key's closing time ends it. Until then late rows and withdrawals amend it.
//!
//! ```
//! # use smartcity_dataflow::{Diff, model::Millis, operators::{Aggregate, Window, aggregate}, testing::{at, trace}};
//! # #[derive(Default)]
//! # struct Count(Diff);
//! # impl Aggregate<()> for Count {
//! #     type Output = Diff;
//! #     fn add(&mut self, (): (), diff: Diff) { self.0 += diff; }
//! #     fn output(&self) -> Option<Diff> { (self.0 > 0).then_some(self.0) }
//! # }
//! // How many readings of each device in every 10 ms, amended for 20 ms after its end, in ticks of 5 ms?
//! let counts = trace(
//!     &[at(0, ('d', Millis(3))), at(15, ('d', Millis(12))), at(15, ('d', Millis(4))), at(30, ('d', Millis(5)))],
//!     |readings| {
//!         let by_window = readings.map(|(device, time)| ((device, Window::tumbling(time, 10)), ()));
//!         aggregate::<_, _, Count>(by_window, "Counts", |(_, window)| Some(window.closes(20, 5)))
//!     },
//!     100,
//! );
//! let (first, second) = (Window { width: 10, start: Millis(0) }, Window { width: 10, start: Millis(10) });
//! assert_eq!(counts, [
//!     (0, (('d', first), 1), 1),
//!     (15, (('d', first), 1), -1), // the reading of 4 came late
//!     (15, (('d', first), 2), 1),
//!     (15, (('d', second), 1), 1),
//!     (30, (('d', first), 2), -1), // the first window closes; the reading of 5 came too late
//!     (40, (('d', second), 1), -1),
//! ]);
//! ```

use serde::{Deserialize, Serialize};

use super::round_up;
use crate::Time;
use crate::model::Millis;

/// A window of event time: `start` included, `start + width` excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Window {
    /// Its width, milliseconds; positive.
    pub width: i64,
    /// Its first millisecond.
    pub start: Millis,
}

impl Window {
    /// The one window that holds `time`, of windows of `width` milliseconds side by side. They start at multiples of the
    /// width; a width below 1 counts as 1.
    ///
    /// | width | time | window   |
    /// |------:|-----:|----------|
    /// |    10 |    9 | 0 to 9   |
    /// |    10 |   10 | 10 to 19 |
    /// |    10 |   -1 | -10 to -1 |
    pub fn tumbling(time: Millis, width: i64) -> Self {
        let width = width.max(1);
        Self { width, start: Millis(time.0.div_euclid(width).saturating_mul(width)) }
    }

    /// Every window that holds `time`, of windows of `width` milliseconds that start every `slide` milliseconds; ascending.
    /// They start at multiples of the slide; a width or slide below 1 counts as 1. Where the slide is wider than the window
    /// there are gaps, and a time in a gap is in no window.
    ///
    /// | width | slide | time | windows            |
    /// |------:|------:|-----:|--------------------|
    /// |    10 |     5 |   12 | 5 to 14, 10 to 19  |
    /// |    10 |     4 |   12 | 4 to 13, 8 to 17, 12 to 21 |
    /// |     3 |     5 |    4 |                    |
    ///
    /// ```
    /// use smartcity_dataflow::{model::Millis, operators::Window};
    /// let starts: Vec<_> = Window::sliding(Millis(12), 10, 5).map(|window| window.start.0).collect();
    /// assert_eq!(starts, [5, 10]);
    /// ```
    pub fn sliding(time: Millis, width: i64, slide: i64) -> impl Iterator<Item = Self> {
        let (width, slide) = (width.max(1), slide.max(1));
        let multiple_at_or_before = move |time: i128| time.div_euclid(slide.into()) * i128::from(slide);
        let last = multiple_at_or_before(time.0.into());
        let least = multiple_at_or_before(i64::MIN.into()) + i128::from(slide);
        let first = multiple_at_or_before(i128::from(time.0) - i128::from(width)) + i128::from(slide);
        (first.max(least)..=last)
            .step_by(usize::try_from(slide).unwrap_or(usize::MAX))
            .filter_map(move |start| Some(Self { width, start: Millis(i64::try_from(start).ok()?) }))
    }

    /// The first millisecond after it.
    pub fn end(self) -> Millis {
        Millis(self.start.0.saturating_add(self.width))
    }

    /// Whether it holds `time`.
    pub fn contains(self, time: Millis) -> bool {
        self.start <= time && time < self.end()
    }

    /// The engine time at which it closes: `retention` after its end, at the next multiple of `tick`.
    pub fn closes(self, retention: Time, tick: Time) -> Time {
        let retained = i128::from(self.end().0) + i128::from(retention);
        round_up(Time::try_from(retained.max(0)).unwrap_or(Time::MAX), tick)
    }

    /// Whether a row that is learnt at engine time `arrived` comes too late for it: [`aggregate`](super::aggregate) ignores
    /// such a row.
    ///
    /// ```
    /// use smartcity_dataflow::{model::Millis, operators::Window};
    /// let window = Window::tumbling(Millis(3), 10);
    /// assert!(!window.is_closed(25, 20, 5));
    /// assert!(window.is_closed(30, 20, 5));
    /// ```
    pub fn is_closed(self, arrived: Time, retention: Time, tick: Time) -> bool {
        self.closes(retention, tick) <= arrived
    }
}

#[cfg(test)]
mod tests;
