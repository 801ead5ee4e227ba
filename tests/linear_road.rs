//! Linear Road: the dataflow says what the oracle says, and what a reader of the rules would.

#[path = "../examples/linear_road/mod.rs"]
#[expect(dead_code, reason = "what is right is tested, how fast it runs is not")]
mod workload;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;

use expect_test::{Expect, expect};
use smartcity_dataflow::testing::{at, recorded, table, trace, trace_on};
use smartcity_dataflow::{Rows, Time};
use workload::agreement::{Agreement, compare};
use workload::csv;
use workload::engine::{History, linear_road};
use workload::generator::{Generator, Traffic};
use workload::history::{DayAsked, Week, weeks};
use workload::tuple::{Answer, Fix, Tuple, tick_of};

/// What dataflow and oracle say to half an expressway's traffic.
fn agreement(seed: u64, begin: u32, seconds: u32, workers: usize) -> Agreement {
    let traffic = Traffic { seed, halves: 1, begin };
    let mut generator = Generator::new(traffic);
    let seconds = (begin..begin + seconds).map(|second| {
        let mut tuples = Vec::new();
        generator.next_second(&mut tuples);
        (second, tuples)
    });
    let some: Vec<_> = weeks(seed, 40_000, 1).collect();
    compare(seconds, &some, workers).expect("a run")
}

#[test]
fn answers_are_those_of_the_oracle() {
    for (seed, workers) in [(1, 1), (2, 2), (3, 2)] {
        let agreement = agreement(seed, 6_600, 480, workers);
        println!("seed {seed}: {} tuples, answers {:?}", agreement.tuples, agreement.answers);
        assert_eq!(agreement.differences, [], "seed {seed}: 1 the dataflow alone, -1 the oracle alone");
        assert!(agreement.answers.iter().all(|answers| *answers > 20), "too few answers: {agreement:?}");
        assert!(agreement.in_debt > 20, "nobody is charged: {agreement:?}");
    }
}

#[test]
fn answers_to_the_first_minutes_are_those_of_the_oracle() {
    let agreement = agreement(4, 0, 300, 2);
    assert_eq!(agreement.differences, []);
    assert!(agreement.tuples > 2_000);
}

#[test]
fn official_records_are_answered_as_by_the_oracle() {
    let Some(folder) = recorded("linear_road") else { return };
    let file = File::open(folder.join("datafile20seconds.dat")).expect("the records");
    let mut seconds: BTreeMap<u32, Vec<Tuple>> = BTreeMap::new();
    for tuple in csv::read(BufReader::new(file)) {
        let (second, tuple) = tuple.expect("a record");
        seconds.entry(second).or_default().push(tuple);
    }
    let asked = weeks(0, 500, 1).collect::<Vec<_>>();
    let agreement = compare(seconds.into_iter(), &asked, 2).expect("a run");
    assert_eq!(agreement.differences, []);
    assert_eq!((agreement.tuples, agreement.answers), (280, [279, 0, 0, 1]));
}

#[test]
fn a_generator_may_begin_at_any_second() {
    for begin in [1, 61, 5_400] {
        let traffic = Traffic { seed: 5, halves: 3, begin: begin - 1 };
        let [mut before, mut from_there] = [traffic, Traffic { begin, ..traffic }].map(Generator::new);
        before.next_second(&mut Vec::new());
        for second in begin..begin + 90 {
            let reports = [&mut before, &mut from_there].map(|generator| {
                let mut tuples = Vec::new();
                generator.next_second(&mut tuples);
                tuples.retain(|tuple| matches!(tuple, Tuple::Report { .. }));
                tuples
            });
            assert_eq!(reports[0], reports[1], "second {second}");
        }
    }
}

