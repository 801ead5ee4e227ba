//! The wiring, and nothing else.
//!
//! ```text
//!  readings ─▶ check ─▶ locate ─▶ dedup ─▶ placed ─┬─▶ tracks ─▶ vehicles ──────────────────┬─▶ zones
//!   names        │        ▲                        │      └────▶ paths ─┐                   ├─▶ summary
//!   city ────────┼────────┴─(segments, zones, …)   ├─▶ samples ◀────────┘                   │
//!                ▼                                 │      ├──▶ sliding flows ─▶ segments, roads, network
//!            rejected ─▶ quarantine                │      └──▶ window flows ──▶ the same by window
//!                                                  ├─▶ reports ─▶ incidents
//!                                                  ├─▶ weather ─▶ road weather
//!                                                  ├─▶ sensors ─▶ air
//!                                                  └─▶ feeds, flags
//! ```

use std::fmt;

use crate::city::congestion::{self, Traffic};
use crate::city::{
    air, feeds, incidents, locate, network, paths, quarantine, road_weather, rules, sensors, statics, summary,
    vehicles, weather, zones,
};
use crate::model::{
    Body, CityRow, Id, IncidentRule, Instant, NameUse, Placed, Quantity, Reading, Rejected, Segment, Station,
    UtcOffsets,
};
use crate::operators::{Deduplicated, dedup, round_up, validate};
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
    /// Every accepted reading, once, at its place. A withdrawn reading leaves; no other does: [`expire`] what must end.
    ///
    /// [`expire`]: crate::operators::expire
    pub placed: Rows<'s, Placed>,
    /// Messages not accepted.
    pub rejected: Rows<'s, Rejected>,
    /// Every fix with the vehicle's fix before it.
    pub tracks: Rows<'s, (Id, vehicles::Step)>,
    /// Time and distance of vehicles on segments.
    pub paths: Rows<'s, paths::Piece>,
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

