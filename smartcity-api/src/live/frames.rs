//! Frames as text, each encoded once for all the clients that are to get it.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::extract::ws::Utf8Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use smartcity_dataflow::view::{Changes, Lagged, Mark, Position, Snapshot, Views};
use smartcity_dataflow::{Diff, Time};

use crate::answer::rfc3339;
use crate::routes::rows::{CitySummary, KeyedRow};

/// Encoded frames are kept up to this many bytes; then all are forgotten, since new ticks need new ones.
const KEPT_BYTES: usize = 16 << 20;

/// A client further behind than this many changes of its views gets a snapshot, which comes in smaller frames.
const MOST_CHANGES: usize = 50_000;

/// Names of some views, ascending.
pub(super) type ViewSet = Arc<[&'static str]>;

/// A place in a snapshot of some views: which of them, and the row it goes on behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Cursor {
    view: usize,
    after: Option<Mark>,
}

/// A frame ready to send.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) text: Utf8Bytes,
    /// Whether it tells of no row.
    pub(super) is_empty: bool,
    /// Where the next frame of the snapshot starts, if there is one.
    pub(super) next: Option<Cursor>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Snapshot { views: ViewSet, position: Position, cursor: Cursor },
    Changes { views: ViewSet, since: Position, through: Position },
}

/// The frames that were encoded last.
#[derive(Debug, Default)]
pub(crate) struct Frames(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    frames: HashMap<Key, Frame>,
    bytes: usize,
}

impl Frames {
    /// The frame of a snapshot that starts at `cursor`, of at most `rows` rows.
    pub(super) fn snapshot(&self, of: &Snapshot, now: Time, views: &ViewSet, cursor: Cursor, rows: usize) -> Frame {
        let key = Key::Snapshot { views: Arc::clone(views), position: of.position(), cursor };
        let Ok(frame) = self.once::<Infallible>(key, || Ok(snapshot_frame(of, now, views, cursor, rows)));
        frame
    }

    /// The frame of what changed after `since` up to `through`.
    pub(super) fn changes(
        &self,
        of: &Views,
        views: &ViewSet,
        since: Position,
        through: Position,
    ) -> Result<Frame, Lagged> {
        self.once(Key::Changes { views: Arc::clone(views), since, through }, || {
            let mut ticks = of.changes_since(since)?;
            ticks.retain(|tick| tick.position() <= through);
            let wanted = ticks.iter().flat_map(|tick| views.iter().filter_map(|view| tick.views().get(view)));
            if since > through || wanted.map(|changes| changes.len()).sum::<usize>() > MOST_CHANGES {
                return Err(Lagged { since });
            }
            Ok(changes_frame(&ticks, of.now(), views, through))
        })
    }

    /// The frame kept for `key`, or else the one that `encode` makes. Others that need it wait rather than encode it too.
    fn once<E>(&self, key: Key, encode: impl FnOnce() -> Result<Frame, E>) -> Result<Frame, E> {
        let mut kept = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(frame) = kept.frames.get(&key) {
            return Ok(frame.clone());
        }
        let frame = encode()?;
        kept.bytes += frame.text.len();
        if kept.bytes > KEPT_BYTES {
            *kept = Kept { frames: HashMap::new(), bytes: frame.text.len() };
        }
        kept.frames.insert(key, frame.clone());
        Ok(frame)
    }
}

