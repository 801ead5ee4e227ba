//! The wiring, and nothing else.
//!
//! ```text
//!  readings ─▶ check ─┬─▶ fixes ──▶ dedup ─▶ log of a device ─┬─▶ vehicles ──────────────┬─▶ zones
//!   names             │                       ▲               └─▶ samples ─┬─▶ segments ─┼─▶ network
//!   city ─────────────┼─(streets, zones, …)───┤                            └─▶ roads ────┴─▶ summary
//!                     │                       ▼                   cameras ───▲
//!                     ├─▶ the rest ─▶ locate, dedup ─┬─▶ reports ─▶ incidents
//!                     ▼                              ├─▶ weather ─▶ road weather
//!                  rejected ─▶ quarantine            └─▶ sensors ─▶ air
//!
//!  what became of every message ─▶ feeds, flags
//! ```
//!
//! A fix passes its check, dedup, its device's log, its segment's and its road's stage, and the views.

use std::fmt;

use differential_dataflow::{AsCollection, ExchangeData};
use timely::dataflow::operators::vec::Map;

use crate::city::congestion::{self, Heard, Traffic};
use crate::city::feeds::{Fate, Stamp};
use crate::city::track::{self, Logged, Mark};
use crate::city::{
    air, feeds, incidents, locate, network, quarantine, road_weather, rules, sensors, statics, summary, vehicles,
    weather, zones,
};
use crate::horizon::{self, remembered};
use crate::model::{
    Body, CameraReading, CityRow, Fix, Id, IncidentRule, Instant, Kind, Millis, NameUse, Placed, Quantity, Reading,
    Rejected, Report, Segment, Sensor, Station, UtcOffsets, Weather,
};
use crate::operators::{Deduplicated, dedup, validate};
use crate::view::Publisher;
use crate::{Rows, Settings, Time};

/// What comes in on a worker.
#[derive(Clone)]
pub struct Inputs<'s> {
    /// Decoded messages; `arrived` is their tick.
    pub readings: Rows<'s, Reading<Instant>>,
    /// Messages that no decoder could read.
    pub rejected: Rows<'s, Rejected>,
    /// Texts that readings refer to.
    pub names: Rows<'s, NameUse>,
    /// The city's own data.
    pub city: Rows<'s, CityRow>,
}

/// Every collection that a capability may build on.
#[derive(Clone)]
pub struct Streams<'s> {
    /// The city's own data.
    pub city: Rows<'s, CityRow>,
    /// Every accepted fix, once, as the vehicle then was. A withdrawn fix leaves, and one that is put on another street by the
    /// fixes after it changes; none leaves when it is forgotten: [`expire`] what must end.
    ///
    /// [`expire`]: crate::operators::expire
    pub fixes: Rows<'s, (Id, vehicles::Vehicle)>,
    /// What every fix and the way to it say of the traffic: segment, road, sample. As for fixes.
    pub samples: Rows<'s, (Id, Id, congestion::Sample)>,
    /// Every accepted reading of a camera, once, at its place. A withdrawn reading leaves; no other does.
    pub cameras: Rows<'s, Placed<CameraReading>>,
    /// Every accepted reading of the weather, likewise.
    pub weather_readings: Rows<'s, Placed<Weather>>,
    /// Every accepted word on an emergency, likewise.
    pub words: Rows<'s, Placed<Report>>,
    /// Every accepted value of a sensor, likewise.
    pub sensor_readings: Rows<'s, Placed<Sensor>>,
    /// Messages not accepted.
    pub rejected: Rows<'s, Rejected>,
    /// The newest of every vehicle.
    pub vehicles: Rows<'s, (Id, vehicles::Vehicle)>,
    /// The traffic on every segment over the last minutes.
    pub segments: Rows<'s, (Id, Traffic)>,
    /// The traffic on every named road over the last minutes.
    pub roads: Rows<'s, (Id, Traffic)>,
    /// Active emergency reports.
    pub reports: Rows<'s, (Id, incidents::ActiveReport)>,
    /// Reports merged into incidents.
    pub incidents: Rows<'s, (Id, incidents::Incident)>,
    /// The weather at every station.
    pub weather: Rows<'s, (Id, weather::StationWeather)>,
    /// Every other sensor.
    pub sensors: Rows<'s, ((Id, Quantity), sensors::SensorValue)>,
    /// The air at every station.
    pub air: Rows<'s, (Id, air::Air)>,
}

impl fmt::Debug for Inputs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inputs").finish_non_exhaustive()
    }
}

impl fmt::Debug for Streams<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").finish_non_exhaustive()
    }
}

/// Builds a capability in a region of its own, so that timely's logs read like the diagram.
macro_rules! region {
    ($name:literal, ($($input:ident),*) => $build:expr) => {{
        let outer = outer_scope!($($input),*);
        outer.region_named($name, |region| {
            $(let $input = $input.clone().enter_region(region);)*
            $build.leave_region(outer)
        })
    }};
}

