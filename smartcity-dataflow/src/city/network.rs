//! How does the whole network run?
//!
//! The travel time index is time over the sum of (speed / free-flow speed) by that time: vehicle hours over free-flow vehicle
//! hours. The time is what the fixes on a segment stand for; the speed is the fixes' own and that of the ways on the segment, taken
//! together by the rule of a single street ([`super::congestion`]). So a network of one street runs as that street does, and a
//! feed without speeds has an index too. Mean speeds are taken together likewise. docs/accuracy.md has how near that is to the truth of
//! simulated hours. Fixes inside junctions must not be left out of it. Lengths and shares count the segments with such a speed.

use serde::{Deserialize, Serialize};

use super::congestion::{Flow, FreeFlow, Traffic, Window};
use crate::model::{Id, Kmh, Millimetres, Ratio};
use crate::operators::{Aggregate, totals};
use crate::view::View;
use crate::{Diff, Rows, Settings};

/// The network over the last five minutes.
pub const NETWORK: View<(), Network> = View::new("network");

/// The network by event-time window.
pub const NETWORK_WINDOWS: View<Window, Network> = View::new("network_windows");

/// Figures of a set of segments, over a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Network {
    /// Fixes and camera readings behind the figures.
    pub samples: u32,
    /// Mean speed, of fixes and of ways.
    pub speed: Kmh,
    /// Travel time relative to free flow.
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
    samples: i64,
    /// Time that the fixes stand for, milliseconds.
    weight: i64,
    /// That of those whose speed is known.
    spot_weight: i64,
    /// Sum of their speeds by weight, metres an hour times milliseconds.
    spots: i64,
    /// Sum of their speeds relative to free flow by weight, thousandths of a millisecond.
    ratios: i64,
    /// Time that the fixes stand for on segments whose ways are known, milliseconds.
    way_weight: i64,
    /// Time of these ways, milliseconds.
    way_millis: i64,
    /// Sum of the speeds of the ways by the time of the fixes.
    ways: i64,
    /// Sum of these speeds relative to free flow by the time of the fixes.
    way_ratios: i64,
    length: Millimetres,
    congested: bool,
    severe: bool,
}