#[test]
fn traffic_is_as_the_benchmark_says() {
    let mut generator = Generator::new(Traffic { seed: 6, halves: 2, begin: 10_740 });
    let mut last: BTreeMap<u32, (u32, Fix)> = BTreeMap::new();
    let (mut reports, mut queries) = (0_u32, 0_u32);
    for second in 10_740..10_800 {
        let mut tuples = Vec::new();
        generator.next_second(&mut tuples);
        for tuple in tuples {
            let Tuple::Report { vid, fix } = tuple else {
                queries += 1;
                continue;
            };
            reports += 1;
            assert!(fix.speed <= 100 && fix.lane() <= 4 && fix.seg() < 100 && fix.xway == 0, "{fix:?}");
            if let Some((before, from)) = last.insert(vid, (second, fix)) {
                assert_eq!(second - before, 30);
                let forward =
                    if fix.dir() == 0 { fix.pos.checked_sub(from.pos) } else { from.pos.checked_sub(fix.pos) };
                assert!(forward.is_some_and(|feet| feet <= 44 * 100), "from {from:?} to {fix:?}");
            }
        }
    }
    assert!((1_650..1_750).contains(&(reports / 60)), "{} reports a second", reports / 60);
    assert!((reports / 110..reports / 90).contains(&queries), "{queries} queries to {reports} reports");
}

#[test]
fn tuples_are_written_as_they_are_read() {
    let mut generator = Generator::new(Traffic { seed: 8, halves: 2, begin: 9_000 });
    let mut tuples = Vec::new();
    generator.next_second(&mut tuples);
    let mut text = Vec::new();
    tuples.iter().for_each(|tuple| csv::write(&mut text, 9_000, tuple).expect("memory"));
    let read = csv::read(text.as_slice()).collect::<Result<Vec<_>, _>>().expect("tuples");
    assert_eq!(read, tuples.into_iter().map(|tuple| (9_000, tuple)).collect::<Vec<_>>());
    let wrong = "0,1,7,30,0,1,0,3,15840,-1,-1,-1,-1,-1,-1\n0,1,7,30,0,1,0,4,15840,-1,-1,-1,-1,-1,-1\n";
    let errors: Vec<_> =
        csv::read(wrong.as_bytes()).filter_map(Result::err).map(|error| format!("{error:#}")).collect();
    assert_eq!(errors, ["line 2: position 15840 is not in segment 4"]);
}

/// Tuples by second.
type Day = Vec<(u32, Tuple)>;

/// A report of a car eastbound: feet in from the beginning of mile `seg`.
fn car(second: u32, vid: u32, seg: u32, feet: u32, lane: u8, speed: u8) -> (u32, Tuple) {
    (second, Tuple::Report { vid, fix: Fix::new(0, 0, lane, seg * 5_280 + feet, speed) })
}

fn ask(second: u32, vid: u32, qid: u32) -> (u32, Tuple) {
    (second, Tuple::Balance { vid, qid })
}

/// Vehicles 1000 and up, `count` of them, report once from mile `seg` at `second`.
fn crowd(second: u32, seg: u32, count: u32, speed: u8) -> Day {
    (1_000..1_000 + count).map(|vid| car(second, vid, seg, vid, 2, speed)).collect()
}

/// Two cars that stand in mile `seg` from `from` on, every 30 s until before `until`.
fn crash(seg: u32, from: u32, until: u32) -> Day {
    (from..until).step_by(30).flat_map(|second| [1, 2].map(|vid| car(second, vid, seg, 700, 1, 0))).collect()
}

