//! Where was every vehicle last?

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use smartcity::model::{Id, Millis};
use smartcity::operators::{Keep, keyed};
use smartcity::view::View;
use smartcity::{Diff, Rows, Time};

use super::event::{Event, Speed};

/// The newest position of each vehicle.
pub(crate) const LATEST: View<Id, Position> = View::new("latest");

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Position {
    pub(crate) time: Millis,
    pub(crate) latitude: i32,
    pub(crate) longitude: i32,
    pub(crate) speed: Speed,
    pub(crate) road: Id,
}

/// The greatest event of each vehicle. It stays until it is withdrawn or a newer one comes; when it is withdrawn, the one
/// before takes its place, if that is not older by more than `remembered_ms`.
pub(crate) fn newest<'s>(events: Rows<'s, Event>, remembered_ms: Time) -> Rows<'s, (Id, Position)> {
    keyed(
        events.map(|event| (event.vehicle, event)),
        "Newest",
        move |vehicle, known: &mut VecDeque<(Event, Diff)>, turn| {
            let before = known.back().map(|(event, _)| *event);
            turn.for_each_change(|_, event, diff| {
                let place = match known.back() {
                    Some((newest, _)) if *newest >= event => known.binary_search_by(|(known, _)| known.cmp(&event)),
                    _ => Err(known.len()),
                };
                match place {
                    Err(place) => known.insert(place, (event, diff)),
                    Ok(place) => {
                        known[place].1 += diff;
                        if known[place].1 == 0 {
                            known.remove(place);
                        }
                    }
                }
            });
            let after = known.back().map(|(event, _)| *event);
            if let Some(newest) = after {
                let oldest = newest.time.0.saturating_sub_unsigned(remembered_ms);
                while known.front().is_some_and(|(event, _)| event.time.0 < oldest) {
                    known.pop_front();
                }
            }
            let row = |event: Option<Event>| event.map(|event| (*vehicle, position(event)));
            turn.replace(row(before), row(after));
            if known.is_empty() { Keep::No } else { Keep::Yes }
        },
    )
}

fn position(event: Event) -> Position {
    let Event { time, latitude, longitude, speed, road, .. } = event;
    Position { time, latitude, longitude, speed, road }
}
