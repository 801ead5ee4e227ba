//! What an engine tells of the positions of its sources, and what it makes of them.

use super::*;
use crate::decode::JsonDecoder;
use crate::source::{Batch, MemoryMessage, MemorySource};

const NOON: Time = 1_795_435_200_000;

/// 90 fixes of three partitions, some of one time; every seventh is broken.
fn messages() -> Vec<MemoryMessage> {
    let fix = |number: u64| {
        let at = NOON + number / 3 * 70;
        let value = format!(r#"{{"device_id":"v{}","timestamp":{at},"location":[1,1]}}"#, number % 9);
        let value = if number % 7 == 3 { "broken".to_owned() } else { value };
        MemoryMessage::new("gps_data", value).at(at).in_partition((number * number % 3) as u32)
    };
    (0..90).map(fix).collect()
}

fn source() -> MemorySource {
    MemorySource::of_messages("test", messages(), JsonDecoder::default())
}

fn replay(rows_per_tick: usize, reached: Reached) -> Running {
    let engine = Engine::new(City::default()).clock(Clock::Replay).rows_per_tick(rows_per_tick);
    let running = engine.source_from(source(), reached).start().unwrap();
    running.wait_finished();
    running
}

#[test]
fn the_positions_of_a_tick_are_those_after_its_rows() {
    let running = replay(1_000, Vec::new());
    let status = &running.sources()[0];
    for tick in (NOON - 100..NOON + 2_300).step_by(100) {
        let mut expected = vec![0; 3];
        messages().iter().filter(|message| message.arrived <= Some(tick)).for_each(|message| {
            expected[message.partition as usize] += 1;
        });
        let reached: Vec<_> = status.positions_through(tick).unwrap();
        let reached: Vec<_> = reached.iter().map(|(partition, next)| (partition.index, next - 1)).collect();
        let expected: Vec<_> = (0..).zip(expected).filter(|(_, read)| *read > 0).collect();
        assert_eq!(reached, expected, "at {}", tick - NOON);
    }
    running.shutdown();
}

#[test]
fn an_engine_goes_on_from_the_positions_of_any_tick() {
    let whole = replay(4, Vec::new());
    let ticks: Vec<_> = (NOON..NOON + 2_600).step_by(100).collect();
    for tick in ticks {
        let reached = whole.sources()[0].positions_through(tick).unwrap();
        let before: u64 = reached.iter().map(|(_, next)| next - 1).sum();
        let rest = replay(4, reached.clone());
        assert_eq!(rest.sources()[0].rows() + before, 90, "from {}", tick - NOON);
        let end = rest.sources()[0].positions_through(Time::MAX);
        assert_eq!(end, whole.sources()[0].positions_through(Time::MAX), "from {}", tick - NOON);
        rest.shutdown();
    }
    whole.shutdown();
}

#[test]
fn a_live_source_has_the_positions_of_what_was_taken() {
    let clock = ManualClock::at(NOON);
    let batches = vec![Batch { positions: [(0, 5), (1, 9)].into_iter().collect(), ..Batch::default() }];
    let engine = Engine::new(City::default()).clock(Clock::Manual(clock.clone()));
    let running = engine.source(MemorySource::of_batches("test", batches, false)).start().unwrap();
    let status = running.sources()[0].clone();
    let until = std::time::Instant::now() + Duration::from_secs(10);
    while status.positions_through(NOON).unwrap().len() < 2 && std::time::Instant::now() < until {
        thread::sleep(Duration::from_millis(2));
    }
    let reached: Vec<_> = status.partitions().iter().map(|of| (of.partition.number, of.position)).collect();
    assert_eq!(reached, [(0, Some(5)), (1, Some(9))]);
    assert_eq!(status.positions_through(NOON - 1), Some(Vec::new()));
    assert_eq!(status.positions_through(NOON).unwrap().len(), 2);
    running.shutdown();
}
