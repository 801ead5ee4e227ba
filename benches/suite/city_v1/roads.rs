//! How does the traffic flow on every road, by windows of one minute and of five?

use std::collections::VecDeque;
use std::ops::Range;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use smartcity::model::{Id, Millis};
use smartcity::operators::{Keep, combine, keyed};
use smartcity::view::View;
use smartcity::{Diff, Rows};

use super::event::{Event, Speed};

/// Roads by windows of one minute side by side: key is (road, start).
pub(crate) const ROAD_1M: View<(Id, Millis), Traffic> = View::new("road_1m");
/// Roads by windows of five minutes that start every minute: key is (road, start).
pub(crate) const ROAD_5M: View<(Id, Millis), Traffic> = View::new("road_5m");
/// The city by windows of one minute: key is the start.
pub(crate) const CITY_1M: View<Millis, CityMinute> = View::new("city_1m");

const MINUTE_MS: i64 = 60_000;
const WIDE_WINDOW_MINUTES: i64 = 5;

/// The events of one vehicle on one road in one minute that came in one tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Part {
    road: Id,
    /// Minutes since the epoch.
    minute: i64,
    vehicle: Id,
    sum: Sum,
}

/// Events and the sum of their speeds, ten-thousandths of a km/h.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Sum {
    pub(crate) events: i64,
    pub(crate) speeds: i64,
}

impl Sum {
    fn add(&mut self, other: Self, diff: Diff) {
        self.events += other.events * diff as i64;
        self.speeds += other.speeds * diff as i64;
    }
}

/// A road in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Traffic {
    pub(crate) sum: Sum,
    pub(crate) vehicles: u32,
    pub(crate) free_flow: Speed,
    pub(crate) level: Option<Level>,
}

/// The city in a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct CityMinute {
    pub(crate) sum: Sum,
    pub(crate) vehicles: u32,
    pub(crate) congested_roads: u32,
}

/// A mean speed against free flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    Free,
    Light,
    Moderate,
    Heavy,
    Severe,
}

impl Level {
    /// The level of a mean of `speeds / events`: from 0.8 of free flow free, from 0.6 light, from 0.4 moderate, from 0.2
    /// heavy, below it severe. None without events or free flow.
    pub(crate) fn of(speeds: i64, events: i64, free_flow: Speed) -> Option<Self> {
        let free = i128::from(free_flow.0) * i128::from(events);
        let at_least = |fifths: i128| i128::from(speeds) * 5 >= free * fifths;
        (free > 0).then(|| match () {
            () if at_least(4) => Self::Free,
            () if at_least(3) => Self::Light,
            () if at_least(2) => Self::Moderate,
            () if at_least(1) => Self::Heavy,
            () => Self::Severe,
        })
    }

    /// Below 0.4 of free flow.
    pub(crate) fn is_congested(self) -> bool {
        self >= Self::Heavy
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Light => "light",
            Self::Moderate => "moderate",
            Self::Heavy => "heavy",
            Self::Severe => "severe",
        }
    }
}

/// The events of a tick, added up by each worker before they travel.
pub(crate) fn parts<'s>(events: Rows<'s, Event>) -> Rows<'s, Part> {
    type Sums = FxHashMap<(Id, i64, Id), Sum>;
    let add = |sums: &mut Sums, event: Event, diff| {
        let minute = event.time.0.div_euclid(MINUTE_MS);
        let one = Sum { events: 1, speeds: event.speed.0.into() };
        sums.entry((event.road, minute, event.vehicle)).or_default().add(one, diff);
    };
    combine(events, "Parts", add, |sums| {
        let parts = sums.into_iter().filter(|(_, sum)| *sum != Sum::default());
        parts.map(|((road, minute, vehicle), sum)| (Part { road, minute, vehicle, sum }, 1))
    })
}

/// What a road's stage hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Heard {
    FreeFlow(Speed),
    /// Minute, vehicle, what it did.
    Part(i64, Id, Sum),
}

/// A window of a road.
#[derive(Default)]
struct Window {
    sum: Sum,
    vehicles: u32,
    shown: Option<Traffic>,
    is_changed: bool,
}

impl Window {
    fn traffic(&self, free_flow: Speed) -> Option<Traffic> {
        let level = Level::of(self.sum.speeds, self.sum.events, free_flow);
        let Self { sum, vehicles, .. } = *self;
        (sum.events > 0).then_some(Traffic { sum, vehicles, free_flow, level })
    }
}

/// What begins at a minute.
#[derive(Default)]
struct Minute {
    narrow: Window,
    wide: Window,
    /// The events of each vehicle in this minute.
    events: FxHashMap<Id, i64>,
}

