//! How did the traffic flow, minute by minute?

use super::flow::FlowSum;
use super::{Flow, FreeFlow, OfSegmentsAndRoads, Sample, Traffic, traffic};
use crate::model::Id;
pub use crate::operators::Window;
use crate::operators::aggregate;
use crate::{Rows, Settings, Time};

/// Widths of the tumbling windows, milliseconds: a minute and five.
pub const WINDOW_WIDTHS_MS: [i64; 2] = [60_000, 300_000];

/// When is a window dropped? At its end and the retention, rounded up to the tick. Until then late samples and withdrawals
/// amend it.
pub fn closes(settings: &Settings) -> impl Fn(&Window) -> Time + Copy + 'static {
    let (retention, tick) = (settings.retention_ms, settings.tick_ms);
    move |window| window.closes(retention, tick)
}

/// What are the sums of the samples on every segment, and on every road, in each tumbling window?
///
/// With a retention of 15 minutes, of the windows of a minute:
///
/// | time     | samples                        | flow of a at 10:00                |
/// |----------|--------------------------------|-----------------------------------|
/// | 10:00:20 | +(a, fix of 10:00:19, 30 km/h) | +(30 km/h)                        |
/// | 10:01:10 | +(a, fix of 10:01:00, 50 km/h) |                                   |
/// | 10:09:00 | +(a, fix of 10:00:59, 50 km/h) | -(30 km/h) +(40 km/h)             |
/// | 10:16:00 |                                | -(40 km/h)                        |
/// | 10:17:00 | +(a, fix of 10:00:30, 10 km/h) |                                   |
///
/// Every sample counts in one window of each of the [`WINDOW_WIDTHS_MS`]. Of the two results the first goes by segment, the
/// second by named road. The state is one sum a segment or road and open window.
///
/// ```
/// # use smartcity_dataflow::{Settings, city::congestion::{Observed, Sample, window_flows}, model::*, testing::{at, trace}};
/// # let (road, segment) = (Id::new(Namespace::Road, "market_st"), Some(Id::new(Namespace::Segment, "a")));
/// # let vehicle = Id::new(Namespace::Device, "v");
/// let observed = Observed::Fix { vehicle, speed: Kmh(30_000) };
/// let sample = Sample { time: Millis(61_000), arrived: 62_000, segment, road, observed };
/// let flows = trace(&[at(62_000, sample)], |samples| window_flows(samples, &Settings::default()).0, 100_000);
/// let windows: Vec<_> = flows.iter().map(|(_, ((_, window), _), _)| (window.width, window.start.0)).collect();
/// assert_eq!(windows, [(60_000, 60_000), (300_000, 0)]);
/// ```
pub fn window_flows<'s>(samples: Rows<'s, Sample>, settings: &Settings) -> OfSegmentsAndRoads<'s, (Id, Window), Flow> {
    let closes = closes(settings);
    let windowed =
        samples.flat_map(|sample| WINDOW_WIDTHS_MS.map(|width| (Window::tumbling(sample.time, width), sample)));
    let by_segment = windowed
        .clone()
        .flat_map(|(window, sample)| sample.segment.map(|segment| ((segment, window), sample.observed)));
    let by_road = windowed.map(|(window, sample)| ((sample.road, window), sample.observed));
    (
        aggregate::<_, _, FlowSum>(by_segment, "SegmentWindows", move |(_, window)| Some(closes(window))),
        aggregate::<_, _, FlowSum>(by_road, "RoadWindows", move |(_, window)| Some(closes(window))),
    )
}

/// How did the traffic flow on every segment, or every road, by tumbling window?
///
/// | time | flows                   | free flow | output                                |
/// |-----:|-------------------------|-----------|---------------------------------------|
/// |    0 | +(a at 10:00, 20 km/h)  | +(a, 50)  | +(a at 10:00, 20 km/h, 40 %, slow)    |
/// |    1 |                         | -(a, 50) +(a, 25) | -… +(a at 10:00, 20 km/h, 80 %, heavy) |
/// |    2 | -(a at 10:00, 20 km/h)  |           | -(a at 10:00, 20 km/h, 80 %, heavy)   |
///
/// ```
/// # use smartcity_dataflow::{city::congestion::*, model::{Id, Kmh, Millimetres, Millis, Namespace}, testing::{at, trace}};
/// let key = (Id::new(Namespace::Segment, "a"), Window { width: 60_000, start: Millis(0) });
/// let flow = Flow { distance: 100_000, millis: 18_000, ..Flow::default() };
/// let free = FreeFlow { length: Millimetres(100_000), speed: Kmh(50_000) };
/// let rows = trace(
///     &[at(0, (flow, free))],
///     move |rows| {
///         let flows = rows.clone().map(move |(flow, _)| (key, flow));
///         window_congestion(flows, rows.map(move |(_, free)| (key.0, free)))
///     },
///     5,
/// );
/// let (0, (found, row), 1) = rows[0] else { panic!("one row") };
/// assert_eq!((found, row.speed, row.level), (key, Kmh(20_000), Level::Slow));
/// ```
pub fn window_congestion<'s>(
    flows: Rows<'s, ((Id, Window), Flow)>,
    free_flow: Rows<'s, (Id, FreeFlow)>,
) -> Rows<'s, ((Id, Window), Traffic)> {
    flows.map(|((id, window), flow)| (id, (window, flow))).join(free_flow).flat_map(|(id, ((window, flow), free))| {
        flow.speed().map(|speed| ((id, window), traffic(flow, speed, free.speed)))
    })
}

#[cfg(test)]
mod tests;
