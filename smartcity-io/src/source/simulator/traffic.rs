//! How fast each way flows: demand, congestion waves, and incidents in the way.

use std::f64::consts::TAU;

use super::roads::Roads;

/// The speed of the traffic on every way.
#[derive(Clone, Debug)]
pub(super) struct Traffic {
    ways: Vec<Flow>,
    speeds: Vec<f32>,
    /// Hours that the sun is ahead of UTC here.
    solar_offset: f64,
    step: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
struct Flow {
    free_flow: f64,
    /// Share of the city's demand that is felt here, 0 to 1: most in the centre.
    demand: f64,
    /// Where in the wave this way is, in turns.
    phase: f64,
}

/// Speeds hold for this long.
const STEP_MILLIS: i64 = 5_000;
/// A congestion wave comes back after this time.
const WAVE_SECONDS: f64 = 900.0;
const WAVE_METRES: f64 = 2_500.0;
/// Blocked traffic still creeps, in metres a second.
const SLOWEST: f64 = 1.0;

impl Traffic {
    pub(super) fn new(roads: &Roads) -> Self {
        let flow = |way: u32| {
            let (east, north) = roads.middle(way);
            let distance = east.hypot(north) / (0.7 * roads.radius);
            let data = &roads.ways[way as usize];
            // Each road has a wave of its own, that travels along it.
            let road = (data.road.get() >> 11) as f64 / (1u64 << 53) as f64;
            Flow {
                free_flow: data.free_flow,
                demand: 0.4 + 0.6 * (-distance * distance).exp(),
                phase: road + (east + north) / WAVE_METRES,
            }
        };
        let ways: Vec<Flow> = (0..roads.ways.len() as u32).map(flow).collect();
        let solar_offset = f64::from(roads.centre.lon) / 1e7 / 15.0;
        Self { speeds: ways.iter().map(|way| way.free_flow as f32).collect(), ways, solar_offset, step: None }
    }

    /// Speed on a way, in metres a second.
    pub(super) fn speed(&self, way: u32) -> f64 {
        f64::from(self.speeds[way as usize])
    }

    /// Hour of the day by the sun, 0 to 24.
    pub(super) fn hour(&self, millis: i64) -> f64 {
        (millis as f64 / 3_600_000.0 + self.solar_offset).rem_euclid(24.0)
    }

    /// The city's demand at a time, 0 to 1: peaks in the morning and the late afternoon.
    pub(super) fn demand(&self, millis: i64) -> f64 {
        let hour = self.hour(millis);
        let peak = |at: f64, width: f64| (1.0 - ((hour - at) / width).powi(2)).max(0.0);
        0.65 + 0.35 * peak(8.0, 2.5).max(peak(17.5, 3.0))
    }

    /// Brings the speeds to a time; `incidents` are ways with the share of their speed that is left.
    pub(super) fn update(&mut self, millis: i64, incidents: impl FnOnce(i64) -> Vec<(u32, f32)>) {
        let step = millis.div_euclid(STEP_MILLIS);
        if self.step.is_some_and(|at| at >= step) {
            return;
        }
        self.step = Some(step);
        let time = step * STEP_MILLIS;
        let demand = self.demand(time);
        let turns = (time as f64 / 1_000.0 / WAVE_SECONDS).fract();
        for (way, speed) in self.ways.iter().zip(&mut self.speeds) {
            let wave = 0.5 + 0.5 * (TAU * (turns - way.phase)).sin();
            let left = 1.0 - 0.85 * demand * way.demand * wave * wave;
            *speed = (way.free_flow * left).max(SLOWEST) as f32;
        }
        for (way, left) in incidents(time) {
            let speed = &mut self.speeds[way as usize];
            *speed = (*speed * left).max(SLOWEST as f32);
        }
    }
}
