//! At every tick all that is told is what a naive function makes of the fixes that are there: whatever came late, was
//! withdrawn, or came in one tick with others, while the city was edited.

use std::collections::BTreeSet;

use differential_dataflow::consolidation::consolidate;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::naive::{Past, naive};
use super::*;
use crate::city::fixtures::{edits, id, place, zone_id};
use crate::model::{Millimetres, Namespace, Origin, Ring, Segment, Zone, bearing};

/// When the tests begin, seconds: late enough for events before.
const START: i64 = 10_000;

/// Ticks of 5 s, so that several fixes share one. Rows live so shortly that some are forgotten within a test; or for hours.
fn settings(forgets: bool) -> Settings {
    let settings = Settings { tick_ms: 5 * SECOND, vehicle_life_ms: MINUTE, ..Settings::default() };
    Settings { retention_ms: if forgets { 2 * MINUTE } else { 240 * MINUTE }, ..settings }
}

/// ```text
///       ◀──── x ────
///     s │          ▲ e        100 m
///       ▼          │
///       ──── a ────┬──── b ───▶
///       ◀─── c ────┴◀─── d ────
///       0         100        210 m
/// ```
fn streets() -> [Segment; 7] {
    [
        leading_to(segment("a", (0, 0), (100, 0)), &[("b", 10), ("e", 9)]),
        leading_to(segment("b", (110, 0), (210, 0)), &[("d", 5)]),
        leading_to(segment("c", (100, 0), (0, 0)), &[("a", 5)]),
        leading_to(segment("d", (210, 0), (110, 0)), &[("c", 10), ("e", 9)]),
        leading_to(segment("e", (105, 8), (105, 100)), &[("x", 7)]),
        leading_to(segment("x", (100, 105), (0, 105)), &[("s", 7)]),
        leading_to(segment("s", (-5, 100), (-5, 5)), &[("a", 7)]),
    ]
}

/// Corners of a round trip: a, e, x and s.
const ROUND: [(i64, i64); 5] = [(-5, 0), (105, 0), (105, 105), (-5, 105), (-5, 0)];

/// The place so many metres into the round trip, and some millimetres beside.
fn on_the_round(metres: i64, (east, north): (i64, i64)) -> Point {
    let mut left = metres.rem_euclid(430);
    for leg in ROUND.windows(2) {
        let (dx, dy) = (leg[1].0 - leg[0].0, leg[1].1 - leg[0].1);
        let length = dx.abs() + dy.abs();
        if left <= length {
            return place((leg[0].0 + dx.signum() * left, leg[0].1 + dy.signum() * left)).shifted(east, north);
        }
        left -= length;
    }
    unreachable!("the round is 430 m")
}

/// What a vehicle does until its next fix.
#[derive(Clone, Copy, Debug)]
enum Does {
    Stays,
    Drives(i64),
    Jumps((i64, i64)),
}

/// Sorts of days: all that may happen; a drive that is followed closely; a vehicle that hardly moves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Day {
    Any,
    Drive,
    Parked,
}

/// Seconds since the fix before, what the vehicle did, and millimetres by which the fix is off.
fn step(day: Day) -> impl Strategy<Value = (i64, Does, (i64, i64))> {
    let (seconds, weights, off) = match day {
        Day::Any => (vec![0, 1, 1, 4, 10, 10, 20, 30, 30, 60, 60, 89, 95, 150, 182], [4, 5, 2], 40_000i64),
        Day::Drive => (vec![4, 10, 10, 20, 30], [1, 5, 0], 15_000),
        Day::Parked => (vec![1, 20, 30, 40, 60, 90, 100], [9, 1, 0], 18_000),
    };
    let stays = (weights[0], Just(Does::Stays).boxed());
    let drives = (weights[1], prop::sample::select(vec![3, 8, 14, -2]).prop_map(Does::Drives).boxed());
    let jumps = prop_oneof![(-100..300i64, -100..200i64), Just((20_000, 0))].prop_map(Does::Jumps);
    let does = if weights[2] > 0 {
        prop::strategy::Union::new_weighted(vec![stays, drives, (weights[2], jumps.boxed())])
    } else {
        prop::strategy::Union::new_weighted(vec![stays, drives])
    };
    let beside = prop_oneof![(-4_000..4_000i64, -4_000..4_000i64), (-off..off, -off..off)];
    (prop::sample::select(seconds), does, beside)
}

