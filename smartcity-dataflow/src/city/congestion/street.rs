//! A street, or a road, with all that is known of its traffic: what flows now, and what flowed minute by minute.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use super::flow::{Distinct, Flow, Vehicles};
use super::{
    Heard, Rules, Sample, Spot, StreetInfo, Told, Traffic, WINDOW_TRAILING_MS, WINDOW_WIDTHS_MS, Window, traffic,
};
use crate::city::network::Part;
use crate::city::track::MAX_WEIGHT_MS;
use crate::model::{Id, Millis};
use crate::operators::{Keep, Turn};
use crate::{Diff, Time};

/// A minute, milliseconds.
const MINUTE_MS: i64 = 60_000;

/// State of a street.
#[derive(Debug, Default)]
pub(super) struct Street {
    info: Option<StreetInfo>,
    now: Now,
    /// Ascending; only those in which something was observed.
    minutes: VecDeque<Minute>,
    /// What was shown of the traffic now, and the zone in which it counts.
    shown: Option<(Option<Id>, Figures)>,
    /// The last turn: what was to close until then is closed.
    turned_at: Time,
    woken_at: Option<Time>,
}

/// The samples of the sliding window.
#[derive(Debug, Default)]
struct Now {
    flow: Flow,
    vehicles: Vehicles,
    /// Ascending by the tick at which they leave.
    leaving: VecDeque<(Time, Packed)>,
}

/// What the sliding window keeps of a sample, packed: it is what the product has most of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Packed {
    vehicle: Id,
    distance: i32,
    millis: i32,
    speed: Option<NonZeroU32>,
    weight: u16,
    is_spot: bool,
    moved: bool,
    stands: bool,
}

impl Packed {
    fn of(sample: &Sample) -> Self {
        let Sample { time: _, arrived: _, vehicle, spot, distance, millis, moved, stands } = *sample;
        // One more than the speed, so that none takes no room.
        let speed = spot.and_then(|spot| NonZeroU32::new(spot.speed?.unsigned_abs() + 1));
        let weight = spot.map_or(0, |spot| spot.weight) as u16;
        Self { vehicle, distance, millis, speed, weight, is_spot: spot.is_some(), moved, stands }
    }

    /// The sample, at no time.
    fn sample(self) -> Sample {
        let Self { vehicle, distance, millis, speed, weight, is_spot, moved, stands } = self;
        let speed = speed.map(|speed| (speed.get() - 1).cast_signed());
        let spot = is_spot.then_some(Spot { weight: weight.into(), speed });
        Sample { time: Millis::default(), arrived: 0, vehicle, spot, distance, millis, moved, stands }
    }
}

const _: () = assert!(MAX_WEIGHT_MS <= u16::MAX as u32);

/// What was observed in a minute of event time.
#[derive(Debug)]
struct Minute {
    start: i64,
    flow: Flow,
    vehicles: Vehicles,
}

/// Figures of a street over a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Figures {
    traffic: Traffic,
    part: Option<Part>,
}

impl Street {
    pub(super) fn turn(&mut self, key: Id, turn: &mut Turn<'_, Heard, Told>, rules: &Rules) -> Keep {
        let now = turn.now();
        if self.woken_at.is_some_and(|at| at <= now) {
            self.woken_at = None;
        }
        self.close_windows(key, turn, rules);
        let dirty: Vec<_> = self.dirty(turn, rules).into_iter().map(|window| (window, self.window(window))).collect();
        turn.for_each_change(|turn, heard, diff| self.hear(heard, diff, turn.now(), rules));
        self.now.leave(now);
        for (window, before) in dirty {
            show_window(key, window, before, self.window(window), turn, rules);
        }
        let after = self.info.and_then(|info| Some((info.zone, self.sliding(info, now, rules)?)));
        let before = std::mem::replace(&mut self.shown, after);
        let row = |figures: &Figures| Told::Now(key, figures.traffic);
        turn.replace(before.as_ref().map(|(_, figures)| row(figures)), after.as_ref().map(|(_, figures)| row(figures)));
        if rules.has_parts {
            let part = |(zone, figures): (Option<Id>, Figures)| Some(Told::Part(zone, figures.part?));
            turn.replace(before.and_then(part), after.and_then(part));
        }
        while self.minutes.pop_front_if(|minute| rules.forgets_minute(minute.start) <= now).is_some() {}
        if let Some(due) = self.due(now, rules)
            && self.woken_at.is_none_or(|at| at > due)
        {
            self.woken_at = Some(due);
            turn.wake(due);
        }
        let is_empty = self.info.is_none() && self.minutes.is_empty() && self.now.is_empty();
        if is_empty { Keep::No } else { Keep::Yes }
    }

