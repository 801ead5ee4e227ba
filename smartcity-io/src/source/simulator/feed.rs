//! What the city says, in the order in which it is heard.

use rand::RngCore;
use smartcity_dataflow::Time;
use smartcity_dataflow::city::statics::NAME_BUCKET_MS;
use smartcity_dataflow::model::{Body, City, Fix, Heading, Id, Kind, Kmh, Namespace, Point, VehicleDetails};

use super::SimulatorClock;
use super::courier::{Courier, Verbatim};
use super::devices::{Camera, Gauge, Named, Station, cameras, gauges, stations};
use super::incidents::{Incidents, SORTS};
use super::noise::Noise;
use super::roads::Roads;
use super::settings::SimulatorSettings;
use super::traffic::Traffic;
use super::vehicles::Vehicle;
use crate::decode::Stamp;
use crate::source::Batch;

/// The stream of the city's messages.
pub(super) struct Feed {
    settings: SimulatorSettings,
    is_recorded: bool,
    noise: Noise,
    roads: Roads,
    traffic: Traffic,
    incidents: Incidents,
    vehicles: Vec<Vehicle>,
    vehicle_names: Vec<Named>,
    /// Vehicles before this one report themselves, the others by their fixes.
    reporting: usize,
    cameras: Vec<Camera>,
    stations: Vec<Station>,
    centres: Vec<Named>,
    gauges: Vec<Gauge>,
    /// Types, makes and descriptions, all said at the start of a bucket of names.
    words: Vec<(Kind, Named)>,
    bucket: Option<Time>,
    start: Time,
    /// Milliseconds between two messages of a kind, and the number of the next.
    schedule: [(f64, u64); 6],
    courier: Courier,
}

const MAKES: [(&str, &str, &str); 6] = [
    ("Toyota", "Camry", "hybrid"),
    ("Tesla", "Model 3", "electric"),
    ("Ford", "Focus", "petrol"),
    ("Volkswagen", "Golf", "diesel"),
    ("Honda", "Civic", "petrol"),
    ("Nissan", "Leaf", "electric"),
];
/// The first ones are the frequent ones.
const VEHICLE_TYPES: [&str; 8] = ["private", "private", "private", "private", "taxi", "bus", "truck", "ambulance"];

impl Feed {
    /// The stream from `start` on; an error says what is wrong with the settings or the city.
    pub(super) fn new(name: &str, city: &City, settings: SimulatorSettings, start: Time) -> Result<Self, String> {
        if let Some(fault) = settings.fault() {
            return Err(fault);
        }
        let roads = Roads::of(city)
            .ok_or("the city has no road network to drive on: it needs a loop of segments, each leading to the next")?;
        let mut noise = Noise::new(settings.seed);
        let mut traffic = Traffic::new(&roads);
        traffic.update(start as i64, |_| Vec::new());
        let run = (Id::new(Namespace::Source, &format!("{name} {} {start}", settings.seed)).get() >> 32) as u32;
        let count = settings.scaled(settings.vehicles);
        let rates = (settings.per_minute(Kind::Vehicle), settings.per_minute(Kind::Gps));
        let share = if rates.0 + rates.1 > 0.0 { rates.0 / (rates.0 + rates.1) } else { 0.0 };
        let centres = settings.scaled(settings.dispatch_centres);
        let words = MAKES.iter().flat_map(|&(make, model, fuel)| [make, model, fuel]).map(|word| (Kind::Vehicle, word));
        let words = words.chain(VEHICLE_TYPES.map(|word| (Kind::Gps, word)));
        let mut words: Vec<_> = words.chain(SORTS.iter().map(|sort| (Kind::Emergency, sort.description))).collect();
        words.sort_unstable();
        words.dedup();
        let words = words.into_iter().map(|(kind, word)| (kind, Named::new(Namespace::Text, word)));
        let mut classes = SORTS.map(|sort| sort.word).to_vec();
        classes.dedup();
        Ok(Self {
            is_recorded: settings.clock != SimulatorClock::Live,
            vehicles: (0..count).map(|_| Vehicle::new(&roads, &traffic, start as i64, &mut noise)).collect(),
            vehicle_names: (0..count).map(|number| Named::device("vehicle", number, count.max(1_000))).collect(),
            reporting: (count as f64 * share).round() as usize,
            cameras: cameras(city, settings.scaled(settings.cameras), &roads, &mut noise),
            stations: stations(city, settings.scaled(settings.stations), &roads, &mut noise),
            centres: (0..centres).map(|number| Named::device("dispatch", number, 1)).collect(),
            gauges: gauges(settings.scaled(settings.sensors), &roads, &mut noise),
            words: words.chain(classes.into_iter().map(|word| (Kind::Emergency, Named::class(word)))).collect(),
            incidents: Incidents::new(format!("incident-{run:08x}"), centres),
            start,
            schedule: Kind::ALL.map(|kind| (60_000.0 / settings.per_minute(kind), 0)),
            courier: Courier::new(
                settings.dirt,
                Noise::new(settings.seed ^ 0xc0),
                Id::new(Namespace::Source, name),
                run,
            ),
            bucket: None,
            settings,
            noise,
            roads,
            traffic,
        })
    }

    /// Keeps from now on what a writer of files needs.
    pub(super) fn keep_verbatim(&mut self) {
        self.courier.keep_verbatim();
    }

    /// What was kept since the last call.
    pub(super) fn take_verbatim(&mut self) -> Verbatim {
        self.courier.take_verbatim()
    }

    /// The next message has this offset.
    pub(super) fn count_from(&mut self, offset: u64) {
        self.courier.count_from(offset);
    }

