//! What the samples add up to: sums by minute, figures by window, and those of the network.

use std::collections::{BTreeMap, BTreeSet};

use smartcity::city::congestion::Window;
use smartcity::model::{City, Id, Kmh, Millis, Ratio};

use super::Batch;

const MINUTE_MS: i64 = 60_000;
const WINDOW_MS: i64 = 300_000;
const TRAILING_MS: i64 = 900_000;

/// A fix stands for so much time at most, milliseconds.
pub(super) const MAX_WEIGHT_MS: i64 = 30_000;

/// What a vehicle says of a street.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) segment: Id,
    pub(super) time: i64,
    pub(super) vehicle: Id,
    pub(super) distance: i64,
    pub(super) millis: i64,
    pub(super) spot: Option<Spot>,
    pub(super) stayed: bool,
    pub(super) stands: bool,
}

/// A fix as it counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) weight: i64,
    pub(super) speed: Option<i64>,
}

/// All samples, by segment and minute.
pub(super) struct Traffic {
    free_flow: BTreeMap<Id, i64>,
    samples: BTreeMap<(Id, i64), Vec<Sample>>,
}

/// Sums over some samples.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    fixes: i64,
    weight: i64,
    spot_weight: i64,
    spots: i64,
    distance: i64,
    millis: i64,
}

impl Sums {
    /// Those of the samples; who stands counts in a queue only, as one that gets nowhere.
    fn of<'a>(samples: impl IntoIterator<Item = &'a Sample>, in_queue: bool) -> Self {
        let mut sums = Self::default();
        for sample in samples {
            let Sample { distance, millis, spot, stands, .. } = *sample;
            if stands && !in_queue {
                continue;
            }
            if let Some(Spot { weight, speed }) = spot {
                sums.fixes += 1;
                sums.weight += weight;
                sums.spot_weight += speed.map_or(0, |_| weight);
                sums.spots += if stands { 0 } else { speed.map_or(0, |speed| weight * speed) };
            }
            let (distance, millis) = if stands { (0, spot.map_or(0, |spot| spot.weight)) } else { (distance, millis) };
            sums.distance += distance;
            sums.millis += millis;
        }
        sums
    }

    fn way_speed(&self) -> Option<i64> {
        (self.millis > 0).then(|| self.distance.max(0) * 3_600 / self.millis)
    }

    /// The mean of the spot speeds, where at least half of the fixes, by time, have one.
    fn spot_speed(&self) -> Option<i64> {
        (self.spot_weight > 0 && 2 * self.spot_weight >= self.weight).then(|| self.spots / self.spot_weight)
    }

    fn speed(&self) -> Option<i64> {
        together(self.spot_speed(), self.spot_weight, self.way_speed(), self.millis)
    }
}

/// (a A + P) / (a + 1), or the one that there is. In parts of an hour.
fn together(spot: Option<i64>, spot_weight: i64, way: Option<i64>, millis: i64) -> Option<i64> {
    match (spot, way) {
        (Some(spot), Some(way)) => {
            let (spots, millis) = (720_000 + spot_weight, millis.min(40_000));
            let square = millis * millis / 40_000;
            let ways = 90 * square * square / 40_000;
            Some((spots * spot + ways * way) / (spots + ways))
        }
        (one, other) => one.or(other),
    }
}

/// Sums of a network over its segments, and those relative to their free flow.
#[derive(Clone, Copy, Debug, Default)]
struct NetworkSums {
    fixes: i64,
    weight: i64,
    spot_weight: i64,
    spots: i64,
    ratios: i64,
    way_weight: i64,
    way_millis: i64,
    ways: i64,
    way_ratios: i64,
}

