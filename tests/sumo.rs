//! A simulated hour of traffic whose truth is known.

mod batch;
#[path = "../examples/sumo/pack.rs"]
mod pack;
#[path = "../examples/sumo/score.rs"]
mod score;

use std::collections::BTreeMap;

use pack::Pack;
use score::Score;

use crate::shared::{recorded, rows_of};

/// The engine's picture is as near the truth as the estimators allow, and it is what plain batch code makes of the fixes.
fn assert_right(folder: &str) {
    let Some(folder) = recorded(folder) else { return };
    let pack = Pack::open(&folder).expect("a pack");
    let replayed = pack.replay(2).expect("the hour can be replayed");

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
        network.map(|(window, row)| (*window, (row.samples, row.speed))).collect::<BTreeMap<_, _>>(),
        batch.network
    );

    let score = Score::of(&pack, &replayed).expect("the truth can be read");
    println!("{score}");
    assert!(score.fixes > 9_000 && score.windows > 1_000, "{score:?}");
    assert!(score.matched >= 99.5, "{score:?}");
    assert!(score.speed_error <= 3.6, "{score:?}");
    assert!(score.index_error <= 4.0, "{score:?}");
}

#[test]
fn light_traffic_is_seen_as_it_is() {
    assert_right("sumo_light");
}

#[test]
fn traffic_around_blockages_is_seen_as_it_is() {
    assert_right("sumo_incidents");
}
