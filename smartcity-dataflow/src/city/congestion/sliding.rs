//! How does the traffic flow now?

use serde::{Deserialize, Serialize};

use super::flow::FlowSum;
use super::{ENOUGH_SAMPLES, Flow, FreeFlow, Observed, OfSegmentsAndRoads, Sample, Traffic, traffic};
use crate::model::{Id, Kmh};
use crate::operators::{Aggregate, aggregate, expire, latest, round_up};
use crate::{Diff, Rows, Settings, Time};

/// The sliding window that stands in where samples are too few is this many times as wide.
pub(super) const PARENT_WINDOWS: Time = 3;

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
    type Output = Option<SlidingFlow>;

    fn add(&mut self, (span, observed): (Span, Observed), diff: Diff) {
        match span {
            Span::Now => self.now.add(observed, diff),
            Span::Wider => self.wider.add(observed, diff),
        }
    }

    /// Where only the wider window has samples there is a sum to keep, and no flow to show.
    fn output(&self) -> Option<Option<SlidingFlow>> {
        let shown = (!self.now.is_empty()).then(|| SlidingFlow { now: self.now.flow(), wider: self.wider.flow() });
        (!self.wider.is_empty()).then_some(shown)
    }
}

/// What are the sums of the samples on every segment, and on every road, over the last minutes?
///
/// With a window of 300 s:
///
/// | time | samples                       | cameras                      | flow of a (now; wider)         |
/// |-----:|-------------------------------|------------------------------|--------------------------------|
/// |  0 s | +(a, fix of v, 30 km/h)       |                              | +(30 km/h; 30 km/h)            |
/// | 10 s | +(a, fix of w, 50 km/h)       |                              | -… +(40 km/h; 40 km/h)         |
/// | 20 s |                               | +(331 on a, 20 km/h)         | -… +(2 fixes, 1 camera; the same) |
/// |300 s |                               |                              | -… +(1 fix, 1 camera; 2 fixes, 1 camera) |
///
/// Of a camera the newest reading counts, in both windows. Of the two results the first goes by segment, the
/// second by named road. The state is one copy of each live sample and one sum a segment and road.
///
/// ```
/// # use smartcity_dataflow::{Settings, city::congestion::{Observed, Sample, sliding_flows}, model::*, testing::{at, trace}};
/// # let (road, segment) = (Id::new(Namespace::Road, "market_st"), Some(Id::new(Namespace::Segment, "a")));
/// # let vehicle = Id::new(Namespace::Device, "v");
/// let observed = Observed::Fix { vehicle, speed: Kmh(30_000) };
/// let sample = Sample { time: Millis(100), arrived: 100, segment, road, observed };
/// let flows = trace(
///     &[at(100, sample)],
///     |samples| sliding_flows(samples.clone(), samples.flat_map(|_| None), &Settings::default()).1,
///     400_000,
/// );
/// assert_eq!((flows[0].0, flows[0].1.0, flows[0].1.1.now.speeds, flows[0].2), (100, road, 30_000, 1));
/// assert_eq!((flows[1].0, flows[1].2), (300_100, -1));
/// ```
pub fn sliding_flows<'s>(
    samples: Rows<'s, Sample>,
    cameras: Rows<'s, (Id, Sample)>,
    settings: &Settings,
) -> OfSegmentsAndRoads<'s, Id, SlidingFlow> {
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
    let sums = |observed, name| {
        let sums = aggregate::<_, _, SlidingSum>(observed, name, |_| None);
        sums.flat_map(|(id, shown)| shown.map(|flow| (id, flow)))
    };
    (sums(by_segment, "SegmentFlows"), sums(by_road, "RoadFlows"))
}

/// The traffic of the sliding window; the wider one's speed where the samples are too few.
pub fn sliding_traffic(flow: &SlidingFlow, free_flow: Kmh) -> Option<Traffic> {
    let few = flow.now.samples() < ENOUGH_SAMPLES && flow.wider.samples() >= ENOUGH_SAMPLES;
    let speed = if few { flow.wider.speed() } else { flow.now.speed() };
    speed.map(|speed| traffic(flow.now, speed, free_flow))
}

/// How does the traffic flow on every segment, or every road, over the last minutes?
///
/// | time | flows              | free flow    | output                           |
/// |-----:|--------------------|--------------|----------------------------------|
/// |    0 | +(a, 40 km/h, n 3) |              |                                  |
/// |    1 |                    | +(a, 50)     | +(a, 40 km/h, 80 %, heavy)       |
/// |    2 |                    | -(a, 50) +(a, 80) | -… +(a, 40 km/h, 50 %, slow) |
///
/// ```
/// # use smartcity_dataflow::{city::congestion::*, model::{Id, Kmh, Millimetres, Namespace}, testing::{at, trace}};
/// let a = Id::new(Namespace::Segment, "a");
/// let flow = Flow { fixes: 3, speeds: 120_000, vehicles: 3, ..Flow::default() };
/// let free = FreeFlow { length: Millimetres(100_000), speed: Kmh(50_000) };
/// let rows = trace(
///     &[at(0, (Some(SlidingFlow { now: flow, wider: flow }), None)), at(1, (None, Some(free)))],
///     move |rows| {
///         let flows = rows.clone().flat_map(move |(flow, _)| flow.map(|flow| (a, flow)));
///         congestion(flows, rows.flat_map(move |(_, free)| free.map(|free| (a, free))))
///     },
///     5,
/// );
/// let (1, (_, row), 1) = rows[0] else { panic!("one row, when the free flow is known") };
/// assert_eq!((row.speed, row.ratio.0, row.level, row.confidence), (Kmh(40_000), 8_000, Level::Heavy, Confidence::High));
/// ```
pub fn congestion<'s>(
    flows: Rows<'s, (Id, SlidingFlow)>,
    free_flow: Rows<'s, (Id, FreeFlow)>,
) -> Rows<'s, (Id, Traffic)> {
    flows.join(free_flow).flat_map(|(id, (flow, free))| sliding_traffic(&flow, free.speed).map(|row| (id, row)))
}

#[cfg(test)]
mod tests;