    /// Starts, or starts anew, at `time`.
    pub(super) fn start_at(&mut self, time: Time) {
        self.start = time;
        self.schedule.iter_mut().for_each(|(_, number)| *number = 0);
        self.vehicles.iter_mut().for_each(|vehicle| vehicle.time = time as i64);
    }

    /// When the next message of a kind is due.
    fn due(&self, kind: usize) -> Time {
        let (interval, number) = self.schedule[kind];
        if interval.is_finite() { self.start + (number as f64 * interval) as Time } else { Time::MAX }
    }

    /// Leaves out what was due before `time`.
    pub(super) fn skip_to(&mut self, time: Time) {
        for (interval, number) in &mut self.schedule {
            let due = (time.saturating_sub(self.start) as f64 / *interval) as u64;
            *number = (*number).max(due);
        }
    }

    /// Adds the messages that arrive up to `until` to `batch`, until it holds `rows`; whether there are more.
    pub(super) fn advance(&mut self, until: Time, rows: usize, batch: &mut Batch) -> bool {
        let has_more = self.fill(until, rows, batch);
        if batch.has_rows() {
            batch.positions.advance(0, self.courier.next_offset());
        }
        has_more
    }

    fn fill(&mut self, until: Time, rows: usize, batch: &mut Batch) -> bool {
        while batch.len() < rows {
            let (due, kind) = (0..6).map(|kind| (self.due(kind), kind)).min().unwrap_or((Time::MAX, 0));
            let held = self.courier.due().filter(|&held| held <= due);
            let time = held.unwrap_or(due);
            if time > until {
                return false;
            }
            let at = Stamp { arrived: if self.is_recorded { time } else { 0 }, clock: time };
            if held.is_some() {
                self.courier.release(at, batch);
            } else {
                let number = self.schedule[kind].1;
                self.schedule[kind].1 += 1;
                self.speak(Kind::ALL[kind], number, at, batch);
            }
        }
        true
    }

    /// Message `slot` of a kind: the devices of a kind speak in turn.
    fn speak(&mut self, kind: Kind, slot: u64, at: Stamp, batch: &mut Batch) {
        let heard = at.clock as i64;
        self.traffic.update(heard, |time| self.incidents.slowed(time, self.roads.ways.len()));
        let names = &mut batch.names;
        let bucket = Some(at.clock / NAME_BUCKET_MS);
        if std::mem::replace(&mut self.bucket, bucket) != bucket {
            self.words.iter_mut().for_each(|(kind, word)| _ = word.said(*kind, at, names));
        }
        let event = heard - 10 - i64::from(self.noise.next_u32() >> 24); // 10 to 265 ms on the way
        let round = |count: usize| (slot % count.max(1) as u64) as usize;
        let (device, said) = match kind {
            Kind::Vehicle | Kind::Gps => {
                let own = kind == Kind::Vehicle;
                let of_kind = if own { 0..self.reporting } else { self.reporting..self.vehicles.len() };
                if of_kind.is_empty() {
                    return;
                }
                let index = of_kind.start + round(of_kind.len());
                (self.vehicle_names[index].said(kind, at, names), self.fix(index, event, own))
            }
            Kind::Traffic => {
                let index = round(self.cameras.len());
                let camera = &mut self.cameras[index];
                camera.camera.said(kind, at, names);
                let body = camera.report(&self.traffic, &mut self.noise);
                (camera.device.said(kind, at, names), (event, camera.place, body))
            }
            Kind::Weather => {
                let index = round(self.stations.len());
                let station = &mut self.stations[index];
                let body = station.report(&self.traffic, event, &mut self.noise);
                (station.device.said(kind, at, names), (event, station.place, body))
            }
            Kind::Emergency => {
                let Some(said) = self.incidents.report(heard, &self.roads, &mut self.noise) else { return };
                said.incident.said(kind, at, names);
                (self.centres[said.centre].said(kind, at, names), (event, said.place, said.body))
            }
            Kind::Sensor => {
                let index = round(self.gauges.len());
                let gauge = &mut self.gauges[index];
                let body = gauge.report(&self.traffic, event, &mut self.noise);
                (gauge.device.said(kind, at, names), (event, gauge.place, body))
            }
        };
        self.courier.send(kind, device, said, at, batch);
    }

    /// The place and motion of a vehicle, as it or its receiver sees them.
    fn fix(&mut self, index: usize, event: i64, own: bool) -> (i64, Point, Body) {
        let vehicle = &mut self.vehicles[index];
        vehicle.drive(&self.roads, &self.traffic, event);
        let spot = vehicle.spot(&self.roads);
        let noise = &mut self.noise;
        let metres = self.settings.position_noise_m;
        let place = spot.shifted(metres * noise.normal(), metres * noise.normal());
        let speed = (vehicle.speed * 3.6 + self.settings.speed_noise_kmh * noise.normal()).max(0.0);
        let heading = spot.heading.centidegrees() + (200.0 * noise.normal()) as i64; // deviation 2 degrees
        let text = |word| Some(Id::new(Namespace::Text, word));
        let (make, model, fuel) = MAKES[index % MAKES.len()];
        let fix = Fix {
            speed: Some(Kmh((speed * 1_000.0) as i64)),
            heading: Some(Heading::from_centidegrees(heading)),
            vehicle_type: if own { None } else { text(VEHICLE_TYPES[index % VEHICLE_TYPES.len()]) },
            details: own.then(|| VehicleDetails {
                make: text(make),
                model: text(model),
                year: Some(2_010 + (index % 16) as u16),
                fuel: text(fuel),
            }),
            ..Fix::default()
        };
        (vehicle.time, place, Body::Fix(fix))
    }
}
