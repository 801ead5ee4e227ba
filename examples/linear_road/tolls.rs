//! What is each vehicle told, what is it charged, and what does it owe?

use serde::{Deserialize, Serialize};
use smartcity::operators::{Keep, keyed_with};
use smartcity::{Diff, Rows, Time};

use super::segments::Standing;
use super::tuple::{Answer, SEGMENTS, Segment};
use super::vehicles::{Event, Move};

/// Segments ahead, with the one a vehicle enters, in which it is told of an accident.
const AHEAD: u8 = 5;

/// What concerns a vehicle's account. A question comes behind the move of the same second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Entry {
    Move(Move),
    Ask { qid: u32 },
}

/// A vehicle's account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Account {
    /// The toll it was told and is charged when it leaves the segment.
    told: u32,
    /// What it was charged today.
    balance: u32,
}

/// What is each vehicle told, and what does it owe? Questions are (vehicle, query).
///
/// | time | events               | questions | standings            | output                          |
/// |-----:|----------------------|-----------|----------------------|---------------------------------|
/// |  120 | +Move(7, mile 3)     |           | +(mile 3, toll 200)  | +Toll(7, 200)                   |
/// |  150 | +Move(7, mile 4)     | +(7, q)   |                      | +Toll(7, 0) +Balance(q, 200)    |
///
/// The standings go to every worker: they are few and change once a minute. What a vehicle is told depends on the minutes before
/// alone, so nothing goes round in a circle. One state of eight bytes a vehicle; none where nothing is owed.
pub(crate) fn answers<'s>(
    events: Rows<'s, Event>,
    questions: Rows<'s, (u32, u32)>,
    standings: Rows<'s, (Segment, Standing)>,
) -> Rows<'s, Answer> {
    let moves = events.flat_map(|event| match event {
        Event::Move { vid, to } => Some((vid, Entry::Move(to))),
        _ => None,
    });
    let entries = moves.concat(questions.map(|(vid, qid)| (vid, Entry::Ask { qid })));
    keyed_with(entries, standings, "Tolls", Roads::learn, |&vid, account: &mut Account, turn, roads: &Roads| {
        for index in 0..turn.changes().len() {
            match turn.changes()[index].0 {
                Entry::Ask { qid } => turn.emit(Answer::Balance { qid, balance: account.balance }, 1),
                Entry::Move(to) => {
                    let told = std::mem::take(&mut account.told);
                    if let Move::Cross(_) | Move::CrossToExit = to {
                        account.balance += told;
                    }
                    if let Move::Begin(segment) | Move::Cross(segment) = to {
                        let standing = roads.standing(segment);
                        let accident = roads.accident_ahead(segment);
                        account.told = if accident.is_some() { 0 } else { standing.toll };
                        turn.emit(Answer::Toll { vid, lav: standing.lav, toll: account.told }, 1);
                        if let Some(segment) = accident {
                            turn.emit(Answer::Accident { vid, segment }, 1);
                        }
                    }
                }
            }
        }
        if *account == Account::default() { Keep::No } else { Keep::Yes }
    })
}

/// The standing of every segment.
#[derive(Default)]
struct Roads(Vec<Standing>);

impl Roads {
    fn learn(&mut self, _: Time, changes: Vec<((Segment, Standing), Diff)>) {
        for ((segment, standing), diff) in changes {
            let index = segment.0 as usize;
            if self.0.len() <= index {
                self.0.resize(index + 1, Standing::default());
            }
            self.0[index] = if diff > 0 { standing } else { Standing::default() };
        }
    }

    fn standing(&self, segment: Segment) -> Standing {
        self.0.get(segment.0 as usize).copied().unwrap_or_default()
    }

    /// The nearest segment with an accident among those ahead.
    fn accident_ahead(&self, segment: Segment) -> Option<Segment> {
        let seg = segment.seg();
        let ahead = |miles: u8| if segment.dir() == 0 { seg.checked_add(miles) } else { seg.checked_sub(miles) };
        (0..AHEAD)
            .filter_map(ahead)
            .filter(|seg| u32::from(*seg) < SEGMENTS)
            .map(|seg| Segment::new(segment.xway(), segment.dir(), seg))
            .find(|segment| self.standing(*segment).accident)
    }
}