impl Traffic {
    pub(super) fn of(city: &City) -> Self {
        let free_flow = city.segments().map(|segment| (segment.id, segment.free_flow.0)).collect();
        Self { free_flow, samples: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, sample: Sample) {
        self.samples.entry((sample.segment, sample.time.div_euclid(MINUTE_MS) * MINUTE_MS)).or_default().push(sample);
    }

    /// The samples of a segment from `start` to `end`.
    fn between(&self, segment: Id, start: i64, end: i64) -> impl Iterator<Item = &Sample> + Clone {
        self.samples.range((segment, start)..(segment, end)).flat_map(|(_, samples)| samples)
    }

    /// The figures of every segment and of the network.
    pub(super) fn figures(&self) -> Batch {
        let windows: BTreeSet<(Id, i64)> =
            self.samples.keys().map(|(segment, minute)| (*segment, minute.div_euclid(WINDOW_MS) * WINDOW_MS)).collect();
        let mut segments = BTreeMap::new();
        let mut network: BTreeMap<Window, NetworkSums> = BTreeMap::new();
        for (segment, start) in windows {
            let (end, free_flow) = (start + WINDOW_MS, self.free_flow[&segment]);
            let samples = self.between(segment, start, end);
            let distinct = |counts: &dyn Fn(&Sample) -> bool| -> BTreeSet<Id> {
                samples.clone().filter(|sample| counts(sample)).map(|sample| sample.vehicle).collect()
            };
            let standing = distinct(&|sample| sample.stands && sample.spot.is_some());
            let moved = distinct(&|sample| {
                let speed = sample.spot.and_then(|spot| spot.speed).unwrap_or(0);
                !sample.stands && (!sample.stayed && sample.distance > 0 || speed > 5_000)
            });
            let is_slow = Sums::of(samples.clone(), false).speed().is_some_and(|speed| 2 * speed < free_flow);
            let is_queue = !standing.is_empty() && is_slow && !moved.is_empty()
                || standing.len() >= 2 && standing.len() >= moved.len();

            let vehicles = distinct(&|sample| sample.spot.is_some());
            if vehicles.len() == 1 && moved.is_empty() {
                continue; // it may be parked
            }
            let sums = Sums::of(samples.clone(), is_queue);
            let Some(own) = sums.speed() else { continue };
            let trailing = Sums::of(self.between(segment, end - TRAILING_MS, end), is_queue).speed().unwrap_or(own);
            let two_fixes = 2 * MAX_WEIGHT_MS;
            let speed = (sums.weight * own + two_fixes * trailing) / (sums.weight + two_fixes);
            let vehicles = distinct(&|sample| (is_queue || !sample.stands) && sample.spot.is_some());
            let window = Window { width: WINDOW_MS, start: Millis(start) };
            segments.insert((segment, window), (sums.fixes as u32, vehicles.len() as u32, Kmh(speed)));
            network.entry(window).or_default().add(&sums, free_flow);
        }
        let network = network.into_iter().filter_map(|(window, sums)| Some((window, sums.figures()?))).collect();
        Batch { segments, network }
    }
}

impl NetworkSums {
    fn add(&mut self, sums: &Sums, free_flow: i64) {
        let way = sums.way_speed().map(|speed| (sums.weight, sums.weight * speed));
        let (way_weight, ways) = way.unwrap_or_default();
        self.fixes += sums.fixes;
        self.weight += sums.weight;
        self.spot_weight += sums.spot_weight;
        self.spots += sums.spots;
        self.ratios += sums.spots * 1_000 / free_flow;
        self.way_weight += way_weight;
        self.way_millis += if way_weight > 0 { sums.millis } else { 0 };
        self.ways += ways;
        self.way_ratios += ways * 1_000 / free_flow;
    }

    /// Samples, speed and travel time index: what the fixes say and what the ways say, taken together as on a street.
    fn figures(&self) -> Option<(u32, Kmh, Ratio)> {
        let says = self.spot_weight > 0 && 2 * self.spot_weight >= self.weight;
        let mean = |sum: i64, weight: i64, is_known: bool| (is_known && weight > 0).then(|| sum * 1_000 / weight);
        let figure = |spots: i64, ways: i64| {
            let way = mean(ways, self.way_weight, true);
            together(mean(spots, self.spot_weight, says), self.spot_weight, way, self.way_millis)
        };
        let (speed, ratio) = (figure(self.spots, self.ways)?, figure(self.ratios, self.way_ratios)?);
        Some((self.fixes as u32, Kmh(speed / 1_000), Ratio(10_000_000_000 / ratio.max(1_000))))
    }
}
