//! What do samples add up to, and what speed do the sums say?

use super::Sample;
use crate::Diff;
use crate::city::track::MAX_WEIGHT_MS;
use crate::model::{Id, Kmh};

/// What samples add up to. All of it is sums, so that a sample that is taken back leaves no trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Number of fixes in the traffic.
    pub fixes: i64,
    /// The time they stand for, milliseconds.
    pub weight: i64,
    /// That of those whose speed is known.
    pub spot_weight: i64,
    /// Sum of these speeds by weight, metres an hour times milliseconds.
    pub spots: i64,
    /// Distance of the ways, millimetres.
    pub distance: i64,
    /// Time of the ways, milliseconds.
    pub millis: i64,
    /// Number of camera readings.
    pub cameras: i64,
    /// Sum of their paces, nanoseconds a metre.
    pub paces: i64,
    /// Number of fixes of vehicles that stand outside of the traffic.
    pub standing: i64,
    /// The time they stand for, milliseconds.
    pub standing_weight: i64,
    /// That of those whose speed is known.
    pub standing_spot_weight: i64,
}

/// A pace in ns/m is this over a speed in m/h.
const NANOS_PER_HOUR: i64 = 3_600_000_000_000;

/// The pace at a speed; standing traffic counts as 1 km/h, so that one standing vehicle does not stop the mean.
fn pace(speed: Kmh) -> i64 {
    NANOS_PER_HOUR / speed.0.max(1_000)
}

impl Flow {
    /// Adds a vehicle's sample, `times` times.
    pub fn add(&mut self, sample: &Sample, times: i64) {
        if sample.stands {
            if let Some(spot) = sample.spot {
                self.standing += times;
                let weight = times * i64::from(spot.weight);
                self.standing_weight += weight;
                self.standing_spot_weight += if spot.speed.is_some() { weight } else { 0 };
            }
            return;
        }
        if let Some(spot) = sample.spot {
            let weight = times * i64::from(spot.weight);
            self.fixes += times;
            self.weight += weight;
            if let Some(speed) = spot.speed {
                self.spot_weight += weight;
                self.spots += weight * i64::from(speed);
            }
        }
        self.distance += times * i64::from(sample.distance);
        self.millis += times * i64::from(sample.millis);
    }

    /// Adds a camera's spot speed, `times` times.
    pub fn add_camera(&mut self, speed: Kmh, times: i64) {
        self.cameras += times;
        self.paces += times * pace(speed);
    }

    /// Adds what others add up to.
    pub fn merge(&mut self, other: &Self) {
        self.fixes += other.fixes;
        self.weight += other.weight;
        self.spot_weight += other.spot_weight;
        self.spots += other.spots;
        self.distance += other.distance;
        self.millis += other.millis;
        self.cameras += other.cameras;
        self.paces += other.paces;
        self.standing += other.standing;
        self.standing_weight += other.standing_weight;
        self.standing_spot_weight += other.standing_spot_weight;
    }

    /// Whether nothing was observed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The flow with those who stand in it: they go no way and have no speed.
    #[must_use]
    pub fn with_queue(self) -> Self {
        Self {
            fixes: self.fixes + self.standing,
            weight: self.weight + self.standing_weight,
            spot_weight: self.spot_weight + self.standing_spot_weight,
            millis: self.millis + self.standing_weight,
            standing: 0,
            standing_weight: 0,
            standing_spot_weight: 0,
            ..self
        }
    }

    /// Mean of the spot speeds, A; `None` where most fixes have none that is believed: the few would not speak for the rest.
    pub fn spot_speed(&self) -> Option<i64> {
        (self.spot_weight > 0 && 2 * self.spot_weight >= self.weight).then(|| self.spots / self.spot_weight)
    }

    /// Distance over time of the ways, P.
    pub fn way_speed(&self) -> Option<i64> {
        (self.millis > 0).then(|| self.distance.max(0) * 3_600 / self.millis)
    }

    /// The estimate of the space-mean speed from these samples alone; `None` where nothing was observed.
    ///
    /// ```
    /// use smartcity_dataflow::{city::congestion::Flow, model::Kmh};
    /// // Two fixes, 30 km/h in the mean, that stand for half a minute each.
    /// let spot = Flow { fixes: 2, weight: 60_000, spot_weight: 60_000, spots: 60_000 * 30_000, ..Flow::default() };
    /// let way = Flow { distance: 250_000, millis: 45_000, ..spot }; // and 250 m in 45 s: 20 km/h
    /// assert_eq!((spot.speed(), way.speed()), (Some(Kmh(30_000)), Some(Kmh(21_780))));
    /// ```
    pub fn speed(&self) -> Option<Kmh> {
        let vehicles = self.blend(self.spot_speed(), self.way_speed());
        // One over the mean pace. A pace is at least 7 million, so its whole nanoseconds are exact enough.
        let cameras = (self.cameras > 0).then(|| NANOS_PER_HOUR / (self.paces / self.cameras).max(1));
        let speed = match (vehicles, cameras) {
            (Some(vehicles), Some(cameras)) => {
                let (n, c) = (self.fixes.max(1), self.cameras);
                (vehicles * n + cameras * c) / (n + c)
            }
            (one, other) => one.or(other)?,
        };
        Some(Kmh(speed))
    }

