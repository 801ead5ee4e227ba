//! Quantities as fixed-point integers. The unit is in the type's doc; a person reads the unit that the doc names.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize, Serializer};

/// Writes `value / 10^decimals` as a number for people, and the integer itself everywhere else.
fn serialize_decimal<S: Serializer>(value: i64, decimals: u32, serializer: S) -> Result<S::Ok, S::Error> {
    #[expect(clippy::float_arithmetic, reason = "a decimal for people is the edge where floats appear")]
    if serializer.is_human_readable() {
        serializer.serialize_f64(value as f64 / 10f64.powi(decimals as i32))
    } else {
        serializer.serialize_i64(value)
    }
}

macro_rules! decimal {
    ($(#[$doc:meta])* $name:ident, $decimals:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        pub struct $name(pub i64);

        impl $name {
            /// Decimals behind the point when a person reads it.
            pub const DECIMALS: u32 = $decimals;

            /// The value for people.
            #[expect(clippy::float_arithmetic, reason = "a decimal for people is the edge where floats appear")]
            pub fn as_f64(self) -> f64 {
                self.0 as f64 / 10f64.powi($decimals)
            }

            /// The nearest fixed-point value, or `None` where `value` is not finite or does not fit.
            #[expect(clippy::float_arithmetic, reason = "a decimal from outside is the edge where floats appear")]
            pub fn from_f64(value: f64) -> Option<Self> {
                let scaled = (value * 10f64.powi($decimals)).round();
                (scaled.abs() < 9e15).then_some(Self(scaled as i64))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serialize_decimal(self.0, $decimals, serializer)
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
    };
}

decimal! {
    /// A speed in thousandths of a km/h, which is metres per hour; people read km/h.
    Kmh, 3
}
decimal! {
    /// A length in millimetres; people read metres.
    Millimetres, 3
}
decimal! {
    /// Thousandths of the unit that the field names: °C, %, mm, µg/m³, dB.
    Milli, 3
}
decimal! {
    /// A ratio in ten-thousandths.
    Ratio, 4
}

impl Kmh {
    /// The speed that covers `distance` in `time`; `None` where no time passes.
    ///
    /// ```
    /// use smartcity_dataflow::model::{Kmh, Millimetres};
    /// assert_eq!(Kmh::over(Millimetres(100_000), 10_000), Some(Kmh(36_000))); // 100 m in 10 s
    /// ```
    pub fn over(distance: Millimetres, millis: i64) -> Option<Self> {
        (millis > 0).then(|| Self(distance.0.saturating_mul(3_600) / millis))
    }
}

impl Ratio {
    /// One.
    pub const ONE: Self = Self(10_000);

    /// `part / whole`, or `None` where the whole is not positive.
    pub fn of(part: i64, whole: i64) -> Option<Self> {
        (whole > 0).then(|| Self((i128::from(part) * 10_000 / i128::from(whole)) as i64))
    }
}

/// An event time: milliseconds since the Unix epoch, UTC; people read RFC 3339 with `+00:00`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub struct Millis(pub i64);

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i64(self.0) }
    }
}

impl fmt::Display for Millis {
    /// RFC 3339 with `+00:00`, and milliseconds where there are any.
    ///
    /// Days are turned into dates as in Howard Hinnant's "chrono-compatible low-level date algorithms".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, millis) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000));
        let shifted = days + 719_468; // days since 0000-03-01
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        let (hours, minutes, seconds) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1_000 % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}")?;
        if millis % 1_000 != 0 {
            write!(f, ".{:03}", millis % 1_000)?;
        }
        f.write_str("+00:00")
    }
}

/// A direction of travel in hundredths of a degree, clockwise from north, 0 to 35,999; people read degrees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub struct Heading(u16);

impl Heading {
    const FULL_CIRCLE: i64 = 36_000;

    /// The heading of any angle in hundredths of a degree, wrapped into one turn.
    pub fn from_centidegrees(angle: i64) -> Self {
        Self(angle.rem_euclid(Self::FULL_CIRCLE) as u16)
    }

    /// Hundredths of a degree, 0 to 35,999.
    pub fn centidegrees(self) -> i64 {
        i64::from(self.0)
    }

    /// The smaller angle between two headings, 0 to 18,000 hundredths of a degree.
    pub fn difference(self, other: Self) -> i64 {
        let turn = (self.centidegrees() - other.centidegrees()).abs();
        turn.min(Self::FULL_CIRCLE - turn)
    }

    /// The heading of one of the 16 compass words, long or short, in any case: "North-East", "NNW".
    ///
    /// ```
    /// use smartcity_dataflow::model::Heading;
    /// assert_eq!(Heading::from_compass("north-east"), Some(Heading::from_centidegrees(4_500)));
    /// assert_eq!(Heading::from_compass("NNW"), Some(Heading::from_centidegrees(33_750)));
    /// assert_eq!(Heading::from_compass("up"), None);
    /// ```
    pub fn from_compass(word: &str) -> Option<Self> {
        const POINTS: [&str; 16] =
            ["N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"];
        let upper = word.to_ascii_uppercase();
        let short = upper
            .replace("NORTH", "N")
            .replace("EAST", "E")
            .replace("SOUTH", "S")
            .replace("WEST", "W")
            .replace([' ', '-', '_'], "");
        let point = POINTS.iter().position(|&point| point == short)?;
        Some(Self::from_centidegrees(point as i64 * 2_250))
    }
}

impl Serialize for Heading {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serialize_decimal(self.centidegrees(), 2, serializer)
        } else {
            serializer.serialize_u16(self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn millis_read_as_rfc_3339() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00+00:00"),
            (1_709_164_800_000, "2024-02-29T00:00:00+00:00"),
            (1_795_443_470_416, "2026-11-23T14:17:50.416+00:00"),
            (-1, "1969-12-31T23:59:59.999+00:00"),
        ] {
            assert_eq!(Millis(millis).to_string(), text);
        }
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused() {
        assert_eq!(Kmh::from_f64(f64::NAN), None);
        assert_eq!(Kmh::from_f64(f64::INFINITY), None);
        assert_eq!(Kmh::from_f64(1e300), None);
        assert_eq!(Kmh::from_f64(18.017_189), Some(Kmh(18_017)));
    }

    #[test]
    fn headings_wrap_and_differ_the_short_way_round() {
        let north_west = Heading::from_centidegrees(-4_500);
        assert_eq!(north_west.centidegrees(), 31_500);
        assert_eq!(north_west.difference(Heading::from_centidegrees(4_500)), 9_000);
    }
}
