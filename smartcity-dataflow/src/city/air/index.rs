//! EPA's Air Quality Index.
//!
//! Each pollutant's concentration is truncated to the precision of its table, interpolated between the breakpoints of its
//! band and rounded half up. The tables are those of EPA-454/B-24-002 (May 2024), "Technical Assistance Document for the
//! Reporting of Daily Air Quality".

use serde::{Deserialize, Serialize};

use crate::model::{Milli, Quantity};

/// The categories of EPA's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AirCategory {
    /// 0 to 50.
    Good,
    /// 51 to 100.
    Moderate,
    /// 101 to 150.
    UnhealthyForSensitiveGroups,
    /// 151 to 200.
    Unhealthy,
    /// 201 to 300.
    VeryUnhealthy,
    /// 301 and more.
    Hazardous,
}

impl AirCategory {
    /// The category of an index.
    pub fn of(index: u16) -> Self {
        match index {
            0..=50 => Self::Good,
            51..=100 => Self::Moderate,
            101..=150 => Self::UnhealthyForSensitiveGroups,
            151..=200 => Self::Unhealthy,
            201..=300 => Self::VeryUnhealthy,
            301.. => Self::Hazardous,
        }
    }
}

/// The highest index there is.
pub const WORST: u16 = 500;

/// Upper ends of the bands of the index.
const INDEX_TOPS: [i64; 6] = [50, 100, 150, 200, 300, WORST as i64];

/// A pollutant's breakpoints. In steps of the table's precision its bands follow each other without a gap.
struct Scale {
    /// Thousandths of the canonical unit in a step.
    step: i64,
    /// Lower end of the first band, steps.
    from: i64,
    /// Upper ends of the bands, steps.
    tops: &'static [i64],
    /// Upper ends of the same bands of the index.
    index_tops: &'static [i64],
    /// Lower end of the first band of the index.
    index_from: i64,
}

impl Scale {
    const fn full(step: i64, tops: &'static [i64; 6]) -> Self {
        Self { step, from: 0, tops, index_tops: &INDEX_TOPS, index_from: 0 }
    }

    /// The index of a concentration: `None` below the table, its top above it.
    fn index(&self, value: Milli) -> Option<u16> {
        let steps = value.0.div_euclid(self.step); // truncated
        let (mut low, mut index_low) = (self.from, self.index_from);
        for (&high, &index_high) in self.tops.iter().zip(self.index_tops) {
            if (low..=high).contains(&steps) {
                let (rise, run) = ((index_high - index_low) * (steps - low), high - low);
                return u16::try_from(index_low + (2 * rise + run) / (2 * run)).ok(); // rounded half up
            }
            (low, index_low) = (high + 1, index_high + 1);
        }
        (steps >= low).then_some(index_low - 1).and_then(|top| u16::try_from(top).ok())
    }
}

/// Fine particles, 24 h, steps of 0.1 µg/m³.
const PM25: Scale = Scale::full(100, &[90, 354, 554, 1_254, 2_254, 3_254]);
/// Coarse particles, 24 h, steps of 1 µg/m³.
const PM10: Scale = Scale::full(1_000, &[54, 154, 254, 354, 424, 604]);
/// Ozone, 8 h, steps of 1 ppb; no band above 300.
const O3_8H: Scale =
    Scale { step: 1_000, from: 0, tops: &[54, 70, 85, 105, 200], index_tops: INDEX_TOPS.split_at(5).0, index_from: 0 };
/// Ozone, 1 h, steps of 1 ppb; no band below 101.
const O3_1H: Scale = Scale {
    step: 1_000,
    from: 125,
    tops: &[164, 204, 404, 604],
    index_tops: INDEX_TOPS.split_at(2).1,
    index_from: 101,
};
/// Nitrogen dioxide, 1 h, steps of 1 ppb.
const NO2: Scale = Scale::full(1_000, &[53, 100, 360, 649, 1_249, 2_049]);
/// Sulphur dioxide, 1 h up to an index of 200 and 24 h above, steps of 1 ppb.
const SO2: Scale = Scale::full(1_000, &[35, 75, 185, 304, 604, 1_004]);
/// Carbon monoxide, 8 h, steps of 0.1 ppm.
const CO: Scale = Scale::full(100, &[44, 94, 124, 154, 304, 504]);

