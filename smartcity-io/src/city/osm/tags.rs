//! What the tags of a way say about driving on it.
//!
//! Meanings are those of the OpenStreetMap wiki: Key:highway, Key:oneway, Key:maxspeed, Key:lanes, Key:access.

use smartcity_dataflow::model::{Kmh, RoadClass};

use super::super::document::road_id;
use super::extract::Tags;

/// A way that cars may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Driving {
    pub name: Option<String>,
    pub class: RoadClass,
    /// Along the way, if that is allowed.
    pub forward: Option<Travel>,
    /// Against the way, if that is allowed.
    pub backward: Option<Travel>,
}

/// Driving in one direction; what the tags leave open is left to the defaults of the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Travel {
    pub lanes: Option<u32>,
    pub free_flow: Option<Kmh>,
}

impl Driving {
    /// What the tags say; `None` where cars may not drive, or only on service roads and these are not wanted.
    pub(super) fn of(tags: Tags<'_>, with_service: bool) -> Option<Self> {
        let highway = tags.get("highway")?;
        let (class, usual) = class_of(highway)?;
        let is_wanted = with_service || class != RoadClass::Service;
        if !is_wanted || tags.get("area") == Some("yes") || !may_drive(tags) {
            return None;
        }
        let (goes_forward, goes_backward) = directions(tags, highway);
        let is_two_way = goes_forward && goes_backward;
        let travel = |suffix: &str| {
            let directed = |key: &str| tags.get(&format!("{key}:{suffix}"));
            let speed = directed("maxspeed").and_then(maxspeed).or_else(|| tags.get("maxspeed").and_then(maxspeed));
            let all = tags.get("lanes").and_then(lanes).map(|all| if is_two_way { (all / 2).max(1) } else { all });
            Travel { lanes: directed("lanes").and_then(lanes).or(all), free_flow: speed.or(usual) }
        };
        Some(Self {
            name: name(tags),
            class,
            forward: goes_forward.then(|| travel("forward")),
            backward: goes_backward.then(|| travel("backward")),
        })
    }
}

/// The class of a highway, and its usual speed where that is not the usual one of the class (our choice).
pub(super) fn class_of(highway: &str) -> Option<(RoadClass, Option<Kmh>)> {
    let (class, usual_kmh) = match highway {
        "motorway" => (RoadClass::Motorway, None),
        "motorway_link" => (RoadClass::Motorway, Some(60)),
        "trunk" => (RoadClass::Trunk, None),
        "trunk_link" => (RoadClass::Trunk, Some(50)),
        "primary" | "primary_link" => (RoadClass::Primary, None),
        "secondary" | "secondary_link" => (RoadClass::Secondary, None),
        "tertiary" | "tertiary_link" => (RoadClass::Tertiary, None),
        "unclassified" | "road" => (RoadClass::Residential, Some(50)),
        "residential" => (RoadClass::Residential, None),
        "living_street" => (RoadClass::Residential, Some(10)),
        "service" => (RoadClass::Service, None),
        _ => return None,
    };
    Some((class, usual_kmh.map(|kmh| Kmh(kmh * 1_000))))
}

/// Whether the public may drive a car there: the most particular key decides.
fn may_drive(tags: Tags<'_>) -> bool {
    let access = ["motorcar", "motor_vehicle", "vehicle", "access"].into_iter().find_map(|key| tags.get(key));
    !matches!(access, Some("no" | "private" | "agricultural" | "forestry"))
}

/// Whether one may drive along the way, and against it.
fn directions(tags: Tags<'_>, highway: &str) -> (bool, bool) {
    let is_roundabout = matches!(tags.get("junction"), Some("roundabout" | "circular"));
    match tags.get("oneway") {
        Some("yes" | "true" | "1") => (true, false),
        Some("-1" | "reverse") => (false, true),
        None if is_roundabout || highway == "motorway" => (true, false),
        _ => (true, true),
    }
}

/// The name, or else the number of the road.
fn name(tags: Tags<'_>) -> Option<String> {
    let number = || tags.get("ref").and_then(|numbers| numbers.split(';').next());
    let name = tags.get("name").or_else(number)?.trim();
    (!road_id(name).is_empty()).then(|| name.to_owned())
}

/// A limit: `50`, `50 km/h`, `30 mph`, `walk` or `none`, the first of several; `None` for `signals`, `FR:urban` and others
/// that name a rule instead.
fn maxspeed(value: &str) -> Option<Kmh> {
    const METRES_PER_MILE: f64 = 1_609.344;
    const WALKING: Kmh = Kmh(7_000);
    const UNLIMITED: Kmh = Kmh(130_000); // the recommended speed on German motorways
    let first = value.split([';', '|']).next().unwrap_or(value).trim();
    match first {
        "walk" => return Some(WALKING),
        "none" => return Some(UNLIMITED),
        _ => {}
    }
    let unit_at = first.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(first.len());
    let figure: f64 = first[..unit_at].parse().ok()?;
    let speed = match first[unit_at..].trim() {
        "" | "km/h" | "kmh" | "kph" => Kmh::from_f64(figure),
        "mph" => Kmh::from_f64(figure * METRES_PER_MILE / 1_000.0),
        _ => None,
    };
    speed.filter(|speed| (Kmh(1_000)..=Kmh(200_000)).contains(speed))
}

