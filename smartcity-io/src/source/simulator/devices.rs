//! What stands still: cameras, stations, dispatch centres, sensors.

use std::f64::consts::TAU;

use rand::Rng;
use rustc_hash::FxHashMap;
use smartcity_dataflow::city::statics::NAME_BUCKET_MS;
use smartcity_dataflow::model::{
    Body, CameraReading, City, CityRow, Heading, Id, Kind, Kmh, Milli, Name, NameUse, Namespace, Point, Quantity,
    Sensor, Sky, Unit, Weather,
};

use super::noise::Noise;
use super::roads::Roads;
use super::traffic::Traffic;
use crate::decode::Stamp;

/// An id of which messages of one kind speak: its name is said once in each ten minutes of its use.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) id: Id,
    pub(super) text: Box<str>,
    bucket: Option<u64>,
}

impl Named {
    pub(super) fn new(namespace: Namespace, text: &str) -> Self {
        Self { id: Id::new(namespace, text), text: text.into(), bucket: None }
    }

    /// A word that classifies: its id is that of its lower case, as a decoder makes it.
    pub(super) fn class(word: &str) -> Self {
        Self { text: word.into(), ..Self::new(Namespace::Text, &word.to_lowercase()) }
    }

    /// Device `number` (from 0) of `count`: "vehicle-0001".
    pub(super) fn device(kind: &str, number: usize, count: usize) -> Self {
        let digits = if count < 1_000 { 3 } else { 4 };
        Self::new(Namespace::Device, &format!("{kind}-{:0digits$}", number + 1))
    }

    /// The id; says its name where these ten minutes have not heard it in a message of `kind`.
    pub(super) fn said(&mut self, kind: Kind, at: Stamp, names: &mut Vec<NameUse>) -> Id {
        let bucket = at.clock / NAME_BUCKET_MS;
        if self.bucket != Some(bucket) {
            self.bucket = Some(bucket);
            names.push(NameUse { at: at.arrived, kind, name: Name { id: self.id, text: (&*self.text).into() } });
        }
        self.id
    }
}

/// The texts of the city's own ids.
fn texts(city: &City) -> FxHashMap<Id, &str> {
    let names = city.rows.iter().filter_map(|row| if let CityRow::Name(name) = row { Some(name) } else { None });
    names.map(|name| (name.id, &*name.text)).collect()
}

/// A camera over a way.
#[derive(Clone, Debug)]
pub(super) struct Camera {
    pub(super) device: Named,
    pub(super) camera: Named,
    pub(super) place: Point,
    way: u32,
    heading: Heading,
}

/// The roads that dashboards of the contract ask for; their cameras report first.
const CONTRACT_ROADS: [&str; 5] = ["highway_101", "market_st", "broadway", "mission_st", "van_ness"];

/// The city's cameras, up to `count`, or made-up ones where it has none.
pub(super) fn cameras(city: &City, count: usize, roads: &Roads, noise: &mut Noise) -> Vec<Camera> {
    let texts = texts(city);
    let first = CONTRACT_ROADS.map(|road| Id::new(Namespace::Road, road));
    let of_city =
        city.rows.iter().filter_map(|row| if let CityRow::Camera(camera) = row { Some(camera) } else { None });
    let mut of_city: Vec<_> = of_city.collect();
    // One camera of each of those roads, then the others of theirs, then the rest.
    let mut seen: FxHashMap<Id, u32> = FxHashMap::default();
    of_city.sort_by_cached_key(|camera| {
        let of_road = seen.entry(camera.road).or_default();
        *of_road += 1;
        if first.contains(&camera.road) { *of_road } else { u32::MAX }
    });
    let at = |text: &str, camera: Id, way: u32, place: Option<Point>| {
        let spot = roads.spot(way, 0, roads.ways[way as usize].length / 2.0);
        Camera {
            device: Named::new(Namespace::Device, text),
            camera: Named { id: camera, ..Named::new(Namespace::Camera, text) },
            place: place.unwrap_or_else(|| spot.shifted(0.0, 0.0)),
            way,
            heading: spot.heading,
        }
    };
    let any_way = |noise: &mut Noise| noise.random_range(0..roads.ways.len() as u32);
    if of_city.is_empty() {
        let made_up = |number: usize| {
            let text = Named::device("camera", number, count).text;
            at(&text, Id::new(Namespace::Camera, &text), any_way(noise), None)
        };
        return (0..count).map(made_up).collect();
    }
    let of_city = of_city.into_iter().take(count).map(|camera| {
        let text = texts.get(&camera.id).map_or_else(|| camera.id.to_string(), |&text| text.to_owned());
        let on_road = || (0..).zip(&roads.ways).find(|(_, way)| way.road == camera.road).map(|(at, _)| at);
        let way = camera.segment.and_then(|segment| roads.way_of(segment)).or_else(on_road);
        at(&text, camera.id, way.unwrap_or_else(|| any_way(noise)), camera.place)
    });
    of_city.collect()
}