/// A road's state, minute by minute from the first it heard of.
#[derive(Default)]
struct RoadState {
    free_flow: Speed,
    first: i64,
    minutes: VecDeque<Minute>,
    changed: Vec<Key>,
}

impl RoadState {
    /// Makes room for minutes `from..=to`.
    fn reach(&mut self, from: i64, to: i64) {
        if self.minutes.is_empty() {
            self.first = from;
        }
        for _ in from..self.first {
            self.minutes.push_front(Minute::default());
            self.first -= 1;
        }
        while self.first + self.minutes.len() as i64 <= to {
            self.minutes.push_back(Minute::default());
        }
    }

    fn window(&mut self, (width, minute): Key) -> &mut Window {
        let minute = &mut self.minutes[(minute - self.first) as usize];
        if width == 1 { &mut minute.narrow } else { &mut minute.wide }
    }

    /// The window, which changes.
    fn change(&mut self, key: Key) -> &mut Window {
        if !self.window(key).is_changed {
            self.changed.push(key);
        }
        let window = self.window(key);
        window.is_changed = true;
        window
    }

    fn add(&mut self, minute: i64, vehicle: Id, sum: Sum, diff: Diff) {
        let firsts = minute - WIDE_WINDOW_MINUTES + 1..=minute;
        self.reach(*firsts.start(), minute);
        let events = &mut self.minutes[(minute - self.first) as usize].events;
        let (before, after) = add_events(events, vehicle, sum.events * diff as i64);
        let presence = i64::from(after != 0) - i64::from(before != 0);
        let without_it = if presence == 0 { 0..0 } else { self.firsts_without(minute, vehicle) };
        let narrow = self.change((1, minute));
        narrow.sum.add(sum, diff);
        narrow.vehicles = narrow.vehicles.saturating_add_signed(presence as i32);
        for first in firsts {
            let wide = self.change((WIDE_WINDOW_MINUTES, first));
            wide.sum.add(sum, diff);
            if without_it.contains(&first) {
                wide.vehicles = wide.vehicles.saturating_add_signed(presence as i32);
            }
        }
    }

    /// The first minutes of the wide windows that hold `minute` and in whose other minutes the vehicle was not there.
    fn firsts_without(&self, minute: i64, vehicle: Id) -> Range<i64> {
        let was_there = |minute: &i64| {
            let at = usize::try_from(minute - self.first).ok();
            at.and_then(|at| self.minutes.get(at)).is_some_and(|minute| minute.events.contains_key(&vehicle))
        };
        let last_before = (minute - WIDE_WINDOW_MINUTES + 1..minute).rev().find(was_there);
        let first_after = (minute + 1..minute + WIDE_WINDOW_MINUTES).find(was_there);
        let from = last_before.unwrap_or(minute - WIDE_WINDOW_MINUTES) + 1;
        let to = first_after.map_or(minute, |after| after - WIDE_WINDOW_MINUTES);
        from..to + 1
    }
}

/// Adds events of a vehicle, and forgets one that has none left; gives how many it had and has.
fn add_events(vehicles: &mut FxHashMap<Id, i64>, vehicle: Id, events: i64) -> (i64, i64) {
    let sum = vehicles.entry(vehicle).or_default();
    let before = *sum;
    *sum += events;
    let after = *sum;
    if after == 0 {
        vehicles.remove(&vehicle);
    }
    (before, after)
}

/// Width in minutes, and the first minute.
type Key = (i64, i64);

/// The traffic of every road in every window, of one minute and of five: key is (road, (width, first minute)).
///
/// A part changes the window of its minute and the five wide ones that hold it. An edit of the free flow shows every
/// window of its road anew. A turn costs six windows a part. The state has a place for every minute between a road's first
/// and last.
pub(crate) fn windows<'s>(parts: Rows<'s, Part>, roads: Rows<'s, (Id, Speed)>) -> Rows<'s, ((Id, Key), Traffic)> {
    let parts = parts.map(|part| (part.road, Heard::Part(part.minute, part.vehicle, part.sum)));
    let heard = parts.concat(roads.map(|(road, free_flow)| (road, Heard::FreeFlow(free_flow))));
    keyed(heard, "RoadWindows", |id, road: &mut RoadState, turn| {
        let free_flow = road.free_flow;
        turn.for_each_change(|_, heard, diff| match heard {
            Heard::FreeFlow(Speed(speed)) => road.free_flow.0 += speed * diff as i32,
            Heard::Part(minute, vehicle, sum) => road.add(minute, vehicle, sum, diff),
        });
        if road.free_flow != free_flow {
            for minute in road.first..road.first + road.minutes.len() as i64 {
                road.change((1, minute));
                road.change((WIDE_WINDOW_MINUTES, minute));
            }
        }
        let free_flow = road.free_flow;
        let mut changed = std::mem::take(&mut road.changed);
        for key in changed.drain(..) {
            let window = road.window(key);
            window.is_changed = false;
            let after = window.traffic(free_flow);
            let before = std::mem::replace(&mut window.shown, after);
            turn.replace(before.map(|row| ((*id, key), row)), after.map(|row| ((*id, key), row)));
        }
        road.changed = changed;
        Keep::Yes
    })
}

