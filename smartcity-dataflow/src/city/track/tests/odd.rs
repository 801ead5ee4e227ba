//! Who stands, whose speeds are not believed, and what is odd.

use super::*;
use crate::city::vehicles::Implausible;

fn flagged(told: Told) -> Option<Flag> {
    if let Told::Flag(_, _, flag) = told { Some(flag) } else { None }
}

fn flags_in_town(fixes: impl IntoIterator<Item = Reading<Millis, Fix>>, through: Time) -> Vec<Flag> {
    let updates: Vec<_> = fixes.into_iter().map(comes).collect();
    told_in_town(&updates, through).into_iter().filter_map(flagged).collect()
}

/// Fixes of a vehicle that stays where it is, every so many seconds, each off by some metres.
fn drift(seconds: std::ops::RangeInclusive<i64>, step: usize) -> impl Iterator<Item = Reading<Millis, Fix>> {
    seconds.step_by(step).map(|second| fix(second, (50 + second * 7 % 5 - 2, second * 5 % 7 - 3)))
}

#[test]
fn who_drifts_does_not_move_and_stands_after_two_minutes() {
    let updates: Vec<_> = drift(0..=130, 1).map(comes).collect();
    let standing = |through: Time| {
        let told = told_in_town(&updates, through);
        let of_vehicles = told.iter().filter(|told| matches!(told, Told::Fix(_, row) if row.moving)).count();
        let stands = told.iter().filter(|told| matches!(told, Told::Sample { sample, .. } if sample.stands)).count();
        (of_vehicles, stands)
    };
    // The fix of two minutes shows that those before it stood as well.
    assert_eq!([119, 120, 121, 130].map(|second| standing(second * SECOND)), [(0, 0), (0, 121), (0, 122), (0, 131)]);
}

#[test]
fn who_waits_a_minute_at_a_red_light_is_traffic() {
    let before = [fix(0, (0, 0)), fix(5, (45, 0))];
    let after = [fix(70, (100, 0)), fix(80, (180, 0))];
    let updates: Vec<_> = before.into_iter().chain(drift(10..=65, 5)).chain(after).map(comes).collect();
    let told = told_in_town(&updates, 90 * SECOND);
    assert!(!told.iter().any(|told| matches!(told, Told::Sample { sample, .. } if sample.stands)));
}

#[test]
fn a_parked_vehicle_that_reports_now_and_then_stands() {
    let stands = |second: i64| {
        let updates = [comes(reporting(fix(0, (50, 0)), 0)), comes(reporting(fix(second, (60, 0)), 30))];
        let told = told_in_town(&updates, 20 * MINUTE);
        told.iter().filter(|told| matches!(told, Told::Sample { sample, .. } if sample.stands)).count()
    };
    assert_eq!([stands(MAX_GAP_MS / 1_000), stands(MAX_GAP_MS / 1_000 + 1)], [0, 1]);
}

#[test]
fn a_fix_and_a_withdrawal_in_one_tick_are_each_seen() {
    // The last fix shows that the vehicle stands. It is withdrawn in the tick that brings one from before it.
    let standing = [0, 30, 60, 90].map(|second| fix(second, (50, 0)));
    let witness = fix(125, (50, 0));
    let between = learnt(fix(100, (50, 0)), 130);
    let mut updates: Vec<_> = standing.map(comes).to_vec();
    updates.extend([comes(witness), goes(130, witness), comes(between)]);
    let told = told_in_town(&updates, 140 * SECOND);
    assert!(!told.iter().any(|told| matches!(told, Told::Sample { sample, .. } if sample.stands)));
}

#[test]
fn speeds_that_are_always_0_are_distrusted_and_an_honest_0_is_not() {
    let drive = [0, 10, 20, 30].map(|second| fix(second, (second * 8, 0)));
    let always = drive.map(|fix| reporting(fix, 0));
    assert_eq!(flags_in_town(always, 60 * SECOND), [Flag::ContradictsReport; 4]);
    // The same at a red light that it drove to and drives on from.
    let mut honest = drive.map(|fix| reporting(fix, 25));
    honest[2] = reporting(fix(20, (160, 0)), 0);
    assert_eq!(flags_in_town(honest, 60 * SECOND), []);
    // Once is not again and again.
    assert_eq!(flags_in_town([always[0], always[1]], 60 * SECOND), []);
}

