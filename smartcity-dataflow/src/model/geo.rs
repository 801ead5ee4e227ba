//! Geometry on a local plane, in integers.
//!
//! Within a city the earth is flat enough: at a point, a step in longitude is `cos(latitude)` of a step in latitude
//! (equirectangular projection; at 10 km the error is below 0.1 %).

use serde::{Deserialize, Serialize, Serializer};

use super::{Heading, Millimetres};

/// A place in units of 10⁻⁷ degrees (1.1 cm), WGS 84, as OpenStreetMap stores them; people read `[longitude, latitude]`
/// in degrees, as GeoJSON orders them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub struct Point {
    /// Latitude, -90° to 90°.
    pub lat: i32,
    /// Longitude, -180° to 180°.
    pub lon: i32,
}

/// Units of a [`Point`] in a degree.
const PER_DEGREE: i64 = 10_000_000;

/// Nanometres of one unit of latitude: a degree is 111,194.927 m on a sphere of 6,371,008.8 m (IUGG mean radius).
const NANOMETRES_PER_UNIT: i64 = 11_119_493;

impl Point {
    /// The point at `lat`, `lon` degrees, or `None` where they are not on earth.
    pub fn from_degrees(lat: f64, lon: f64) -> Option<Self> {
        let on_earth = (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon);
        #[expect(clippy::float_arithmetic, reason = "degrees from outside are the edge where floats appear")]
        on_earth.then(|| Self { lat: (lat * 1e7).round() as i32, lon: (lon * 1e7).round() as i32 })
    }

    /// Latitude and longitude in degrees, for people.
    #[expect(clippy::float_arithmetic, reason = "degrees for people are the edge where floats appear")]
    pub fn degrees(self) -> (f64, f64) {
        (f64::from(self.lat) / 1e7, f64::from(self.lon) / 1e7)
    }

    /// The point `east` and `north` millimetres from here.
    pub fn shifted(self, east: i64, north: i64) -> Self {
        let units = |millimetres: i64| millimetres * 1_000_000 / NANOMETRES_PER_UNIT;
        let lat = i64::from(self.lat) + units(north);
        let lon = i64::from(self.lon) + (units(east) << 20) / cos_q20(i64::from(self.lat)).max(1);
        Self { lat: lat as i32, lon: lon as i32 }
    }

    /// Offset from `origin` on the local plane, millimetres east and north.
    pub fn offset_mm(self, origin: Self) -> (i64, i64) {
        let north = i64::from(self.lat) - i64::from(origin.lat);
        let mut east = i64::from(self.lon) - i64::from(origin.lon);
        if east.abs() > 180 * PER_DEGREE {
            east -= east.signum() * 360 * PER_DEGREE; // the short way across the antimeridian
        }
        let mean_lat = i64::midpoint(i64::from(self.lat), i64::from(origin.lat));
        let millimetres = |units: i64| units * NANOMETRES_PER_UNIT / 1_000_000;
        ((millimetres(east) * cos_q20(mean_lat)) >> 20, millimetres(north))
    }
}

impl Serialize for Point {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let (lat, lon) = self.degrees();
            (lon, lat).serialize(serializer)
        } else {
            (self.lat, self.lon).serialize(serializer)
        }
    }
}

/// Cosine of a latitude in [`Point`] units, times 2²⁰; Taylor series to the tenth power, error below 10⁻⁶.
fn cos_q20(lat: i64) -> i64 {
    const ONE: i64 = 1 << 30;
    const RADIANS_PER_MILLION_UNITS: i64 = 1_874_033; // 2³⁰ · π / 180 / 10, per 10⁶ units
    let radians = lat.clamp(-90 * PER_DEGREE, 90 * PER_DEGREE) * RADIANS_PER_MILLION_UNITS / 1_000_000;
    let square = (radians * radians) >> 30;
    let mut sum = ONE;
    for divisor in [90, 56, 30, 12, 2] {
        sum = ONE - ((square * sum) >> 30) / divisor;
    }
    sum >> 10
}