    /// What the spot speeds say and what the ways say, taken together, or what there is: 1/5 and the hours that the spot speeds
    /// stand for, against 1. The positions' error makes the speed of a short way uncertain; so ways of less than 40 s in all count
    /// by the fourth power of their time.
    pub(in crate::city) fn blend(&self, spots: Option<i64>, ways: Option<i64>) -> Option<i64> {
        const HOUR_MS: i64 = 3_600_000;
        const SURE_MS: i64 = 40_000;
        let (Some(of_spots), Some(of_ways)) = (spots, ways) else { return spots.or(ways) };
        let time = self.millis.clamp(0, SURE_MS);
        let square = time * time / SURE_MS;
        let spots = i128::from(HOUR_MS / 5 + self.spot_weight);
        let ways = i128::from(HOUR_MS / SURE_MS * square * square / SURE_MS);
        Some(((spots * i128::from(of_spots) + ways * i128::from(of_ways)) / (spots + ways)) as i64)
    }

    /// [`Flow::speed`], drawn to that of a longer while, `trailing`, as if that were two more fixes: few samples are noise.
    pub fn shrunk_speed(&self, trailing: &Self) -> Option<Kmh> {
        const PSEUDO_FIXES: i64 = 2;
        let own = self.speed()?.0;
        let trailing = trailing.speed().map_or(own, |speed| speed.0);
        let weight = self.weight + self.cameras * i64::from(MAX_WEIGHT_MS);
        let drawn = PSEUDO_FIXES * i64::from(MAX_WEIGHT_MS);
        Some(Kmh((weight * own + drawn * trailing) / (weight + drawn)))
    }
}

/// Distinct vehicles, each with how many samples speak of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Vehicles(Vec<(Id, Counts)>);

/// What a vehicle did on a street, by number of samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    fixes: i32,
    moved: i32,
    standing: i32,
}

/// How many vehicles there are of each sort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Distinct {
    /// With a fix in the traffic.
    pub vehicles: u32,
    /// That moved.
    pub moved: u32,
    /// That stand outside of the traffic.
    pub standing: u32,
    /// Of either sort.
    pub seen: u32,
}

impl Counts {
    fn merge(&mut self, other: Self) {
        self.fixes += other.fixes;
        self.moved += other.moved;
        self.standing += other.standing;
    }
}

impl Distinct {
    fn count(&mut self, counts: Counts) {
        self.vehicles += u32::from(counts.fixes > 0);
        self.moved += u32::from(counts.moved > 0);
        self.standing += u32::from(counts.standing > 0);
        self.seen += u32::from(counts.fixes > 0 || counts.standing > 0);
    }

    /// Whether all that is known is one vehicle that was not seen to move: it may be parked.
    pub fn is_one_that_stands(self) -> bool {
        self.seen == 1 && self.moved == 0
    }

    /// Whether those who stand are a queue: the others get on slowly, at less than half of free flow; or at least two stand, and
    /// no fewer than move.
    pub fn is_queue(self, others: Option<Kmh>, free_flow: Kmh) -> bool {
        let is_slow = others.is_some_and(|speed| 2 * speed.0 < free_flow.0);
        self.standing > 0 && (is_slow && self.moved > 0 || self.standing >= 2 && self.standing >= self.moved)
    }
}

impl Vehicles {
    pub(super) fn add(&mut self, sample: &Sample, diff: Diff) {
        let is_fix = i32::from(sample.spot.is_some()) * diff as i32;
        let counts = Counts {
            fixes: if sample.stands { 0 } else { is_fix },
            moved: i32::from(sample.moved) * diff as i32,
            standing: if sample.stands { is_fix } else { 0 },
        };
        if counts == Counts::default() {
            return;
        }
        match self.0.binary_search_by_key(&sample.vehicle, |(vehicle, _)| *vehicle) {
            Ok(at) => {
                self.0[at].1.merge(counts);
                if self.0[at].1 == Counts::default() {
                    self.0.remove(at);
                }
            }
            Err(at) => {
                if self.0.len() == self.0.capacity() {
                    self.0.reserve_exact(2 + self.0.len() / 4);
                }
                self.0.insert(at, (sample.vehicle, counts));
            }
        }
    }

    /// Forgets them all.
    pub(super) fn clear(&mut self) {
        self.0 = Vec::new();
    }

    /// The distinct vehicles of several whiles together.
    pub(super) fn distinct<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Distinct {
        let mut parts: Vec<&[(Id, Counts)]> =
            parts.into_iter().map(|part| &part.0[..]).filter(|part| !part.is_empty()).collect();
        let mut distinct = Distinct::default();
        while let Some(next) = parts.iter().map(|part| part[0].0).min() {
            let mut counts = Counts::default();
            for part in &mut parts {
                if part[0].0 == next {
                    counts.merge(part[0].1);
                    *part = &part[1..];
                }
            }
            parts.retain(|part| !part.is_empty());
            distinct.count(counts);
        }
        distinct
    }
}
