//! What is the weather at every station?
//!
//! A station is a device that sends weather. Its newest reading by event time counts, from the tick at which it came for
//! [`Settings::weather_life_ms`]. Readings of one moment are told apart by where they were read (source, partition, offset),
//! so the answer does not depend on which came first.
//!
//! Assumption: a reading stands for the whole station. A quantity that it does not state is not filled in from older ones.

use differential_dataflow::ExchangeData;
use serde::{Deserialize, Serialize};

use crate::model::{Id, Kind, Millis, Placed, Point, Reading, Station, Weather};
use crate::operators::{latest, round_up};
use crate::view::View;
use crate::{Horizon, Rows, Settings, Time};

/// The newest weather of every station.
pub const WEATHER: View<Id, StationWeather> = View::new("weather");

/// The weather at a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StationWeather {
    /// Event time.
    pub time: Millis,
    /// Where the station is: as it said, else as the city knows it.
    pub place: Option<Point>,
    /// What it measured.
    pub weather: Weather,
}

/// What is the weather at every station? Its newest live reading, at the place that the reading states, else at the city's.
///
/// | time | readings             | stations   | output                        |
/// |-----:|----------------------|------------|-------------------------------|
/// |    0 |                      | +(s, hill) |                               |
/// |    1 | +(s, 10:00, 12 °C)   |            | +(s, 10:00, hill, 12 °C)      |
/// |    2 | +(s, 10:10, 13 °C)   |            | -(s, 10:00, hill, 12 °C) +(s, 10:10, hill, 13 °C) |
/// |    3 | +(s, 10:05, 15 °C)   |            |                               |
/// | 1802 |                      |            | -(s, 10:10, hill, 13 °C) +(s, 10:05, hill, 15 °C) |
/// | 1803 |                      |            | -(s, 10:05, hill, 15 °C)      |
///
/// (times in seconds.) The state is the live readings of each station.
///
/// ```
/// # use smartcity_dataflow::{Rows, Settings, city::weather::weather, model::{Milli, Placed, Weather}};
/// # use smartcity_dataflow::testing::{at, said, trace};
/// let reading = |event, degrees| {
///     said("s", event, 1, Weather { temperature: Some(Milli(degrees)), ..Weather::default() })
/// };
/// let newest = trace(
///     &[at(1, reading(10, 12_000)), at(2, reading(5, 15_000))],
///     |readings: Rows<'_, Placed<Weather>>| {
///         let none = readings.clone().flat_map(|_| None);
///         weather(readings, none, &Settings::default()).map(|(_, row)| row.weather.temperature)
///     },
///     10,
/// );
/// assert_eq!(newest, [(1, Some(Milli(12_000)), 1)]); // the second reading came later, but is older
/// ```
pub fn weather<'s>(
    readings: Rows<'s, Placed<Weather>>,
    stations: Rows<'s, Station>,
    settings: &Settings,
) -> Rows<'s, (Id, StationWeather)> {
    let readings = readings.map(|Placed { reading, .. }| (reading.device, reading));
    let newest = latest(readings, "Weather", end_of_life(settings.weather_life_ms, settings));
    at_stations(newest, stations).map(|(station, reading, place)| {
        (station, StationWeather { time: reading.time, place: reading.place.or(place), weather: reading.body })
    })
}

/// How long a reading of the weather is shown.
pub fn horizon(kind: Kind, settings: &Settings) -> Option<Horizon> {
    (kind == Kind::Weather).then(|| Horizon::of_arrival(settings.weather_life_ms))
}

/// When a reading that lives for `life` ends: a function of the reading, on a tick.
pub(super) fn end_of_life<B>(life: Time, settings: &Settings) -> impl Fn(&Reading<Millis, B>) -> Time + 'static {
    let tick = settings.tick_ms;
    move |reading| round_up(reading.arrived + life, tick)
}

