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

    /// (a A + P) / (a + 1), or the one that there is; A where at least half of the fixes, by time, say it. In parts of an hour.
    fn speed(&self) -> Option<i64> {
        let says = self.spot_weight > 0 && 2 * self.spot_weight >= self.weight;
        match (says.then(|| self.spots / self.spot_weight), self.way_speed()) {
            (Some(spot), Some(way)) => {
                let (spots, millis) = (720_000 + self.spot_weight, self.millis.min(40_000));
                let square = millis * millis / 40_000;
                let ways = 90 * square * square / 40_000;
                Some((spots * spot + ways * way) / (spots + ways))
            }
            (one, other) => one.or(other),
        }
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
                !sample.stands && (sample.distance >= 10_000 || speed > 5_000)
            });
            let is_slow = Sums::of(samples.clone(), false).speed().is_some_and(|speed| 2 * speed < free_flow);
            let is_queue = !standing.is_empty() && is_slow && !moved.is_empty()
                || standing.len() >= 2 && standing.len() >= moved.len();

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
        self.ways += ways;
        self.way_ratios += ways * 1_000 / free_flow;
    }

    /// Samples, speed and travel time index: 0.8 of what the fixes say and 0.2 of what the ways say, or what there is.
    fn figures(&self) -> Option<(u32, Kmh, Ratio)> {
        let spot_weight = if 2 * self.spot_weight >= self.weight { self.spot_weight } else { 0 };
        let blend = |fixes: Option<i64>, ways: Option<i64>| match (fixes, ways) {
            (Some(fixes), Some(ways)) => Some((4 * fixes + ways) / 5),
            (one, other) => one.or(other),
        };
        let mean = |sum: i64, weight: i64| (weight > 0).then(|| sum / weight);
        let index = |ratios: i64, weight: i64| (weight > 0).then(|| weight * 10_000_000 / ratios.max(weight));
        let speed = blend(mean(self.spots, spot_weight), mean(self.ways, self.way_weight))?;
        let index = blend(index(self.ratios, spot_weight), index(self.way_ratios, self.way_weight))?;
        Some((self.fixes as u32, Kmh(speed), Ratio(index)))
    }
}
