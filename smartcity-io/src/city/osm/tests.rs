use std::collections::BTreeSet;
use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use smartcity_dataflow::model::{Id, Kmh, Namespace, RoadClass, length_mm};
use smartcity_dataflow::testing::recorded;

use super::super::document::Direction;
use super::super::load::load;
use super::super::write::write;
use super::tags::class_of;
use super::*;

/// Two streets that cross, a roundabout at the end of one, and a way that leaves the extract.
const CROSSING: &str = r#"<?xml version='1.0' encoding='UTF-8'?>
<osm version="0.6">
  <node id="1" lat="47.000" lon="8.500"/> <node id="2" lat="47.000" lon="8.501"><tag k="highway" v="crossing"/></node>
  <node id="3" lat="47.000" lon="8.502"/> <node id="4" lat="46.999" lon="8.501"/> <node id="5" lat="47.001" lon="8.501"/>
  <node id="6" lat="47.0005" lon="8.5025"/> <node id="7" lat="46.9995" lon="8.5025"/> <node id="8" lat="47.0" lon="8.5012"/>
  <way id="10"><nd ref="1"/><nd ref="2"/><nd ref="8"/><nd ref="3"/>
    <tag k="highway" v="primary"/><tag k="name" v="Smith &amp; Sons Way"/><tag k="maxspeed" v="30 mph"/></way>
  <way id="11"><nd ref="4"/><nd ref="2"/><nd ref="5"/><tag k="highway" v="residential"/><tag k="oneway" v="-1"/></way>
  <way id="12"><nd ref="3"/><nd ref="6"/><nd ref="7"/><nd ref="3"/>
    <tag k="highway" v="tertiary"/><tag k="junction" v="roundabout"/></way>
  <way id="13"><nd ref="1"/><nd ref="99"/><nd ref="98"/><tag k="highway" v="tertiary"/></way>
  <way id="14"><nd ref="1"/><nd ref="5"/><tag k="highway" v="footway"/></way>
  <way id="15"><nd ref="4"/><nd ref="7"/><tag k="highway" v="secondary"/><tag k="lanes" v="3"/><tag k="lanes:forward" v="2"/></way>
  <relation id="1"><member type="way" ref="10" role=""/><tag k="type" v="route"/></relation>
</osm>"#;

fn import(bytes: &[u8], name: &str) -> Result<CityDocument, ImportError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    import_osm(&path, &ImportOptions::default(), &mut |_| ())
}

#[test]
fn ways_are_split_where_they_meet() {
    let document = import(CROSSING.as_bytes(), "crossing.osm").unwrap();
    let ids: Vec<_> = document.roads.iter().map(|road| (road.id.as_str(), road.direction, road.line.len())).collect();
    assert_eq!(
        ids,
        [
            ("w10-0", Direction::Both, 2),
            ("w10-1", Direction::Both, 3),
            ("w11-0b", Direction::Backward, 2),
            ("w11-1b", Direction::Backward, 2),
            ("w12-0f", Direction::Forward, 3),
            ("w12-1f", Direction::Forward, 2),
            ("w15-0f", Direction::Forward, 2),
            ("w15-0b", Direction::Backward, 2),
        ]
    );
    assert_eq!(document.roads[0].name.as_deref(), Some("Smith & Sons Way"));
    assert_eq!(document.roads[0].free_flow, Some(Kmh(48_280)));
    assert_eq!((document.roads[6].lanes, document.roads[7].lanes), (Some(2), Some(1)));
    assert_eq!(document.settings.name, "crossing");
    assert!(document.settings.attribution.is_some_and(|credit| credit.contains("OpenStreetMap")));
}