#[test]
fn speeds_stay_distrusted_when_the_vehicle_is_heard_of_again_much_later() {
    let drive = [0, 10, 20, 30].map(|second| reporting(fix(second, (second * 8, 0)), 0));
    let later = reporting(fix(240, (240, 0)), 0);
    assert_eq!(flags_in_town(drive.into_iter().chain([later]), 300 * SECOND), [Flag::ContradictsReport; 4]);
}

/// A drive of two minutes at 34 km/h, with a fix every so many seconds that reports a speed.
fn reports_at_34(every: usize, speed: i64) -> Vec<Reading<Millis, Fix>> {
    (0..=120).step_by(every).map(|second| reporting(fix(second, (second * 94 / 10, 0)), speed)).collect()
}

/// How many fixes there are, and how many report speeds that are not believed.
fn distrusted(fixes: Vec<Reading<Millis, Fix>>) -> (usize, usize) {
    let all = fixes.len();
    let flags = flags_in_town(fixes, 200 * SECOND);
    (all, flags.into_iter().filter(|flag| *flag == Flag::ContradictsReport).count())
}

#[test]
fn any_speed_that_the_track_contradicts_again_and_again_is_distrusted() {
    for (every, lies, honest) in [(1, vec![0, 3, 6, 80, 120], [25, 34, 45]), (5, vec![0, 3, 6, 120], [20, 34, 50])] {
        for speed in lies {
            let (all, flagged) = distrusted(reports_at_34(every, speed));
            assert_eq!(flagged, all, "{speed} km/h every {every} s");
        }
        for speed in honest {
            assert_eq!(distrusted(reports_at_34(every, speed)).1, 0, "{speed} km/h every {every} s");
        }
    }
    // A speed that is about half of the truth, or twice, takes a while to tell.
    assert_eq!(distrusted(reports_at_34(1, 15)), (121, 91));
    assert_eq!(distrusted(reports_at_34(5, 80)), (25, 23));
    // Metres a second that are taken for km/h, of one who stops at a red light.
    let light =
        |second: i64| if second < 60 { (second * 94 / 10, 9) } else { (564 + (second - 100).max(0) * 94 / 10, 0) };
    let drive = |unit: fn(i64) -> i64| -> Vec<_> {
        let seconds = (0..=180).step_by(5);
        seconds
            .map(|second| (second, light(second)))
            .map(|(second, (east, speed))| {
                let speed = if second > 100 { 9 } else { speed };
                reporting(fix(second, (east, 0)), unit(speed))
            })
            .collect()
    };
    assert_eq!(distrusted(drive(|metres| metres * 18 / 5)).1, 0);
    // Four of the 37 are near the light, where half of a step may be standing.
    assert_eq!(distrusted(drive(|metres| metres)).1, 33);
}

#[test]
fn a_parked_vehicle_whose_position_scatters_stands() {
    let mut seed = 7u64;
    let mut die = |sides: i64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as i64 % sides
    };
    // Sums of twelve dice of so many metres have about that as their standard deviation.
    let mut parked = |scatter: i64, every: usize, speed: Option<i64>| -> Vec<_> {
        let mut off = || (0..12).map(|_| die(scatter * 1_000)).sum::<i64>() - 6_000 * scatter;
        let fixes = (0..=600).step_by(every).map(|second| {
            let parked = fix(second, (100, 0));
            let place = parked.place.map(|place| place.shifted(off(), off()));
            let speed = speed.map(|fastest| kmh(second % (fastest + 1)));
            comes(Reading { place, ..parked.with(Fix { speed, ..parked.body }) })
        });
        fixes.collect()
    };
    for (scatter, every) in [3, 8, 10].into_iter().flat_map(|scatter| [1, 5, 30].map(|every| (scatter, every))) {
        for speed in [None, Some(0), Some(4)] {
            let fixes = parked(scatter, every, speed);
            // After a minute, three and ten.
            for (minutes, stands) in [(1, false), (3, true), (10, true)] {
                let known = &fixes[..=minutes * 60 / every];
                let told = told_in_town(known, 700 * SECOND);
                let fixes_told = told.iter().filter(|told| matches!(told, Told::Fix(..))).count();
                assert_eq!(fixes_told, known.len());
                let moves = |told: &&Told| match told {
                    Told::Fix(_, row) => row.moving,
                    Told::Sample { sample, .. } => sample.moved || stands && !sample.stands,
                    _ => false,
                };
                let moving = told.iter().filter(moves).count();
                assert_eq!(moving, 0, "{scatter} m, every {every} s, at most {speed:?} km/h, {minutes} minutes");
            }
        }
    }
}

