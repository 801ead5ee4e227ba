//! A simulated hour of traffic whose truth is known.

#[path = "../examples/sumo/pack.rs"]
mod pack;
#[path = "../examples/sumo/score.rs"]
mod score;

use pack::Pack;
use score::Score;

use crate::shared::recorded;

/// The engine's picture is as near the truth as the estimators allow.
fn assert_near_the_truth(folder: &str) {
    let Some(folder) = recorded(folder) else { return };
    let pack = Pack::open(&folder).expect("a pack");
    let replayed = pack.replay(2).expect("the hour can be replayed");
    let score = Score::of(&pack, &replayed).expect("the truth can be read");
    println!("{score}");
    assert!(score.fixes > 9_000 && score.windows > 1_000, "{score:?}");
    assert!(score.matched >= 99.5, "{score:?}");
    assert!(score.speed_error <= 3.6, "{score:?}");
    assert!(score.index_error <= 4.0, "{score:?}");
}

#[test]
fn light_traffic_is_seen_as_it_is() {
    assert_near_the_truth("sumo_light");
}

#[test]
fn traffic_around_blockages_is_seen_as_it_is() {
    assert_near_the_truth("sumo_incidents");
}