#[test]
fn one_may_go_wherever_a_segment_starts() {
    let city = import(CROSSING.as_bytes(), "crossing.osm").unwrap().to_city();
    let id = |text| Id::new(Namespace::Segment, text);
    let next = |text| {
        let segment = city.segments().find(|segment| segment.id == id(text)).unwrap();
        segment.next.iter().map(|successor| successor.segment).collect::<BTreeSet<_>>()
    };
    assert_eq!(next("w10-0f"), [id("w10-1f"), id("w11-0b")].into(), "not into w11-1b, which is one-way towards us");
    assert_eq!(next("w10-1f"), [id("w12-0f")].into());
    assert_eq!(next("w12-1f"), [id("w10-1b"), id("w12-0f")].into(), "out of the roundabout, or once more around");
    assert_eq!(next("w15-0f"), [id("w12-1f")].into(), "not straight back");
    assert_eq!(next("w15-0b"), [id("w15-0f")].into(), "back, where there is nothing else");
}

#[test]
fn the_format_is_told_by_the_content() {
    let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
    zipped.write_all(CROSSING.as_bytes()).unwrap();
    let from_zip = import(&zipped.finish().unwrap(), "crossing.osm").unwrap();
    assert_eq!(from_zip, import(CROSSING.as_bytes(), "crossing.pbf").unwrap());
}

#[test]
fn what_is_no_extract_is_refused() {
    let error = |bytes: &[u8]| import(bytes, "x.osm").unwrap_err();
    assert!(matches!(error(b"PK\x03\x04"), ImportError::UnknownFormat { .. }));
    assert!(matches!(error(b""), ImportError::UnknownFormat { .. }));
    assert!(matches!(error(b"<html></html>"), ImportError::Damaged { .. }));
    assert!(matches!(
        error(CROSSING.replace("lat=\"47.001\"", "lat=\"north\"").as_bytes()),
        ImportError::Damaged { .. }
    ));
    assert!(matches!(error(&CROSSING.as_bytes()[..900]), ImportError::Damaged { .. }));
    assert!(matches!(error(b"<osm></osm>"), ImportError::NoRoads { .. }));
    let missing = import_osm(Path::new("no-such-file.osm"), &ImportOptions::default(), &mut |_| ());
    assert!(matches!(missing, Err(ImportError::Unreadable { .. })));
}

#[test]
fn an_extract_that_was_cut_short_is_damaged() {
    for known in RECORDED {
        let Some(path) = extract(&known) else { return };
        let bytes = fs::read(path).unwrap();
        let error = import(&bytes[..bytes.len() / 2], "half").unwrap_err();
        assert!(matches!(error, ImportError::Damaged { .. }), "{error}");
    }
}

fn extract(known: &Known) -> Option<PathBuf> {
    recorded(&format!("osm/{}", known.file))
}

/// What is known of a recorded extract, service roads included.
struct Known {
    file: &'static str,
    /// Ways of a class for cars, legs between their nodes and nodes that they share, counted by others.
    ways: usize,
    legs: usize,
    junctions: usize,
    /// Length of these ways, kilometres.
    kilometres: i64,
    /// Of these ways, those that cars may use, and the one-way ones among them, as we found them; those of Bayreuth agree
    /// with a separate count.
    open: usize,
    one_way: usize,
    /// The middle free-flow speed of residential and of the fastest roads, km/h.
    residential: i64,
    fastest: i64,
}

const RECORDED: [Known; 3] = [
    Known {
        file: "monaco.osm.pbf",
        ways: 1_763,
        legs: 16_851,
        junctions: 1_827,
        kilometres: 356,
        open: 1_703,
        one_way: 672,
        residential: 30,
        fastest: 60,
    },
    Known {
        file: "helsinki_core.osm.pbf",
        ways: 1_002,
        legs: 2_455,
        junctions: 928,
        kilometres: 31,
        open: 911,
        one_way: 432,
        residential: 30,
        fastest: 30,
    },
    Known {
        file: "north-bayreuth.osm.gz",
        ways: 881,
        legs: 6_285,
        junctions: 876,
        kilometres: 219,
        open: 856,
        one_way: 108,
        residential: 30,
        fastest: 100,
    },
];

const WITH_SERVICE: ImportOptions = ImportOptions { name: None, with_service: true };