impl Camera {
    pub(super) fn report(&self, traffic: &Traffic, noise: &mut Noise) -> Body {
        let speed = traffic.speed(self.way) * 3.6 * (1.0 + 0.06 * noise.normal());
        Body::Camera(CameraReading {
            camera: self.camera.id,
            speed: Kmh((speed.max(0.0) * 1_000.0) as i64),
            heading: Some(self.heading),
        })
    }
}

/// A weather station.
#[derive(Clone, Debug)]
pub(super) struct Station {
    pub(super) device: Named,
    pub(super) place: Point,
    /// How it differs from the city's mean, -1 to 1.
    site: f64,
}

/// The city's stations, up to `count`, or made-up ones where it has none.
pub(super) fn stations(city: &City, count: usize, roads: &Roads, noise: &mut Noise) -> Vec<Station> {
    let texts = texts(city);
    let mut stations: Vec<Station> = Vec::new();
    for row in &city.rows {
        let CityRow::Station(station) = row else { continue };
        let text = texts.get(&station.id).map_or_else(|| station.id.to_string(), |&text| text.to_owned());
        let device = Named { id: station.id, ..Named::new(Namespace::Device, &text) };
        stations.push(Station { device, place: station.place, site: noise.random_range(-1.0..1.0) });
    }
    stations.truncate(count);
    if stations.is_empty() {
        stations.extend((0..count).map(|number| Station {
            device: Named::device("station", number, count),
            place: roadside(roads, noise).1,
            site: noise.random_range(-1.0..1.0),
        }));
    }
    stations
}

/// A way, and a place at it.
fn roadside(roads: &Roads, noise: &mut Noise) -> (u32, Point) {
    let way = noise.random_range(0..roads.ways.len() as u32);
    let along = noise.random_range(0.0..=roads.ways[way as usize].length);
    (way, roads.spot(way, 0, along).shifted(5.0 * noise.normal(), 5.0 * noise.normal()))
}

impl Station {
    /// The weather is one over the city, and changes by the hour; stations differ a little.
    pub(super) fn report(&self, traffic: &Traffic, millis: i64, noise: &mut Noise) -> Body {
        let hour = traffic.hour(millis);
        let slot = millis.div_euclid(3_600_000);
        let mut day = Noise::new(slot.unsigned_abs());
        let sky = day.one_of(&[Sky::Clear, Sky::Clear, Sky::Clear, Sky::Clouds, Sky::Clouds, Sky::Rain, Sky::Fog]);
        let warmth = (TAU * (hour - 9.0) / 24.0).sin();
        let temperature = 15.0 + 6.0 * warmth + self.site + 0.2 * noise.normal();
        let wet = matches!(sky, Sky::Rain | Sky::Fog);
        let humidity = if wet { 90.0 } else { 65.0 - 15.0 * warmth } + 4.0 * self.site;
        let precipitation = if sky == Sky::Rain { 2.0 + 1.5 * self.site } else { 0.0 };
        let wind = (14.0 + 6.0 * warmth + 3.0 * self.site + noise.normal()).max(0.0);
        let air = 35.0 + 60.0 * (traffic.demand(millis) - 0.5) + 10.0 * self.site + noise.normal();
        Body::Weather(Weather {
            temperature: Milli::from_f64(temperature),
            sky: Some(sky),
            humidity: Milli::from_f64(humidity),
            wind: Kmh::from_f64(wind),
            precipitation: Milli::from_f64(precipitation),
            air_quality_index: Milli::from_f64(air),
        })
    }
}

