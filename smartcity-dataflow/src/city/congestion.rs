//! How does the traffic flow on every segment and every named road?

//!
//! The speed is a space-mean speed, estimated from three kinds of sample:
//!
//! - *spot speeds of fixes* (A): vehicles that report at a fixed period are met in proportion to the time they spend, so the
//!   arithmetic mean of their speeds estimates the space mean (the harmonic mean would be wrong: 12 km/h off, measured);
//! - *paths* (P): distance over time of the ways between fixes ([`super::paths`]);
//! - *cameras* (C): spot speeds at a point, met in proportion to flow, so their harmonic mean.
//!
//! Of vehicles the speed is (A + P) / 2, or the one that there is. With `n` fixes and `c` camera readings the speed is the mean
//! of the two weighted by `n` and `c`. With three or more samples it is off by 3.4 km/h in the mean (MAE against the true
//! edge speeds of a simulated hour). With fewer the figures of the last 15 minutes stand in, with low confidence.
//!
//! A sample counts in the sliding window from its tick until five minutes after its event (or its tick, for an event ahead of
//! the clock); of a camera the newest reading counts for as long as it lives. Tumbling windows go by event time alone
//! and are amended for as long as they are retained.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::paths::Piece;
use crate::model::{Body, CityRow, Id, Kmh, Millimetres, Millis, Placed, Ratio, Segment};
pub use crate::operators::Window;
use crate::operators::{Aggregate, aggregate, expire, latest, round_up};
use crate::view::View;
use crate::{Diff, Rows, Settings, Time};

/// Three samples make a speed that can be trusted.
pub const ENOUGH_SAMPLES: u32 = 3;

/// Widths of the tumbling windows, milliseconds: a minute and five.
pub const WINDOW_WIDTHS_MS: [i64; 2] = [60_000, 300_000];

/// The sliding window that stands in where samples are too few is this many times as wide.
const PARENT_WINDOWS: Time = 3;

/// Every segment over the last five minutes.
pub const SEGMENTS: View<Id, Traffic> = View::new("segments");

/// Every named road over the last five minutes.
pub const ROADS: View<Id, Traffic> = View::new("roads");

/// Every segment by event-time window.
pub const SEGMENT_WINDOWS: View<(Id, Window), Traffic> = View::new("segment_windows");

/// Every named road by event-time window.
pub const ROAD_WINDOWS: View<(Id, Window), Traffic> = View::new("road_windows");

/// How freely the traffic flows, by speed relative to free flow: the bands of TomTom's flow feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// At least 90 %.
    Free,
    /// 62.5 to 90 %.
    Heavy,
    /// 35 to 62.5 %.
    Slow,
    /// 25 to 35 %.
    Queuing,
    /// Below 25 %.
    Stationary,
}

impl Level {
    /// The level of a speed relative to free flow.
    pub fn of(ratio: Ratio) -> Self {
        match ratio.0 {
            9_000.. => Self::Free,
            6_250.. => Self::Heavy,
            3_500.. => Self::Slow,
            2_500.. => Self::Queuing,
            _ => Self::Stationary,
        }
    }

    /// Whether a road of this level counts as congested: below 62.5 % of free flow. (A signalled street runs at about 77 %
    /// of its limit without any congestion, so the limit stands in for free flow only with a lower bar.)
    pub fn is_congested(self) -> bool {
        self >= Self::Slow
    }

    /// The contract's word for it: light, moderate or heavy.
    pub fn contract_word(self) -> &'static str {
        match self {
            Self::Free | Self::Heavy => "light",
            Self::Slow => "moderate",
            Self::Queuing | Self::Stationary => "heavy",
        }
    }
}

/// How far a speed is to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Fewer than three samples; the speed is that of 15 minutes, where those have more.
    Low,
    /// Three or more.
    High,
}

/// The traffic on a segment or road, over a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Traffic {
    /// Fixes and camera readings behind the speed.
    pub samples: u32,
    /// Distinct vehicles among them.
    pub vehicles: u32,
    /// Space-mean speed.
    pub speed: Kmh,
    /// Free-flow speed; of a road, the mean of its segments by length.
    pub free_flow: Kmh,
    /// `speed / free_flow`.
    pub ratio: Ratio,
    /// How freely it flows.
    pub level: Level,
    /// How far the speed is to be trusted.
    pub confidence: Confidence,
}

/// Something that tells a speed on a road.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sample {
    /// Event time.
    pub time: Millis,
    /// Tick at which it was learnt.
    pub arrived: Time,
    /// The segment, where it is known: a camera may watch a road as a whole.
    pub segment: Option<Id>,
    /// The named road.
    pub road: Id,
    /// What was observed.
    pub observed: Observed,
}

/// What a sample observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Observed {
    /// A vehicle's spot speed.
    Fix {
        /// The vehicle.
        vehicle: Id,
        /// Its speed.
        speed: Kmh,
    },
    /// A part of a vehicle's way.
    Path {
        /// Distance covered.
        distance: Millimetres,
        /// Time taken.
        millis: i64,
    },
    /// A camera's spot speed.
    Camera {
        /// The speed.
        speed: Kmh,
    },
}

