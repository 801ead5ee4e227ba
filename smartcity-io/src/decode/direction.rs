//! A direction of travel, as feeds write it.

use smartcity_dataflow::model::Heading;

/// The heading of `degrees`, 0 to 360; `None` for a number that no direction has: what senders write for "not known" (-1,
/// 511, 65535), and a fault.
pub(super) fn from_degrees(degrees: f64) -> Option<Heading> {
    (0.0..=360.0).contains(&degrees).then(|| Heading::from_centidegrees((degrees * 100.0).round() as i64))
}

/// The heading of a compass word; `None` for another word.
///
/// The usual spellings are found without an allocation, which [`Heading::from_compass`] needs.
pub(super) fn from_word(word: &str) -> Option<Heading> {
    let point = match word {
        "North" | "N" => 0,
        "North-North-East" | "NNE" => 1,
        "North-East" | "NE" => 2,
        "East-North-East" | "ENE" => 3,
        "East" | "E" => 4,
        "East-South-East" | "ESE" => 5,
        "South-East" | "SE" => 6,
        "South-South-East" | "SSE" => 7,
        "South" | "S" => 8,
        "South-South-West" | "SSW" => 9,
        "South-West" | "SW" => 10,
        "West-South-West" | "WSW" => 11,
        "West" | "W" => 12,
        "West-North-West" | "WNW" => 13,
        "North-West" | "NW" => 14,
        "North-North-West" | "NNW" => 15,
        other => return Heading::from_compass(other),
    };
    Some(Heading::from_centidegrees(point * 2_250))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_words_mean_what_the_compass_says() {
        for word in ["North", "North-North-East", "North-East", "East-North-East", "East", "East-South-East"]
            .into_iter()
            .chain(["South-East", "South-South-East", "South", "South-South-West", "South-West", "West-South-West"])
            .chain(["West", "West-North-West", "North-West", "North-North-West", "N", "NNE", "NE", "ENE", "E", "ESE"])
            .chain(["SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW", "south_west", "nOrTh east", "up"])
        {
            assert_eq!(from_word(word), Heading::from_compass(word), "{word}");
        }
    }

    #[test]
    fn degrees_go_once_around() {
        for (degrees, centidegrees) in [(0.0, 0), (-0.0, 0), (15.355, 1_536), (359.999, 0), (360.0, 0)] {
            assert_eq!(from_degrees(degrees), Some(Heading::from_centidegrees(centidegrees)), "{degrees}");
        }
        for degrees in [-1.0, -0.001, 360.001, 361.0, 511.0, 655.35, 3_599.0, 65_535.0, 1e300, f64::NAN, f64::INFINITY]
        {
            assert_eq!(from_degrees(degrees), None, "{degrees}");
        }
    }
}