/// Asserts that `found` is within `percent` of `expected`.
fn near(what: &str, found: i64, expected: i64, percent: i64) {
    assert!((found - expected).abs() * 100 <= expected * percent, "{what}: {found} is not {expected} ±{percent} %");
}

#[test]
fn recorded_extracts_are_read_whole() {
    for known in RECORDED {
        let Some(path) = extract(&known) else { return };
        let extract = Extract::open(&path).unwrap();
        let (mut ways, mut driving) = (Vec::new(), Vec::new());
        let mut visit = |element: Element<'_>| {
            if let Element::Way { nodes, tags, .. } = element
                && tags.get("highway").and_then(class_of).is_some()
            {
                ways.push(nodes.to_vec());
                driving.extend(Driving::of(tags, true));
            }
        };
        extract.each(&mut |_| (), &mut visit).unwrap();
        near("ways", ways.len() as i64, known.ways as i64, 1);
        near("legs", ways.iter().map(|nodes| nodes.len() as i64 - 1).sum(), known.legs as i64, 1);
        let nodes = Nodes::of(ways.iter().map(Vec::as_slice));
        let junctions: BTreeSet<_> = ways.iter().flatten().filter(|&&node| nodes.is_junction(node)).collect();
        near("junctions", junctions.len() as i64, known.junctions as i64, 1);
        assert_eq!(driving.len(), known.open, "{}", known.file);
        let one_way = driving.iter().filter(|way| way.forward.is_none() || way.backward.is_none());
        assert_eq!(one_way.count(), known.one_way, "{}", known.file);
    }
}

#[test]
fn recorded_extracts_become_cities() {
    for known in RECORDED {
        let Some(path) = extract(&known) else { return };
        let document = import_osm(&path, &WITH_SERVICE, &mut |_| ()).unwrap();
        assert_eq!(document.check(), Ok(()));
        let driven: i64 = document.roads.iter().map(|road| length_mm(&road.line).0).sum();
        near("kilometres", driven / 1_000_000, known.kilometres, 12); // without what is closed to cars
        let summary = document.summary();
        assert!(summary.connected * 100 >= summary.segments * 85, "{summary}");
        assert!(summary.dead_ends * 100 <= summary.segments, "{summary}");

        let city = document.to_city();
        let middle_speed = |class| {
            let segments = city.segments().filter(|segment| segment.class == class);
            let mut speeds: Vec<_> = segments.map(|segment| segment.free_flow).collect();
            speeds.sort();
            speeds[speeds.len() / 2].0 / 1_000
        };
        let fastest = city.segments().map(|segment| segment.class).min().unwrap();
        assert_eq!(middle_speed(RoadClass::Residential), known.residential, "{}", known.file);
        assert_eq!(middle_speed(fastest), known.fastest, "{}", known.file);
    }
}

#[test]
fn an_imported_city_can_be_written_and_read() {
    let Some(path) = extract(&RECORDED[1]) else { return };
    let document = import_osm(&path, &ImportOptions::default(), &mut |_| ()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    write(&document, dir.path()).unwrap();
    assert_eq!(load(dir.path()).unwrap(), document.to_city());
}

#[test]
fn progress_goes_from_the_first_step_to_the_end() {
    let Some(path) = extract(&RECORDED[2]) else { return };
    let mut told = Vec::new();
    import_osm(&path, &WITH_SERVICE, &mut |progress| told.push(progress)).unwrap();
    assert!(told.len() > 10, "{told:?}");
    assert!(told.is_sorted_by_key(|progress| progress.bytes), "{told:?}");
    assert_eq!(told[0].step, Step::Ways);
    assert_eq!(told.last().map(|last| (last.step, last.bytes)), Some((Step::Nodes, told[0].total)));
}

#[test]
fn service_roads_are_left_out_unless_wanted() {
    let Some(path) = extract(&RECORDED[1]) else { return };
    let document = import_osm(&path, &ImportOptions::default(), &mut |_| ()).unwrap();
    assert!(document.roads.iter().all(|road| road.class != Some(RoadClass::Service)));
}
