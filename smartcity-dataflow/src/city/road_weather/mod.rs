//! Which roads does the weather make dangerous?
//!
//! ```text
//!  readings ─▶ when was it wet? ─┐
//!  weather ─────────────────────┴─▶ surface at each station ─┐
//!     └──▶ where stations are ──▶ nearest station ───────────┴─▶ cells ──▶ segments
//!  segments ──▶ cells with roads ───────┘                                     ▲
//!     └───────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! The weather of a station holds for the roads around it: the plane is cut into cells of some 500 m, and a cell takes the
//! nearest station within [`STATION_REACH`] of its middle. A segment lies in the cell of its middle vertex. What the surface
//! is like follows from the station's weather of the last hour by rule ([`Surface::of`]).
//!
//! A weather message costs nothing here unless the station moved or its roads changed their state.

mod surface;

use serde::{Deserialize, Serialize};

use super::cells::{Cell, Grid};
use super::weather::StationWeather;
use crate::model::{Id, Kind, Millimetres, Placed, Point, Ratio, Segment, Weather, distance_mm};
use crate::view::View;
use crate::{Horizon, Rows, Settings};

pub use surface::{DRIES_MS, FREEZES_MS, Surface, Wetness, dew_point};
use surface::{Memory, State, says_something, surfaces};

/// Every segment that is not dry.
pub const ROAD_WEATHER: View<Id, RoadWeather> = View::new("road_weather");

/// The weather's effect on a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoadWeather {
    /// State of its surface.
    pub surface: Surface,
    /// Friction that a tyre finds, of 1.
    pub grip: Ratio,
    /// Whether the surface temperature was estimated from the air's.
    pub estimated: bool,
    /// The station it was judged by.
    pub station: Id,
}

/// The weather of a station is believed this far around it. (Our choice.)
pub const STATION_REACH: Millimetres = Millimetres(3_000_000);

/// Height of a cell; weather does not differ within one.
const CELL: Millimetres = Millimetres(500_000);

/// Which roads does the weather make dangerous? Every segment that is not dry, by the nearest station that says anything of
/// the road; of equally near stations the one with the smallest id. A segment without a station in reach is not listed.
///
/// | time | weather                | segments | output                       |
/// |-----:|------------------------|----------|------------------------------|
/// |    0 |                        | +north   |                              |
/// |    1 | +(s, 5 °C, 2 mm)       |          | +(north, wet, grip 0.70)     |
/// |    2 | -(s, 5 °C, 2 mm) +(s, 5 °C, 0 mm) | |                             |
/// | 1801 |                        |          | -(north, wet, grip 0.70)     |
///
/// (times in seconds.) `readings` tell when it was wet before, `weather` what is now.
///
/// ```
/// # use smartcity_dataflow::{Rows, Settings, testing::{at, id, said, trace}};
/// # use smartcity_dataflow::city::{road_weather::{Surface, road_weather}, weather::weather};
/// # use smartcity_dataflow::model::{Kmh, Milli, Millimetres, Placed, Point, RoadClass, Segment, Weather};
/// # let here = Point { lat: 377_700_000, lon: -1_224_200_000 };
/// # let segment = move || Segment {
/// #     id: id("north"), road: id("road"), zone: None, class: RoadClass::Primary, lanes: 1, free_flow: Kmh(50_000),
/// #     length: Millimetres(100_000), line: [here, here.shifted(0, 100_000)].into(), next: [].into(),
/// # };
/// // Rain at five degrees, 1 km from the segment.
/// let rain = Weather { temperature: Some(Milli(5_000)), precipitation: Some(Milli(2_000)), ..Weather::default() };
/// let mut reading = said("s", 10, 1, rain);
/// reading.reading.place = Some(here.shifted(1_000_000, 0));
/// let output = trace(
///     &[at(1, reading)],
///     move |readings: Rows<'_, Placed<Weather>>| {
///         let segments = readings.clone().map(move |_| segment());
///         let stations = readings.clone().flat_map(|_| None);
///         let settings = Settings::default();
///         let newest = weather(readings.clone(), stations, &settings);
///         road_weather(readings, newest, segments, &settings).map(|(segment, row)| (segment, row.surface, row.grip.0))
///     },
///     10,
/// );
/// assert_eq!(output, [(1, (id("north"), Surface::Wet, 7_000), 1)]);
/// ```
pub fn road_weather<'s>(
    readings: Rows<'s, Placed<Weather>>,
    weather: Rows<'s, (Id, StationWeather)>,
    segments: Rows<'s, Segment>,
    settings: &Settings,
) -> Rows<'s, (Id, RoadWeather)> {
    let memory = Memory { dries_ms: DRIES_MS, freezes_ms: FREEZES_MS, tick_ms: settings.tick_ms };
    on_segments(readings, weather, segments, memory)
}

