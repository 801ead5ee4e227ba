//! In which unit is a quantity kept?
//!
//! | quantity | canonical unit | also read |
//! |---|---|---|
//! | PM2.5, PM10 | µg/m³ | mg/m³ |
//! | O₃, NO₂, SO₂ | ppb | ppm, µg/m³, mg/m³ |
//! | CO | ppm | ppb, µg/m³, mg/m³ |
//! | noise | dB(A) | |
//! | parking, loop occupancy | % | |
//! | loop count | a number | |
//! | loop speed | km/h | |
//!
//! A gas by mass is turned into one by volume at 20 °C and 1013 hPa, as European stations report it (Directive 2008/50/EC,
//! annex VI.C: 293 K): 1 ppb is 1.996 µg/m³ of O₃, 1.913 of NO₂, 2.66 of SO₂; 1 ppm is 1.164 mg/m³ of CO. The US index of
//! air quality is defined on volumes, hence the choice.
//!
//! A value without a unit (a bare number) is in the canonical one.

use crate::model::{Milli, Quantity, Sensor, Unit};

/// The unit in which a quantity is kept; `None` for a quantity that is not known, which keeps its own.
pub const fn canonical_unit(quantity: Quantity) -> Option<Unit> {
    Some(match quantity {
        Quantity::Noise => Unit::Decibel,
        Quantity::Parking | Quantity::LoopOccupancy => Unit::Percent,
        Quantity::LoopCount => Unit::Count,
        Quantity::LoopSpeed => Unit::Kmh,
        Quantity::Pm25 | Quantity::Pm10 => Unit::MicrogramsPerCubicMetre,
        Quantity::O3 | Quantity::No2 | Quantity::So2 => Unit::PartsPerBillion,
        Quantity::Co => Unit::PartsPerMillion,
        Quantity::Other(_) => return None,
    })
}

/// The same value in the canonical unit of its quantity, to the nearest thousandth; `None` where its unit is not one of the
/// quantity. What is too large to hold is the greatest that can be held.
///
/// ```
/// use smartcity_dataflow::{city::units::canonical, model::{Milli, Quantity, Sensor, Unit}};
/// let ozone = Sensor { quantity: Quantity::O3, value: Milli(120_000), unit: Unit::MicrogramsPerCubicMetre };
/// let by_volume = Sensor { value: Milli(60_120), unit: Unit::PartsPerBillion, ..ozone };
/// assert_eq!(canonical(ozone), Some(by_volume)); // 120 µg/m³ are 60.12 ppb
/// assert_eq!(canonical(Sensor { unit: Unit::Percent, ..ozone }), None);
/// ```
pub fn canonical(sensor: Sensor) -> Option<Sensor> {
    let Some(unit) = canonical_unit(sensor.quantity) else {
        return Some(sensor);
    };
    let (times, by) =
        if sensor.unit == unit || sensor.unit == Unit::Count { (1, 1) } else { factor(sensor.quantity, sensor.unit)? };
    Some(Sensor { value: scale(sensor.value, times, by), unit, ..sensor })
}

/// By what a value in `unit` is multiplied and divided to have it in the canonical unit.
const fn factor(quantity: Quantity, unit: Unit) -> Option<(i64, i64)> {
    use Unit::{MicrogramsPerCubicMetre, MilligramsPerCubicMetre, PartsPerBillion, PartsPerMillion};
    Some(match (quantity, unit) {
        (Quantity::Pm25 | Quantity::Pm10, MilligramsPerCubicMetre) => (1_000, 1),
        (Quantity::O3 | Quantity::No2 | Quantity::So2, PartsPerMillion) => (1_000, 1),
        (Quantity::O3, MicrogramsPerCubicMetre) => (1_000, 1_996),
        (Quantity::O3, MilligramsPerCubicMetre) => (1_000_000, 1_996),
        (Quantity::No2, MicrogramsPerCubicMetre) => (1_000, 1_913),
        (Quantity::No2, MilligramsPerCubicMetre) => (1_000_000, 1_913),
        (Quantity::So2, MicrogramsPerCubicMetre) => (1_000, 2_660),
        (Quantity::So2, MilligramsPerCubicMetre) => (1_000_000, 2_660),
        (Quantity::Co, PartsPerBillion) => (1, 1_000),
        (Quantity::Co, MilligramsPerCubicMetre) => (1_000, 1_164),
        (Quantity::Co, MicrogramsPerCubicMetre) => (1, 1_164),
        _ => return None,
    })
}