/// Fixes of some vehicles: late, of one moment, withdrawn, several in a tick.
fn fixes() -> impl Strategy<Value = Vec<Update<Input>>> {
    prop::sample::select(vec![Day::Any, Day::Any, Day::Drive, Day::Parked]).prop_flat_map(fixes_of)
}

fn fixes_of(day: Day) -> impl Strategy<Value = Vec<Update<Input>>> {
    let report = prop::sample::select(vec!["nothing", "zero", "zero", "truth", "rubbish"]);
    let late = prop_oneof![6 => 0..3i64, 2 => 10..100i64, 1 => 100..400i64];
    let other = if day == Day::Any { 0.15 } else { 0.0 };
    let is_w_or_own = (prop::bool::weighted(other), prop::bool::weighted(other));
    let one = (step(day), report, any::<bool>(), late, prop::option::weighted(0.25, 0..400i64), is_w_or_own);
    let most = if day == Day::Any { 22 } else { 36 };
    // Half of the vehicles say one speed, whatever they do.
    let always = prop::sample::select(vec![None, None, Some(0), Some(90)]);
    (always, prop::collection::vec(one, 1..most)).prop_map(|(always, steps)| {
        let (mut second, mut metres, mut updates) = (START, 0, Vec::new());
        for (i, ((step, does, beside), report, heads, late, withdrawn, (is_w, is_own))) in steps.into_iter().enumerate()
        {
            second += step;
            let mut reading = fix(second, (0, 0));
            let mut speed = 0;
            match does {
                Does::Stays => {}
                Does::Drives(of_second) => (metres, speed) = (metres + of_second * step, of_second.abs()),
                Does::Jumps(_) => speed = 30,
            }
            let spot = if let Does::Jumps(there) = does { place(there) } else { on_the_round(metres, beside) };
            reading.place = Some(spot);
            reading.device = id(Namespace::Device, if is_w { "w" } else { "v" });
            reading.kind = if is_own { Kind::Vehicle } else { Kind::Gps };
            reading.origin = Origin { offset: i as u64, ..reading.origin };
            match if always.is_some() { "always" } else { report } {
                "always" => reading.body.speed = always.map(kmh),
                "zero" => reading.body.speed = Some(Kmh(0)),
                "truth" => reading.body.speed = Some(Kmh(speed * 3_600)),
                "rubbish" => reading.body.unusable = Unusable { speed: true, heading: heads },
                _ => {}
            }
            if heads && report == "truth" {
                let ahead = bearing(spot, on_the_round(metres + 5, beside));
                reading.body.heading = ahead;
            }
            let tick = |second: i64| round_up(second.cast_unsigned() * SECOND, 5 * SECOND);
            reading.arrived = tick(second + late);
            updates.push(comes(reading));
            updates.extend(withdrawn.map(|after| gone(tick(second + late + after), Input::Fix(reading))));
        }
        updates
    })
}

/// Edits of some streets and a zone while the fixes come.
fn city() -> impl Strategy<Value = Vec<Update<Input>>> {
    let corners = [(-50, 50), (300, 50), (300, 300), (-50, 300)].map(place);
    let zone = Zone { id: zone_id("north"), name: zone_id("north"), rings: [Ring(corners.to_vec())].into() };
    let [a, b, c, d, e, x, s] = streets();
    let slow = Segment { free_flow: kmh(20), ..e.clone() };
    let short = Segment { length: Millimetres(80_000), ..a.clone() };
    let stay = [b, d, x, s].map(CityRow::Segment).map(|row| at(0, Input::City(row)));
    let always = streets().map(CityRow::Segment).map(|row| at(0, Input::City(row)));
    let come_and_go = [
        vec![CityRow::Zone(zone)],
        vec![CityRow::Segment(short), CityRow::Segment(a)],
        vec![CityRow::Segment(c)],
        vec![CityRow::Segment(slow), CityRow::Segment(e)],
    ];
    let in_seconds = come_and_go.map(|rows| edits(rows.into_iter().map(Input::City).collect(), 700));
    // From a little before the first fix on.
    let tick = |second: Time| round_up((START as Time - 20 + second) * SECOND, 5 * SECOND);
    let edited = Vec::from(in_seconds).prop_map(move |edits| {
        let edits = edits.concat().into_iter().map(|(row, second, diff)| (row, tick(second), diff));
        stay.iter().cloned().chain(edits).collect()
    });
    prop_oneof![Just(always.to_vec()), edited]
}

