use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use differential_dataflow::input::InputSession;
use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::Diff;
use crate::city::fixtures::{id, readable, road_id, segment, zone_id};
use crate::model::{Namespace, Point};
use crate::testing::{Update, assert_invariant, at, gone, present, trace};
use crate::view::Views;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Input {
    City(Name),
    Used(Time, Name),
}

const LIFE: Time = 2 * NAME_BUCKET_MS;

const MINUTE: Time = NAME_BUCKET_MS / 60;

fn build<'s>(input: Rows<'s, Input>) -> Rows<'s, (Id, Arc<str>)> {
    let city = input.clone().flat_map(|row| if let Input::City(name) = row { Some(CityRow::Name(name)) } else { None });
    names(&city, input.flat_map(|row| if let Input::Used(at, name) = row { Some((at, name)) } else { None }), LIFE)
}

/// A text under the id of another: with two texts, a collision.
fn called(name: &str, text: &str) -> Name {
    Name { id: id(Namespace::Text, name), text: text.into() }
}

fn used(at_time: Time, name: &str, text: &str) -> Update<Input> {
    at(at_time, Input::Used(at_time, called(name, text)))
}

fn check(updates: &[Update<Input>], expected: Expect) {
    let output = trace(updates, build, 12 * NAME_BUCKET_MS);
    expected.assert_eq(&readable(&output));
}