/// Where does each station stand, as far as the city knows? Every row with the city's place of its key; an edit of the city
/// moves the rows at once. Of two places for one station the greater counts.
pub(super) fn at_stations<'s, V: ExchangeData>(
    rows: Rows<'s, (Id, V)>,
    stations: Rows<'s, Station>,
) -> Rows<'s, (Id, V, Option<Point>)> {
    let nowhere = rows.clone().map(|(id, _)| (id, None));
    let somewhere = stations.map(|station| (station.id, Some(station.place)));
    let places = nowhere.concat(somewhere).reduce_named("StationPlaces", |_, places, output| {
        output.extend(places.last().map(|(place, _)| (**place, 1))); // ascending, and nowhere is the least
    });
    rows.join_map(places, |id, row, place| (*id, row.clone(), *place))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::model::Milli;
    use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, id, names, present, said, table, trace};

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    enum Row {
        Said(Placed<Weather>),
        Station(Station),
    }

    fn build(rows: Rows<'_, Row>) -> Rows<'_, (Id, StationWeather)> {
        let placed = rows.clone().flat_map(|row| if let Row::Said(placed) = row { Some(placed) } else { None });
        let stations = rows.flat_map(|row| if let Row::Station(station) = row { Some(station) } else { None });
        weather(placed, stations, &Settings { tick_ms: 5, weather_life_ms: 20, ..Settings::default() })
    }

    fn place(lat: i32) -> Point {
        Point { lat, lon: 0 }
    }

    fn reading(device: &str, event: i64, arrived: Time, degrees: i64, lat: Option<i32>) -> Row {
        let weather = Weather { temperature: Some(Milli(degrees * 1_000)), ..Weather::default() };
        let mut placed = said(device, event, arrived, weather);
        placed.reading.place = lat.map(place);
        Row::Said(placed)
    }

    fn station(device: &str, lat: i32) -> Row {
        Row::Station(Station { id: id(device), place: place(lat) })
    }

    fn check(updates: &[Update<Row>], expected: expect_test::Expect) {
        let brief = |(station, row): (Id, StationWeather)| {
            let degrees = row.weather.temperature.map(|temperature| temperature.0 / 1_000);
            (station, row.time.0, degrees, row.place.map(|place| place.lat))
        };
        let output = trace(updates, move |rows: Rows<'_, Row>| build(rows).map(brief), 60);
        expected.assert_eq(&names(&["hill", "quay"]).scope(|| table(&output)));
    }

    #[test]
    fn the_newest_by_event_time_counts_until_its_life_ends() {
        check(
            &[
                at(1, reading("hill", 100, 1, 12, None)),
                at(3, reading("hill", 110, 3, 13, None)),
                at(8, reading("hill", 105, 8, 15, None)),
            ],
            expect![[r#"
                1 +1 (hill, 100, Some(12), None)
                3 -1 (hill, 100, Some(12), None)
                3 +1 (hill, 110, Some(13), None)
                25 +1 (hill, 105, Some(15), None)
                25 -1 (hill, 110, Some(13), None)
                30 -1 (hill, 105, Some(15), None)
            "#]],
        );
    }

    #[test]
    fn a_withdrawn_reading_leaves_the_one_before_it() {
        let (older, newer) = (reading("hill", 100, 1, 12, None), reading("hill", 110, 2, 13, None));
        check(
            &[at(1, older), at(2, newer.clone()), gone(4, newer)],
            expect![[r#"
            1 +1 (hill, 100, Some(12), None)
            2 -1 (hill, 100, Some(12), None)
            2 +1 (hill, 110, Some(13), None)
            4 +1 (hill, 100, Some(12), None)
            4 -1 (hill, 110, Some(13), None)
            25 -1 (hill, 100, Some(12), None)
        "#]],
        );
    }

    #[test]
    fn the_readings_place_comes_before_the_citys_and_an_edit_of_the_city_moves_the_station() {
        check(
            &[
                at(0, station("hill", 7)),
                at(1, reading("hill", 100, 1, 12, None)),
                at(1, reading("quay", 100, 1, 14, Some(3))),
                at(2, station("quay", 9)),
                at(4, station("hill", 8)),
                gone(4, station("hill", 7)),
            ],
            expect![[r#"
                1 +1 (hill, 100, Some(12), Some(7))
                1 +1 (quay, 100, Some(14), Some(3))
                4 -1 (hill, 100, Some(12), Some(7))
                4 +1 (hill, 100, Some(12), Some(8))
                25 -1 (hill, 100, Some(12), Some(8))
                25 -1 (quay, 100, Some(14), Some(3))
            "#]],
        );
    }

    /// For every device: the greatest of the readings whose end has not come.
    fn naive(seen: &[Update<Row>], now: Time) -> Vec<(Id, StationWeather)> {
        let rows = present(seen);
        let city = |station| {
            let places = rows.iter().filter_map(|row| if let Row::Station(row) = row { Some(row) } else { None });
            places.filter(|row| row.id == station).map(|row| row.place).max()
        };
        let live = rows.iter().filter_map(|row| match row {
            Row::Said(placed) if (placed.reading.arrived + 20).div_ceil(5) * 5 > now => Some(placed.reading),
            _ => None,
        });
        let mut newest = std::collections::BTreeMap::<Id, Reading<Millis, Weather>>::new();
        for reading in live {
            let best = newest.entry(reading.device).or_insert(reading);
            *best = reading.max(*best);
        }
        let rows = newest.into_values().map(|reading| {
            let weather = reading.body;
            let place = reading.place.or(city(reading.device));
            (reading.device, StationWeather { time: reading.time, place, weather })
        });
        rows.collect()
    }

    fn rows() -> impl Strategy<Value = Row> {
        let device = prop::sample::select(vec!["hill", "quay"]);
        let said = (device.clone(), 0..5i64, 0..40u64, 0..3i64, prop::option::of(0..2))
            .prop_map(|(device, event, arrived, degrees, lat)| reading(device, event, arrived, degrees, lat));
        let station = (device, 0..3).prop_map(|(device, lat)| station(device, lat));
        prop_oneof![3 => said, 1 => station]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn it_is_the_newest_live_reading_of_every_station(updates in crate::testing::updates(rows(), 50)) {
            assert_oracle(&updates, 80, build, naive);
        }
    }

    #[test]
    fn neither_order_nor_workers_show() {
        let updates: Vec<_> = (0..60)
            .map(|i| at(i / 3, reading(["hill", "quay", "pier"][i as usize % 3], (i * 7 % 11) as i64, i / 3, 1, None)))
            .chain([at(0, station("hill", 1)), at(9, station("pier", 2)), gone(12, station("hill", 1))])
            .collect();
        assert_invariant(&updates, 60, build);
    }
}