fn dataflow(tuples: Rows<'_, Tuple>) -> Rows<'_, Answer> {
    let reports = tuples.clone().flat_map(|tuple| match tuple {
        Tuple::Report { vid, fix } => Some((vid, fix)),
        _ => None,
    });
    let questions = tuples.clone().flat_map(|tuple| match tuple {
        Tuple::Balance { vid, qid } => Some((vid, qid)),
        _ => None,
    });
    let days = tuples.clone().flat_map(|tuple| match tuple {
        Tuple::Expenditure { vid, qid, xway, day } => Some(DayAsked { vid, qid, xway, day }),
        _ => None,
    });
    let week = Week { vid: 7, xway: 0, week: 1, tolls: [70, 71, 72, 73, 74, 75, 76] };
    let first = |tuple| matches!(tuple, Tuple::Balance { qid: 0, .. });
    let weeks = tuples.filter(move |tuple| first(*tuple)).map(move |_| week);
    linear_road(reports, questions, days, History::Table(weeks))
}

/// The answers to `day` by second, without those that concern the crowd, as the dataflow gives them on one worker and three.
fn check(day: &[(u32, Tuple)], expected: Expect) {
    let updates: Vec<_> = day.iter().map(|(second, tuple)| at(tick_of(*second), *tuple)).collect();
    let through = updates.iter().map(|(_, tick, _)| *tick).max().expect("a day") + 60;
    let answers = trace(&updates, dataflow, through);
    assert_eq!(trace_on(3, &updates, dataflow, through), answers, "three workers say something else");
    let concerns_us = |answer: &Answer| match answer {
        Answer::Toll { vid, .. } | Answer::Accident { vid, .. } => *vid < 1_000,
        Answer::Balance { .. } | Answer::Expenditure { .. } => true,
    };
    let by_second = |(tick, answer, diff): (Time, Answer, _)| (tick - tick_of(0), answer, diff);
    let ours: Vec<_> = answers.into_iter().filter(|(_, answer, _)| concerns_us(answer)).map(by_second).collect();
    expected.assert_eq(&table(&ours));
}

#[test]
fn the_toll_grows_with_the_square_of_the_vehicles_above_fifty() {
    let minutes = [(50, 20), (51, 20), (60, 20), (60, 61)];
    let crowds = (0..).zip(minutes).map(|(minute, (count, speed))| crowd(minute * 600, 3, count, speed));
    let entrants = (0..4).map(|minute| car(minute * 600 + 65, minute + 7, 3, 0, 0, 30));
    check(
        &[crowds.collect::<Vec<_>>().concat(), entrants.collect()].concat(),
        expect![[r#"
            65 +1 Toll { vid: 7, lav: 20, toll: 0 }
            665 +1 Toll { vid: 8, lav: 20, toll: 2 }
            1265 +1 Toll { vid: 9, lav: 20, toll: 200 }
            1865 +1 Toll { vid: 10, lav: 61, toll: 0 }
        "#]],
    );
}

#[test]
fn the_velocity_is_the_mean_of_minutes_of_means_of_vehicles() {
    // Minute 1: vehicle 1 means 20, vehicle 2 means 50, so 35. Minute 2: 10 and the 30 of vehicle 7, so 20. Minute 3: nobody.
    // Vehicle 8 sees (35 + 20) / 2. Then comes its own 30 in minute 4, and minute 1 is past: vehicle 9 sees (20 + 30) / 2.
    let reports = [car(0, 1, 3, 0, 1, 10), car(30, 1, 3, 9, 1, 30), car(40, 2, 3, 0, 1, 50), car(60, 1, 3, 99, 1, 10)];
    let entrants = [car(61, 7, 3, 0, 0, 30), car(185, 8, 3, 0, 0, 30), car(365, 9, 3, 0, 0, 30)];
    check(
        &[&reports[..], &entrants[..]].concat(),
        expect![[r#"
            0 +1 Toll { vid: 1, lav: 0, toll: 0 }
            40 +1 Toll { vid: 2, lav: 0, toll: 0 }
            61 +1 Toll { vid: 7, lav: 35, toll: 0 }
            185 +1 Toll { vid: 8, lav: 28, toll: 0 }
            365 +1 Toll { vid: 9, lav: 25, toll: 0 }
        "#]],
    );
}

#[test]
fn a_toll_is_charged_at_the_next_crossing_and_not_at_the_exit() {
    let around = [crowd(0, 3, 60, 20), crowd(30, 3, 60, 20)].concat();
    let on =
        [car(61, 7, 3, 0, 0, 30), ask(62, 7, 0), car(91, 7, 3, 900, 1, 30), car(121, 7, 4, 0, 1, 30), ask(121, 7, 1)];
    let off = [car(63, 8, 3, 0, 0, 30), car(93, 8, 3, 900, 4, 30), ask(94, 8, 2), ask(200, 8, 3)];
    let across = [car(64, 9, 3, 0, 0, 30), car(94, 9, 4, 900, 4, 30), ask(95, 9, 4)];
    check(
        &[&around[..], &on[..], &off[..], &across[..]].concat(),
        expect![[r#"
            61 +1 Toll { vid: 7, lav: 20, toll: 200 }
            62 +1 Balance { qid: 0, balance: 0 }
            63 +1 Toll { vid: 8, lav: 20, toll: 200 }
            64 +1 Toll { vid: 9, lav: 20, toll: 200 }
            94 +1 Balance { qid: 2, balance: 0 }
            95 +1 Balance { qid: 4, balance: 200 }
            121 +1 Toll { vid: 7, lav: 30, toll: 0 }
            121 +1 Balance { qid: 1, balance: 200 }
            200 +1 Balance { qid: 3, balance: 0 }
        "#]],
    );
}

#[test]
fn a_new_trip_is_not_charged_for_the_old_one_and_keeps_its_debts() {
    let around = crowd(30, 3, 60, 20);
    let not_yet_new = [car(61, 8, 3, 0, 0, 30), car(121, 8, 9, 0, 0, 30), ask(122, 8, 2)];
    let first = [car(61, 7, 3, 0, 0, 30), car(91, 7, 4, 0, 1, 30), car(121, 7, 3, 0, 1, 30)];
    let second = [car(182, 7, 9, 0, 0, 30), ask(182, 7, 0), car(212, 7, 10, 0, 1, 30), ask(213, 7, 1)];
    check(
        &[&around[..], &first[..], &second[..], &not_yet_new[..]].concat(),
        expect![[r#"
            61 +1 Toll { vid: 7, lav: 20, toll: 200 }
            61 +1 Toll { vid: 8, lav: 20, toll: 200 }
            91 +1 Toll { vid: 7, lav: 0, toll: 0 }
            121 +1 Toll { vid: 7, lav: 25, toll: 0 }
            121 +1 Toll { vid: 8, lav: 0, toll: 0 }
            122 +1 Balance { qid: 2, balance: 200 }
            182 +1 Toll { vid: 7, lav: 30, toll: 0 }
            182 +1 Balance { qid: 0, balance: 200 }
            212 +1 Toll { vid: 7, lav: 0, toll: 0 }
            213 +1 Balance { qid: 1, balance: 200 }
        "#]],
    );
}

#[test]
fn an_accident_is_four_reports_of_two_vehicles_and_is_told_from_the_next_minute() {
    let entrants = (60..=480).step_by(60).map(|second| car(second + 10, second, 5, 0, 0, 30));
    let moves_on = car(330, 1, 9, 900, 1, 10);
    check(
        &[crash(9, 30, 300), vec![moves_on], entrants.collect()].concat(),
        expect![[r#"
            30 +1 Toll { vid: 1, lav: 0, toll: 0 }
            30 +1 Toll { vid: 2, lav: 0, toll: 0 }
            70 +1 Toll { vid: 60, lav: 0, toll: 0 }
            130 +1 Toll { vid: 120, lav: 30, toll: 0 }
            190 +1 Toll { vid: 180, lav: 30, toll: 0 }
            190 +1 Accident { vid: 180, segment: Segment(9) }
            250 +1 Toll { vid: 240, lav: 30, toll: 0 }
            250 +1 Accident { vid: 240, segment: Segment(9) }
            310 +1 Toll { vid: 300, lav: 30, toll: 0 }
            310 +1 Accident { vid: 300, segment: Segment(9) }
            370 +1 Toll { vid: 360, lav: 30, toll: 0 }
            370 +1 Accident { vid: 360, segment: Segment(9) }
            430 +1 Toll { vid: 420, lav: 30, toll: 0 }
            490 +1 Toll { vid: 480, lav: 30, toll: 0 }
        "#]],
    );
}

#[test]
fn an_accident_concerns_the_four_segments_before_it_and_its_own() {
    let entrants = (3..=10).map(|seg| car(121, seg, seg, 0, 0, 30));
    let westbound = (121, Tuple::Report { vid: 99, fix: Fix::new(0, 1, 0, 9 * 5_280, 30) });
    check(
        &[crash(8, 0, 240), entrants.collect(), vec![westbound]].concat(),
        expect![[r#"
            0 +1 Toll { vid: 1, lav: 0, toll: 0 }
            0 +1 Toll { vid: 2, lav: 0, toll: 0 }
            121 +1 Toll { vid: 3, lav: 0, toll: 0 }
            121 +1 Toll { vid: 4, lav: 0, toll: 0 }
            121 +1 Toll { vid: 5, lav: 0, toll: 0 }
            121 +1 Toll { vid: 6, lav: 0, toll: 0 }
            121 +1 Toll { vid: 7, lav: 0, toll: 0 }
            121 +1 Toll { vid: 8, lav: 0, toll: 0 }
            121 +1 Toll { vid: 9, lav: 0, toll: 0 }
            121 +1 Toll { vid: 10, lav: 0, toll: 0 }
            121 +1 Toll { vid: 99, lav: 0, toll: 0 }
            121 +1 Accident { vid: 4, segment: Segment(8) }
            121 +1 Accident { vid: 5, segment: Segment(8) }
            121 +1 Accident { vid: 6, segment: Segment(8) }
            121 +1 Accident { vid: 7, segment: Segment(8) }
            121 +1 Accident { vid: 8, segment: Segment(8) }
        "#]],
    );
}

#[test]
fn no_toll_is_due_before_an_accident_and_exits_are_not_told() {
    let around = crowd(90, 7, 60, 20);
    let entrants = [car(121, 7, 7, 0, 0, 30), car(151, 7, 8, 0, 2, 30), ask(152, 7, 0), car(121, 8, 7, 0, 4, 30)];
    check(
        &[&crash(8, 0, 240)[..], &around[..], &entrants[..]].concat(),
        expect![[r#"
            0 +1 Toll { vid: 1, lav: 0, toll: 0 }
            0 +1 Toll { vid: 2, lav: 0, toll: 0 }
            121 +1 Toll { vid: 7, lav: 20, toll: 0 }
            121 +1 Accident { vid: 7, segment: Segment(8) }
            151 +1 Toll { vid: 7, lav: 0, toll: 0 }
            151 +1 Accident { vid: 7, segment: Segment(8) }
            152 +1 Balance { qid: 0, balance: 0 }
        "#]],
    );
}

#[test]
fn one_stopped_vehicle_or_two_on_the_exit_ramp_are_no_accident() {
    let alone = crash(8, 0, 240).into_iter().filter(|(_, tuple)| matches!(tuple, Tuple::Report { vid: 1, .. }));
    let leaving = (0..240).step_by(30).flat_map(|second| [3, 4].map(|vid| car(second, vid, 8, 900, 4, 0)));
    check(
        &[alone.collect(), leaving.collect(), vec![car(185, 7, 8, 0, 0, 30)]].concat(),
        expect![[r#"
            0 +1 Toll { vid: 1, lav: 0, toll: 0 }
            185 +1 Toll { vid: 7, lav: 0, toll: 0 }
        "#]],
    );
}

#[test]
fn a_day_of_the_past_is_looked_up() {
    let asked = |second, vid, qid, xway, day| (second, Tuple::Expenditure { vid, qid, xway, day });
    let day = [
        ask(0, 7, 0),
        asked(10, 7, 1, 0, 7),
        asked(10, 7, 2, 0, 13),
        asked(11, 7, 3, 0, 14),
        asked(11, 7, 4, 1, 8),
        asked(11, 8, 5, 0, 8),
    ];
    check(
        &day,
        expect![[r#"
            0 +1 Balance { qid: 0, balance: 0 }
            10 +1 Expenditure { qid: 1, toll: 70 }
            10 +1 Expenditure { qid: 2, toll: 76 }
            11 +1 Expenditure { qid: 3, toll: 0 }
            11 +1 Expenditure { qid: 4, toll: 0 }
            11 +1 Expenditure { qid: 5, toll: 0 }
        "#]],
    );
}