/// EPA's index of a concentration.
///
/// `value` is in thousandths of µg/m³ for particles, of ppb for O3, NO2 and SO2, of ppm for CO. `None` for what is not a
/// pollutant of the index, and for a negative concentration.
///
/// Ozone has an 8-hour table that ends at 200 ppb and a 1-hour table that begins at 125 ppb. EPA takes the higher index of
/// the two. Above 200 ppb the 8-hour index stays at its top, 300, so that worse air never reads as better. Above the top
/// breakpoint of a pollutant the index is [`WORST`].
///
/// ```
/// use smartcity_dataflow::{city::air::aqi, model::{Milli, Quantity}};
/// assert_eq!(aqi(Quantity::Pm25, Milli(9_049)), Some(50)); // 9.049 is truncated to 9.0
/// assert_eq!(aqi(Quantity::O3, Milli(75_000)), Some(115));
/// assert_eq!(aqi(Quantity::Noise, Milli(75_000)), None);
/// ```
pub fn aqi(quantity: Quantity, value: Milli) -> Option<u16> {
    match quantity {
        Quantity::Pm25 => PM25.index(value),
        Quantity::Pm10 => PM10.index(value),
        Quantity::O3 => O3_8H.index(value).max(O3_1H.index(value)),
        Quantity::No2 => NO2.index(value),
        Quantity::So2 => SO2.index(value),
        Quantity::Co => CO.index(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::recorded;

    const POLLUTANTS: [Quantity; 6] =
        [Quantity::Pm25, Quantity::Pm10, Quantity::O3, Quantity::No2, Quantity::So2, Quantity::Co];

    #[test]
    fn the_index_rounds_half_up_and_ends_at_500() {
        for (quantity, value, index) in [
            (Quantity::Pm25, 40_000, 112),
            (Quantity::Pm25, 80_000, 168),
            (Quantity::Pm25, 200_000, 275),
            (Quantity::Pm25, 9_099, 50),
            (Quantity::Pm25, 325_400, 500),
            (Quantity::Pm25, 400_000, 500),
            (Quantity::Pm10, 155_000, 101),
            (Quantity::No2, 53_999, 50),
            (Quantity::So2, 304_000, 200),
            (Quantity::So2, 305_000, 201),
            (Quantity::Co, 9_499, 100),
            (Quantity::O3, 200_000, 300),
            (Quantity::O3, 201_000, 300),
            (Quantity::O3, 405_000, 301),
            (Quantity::O3, 605_000, 500),
        ] {
            assert_eq!(aqi(quantity, Milli(value)), Some(index), "{quantity:?} {value}");
        }
        assert_eq!(aqi(Quantity::Pm25, Milli(-1)), None);
    }

    /// EPA's tables and vectors, where they are at hand.
    fn published() -> Option<serde_json::Value> {
        let text = std::fs::read_to_string(recorded("aqi_oracle/aqi_epa.json")?).unwrap();
        Some(serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn the_index_agrees_with_the_published_tables() {
        let Some(published) = published() else { return };
        let mut compared = 0;
        let mut compare = |quantity, value: &serde_json::Value, to_unit: i64, index: &serde_json::Value| {
            let value = Milli(Milli::from_f64(value.as_f64().unwrap()).unwrap().0 * to_unit);
            assert_eq!(aqi(quantity, value).map(u64::from), index.as_u64(), "{quantity:?} {value:?}");
            compared += 1;
        };
        for (table, quantity, to_unit) in [
            ("pm25_24h_2024", Quantity::Pm25, 1),
            ("pm10_24h", Quantity::Pm10, 1),
            ("o3_8h_ppm_2015", Quantity::O3, 1_000),
            ("co_8h_ppm", Quantity::Co, 1),
            ("so2_1h_ppb", Quantity::So2, 1),
            ("so2_24h_ppb", Quantity::So2, 1),
            ("no2_1h_ppb", Quantity::No2, 1),
        ] {
            for band in published[table].as_array().unwrap() {
                compare(quantity, &band[0], to_unit, &band[2]);
                compare(quantity, &band[1], to_unit, &band[3]);
            }
        }
        // Below 201 ppb the 8-hour table gives the higher index.
        let top = &published["o3_1h_ppm"][3];
        compare(Quantity::O3, &top[0], 1_000, &top[2]);
        compare(Quantity::O3, &top[1], 1_000, &top[3]);
        for vector in published["pm25_2024_vectors"].as_array().unwrap() {
            compare(Quantity::Pm25, &vector[0], 1, &vector[1]);
        }
        assert!(compared > 60, "only {compared} comparisons");
    }

    proptest! {
        #[test]
        fn more_of_a_pollutant_never_reads_as_better_air(
            which in 0..POLLUTANTS.len(), value in 0..700_000i64, more in 0..700_000i64,
        ) {
            let index = |value| aqi(POLLUTANTS[which], Milli(value)).unwrap();
            prop_assert!(index(value) <= index(value + more));
            prop_assert!(index(value + more) <= WORST);
        }
    }
}
