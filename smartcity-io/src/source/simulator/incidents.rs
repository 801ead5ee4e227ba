//! Incidents: where they happen, what they do to the traffic, and who reports them when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::Rng;
use smartcity_dataflow::model::{Body, Id, Namespace, Point, Report, ReportStatus};

use super::devices::Named;
use super::noise::Noise;
use super::roads::{Roads, Spot};

/// A sort of incident.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sort {
    pub(super) word: &'static str,
    pub(super) description: &'static str,
    /// Share of the traffic's speed that it leaves; `None` where it is not on the road.
    speed_left: Option<f32>,
}

const fn sort(word: &'static str, description: &'static str, speed_left: Option<f32>) -> Sort {
    Sort { word, description, speed_left }
}

/// All sorts; those that are frequent stand here more than once.
pub(super) const SORTS: [Sort; 8] = [
    sort("Accident", "Collision, a lane is blocked", Some(0.2)),
    sort("Accident", "Collision, the road is blocked", Some(0.05)),
    sort("Breakdown", "Vehicle broken down on the road", Some(0.5)),
    sort("Fire", "Fire, engines on the road", Some(0.3)),
    sort("Medical", "Medical emergency", None),
    sort("Theft", "Theft reported", None),
    sort("Flooding", "Water on the road", Some(0.4)),
    sort("Hazard", "Object on the road", Some(0.6)),
];

/// An incident that goes on, or has an end that somebody has yet to report.
#[derive(Debug)]
struct Incident {
    name: Named,
    sort: usize,
    way: u32,
    spot: Spot,
    /// When it is over, in milliseconds since the epoch.
    end: i64,
    reporters: u32,
}

/// A report to come: when, of which incident, from which dispatch centre.
type Due = Reverse<(i64, usize, usize)>;

/// All incidents of the city.
#[derive(Debug)]
pub(super) struct Incidents {
    incidents: Vec<Option<Incident>>,
    free: Vec<usize>,
    due: BinaryHeap<Due>,
    count: u64,
    prefix: String,
    centres: usize,
}

/// What a dispatch centre says.
#[derive(Debug)]
pub(super) struct Said<'a> {
    pub(super) body: Body,
    pub(super) place: Point,
    pub(super) centre: usize,
    pub(super) incident: &'a mut Named,
}

/// A reporter repeats itself this often while an incident goes on.
const UPDATE_MILLIS: i64 = 120_000;
const DURATION_MILLIS: std::ops::Range<i64> = 180_000..720_000;

impl Incidents {
    /// No incident yet. Their numbers start with `prefix`; `centres` report them.
    pub(super) fn new(prefix: String, centres: usize) -> Self {
        let (incidents, free, due) = (Vec::new(), Vec::new(), BinaryHeap::new());
        Self { incidents, free, due, count: 0, prefix, centres }
    }

    /// The report that is due at `time`: of an incident that is known, or of a new one.
    ///
    /// One to three centres report an incident under one number, each first as active, at last as resolved.
    pub(super) fn report(&mut self, time: i64, roads: &Roads, noise: &mut Noise) -> Option<Said<'_>> {
        if self.due.peek().is_none_or(|Reverse((due, ..))| *due > time) {
            self.begin(time, roads, noise);
        }
        let Reverse((_, index, centre)) = self.due.pop()?;
        let incident = self.incidents[index].as_mut()?;
        let status = if time >= incident.end { ReportStatus::Resolved } else { ReportStatus::Active };
        if status == ReportStatus::Active {
            let end = incident.end + noise.random_range(0..20_000);
            self.due.push(Reverse((end.min(time + UPDATE_MILLIS), index, centre)));
        } else {
            incident.reporters -= 1;
            if incident.reporters == 0 {
                self.free.push(index);
            }
        }
        let sort = SORTS[incident.sort];
        let body = Body::Report(Report {
            incident: incident.name.id,
            incident_type: Id::new(Namespace::Text, &sort.word.to_lowercase()),
            status,
            description: Some(Id::new(Namespace::Text, sort.description)),
        });
        let place = incident.spot.shifted(8.0 * noise.normal(), 8.0 * noise.normal());
        Some(Said { body, place, centre, incident: &mut incident.name })
    }

    fn begin(&mut self, time: i64, roads: &Roads, noise: &mut Noise) {
        self.count += 1;
        let way = noise.random_range(0..roads.ways.len() as u32);
        let along = noise.random_range(0.0..=roads.ways[way as usize].length);
        let reporters = noise.random_range(1..=3u32.min(self.centres as u32));
        let incident = Incident {
            name: Named::new(Namespace::Incident, &format!("{}-{:05}", self.prefix, self.count)),
            sort: noise.random_range(0..SORTS.len()),
            way,
            spot: roads.spot(way, 0, along),
            end: time + noise.random_range(DURATION_MILLIS),
            reporters,
        };
        let index = self.free.pop().unwrap_or(self.incidents.len());
        if index == self.incidents.len() {
            self.incidents.push(None);
        }
        self.incidents[index] = Some(incident);
        let first = noise.random_range(0..self.centres);
        for reporter in 0..reporters as usize {
            let delay = if reporter == 0 { 0 } else { noise.random_range(5_000..40_000) };
            self.due.push(Reverse((time + delay, index, (first + reporter) % self.centres)));
        }
    }

    /// The ways that incidents slow at `time`, with the share of their speed that is left; no more than one way in
    /// twenty, so that a city with very many reports still moves.
    pub(super) fn slowed(&self, time: i64, ways: usize) -> Vec<(u32, f32)> {
        let on_road = |incident: &Incident| Some((incident.way, SORTS[incident.sort].speed_left?));
        let active = self.incidents.iter().flatten().filter(|incident| incident.end > time);
        active.filter_map(on_road).take(ways.div_ceil(20)).collect()
    }
}