    fn hear(&mut self, heard: Heard, diff: Diff, now: Time, rules: &Rules) {
        let times = diff as i64;
        match heard {
            Heard::Is(info) if diff > 0 => self.info = Some(info),
            Heard::Is(info) => self.info = self.info.filter(|known| *known != info),
            Heard::CameraNow(speed) => self.now.flow.add_camera(speed, times),
            Heard::CameraAt(time, speed) => {
                if let Some(minute) = self.minute(time, now, rules) {
                    minute.flow.add_camera(speed, times);
                }
            }
            Heard::Sample(sample) => {
                if let Some(minute) = self.minute(sample.time, now, rules) {
                    minute.flow.add(&sample, times);
                    if !minute.is_closed(now, rules) {
                        minute.vehicles.add(&sample, diff);
                    }
                }
                self.now.change(rules.leaves(&sample), sample, diff, now);
            }
        }
    }

    /// The minute of an event; `None` where no window that it counts in is open.
    fn minute(&mut self, time: Millis, now: Time, rules: &Rules) -> Option<&mut Minute> {
        let start = Window::tumbling(time, MINUTE_MS).start.0;
        if rules.forgets_minute(start) <= now {
            return None;
        }
        let at = match self.minutes.back() {
            Some(last) if last.start == start => self.minutes.len() - 1,
            _ => self.minutes.partition_point(|minute| minute.start < start),
        };
        if self.minutes.get(at).is_none_or(|minute| minute.start != start) {
            self.minutes.insert(at, Minute { start, flow: Flow::default(), vehicles: Vehicles::default() });
        }
        self.minutes.get_mut(at)
    }

    /// The windows whose figures the changes of a turn may change, among those that are open; ascending.
    fn dirty(&self, turn: &Turn<'_, Heard, Told>, rules: &Rules) -> Vec<Window> {
        let is_open = |window: &Window| rules.closes(*window) > turn.now();
        let mut dirty = Vec::new();
        let mut last = None;
        for (heard, _) in turn.changes() {
            let time = match heard {
                Heard::Is(_) => {
                    dirty.extend(self.minutes.iter().flat_map(Minute::windows));
                    continue;
                }
                Heard::CameraNow(_) => continue,
                Heard::CameraAt(time, _) => *time,
                Heard::Sample(sample) => sample.time,
            };
            let start = Window::tumbling(time, MINUTE_MS).start;
            if last.replace(start) == Some(start) {
                continue;
            }
            dirty.extend(WINDOW_WIDTHS_MS.map(|width| Window::tumbling(time, width)));
            // Later windows draw on the minute as one of those before their end.
            let later = self.minutes.partition_point(|minute| minute.start <= start.0);
            for minute in self.minutes.range(later..) {
                let drawing =
                    minute.windows().into_iter().filter(|window| window.end().0 - WINDOW_TRAILING_MS <= start.0);
                let before = dirty.len();
                dirty.extend(drawing);
                if dirty.len() == before {
                    break;
                }
            }
        }
        dirty.sort_unstable();
        dirty.dedup();
        dirty.retain(is_open);
        dirty
    }

    /// Figures of a window.
    fn window(&self, window: Window) -> Option<Figures> {
        let info = self.info?;
        let end = window.end().0;
        let of_window = self.between(window.start.0, end);
        let flow = sum(of_window.clone());
        if flow.is_empty() {
            return None;
        }
        let trailing = sum(self.between(end - WINDOW_TRAILING_MS, end));
        let distinct = Vehicles::distinct(of_window.map(|minute| &minute.vehicles));
        Figures::of(flow, distinct, trailing, info)
    }

    /// Figures of the sliding window.
    fn sliding(&self, info: StreetInfo, now: Time, rules: &Rules) -> Option<Figures> {
        if self.now.is_empty() {
            return None;
        }
        let minute = Window::tumbling(Millis(i64::try_from(now).unwrap_or(i64::MAX)), MINUTE_MS);
        let trailing = sum(self.between(minute.end().0 - rules.sliding_trailing, minute.end().0));
        Figures::of(self.now.flow, Vehicles::distinct([&self.now.vehicles]), trailing, info)
    }

    fn between(&self, start: i64, end: i64) -> impl Iterator<Item = &Minute> + Clone {
        let first = self.minutes.partition_point(|minute| minute.start < start);
        let last = self.minutes.partition_point(|minute| minute.start < end);
        self.minutes.range(first..last.max(first))
    }