/// Every sample of traffic in the fixes and paths.
pub fn samples<'s>(placed: Rows<'s, Placed>, paths: Rows<'s, Piece>) -> Rows<'s, Sample> {
    let fixes = placed.flat_map(|Placed { reading, segment, road, .. }| {
        let Body::Fix(fix) = reading.body else { return None };
        let observed = Observed::Fix { vehicle: reading.device, speed: fix.speed? };
        segment?;
        Some(Sample { time: reading.time, arrived: reading.arrived, segment, road: road?, observed })
    });
    let paths = paths.map(|Piece { middle, arrived, segment, road, distance, millis, .. }| Sample {
        time: middle,
        arrived,
        segment: Some(segment),
        road,
        observed: Observed::Path { distance, millis },
    });
    fixes.concat(paths)
}

/// The readings of the cameras, as samples by camera.
pub fn camera_samples<'s>(placed: Rows<'s, Placed>) -> Rows<'s, (Id, Sample)> {
    placed.flat_map(|Placed { reading, segment, road, .. }| {
        let Body::Camera(camera) = reading.body else { return None };
        let observed = Observed::Camera { speed: camera.speed };
        Some((camera.camera, Sample { time: reading.time, arrived: reading.arrived, segment, road: road?, observed }))
    })
}

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
    pub fn speed(&self) -> Option<Kmh> {
        let spot = (self.fixes > 0).then(|| self.speeds / self.fixes);
        let path = (self.millis > 0).then(|| self.distance.max(0) * 3_600 / self.millis);
        let vehicles = match (spot, path) {
            (Some(spot), Some(path)) => Some(i64::midpoint(spot, path)),
            (one, other) => one.or(other),
        };
        let cameras = (self.paces > 0).then(|| self.cameras * NANOS_PER_HOUR / self.paces);
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
struct FlowSum {
    flow: Flow,
    paths: Diff,
    vehicles: FxHashMap<Id, Diff>,
}

impl FlowSum {
    fn is_empty(&self) -> bool {
        self.flow.fixes == 0 && self.flow.cameras == 0 && self.paths == 0
    }

    fn flow(&self) -> Flow {
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

/// Flow over the sliding window, and over the wider one that stands in for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SlidingFlow {
    /// The last five minutes.
    pub now: Flow,
    /// The last fifteen.
    pub wider: Flow,
}

/// Which sliding window a sample counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Span {
    Now,
    Wider,
}

#[derive(Debug, Default)]
struct SlidingSum {
    now: FlowSum,
    wider: FlowSum,
}

impl Aggregate<(Span, Observed)> for SlidingSum {
    type Output = SlidingFlow;

    fn add(&mut self, (span, observed): (Span, Observed), diff: Diff) {
        match span {
            Span::Now => self.now.add(observed, diff),
            Span::Wider => self.wider.add(observed, diff),
        }
    }

    fn output(&self) -> Option<SlidingFlow> {
        (!self.now.is_empty()).then(|| SlidingFlow { now: self.now.flow(), wider: self.wider.flow() })
    }
}

/// The flow on every segment and every road over the last minutes.
pub fn sliding_flows<'s>(
    samples: Rows<'s, Sample>,
    cameras: Rows<'s, (Id, Sample)>,
    settings: &Settings,
) -> (Rows<'s, (Id, SlidingFlow)>, Rows<'s, (Id, SlidingFlow)>) {
    let (tick, width) = (settings.tick_ms, settings.traffic_window_ms);
    let camera_life = settings.traffic_life_ms;
    let ends =
        move |sample: &Sample, width: Time| round_up((sample.time.0.max(0) as u64).min(sample.arrived) + width, tick);
    let in_span = |samples: Rows<'s, Sample>, span| samples.map(move |sample| (span, sample));
    let now = in_span(expire(samples.clone(), move |sample| ends(sample, width)), Span::Now);
    let wider = in_span(expire(samples, move |sample| ends(sample, width * PARENT_WINDOWS)), Span::Wider);
    let cameras = latest(cameras, "Cameras", move |sample| sample.arrived + camera_life).map(|(_, sample)| sample);
    let both = in_span(cameras.clone(), Span::Now).concat(in_span(cameras, Span::Wider));
    let live = now.concat(wider).concat(both);
    let by_segment =
        live.clone().flat_map(|(span, sample)| sample.segment.map(|segment| (segment, (span, sample.observed))));
    let by_road = live.map(|(span, sample)| (sample.road, (span, sample.observed)));
    (
        aggregate::<_, _, SlidingSum>(by_segment, "SegmentFlows", |_| None),
        aggregate::<_, _, SlidingSum>(by_road, "RoadFlows", |_| None),
    )
}

