//! How good is the air at every station?
//!
//! EPA's Air Quality Index ([`aqi`]) of the worst pollutant at the station.
//!
//! Assumption: the newest value stands for the mean that EPA's table is made for (24 h for particles, 8 h for ozone and CO,
//! 1 h for the others). So this index moves faster than the official one, and says what one breathes now.
//!
//! A station without any pollutant of its own passes on the index that its weather reading states.

mod index;

use serde::{Deserialize, Serialize};

use super::sensors::SensorValue;
use super::weather::StationWeather;
use crate::Rows;
use crate::model::{Id, Milli, Millis, Point, Quantity, Unit};
use crate::view::View;

pub use index::{AirCategory, WORST, aqi};

/// The air quality index of every station.
pub const AIR: View<Id, Air> = View::new("air");

/// The air at a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Air {
    /// Event time of the newest reading behind it.
    pub time: Millis,
    /// Where the station is, if known.
    pub place: Option<Point>,
    /// The index, 0 to 500.
    pub index: u16,
    /// What it means.
    pub category: AirCategory,
    /// The pollutant that sets it; `None` where the station's own index was passed through.
    pub pollutant: Option<Quantity>,
}

/// How good is the air at every station? The index of its worst pollutant; of equal ones, the first in the order of
/// [`Quantity`]. A value that is not in its pollutant's canonical unit does not count.
///
/// | time | sensors                | weather             | output                   |
/// |-----:|------------------------|---------------------|--------------------------|
/// |    0 |                        | +(s, says 40)       | +(s, 40, passed through) |
/// |    1 | +(s PM2.5, 15.0 µg/m³) |                     | -(s, 40, passed through) +(s, 62, PM2.5) |
/// |    2 | +(s O3, 75 ppb)        |                     | -(s, 62, PM2.5) +(s, 115, O3) |
/// |    3 | -(s O3, 75 ppb)        |                     | -(s, 115, O3) +(s, 62, PM2.5) |
///
/// A change at a station costs its values again: at most one a pollutant and one from the weather.
///
/// ```
/// # use smartcity_dataflow::{Rows, city::{air::air, sensors::SensorValue}, testing::{at, id, trace}};
/// # use smartcity_dataflow::model::{Id, Milli, Millis, Quantity, Unit};
/// let value = SensorValue {
///     time: Millis(10), value: Milli(15_000), unit: Unit::MicrogramsPerCubicMetre, place: None
/// };
/// let output = trace(
///     &[at(1, ((id("s"), Quantity::Pm25), value))],
///     |sensors: Rows<'_, ((Id, Quantity), SensorValue)>| {
///         let none = sensors.clone().flat_map(|_| None);
///         air(sensors, none).map(|(_, air)| (air.index, air.pollutant))
///     },
///     10,
/// );
/// assert_eq!(output, [(1, (62, Some(Quantity::Pm25)), 1)]);
/// ```
pub fn air<'s>(
    sensors: Rows<'s, ((Id, Quantity), SensorValue)>,
    weather: Rows<'s, (Id, StationWeather)>,
) -> Rows<'s, (Id, Air)> {
    let measured = sensors.flat_map(|((station, quantity), sensor)| {
        let index = aqi(quantity, sensor.value).filter(|_| canonical_unit(quantity) == Some(sensor.unit))?;
        Some((station, Part { pollutant: Some(quantity), index, time: sensor.time, place: sensor.place }))
    });
    let stated = weather.flat_map(|(station, row)| {
        let index = stated_index(row.weather.air_quality_index?);
        Some((station, Part { pollutant: None, index, time: row.time, place: row.place }))
    });
    measured.concat(stated).reduce_named("Air", |_, parts, output| {
        let parts: Vec<Part> = parts.iter().map(|(part, _)| **part).collect();
        output.extend(judge(&parts).map(|air| (air, 1)));
    })
}

/// What one value says of the air.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Part {
    pollutant: Option<Quantity>,
    index: u16,
    time: Millis,
    place: Option<Point>,
}

