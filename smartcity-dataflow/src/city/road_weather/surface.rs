//! What is the surface of the road like at a station?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::city::weather::StationWeather;
use crate::model::{Id, Milli, Placed, Ratio, Sky, Weather};
use crate::operators::{Keep, keyed, round_up};
use crate::{Diff, Rows, Time};

/// The state of a road surface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Surface {
    /// Rain that freezes on the road.
    FreezingRain,
    /// Snow or slush.
    Snow,
    /// Frozen wet.
    Ice,
    /// Frozen dew: black ice.
    Frost,
    /// Wet.
    Wet,
}

impl Surface {
    /// Friction that a tyre finds on it, of 1; a dry road gives 0.82. Of the frozen states it is the most that can be
    /// expected. (Values: New Hampshire's road weather programme.)
    pub const fn grip(self) -> Ratio {
        match self {
            Self::Wet => Ratio(7_000),
            Self::FreezingRain | Self::Snow | Self::Ice | Self::Frost => Ratio(4_000),
        }
    }

    /// The state of a surface by the weather over it; `None` where it is dry.
    ///
    /// The first of these that holds (our choice; names as in DATEX II), with Ts the surface's temperature, Ta the air's
    /// and Td the dew point:
    ///
    /// | state | condition |
    /// |---|---|
    /// | freezing rain | precipitation that is not snow, Ts ≤ 0 °C, Ta > 0 °C |
    /// | snow | snow falls, Ts ≤ 1 °C or unknown |
    /// | ice | Ts ≤ 0 °C, wet within the last hour |
    /// | frost | Ts ≤ 0 °C, Ts ≤ Td |
    /// | wet | wet now or within the last half hour |
    ///
    /// Precipitation is what the station measures, and wets a road above 0.1 mm/h; of a station that does not measure it, rain,
    /// snow or storm in the sky counts.
    ///
    /// Assumption: weather stations measure the air. The surface is taken to be 1 K colder, as on a clear night; by day this
    /// errs on the safe side.
    pub fn of(weather: &Weather, wetness: Wetness) -> Option<Self> {
        let surface = surface_temperature(weather);
        let freezing = surface.is_some_and(|surface| surface <= ZERO);
        let snowing = precipitates(weather, ZERO) && weather.sky == Some(Sky::Snow);
        let raining = precipitates(weather, ZERO) && !snowing;
        let wet = precipitates(weather, WETS_ABOVE);
        let dew_point = weather.temperature.zip(weather.humidity).and_then(|(air, humidity)| dew_point(air, humidity));
        if raining && freezing && weather.temperature > Some(ZERO) {
            Some(Self::FreezingRain)
        } else if snowing && surface.is_none_or(|surface| surface <= SNOW_LIES_UP_TO) {
            Some(Self::Snow)
        } else if freezing && (wet || wetness >= Wetness::Damp) {
            Some(Self::Ice)
        } else if freezing && surface <= dew_point {
            Some(Self::Frost)
        } else if wet || wetness == Wetness::Wet {
            Some(Self::Wet)
        } else {
            None
        }
    }
}

/// What is left of the last rain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Wetness {
    /// None that matters.
    Dry,
    /// Enough to freeze.
    Damp,
    /// Enough to be wet.
    Wet,
}

/// A road is wet for so long after rain, milliseconds.
pub const DRIES_MS: Time = 30 * 60 * 1_000;
/// So long after rain there is water to freeze, milliseconds.
pub const FREEZES_MS: Time = 60 * 60 * 1_000;

/// The surface is taken to be so much colder than the air, thousandths of a kelvin.
const SURFACE_BELOW_AIR: Milli = Milli(1_000);

/// Freezing point, °C; no precipitation, mm.
const ZERO: Milli = Milli(0);
/// Snow does not melt up to this temperature of the surface, °C.
const SNOW_LIES_UP_TO: Milli = Milli(1_000);
/// More precipitation than this in an hour wets a road, mm.
const WETS_ABOVE: Milli = Milli(100);

/// Temperature of the surface, estimated from the air's.
fn surface_temperature(weather: &Weather) -> Option<Milli> {
    weather.temperature.map(|air| air - SURFACE_BELOW_AIR)
}

