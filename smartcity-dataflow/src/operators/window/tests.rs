use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::operators::{Aggregate, aggregate};
use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, present_copies, table, trace, updates};
use crate::{Diff, Rows, Settings};

const RETENTION: Time = 7;
const TICK: Time = 5;

#[derive(Default)]
struct Count(Diff);

impl Aggregate<()> for Count {
    type Output = Diff;

    fn add(&mut self, (): (), diff: Diff) {
        self.0 += diff;
    }

    fn output(&self) -> Option<Diff> {
        (self.0 > 0).then_some(self.0)
    }
}

/// Device, start of the window, count.
type Counted = (char, i64, Diff);

/// Readings (device, event time) counted by tumbling window of 10 ms.
fn tumbling<'s>(readings: Rows<'s, (char, i64)>) -> Rows<'s, Counted> {
    let by_window = readings.map(|(device, time)| ((device, Window::tumbling(Millis(time), 10)), ()));
    let counts = aggregate::<_, _, Count>(by_window, "Tumbling", |(_, window)| Some(window.closes(RETENTION, TICK)));
    counts.map(|((device, window), count)| (device, window.start.0, count))
}

/// The same by windows of 10 ms that start every 4 ms.
fn sliding<'s>(readings: Rows<'s, (char, i64)>) -> Rows<'s, Counted> {
    let by_window = readings
        .flat_map(|(device, time)| Window::sliding(Millis(time), 10, 4).map(move |window| ((device, window), ())));
    let counts = aggregate::<_, _, Count>(by_window, "Sliding", |(_, window)| Some(window.closes(RETENTION, TICK)));
    counts.map(|((device, window), count)| (device, window.start.0, count))
}

fn check(updates: &[Update<(char, i64)>], expected: Expect) {
    expected.assert_eq(&table(&trace(updates, tumbling, 60)));
}

#[test]
fn a_late_reading_amends_its_window_until_it_closes() {
    check(
        &[at(5, ('d', 3)), at(15, ('d', 12)), at(15, ('d', 4)), at(20, ('d', 5))],
        expect![[r#"
            5 +1 ('d', 0, 1)
            15 -1 ('d', 0, 1)
            15 +1 ('d', 0, 2)
            15 +1 ('d', 10, 1)
            20 -1 ('d', 0, 2)
            30 -1 ('d', 10, 1)
        "#]],
    );
}

#[test]
fn a_window_that_never_had_a_reading_in_time_never_appears() {
    check(&[at(20, ('d', 9)), at(25, ('d', 0))], expect![""]);
}

#[test]
fn a_withdrawal_in_time_takes_the_reading_out_and_one_too_late_is_ignored() {
    check(
        &[at(5, ('d', 3)), at(5, ('d', 4)), gone(10, ('d', 3)), gone(25, ('d', 4))],
        expect![[r#"
            5 +1 ('d', 0, 2)
            10 +1 ('d', 0, 1)
            10 -1 ('d', 0, 2)
            20 -1 ('d', 0, 1)
        "#]],
    );
}

#[test]
fn a_reading_falls_into_every_window_that_slides_over_it() {
    expect![[r#"
        5 +1 ('d', 4, 1)
        5 +1 ('d', 8, 1)
        5 +1 ('d', 12, 1)
        25 -1 ('d', 4, 1)
        25 -1 ('d', 8, 1)
        30 -1 ('d', 12, 1)
    "#]]
    .assert_eq(&table(&trace(&[at(5, ('d', 12))], sliding, 60)));
}

/// What the windows hold at `now`, found by asking every window about every reading: a window is open until `RETENTION`
/// after its end, and the next multiple of `TICK`.
fn naive(slide: i64, updates: &[Update<(char, i64)>], now: Time) -> Vec<Counted> {
    let mut counts = BTreeMap::new();
    for start in (-20..60).filter(|start: &i64| start.rem_euclid(slide) == 0) {
        let closes = (0..).map(|tick| tick * TICK).find(|&tick| tick as i64 >= start + 10 + RETENTION as i64);
        if closes.is_some_and(|closes| now < closes) {
            for (device, _) in present_copies(updates).iter().filter(|(_, time)| (start..start + 10).contains(time)) {
                *counts.entry((*device, start)).or_default() += 1;
            }
        }
    }
    counts.into_iter().map(|((device, start), count)| (device, start, count)).collect()
}

fn readings() -> impl Strategy<Value = Vec<Update<(char, i64)>>> {
    updates((prop::char::range('a', 'b'), -3..40i64), 14)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn tumbling_windows_count_what_falls_into_them(updates in readings()) {
        assert_oracle(&updates, 70, tumbling, |updates, now| naive(10, updates, now));
    }

    #[test]
    fn sliding_windows_count_what_falls_into_them(updates in readings()) {
        assert_oracle(&updates, 70, sliding, |updates, now| naive(4, updates, now));
    }

    #[test]
    fn windows_are_the_same_on_any_workers(updates in readings()) {
        assert_invariant(&updates, 70, tumbling);
        assert_invariant(&updates, 70, sliding);
    }

    #[test]
    fn a_reading_is_told_to_be_too_late_just_where_it_is_ignored(time in 0..40i64, arrived in 0..60u64) {
        let counted = !trace(&[at(arrived, ('d', time))], tumbling, 60).is_empty();
        prop_assert_eq!(counted, !Window::tumbling(Millis(time), 10).is_closed(arrived, RETENTION, TICK));
    }

    #[test]
    fn a_time_is_in_its_windows_and_in_no_other(time in -100..100i64, width in -1..20i64, slide in -1..20i64) {
        let found: Vec<_> = Window::sliding(Millis(time), width, slide).collect();
        let every = (-130..=100).filter(|start: &i64| start.rem_euclid(slide.max(1)) == 0);
        let windows = every.map(|start| Window { width: width.max(1), start: Millis(start) });
        let expected: Vec<_> = windows.filter(|window| window.contains(Millis(time))).collect();
        prop_assert_eq!(&found, &expected);
        if width == slide {
            prop_assert_eq!(found, [Window::tumbling(Millis(time), width)]);
        }
    }

    #[test]
    fn no_time_or_width_overflows(time: i64, width: i64, slide: i64, retention: Time, tick: Time) {
        let window = Window::tumbling(Millis(time), width);
        prop_assert!(window.start.0 <= time);
        window.is_closed(0, retention, tick);
        for window in Window::sliding(Millis(time), width, slide).take(3) {
            prop_assert!(window.start.0 <= time);
            window.is_closed(0, retention, tick);
        }
    }

    /// What `Flag::TooLate` says of a reading, older than the retention and a window, is true of every window.
    #[test]
    fn older_than_window_and_retention_is_too_late_for_every_window(time in 1_000_000..2_000_000i64, more in 1..1_000u64) {
        let settings = Settings::default();
        let width = settings.traffic_window_ms;
        let late = time as Time + width + settings.retention_ms + more;
        let tick = late.next_multiple_of(settings.tick_ms);
        for window in Window::sliding(Millis(time), width as i64, 60_000) {
            prop_assert!(window.is_closed(tick, settings.retention_ms, settings.tick_ms));
        }
    }
}

#[test]
fn the_greatest_and_least_times_have_windows() {
    for time in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX] {
        for width in [i64::MIN, 0, 1, 7, i64::MAX] {
            let window = Window::tumbling(Millis(time), width);
            assert!(window.start.0 <= time && window.closes(Time::MAX, Time::MAX) == Time::MAX);
            assert!(Window::sliding(Millis(time), width, width).count() <= 1);
        }
    }
}
