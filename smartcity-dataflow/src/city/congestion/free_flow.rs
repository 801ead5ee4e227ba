//! How fast would it go on an empty road?

use serde::{Deserialize, Serialize};

use crate::model::{CityRow, Id, Kmh, Millimetres, Segment};
use crate::operators::{Aggregate, aggregate};
use crate::{Diff, Rows};

/// A length of road and its free-flow speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FreeFlow {
    /// The length.
    pub length: Millimetres,
    /// The speed.
    pub speed: Kmh,
}

/// What a street is to its traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreetInfo {
    /// Length and free-flow speed.
    pub free_flow: FreeFlow,
    /// The zone in which its traffic counts.
    pub zone: Option<Id>,
}

impl FreeFlow {
    fn of(segment: &Segment) -> Self {
        Self { length: segment.length, speed: segment.free_flow }
    }
}

/// What every segment is, as the city's data says.
///
/// | time | city                              | output                          |
/// |-----:|-----------------------------------|---------------------------------|
/// |    0 | +(a, 100 m, 50 km/h)              | +(a, 100 m, 50 km/h)            |
/// |    1 | -(a, 100 m, 50 km/h) +(a, 100 m, 30 km/h) | -(a, 100 m, 50 km/h) +(a, 100 m, 30 km/h) |
///
/// ```
/// # use smartcity_dataflow::{city::congestion::{FreeFlow, info_of_segments}, model::*, testing::{at, trace}};
/// # let (road, id) = (Id::new(Namespace::Road, "market_st"), Id::new(Namespace::Segment, "a"));
/// # let (class, lanes, line, next) = (RoadClass::Primary, 1, [Point::default(); 2].into(), [].into());
/// let (length, speed) = (Millimetres(100_000), Kmh(50_000));
/// let segment = Segment { id, road, zone: None, class, lanes, free_flow: speed, length, line, next };
/// let known = trace(&[at(0, CityRow::Segment(segment))], info_of_segments, 5);
/// assert_eq!((known[0].1.0, known[0].1.1.free_flow), (id, FreeFlow { length, speed }));
/// ```
pub fn info_of_segments<'s>(city: Rows<'s, CityRow>) -> Rows<'s, (Id, StreetInfo)> {
    city.flat_map(|row| match row {
        CityRow::Segment(segment) => {
            Some((segment.id, StreetInfo { free_flow: FreeFlow::of(&segment), zone: segment.zone }))
        }
        _ => None,
    })
}

/// Length and mean free-flow speed, by length, of every named road.
///
/// | time | city                                     | output                         |
/// |-----:|------------------------------------------|--------------------------------|
/// |    0 | +(a of market_st, 100 m, 50 km/h)        | +(market_st, 100 m, 50 km/h)   |
/// |    1 | +(b of market_st, 300 m, 30 km/h)        | -(market_st, 100 m, 50 km/h) +(market_st, 400 m, 35 km/h) |
/// |    2 | -(a of market_st, 100 m, 50 km/h)        | -(market_st, 400 m, 35 km/h) +(market_st, 300 m, 30 km/h) |
///
/// ```
/// # use smartcity_dataflow::{city::congestion::{FreeFlow, info_of_roads}, model::*, testing::{at, trace}};
/// # let road = Id::new(Namespace::Road, "market_st");
/// let part = |name, metres: i64, kmh: i64| {
///     let (id, length, free_flow) = (Id::new(Namespace::Segment, name), Millimetres(metres * 1_000), Kmh(kmh * 1_000));
///     # let (class, lanes, line, next) = (RoadClass::Primary, 1, [Point::default(); 2].into(), [].into());
///     CityRow::Segment(Segment { id, road, zone: None, class, lanes, free_flow, length, line, next })
/// };
/// let known = trace(&[at(0, part("a", 100, 50)), at(0, part("b", 300, 30))], info_of_roads, 5);
/// assert_eq!(known[0].1.1.free_flow, FreeFlow { length: Millimetres(400_000), speed: Kmh(35_000) });
/// ```
pub fn info_of_roads<'s>(city: Rows<'s, CityRow>) -> Rows<'s, (Id, StreetInfo)> {
    let parts = city.flat_map(|row| match row {
        CityRow::Segment(segment) => Some((segment.road, FreeFlow::of(&segment))),
        _ => None,
    });
    aggregate::<_, _, RoadLength>(parts, "FreeFlow", |_| None)
        .map(|(road, free_flow)| (road, StreetInfo { free_flow, zone: None }))
}

#[derive(Debug, Default)]
struct RoadLength {
    segments: Diff,
    length: i64,
    weighted: i128,
}

impl Aggregate<FreeFlow> for RoadLength {
    type Output = FreeFlow;

    fn add(&mut self, part: FreeFlow, diff: Diff) {
        self.segments += diff;
        self.length += part.length.0 * diff as i64;
        self.weighted += i128::from(part.length.0) * i128::from(part.speed.0) * diff as i128;
    }

    fn output(&self) -> Option<FreeFlow> {
        let mean = self.weighted / i128::from(self.length.max(1));
        (self.segments > 0).then_some(FreeFlow { length: Millimetres(self.length), speed: Kmh(mean as i64) })
    }
}