fn check_against_naive(updates: &[Update<Input>], forgets: bool) {
    let settings = settings(forgets);
    let remembered = horizon(Kind::Gps, &settings).unwrap();
    let rules = Rules::of(&settings, remembered);
    let mut updates = updates.to_vec();
    updates.sort_by_key(|&(_, time, _)| time);
    let lasts = (remembered.longest(&settings) - settings.max_ahead_ms) * 2;
    let last = updates.iter().map(|(_, time, _)| *time).max().unwrap();
    let through = round_up(last + lasts, settings.tick_ms);
    let of = settings.clone();
    let output = trace(&updates, move |input| build(input, &of), through);
    let times: BTreeSet<Time> =
        output.iter().map(|(time, _, _)| *time).chain(updates.iter().map(|update| update.1)).collect();
    let past = Past::new(&updates);
    for now in
        times.into_iter().filter(|&now| now >= START as Time * SECOND).flat_map(|time| [time, time + settings.tick_ms])
    {
        let seen = updates.partition_point(|&(_, time, _)| time <= now);
        // Others count a fix for as long as those that say what is told of it are remembered, and no longer.
        let counts = |event: Millis| remembered.ends_after_event(Millis(event.0 - CONTEXT_MS), settings.tick_ms) > now;
        let are_all_there = updates[..seen].iter().all(|(row, _, _)| match row {
            Input::Fix(fix) => remembered.ends_after_event(fix.time, settings.tick_ms) > now,
            Input::City(_) => true,
        });
        let is_compared = |told: &Told| match told {
            Told::Fix(_, row) => counts(row.time),
            Told::Sample { sample, .. } => counts(sample.time),
            Told::Newest(..) => true,
            Told::Flag(..) | Told::DeviceFlag(..) => are_all_there,
        };
        let mut expected: Vec<_> =
            naive(&updates[..seen], now, &rules, &past).into_iter().map(|told| (told, 1)).collect();
        let mut actual: Vec<_> =
            output.iter().filter(|(time, _, _)| *time <= now).map(|(_, told, diff)| (told.clone(), *diff)).collect();
        consolidate(&mut expected);
        consolidate(&mut actual);
        expected.retain(|(told, _)| is_compared(told));
        actual.retain(|(told, _)| is_compared(told));
        assert_eq!(actual, expected, "at {now}; left is the log, right the naive function");
    }
    if forgets {
        let mut left: Vec<_> = output.iter().map(|(_, told, diff)| (told, *diff)).collect();
        left.retain(|(told, _)| matches!(told, Told::DeviceFlag(..) | Told::Newest(..)));
        consolidate(&mut left);
        assert_eq!(left, [], "all is forgotten");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn all_that_is_told_follows_from_the_fixes_that_are_there(fixes in fixes(), city in city(), forgets: bool) {
        let updates: Vec<_> = city.into_iter().chain(fixes).collect();
        check_against_naive(&updates, forgets);
    }
}

#[test]
fn neither_order_nor_workers_show() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..6 {
        let inputs = (fixes(), fixes(), city()).new_tree(&mut runner).unwrap().current();
        let (one, other, city) = inputs;
        let other = other.into_iter().map(|(row, time, diff)| {
            let Input::Fix(fix) = row else { return (row, time, diff) };
            (Input::Fix(Reading { device: id(Namespace::Device, "x"), ..fix }), time, diff)
        });
        let updates: Vec<_> = city.into_iter().chain(one).chain(other).collect();
        let through = updates.iter().map(|(_, time, _)| *time).max().unwrap() + 10 * MINUTE;
        assert_invariant(&updates, through, |input| build(input, &settings(true)));
    }
}
