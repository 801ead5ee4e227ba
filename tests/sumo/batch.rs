//! The same figures by plain batch code: all fixes at hand, one pass after the other, nothing incremental, nothing shared
//! with the engine but the geometry of a point and a line. The rules are those that its docs state.

mod matching;
mod motion;
mod traffic;

use std::collections::BTreeMap;

use smartcity::city::congestion::Window;
use smartcity::model::{Body, City, Heading, Id, Instant, Kmh, Point, Ratio, Reading, distance_mm};

use self::matching::{On, Passed, Streets};
use self::motion::Motion;
use self::traffic::{Sample, Spot, Traffic};

/// A deduplicated fix.
#[derive(Clone, Copy, Debug)]
struct Fix {
    time: i64,
    place: Point,
    heading: Option<Heading>,
    speed: Option<i64>,
}

/// Samples, vehicles and speed of a segment in a window.
pub(crate) type Row = (u32, u32, Kmh);

/// Figures of all segments by five-minute window, and samples, speed and travel time index of the network.
pub(crate) struct Batch {
    pub(crate) segments: BTreeMap<(Id, Window), Row>,
    pub(crate) network: BTreeMap<Window, (u32, Kmh, Ratio)>,
}

/// What follows from the fixes that `readings` hold.
pub(crate) fn batch(city: &City, readings: &[Reading<Instant>]) -> Batch {
    let mut tracks: BTreeMap<Id, BTreeMap<i64, Fix>> = BTreeMap::new();
    for reading in readings {
        let (Instant::Utc(time), Body::Fix(fix), Some(place)) = (reading.time, reading.body, reading.place) else {
            panic!("the packs hold fixes only")
        };
        let fix = Fix { time: time.0, place, heading: fix.heading, speed: fix.speed.map(|speed| speed.0) };
        // A car says one thing at a time, so a second fix of one time is a duplicate.
        tracks.entry(reading.device).or_default().entry(time.0).or_insert(fix);
    }
    let mut streets = Streets::of(city);
    let mut traffic = Traffic::of(city);
    for (vehicle, track) in tracks {
        let track: Vec<Fix> = track.into_values().collect();
        let on = streets.decode(&track);
        for (at, motion) in Motion::of(&track).into_iter().enumerate() {
            let before = at.checked_sub(1);
            let passed = match before.map_or(Passed::Unknown, |before| streets.between(&track, before, &on)) {
                Passed::By(_) if motion.stayed && is_near(&track[at - 1], &track[at]) => Passed::Along(0), // noise
                passed => passed,
            };
            tell(&mut traffic, &streets, vehicle, &track, at, &on, passed, motion);
        }
    }
    traffic.figures()
}

fn is_near(before: &Fix, fix: &Fix) -> bool {
    distance_mm(before.place, fix.place).0 <= motion::ERROR_MM
}

/// What a fix and the way to it say of the traffic.
#[expect(clippy::too_many_arguments, reason = "a fix, and all that is known of it")]
fn tell(
    traffic: &mut Traffic,
    streets: &Streets<'_>,
    vehicle: Id,
    track: &[Fix],
    at: usize,
    on: &[Option<On>],
    passed: Passed,
    motion: Motion,
) {
    let (Some(here), fix) = (on[at], track[at]) else { return };
    let gap = at.checked_sub(1).map(|before| fix.time - track[before].time);
    let weight = gap.map_or(traffic::MAX_WEIGHT_MS, |gap| gap.min(traffic::MAX_WEIGHT_MS));
    let gap = gap.unwrap_or_default();
    let speed = fix.speed.filter(|_| !motion.is_distrusted);
    let spot = Some(Spot { weight, speed });
    let mut add = |segment, time, distance, millis, spot| {
        let Motion { stayed, stands, .. } = motion;
        traffic.add(Sample { segment, time, vehicle, distance, millis, spot, stayed, stands });
    };
    match passed {
        Passed::Unknown => add(here.segment, fix.time, 0, 0, spot),
        Passed::Along(distance) => add(here.segment, fix.time, distance, gap, spot),
        Passed::By(pieces) => {
            // The gap is shared out in proportion to the free-flow times.
            let costs: Vec<i64> = pieces.iter().map(|piece| streets.free_flow_micros(piece)).collect();
            let total = costs.iter().sum::<i64>().max(1);
            let (mut cost, mut begins) = (0, 0);
            let start = fix.time - gap;
            for (number, piece) in pieces.iter().enumerate() {
                cost += costs[number];
                let is_last = number + 1 == pieces.len();
                let ends = if is_last { gap } else { gap * cost / total };
                let middle = start + (begins + ends) / 2;
                if is_last {
                    add(piece.segment, fix.time, piece.length, ends - begins, spot);
                } else if !piece.is_crossing {
                    add(piece.segment, middle, piece.length, ends - begins, None);
                }
                begins = ends;
            }
        }
    }
}
