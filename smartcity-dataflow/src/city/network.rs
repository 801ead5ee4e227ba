//! How does the whole network run?
//!
//! The travel time index is fix-weighted: fixes / sum of (speed / free-flow speed) over all matched fixes, which is vehicle
//! hours over free-flow vehicle hours where vehicles report at a fixed period. It is within 2.1 % of the true index of a
//! simulated hour in the mean of its five-minute windows. Fixes inside junctions must not be left out of it.
//! Lengths and shares count the segments that had a fix.

use serde::{Deserialize, Serialize};

use super::congestion::{Flow, FreeFlow, SlidingFlow, Traffic, Window, closes, sliding_traffic, traffic};
use crate::model::{Id, Kmh, Millimetres, Ratio};
use crate::operators::{Aggregate, aggregate};
use crate::view::View;
use crate::{Diff, Rows, Settings};

/// The network over the last five minutes.
pub const NETWORK: View<(), Network> = View::new("network");

/// The network by event-time window.
pub const NETWORK_WINDOWS: View<Window, Network> = View::new("network_windows");

/// Figures of a set of segments, over a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Network {
    /// Fixes behind the figures.
    pub samples: u32,
    /// Mean speed of the fixes.
    pub speed: Kmh,
    /// Travel time relative to free flow: samples / sum of (speed / free flow).
    pub travel_time_index: Ratio,
    /// Length of the segments observed.
    pub observed: Millimetres,
    /// Share of that length below 90 % of free flow (UCR's definition of congested).
    pub congested_share: Ratio,
    /// Share of that length below 50 % of free flow.
    pub severe_share: Ratio,
}

/// A segment's part in the figures of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Part {
    fixes: i64,
    speeds: i64,
    /// Sum of speed / free flow over the fixes, millionths.
    ratios: i64,
    length: Millimetres,
    congested: bool,
    severe: bool,
}

impl Part {
    /// The part of a segment; `None` where it had no fix.
    pub fn of(flow: &Flow, traffic: &Traffic, free_flow: FreeFlow) -> Option<Self> {
        (flow.fixes > 0).then(|| Self {
            fixes: flow.fixes,
            speeds: flow.speeds,
            ratios: (i128::from(flow.speeds) * 1_000_000 / i128::from(free_flow.speed.0.max(SLOWEST_FREE_FLOW.0)))
                as i64,
            length: free_flow.length,
            congested: traffic.ratio < CONGESTED_BELOW,
            severe: traffic.ratio < SEVERE_BELOW,
        })
    }
}

/// A segment is congested below this share of free flow (Urban Congestion Report).
const CONGESTED_BELOW: Ratio = Ratio(9_000);

/// A segment is severely congested below this share of free flow.
const SEVERE_BELOW: Ratio = Ratio(5_000);

/// No street's free flow counts as slower: 1 km/h.
const SLOWEST_FREE_FLOW: Kmh = Kmh(1_000);

/// Adds up the parts of a network.
#[derive(Debug, Default)]
pub struct NetworkSum {
    fixes: i64,
    speeds: i64,
    ratios: i64,
    observed: i64,
    congested: i64,
    severe: i64,
}

impl Aggregate<Part> for NetworkSum {
    type Output = Network;

    fn add(&mut self, part: Part, diff: Diff) {
        let times = diff as i64;
        let length = times * part.length.0;
        self.fixes += times * part.fixes;
        self.speeds += times * part.speeds;
        self.ratios += times * part.ratios;
        self.observed += length;
        self.congested += if part.congested { length } else { 0 };
        self.severe += if part.severe { length } else { 0 };
    }

    fn output(&self) -> Option<Network> {
        (self.fixes > 0).then(|| Network {
            samples: self.fixes as u32,
            speed: Kmh(self.speeds / self.fixes),
            // Everyone standing has no finite travel time; a thousandth of free flow stands for it.
            travel_time_index: Ratio::of(self.fixes * 1_000_000, self.ratios.max(self.fixes * 1_000))
                .unwrap_or(Ratio::ONE),
            observed: Millimetres(self.observed),
            congested_share: Ratio::of(self.congested, self.observed).unwrap_or_default(),
            severe_share: Ratio::of(self.severe, self.observed).unwrap_or_default(),
        })
    }
}