/// The flow on every segment and every road by tumbling window.
pub fn window_flows<'s>(
    samples: Rows<'s, Sample>,
    settings: &Settings,
) -> (Rows<'s, ((Id, Window), Flow)>, Rows<'s, ((Id, Window), Flow)>) {
    let closes = closes(settings);
    let windowed = samples
        .flat_map(|sample| WINDOW_WIDTHS_MS.map(|width| (Window { width, start: sample.time.window(width) }, sample)));
    let by_segment = windowed
        .clone()
        .flat_map(|(window, sample)| sample.segment.map(|segment| ((segment, window), sample.observed)));
    let by_road = windowed.map(|(window, sample)| ((sample.road, window), sample.observed));
    (
        aggregate::<_, _, FlowSum>(by_segment, "SegmentWindows", move |(_, window)| Some(closes(window))),
        aggregate::<_, _, FlowSum>(by_road, "RoadWindows", move |(_, window)| Some(closes(window))),
    )
}

/// When a window is dropped: its end and the retention.
pub fn closes(settings: &Settings) -> impl Fn(&Window) -> Time + Copy + 'static {
    let (retention, tick) = (settings.retention_ms, settings.tick_ms);
    move |window| round_up((window.start.0 + window.width).max(0) as u64 + retention, tick)
}

/// Length and free-flow speed of every segment.
pub fn free_flow_of_segments<'s>(city: Rows<'s, CityRow>) -> Rows<'s, (Id, FreeFlow)> {
    city.flat_map(|row| match row {
        CityRow::Segment(segment) => Some((segment.id, FreeFlow::of(&segment))),
        _ => None,
    })
}

/// Length and mean free-flow speed, by length, of every named road.
pub fn free_flow_of_roads<'s>(city: Rows<'s, CityRow>) -> Rows<'s, (Id, FreeFlow)> {
    let parts = city.flat_map(|row| match row {
        CityRow::Segment(segment) => Some((segment.road, FreeFlow::of(&segment))),
        _ => None,
    });
    aggregate::<_, _, RoadLength>(parts, "FreeFlow", |_| None)
}

/// A length of road and its free-flow speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FreeFlow {
    /// The length.
    pub length: Millimetres,
    /// The speed.
    pub speed: Kmh,
}

impl FreeFlow {
    fn of(segment: &Segment) -> Self {
        Self { length: segment.length, speed: segment.free_flow }
    }
}

#[derive(Debug, Default)]
struct RoadLength {
    segments: Diff,
    length: i64,
    weighted: i128,
}

impl Aggregate<FreeFlow> for RoadLength {
    type Output = FreeFlow;

    fn add(&mut self, part: FreeFlow, diff: Diff) {
        self.segments += diff;
        self.length += part.length.0 * diff as i64;
        self.weighted += i128::from(part.length.0) * i128::from(part.speed.0) * diff as i128;
    }

    fn output(&self) -> Option<FreeFlow> {
        let mean = self.weighted / i128::from(self.length.max(1));
        (self.segments > 0).then_some(FreeFlow { length: Millimetres(self.length), speed: Kmh(mean as i64) })
    }
}

/// How does the traffic flow? The figures of a flow against free flow.
pub fn traffic(flow: Flow, speed: Kmh, free_flow: Kmh) -> Traffic {
    let ratio = Ratio::of(speed.0, free_flow.0).unwrap_or(Ratio::ONE);
    let samples = flow.samples();
    let confidence = if samples >= ENOUGH_SAMPLES { Confidence::High } else { Confidence::Low };
    let level = Level::of(ratio);
    Traffic { samples, vehicles: flow.vehicles, speed, free_flow, ratio, level, confidence }
}

/// The traffic of the sliding window; the wider one's speed where the samples are too few.
pub fn sliding_traffic(flow: &SlidingFlow, free_flow: Kmh) -> Option<Traffic> {
    let few = flow.now.samples() < ENOUGH_SAMPLES && flow.wider.samples() >= ENOUGH_SAMPLES;
    let speed = if few { flow.wider.speed() } else { flow.now.speed() };
    speed.map(|speed| traffic(flow.now, speed, free_flow))
}

/// The traffic on every segment, or every road, over the last minutes.
pub fn congestion<'s>(
    flows: Rows<'s, (Id, SlidingFlow)>,
    free_flow: Rows<'s, (Id, FreeFlow)>,
) -> Rows<'s, (Id, Traffic)> {
    flows.join(free_flow).flat_map(|(id, (flow, free))| sliding_traffic(&flow, free.speed).map(|row| (id, row)))
}

/// The traffic on every segment, or every road, by tumbling window.
pub fn window_congestion<'s>(
    flows: Rows<'s, ((Id, Window), Flow)>,
    free_flow: Rows<'s, (Id, FreeFlow)>,
) -> Rows<'s, ((Id, Window), Traffic)> {
    flows.map(|((id, window), flow)| (id, (window, flow))).join(free_flow).flat_map(|(id, ((window, flow), free))| {
        flow.speed().map(|speed| ((id, window), traffic(flow, speed, free.speed)))
    })
}
