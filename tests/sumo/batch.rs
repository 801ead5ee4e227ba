//! The same figures by plain batch code: all fixes at hand, one pass after the other, nothing incremental, nothing shared
//! with the engine but the geometry of a point and a line.

use std::collections::{BTreeMap, BTreeSet};

use smartcity::city::congestion::Window;
use smartcity::model::{Body, City, CityRow, Id, Instant, Kmh, Millis, Point, Reading, Segment, length_mm, project};

const WINDOW_MS: i64 = 300_000;

/// A deduplicated fix with the segment it is on and how far into it, millimetres.
#[derive(Clone, Copy)]
struct Fix {
    time: i64,
    speed: i64,
    on: Option<(Id, i64)>,
}

/// Sums of a segment in a window: as in [`Flow`](smartcity::city::congestion::Flow).
#[derive(Clone, Debug, Default)]
struct Sums {
    fixes: i64,
    speeds: i64,
    vehicles: BTreeSet<Id>,
    distance: i64,
    millis: i64,
}

/// Samples, vehicles and speed of a segment in a window.
pub(crate) type Row = (u32, u32, Kmh);

/// Figures of all segments by five-minute window, and samples and mean speed of the network.
pub(crate) struct Batch {
    pub(crate) segments: BTreeMap<(Id, Window), Row>,
    pub(crate) network: BTreeMap<Window, (u32, Kmh)>,
}

pub(crate) fn batch(city: &City, readings: &[Reading<Instant>]) -> Batch {
    let segments: BTreeMap<Id, &Segment> = city.segments().map(|segment| (segment.id, segment)).collect();
    assert_eq!(segments.len(), city.rows.iter().filter(|row| matches!(row, CityRow::Segment(_))).count());

    let mut tracks: BTreeMap<Id, BTreeMap<i64, Fix>> = BTreeMap::new();
    for reading in readings {
        let (Instant::Utc(time), Body::Fix(fix), Some(place)) = (reading.time, reading.body, reading.place) else {
            panic!("the packs hold fixes only")
        };
        let on = nearest(&segments, place, fix.heading.expect("a heading").centidegrees());
        // A car says one thing at a time, so a second fix of one time is a duplicate.
        let fix = Fix { time: time.0, speed: fix.speed.expect("a speed").0, on };
        tracks.entry(reading.device).or_default().entry(time.0).or_insert(fix);
    }

    let window = |time: i64| Window { width: WINDOW_MS, start: Millis(time / WINDOW_MS * WINDOW_MS) };
    let mut sums: BTreeMap<(Id, Window), Sums> = BTreeMap::new();
    let mut routes: BTreeMap<Id, Costs> = BTreeMap::new();
    for (vehicle, track) in &tracks {
        let track: Vec<&Fix> = track.values().collect();
        for fix in &track {
            let Some((segment, _)) = fix.on else { continue };
            let sums = sums.entry((segment, window(fix.time))).or_default();
            sums.fixes += 1;
            sums.speeds += fix.speed;
            sums.vehicles.insert(*vehicle);
        }
        for pair in track.windows(2) {
            for (segment, middle, distance, millis) in way(&segments, &mut routes, pair[0], pair[1]) {
                let sums = sums.entry((segment, window(middle))).or_default();
                sums.distance += distance;
                sums.millis += millis;
            }
        }
    }

    let mut network: BTreeMap<Window, (i64, i64)> = BTreeMap::new();
    let mut rows = BTreeMap::new();
    for ((segment, window), sums) in sums {
        let (n, speeds) = network.entry(window).or_default();
        *n += sums.fixes;
        *speeds += sums.speeds;
        let spot = (sums.fixes > 0).then(|| sums.speeds / sums.fixes);
        let path = (sums.millis > 0).then(|| sums.distance.max(0) * 3_600 / sums.millis);
        let speed = match (spot, path) {
            (Some(spot), Some(path)) => (spot + path) / 2,
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => continue,
        };
        rows.insert((segment, window), (sums.fixes as u32, sums.vehicles.len() as u32, Kmh(speed)));
    }
    let network = network
        .into_iter()
        .filter(|(_, (n, _))| *n > 0)
        .map(|(window, (n, speeds))| (window, (n as u32, Kmh(speeds / n))))
        .collect();
    Batch { segments: rows, network }
}