/// The air by its parts, ascending: the stated index comes before the pollutants, and counts only without them.
fn judge(parts: &[Part]) -> Option<Air> {
    let measured = &parts[parts.partition_point(|part| part.pollutant.is_none())..];
    let counted = if measured.is_empty() { parts } else { measured };
    let worst = counted.iter().rev().max_by_key(|part| part.index)?; // of equal ones the last seen: the first pollutant
    let newest = counted.iter().map(|part| part.time).max()?;
    let place = counted.iter().filter(|part| part.place.is_some()).max_by_key(|part| part.time);
    Some(Air {
        time: newest,
        place: place.and_then(|part| part.place),
        index: worst.index,
        category: AirCategory::of(worst.index),
        pollutant: worst.pollutant,
    })
}

/// The unit that a pollutant's table is in.
fn canonical_unit(quantity: Quantity) -> Option<Unit> {
    match quantity {
        Quantity::Pm25 | Quantity::Pm10 => Some(Unit::MicrogramsPerCubicMetre),
        Quantity::O3 | Quantity::No2 | Quantity::So2 => Some(Unit::PartsPerBillion),
        Quantity::Co => Some(Unit::PartsPerMillion),
        _ => None,
    }
}

/// A station's own index, rounded half up and held between 0 and 500.
fn stated_index(stated: Milli) -> u16 {
    u16::try_from((stated.0 + 500).div_euclid(1_000).clamp(0, i64::from(WORST))).unwrap_or(WORST)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;
    use crate::model::Weather;
    use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, id, names, present, table, trace};

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    enum Row {
        Sensor((Id, Quantity), SensorValue),
        Weather(Id, StationWeather),
    }

    fn build(rows: Rows<'_, Row>) -> Rows<'_, (Id, Air)> {
        let sensors = rows.clone().flat_map(|row| match row {
            Row::Sensor(key, value) => Some((key, value)),
            Row::Weather(..) => None,
        });
        let weather = rows.flat_map(|row| match row {
            Row::Weather(station, weather) => Some((station, weather)),
            Row::Sensor(..) => None,
        });
        air(sensors, weather)
    }

    fn sensor(station: &str, quantity: Quantity, time: i64, value: i64) -> Row {
        let unit = canonical_unit(quantity).unwrap_or(Unit::Count);
        let place = (time % 2 == 0).then_some(Point { lat: time as i32, lon: 0 });
        let value = SensorValue { time: Millis(time), value: Milli(value), unit, place };
        Row::Sensor((id(station), quantity), value)
    }

    fn stated(station: &str, time: i64, index: Option<i64>) -> Row {
        let weather = Weather { air_quality_index: index.map(Milli), ..Weather::default() };
        let place = Some(Point { lat: 7, lon: 7 });
        Row::Weather(id(station), StationWeather { time: Millis(time), place, weather })
    }

    #[test]
    fn the_worst_pollutant_sets_the_index_and_a_stated_one_counts_only_without_pollutants() {
        let updates = [
            at(0, stated("quay", 100, Some(40_000))),
            at(1, sensor("quay", Quantity::Pm25, 110, 15_000)),
            at(2, sensor("quay", Quantity::O3, 90, 75_000)),
            at(3, sensor("quay", Quantity::Noise, 300, 75_000)),
            gone(4, sensor("quay", Quantity::O3, 90, 75_000)),
            gone(5, sensor("quay", Quantity::Pm25, 110, 15_000)),
            gone(6, stated("quay", 100, Some(40_000))),
        ];
        let brief = |(station, air): (Id, Air)| (station, air.index, air.category, air.pollutant, air.time.0);
        let output = trace(&updates, move |rows: Rows<'_, Row>| build(rows).map(brief), 10);
        expect![[r#"
            0 +1 (quay, 40, Good, None, 100)
            1 -1 (quay, 40, Good, None, 100)
            1 +1 (quay, 62, Moderate, Some(Pm25), 110)
            2 -1 (quay, 62, Moderate, Some(Pm25), 110)
            2 +1 (quay, 115, UnhealthyForSensitiveGroups, Some(O3), 110)
            4 +1 (quay, 62, Moderate, Some(Pm25), 110)
            4 -1 (quay, 115, UnhealthyForSensitiveGroups, Some(O3), 110)
            5 +1 (quay, 40, Good, None, 100)
            5 -1 (quay, 62, Moderate, Some(Pm25), 110)
            6 -1 (quay, 40, Good, None, 100)
        "#]]
        .assert_eq(&names(&["quay"]).scope(|| table(&output)));
    }

    #[test]
    fn a_value_in_another_unit_does_not_count() {
        let value = SensorValue { time: Millis(1), value: Milli(15), unit: Unit::MilligramsPerCubicMetre, place: None };
        assert_eq!(trace(&[at(1, Row::Sensor((id("quay"), Quantity::Pm25), value))], build, 5), []);
    }

    const POLLUTANTS: [Quantity; 6] =
        [Quantity::Pm25, Quantity::Pm10, Quantity::O3, Quantity::No2, Quantity::So2, Quantity::Co];

    /// For every station: its pollutants sorted by index, else what it states.
    fn naive(seen: &[Update<Row>], _: crate::Time) -> Vec<(Id, Air)> {
        let rows = present(seen);
        let mut output = Vec::new();
        for station in [id("hill"), id("quay")] {
            let mut values = Vec::new();
            let mut stated = None;
            for row in &rows {
                match row {
                    Row::Sensor((of, quantity), value) if *of == station && *quantity != Quantity::Noise => {
                        values.push((*quantity, *value));
                    }
                    Row::Weather(of, weather) if *of == station => {
                        let index = weather.weather.air_quality_index.map(|index| (index.0 / 1_000) as u16);
                        stated = index.map(|index| (index, None, weather.time, weather.place));
                    }
                    _ => {}
                }
            }
            values.sort();
            let indexed = |&(quantity, value): &(Quantity, SensorValue)| {
                (std::cmp::Reverse(aqi(quantity, value.value).unwrap()), quantity)
            };
            let worst = values.iter().map(indexed);
            let measured = worst.min().map(|(index, quantity)| {
                values.sort_by_key(|(_, value)| value.time);
                let place = values.iter().rev().find_map(|(_, value)| value.place);
                (index.0, Some(quantity), values[values.len() - 1].1.time, place)
            });
            output.extend(measured.or(stated).map(|(index, pollutant, time, place)| {
                (station, Air { time, place, index, category: AirCategory::of(index), pollutant })
            }));
        }
        output
    }

    /// Changes as `sensors` and `weather` make them: one row a key at a time.
    fn changes() -> impl Strategy<Value = Vec<Update<Row>>> {
        let station = prop::sample::select(vec!["hill", "quay"]);
        let quantity = prop::sample::select([&POLLUTANTS[..], &[Quantity::Noise]].concat());
        let sensor = (station.clone(), quantity, 0..5i64, 0..30i64)
            .prop_map(|(station, quantity, time, value)| sensor(station, quantity, time, value * 10_000));
        let stated = (station, 0..5i64, prop::option::of(0..300i64))
            .prop_map(|(station, time, index)| stated(station, time, index.map(|index| index * 1_000)));
        let row = prop_oneof![4 => sensor, 1 => stated];
        prop::collection::vec((row, 0..50u64, 1..20u64), 0..24).prop_map(|rows| {
            let mut free = std::collections::BTreeMap::new();
            let mut updates = Vec::new();
            for (row, time, life) in rows {
                let key = match &row {
                    Row::Sensor(key, _) => (key.0, Some(key.1)),
                    Row::Weather(station, _) => (*station, None),
                };
                let from = time.max(*free.get(&key).unwrap_or(&0));
                free.insert(key, from + life);
                updates.extend([at(from, row.clone()), gone(from + life, row)]);
            }
            updates
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn it_is_the_worst_pollutant_of_every_station(updates in changes()) {
            assert_oracle(&updates, 80, build, naive);
        }
    }

    #[test]
    fn neither_order_nor_workers_show() {
        let updates: Vec<_> = (0..40)
            .flat_map(|i| {
                let row = sensor(["hill", "quay"][i % 2], POLLUTANTS[i % 6], i as i64, i as i64 * 3_000);
                [at(i as u64, row.clone()), gone(i as u64 + 12, row)]
            })
            .chain([at(0, stated("hill", 1, Some(33_000))), at(3, stated("quay", 1, None))])
            .collect();
        assert_invariant(&updates, 60, build);
    }
}
