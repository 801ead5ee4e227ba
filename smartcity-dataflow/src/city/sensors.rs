//! What does every other sensor read?
//!
//! Noise, parking, loops, pollutants and whatever else a device measures: one row for each quantity at each station. The
//! newest reading by event time counts, for [`Settings::sensor_life_ms`] from the tick at which it came. Values were brought
//! to the canonical unit of their quantity before they come here; a quantity without one keeps the sender's.

use serde::{Deserialize, Serialize};

use super::weather::{at_stations, end_of_life};
use crate::model::{Id, Kind, Milli, Millis, Placed, Point, Quantity, Sensor, Station, Unit};
use crate::operators::latest;
use crate::view::View;
use crate::{Horizon, Rows, Settings};

/// The newest value of every quantity at every station.
pub const SENSORS: View<(Id, Quantity), SensorValue> = View::new("sensors");

/// A quantity at a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SensorValue {
    /// Event time.
    pub time: Millis,
    /// The value, in `unit`.
    pub value: Milli,
    /// Its unit: the canonical one of the quantity, where there is one.
    pub unit: Unit,
    /// Where the station is: as it said, else as the city knows it.
    pub place: Option<Point>,
}

/// What does every sensor read? The newest live value of each quantity at each station, at the place that the reading
/// states, else at the city's.
///
/// | time | placed                     | stations   | output                              |
/// |-----:|----------------------------|------------|-------------------------------------|
/// |    1 | +(s, 10:00, noise 62 dB)   |            | +(s noise, 62 dB, nowhere)          |
/// |    1 | +(s, 10:00, NO2 40 ppb)    |            | +(s NO2, 40 ppb, nowhere)           |
/// |    2 |                            | +(s, hill) | both rows move to the hill          |
/// |    3 | +(s, 10:01, noise 65 dB)   |            | -(s noise, 62 dB, hill) +(s noise, 65 dB, hill) |
///
/// The state is the live readings of each quantity.
///
/// ```
/// # use smartcity_dataflow::{Rows, Settings, city::sensors::sensors, testing::{at, said, trace}};
/// # use smartcity_dataflow::model::{Milli, Placed, Quantity, Sensor, Unit};
/// let noise = |event, decibels| {
///     said("s", event, 1, Sensor { quantity: Quantity::Noise, value: decibels, unit: Unit::Decibel })
/// };
/// let newest = trace(
///     &[at(1, noise(10, Milli(62_000))), at(1, noise(20, Milli(65_000)))],
///     |readings: Rows<'_, Placed<Sensor>>| {
///         let none = readings.clone().flat_map(|_| None);
///         sensors(readings, none, &Settings::default()).map(|((_, quantity), row)| (quantity, row.value))
///     },
///     10,
/// );
/// assert_eq!(newest, [(1, (Quantity::Noise, Milli(65_000)), 1)]);
/// ```
pub fn sensors<'s>(
    readings: Rows<'s, Placed<Sensor>>,
    stations: Rows<'s, Station>,
    settings: &Settings,
) -> Rows<'s, ((Id, Quantity), SensorValue)> {
    let readings = readings.map(|Placed { reading, .. }| ((reading.device, reading.body.quantity), reading));
    let newest = latest(readings, "Sensors", end_of_life(settings.sensor_life_ms, settings));
    let newest = newest.map(|((station, _), reading)| (station, reading));
    at_stations(newest, stations).map(|(station, reading, place)| {
        let Sensor { quantity, value, unit } = reading.body;
        ((station, quantity), SensorValue { time: reading.time, value, unit, place: reading.place.or(place) })
    })
}

