mod shown;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use differential_dataflow::input::InputSession;
use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::Diff;
use crate::city::fixtures::{id, readable, road_id, segment, zone_id};
use crate::model::{Name, Namespace, Point};
use crate::testing::{Update, assert_invariant, at, gone, present, trace};
use crate::view::Views;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Input {
    City(Name),
    Used(NameUse),
}

const MINUTE: Time = 60_000;

fn life(kind: Kind) -> Time {
    if kind == Kind::Vehicle { 20 * MINUTE } else { 5 * MINUTE }
}

fn build<'s>(input: Rows<'s, Input>) -> Rows<'s, (Id, Arc<str>)> {
    let city = input.clone().flat_map(|row| if let Input::City(name) = row { Some(CityRow::Name(name)) } else { None });
    names(&city, input.flat_map(|row| if let Input::Used(used) = row { Some(used) } else { None }), life)
}

/// A text under the id of another: with two texts, a collision.
fn called(name: &str, text: &str) -> Name {
    Name { id: id(Namespace::Text, name), text: text.into() }
}

fn used(at_time: Time, kind: Kind, name: &str, text: &str) -> Update<Input> {
    at(at_time, Input::Used(NameUse { at: at_time, kind, name: called(name, text) }))
}

fn check(updates: &[Update<Input>], expected: Expect) {
    let output = trace(updates, build, 240 * MINUTE);
    expected.assert_eq(&readable(&output));
}

#[test]
fn a_used_name_is_known_for_a_bucket_and_the_life_of_its_kind() {
    check(
        &[
            used(2 * MINUTE, Kind::Vehicle, "a", "Camry"),
            used(9 * MINUTE, Kind::Gps, "b", "bus 7"),
            used(11 * MINUTE + 1, Kind::Gps, "b", "bus 7"),
        ],
        expect![[r#"
            120000 +1 (a, "Camry")
            540000 +1 (b, "bus 7")
            1620000 -1 (b, "bus 7")
            1920000 -1 (a, "Camry")
        "#]],
    );
}

#[test]
fn of_two_kinds_that_use_a_name_the_longer_life_counts() {
    check(
        &[used(0, Kind::Vehicle, "a", "bus 7"), used(5 * MINUTE, Kind::Gps, "a", "bus 7")],
        expect![[r#"
            0 +1 (a, "bus 7")
            1800000 -1 (a, "bus 7")
        "#]],
    );
}

#[test]
fn a_name_of_the_city_lasts_until_it_is_edited() {
    let city = |text| Input::City(called("a", text));
    check(
        &[
            at(0, city("Market St")),
            used(5, Kind::Gps, "a", "Market St"),
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
        &[used(1, Kind::Gps, "a", "x"), used(2, Kind::Gps, "a", "y"), used(3, Kind::Gps, "a", "w")],
        expect![[r#"
            1 +1 (a, "x")
            2 -1 (a, "x")
            2 +1 (a, "y")
            960000 -1 (a, "y")
        "#]],
    );
}

/// Of all texts of the city, and all that were used not long ago, the greatest by id.
fn naive(seen: &[Update<Input>], now: Time) -> BTreeMap<Id, Arc<str>> {
    let mut known: BTreeMap<Id, Arc<str>> = BTreeMap::new();
    for row in present(seen) {
        let (name, lives) = match row {
            Input::City(name) => (name, true),
            Input::Used(NameUse { at, kind, name }) => {
                (name, now < (at + 10 * MINUTE + life(kind)).div_ceil(MINUTE) * MINUTE)
            }
        };
        if lives {
            known.entry(name.id).and_modify(|text| *text = name.text.clone().max(text.clone())).or_insert(name.text);
        }
    }
    known
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Looked at when something comes, and every half minute.
    #[test]
    fn it_is_the_greatest_text_that_is_used_or_of_the_city(
        uses in prop::collection::vec((0..50u64, 0..MINUTE, any::<bool>(), 0..2usize, 0..3usize), 0..16),
        city in prop::collection::vec((0..50u64, 0..2usize, 0..3usize, prop::option::of(1..40u64)), 0..6),
    ) {
        let (names, texts) = (["a", "b"], ["x", "y", "z"]);
        let mut updates: Vec<_> = uses
            .into_iter()
            .map(|(minute, millis, own, id, text)| {
                let kind = if own { Kind::Vehicle } else { Kind::Gps };
                used(minute * MINUTE + millis, kind, names[id], texts[text])
            })
            .collect();
        for (time, id, text, after) in city {
            let row = Input::City(called(names[id], texts[text]));
            updates.push(at(time * MINUTE, row.clone()));
            updates.extend(after.map(|after| gone((time + after) * MINUTE, row)));
        }
        let output = trace(&updates, build, 100 * MINUTE);
        let half_minutes = (1..200).map(|i| i * 30_000);
        for now in half_minutes.flat_map(|time| [time - 1, time]).chain(updates.iter().map(|(_, time, _)| *time)) {
            let mut actual: Vec<_> =
                output.iter().filter(|(time, ..)| *time <= now).map(|(_, row, diff)| (row.clone(), *diff)).collect();
            differential_dataflow::consolidation::consolidate(&mut actual);
            let seen: Vec<_> = updates.iter().filter(|(_, time, _)| *time <= now).cloned().collect();
            let expected: Vec<_> = naive(&seen, now).into_iter().map(|row| (row, 1)).collect();
            prop_assert_eq!(actual, expected, "at {} s", now / 1_000);
        }
    }
}

#[test]
fn neither_order_nor_workers_show() {
    let kinds = [Kind::Vehicle, Kind::Gps];
    let uses = (0..40u64).map(|i| {
        let (name, text) = (["a", "b", "c"][i as usize % 3], ["x", "y", "z"][i as usize % 7 % 3]);
        used(i / 4, kinds[i as usize % 5 % 2], name, text)
    });
    let city = [at(0, Input::City(called("a", "x"))), gone(4, Input::City(called("a", "x")))];
    assert_invariant(&uses.chain(city).collect::<Vec<_>>(), 60 * MINUTE, build);
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