impl Part {
    /// The part of a segment; `None` where its fixes tell no speed, by themselves or by their ways: of cameras alone there is no
    /// time to weigh by.
    pub fn of(flow: &Flow, traffic: &Traffic, free_flow: FreeFlow) -> Option<Self> {
        let relative =
            |speeds: i64| (i128::from(speeds) * 1_000 / i128::from(free_flow.speed.0.max(SLOWEST_FREE_FLOW.0))) as i64;
        let way_weight = if flow.way_speed().is_some() { flow.weight } else { 0 };
        if way_weight == 0 && flow.spot_speed().is_none() {
            return None;
        }
        let ways = way_weight * flow.way_speed().unwrap_or_default();
        Some(Self {
            samples: traffic.samples.into(),
            weight: flow.weight,
            spot_weight: flow.spot_weight,
            spots: flow.spots,
            ratios: relative(flow.spots),
            way_weight,
            way_millis: if way_weight > 0 { flow.millis } else { 0 },
            ways,
            way_ratios: relative(ways),
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

/// Everyone standing has no finite travel time: a thousandth of free flow stands for it.
const LONGEST_INDEX: Ratio = Ratio(10_000_000);

/// No street's free flow counts as slower: 1 km/h.
const SLOWEST_FREE_FLOW: Kmh = Kmh(1_000);

/// Adds up the parts of a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NetworkSum {
    parts: i64,
    samples: i64,
    weight: i64,
    spot_weight: i64,
    spots: i64,
    ratios: i64,
    way_weight: i64,
    way_millis: i64,
    ways: i64,
    way_ratios: i64,
    observed: i64,
    congested: i64,
    severe: i64,
}

impl Aggregate<Part> for NetworkSum {
    type Output = Network;

    fn add(&mut self, part: Part, diff: Diff) {
        let length = part.length.0;
        let part = Self {
            parts: 1,
            samples: part.samples,
            weight: part.weight,
            spot_weight: part.spot_weight,
            spots: part.spots,
            ratios: part.ratios,
            way_weight: part.way_weight,
            way_millis: part.way_millis,
            ways: part.ways,
            way_ratios: part.way_ratios,
            observed: length,
            congested: if part.congested { length } else { 0 },
            severe: if part.severe { length } else { 0 },
        };
        <Self as Aggregate<Self>>::add(self, part, diff);
    }

    fn output(&self) -> Option<Network> {
        let flow = Flow {
            weight: self.weight,
            spot_weight: self.spot_weight,
            spots: self.spots,
            millis: self.way_millis,
            ..Flow::default()
        };
        let says = flow.spot_speed().is_some();
        // Thousandths of the unit of the sums, so that the index is exact to its last digit.
        let mean = |sum: i64, weight: i64| (weight > 0).then(|| (i128::from(sum) * 1_000 / i128::from(weight)) as i64);
        let blend = |spots: i64, ways: i64| {
            flow.blend(mean(spots, self.spot_weight).filter(|_| says), mean(ways, self.way_weight))
        };
        let (speed, ratio) = (blend(self.spots, self.ways)?, blend(self.ratios, self.way_ratios)?);
        (self.parts > 0).then(|| Network {
            samples: self.samples as u32,
            speed: Kmh(speed / 1_000),
            travel_time_index: Ratio(LONGEST_INDEX.0 * 1_000 / ratio.max(1_000)),
            observed: Millimetres(self.observed),
            congested_share: Ratio::of(self.congested, self.observed).unwrap_or_default(),
            severe_share: Ratio::of(self.severe, self.observed).unwrap_or_default(),
        })
    }
}

impl Aggregate<Self> for NetworkSum {
    type Output = Network;

    fn add(&mut self, other: Self, diff: Diff) {
        let times = diff as i64;
        self.parts += times * other.parts;
        self.samples += times * other.samples;
        self.weight += times * other.weight;
        self.spot_weight += times * other.spot_weight;
        self.spots += times * other.spots;
        self.ratios += times * other.ratios;
        self.way_weight += times * other.way_weight;
        self.way_millis += times * other.way_millis;
        self.ways += times * other.ways;
        self.way_ratios += times * other.way_ratios;
        self.observed += times * other.observed;
        self.congested += times * other.congested;
        self.severe += times * other.severe;
    }

    fn output(&self) -> Option<Network> {
        <Self as Aggregate<Part>>::output(self)
    }
}

/// How does the whole network run, over the last minutes?
///
/// | time | parts                                        | output                                    |
/// |-----:|----------------------------------------------|-------------------------------------------|
/// |    0 | +(a: 20 of 50 km/h, 100 m)                   | +(20 km/h, index 2.5, 100 m, all congested) |
/// |    1 | +(b: 50 of 50 km/h, 300 m)                   | -… +(35 km/h, index 1.4286, 400 m, 25 % congested) |
/// |    2 | -(a), -(b)                                   | -(35 km/h, index 1.4286, 400 m, 25 % congested) |
///
/// ```
/// # use smartcity_dataflow::{city::{congestion::*, network::*}, model::*, testing::{at, trace}};
/// let part = |kmh: i64, metres: i64| {
///     let (weight, speed) = (120_000, Kmh(kmh * 1_000));
///     let flow = Flow { fixes: 4, weight, spot_weight: weight, spots: weight * speed.0, ..Flow::default() };
///     let free = FreeFlow { length: Millimetres(metres * 1_000), speed: Kmh(50_000) };
///     (None, Part::of(&flow, &traffic(&flow, Distinct::default(), speed, free.speed), free).expect("fixes with a speed"))
/// };
/// let rows = trace(&[at(0, part(20, 100)), at(0, part(50, 300))], network, 5);
/// let (0, ((), row), 1) = rows[0] else { panic!("one row") };
/// assert_eq!((row.speed, row.travel_time_index, row.congested_share), (Kmh(35_000), Ratio(14_285), Ratio(2_500)));
/// ```
pub fn network<'s>(parts: Rows<'s, (Option<Id>, Part)>) -> Rows<'s, ((), Network)> {
    totals::<_, _, NetworkSum>(parts.map(|(_, part)| ((), part)), "Network", |()| None)
}

/// How did the whole network run, by tumbling window?
///
/// | time | parts                              | output                                      |
/// |-----:|------------------------------------|---------------------------------------------|
/// |    0 | +(10:00, a at 20 of 50 km/h)       | +(10:00: 20 km/h, index 2.5, all congested) |
/// |    1 | -(10:00, a): the window closes     | -(10:00: 20 km/h, index 2.5, all congested) |
pub fn network_windows<'s>(parts: Rows<'s, (Window, Part)>, settings: &Settings) -> Rows<'s, (Window, Network)> {
    let (retention, tick) = (settings.retention_ms, settings.tick_ms);
    totals::<_, _, NetworkSum>(parts, "NetworkWindows", move |window| Some(window.closes(retention, tick)))
}

#[cfg(test)]
mod tests;
