//! What do samples add up to, and what speed do the sums say?

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::Observed;
use crate::Diff;
use crate::model::{Id, Kmh};
use crate::operators::Aggregate;

/// What samples add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Flow {
    /// Number of fixes.
    pub fixes: i64,
    /// Sum of their speeds, [`Kmh`] units.
    pub speeds: i64,
    /// Distinct vehicles among them.
    pub vehicles: u32,
    /// Distance of the paths, millimetres.
    pub distance: i64,
    /// Time of the paths, milliseconds.
    pub millis: i64,
    /// Number of camera readings.
    pub cameras: i64,
    /// Sum of their paces, nanoseconds a metre.
    pub paces: i64,
}

impl Flow {
    /// Number of spot samples.
    pub fn samples(&self) -> u32 {
        (self.fixes + self.cameras) as u32
    }

    /// The estimate of the space-mean speed; `None` where nothing was observed.
    ///
    /// ```
    /// use smartcity_dataflow::{city::congestion::Flow, model::Kmh};
    /// let spot = Flow { fixes: 2, speeds: 60_000, ..Flow::default() }; // two fixes, 30 km/h in the mean
    /// let path = Flow { distance: 100_000, millis: 18_000, ..spot }; // and 100 m in 18 s: 20 km/h
    /// assert_eq!((spot.speed(), path.speed()), (Some(Kmh(30_000)), Some(Kmh(25_000))));
    /// ```
    pub fn speed(&self) -> Option<Kmh> {
        let spot = (self.fixes > 0).then(|| self.speeds / self.fixes);
        let path = (self.millis > 0).then(|| self.distance.max(0) * 3_600 / self.millis);
        let vehicles = match (spot, path) {
            (Some(spot), Some(path)) => Some(i64::midpoint(spot, path)),
            (one, other) => one.or(other),
        };
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
}

/// A pace in ns/m is this over a speed in m/h.
const NANOS_PER_HOUR: i64 = 3_600_000_000_000;

/// The pace at a speed; standing traffic counts as 1 km/h, so that one standing vehicle does not stop the mean.
fn pace(speed: Kmh) -> i64 {
    NANOS_PER_HOUR / speed.0.max(1_000)
}

/// Adds samples up to a [`Flow`].
#[derive(Debug, Default)]
pub(super) struct FlowSum {
    flow: Flow,
    paths: Diff,
    vehicles: FxHashMap<Id, Diff>,
}

impl FlowSum {
    pub(super) fn is_empty(&self) -> bool {
        self.flow.fixes == 0 && self.flow.cameras == 0 && self.paths == 0
    }

    pub(super) fn flow(&self) -> Flow {
        Flow { vehicles: self.vehicles.len() as u32, ..self.flow }
    }
}

impl Aggregate<Observed> for FlowSum {
    type Output = Flow;

    fn add(&mut self, observed: Observed, diff: Diff) {
        let (flow, times) = (&mut self.flow, diff as i64);
        match observed {
            Observed::Fix { vehicle, speed } => {
                flow.fixes += times;
                flow.speeds += times * speed.0;
                let fixes = self.vehicles.entry(vehicle).or_default();
                *fixes += diff;
                if *fixes == 0 {
                    self.vehicles.remove(&vehicle);
                }
            }
            Observed::Path { distance, millis } => {
                self.paths += diff;
                flow.distance += times * distance.0;
                flow.millis += times * millis;
            }
            Observed::Camera { speed } => {
                flow.cameras += times;
                flow.paces += times * pace(speed);
            }
        }
    }

    fn output(&self) -> Option<Flow> {
        (!self.is_empty()).then(|| self.flow())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Millimetres, Namespace};

    fn flow(observed: impl IntoIterator<Item = Observed>) -> Flow {
        let mut sum = FlowSum::default();
        observed.into_iter().for_each(|observed| sum.add(observed, 1));
        sum.output().unwrap_or_default()
    }

    fn fix(vehicle: &str, kmh: i64) -> Observed {
        Observed::Fix { vehicle: Id::new(Namespace::Device, vehicle), speed: Kmh(kmh * 1_000) }
    }

    fn path(metres: i64, seconds: i64) -> Observed {
        Observed::Path { distance: Millimetres(metres * 1_000), millis: seconds * 1_000 }
    }

    fn camera(kmh: i64) -> Observed {
        Observed::Camera { speed: Kmh(kmh * 1_000) }
    }

    fn whole_kmh(observed: impl IntoIterator<Item = Observed>) -> Option<i64> {
        flow(observed).speed().map(|speed| (speed.0 + 500) / 1_000)
    }

    #[test]
    fn fixes_have_an_arithmetic_mean_and_cameras_a_harmonic_one() {
        assert_eq!(whole_kmh([fix("v", 20), fix("w", 60)]), Some(40));
        assert_eq!(whole_kmh([camera(20), camera(60)]), Some(30));
    }

    #[test]
    fn paths_are_distance_over_time_and_weigh_as_much_as_the_fixes() {
        assert_eq!(whole_kmh([path(100, 10), path(100, 30)]), Some(18));
        assert_eq!(whole_kmh([fix("v", 30), path(100, 10), path(100, 30)]), Some(24));
    }

    #[test]
    fn cameras_weigh_by_their_number_against_the_fixes() {
        assert_eq!(whole_kmh([fix("v", 30), fix("v", 30), fix("v", 30), camera(50)]), Some(35));
        assert_eq!(whole_kmh([path(100, 12), camera(50)]), Some(40), "paths alone count as one fix");
    }

    #[test]
    fn nothing_observed_has_no_speed_and_standing_has_one() {
        assert_eq!(whole_kmh([]), None);
        assert_eq!(whole_kmh([fix("v", 0)]), Some(0));
        assert_eq!(whole_kmh([camera(0)]), Some(1), "standing counts as 1 km/h at a camera");
        assert_eq!(whole_kmh([path(-3, 30)]), Some(0), "noise does not drive backwards");
    }

    #[test]
    fn vehicles_are_distinct() {
        assert_eq!(flow([fix("v", 1), fix("v", 2), fix("w", 3)]).vehicles, 2);
    }

    #[test]
    fn millions_of_false_cameras_do_not_overflow_the_mean() {
        let one = flow([camera(1)]);
        let many = Flow { cameras: 100_000_000, paces: one.paces * 100_000_000, ..Flow::default() };
        assert_eq!(many.speed(), Some(Kmh(1_000)));
    }
}