/// `value * times / by`, rounded half away from zero.
fn scale(value: Milli, times: i64, by: i64) -> Milli {
    let (product, by) = (i128::from(value.0) * i128::from(times), i128::from(by));
    let scaled = (product + product.signum() * by / 2) / by;
    Milli(i64::try_from(scaled).unwrap_or(if scaled < 0 { i64::MIN } else { i64::MAX }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Id, Namespace};

    fn in_canonical(quantity: Quantity, value: i64, unit: Unit) -> Option<(i64, Unit)> {
        canonical(Sensor { quantity, value: Milli(value), unit }).map(|sensor| (sensor.value.0, sensor.unit))
    }

    #[test]
    fn gases_by_mass_become_gases_by_volume_at_20_degrees() {
        use Unit::*;
        for (quantity, value, unit, expected) in [
            (Quantity::O3, 1_996, MicrogramsPerCubicMetre, (1_000, PartsPerBillion)),
            (Quantity::No2, 1_913, MicrogramsPerCubicMetre, (1_000, PartsPerBillion)),
            (Quantity::No2, 200_000, MicrogramsPerCubicMetre, (104_548, PartsPerBillion)),
            (Quantity::So2, 2_660, MicrogramsPerCubicMetre, (1_000, PartsPerBillion)),
            (Quantity::So2, 3, MilligramsPerCubicMetre, (1_128, PartsPerBillion)),
            (Quantity::Co, 1_164, MilligramsPerCubicMetre, (1_000, PartsPerMillion)),
            (Quantity::Co, 1_164_000, MicrogramsPerCubicMetre, (1_000, PartsPerMillion)),
            (Quantity::Co, 2_500, PartsPerBillion, (3, PartsPerMillion)),
            (Quantity::O3, 70, PartsPerMillion, (70_000, PartsPerBillion)),
            (Quantity::Pm10, 50, MilligramsPerCubicMetre, (50_000, MicrogramsPerCubicMetre)),
        ] {
            assert_eq!(in_canonical(quantity, value, unit), Some(expected), "{quantity:?} in {unit:?}");
        }
    }

    #[test]
    fn a_bare_number_is_in_the_canonical_unit() {
        assert_eq!(in_canonical(Quantity::Noise, 55_000, Unit::Count), Some((55_000, Unit::Decibel)));
        assert_eq!(in_canonical(Quantity::LoopCount, 7_000, Unit::Count), Some((7_000, Unit::Count)));
    }

    #[test]
    fn a_unit_of_another_quantity_is_not_guessed_at() {
        let furlong = Unit::Other(Id::new(Namespace::Text, "furlong"));
        for (quantity, unit) in [
            (Quantity::Noise, Unit::Percent),
            (Quantity::Pm25, Unit::PartsPerBillion),
            (Quantity::LoopSpeed, furlong),
            (Quantity::Parking, Unit::Decibel),
        ] {
            assert_eq!(in_canonical(quantity, 1, unit), None, "{quantity:?} in {unit:?}");
        }
    }

    #[test]
    fn a_quantity_that_is_not_known_keeps_its_unit() {
        let pollen = Quantity::Other(Id::new(Namespace::Text, "pollen"));
        assert_eq!(in_canonical(pollen, 5, Unit::Percent), Some((5, Unit::Percent)));
    }

    #[test]
    fn what_does_not_fit_is_the_greatest_that_does() {
        let most = in_canonical(Quantity::Pm25, i64::MAX, Unit::MilligramsPerCubicMetre);
        assert_eq!(most, Some((i64::MAX, Unit::MicrogramsPerCubicMetre)));
        let least = in_canonical(Quantity::Pm25, i64::MIN, Unit::MilligramsPerCubicMetre);
        assert_eq!(least, Some((i64::MIN, Unit::MicrogramsPerCubicMetre)));
    }

    proptest! {
        #[test]
        fn canonical_values_stay_as_they_are(sensor in crate::city::rules::sensors()) {
            if let Some(once) = canonical(sensor) {
                prop_assert_eq!(canonical(once), Some(once));
            }
        }

        /// Half a thousandth at most is lost by rounding.
        #[test]
        fn scaling_rounds_to_the_nearest(value: i64, times in 1..1_000_000i64, by in 1..3_000i64) {
            let scaled = scale(Milli(value), times, by).0;
            if scaled != i64::MAX && scaled != i64::MIN {
                let lost = i128::from(scaled) * i128::from(by) - i128::from(value) * i128::from(times);
                prop_assert!(2 * lost.abs() <= i128::from(by), "{} lost", lost);
            }
        }
    }
}