/// How long a reading of rain keeps roads wet.
pub fn horizon(kind: Kind, _: &Settings) -> Option<Horizon> {
    (kind == Kind::Weather).then(|| Horizon::of_arrival(DRIES_MS.max(FREEZES_MS)))
}

fn on_segments<'s>(
    readings: Rows<'s, Placed<Weather>>,
    weather: Rows<'s, (Id, StationWeather)>,
    segments: Rows<'s, Segment>,
    memory: Memory,
) -> Rows<'s, (Id, RoadWeather)> {
    let grid = Grid::of_cells(CELL);
    let roads = segments
        .flat_map(move |segment| Some((grid.cell(*segment.line.get(segment.line.len() / 2)?), segment.id)))
        .arrange_by_key();
    let cells = roads.clone().as_collection(|cell, _| *cell).distinct();
    let stations = weather
        .clone()
        .flat_map(|(station, row)| row.place.filter(|_| says_something(&row.weather)).map(|place| (station, place)));
    nearest_stations(stations, cells, grid)
        .map(|(cell, station)| (station, cell))
        .join_map(surfaces(readings, weather, memory), |station, cell, state| (*cell, (*station, *state)))
        .arrange_by_key()
        .join_core(roads, |_, &(station, State { surface, estimated }), segment| {
            Some((*segment, RoadWeather { surface, grip: surface.grip(), estimated, station }))
        })
}