/// Builds a capability in a region of its own, so that timely's logs read like the diagram: `(inputs) => result`, or
/// `(inputs) => (one, other)` for a capability with two results.
macro_rules! region {
    ($name:literal, ($($input:ident),*) => pair $build:expr) => {{
        let outer = outer_scope!($($input),*);
        outer.region_named($name, |region| {
            $(let $input = $input.clone().enter_region(region);)*
            let (one, other) = $build;
            (one.leave_region(outer), other.leave_region(outer))
        })
    }};
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
    let lives = settings.clone();
    let names = region!("Names", (city, names) => statics::names(&city, names, move |kind| lives.shown_ms(kind)));
    publisher.publish(&statics::NAMES, names);

    let (limits, offsets) = (settings.clone(), offsets.clone());
    let (checked, refused) = validate(readings, move |reading| rules::check(reading, &limits, &offsets));
    let rejected = rejected.concat(refused);
    let located = region!("Locate", (checked, city) => locate::locate(checked, city));
    let deduplicated = dedup(
        located.map(|placed| ((placed.reading.kind, placed.reading.id), placed)),
        |placed| placed.reading.body == Body::Withdrawn,
        remembered_until(settings),
    );
    let placed = deduplicated.clone().flat_map(|row| match row {
        Deduplicated::Accepted(placed) => Some(placed),
        _ => None,
    });
    let (counts, last) = quarantine::quarantine(rejected.clone());
    publisher.publish(&quarantine::QUARANTINE, counts);
    publisher.publish(&quarantine::QUARANTINE_LAST, last);

    let tracks = region!("Tracks", (placed) => vehicles::tracks(placed, settings));
    let paths = region!("Paths", (tracks, city) => paths::paths(tracks, city, settings));
    let vehicles = region!("Vehicles", (placed, tracks) => vehicles::vehicles(placed, tracks, settings));
    publisher.publish(&vehicles::VEHICLES, vehicles.clone());

    publisher.publish(&feeds::FEEDS, feeds::feeds(deduplicated, rejected.clone(), settings));
    let flags = region!("Flags", (placed, tracks) => feeds::flags(feeds::flagged(placed, tracks, settings)));
    publisher.publish(&feeds::FLAGS, flags);

    let samples = congestion::samples(placed.clone(), paths.clone());
    let cameras = congestion::camera_samples(placed.clone());
    let of_segments = congestion::free_flow_of_segments(city.clone());
    let of_roads = region!("FreeFlow", (city) => congestion::free_flow_of_roads(city));
    let (segment_flows, road_flows) =
        region!("SlidingFlows", (samples, cameras) => pair congestion::sliding_flows(samples, cameras, settings));
    let segments =
        region!("Segments", (segment_flows, of_segments) => congestion::congestion(segment_flows, of_segments));
    let roads = region!("Roads", (road_flows, of_roads) => congestion::congestion(road_flows, of_roads));
    publisher.publish(&congestion::SEGMENTS, segments.clone());
    publisher.publish(&congestion::ROADS, roads.clone());

    let all_samples = samples.concat(cameras.map(|(_, sample)| sample));
    let (segment_windows, road_windows) =
        region!("WindowFlows", (all_samples) => pair congestion::window_flows(all_samples, settings));
    let of_windows = region!("SegmentWindows", (segment_windows, of_segments) =>
        congestion::window_congestion(segment_windows, of_segments));
    publisher.publish(&congestion::SEGMENT_WINDOWS, of_windows);
    let of_windows = region!("RoadWindows", (road_windows, of_roads) =>
        congestion::window_congestion(road_windows, of_roads));
    publisher.publish(&congestion::ROAD_WINDOWS, of_windows);

    let parts = region!("Parts", (segment_flows, of_segments) => network::sliding_parts(segment_flows, of_segments));
    publisher.publish(&network::NETWORK, region!("Network", (parts) => network::network(parts)));
    let of_windows = region!("NetworkWindows", (segment_windows, of_segments) =>
        network::network_windows(segment_windows, of_segments, settings));
    publisher.publish(&network::NETWORK_WINDOWS, of_windows);

    let rules = incident_rules(city.clone());
    let reports = region!("Reports", (placed, rules) => incidents::active_reports(placed, rules, settings));
    let incidents = region!("Incidents", (reports, rules) => incidents::incidents(reports, rules, settings));
    publisher.publish(&incidents::REPORTS, reports.clone());
    publisher.publish(&incidents::INCIDENTS, incidents.clone());

    let stations = stations(city.clone());
    let weather = region!("Weather", (placed, stations) => weather::weather(placed, stations, settings));
    let sensors = region!("Sensors", (placed, stations) => sensors::sensors(placed, stations, settings));
    let air = region!("Air", (sensors, weather) => air::air(sensors, weather));
    let lines = segments_of(city.clone());
    let surfaces = region!("RoadWeather", (placed, weather, lines) =>
        road_weather::road_weather(placed, weather, lines, settings));
    publisher.publish(&weather::WEATHER, weather.clone());
    publisher.publish(&sensors::SENSORS, sensors.clone());
    publisher.publish(&air::AIR, air.clone());
    publisher.publish(&road_weather::ROAD_WEATHER, surfaces);

    let figures = region!("Zones", (vehicles, reports, parts, city) => zones::zones(vehicles, reports, parts, city));
    publisher.publish(&zones::ZONES, figures);
    let summary = region!("Summary", (vehicles, reports, incidents, roads) =>
        summary::summary(vehicles, reports, incidents, roads));
    publisher.publish(&summary::SUMMARY, summary);

    Streams {
        city,
        placed,
        rejected,
        tracks,
        paths,
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

/// When a message's id is forgotten: when nothing that the message counts in can change any more.
fn remembered_until(settings: &Settings) -> impl Fn(&Placed) -> Time + 'static {
    let tick = settings.tick_ms;
    let windows = settings.retention_ms + settings.traffic_window_ms;
    let settings = settings.clone();
    move |placed| {
        let Reading { kind, arrived, time, .. } = placed.reading;
        round_up((arrived.max(time.0.max(0) as u64) + windows).max(arrived + settings.life_ms(kind)), tick)
    }
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