/// A sensor of one quantity.
#[derive(Clone, Debug)]
pub(super) struct Gauge {
    pub(super) device: Named,
    pub(super) place: Point,
    way: u32,
    quantity: Quantity,
    site: f64,
}

const QUANTITIES: [Quantity; 10] = [
    Quantity::Noise,
    Quantity::Parking,
    Quantity::LoopCount,
    Quantity::LoopSpeed,
    Quantity::LoopOccupancy,
    Quantity::Pm25,
    Quantity::Pm10,
    Quantity::O3,
    Quantity::No2,
    Quantity::Co,
];

/// `count` sensors along the roads, of all quantities in turn.
pub(super) fn gauges(count: usize, roads: &Roads, noise: &mut Noise) -> Vec<Gauge> {
    let gauge = |number: usize| {
        let (way, place) = roadside(roads, noise);
        Gauge {
            device: Named::device("sensor", number, count),
            place,
            way,
            quantity: QUANTITIES[number % QUANTITIES.len()],
            site: noise.random_range(-1.0..1.0),
        }
    };
    (0..count).map(gauge).collect()
}

impl Gauge {
    /// Everything that traffic makes follows the traffic here and the demand of the hour.
    pub(super) fn report(&self, traffic: &Traffic, millis: i64, noise: &mut Noise) -> Body {
        let (demand, site, speed) = (traffic.demand(millis), self.site, traffic.speed(self.way) * 3.6);
        let jam = (1.0 - speed / 50.0).clamp(0.0, 1.0);
        let (mean, spread, unit) = match self.quantity {
            Quantity::Noise => (58.0 + 14.0 * (demand - 0.5) + 5.0 * site, 1.5, Unit::Decibel),
            Quantity::Parking => (70.0 + 30.0 * (demand - 0.8) + 20.0 * site, 2.0, Unit::Percent),
            Quantity::LoopCount => ((12.0 * demand * (1.0 - 0.6 * jam)).round(), 0.0, Unit::Count),
            Quantity::LoopSpeed => (speed, 1.5, Unit::Kmh),
            Quantity::LoopOccupancy => (8.0 + 50.0 * jam, 1.5, Unit::Percent),
            Quantity::Pm25 => (9.0 + 12.0 * jam + 3.0 * site, 0.7, Unit::MicrogramsPerCubicMetre),
            Quantity::Pm10 => (18.0 + 20.0 * jam + 6.0 * site, 1.2, Unit::MicrogramsPerCubicMetre),
            Quantity::O3 => (32.0 - 10.0 * jam + 6.0 * site, 1.0, Unit::PartsPerBillion),
            Quantity::No2 => (18.0 + 25.0 * jam + 6.0 * site, 1.0, Unit::PartsPerBillion),
            _ => (0.5 + 0.8 * jam + 0.2 * site, 0.05, Unit::PartsPerMillion),
        };
        let value = (mean + spread * noise.normal()).max(0.0);
        let value = if unit == Unit::Percent { value.min(100.0) } else { value };
        Body::Sensor(Sensor { quantity: self.quantity, value: Milli((value * 1_000.0) as i64), unit })
    }
}
