//! A town to try the engine with: made up, always the same, without any data of others.

mod motorway;
mod plan;
mod streets;

use smartcity_dataflow::model::Point;

use self::plan::{Corner, Flat, corner_place, place};
use super::document::{CameraSite, CityDocument, Directed, RoadAlias, RoadLine, StationSite, UnitBase, ZoneArea};
use super::network::midpoint;
use super::settings::{Degrees, Incident, Settings};

/// Cameras of the town, numbered from [`FIRST_CAMERA`].
const CAMERAS: usize = 200;
const FIRST_CAMERA: usize = 301;
/// The camera that older feeds send from, of which only the road is known.
const HIGHWAY_CAMERA: usize = 331;

/// Other names of the town's roads, as feeds write them.
const ALIASES: [(&str, &str); 9] = [
    ("broadway_st", "broadway"),
    ("embarcadero", "the_embarcadero"),
    ("hwy_101", "highway_101"),
    ("market", "market_st"),
    ("market_street", "market_st"),
    ("mission_street", "mission_st"),
    ("us_101", "highway_101"),
    ("van_ness_ave", "van_ness"),
    ("van_ness_avenue", "van_ness"),
];

/// Types of the response units and the corners where they wait.
const UNITS: [(&str, &[Corner]); 4] = [
    ("ambulance", &[(2, 2), (5, 8), (7, 3), (9, 9), (11, 1), (0, 7)]),
    ("engine", &[(3, 6), (6, 1), (8, 8), (11, 5), (1, 9)]),
    ("patrol", &[(2, 9), (4, 4), (6, 7), (9, 2), (10, 6)]),
    ("tow", &[(5, 0), (12, 4)]),
];

/// The town's zones, row by row from the south-west.
const ZONES: [[&str; 3]; 3] = [
    ["Noe Valley", "Mission District", "Potrero Hill"],
    ["Alamo Square", "Civic Center", "South of Market"],
    ["Pacific Heights", "Nob Hill", "Financial District"],
];
/// Where zones meet, metres east and north on the flat plan; no street has its midpoint there.
const ZONE_EDGES_EAST: [f64; 4] = [-2_100.0, -590.0, 540.0, 2_000.0];
const ZONE_EDGES_NORTH: [f64; 4] = [-1_700.0, -500.0, 280.0, 1_350.0];

/// The built-in town around 37.77° north, 122.42° west: about 500 directed segments between 140 corners, a motorway, a
/// park, a bay, nine zones, 200 cameras, 50 stations and 18 response units.
///
/// Every segment can be reached from every other, so that simulated vehicles never get stuck.
pub fn town() -> CityDocument {
    let roads: Vec<_> = streets::streets().into_iter().chain(motorway::motorway()).collect();
    CityDocument {
        settings: Settings {
            name: "Smart Town".to_owned(),
            time_zone: Some("America/Los_Angeles".to_owned()),
            centre: Some(Degrees { lat: 37.77, lon: -122.42 }),
            attribution: None,
            incidents: Incident::table(),
            ..Settings::default()
        },
        zones: zones(),
        cameras: cameras(&roads),
        stations: stations(),
        units: units(),
        aliases: ALIASES.map(|(alias, road)| RoadAlias { alias: alias.to_owned(), road: road.to_owned() }).into(),
        roads,
    }
}

fn zones() -> Vec<ZoneArea> {
    let mut zones = Vec::new();
    for (names, north) in ZONES.iter().zip(ZONE_EDGES_NORTH.windows(2)) {
        for (name, east) in names.iter().zip(ZONE_EDGES_EAST.windows(2)) {
            let corners = [(east[0], north[0]), (east[1], north[0]), (east[1], north[1]), (east[0], north[1])];
            zones.push(ZoneArea {
                id: name.to_lowercase().replace(' ', "_"),
                name: Some((*name).to_owned()),
                polygons: vec![vec![ring(corners)]],
            });
        }
    }
    zones
}

/// The ring through `corners`, whose sides bend as the plan does; neighbours share the points of their border.
fn ring(corners: [Flat; 4]) -> Vec<Point> {
    const PARTS: u8 = 4;
    let mut ring = Vec::new();
    for (start, end) in corners.into_iter().zip(corners.into_iter().cycle().skip(1)) {
        for part in 0..PARTS {
            let share = f64::from(part) / f64::from(PARTS);
            ring.push(place((start.0 + (end.0 - start.0) * share, start.1 + (end.1 - start.1) * share)));
        }
    }
    ring
}

fn cameras(roads: &[RoadLine]) -> Vec<CameraSite> {
    let segments: Vec<Directed<'_>> = roads.iter().flat_map(RoadLine::directed).collect();
    let watching = |number: usize| {
        let segment = &segments[(number - FIRST_CAMERA) * segments.len() / CAMERAS];
        CameraSite {
            camera: format!("Camera{number}"),
            road: segment.road(),
            segment: Some(segment.id.clone()),
            place: Some(midpoint(&segment.road_line.line)),
        }
    };
    let on_highway = |number: usize| CameraSite {
        camera: format!("Camera{number}"),
        road: "highway_101".to_owned(),
        segment: None,
        place: None,
    };
    let numbers = FIRST_CAMERA..FIRST_CAMERA + CAMERAS;
    numbers.map(|number| if number == HIGHWAY_CAMERA { on_highway(number) } else { watching(number) }).collect()
}