/// What is every segment's part in the figures of the last minutes?
///
/// | time | flows                            | free flow    | output                                  |
/// |-----:|----------------------------------|--------------|-----------------------------------------|
/// |    0 | +(a, 4 fixes at 20 km/h)         | +(a, 50 km/h)| +(a: 4 fixes, ratios 1.6, congested, severe) |
/// |    1 | +(b, paths alone)                | +(b, 50 km/h)|                                         |
///
/// ```
/// # use smartcity_dataflow::{city::{congestion::*, network::*}, model::*, testing::{at, trace}};
/// let a = Id::new(Namespace::Segment, "a");
/// let flow = Flow { fixes: 4, speeds: 80_000, vehicles: 1, ..Flow::default() };
/// let free = FreeFlow { length: Millimetres(100_000), speed: Kmh(50_000) };
/// let parts = trace(
///     &[at(0, (flow, free))],
///     move |rows| {
///         let flows = rows.clone().map(move |(flow, _)| (a, SlidingFlow { now: flow, wider: flow }));
///         sliding_parts(flows, rows.map(move |(_, free)| (a, free)))
///     },
///     5,
/// );
/// let part = Part::of(&flow, &traffic(flow, Kmh(20_000), free.speed), free).unwrap();
/// assert_eq!(parts, [(0, (a, part), 1)]);
/// ```
pub fn sliding_parts<'s>(
    flows: Rows<'s, (Id, SlidingFlow)>,
    free_flow: Rows<'s, (Id, FreeFlow)>,
) -> Rows<'s, (Id, Part)> {
    flows.join(free_flow).flat_map(|(id, (flow, free))| {
        let traffic = sliding_traffic(&flow, free.speed)?;
        Some((id, Part::of(&flow.now, &traffic, free)?))
    })
}

/// How does the whole network run, over the last minutes?
///
/// | time | parts                                        | output                                    |
/// |-----:|----------------------------------------------|-------------------------------------------|
/// |    0 | +(a: 4 fixes, 20 of 50 km/h, 100 m)          | +(20 km/h, index 2.5, 100 m, all congested) |
/// |    1 | +(b: 4 fixes, 50 of 50 km/h, 300 m)          | -… +(35 km/h, index 1.4286, 400 m, 25 % congested) |
/// |    2 | -(a), -(b)                                   | -(35 km/h, index 1.4286, 400 m, 25 % congested) |
///
/// ```
/// # use smartcity_dataflow::{city::{congestion::*, network::*}, model::*, testing::{at, trace}};
/// let part = |kmh: i64, metres: i64| {
///     let flow = Flow { fixes: 4, speeds: 4 * kmh * 1_000, ..Flow::default() };
///     let free = FreeFlow { length: Millimetres(metres * 1_000), speed: Kmh(50_000) };
///     Part::of(&flow, &traffic(flow, Kmh(kmh * 1_000), free.speed), free).unwrap()
/// };
/// let (a, b) = (Id::new(Namespace::Segment, "a"), Id::new(Namespace::Segment, "b"));
/// let rows = trace(&[at(0, (a, part(20, 100))), at(0, (b, part(50, 300)))], network, 5);
/// let (0, ((), row), 1) = rows[0] else { panic!("one row") };
/// assert_eq!((row.speed, row.travel_time_index, row.congested_share), (Kmh(35_000), Ratio(14_285), Ratio(2_500)));
/// ```
pub fn network<'s>(parts: Rows<'s, (Id, Part)>) -> Rows<'s, ((), Network)> {
    aggregate::<_, _, NetworkSum>(parts.map(|(_, part)| ((), part)), "Network", |()| None)
}

/// How did the whole network run, by tumbling window?
///
/// | time | flows                              | free flow         | output                                |
/// |-----:|------------------------------------|-------------------|---------------------------------------|
/// |    0 | +(a at 10:00, 4 fixes at 20 km/h)  | +(a, 50 km/h, 100 m) | +(10:00: 20 km/h, index 2.5, all congested) |
/// |    1 | -(a at 10:00): the window closes   |                   | -(10:00: 20 km/h, index 2.5, all congested) |
///
/// ```
/// # use smartcity_dataflow::{Settings, city::{congestion::*, network::*}, model::*, testing::{at, trace}};
/// let (a, window) = (Id::new(Namespace::Segment, "a"), Window { width: 60_000, start: Millis(0) });
/// let flow = Flow { fixes: 4, speeds: 80_000, ..Flow::default() };
/// let free = FreeFlow { length: Millimetres(100_000), speed: Kmh(50_000) };
/// let rows = trace(
///     &[at(0, (flow, free))],
///     move |rows| {
///         let flows = rows.clone().map(move |(flow, _)| ((a, window), flow));
///         network_windows(flows, rows.map(move |(_, free)| (a, free)), &Settings::default())
///     },
///     5,
/// );
/// let (0, (found, row), 1) = rows[0] else { panic!("one row") };
/// assert_eq!((found, row.travel_time_index), (window, Ratio(25_000)));
/// ```
pub fn network_windows<'s>(
    flows: Rows<'s, ((Id, Window), Flow)>,
    free_flow: Rows<'s, (Id, FreeFlow)>,
    settings: &Settings,
) -> Rows<'s, (Window, Network)> {
    let closes = closes(settings);
    let parts = flows.map(|((id, window), flow)| (id, (window, flow))).join(free_flow).flat_map(
        |(_, ((window, flow), free))| {
            let traffic = traffic(flow, flow.speed()?, free.speed);
            Some((window, Part::of(&flow, &traffic, free)?))
        },
    );
    aggregate::<_, _, NetworkSum>(parts, "NetworkWindows", move |window| Some(closes(window)))
}

#[cfg(test)]
mod tests;
