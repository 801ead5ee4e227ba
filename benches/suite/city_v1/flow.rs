//! The workload as a dataflow.
//!
//! ```text
//!  events ─▶ dedup ─▶ accepted ─┬─▶ newest of each vehicle ─┬─▶ latest
//!            by id              │                           └─▶ mean of each road ─▶ city now
//!                               └─▶ parts: a tick's events by road, minute, vehicle
//!                                     ├─▶ windows of each road ─▶ road by 1 min, road by 5 min
//!                                     └─▶ each minute ─▶ city by minute ◀─ congested roads
//!  roads (free flow) ─▶ windows of each road, mean of each road
//! ```
//!
//! Events may come late, twice, and be withdrawn; a road's free flow may be edited. Windows and newest positions are kept
//! for the whole run, as the batch answer has them all; message ids, and the positions behind the newest, are remembered
//! for a time that the run sets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use differential_dataflow::input::InputSession;
use memchr::memchr_iter;
use rustc_hash::FxHashSet;
use smartcity::city::statics::NAMES;
use smartcity::model::{Id, Name, Namespace};
use smartcity::operators::{Deduplicated, dedup, round_up};
use smartcity::view::Publisher;
use smartcity::{Dataflow, Diff, Rows, Time};
use timely::worker::Worker;

use super::event::{self, Event, Speed};
use super::replay::Piece;
use super::{now, positions, roads};

/// How long a message is remembered, by event time, unless the run says otherwise: four times as long as the workload's
/// latest event is late.
pub(crate) const REMEMBERED_MS: Time = 120_000;

/// A road and its free-flow speed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Road {
    pub(crate) name: String,
    pub(crate) free_flow: Speed,
}

/// The workload.
#[derive(Clone, Debug)]
pub(crate) struct CityV1 {
    /// How long a message is remembered.
    pub(crate) remembered_ms: Time,
    /// What the workers count while they read.
    pub(crate) reading: Arc<Reading>,
}

/// How reading goes, on all workers.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) events: AtomicU64,
    /// Lines that were no event.
    pub(crate) refused: AtomicU64,
    /// The first piece that could not be read.
    pub(crate) error: Mutex<Option<anyhow::Error>>,
}

/// What is dealt to a worker.
#[derive(Debug)]
pub(crate) enum Dealt {
    Roads(Vec<Road>),
    /// Lines of NDJSON.
    Lines(Vec<u8>),
    /// Lines of NDJSON in a file.
    Piece(Piece),
}

pub(crate) struct Inputs {
    events: InputSession<Time, Event, Diff>,
    roads: InputSession<Time, (Id, Speed), Diff>,
    names: InputSession<Time, Name, Diff>,
    named: FxHashSet<Id>,
    piece: Vec<u8>,
}

impl Inputs {
    fn name(&mut self, tick: Time, id: Id, text: &str) {
        if self.named.insert(id) {
            self.names.update_at(Name { id, text: text.into() }, tick, 1);
        }
    }
}

impl Dataflow for CityV1 {
    type Rows = Dealt;
    type Inputs = Inputs;

    fn build(&self, worker: &mut Worker, publisher: &Publisher) -> Inputs {
        let mut inputs = Inputs {
            events: InputSession::new(),
            roads: InputSession::new(),
            names: InputSession::new(),
            named: FxHashSet::default(),
            piece: Vec::new(),
        };
        worker.dataflow_named("CityV1", |scope| {
            let names = inputs.names.to_collection(scope);
            publisher.publish(&NAMES, names.map(|name| (name.id, name.text)));
            views(inputs.events.to_collection(scope), inputs.roads.to_collection(scope), self.remembered_ms, publisher);
        });
        inputs
    }

    fn feed(&self, inputs: &mut Inputs, tick: Time, dealt: Dealt) {
        match dealt {
            Dealt::Roads(roads) => {
                for road in roads {
                    let id = Id::new(Namespace::Road, &road.name);
                    inputs.name(tick, id, &road.name);
                    inputs.roads.update_at((id, road.free_flow), tick, 1);
                }
            }
            Dealt::Lines(lines) => self.feed_lines(inputs, tick, &lines),
            Dealt::Piece(piece) => {
                let mut lines = std::mem::take(&mut inputs.piece);
                match piece.read(&mut lines) {
                    Ok(()) => self.feed_lines(inputs, tick, &lines),
                    Err(error) => {
                        self.reading.error.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get_or_insert(error);
                    }
                }
                inputs.piece = lines;
            }
        }
    }

    fn complete(&self, inputs: &mut Inputs, tick: Time) {
        inputs.events.advance_to(tick + 1);
        inputs.roads.advance_to(tick + 1);
        inputs.names.advance_to(tick + 1);
        inputs.events.flush();
        inputs.roads.flush();
        inputs.names.flush();
    }
}

impl CityV1 {
    fn feed_lines(&self, inputs: &mut Inputs, tick: Time, lines: &[u8]) {
        let (mut start, mut events, mut refused) = (0, 0, 0);
        for end in memchr_iter(b'\n', lines).chain([lines.len()]) {
            let line = &lines[start..end];
            start = end + 1;
            let is_event = event::read(line, |fields| {
                let event = fields.event();
                inputs.name(tick, event.vehicle, fields.device_id);
                inputs.name(tick, event.road, fields.road_id);
                inputs.events.update_at(event, tick, 1);
            });
            if is_event {
                events += 1;
            } else if !line.trim_ascii().is_empty() {
                refused += 1;
            }
        }
        self.reading.events.fetch_add(events, Ordering::Relaxed);
        self.reading.refused.fetch_add(refused, Ordering::Relaxed);
    }
}

/// Builds and publishes the five views.
fn views<'s>(events: Rows<'s, Event>, roads: Rows<'s, (Id, Speed)>, remembered_ms: Time, publisher: &Publisher) {
    // Forgotten second by second: few times to wake at.
    let until = move |event: &Event| round_up(event.time.0.max(0).unsigned_abs() + remembered_ms, 1_000);
    let deduplicated = dedup(events.map(|event| (event.id, event)), |_| false, until, |_| ());
    let accepted = deduplicated.flat_map(|row| match row {
        Deduplicated::Accepted(event) => Some(event),
        _ => None,
    });

    let newest = positions::newest(accepted.clone(), remembered_ms);
    publisher.publish(&positions::LATEST, newest.clone());
    publisher.publish(&now::CITY_NOW, now::city_now(newest, roads.clone()));

    let parts = roads::parts(accepted);
    let windows = roads::windows(parts.clone(), roads);
    let one_minute = roads::of_width(windows.clone(), 1);
    publisher.publish(&roads::CITY_1M, roads::city_by_minute(parts, one_minute.clone()));
    publisher.publish(&roads::ROAD_1M, one_minute);
    publisher.publish(&roads::ROAD_5M, roads::of_width(windows, 5));
}