    /// Takes back the figures of the windows whose time is over.
    fn close_windows(&mut self, key: Id, turn: &mut Turn<'_, Heard, Told>, rules: &Rules) {
        let (now, before) = (turn.now(), std::mem::replace(&mut self.turned_at, turn.now()));
        if rules.next_minute(before) > now {
            return;
        }
        let mut closed = Vec::new();
        for minute in self.minutes.iter().take_while(|minute| rules.closes(minute.windows()[0]) <= now) {
            closed.extend(
                minute.windows().into_iter().filter(|&window| (before + 1..=now).contains(&rules.closes(window))),
            );
        }
        closed.sort_unstable();
        closed.dedup();
        for window in closed {
            show_window(key, window, self.window(window), None, turn, rules);
        }
        for minute in self.minutes.iter_mut().take_while(|minute| minute.is_closed(now, rules)) {
            minute.vehicles.clear();
        }
    }

    /// The next tick at which time alone changes something.
    fn due(&self, now: Time, rules: &Rules) -> Option<Time> {
        let leaves = self.now.leaving.front().map(|(leaves, _)| *leaves);
        let minute = (!self.minutes.is_empty()).then(|| rules.next_minute(now));
        leaves.into_iter().chain(minute).min()
    }
}

impl Minute {
    /// The windows that it is in, from the narrowest to the widest.
    fn windows(&self) -> [Window; 2] {
        WINDOW_WIDTHS_MS.map(|width| Window::tumbling(Millis(self.start), width))
    }

    /// Whether all its windows are closed; it may still stand behind later ones.
    fn is_closed(&self, now: Time, rules: &Rules) -> bool {
        self.windows().into_iter().all(|window| rules.closes(window) <= now)
    }
}

impl Now {
    fn is_empty(&self) -> bool {
        self.leaving.is_empty() && self.flow.cameras == 0
    }

    /// Takes a sample in, or out.
    fn change(&mut self, leaves: Time, sample: Sample, diff: Diff, now: Time) {
        if leaves <= now {
            return;
        }
        let packed = Packed::of(&sample);
        for _ in 0..diff {
            let at = match self.leaving.back() {
                Some((last, _)) if *last > leaves => self.leaving.partition_point(|(other, _)| *other <= leaves),
                _ => self.leaving.len(),
            };
            if self.leaving.len() == self.leaving.capacity() {
                self.leaving.reserve_exact(2 + self.leaving.len() / 4);
            }
            self.leaving.insert(at, (leaves, packed));
            self.add(&sample, 1);
        }
        for _ in diff..0 {
            let first = self.leaving.partition_point(|(other, _)| *other < leaves);
            let mut of_tick = self.leaving.range(first..).take_while(|(other, _)| *other == leaves);
            if let Some(at) = of_tick.position(|(_, other)| *other == packed) {
                self.leaving.remove(first + at);
                self.add(&sample, -1);
            }
        }
    }

    /// Drops the samples whose time is over.
    fn leave(&mut self, now: Time) {
        while let Some((_, sample)) = self.leaving.pop_front_if(|(leaves, _)| *leaves <= now) {
            self.add(&sample.sample(), -1);
        }
    }

    fn add(&mut self, sample: &Sample, diff: Diff) {
        self.flow.add(sample, diff as i64);
        self.vehicles.add(sample, diff);
    }
}

impl Figures {
    /// The figures of a flow, and of the longer while that stands behind it.
    fn of(flow: Flow, distinct: Distinct, trailing: Flow, info: StreetInfo) -> Option<Self> {
        if distinct.is_one_that_stands() && flow.cameras == 0 {
            return None;
        }
        let is_queue = distinct.is_queue(flow.speed(), info.free_flow.speed);
        let (flow, trailing) = if is_queue { (flow.with_queue(), trailing.with_queue()) } else { (flow, trailing) };
        let speed = flow.shrunk_speed(&trailing)?;
        let vehicles = if is_queue { distinct.seen } else { distinct.vehicles };
        let traffic = traffic(&flow, Distinct { vehicles, ..distinct }, speed, info.free_flow.speed);
        Some(Self { traffic, part: Part::of(&flow, &traffic, info.free_flow) })
    }
}

fn sum<'a>(minutes: impl Iterator<Item = &'a Minute>) -> Flow {
    minutes.fold(Flow::default(), |mut flow, minute| {
        flow.merge(&minute.flow);
        flow
    })
}

/// Changes what is shown of a window.
fn show_window(
    key: Id,
    window: Window,
    before: Option<Figures>,
    after: Option<Figures>,
    turn: &mut Turn<'_, Heard, Told>,
    rules: &Rules,
) {
    if before == after {
        return;
    }
    let row = |figures: Figures| Told::Window((key, window), figures.traffic);
    turn.replace(before.map(row), after.map(row));
    if rules.has_parts {
        let part = |figures: Figures| Some(Told::WindowPart(window, figures.part?));
        turn.replace(before.and_then(part), after.and_then(part));
    }
}