/// A number of lanes, 1 to 12, the first of several.
fn lanes(value: &str) -> Option<u32> {
    let first = value.split(';').next().unwrap_or(value).trim();
    first.parse().ok().filter(|lanes| (1..=12).contains(lanes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn driving(tags: &[(&str, &str)]) -> Option<Driving> {
        Driving::of(Tags(tags), true)
    }

    fn ways(tags: &[(&str, &str)]) -> (bool, bool) {
        let driving = driving(tags).unwrap();
        (driving.forward.is_some(), driving.backward.is_some())
    }

    #[test]
    fn limits_are_read_in_all_their_spellings() {
        for (value, speed) in [
            ("50", Some(50_000)),
            ("50 km/h", Some(50_000)),
            ("30 mph", Some(48_280)),
            ("30mph", Some(48_280)),
            ("walk", Some(7_000)),
            ("none", Some(130_000)),
            ("50;30", Some(50_000)),
            ("7.5", Some(7_500)),
            ("signals", None),
            ("FR:urban", None),
            ("DE:zone:30", None),
            ("0", None),
            ("500", None),
            ("10 knots", None),
            ("", None),
        ] {
            assert_eq!(maxspeed(value), speed.map(Kmh), "{value}");
        }
    }

    #[test]
    fn one_way_streets_go_one_way() {
        assert_eq!(ways(&[("highway", "residential")]), (true, true));
        assert_eq!(ways(&[("highway", "residential"), ("oneway", "yes")]), (true, false));
        assert_eq!(ways(&[("highway", "residential"), ("oneway", "-1")]), (false, true));
        assert_eq!(ways(&[("highway", "motorway")]), (true, false));
        assert_eq!(ways(&[("highway", "motorway"), ("oneway", "no")]), (true, true));
        assert_eq!(ways(&[("highway", "motorway_link")]), (true, true));
        assert_eq!(ways(&[("highway", "tertiary"), ("junction", "roundabout")]), (true, false));
    }

    #[test]
    fn lanes_are_shared_by_the_directions_of_a_two_way_street() {
        let both = |tags: &[(&str, &str)]| {
            let driving = driving(tags).unwrap();
            (driving.forward.and_then(|way| way.lanes), driving.backward.and_then(|way| way.lanes))
        };
        assert_eq!(both(&[("highway", "primary")]), (None, None));
        assert_eq!(both(&[("highway", "primary"), ("lanes", "4")]), (Some(2), Some(2)));
        assert_eq!(both(&[("highway", "primary"), ("lanes", "1")]), (Some(1), Some(1)));
        assert_eq!(both(&[("highway", "primary"), ("lanes", "3"), ("lanes:forward", "2")]), (Some(2), Some(1)));
        assert_eq!(both(&[("highway", "primary"), ("lanes", "3"), ("oneway", "yes")]), (Some(3), None));
        assert_eq!(both(&[("highway", "primary"), ("lanes", "many")]), (None, None));
    }

    #[test]
    fn speeds_may_differ_by_direction() {
        let tags = [("highway", "primary"), ("maxspeed", "70"), ("maxspeed:backward", "50")];
        let driving = driving(&tags).unwrap();
        assert_eq!(driving.forward.unwrap().free_flow, Some(Kmh(70_000)));
        assert_eq!(driving.backward.unwrap().free_flow, Some(Kmh(50_000)));
    }

    #[test]
    fn only_roads_for_cars_count() {
        assert_eq!(driving(&[("highway", "footway")]), None);
        assert_eq!(driving(&[("building", "yes")]), None);
        assert_eq!(driving(&[("highway", "residential"), ("access", "private")]), None);
        assert_eq!(driving(&[("highway", "residential"), ("motor_vehicle", "no")]), None);
        assert!(driving(&[("highway", "residential"), ("access", "no"), ("motorcar", "yes")]).is_some());
        assert_eq!(driving(&[("highway", "service"), ("area", "yes")]), None);
        assert_eq!(Driving::of(Tags(&[("highway", "service")]), false), None);
    }

    #[test]
    fn a_road_without_a_name_has_its_number() {
        let named = |tags: &[(&str, &str)]| driving(tags).unwrap().name;
        assert_eq!(named(&[("highway", "motorway"), ("ref", "A 8;E 80")]).as_deref(), Some("A 8"));
        assert_eq!(named(&[("highway", "primary"), ("ref", "D 1"), ("name", "Rue X")]).as_deref(), Some("Rue X"));
        assert_eq!(named(&[("highway", "primary"), ("name", " - ")]), None);
    }
}