/// The segment that a fix is on, by looking at every segment there is.
fn nearest(segments: &BTreeMap<Id, &Segment>, place: Point, heading: i64) -> Option<(Id, i64)> {
    let mut best = None;
    for segment in segments.values() {
        let found = project(place, &segment.line).expect("a line");
        let turn = (found.heading.centidegrees() - heading).rem_euclid(36_000);
        let turn = turn.min(36_000 - turn);
        if found.distance.0 > 35_000 || turn > 6_000 {
            continue;
        }
        let score = found.distance.0 * found.distance.0 / 25 + turn * turn / 4;
        if best.is_none_or(|(least, _, _)| score < least) {
            let into = found.along.0 * segment.length.0 / length_mm(&segment.line).0;
            best = Some((score, segment.id, into));
        }
    }
    best.map(|(_, id, into)| (id, into))
}

/// Free-flow time over a length, microseconds.
fn micros(length: i64, speed: Kmh) -> i64 {
    length * 3_600_000 / speed.0
}

/// Segment, middle, distance and time of each piece of the way between two fixes.
fn way(
    segments: &BTreeMap<Id, &Segment>,
    routes: &mut BTreeMap<Id, Costs>,
    from: &Fix,
    to: &Fix,
) -> Vec<(Id, i64, i64, i64)> {
    let (Some((a, left)), Some((b, reached))) = (from.on, to.on) else { return Vec::new() };
    let gap = to.time - from.time;
    if gap > 60_000 {
        return Vec::new();
    }
    if a == b {
        let distance = reached - left;
        let believed = distance >= -30_000 && distance * 3_600 <= 90_000 * gap;
        return if believed { vec![(a, from.time + gap / 2, distance, gap)] } else { Vec::new() };
    }
    // (segment, or none for a junction; length; free-flow time)
    let mut legs = Vec::new();
    let costs = routes.entry(a).or_insert_with(|| costs_from(segments, a));
    let mut at = b;
    legs.push((Some(b), reached, micros(reached, segments[&b].free_flow)));
    loop {
        let Some(&(_, before, crossing)) = costs.get(&at) else { return Vec::new() };
        let leaving = segments[&before.unwrap_or(a)];
        legs.push((None, crossing, micros(crossing, leaving.free_flow)));
        let Some(before) = before else { break };
        legs.push((Some(before), leaving.length.0, micros(leaving.length.0, leaving.free_flow)));
        at = before;
    }
    let rest = segments[&a].length.0 - left;
    legs.push((Some(a), rest, micros(rest, segments[&a].free_flow)));
    legs.reverse();
    if legs.iter().map(|(_, length, _)| length).sum::<i64>() * 3_600 > 90_000 * gap {
        return Vec::new();
    }
    let total: i64 = legs.iter().map(|(_, _, cost)| cost).sum();
    let mut pieces = Vec::new();
    let (mut cost, mut begins) = (0, 0);
    for (segment, length, leg) in legs {
        cost += leg;
        let ends = gap * cost / total.max(1);
        if let Some(segment) = segment {
            pieces.push((segment, from.time + (begins + ends) / 2, length, ends - begins));
        }
        begins = ends;
    }
    pieces
}

/// Of every segment: the least free-flow time to enter it, the segment before it (`None` for the first), the crossing.
type Costs = BTreeMap<Id, (i64, Option<Id>, i64)>;

/// Bellman's equations, iterated until nothing changes any more.
fn costs_from(segments: &BTreeMap<Id, &Segment>, start: Id) -> Costs {
    let mut costs = Costs::new();
    loop {
        let mut changed = false;
        let entered: Vec<(Option<Id>, i64, &Segment)> = std::iter::once((None, 0, segments[&start]))
            .chain(costs.iter().map(|(id, (cost, _, _))| (Some(*id), *cost, segments[id])))
            .collect();
        for (before, cost, segment) in entered {
            let passed = before.map_or(0, |_| micros(segment.length.0, segment.free_flow));
            for next in segment.next.iter() {
                let cost = cost + passed + micros(next.crossing.0, segment.free_flow);
                let known = costs.get(&next.segment);
                // Of equally fast ways the one whose last segment is entered first, then the one with the smaller id.
                let rank = |before: Option<Id>| (before.and_then(|id| costs.get(&id)).map(|row| row.0), before);
                let better = known.is_none_or(|known| (cost, rank(before)) < (known.0, rank(known.1)));
                if better {
                    costs.insert(next.segment, (cost, before, next.crossing.0));
                    changed = true;
                }
            }
        }
        if !changed {
            return costs;
        }
    }
}