/// The scope of the first of some collections.
macro_rules! outer_scope {
    ($input:ident $(, $others:ident)*) => {
        $input.scope()
    };
}

/// Builds the city's dataflow and publishes its views. Called alike on every worker.
pub fn pipeline<'s>(
    inputs: Inputs<'s>,
    settings: &Settings,
    offsets: &UtcOffsets,
    publisher: &Publisher,
) -> Streams<'s> {
    let Inputs { readings, rejected, names, city } = inputs;
    statics::publish_city(publisher, &city);
    let limits = settings.clone();
    let names =
        region!("Names", (city, names) => statics::names(&city, names, move |kind| horizon::named_ms(kind, &limits)));
    publisher.publish(&statics::NAMES, names);

    let (limits, offsets) = (settings.clone(), offsets.clone());
    let (checked, refused) = validate(readings, move |reading| rules::check(reading, &limits, &offsets));
    let rejected = rejected.concat(refused);
    let (counts, last) = quarantine::quarantine(rejected.clone());
    publisher.publish(&quarantine::QUARANTINE, counts);
    publisher.publish(&quarantine::QUARANTINE_LAST, last);

    let (fixes, others) = validate(checked, |reading| match (reading.kind, reading.body) {
        (Kind::Vehicle | Kind::Gps, Body::Fix(fix)) => Ok(reading.with(Some(fix))),
        (Kind::Vehicle | Kind::Gps, _) => Ok(reading.with(None)), // withdrawn
        _ => Err(reading),
    });
    let fixes = deduplicated_fixes(fixes, settings);
    let others = region!("Locate", (others, city) => locate::locate(others, city));
    let others = deduplicated(others, settings);
    let fates = {
        let (limits, same_limits) = (settings.clone(), settings.clone());
        let of_fixes = fixes.clone().map(move |message| {
            Fate::of(&message, |fix| Stamp::of(fix, &limits), |mark: &Mark| (mark.source, mark.kind, mark.flag))
        });
        let of_others = others.clone().map(move |message| {
            let stamp = |placed: &Placed| Stamp::of(&placed.reading, &same_limits);
            Fate::of(&message, stamp, |placed| {
                let Stamp { source, kind, flag, .. } = stamp(placed);
                (source, kind, flag)
            })
        });
        of_fixes.concat(of_others)
    };
    publisher.publish(&feeds::FEEDS, feeds::feeds(fates.clone(), rejected.clone(), settings));

    let logged = fixes.flat_map(|message| match message {
        Deduplicated::Accepted(fix) => Some((fix.device, Logged::Came(fix.with(fix.body?)))),
        Deduplicated::Withdrawn(mark) => Some((mark.device, Logged::Withdrawn(mark))),
        _ => None,
    });
    let tracks = track::tracks(logged, city.clone(), remembered(Kind::Gps, settings), settings);
    let vehicles = tracks.vehicles;
    publisher.publish(&vehicles::VEHICLES, vehicles.clone());
    publisher.publish(&feeds::FLAGS, feeds::flags(feeds::flagged_times(fates).concat(tracks.flags)));
    publisher.publish(&feeds::DEVICE_FLAGS, feeds::device_flags(tracks.device_flags));

    let others = accepted(others, settings);
    let cameras = only(&others, |body| if let Body::Camera(camera) = body { Some(camera) } else { None });
    let weather_readings = only(&others, |body| if let Body::Weather(weather) = body { Some(weather) } else { None });
    let words = only(&others, |body| if let Body::Report(report) = body { Some(report) } else { None });
    let sensor_readings = only(&others, |body| if let Body::Sensor(sensor) = body { Some(sensor) } else { None });

    let (of_segments, of_roads) = congestion::heard_of_cameras(congestion::camera_samples(cameras.clone()), settings);
    let is = |(id, info)| (id, Heard::Is(info));
    let of_segments = of_segments.concat(congestion::info_of_segments(city.clone()).map(is));
    let of_roads = of_roads.concat(region!("FreeFlow", (city) => congestion::info_of_roads(city)).map(is));
    let samples = tracks.samples;
    let of_segments = of_segments.concat(samples.clone().map(|(segment, _, sample)| (segment, Heard::Sample(sample))));
    let of_roads = of_roads.concat(samples.clone().map(|(_, road, sample)| (road, Heard::Sample(sample))));
    let of_segments = congestion::flows(of_segments, "Segments", true, settings);
    let of_roads = congestion::flows(of_roads, "Roads", false, settings);
    let (segments, roads) = (of_segments.now, of_roads.now);
    publisher.publish(&congestion::SEGMENTS, segments.clone());
    publisher.publish(&congestion::ROADS, roads.clone());
    publisher.publish(&congestion::SEGMENT_WINDOWS, of_segments.windows);
    publisher.publish(&congestion::ROAD_WINDOWS, of_roads.windows);
    let parts = of_segments.parts;
    publisher.publish(&network::NETWORK, region!("Network", (parts) => network::network(parts)));
    let of_windows = of_segments.window_parts;
    let of_windows = region!("NetworkWindows", (of_windows) => network::network_windows(of_windows, settings));
    publisher.publish(&network::NETWORK_WINDOWS, of_windows);

    let rules = incident_rules(city.clone());
    let reports = region!("Reports", (words, rules) => incidents::active_reports(words, rules, settings));
    let incidents = region!("Incidents", (reports, rules) => incidents::incidents(reports, rules, settings));
    publisher.publish(&incidents::REPORTS, reports.clone());
    publisher.publish(&incidents::INCIDENTS, incidents.clone());

    let stations = stations(city.clone());
    let weather =
        region!("Weather", (weather_readings, stations) => weather::weather(weather_readings, stations, settings));
    let sensors =
        region!("Sensors", (sensor_readings, stations) => sensors::sensors(sensor_readings, stations, settings));
    let air = region!("Air", (sensors, weather) => air::air(sensors, weather));
    let lines = segments_of(city.clone());
    let surfaces = region!("RoadWeather", (weather_readings, weather, lines) =>
        road_weather::road_weather(weather_readings, weather, lines, settings));
    publisher.publish(&weather::WEATHER, weather.clone());
    publisher.publish(&sensors::SENSORS, sensors.clone());
    publisher.publish(&air::AIR, air.clone());
    publisher.publish(&road_weather::ROAD_WEATHER, surfaces);

    let figures = region!("Zones", (vehicles, reports, parts) => zones::zones(vehicles, reports, parts));
    publisher.publish(&zones::ZONES, figures);
    let summary = region!("Summary", (vehicles, reports, incidents, roads) =>
        summary::summary(vehicles, reports, incidents, roads));
    publisher.publish(&summary::SUMMARY, summary);

    Streams {
        city,
        fixes: tracks.fixes,
        samples,
        cameras,
        weather_readings,
        words,
        sensor_readings,
        rejected,
        vehicles,
        segments,
        roads,
        reports,
        incidents,
        weather,
        sensors,
        air,
    }
}