fn precipitates(weather: &Weather, above: Milli) -> bool {
    let falls = matches!(weather.sky, Some(Sky::Rain | Sky::Snow | Sky::Storm));
    weather.precipitation.map_or(falls, |measured| measured > above)
}

/// Whether a road can be judged by what a station says.
pub(super) fn says_something(weather: &Weather) -> bool {
    weather.temperature.is_some() || weather.precipitation.is_some() || weather.sky.is_some()
}

/// Dew point of air of a temperature (thousandths of °C) and relative humidity (thousandths of %), in thousandths of °C;
/// `None` for dry air and below -200 °C.
///
/// Magnus formula, a = 17.625, b = 243.04 °C: γ = ln(RH / 100) + a T / (b + T), Td = b γ / (a − γ) (Alduchov and Eskridge
/// 1996). In integers; within 0.01 K of the formula above 1 % of humidity.
///
/// ```
/// use smartcity_dataflow::{city::road_weather::dew_point, model::Milli};
/// let dew_point = dew_point(Milli(20_000), Milli(50_000)).unwrap(); // 20 °C, 50 %
/// assert!((dew_point.0 - 9_261).abs() < 10); // 9.26 °C
/// ```
pub fn dew_point(temperature: Milli, humidity: Milli) -> Option<Milli> {
    const A: i64 = 17_625_000; // millionths
    const B: i64 = 243_040; // thousandths of °C
    if humidity <= ZERO || temperature < Milli(-200_000) {
        return None;
    }
    let gamma = ln_millionths(humidity.0.min(100_000), 100_000) + A * temperature.0 / (B + temperature.0);
    Some(Milli(B * gamma / (A - gamma)))
}

/// Natural logarithm of `part / whole` (above 0, at most 1), in millionths: the binary digits of the logarithm to base 2, by
/// squaring.
fn ln_millionths(part: i64, whole: i64) -> i64 {
    const ONE: i64 = 1 << 30;
    const LN_2: i64 = 693_147; // millionths
    let (mut power, mut logarithm) = (((part << 30) / whole).max(1), 0);
    while power < ONE {
        power <<= 1;
        logarithm -= 1;
    }
    for _ in 0..20 {
        power = (power * power) >> 30;
        logarithm <<= 1;
        if power >= 2 * ONE {
            power >>= 1;
            logarithm += 1;
        }
    }
    (logarithm * LN_2) >> 20
}

/// The surface at a station that is not dry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) surface: Surface,
    /// Whether a temperature was estimated for it.
    pub(super) estimated: bool,
}

/// How long a station's rain is remembered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    pub(super) dries_ms: Time,
    pub(super) freezes_ms: Time,
    pub(super) tick_ms: Time,
}

impl Memory {
    fn wet_until(self, wet: Time) -> Time {
        round_up(wet + self.dries_ms, self.tick_ms)
    }

    fn damp_until(self, wet: Time) -> Time {
        round_up(wet + self.freezes_ms, self.tick_ms)
    }
}

/// What is the surface like at each station that is not dry? By its newest weather, and by when a reading of it was last wet
/// (by the tick at which it came; a withdrawn reading was never wet).
///
/// The state is the newest weather of each station and its wet readings of the last hour.
pub(super) fn surfaces<'s>(
    readings: Rows<'s, Placed<Weather>>,
    weather: Rows<'s, (Id, StationWeather)>,
    memory: Memory,
) -> Rows<'s, (Id, State)> {
    let wet = readings
        .filter(|placed| precipitates(&placed.reading.body, WETS_ABOVE))
        .map(|placed| (placed.reading.device, Told::Wet(placed.reading.arrived)));
    let newest = weather.map(|(station, row)| (station, Told::Newest(row.weather)));
    keyed(newest.concat(wet), "Surfaces", move |station, known: &mut Known, turn| {
        turn.for_each_change(|turn, told, diff| match told {
            Told::Newest(weather) if diff > 0 => known.newest = Some(weather),
            Told::Newest(weather) => known.newest = known.newest.filter(|newest| *newest != weather),
            Told::Wet(at) if memory.damp_until(at) > turn.now() => {
                known.change_wet(at, diff);
                turn.wake(memory.wet_until(at));
                turn.wake(memory.damp_until(at));
            }
            Told::Wet(_) => {}
        });
        let wetness = known.wetness(turn.now(), memory);
        let surface = known.newest.and_then(|weather| {
            let estimated = surface_temperature(&weather).is_some();
            Surface::of(&weather, wetness).map(|surface| State { surface, estimated })
        });
        let before = std::mem::replace(&mut known.shown, surface);
        turn.replace(before.map(|state| (*station, state)), surface.map(|state| (*station, state)));
        if known.newest.is_none() && known.wet.is_empty() { Keep::No } else { Keep::Yes }
    })
}