#[test]
fn a_position_gone_wrong_is_no_motion() {
    let gone_wrong = |second: i64, place: (i64, i64)| if second == 60 { (5_000, 3_000) } else { place };
    let track_speeds = |place: &dyn Fn(i64) -> (i64, i64)| -> Vec<i64> {
        let fixes = (0..=120).map(|second| comes(fix(second, gone_wrong(second, place(second)))));
        let told = told_in_town(&fixes.collect::<Vec<_>>(), 200 * SECOND);
        let rest = told.into_iter().filter_map(every).filter(|(second, ..)| *second != 60);
        let mut speeds: Vec<_> = rest.filter_map(|(_, speed, ..)| speed).collect();
        speeds.sort_unstable();
        speeds.dedup();
        speeds
    };
    assert_eq!(track_speeds(&|_| (50, 0)), [0]);
    assert!(track_speeds(&|second| (second * 9, 0)).into_iter().all(|speed| speed == 0 || (30..36).contains(&speed)));
    // Nor does it make a parked vehicle traffic.
    let parked = (0..=300).step_by(5).map(|second| comes(fix(second, gone_wrong(second, (50, 0)))));
    let told = told_in_town(&parked.collect::<Vec<_>>(), 400 * SECOND);
    let in_traffic = told.iter().filter(|told| matches!(told, Told::Sample { sample, .. } if !sample.stands));
    assert_eq!(in_traffic.count(), 0);
}

#[test]
fn what_cannot_be_is_flagged() {
    let unusable = |speed, heading| Fix { unusable: Unusable { speed, heading }, ..Fix::default() };
    let stating = [(false, false), (true, false), (false, true), (true, true)];
    let fixes = stating.into_iter().enumerate();
    let fixes =
        fixes.map(|(i, (speed, heading))| fix(10 * i as i64, (10 * i as i64, 0)).with(unusable(speed, heading)));
    let flags = [Flag::SpeedNotReported, Flag::SpeedNotReported, Flag::HeadingNotReported, Flag::HeadingNotReported];
    assert_eq!(flags_in_town(fixes, 60 * SECOND), flags);
    assert_eq!(flags_in_town([fix(0, (0, 70))], 60 * SECOND), [Flag::OffRoad]);
}

#[test]
fn motion_that_cannot_be_is_shown_and_named() {
    let (too_fast, contradicts) = (Some(Implausible::TooFast), Some(Implausible::ContradictsReport));
    let second_of = |second, north| {
        let fixes = [fix(0, (0, 0)), fix(second, (0, north))].map(|fix| comes(reporting(fix, 20)));
        let told = told_in_town(&fixes, 60 * SECOND);
        let rows =
            told.iter().filter_map(|told| if let Told::Fix(_, row) = told { Some(row.implausible) } else { None });
        rows.collect::<Vec<_>>()
    };
    assert_eq!(second_of(10, 1_000), [None, too_fast]);
    assert_eq!(second_of(10, 400), [None, contradicts]);
    assert_eq!(second_of(1, 30), [None, None]); // an error of the positions
}

#[test]
fn a_late_fix_explains_a_jump_of_long_after_as_far_as_anyone_looks_back() {
    let far = (0, 20_000);
    let jump = |second, late: Option<i64>| {
        let late = late.map(|second| learnt(fix(second, far), 500));
        flags_in_town([fix(0, (10, 0)), fix(second, far)].into_iter().chain(late), 600 * SECOND)
    };
    assert!(jump(180, None).contains(&Flag::ImplausibleSpeed));
    assert!(!jump(181, None).contains(&Flag::ImplausibleSpeed));
    // The jump is then that of the late fix.
    assert_eq!(jump(180, Some(10)).iter().filter(|flag| **flag == Flag::ImplausibleSpeed).count(), 1);
}
