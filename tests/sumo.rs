//! A simulated hour of traffic whose truth is known.

mod batch;
#[path = "../examples/sumo/pack.rs"]
mod pack;
#[path = "../examples/sumo/score.rs"]
mod score;

use std::collections::BTreeMap;

use pack::{Pack, Replayed, Says, Speeds};
use score::Score;
use smartcity_dataflow::testing::recorded;

use crate::shared::rows_of;

/// Cars that say all, no heading, no speed, or 0 for every speed.
const ALL: Says = Says { heading: true, speed: Speeds::True };
const NO_HEADING: Says = Says { heading: false, ..ALL };
const NO_SPEED: Says = Says { speed: Speeds::None, ..ALL };
const ZERO_SPEED: Says = Says { speed: Speeds::Zero, ..ALL };

/// How near the truth the picture has to be.
struct Bounds {
    /// Least share of fixes on their true edge, %.
    matched: f64,
    /// Greatest mean error of the speed of an edge, km/h.
    speed: f64,
    /// Greatest mean error of the network's travel time index, %.
    index: f64,
}

/// What the engine makes of the pack in `folder` is as near the truth as `bounds` say; `None` where the pack is not there.
fn assert_near_the_truth(folder: &str, says: Says, bounds: Bounds) -> Option<(Pack, Replayed)> {
    let pack = Pack::open(&recorded(folder)?).expect("a pack").saying(says);
    let replayed = pack.replay(2).expect("the hour can be replayed");
    let score = Score::of(&pack, &replayed).expect("the truth can be read");
    println!("{says:?}\n{score}");
    assert!(score.fixes > 9_000 && score.windows > 1_000, "{score:?}");
    assert!(score.matched >= bounds.matched, "{score:?}");
    assert!(score.speed_error <= bounds.speed, "{score:?}");
    assert!(score.index_error <= bounds.index, "{score:?}");
    Some((pack, replayed))
}

/// The engine's five-minute windows are what plain batch code makes of the fixes.
fn assert_as_in_batch(pack: &Pack, replayed: &Replayed) {
    let batch = batch::batch(&pack.city, &rows_of(pack.fixes().expect("the fixes")).readings);
    let five_minutes = replayed.windows.iter().filter(|((_, window), _)| window.width == 300_000);
    let segments: BTreeMap<_, _> =
        five_minutes.map(|(key, row)| (*key, (row.samples, row.vehicles, row.speed))).collect();
    assert!(batch.segments.len() > 3_000, "{}", batch.segments.len());
    for (key, row) in &batch.segments {
        assert_eq!(segments.get(key), Some(row), "{key:?}");
    }
    assert_eq!(segments.len(), batch.segments.len());
    let network = replayed.network.iter().filter(|(window, _)| window.width == 300_000);
    assert_eq!(
        network
            .map(|(window, row)| (*window, (row.samples, row.speed, row.travel_time_index)))
            .collect::<BTreeMap<_, _>>(),
        batch.network
    );
}

#[test]
fn light_traffic_is_seen_as_it_is() {
    let bounds = Bounds { matched: 99.9, speed: 2.7, index: 2.0 };
    let Some((pack, replayed)) = assert_near_the_truth("sumo_light", ALL, bounds) else { return };
    assert_as_in_batch(&pack, &replayed);
}

#[test]
fn traffic_around_blockages_is_seen_as_it_is() {
    let bounds = Bounds { matched: 99.9, speed: 2.8, index: 1.5 };
    let Some((pack, replayed)) = assert_near_the_truth("sumo_incidents", ALL, bounds) else { return };
    assert_as_in_batch(&pack, &replayed);
}

#[test]
fn the_side_of_the_street_follows_from_the_way_where_no_heading_says_it() {
    let light = assert_near_the_truth("sumo_light", NO_HEADING, Bounds { matched: 95.0, speed: 3.3, index: 4.0 });
    assert_near_the_truth("sumo_incidents", NO_HEADING, Bounds { matched: 95.0, speed: 3.4, index: 4.0 });
    let Some((pack, replayed)) = light else { return };
    assert_as_in_batch(&pack, &replayed);
}

#[test]
fn the_speed_follows_from_the_way_where_none_is_said() {
    assert_near_the_truth("sumo_light", NO_SPEED, Bounds { matched: 99.9, speed: 3.6, index: 4.0 });
    assert_near_the_truth("sumo_incidents", NO_SPEED, Bounds { matched: 99.9, speed: 3.7, index: 4.0 });
}

#[test]
fn the_speed_follows_from_the_way_where_every_car_says_that_it_stands() {
    assert_near_the_truth("sumo_light", ZERO_SPEED, Bounds { matched: 99.9, speed: 3.6, index: 4.0 });
    let incidents =
        assert_near_the_truth("sumo_incidents", ZERO_SPEED, Bounds { matched: 99.9, speed: 3.7, index: 4.0 });
    let Some((pack, replayed)) = incidents else { return };
    assert_as_in_batch(&pack, &replayed);
}
