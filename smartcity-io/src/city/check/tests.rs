use smartcity_dataflow::model::{Id, Kmh, Namespace};

use super::super::document::{CameraSite, RoadAlias, StationSite, UnitBase};
use super::super::settings::{Degrees, Incident, Settings};
use super::*;

/// A city of two roads: `Main St`, one segment each way, and `lane`, a one-way street without a name.
fn hamlet() -> CityDocument {
    let at =
        |east: i64, north: i64| Point { lat: 377_700_000, lon: -1_224_200_000 }.shifted(east * 1_000, north * 1_000);
    let main = RoadLine {
        id: "main".to_owned(),
        name: Some("Main St".to_owned()),
        direction: Direction::Both,
        class: None,
        lanes: None,
        free_flow: None,
        length: None,
        zone: None,
        next: None,
        line: vec![at(0, 0), at(100, 0)],
    };
    let lane = RoadLine {
        id: "lane".to_owned(),
        name: None,
        direction: Direction::Forward,
        line: vec![at(100, 0), at(50, 50), at(0, 0)],
        ..main.clone()
    };
    let square = vec![vec![at(-10, -10), at(110, -10), at(110, 110), at(-10, 110)]];
    CityDocument {
        settings: Settings { name: "Hamlet".to_owned(), incidents: Incident::table(), ..Settings::default() },
        roads: vec![main, lane],
        zones: vec![ZoneArea { id: "all".to_owned(), name: None, polygons: vec![square] }],
        cameras: vec![CameraSite {
            camera: "eye".to_owned(),
            road: "main_st".to_owned(),
            segment: Some("mainf".to_owned()),
            place: None,
        }],
        stations: vec![StationSite { station: "mast".to_owned(), place: at(5, 5) }],
        units: vec![UnitBase { unit: "m1".to_owned(), unit_type: "ambulance".to_owned(), base: at(5, 5) }],
        aliases: vec![RoadAlias { alias: "main_street".to_owned(), road: "main_st".to_owned() }],
    }
}

/// The problems of the hamlet after an edit.
fn after(edit: impl FnOnce(&mut CityDocument)) -> Vec<String> {
    let mut document = hamlet();
    edit(&mut document);
    match document.check() {
        Ok(()) => Vec::new(),
        Err(errors) => errors.problems.iter().map(Problem::to_string).collect(),
    }
}

#[test]
fn a_good_document_has_no_problems() {
    assert_eq!(after(|_| ()), [""; 0]);
}

#[test]
fn figures_out_of_range_are_refused_with_the_range() {
    let problems = after(|city| {
        city.roads[0].free_flow = Some(Kmh(-3_000));
        city.roads[0].lanes = Some(13);
        city.roads[1].length = Some(Millimetres(0));
    });
    assert_eq!(
        problems,
        [
            "roads.geojson, feature 1 (main): free_flow_kmh is -3; give a speed between 1 and 200",
            "roads.geojson, feature 1 (main): lanes is 13; give a number of lanes between 1 and 12",
            "roads.geojson, feature 2 (lane): length_m is 0; give a length between 0.001 and 1000000",
        ]
    );
}

#[test]
fn a_line_needs_two_distinct_points() {
    let problems = after(|city| {
        let start = city.roads[1].line[0];
        city.roads[1].line = vec![start, start];
    });
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert!(problems[0].contains("feature 2 (lane): the line has no two distinct points"), "{problems:#?}");
}

#[test]
fn two_roads_cannot_make_one_segment() {
    let problems = after(|city| city.roads[1].id = "mainb".to_owned());
    assert_eq!(
        problems,
        ["roads.geojson, feature 2 (mainb): segment \"mainb\" is one of feature 1 too; give another id"]
    );
    let problems = after(|city| city.roads[1].id = " ".to_owned());
    assert_eq!(problems, ["roads.geojson, feature 2 ( ): id is blank; give an id"]);
}

#[test]
fn a_nameless_segment_cannot_have_the_id_of_a_named_road() {
    let problems = after(|city| city.roads[1].id = "main_st".to_owned());
    assert!(problems[0].contains("has no name, but the id of the road \"Main St\""), "{problems:#?}");
}

#[test]
fn references_must_lead_somewhere() {
    let problems = after(|city| {
        city.roads[0].zone = Some("nowhere".to_owned());
        city.roads[1].next = Some([("main".to_owned(), Millimetres(-1))].into());
        city.cameras[0].segment = Some("lane".to_owned());
        city.aliases[0].road = "Main St".to_owned();
    });
    let places: Vec<_> = problems.iter().map(|problem| problem.split(';').next().unwrap()).collect();
    assert_eq!(
        places,
        [
            "roads.geojson, feature 1 (main): zone \"nowhere\" is unknown",
            "roads.geojson, feature 2 (lane): next segment \"main\" is unknown",
            "roads.geojson, feature 2 (lane): next \"main\" is -0.001 m away",
            "cameras.csv, line 1 (eye): segment \"lane\" is of the road \"lane\", not \"main_st\"",
            "aliases.csv, line 1 (main_street): road \"Main St\" is unknown",
        ]
    );
}

#[test]
fn next_is_for_one_direction() {
    let problems = after(|city| city.roads[0].next = Some(BTreeMap::new()));
    assert!(problems[0].contains("next needs one direction"), "{problems:#?}");
}

#[test]
fn ids_are_unique_and_aliases_are_no_roads() {
    let problems = after(|city| {
        city.stations.push(city.stations[0].clone());
        city.units[0].unit_type.clear();
        city.aliases[0].alias = "main_st".to_owned();
        city.zones[0].polygons[0][0].truncate(2);
    });
    assert_eq!(
        problems,
        [
            "zones.geojson, feature 1 (all): a ring has fewer than three distinct points; draw an area",
            "stations.csv, line 2 (mast): station is that of line 1 too; give another id",
            "units.csv, line 1 (m1): type is blank; say what sort of unit it is, such as ambulance",
            "aliases.csv, line 1 (main_st): alias is the id of a road itself; remove the line",
        ]
    );
}

#[test]
fn settings_must_make_sense() {
    let problems = after(|city| {
        city.settings.name.clear();
        city.settings.time_zone = Some("Mars/Olympus".to_owned());
        city.settings.centre = Some(Degrees { lat: 91.0, lon: 0.0 });
        city.settings.incidents.push(Incident { agencies: vec![], ..Incident::table().remove(0) });
    });
    assert_eq!(problems.len(), 5, "{problems:#?}");
    assert!(problems[3].contains("[[incident]] 16 (fire): there is one of this type already"), "{problems:#?}");
}

#[test]
fn a_reference_into_what_could_not_be_read_is_not_held_against_it() {
    let mut document = hamlet();
    document.cameras[0].segment = Some("unreadable".to_owned());
    let unread = Origins { unread: [CityFile::Roads].into(), ..Origins::default() };
    assert_eq!(problems(&document, &unread), []);
    assert_eq!(problems(&document, &Origins::default()).len(), 1);
}

#[test]
fn two_texts_with_one_id_collide() {
    let id = Id::new(Namespace::Road, "a");
    let [a, b] = ["a", "b"].map(|text| Name { id, text: text.into() });
    assert_eq!(collisions([&a, &b].into_iter()), ["\"a\" and \"b\" have the same hash; rename one of them"]);
    assert_eq!(collisions([&a, &a].into_iter()), [""; 0]);
}