/// What a station's state is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Told {
    /// Its newest weather.
    Newest(Weather),
    /// A reading that came then was wet.
    Wet(Time),
}

/// What is known of a station.
#[derive(Debug, Default)]
struct Known {
    newest: Option<Weather>,
    wet: BTreeMap<Time, Diff>,
    shown: Option<State>,
}

impl Known {
    fn change_wet(&mut self, at: Time, diff: Diff) {
        let readings = self.wet.entry(at).or_default();
        *readings += diff;
        if *readings == 0 {
            self.wet.remove(&at);
        }
    }

    /// What is left of the last rain; forgets what left nothing.
    fn wetness(&mut self, now: Time, memory: Memory) -> Wetness {
        self.wet.retain(|at, _| memory.damp_until(*at) > now);
        match self.wet.last_key_value() {
            Some((at, _)) if memory.wet_until(*at) > now => Wetness::Wet,
            Some(_) => Wetness::Damp,
            None => Wetness::Dry,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weather(degrees: i64, precipitation: Option<i64>, sky: Option<Sky>, humidity: Option<i64>) -> Weather {
        Weather {
            temperature: Some(Milli(degrees)),
            precipitation: precipitation.map(Milli),
            sky,
            humidity: humidity.map(Milli),
            ..Weather::default()
        }
    }

    #[test]
    fn the_first_rule_that_holds_names_the_state() {
        use Surface::{FreezingRain, Frost, Ice, Snow, Wet};
        use Wetness::{Damp, Dry};
        for (weather, wetness, state) in [
            (weather(500, Some(20), None, None), Dry, Some(FreezingRain)),
            (weather(500, Some(20), Some(Sky::Snow), None), Dry, Some(Snow)),
            (weather(2_000, None, Some(Sky::Snow), None), Dry, Some(Snow)),
            (weather(2_001, None, Some(Sky::Snow), None), Dry, Some(Wet)),
            (weather(-5_000, Some(0), Some(Sky::Snow), None), Dry, None),
            (weather(1_000, Some(0), None, None), Damp, Some(Ice)),
            (weather(-5_000, Some(200), None, None), Dry, Some(Ice)),
            (weather(1_001, Some(0), None, None), Damp, None),
            (weather(1_000, Some(0), None, Some(93_000)), Dry, None),
            (weather(1_000, Some(0), None, Some(94_000)), Dry, Some(Frost)),
            (weather(1_000, Some(0), None, None), Dry, None),
            (weather(9_000, Some(100), None, None), Dry, None),
            (weather(9_000, Some(101), None, None), Dry, Some(Wet)),
            (weather(9_000, Some(0), Some(Sky::Rain), None), Dry, None),
            (weather(9_000, None, Some(Sky::Storm), None), Dry, Some(Wet)),
            (weather(9_000, None, None, None), Wetness::Wet, Some(Wet)),
            (Weather { sky: Some(Sky::Snow), ..Weather::default() }, Dry, Some(Snow)),
            (Weather::default(), Damp, None),
        ] {
            assert_eq!(Surface::of(&weather, wetness), state, "{weather:?}, {wetness:?}");
        }
    }

    #[test]
    fn the_dew_point_follows_magnus() {
        for (degrees, percent, expected) in [
            (20_000, 50_000, 9_261),
            (0, 100_000, 0),
            (25_000, 60_000, 16_698),
            (-5_000, 80_000, -7_916),
            (35_000, 5_000, -10_263),
            (-20_000, 70_000, -24_067),
            (1_000, 93_000, -5),
        ] {
            let found = dew_point(Milli(degrees), Milli(percent)).unwrap();
            assert!((found.0 - expected).abs() <= 10, "{degrees} {percent}: {found:?}");
        }
        assert_eq!(dew_point(Milli(20_000), Milli(0)), None);
    }
}
