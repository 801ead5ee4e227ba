//! Which roads does the weather make dangerous?

use serde::{Deserialize, Serialize};

use crate::model::{Id, Ratio};
use crate::view::View;

/// Every segment that is not dry.
pub const ROAD_WEATHER: View<Id, RoadWeather> = View::new("road_weather");

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

// STUB

use crate::Rows;
use crate::model::{CityRow, Segment};
pub fn segments<'s>(c: Rows<'s, CityRow>) -> Rows<'s, Segment> {
    c.flat_map(|r| if let CityRow::Segment(s) = r { Some(s) } else { None })
}
pub fn road_weather<'s>(
    s: Rows<'s, Segment>,
    _w: Rows<'s, (Id, super::weather::StationWeather)>,
) -> Rows<'s, (Id, RoadWeather)> {
    s.flat_map(|_| None::<(Id, RoadWeather)>)
}