#[test]
fn a_used_name_is_known_for_its_life_after_the_hour_of_its_last_use() {
    check(
        &[used(20 * MINUTE, "a", "Camry"), used(59 * MINUTE, "b", "Prius"), used(70 * MINUTE, "b", "Prius")],
        expect![[r#"
            1200000 +1 (a, "Camry")
            3540000 +1 (b, "Prius")
            10800000 -1 (a, "Camry")
            14400000 -1 (b, "Prius")
        "#]],
    );
}

#[test]
fn a_name_of_the_city_lasts_until_it_is_edited() {
    let city = |text| Input::City(called("a", text));
    check(
        &[
            at(0, city("Market St")),
            used(5, "a", "Market St"),
            gone(9, city("Market St")),
            at(9, city("Market Street")),
        ],
        expect![[r#"
            0 +1 (a, "Market St")
            9 -1 (a, "Market St")
            9 +1 (a, "Market Street")
        "#]],
    );
}

#[test]
fn of_two_texts_with_one_id_the_greater_is_shown() {
    check(
        &[used(1, "a", "x"), used(2, "a", "y"), used(3, "a", "w")],
        expect![[r#"
        1 +1 (a, "x")
        2 -1 (a, "x")
        2 +1 (a, "y")
        10800000 -1 (a, "y")
    "#]],
    );
}

/// Of all texts of the city, and all that were used in an hour that is not long enough ago, the greatest by id.
fn naive(seen: &[Update<Input>], now: Time) -> BTreeMap<Id, Arc<str>> {
    let mut known: BTreeMap<Id, Arc<str>> = BTreeMap::new();
    for row in present(seen) {
        let (name, lives) = match row {
            Input::City(name) => (name, true),
            Input::Used(at, name) => (name, now < (at / NAME_BUCKET_MS + 1) * NAME_BUCKET_MS + LIFE),
        };
        if lives {
            known.entry(name.id).and_modify(|text| *text = name.text.clone().max(text.clone())).or_insert(name.text);
        }
    }
    known
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// In minutes, since names live for hours: looked at when something comes, and every half hour before and on the minute.
    #[test]
    fn it_is_the_greatest_text_that_is_used_or_of_the_city(
        uses in prop::collection::vec((0..300u64, 0..2usize, 0..3usize), 0..16),
        city in prop::collection::vec((0..300u64, 0..2usize, 0..3usize, prop::option::of(1..200u64)), 0..6),
    ) {
        let name = |id: usize, text: usize| called(["a", "b"][id], ["x", "y", "z"][text]);
        let mut updates: Vec<_> =
            uses.into_iter().map(|(time, id, text)| at(time * MINUTE, Input::Used(time * MINUTE, name(id, text)))).collect();
        for (time, id, text, after) in city {
            updates.push(at(time * MINUTE, Input::City(name(id, text))));
            updates.extend(after.map(|after| gone((time + after) * MINUTE, Input::City(name(id, text)))));
        }
        let output = trace(&updates, build, 10 * NAME_BUCKET_MS);
        let half_hours = (1..20).map(|i| i * 30 * MINUTE);
        for now in half_hours.flat_map(|time| [time - 1, time]).chain(updates.iter().map(|(_, time, _)| *time)) {
            let mut actual: Vec<_> =
                output.iter().filter(|(time, ..)| *time <= now).map(|(_, row, diff)| (row.clone(), *diff)).collect();
            differential_dataflow::consolidation::consolidate(&mut actual);
            let seen: Vec<_> = updates.iter().filter(|(_, time, _)| *time <= now).cloned().collect();
            let expected: Vec<_> = naive(&seen, now).into_iter().map(|row| (row, 1)).collect();
            prop_assert_eq!(actual, expected, "at {} min", now / MINUTE);
        }
    }
}

#[test]
fn neither_order_nor_workers_show() {
    let uses = (0..40u64).map(|i| used(i / 4, ["a", "b", "c"][i as usize % 3], ["x", "y", "z"][i as usize % 7 % 3]));
    let city = [at(0, Input::City(called("a", "x"))), gone(4, Input::City(called("a", "x")))];
    assert_invariant(&uses.chain(city).collect::<Vec<_>>(), 12 * NAME_BUCKET_MS, build);
}

#[test]
fn every_part_of_the_city_has_its_view_and_an_edit_replaces_its_row() {
    let place = Point::default();
    let before = segment("a", (0, 0), (100, 0));
    let after = Segment { lanes: 3, ..before.clone() };
    let road = Road { id: road_id("main_st"), name: id(Namespace::Text, "Main Street") };
    let zone = Zone { id: zone_id("east"), name: zone_id("east"), rings: [].into() };
    let camera = Camera { id: id(Namespace::Camera, "331"), segment: None, road: road.id, place: None };
    let station = Station { id: id(Namespace::Device, "s"), place };
    let unit = ResponseUnit { id: id(Namespace::Unit, "r"), unit_type: id(Namespace::Text, "police"), base: place };
    let alias = crate::model::Alias { alias: road_id("side_st"), road: road.id };
    let rows = [
        CityRow::Segment(before.clone()),
        CityRow::Road(road),
        CityRow::Zone(zone.clone()),
        CityRow::Camera(camera),
        CityRow::Station(station),
        CityRow::Unit(unit),
        CityRow::Alias(alias),
    ];
    let edited = after.clone();
    let views = timely::execute_directly(move |worker| {
        let views = Views::new(1, || 0);
        let publisher = Publisher::new(views.clone(), 0, 1, 1, Arc::new(AtomicBool::new(false)));
        let mut city = InputSession::<Time, CityRow, Diff>::new();
        worker.dataflow(|scope| publish_city(&publisher, &city.to_collection(scope)));
        rows.into_iter().for_each(|row| city.insert(row));
        city.advance_to(5);
        city.remove(CityRow::Segment(before));
        city.insert(CityRow::Segment(edited));
        city.advance_to(10);
        city.flush();
        worker.step_while(|| views.snapshot().position().through < 9);
        views.snapshot()
    });
    assert_eq!(views.rows(&CITY_SEGMENTS).into_iter().collect::<Vec<_>>(), [(after.id, after)]);
    assert_eq!(views.rows(&CITY_ROADS).into_iter().collect::<Vec<_>>(), [(road.id, road)]);
    assert_eq!(views.rows(&CITY_ZONES).into_iter().collect::<Vec<_>>(), [(zone.id, zone)]);
    assert_eq!(views.rows(&CITY_CAMERAS).into_iter().collect::<Vec<_>>(), [(camera.id, camera)]);
    assert_eq!(views.rows(&CITY_STATIONS).into_iter().collect::<Vec<_>>(), [(station.id, station)]);
    assert_eq!(views.rows(&CITY_UNITS).into_iter().collect::<Vec<_>>(), [(unit.id, unit)]);
    assert_eq!(views.rows(&CITY_ALIASES).into_iter().collect::<Vec<_>>(), [(alias.alias, alias.road)]);
}