/// Which station is nearest to each cell?
fn nearest_stations<'s>(stations: Rows<'s, (Id, Point)>, cells: Rows<'s, Cell>, grid: Grid) -> Rows<'s, (Cell, Id)> {
    stations
        .consolidate() // another word of a station that did not move ends here
        .flat_map(move |(station, place)| {
            grid.around(place, STATION_REACH)
                .map(move |cell| (cell, (distance_mm(grid.middle(cell), place), station)))
                .filter(|(_, (distance, _))| *distance <= STATION_REACH)
        })
        .semijoin(cells)
        .reduce_named("NearestStation", |_, stations, output| {
            output.extend(stations.first().map(|((_, station), _)| (*station, 1)));
        })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;
    use crate::Time;
    use crate::model::{Kmh, Milli, Millis, RoadClass, Sky};
    use crate::testing::{Update, assert_invariant, assert_oracle, at, gone, id, names, present, said, table, trace};

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    enum Row {
        Said(Placed<Weather>),
        Newest(Id, StationWeather),
        Segment(Segment),
    }

    const TOWN: Point = Point { lat: 377_700_000, lon: -1_224_200_000 };

    /// Times in minutes, so that a trace is short.
    const MEMORY: Memory = Memory { dries_ms: 30, freezes_ms: 60, tick_ms: 5 };

    fn build(rows: Rows<'_, Row>) -> Rows<'_, (Id, RoadWeather)> {
        let placed = rows.clone().flat_map(|row| if let Row::Said(placed) = row { Some(placed) } else { None });
        let segments = rows.clone().flat_map(|row| if let Row::Segment(segment) = row { Some(segment) } else { None });
        let weather = rows.flat_map(|row| if let Row::Newest(id, weather) = row { Some((id, weather)) } else { None });
        on_segments(placed, weather, segments, MEMORY)
    }

    fn place((east, north): (i64, i64)) -> Point {
        TOWN.shifted(east * 1_000, north * 1_000)
    }

    fn segment(name: &str, at: (i64, i64)) -> Row {
        Row::Segment(Segment {
            id: id(name),
            road: id("road"),
            zone: None,
            class: RoadClass::Primary,
            lanes: 1,
            free_flow: Kmh(50_000),
            length: Millimetres(100_000),
            line: [place(at), place(at)].into(),
            next: [].into(),
        })
    }

    fn sky(degrees: i64, millimetres: i64) -> Weather {
        let (temperature, precipitation) = (Some(Milli(degrees * 1_000)), Some(Milli(millimetres * 1_000)));
        Weather { temperature, precipitation, ..Weather::default() }
    }

    fn newest(station: &str, at: (i64, i64), weather: Weather) -> Row {
        Row::Newest(id(station), StationWeather { time: Millis(0), place: Some(place(at)), weather })
    }

    fn reading(station: &str, arrived: Time, weather: Weather) -> Row {
        Row::Said(said(station, 0, arrived, weather))
    }

    fn check(updates: &[Update<Row>], expected: expect_test::Expect) {
        let brief = |(segment, row): (Id, RoadWeather)| (segment, row.surface, row.grip.0, row.estimated, row.station);
        let output = trace(updates, move |rows: Rows<'_, Row>| build(rows).map(brief), 200);
        expected.assert_eq(&names(&["north", "south", "hill", "quay"]).scope(|| table(&output)));
    }

    #[test]
    fn a_road_dries_after_half_an_hour_and_freezes_within_an_hour() {
        check(
            &[
                at(0, segment("north", (0, 0))),
                at(1, newest("hill", (900, 0), sky(5, 2))),
                at(1, reading("hill", 1, sky(5, 2))),
                gone(10, newest("hill", (900, 0), sky(5, 2))),
                at(10, newest("hill", (900, 0), sky(5, 0))),
                gone(50, newest("hill", (900, 0), sky(5, 0))),
                at(50, newest("hill", (900, 0), sky(0, 0))),
            ],
            expect![[r#"
                1 +1 (north, Wet, 7000, true, hill)
                35 -1 (north, Wet, 7000, true, hill)
                50 +1 (north, Ice, 4000, true, hill)
                65 -1 (north, Ice, 4000, true, hill)
            "#]],
        );
    }

    #[test]
    fn a_withdrawn_reading_was_never_wet() {
        check(
            &[
                at(0, segment("north", (0, 0))),
                at(1, newest("hill", (900, 0), sky(5, 0))),
                at(1, reading("hill", 1, sky(5, 2))),
                gone(7, reading("hill", 1, sky(5, 2))),
            ],
            expect![[r#"
                1 +1 (north, Wet, 7000, true, hill)
                7 -1 (north, Wet, 7000, true, hill)
            "#]],
        );
    }

    #[test]
    fn the_nearest_station_within_three_kilometres_counts() {
        check(
            &[
                at(0, segment("north", (0, 0))),
                at(0, segment("south", (0, -4_500))),
                at(1, newest("hill", (2_000, 0), sky(5, 2))),
                at(2, newest("quay", (1_000, 0), sky(-5, 2))),
                gone(3, newest("quay", (1_000, 0), sky(-5, 2))),
                at(3, newest("quay", (1_000, 0), sky(-5, 0))),
                gone(4, newest("quay", (1_000, 0), sky(-5, 0))),
                at(5, newest("quay", (0, -3_000), sky(-5, 2))),
            ],
            expect![[r#"
                1 +1 (north, Wet, 7000, true, hill)
                2 +1 (north, Ice, 4000, true, quay)
                2 -1 (north, Wet, 7000, true, hill)
                3 -1 (north, Ice, 4000, true, quay)
                4 +1 (north, Wet, 7000, true, hill)
                5 +1 (south, Ice, 4000, true, quay)
            "#]],
        );
    }

    #[test]
    fn a_message_that_changes_nothing_costs_nothing_on_the_segments() {
        let mut updates: Vec<_> = (0..50).map(|i| at(0, segment(&format!("s{i}"), (i * 20, 0)))).collect();
        for minute in 1..30i64 {
            let weather = |minute| newest("hill", (900, 0), sky(5 + minute % 3, 2));
            updates.push(at(minute as Time, weather(minute)));
            updates.push(gone(minute as Time + 1, weather(minute)));
        }
        let seen = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&seen);
        trace(
            &updates,
            move |rows: Rows<'_, Row>| {
                let count = Arc::clone(&count);
                build(rows).inspect(move |_| {
                    count.fetch_add(1, Ordering::Relaxed);
                })
            },
            20,
        );
        assert_eq!(seen.load(Ordering::Relaxed), 50, "each segment turns wet once");
    }

    /// For every segment: the nearest station that says anything, its newest weather, and how long ago it was wet.
    fn naive(seen: &[Update<Row>], now: Time) -> Vec<(Id, RoadWeather)> {
        let rows = present(seen);
        let grid = Grid::of_cells(CELL);
        let last_wet = |station: Id| {
            let wet = rows.iter().filter_map(|row| match row {
                Row::Said(placed) if placed.reading.device == station => {
                    (placed.reading.body.precipitation > Some(Milli(100))).then_some(placed.reading.arrived)
                }
                _ => None,
            });
            wet.max()
        };
        let rounded = |time: Time| time.div_ceil(5) * 5;
        let mut output = Vec::new();
        for row in &rows {
            let Row::Segment(segment) = row else { continue };
            let middle = grid.middle(grid.cell(segment.line[1]));
            let mut stations: Vec<_> = rows
                .iter()
                .filter_map(|row| match row {
                    Row::Newest(station, row) => Some((distance_mm(middle, row.place?), *station, row.weather)),
                    _ => None,
                })
                .filter(|(distance, _, weather)| distance.0 <= 3_000_000 && weather.temperature.is_some())
                .collect();
            stations.sort();
            let Some((_, station, weather)) = stations.first() else { continue };
            let wetness = match last_wet(*station) {
                Some(wet) if now < rounded(wet + 30) => Wetness::Wet,
                Some(wet) if now < rounded(wet + 60) => Wetness::Damp,
                _ => Wetness::Dry,
            };
            output.extend(Surface::of(weather, wetness).map(|surface| {
                (segment.id, RoadWeather { surface, grip: surface.grip(), estimated: true, station: *station })
            }));
        }
        output
    }

    /// Changes as `weather` and the city make them: at a time, one row for each station and segment.
    fn changes() -> impl Strategy<Value = Vec<Update<Row>>> {
        let spot = || (0..5i64, 0..2i64).prop_map(|(east, north)| (east * 1_300, north * 900));
        let station = || prop::sample::select(vec!["hill", "quay", "pier"]);
        let segments = (0..6usize, spot()).prop_map(|(name, spot)| segment(&format!("s{name}"), spot));
        let weather = || {
            let degrees = prop::sample::select(vec![-3, 1, 5]);
            let silent = Just(Weather { sky: None, ..Weather::default() });
            let snowy = Just(Weather { sky: Some(Sky::Snow), ..sky(-1, 1) });
            prop_oneof![6 => (degrees, 0..2i64).prop_map(|(degrees, rain)| sky(degrees, rain)), 1 => silent, 1 => snowy]
        };
        let stations =
            (station(), spot(), weather()).prop_map(|(station, spot, weather)| newest(station, spot, weather));
        let said =
            (station(), 0..60u64, weather()).prop_map(|(station, arrived, weather)| reading(station, arrived, weather));
        let rows = prop_oneof![2 => segments, 2 => stations, 2 => said];
        prop::collection::vec((rows, 0..60u64, 1..60u64), 0..30).prop_map(|rows| {
            let mut free = BTreeMap::new();
            let mut updates = Vec::new();
            for (row, time, life) in rows {
                let (key, time, life) = match &row {
                    Row::Said(placed) => (placed.reading.id, placed.reading.arrived + time / 10, life * 2),
                    Row::Newest(station, _) => (*station, time, life),
                    Row::Segment(segment) => (segment.id, time, life * 2),
                };
                let from = time.max(*free.get(&key).unwrap_or(&0));
                free.insert(key, from + life);
                updates.extend([at(from, row.clone()), gone(from + life, row)]);
            }
            updates
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_segment_is_as_its_nearest_station_says(updates in changes()) {
            assert_oracle(&updates, 150, build, naive);
        }
    }

    #[test]
    fn neither_order_nor_workers_show() {
        let updates: Vec<_> = (0..30i64)
            .flat_map(|i| {
                let (station, time) = (["hill", "quay", "pier"][i as usize % 3], i as Time / 3 * 4);
                let row = newest(station, (i % 3 * 1_500, 0), sky(i * 5 % 9 - 4, i % 2));
                [at(time, row.clone()), gone(time + 4, row), at(time, reading(station, time, sky(1, i % 2)))]
            })
            .chain((0..20).map(|i| at(i as Time % 7, segment(&format!("s{i}"), (i * 200, 100)))))
            .collect();
        assert_invariant(&updates, 120, build);
    }
}