/// Angle whose tangent is `part / whole` (0 to 1), in hundredths of a degree.
///
/// Abramowitz and Stegun 4.4.49, error below 10⁻⁵ rad.
fn atan_centidegrees(part: i64, whole: i64) -> i64 {
    const COEFFICIENTS: [i64; 5] = [20_835_100, -85_133_000, 180_141_000, -330_299_500, 999_866_000]; // times 10⁹
    let ratio = share(1_000_000_000, part, whole.max(1));
    let square = ratio * ratio / 1_000_000_000;
    let series = COEFFICIENTS.into_iter().reduce(|sum, next| sum * square / 1_000_000_000 + next).unwrap_or(0);
    const CENTIDEGREES_PER_RADIAN: i64 = 5_729_578; // times 10³
    ratio * series / 1_000_000_000 * CENTIDEGREES_PER_RADIAN / 1_000 / 1_000_000_000
}

fn heading_of(east: i64, north: i64) -> Heading {
    let (x, y) = (east.abs(), north.abs());
    let from_north = if x <= y { atan_centidegrees(x, y) } else { 9_000 - atan_centidegrees(y, x) };
    Heading::from_centidegrees(match (east >= 0, north >= 0) {
        (true, true) => from_north,
        (true, false) => 18_000 - from_north,
        (false, false) => 18_000 + from_north,
        (false, true) => -from_north,
    })
}

fn hypotenuse(east: i64, north: i64) -> i64 {
    if east.abs().max(north.abs()) < 1 << 31 {
        (east * east + north * north).isqrt()
    } else {
        let (east, north) = (i128::from(east), i128::from(north));
        (east * east + north * north).isqrt() as i64
    }
}

/// Distance between two points.
///
/// ```
/// use smartcity_dataflow::model::{Point, distance_mm};
/// let (a, b) = (Point { lat: 377_700_000, lon: -1_224_200_000 }, Point { lat: 377_700_000, lon: -1_224_190_000 });
/// assert_eq!(distance_mm(a, b).0 / 1_000, 87); // 0.001° of longitude at 37.77° north: 87.9 m
/// ```
pub fn distance_mm(a: Point, b: Point) -> Millimetres {
    let (east, north) = b.offset_mm(a);
    Millimetres(hypotenuse(east, north))
}

/// Whether two places are at most so far apart. Cheaper than their distance: most pairs that are not differ enough in latitude.
pub fn is_within(a: Point, b: Point, reach: Millimetres) -> bool {
    let north = (i64::from(b.lat) - i64::from(a.lat)) * NANOMETRES_PER_UNIT / 1_000_000;
    if north.abs() > reach.0 {
        return false;
    }
    let (east, north) = b.offset_mm(a);
    let square = |value: i64| i128::from(value) * i128::from(value);
    square(east) + square(north) < square(reach.0 + 1) // as whole millimetres, so that it agrees with `distance_mm`
}

/// Direction from `a` to `b`; `None` where they are one place.
pub fn bearing(a: Point, b: Point) -> Option<Heading> {
    (a != b).then(|| {
        let (east, north) = b.offset_mm(a);
        heading_of(east, north)
    })
}

/// Where a point falls on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Projection {
    /// From the point to the line.
    pub distance: Millimetres,
    /// From the start of the line to the nearest place on it.
    pub along: Millimetres,
    /// Direction of the line there.
    pub heading: Heading,
}

/// The nearest place to `point` on `line`; the first of equally near ones, `None` for a line of fewer than two points.
pub fn project(point: Point, line: &[Point]) -> Option<Projection> {
    let mut corners = line.iter().map(|corner| corner.offset_mm(point));
    let mut from = corners.next()?;
    let mut walked = 0;
    let mut nearest: Option<(i64, i64, (i64, i64))> = None;
    for to in corners {
        let leg = (to.0 - from.0, to.1 - from.1);
        let length = hypotenuse(leg.0, leg.1);
        if length > 0 {
            let along = scalar_over(from, leg, length).clamp(0, length);
            let part = |whole: i64| share(whole, along, length);
            let distance = if along == 0 {
                hypotenuse(from.0, from.1)
            } else if along == length {
                hypotenuse(to.0, to.1)
            } else {
                hypotenuse(from.0 + part(leg.0), from.1 + part(leg.1))
            };
            if nearest.is_none_or(|(least, ..)| distance < least) {
                nearest = Some((distance, walked + along, leg));
            }
            walked += length;
        }
        from = to;
    }
    nearest.map(|(distance, along, (east, north))| Projection {
        distance: Millimetres(distance),
        along: Millimetres(along),
        heading: heading_of(east, north),
    })
}