/// The windows of one width, in minutes, by road and start.
pub(crate) fn of_width<'s>(windows: Rows<'s, ((Id, Key), Traffic)>, minutes: i64) -> Rows<'s, ((Id, Millis), Traffic)> {
    windows.flat_map(move |((road, (width, first)), traffic)| {
        (width == minutes).then_some(((road, Millis(first * MINUTE_MS)), traffic))
    })
}

/// The city by minute: events, distinct vehicles, congested roads.
pub(crate) fn city_by_minute<'s>(
    parts: Rows<'s, Part>,
    roads: Rows<'s, ((Id, Millis), Traffic)>,
) -> Rows<'s, (Millis, CityMinute)> {
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    enum Heard {
        Vehicle(Id, Sum),
        Congested(i64),
    }
    #[derive(Default)]
    struct Minute {
        sum: Sum,
        vehicles: FxHashMap<Id, i64>,
        congested_roads: i64,
        shown: Option<CityMinute>,
    }
    let of_vehicles = combine(
        parts,
        "VehicleMinutes",
        |sums: &mut FxHashMap<(i64, Id), Sum>, part: Part, diff| {
            sums.entry((part.minute, part.vehicle)).or_default().add(part.sum, diff);
        },
        |sums| {
            sums.into_iter()
                .filter(|(_, sum)| *sum != Sum::default())
                .map(|((minute, vehicle), sum)| ((Millis(minute * MINUTE_MS), Heard::Vehicle(vehicle, sum)), 1))
        },
    );
    let congested = combine(
        roads.filter(|(_, traffic)| traffic.level.is_some_and(Level::is_congested)),
        "CongestedRoads",
        |counts: &mut FxHashMap<Millis, i64>, ((_, start), _), diff| *counts.entry(start).or_default() += diff as i64,
        |counts| {
            let changed = counts.into_iter().filter(|(_, roads)| *roads != 0);
            changed.map(|(start, roads)| ((start, Heard::Congested(roads)), 1))
        },
    );
    keyed(of_vehicles.concat(congested), "CityMinutes", |start, minute: &mut Minute, turn| {
        turn.for_each_change(|_, heard, diff| match heard {
            Heard::Vehicle(vehicle, sum) => {
                minute.sum.add(sum, diff);
                add_events(&mut minute.vehicles, vehicle, sum.events * diff as i64);
            }
            Heard::Congested(roads) => minute.congested_roads += roads * diff as i64,
        });
        let after = (minute.sum.events > 0).then_some(CityMinute {
            sum: minute.sum,
            vehicles: minute.vehicles.len() as u32,
            congested_roads: minute.congested_roads.max(0) as u32,
        });
        let before = std::mem::replace(&mut minute.shown, after);
        turn.replace(before.map(|row| (*start, row)), after.map(|row| (*start, row)));
        Keep::Yes
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;
    use smartcity::model::Namespace;

    use super::*;

    /// Vehicles by window, straight from the live events: minute, vehicle and events.
    fn by_definition(live: &BTreeMap<(i64, u64), i64>, width: i64, first: i64) -> usize {
        let held =
            live.iter().filter(|&(&(minute, _), &events)| events > 0 && (first..first + width).contains(&minute));
        held.map(|((_, vehicle), _)| vehicle).collect::<BTreeSet<_>>().len()
    }

    proptest! {
        // A failure would be kept beside the file that includes this one.
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn windows_count_each_vehicle_once_whatever_comes_late_or_is_withdrawn(
            changes in prop::collection::vec((0..12_i64, 0..3_u64, any::<bool>()), 1..60)
        ) {
            let (mut road, mut live) = (RoadState::default(), BTreeMap::new());
            for (minute, number, comes) in changes {
                let events = live.entry((minute, number)).or_insert(0);
                if !comes && *events == 0 {
                    continue; // nobody withdraws what is not there
                }
                let diff = if comes { 1 } else { -1 };
                *events += diff as i64;
                let vehicle = Id::new(Namespace::Device, &number.to_string());
                road.add(minute, vehicle, Sum { events: 1, speeds: 500 }, diff);
                for first in road.first..road.first + road.minutes.len() as i64 {
                    for width in [1, WIDE_WINDOW_MINUTES] {
                        let counted = road.window((width, first)).vehicles as usize;
                        prop_assert_eq!(counted, by_definition(&live, width, first), "{} minutes from {}", width, first);
                    }
                }
            }
        }
    }
}