/// Fixes, each once; a body of `None` withdraws.
fn deduplicated_fixes<'s>(
    fixes: Rows<'s, Reading<Millis, Option<Fix>>>,
    settings: &Settings,
) -> Rows<'s, Deduplicated<Reading<Millis, Option<Fix>>, Mark>> {
    let (forgets, limits) = (forgets(settings), settings.clone());
    dedup(
        fixes.map(|fix| (fix.key(), fix)),
        |fix| fix.body.is_none(),
        move |fix| forgets(fix.kind, fix.time, fix.arrived),
        move |fix| Mark::of(fix, feeds::time_flag(fix, &limits)),
    )
}

/// Readings of other kinds, each once, at its place.
fn deduplicated<'s>(located: Rows<'s, Placed>, settings: &Settings) -> Rows<'s, Deduplicated<Placed, Placed>> {
    let forgets = forgets(settings);
    dedup(
        located.map(|placed| (placed.reading.key(), placed)),
        |placed| placed.reading.body == Body::Withdrawn,
        move |Placed { reading, .. }| forgets(reading.kind, reading.time, reading.arrived),
        |placed| *placed,
    )
}

/// When a message of a kind is forgotten, by its event and the tick at which it came.
fn forgets(settings: &Settings) -> impl Fn(Kind, Millis, Time) -> Time + use<> {
    let tick = settings.tick_ms;
    let horizons = Kind::ALL.map(|kind| remembered(kind, settings));
    move |kind, time, arrived| horizons[kind as usize].ends(time, arrived, tick)
}

/// What was accepted and not withdrawn, and was not older than its own life when it came: that is history.
fn accepted<'s>(messages: Rows<'s, Deduplicated<Placed, Placed>>, settings: &Settings) -> Rows<'s, Placed> {
    let settings = settings.clone();
    let rows = messages.inner.flat_map(|(message, time, diff)| match message {
        Deduplicated::Accepted(placed) => Some((placed, time, diff)),
        Deduplicated::Withdrawn(placed) => Some((placed, time, -diff)),
        _ => None,
    });
    rows.as_collection().filter(move |placed| placed.reading.lag() <= settings.history_ms(placed.reading.kind))
}

/// The readings of one sort.
fn only<'s, B: ExchangeData>(
    readings: &Rows<'s, Placed>,
    pick: impl Fn(Body) -> Option<B> + Copy + 'static,
) -> Rows<'s, Placed<B>> {
    readings.clone().flat_map(move |placed| placed.only(pick))
}

fn incident_rules<'s>(city: Rows<'s, CityRow>) -> Rows<'s, IncidentRule> {
    city.flat_map(|row| if let CityRow::Rule(rule) = row { Some(rule) } else { None })
}

fn segments_of<'s>(city: Rows<'s, CityRow>) -> Rows<'s, Segment> {
    city.flat_map(|row| if let CityRow::Segment(segment) = row { Some(segment) } else { None })
}

fn stations<'s>(city: Rows<'s, CityRow>) -> Rows<'s, Station> {
    city.flat_map(|row| if let CityRow::Station(station) = row { Some(station) } else { None })
}