/// What every client gets: the city in one line.
pub(super) fn city_frame(summary: &CitySummary, now: Time) -> Utf8Bytes {
    #[derive(Serialize)]
    struct CityFrame<'a> {
        r#type: &'static str,
        data: &'a CitySummary,
        timestamp: String,
    }
    text(&CityFrame { r#type: "city_analytics", data: summary, timestamp: rfc3339(now) })
}

/// That a subscription cannot be met.
pub(super) fn error_frame(detail: String, now: Time) -> Utf8Bytes {
    text(&json!({ "type": "error", "data": { "detail": detail }, "timestamp": rfc3339(now) }))
}

/// That what the client holds is of no use any more: a snapshot follows.
pub(super) fn reset_frame(lagged: Lagged, position: Position, now: Time) -> Utf8Bytes {
    positioned("reset", position, None, &json!({ "detail": lagged.to_string() }), now)
}

fn snapshot_frame(snapshot: &Snapshot, now: Time, views: &ViewSet, cursor: Cursor, most: usize) -> Frame {
    let mut data: BTreeMap<&str, Vec<KeyedRow>> = BTreeMap::new();
    let (mut at, mut shown) = (Some(cursor), 0);
    snapshot.names().scope(|| {
        while let Some(Cursor { view, after }) = at.filter(|_| shown < most) {
            let following = (view + 1 < views.len()).then_some(Cursor { view: view + 1, after: None });
            let rows = views.get(view).map(|name| (data.entry(name).or_default(), snapshot.tables().get(name)));
            at = following;
            if let Some((rows, Some(table))) = rows {
                let next = table.page(after, most - shown, &mut |key, row| rows.push(KeyedRow { key, row }));
                shown += rows.len();
                at = next.map(|mark| Cursor { view, after: Some(mark) }).or(following);
            }
        }
    });
    let text = positioned("snapshot", snapshot.position(), Some(at.is_some()), &data, now);
    Frame { text, is_empty: shown == 0, next: at }
}

/// A change of a row: -1 takes it away, +1 puts it in.
#[derive(Serialize)]
struct Change {
    key: Value,
    row: Value,
    diff: Diff,
}

fn changes_frame(ticks: &[Arc<Changes>], now: Time, views: &ViewSet, through: Position) -> Frame {
    let data = net(ticks, views);
    let text = positioned("changes", through, None, &data, now);
    Frame { text, is_empty: data.is_empty(), next: None }
}

/// What several ticks come to: a row that came and went is not told, one that changed twice is told once.
fn net(ticks: &[Arc<Changes>], views: &ViewSet) -> BTreeMap<&'static str, Vec<Change>> {
    let mut by_key: BTreeMap<(&'static str, String), Vec<Change>> = BTreeMap::new();
    for tick in ticks {
        tick.names().scope(|| {
            for (view, changes) in views.iter().filter_map(|view| Some((*view, tick.views().get(view)?))) {
                changes.for_each(&mut |key, row, diff| {
                    let of_key = by_key.entry((view, key.to_string())).or_default();
                    match of_key.iter().position(|change| change.diff == -diff && change.row == row) {
                        Some(opposite) => drop(of_key.remove(opposite)),
                        None => of_key.push(Change { key, row, diff }),
                    }
                });
            }
        });
    }
    let mut by_view: BTreeMap<_, Vec<Change>> = BTreeMap::new();
    for ((view, _), mut changes) in by_key.into_iter().filter(|(_, changes)| !changes.is_empty()) {
        changes.sort_by_key(|change| change.diff);
        by_view.entry(view).or_default().append(&mut changes);
    }
    by_view
}

/// A frame that says which tick it is of.
fn positioned(r#type: &str, position: Position, more: Option<bool>, data: &impl Serialize, now: Time) -> Utf8Bytes {
    #[derive(Serialize)]
    struct PositionedFrame<'a, D> {
        r#type: &'a str,
        generation: u64,
        through: Time,
        #[serde(skip_serializing_if = "Option::is_none")]
        more: Option<bool>,
        data: &'a D,
        timestamp: String,
    }
    let Position { generation, through } = position;
    text(&PositionedFrame { r#type, generation, through, more, data, timestamp: rfc3339(now) })
}

/// Frames are made of texts, numbers and maps keyed by text: JSON holds them all.
fn text(frame: &impl Serialize) -> Utf8Bytes {
    serde_json::to_string(frame).unwrap_or_default().into()
}