/// How far along a leg the origin falls: the scalar product of the way from the leg's start and the leg, over its length.
fn scalar_over(start: (i64, i64), leg: (i64, i64), length: i64) -> i64 {
    let is_small = [start.0, start.1, leg.0, leg.1].into_iter().all(|value| value.abs() < 1 << 30);
    if is_small {
        -(start.0 * leg.0 + start.1 * leg.1) / length
    } else {
        let product = |a: i64, b: i64| i128::from(a) * i128::from(b);
        (-(product(start.0, leg.0) + product(start.1, leg.1)) / i128::from(length)) as i64
    }
}

/// `whole * part / length`, where `part` is at most `length`.
fn share(whole: i64, part: i64, length: i64) -> i64 {
    match whole.checked_mul(part) {
        Some(product) => product / length,
        None => (i128::from(whole) * i128::from(part) / i128::from(length)) as i64,
    }
}

/// Length of a line.
pub fn length_mm(line: &[Point]) -> Millimetres {
    Millimetres(line.windows(2).map(|leg| distance_mm(leg[0], leg[1]).0).sum())
}

/// A box of latitudes and longitudes, edges included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Bounds {
    /// Its south-west corner.
    pub south_west: Point,
    /// Its north-east corner.
    pub north_east: Point,
}

impl Bounds {
    /// The smallest box around `points`; `None` for no points.
    pub fn around(points: impl IntoIterator<Item = Point>) -> Option<Self> {
        points.into_iter().fold(None, |bounds: Option<Self>, point| {
            let bounds = bounds.unwrap_or(Self { south_west: point, north_east: point });
            let (low, high) = (bounds.south_west, bounds.north_east);
            Some(Self {
                south_west: Point { lat: low.lat.min(point.lat), lon: low.lon.min(point.lon) },
                north_east: Point { lat: high.lat.max(point.lat), lon: high.lon.max(point.lon) },
            })
        })
    }

    /// Whether `point` lies in the box.
    pub fn contains(self, point: Point) -> bool {
        (self.south_west.lat..=self.north_east.lat).contains(&point.lat)
            && (self.south_west.lon..=self.north_east.lon).contains(&point.lon)
    }
}

/// A closed ring of a polygon; the last point need not repeat the first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ring(pub Vec<Point>);