/// How long a value is shown.
pub fn horizon(kind: Kind, settings: &Settings) -> Option<Horizon> {
    (kind == Kind::Sensor).then(|| Horizon::of_arrival(settings.sensor_life_ms))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::expect;
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::Time;
    use crate::model::Reading;
    use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, id, names, present, said, table, trace};

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    enum Row {
        Said(Placed<Sensor>),
        Station(Station),
    }

    fn build(rows: Rows<'_, Row>) -> Rows<'_, ((Id, Quantity), SensorValue)> {
        let placed = rows.clone().flat_map(|row| if let Row::Said(placed) = row { Some(placed) } else { None });
        let stations = rows.flat_map(|row| if let Row::Station(station) = row { Some(station) } else { None });
        sensors(placed, stations, &Settings { tick_ms: 5, sensor_life_ms: 20, ..Settings::default() })
    }

    fn place(lat: i32) -> Point {
        Point { lat, lon: 0 }
    }

    fn reading(device: &str, quantity: Quantity, event: i64, arrived: Time, value: i64) -> Row {
        let sensor = Sensor { quantity, value: Milli(value * 1_000), unit: Unit::Count };
        Row::Said(said(device, event, arrived, sensor))
    }

    fn station(device: &str, lat: i32) -> Row {
        Row::Station(Station { id: id(device), place: place(lat) })
    }

    #[test]
    fn each_quantity_of_a_station_has_its_own_newest_value() {
        let updates = [
            at(1, reading("quay", Quantity::Noise, 100, 1, 62)),
            at(1, reading("quay", Quantity::No2, 100, 1, 40)),
            at(2, station("quay", 7)),
            at(3, reading("quay", Quantity::Noise, 101, 3, 65)),
            at(4, reading("quay", Quantity::Noise, 99, 4, 50)),
            gone(6, reading("quay", Quantity::No2, 100, 1, 40)),
        ];
        let brief = |((station, quantity), row): ((Id, Quantity), SensorValue)| {
            (station, quantity, row.value.0 / 1_000, row.place.map(|place| place.lat))
        };
        let output = trace(&updates, move |rows: Rows<'_, Row>| build(rows).map(brief), 60);
        expect![[r#"
            1 +1 (quay, Noise, 62, None)
            1 +1 (quay, No2, 40, None)
            2 -1 (quay, Noise, 62, None)
            2 +1 (quay, Noise, 62, Some(7))
            2 -1 (quay, No2, 40, None)
            2 +1 (quay, No2, 40, Some(7))
            3 -1 (quay, Noise, 62, Some(7))
            3 +1 (quay, Noise, 65, Some(7))
            6 -1 (quay, No2, 40, Some(7))
            25 -1 (quay, Noise, 65, Some(7))
        "#]]
        .assert_eq(&names(&["quay"]).scope(|| table(&output)));
    }

    /// For every device and quantity: the greatest of the readings whose end has not come.
    fn naive(seen: &[Update<Row>], now: Time) -> Vec<((Id, Quantity), SensorValue)> {
        let rows = present(seen);
        let city = |station| {
            let places = rows.iter().filter_map(|row| if let Row::Station(row) = row { Some(row) } else { None });
            places.filter(|row| row.id == station).map(|row| row.place).max()
        };
        let mut newest = BTreeMap::<(Id, Quantity), (Reading<Millis, Sensor>, Sensor)>::new();
        for row in &rows {
            if let Row::Said(Placed { reading, .. }) = row
                && (reading.arrived + 20).div_ceil(5) * 5 > now
            {
                let sensor = reading.body;
                let best = newest.entry((reading.device, sensor.quantity)).or_insert((*reading, sensor));
                *best = (*reading, sensor).max(*best);
            }
        }
        let rows = newest.into_iter().map(|(key, (reading, sensor))| {
            let place = reading.place.or(city(reading.device));
            (key, SensorValue { time: reading.time, value: sensor.value, unit: sensor.unit, place })
        });
        rows.collect()
    }

    fn rows() -> impl Strategy<Value = Row> {
        let device = prop::sample::select(vec!["hill", "quay"]);
        let quantity = prop::sample::select(vec![Quantity::Noise, Quantity::Other(id("pollen"))]);
        let said = (device.clone(), quantity, 0..5i64, 0..40u64, 0..3i64)
            .prop_map(|(device, quantity, event, arrived, value)| reading(device, quantity, event, arrived, value));
        let station = (device, 0..3).prop_map(|(device, lat)| station(device, lat));
        prop_oneof![3 => said, 1 => station]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn it_is_the_newest_live_value_of_every_quantity(updates in crate::testing::updates(rows(), 50)) {
            assert_oracle(&updates, 80, build, naive);
        }
    }

    #[test]
    fn neither_order_nor_workers_show() {
        let quantities = [Quantity::Noise, Quantity::Parking];
        let updates: Vec<_> = (0..60)
            .map(|i| {
                let device = ["hill", "quay", "pier"][i as usize % 3];
                at(i / 3, reading(device, quantities[i as usize % 2], (i * 7 % 11) as i64, i / 3, i as i64 % 4))
            })
            .chain([at(0, station("hill", 1)), at(9, station("pier", 2)), gone(12, station("hill", 1))])
            .collect();
        assert_invariant(&updates, 60, build);
    }
}