/// Ten by five stations, every other row moved by half a step.
fn stations() -> Vec<StationSite> {
    let sites = (0..5_u8).flat_map(|row| (0..10_u8).map(move |column| (column, row)));
    let place_of = |(column, row): (u8, u8)| {
        let shift = if row % 2 == 1 { 140.0 } else { 0.0 };
        place((-1_420.0 + 290.0 * f64::from(column) + shift, -960.0 + 470.0 * f64::from(row)))
    };
    let numbered = (1..).zip(sites);
    numbered
        .map(|(number, site)| StationSite { station: format!("station-{number:03}"), place: place_of(site) })
        .collect()
}

fn units() -> Vec<UnitBase> {
    let each = UNITS.into_iter().flat_map(|(unit_type, corners)| (1..).zip(corners).map(move |at| (unit_type, at)));
    each.map(|(unit_type, (number, &corner))| UnitBase {
        unit: format!("{unit_type}-{number}"),
        unit_type: unit_type.to_owned(),
        base: corner_place(corner),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use smartcity_dataflow::model::{Bounds, CityRow, Id, Namespace, RoadClass};

    use super::*;

    #[test]
    fn the_town_is_a_city() {
        assert_eq!(town().check(), Ok(()));
    }

    #[test]
    fn every_segment_reaches_every_other() {
        let summary = town().summary();
        assert!((450..=560).contains(&summary.segments), "{summary}");
        assert_eq!(summary.connected, summary.segments, "{summary}");
        assert_eq!(summary.dead_ends, 0);
    }

    #[test]
    fn the_town_has_what_is_promised_of_it() {
        let summary = town().summary();
        assert_eq!((summary.cameras, summary.stations, summary.units, summary.zones), (200, 50, 18, 9), "{summary}");
        assert_eq!(summary.without_zone, 0);
        let centre = Point::from_degrees(37.77, -122.42).unwrap();
        assert!(summary.bounds.is_some_and(|bounds| bounds.contains(centre)));
        let roads: BTreeSet<_> = town().roads.iter().filter_map(RoadLine::named_road).collect();
        for road in ["highway_101", "market_st", "broadway", "mission_st", "van_ness"] {
            assert!(roads.contains(road), "{road} is not among {roads:?}");
        }
    }

    #[test]
    fn every_zone_has_streets_and_every_unit_and_station_is_in_one() {
        let city = town().to_city();
        let mut segments = BTreeMap::<_, usize>::new();
        for segment in city.segments() {
            *segments.entry(segment.zone).or_default() += 1;
        }
        assert_eq!(segments.len(), 9);
        assert!(segments.values().all(|&count| count >= 20), "{segments:?}");
        let bounds = Bounds::around(city.segments().flat_map(|segment| segment.line.iter().copied())).unwrap();
        for row in &city.rows {
            match row {
                CityRow::Station(station) => assert!(bounds.contains(station.place), "{station:?}"),
                CityRow::Unit(unit) => assert!(bounds.contains(unit.base), "{unit:?}"),
                _ => {}
            }
        }
    }

    #[test]
    fn streets_are_of_a_plausible_length() {
        let city = town().to_city();
        for segment in city.segments() {
            let metres = segment.length.0 / 1_000;
            let longest = if segment.class == RoadClass::Motorway { 2_000 } else { 450 };
            assert!((120..=longest).contains(&metres), "{metres} m: {segment:?}");
        }
    }

    #[test]
    fn some_streets_are_one_way_and_the_highway_is_divided() {
        let roads = town().roads;
        let one_way = |road: &str| {
            roads
                .iter()
                .filter(|line| line.named_road().as_deref() == Some(road))
                .all(|line| line.directed().count() == 1)
        };
        for road in ["pine_st", "oak_st", "fell_st", "gough_st", "franklin_st", "kearny_st", "highway_101"] {
            assert!(one_way(road), "{road}");
        }
        assert!(!one_way("market_st"));
        assert_eq!(roads.iter().filter(|line| line.id.starts_with("ramp-")).count(), 12);
    }

    #[test]
    fn camera_331_knows_only_its_road() {
        let town = town();
        let camera = town.cameras.iter().find(|camera| camera.camera == "Camera331").unwrap();
        assert_eq!((camera.road.as_str(), &camera.segment), ("highway_101", &None));
        assert_eq!(town.cameras.iter().filter(|camera| camera.segment.is_none()).count(), 1);
    }

    #[test]
    fn the_town_is_always_the_same() {
        assert_eq!(town(), town());
        let corner = town()
            .to_city()
            .segments()
            .find(|segment| segment.id == Id::new(Namespace::Segment, "market_st-1f"))
            .map(|segment| segment.line[0]);
        assert_eq!(corner, Some(Point { lat: 377_592_698, lon: -1_224_313_836 }));
    }
}