impl Ring {
    /// Whether `point` lies inside, by the even-odd rule (so a hole is just another ring: inside an odd number of rings
    /// is inside the polygon).
    pub fn contains(&self, point: Point) -> bool {
        let points = &self.0;
        let mut inside = false;
        for (i, &b) in points.iter().enumerate() {
            let a = points[if i == 0 { points.len() - 1 } else { i - 1 }];
            if (a.lat > point.lat) != (b.lat > point.lat) {
                let (rise, up) = (i64::from(b.lat) - i64::from(a.lat), i64::from(point.lat) - i64::from(a.lat));
                let (run, right) = (i64::from(b.lon) - i64::from(a.lon), i64::from(point.lon) - i64::from(a.lon));
                let left_of_edge = i128::from(right) * i128::from(rise) < i128::from(run) * i128::from(up);
                inside ^= left_of_edge == (rise > 0);
            }
        }
        inside
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOWN: Point = Point { lat: 377_700_000, lon: -1_224_200_000 };

    #[test]
    fn bearings_go_clockwise_from_north() {
        for (east, north, centidegrees) in
            [(0, 100, 0), (100, 100, 4_500), (100, 0, 9_000), (0, -100, 18_000), (-100, 0, 27_000), (-100, 100, 31_500)]
        {
            let there = TOWN.shifted(east * 1_000, north * 1_000);
            let off = bearing(TOWN, there).unwrap().difference(Heading::from_centidegrees(centidegrees));
            assert!(off <= 2, "{east} east, {north} north is {off} off");
        }
        assert_eq!(bearing(TOWN, TOWN), None);
    }

    #[test]
    fn the_plane_agrees_with_the_sphere() {
        // 0.01 degrees of longitude at latitude 60 is half of that at the equator: 555.97 m
        let (a, b) = (Point { lat: 600_000_000, lon: 0 }, Point { lat: 600_000_000, lon: 100_000 });
        assert!((distance_mm(a, b).0 - 555_975).abs() < 20);
        let antimeridian = (Point { lat: 0, lon: 1_799_999_000 }, Point { lat: 0, lon: -1_799_999_000 });
        assert!((distance_mm(antimeridian.0, antimeridian.1).0 - 22_239).abs() < 5);
    }

    #[test]
    fn a_point_projects_onto_the_nearest_leg() {
        let line = [TOWN, TOWN.shifted(100_000, 0), TOWN.shifted(100_000, 50_000)];
        let found = project(TOWN.shifted(90_000, 30_000), &line).unwrap();
        assert!((found.distance.0 - 10_000).abs() < 20, "{found:?}");
        assert!((found.along.0 - 130_000).abs() < 40, "{found:?}");
        assert!(found.heading.difference(Heading::default()) < 5, "{found:?}");
        assert_eq!(project(TOWN, &line[..1]), None);
    }

    #[test]
    fn a_ring_holds_what_is_inside() {
        let at = |east, north| TOWN.shifted(east, north);
        let ring = Ring(vec![at(0, 0), at(10_000, 0), at(10_000, 10_000), at(5_000, 5_000), at(0, 10_000)]);
        assert!(ring.contains(at(1_000, 5_000)));
        assert!(!ring.contains(at(5_000, 8_000)), "the notch is outside");
        assert!(!ring.contains(at(-1_000, 5_000)));
    }

    /// Distance from the origin to a leg, and how far along that is, by finer fractions.
    fn project_slowly(from: (i64, i64), to: (i64, i64)) -> (i128, i128) {
        const FINE: i128 = 1_000_000;
        let [x, y, dx, dy] = [from.0, from.1, to.0 - from.0, to.1 - from.1].map(i128::from);
        let (square, dot, cross) = (dx * dx + dy * dy, -(x * dx + y * dy), x * dy - y * dx);
        if square == 0 || dot <= 0 {
            ((x * x + y * y).isqrt(), 0)
        } else if dot >= square {
            (((x + dx).pow(2) + (y + dy).pow(2)).isqrt(), square.isqrt())
        } else {
            let length = (square * FINE * FINE).isqrt();
            (cross.abs() * FINE / length, dot * FINE / length)
        }
    }

    /// A place within so many millimetres of the town.
    fn near(reach: i64) -> impl Strategy<Value = Point> {
        (-reach..reach, -reach..reach).prop_map(|(east, north)| TOWN.shifted(east, north))
    }

    proptest! {
        #[test]
        fn a_projection_is_that_of_the_nearest_leg(
            (point, line) in prop::sample::select(vec![50, 40_000, 3_000_000, 9_000_000_000])
                .prop_flat_map(|reach| (near(reach), prop::collection::vec(near(reach), 1..6)))
        ) {
            let found = project(point, &line);
            let corners: Vec<_> = line.iter().map(|corner| corner.offset_mm(point)).collect();
            let legs = corners.windows(2).scan(0, |walked, leg| {
                let (distance, along) = project_slowly(leg[0], leg[1]);
                let start = *walked;
                *walked += i128::from(hypotenuse(leg[1].0 - leg[0].0, leg[1].1 - leg[0].1));
                Some((distance, start + along, heading_of(leg[1].0 - leg[0].0, leg[1].1 - leg[0].1)))
            });
            let legs: Vec<_> = legs.collect();
            let least = legs.iter().map(|(distance, ..)| *distance).min();
            prop_assert_eq!(found.is_some(), line.windows(2).any(|leg| leg[0] != leg[1]));
            let Some(found) = found else { return Ok(()) };
            prop_assert!((i128::from(found.distance.0) - least.unwrap()).abs() <= 3, "{:?} {:?}", found, legs);
            // Where legs are equally near, it is one of them.
            let is_leg = |&(distance, along, heading): &(i128, i128, Heading)| {
                (distance - i128::from(found.distance.0)).abs() <= 3
                    && (along - i128::from(found.along.0)).abs() <= 6
                    && heading == found.heading
            };
            prop_assert!(legs.iter().any(is_leg), "{:?} {:?}", found, legs);
        }
    }
}
