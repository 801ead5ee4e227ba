//! What did each vehicle spend on each expressway on the last 69 days?

use serde::{Deserialize, Serialize};
use smartcity::Rows;
use smartcity::operators::{Keep, keyed};

use super::random::{draw, one_of};
use super::tuple::Answer;

/// Days of history; 1 is yesterday.
pub(crate) const DAYS: u8 = 69;

const WEEK: usize = 7;

/// The tolls of a vehicle on an expressway in one of the weeks of its history, by day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Week {
    pub(crate) vid: u32,
    pub(crate) xway: u16,
    /// Weeks before this one; day 7 is the first of week 1.
    pub(crate) week: u8,
    pub(crate) tolls: [u8; WEEK],
}

/// A question for a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct DayAsked {
    pub(crate) vid: u32,
    pub(crate) qid: u32,
    pub(crate) xway: u16,
    pub(crate) day: u8,
}

/// What a vehicle spent on a day, of a history that is made up: 0 to 99.
pub(crate) fn spent(seed: u64, vid: u32, xway: u16, day: u8) -> u8 {
    one_of(draw(seed ^ 0x415, u64::from(vid) << 32 | u64::from(xway) << 8 | u64::from(day)), 0, 100) as u8
}

/// The made-up history of some vehicles on some expressways.
pub(crate) fn weeks(seed: u64, vehicles: u32, xways: u16) -> impl Iterator<Item = Week> {
    let of_vehicle =
        move |vid| (0..xways).flat_map(move |xway| (0..=DAYS / WEEK as u8).map(move |week| (vid, xway, week)));
    (0..vehicles).flat_map(of_vehicle).map(move |(vid, xway, week)| {
        let tolls = std::array::from_fn(|weekday| spent(seed, vid, xway, week * WEEK as u8 + weekday as u8));
        Week { vid, xway, week, tolls }
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Entry {
    Tolls([u8; WEEK]),
    Ask { weekday: u8, qid: u32 },
}

/// What was spent on the days that are asked for? A look-up in the table of `weeks`; a day that is not in it cost nothing.
///
/// | time | asked                     | weeks                        | output          |
/// |-----:|---------------------------|------------------------------|-----------------|
/// |    0 |                           | +(7, xway 0, week 1: 5, 6 …) |                 |
/// |   60 | +(q: 7, xway 0, day 8)    |                              | +(q, 6)         |
///
/// One state of seven bytes a row of the table.
pub(crate) fn looked_up<'s>(asked: Rows<'s, DayAsked>, weeks: Rows<'s, Week>) -> Rows<'s, Answer> {
    let tolls = weeks.map(|row| ((row.vid, row.xway, row.week), Entry::Tolls(row.tolls)));
    let asks = asked.map(|DayAsked { vid, qid, xway, day }| {
        ((vid, xway, day / WEEK as u8), Entry::Ask { weekday: day % WEEK as u8, qid })
    });
    keyed(tolls.concat(asks), "History", |_, known: &mut [u8; WEEK], turn| {
        turn.for_each_change(|turn, entry, _| match entry {
            Entry::Tolls(tolls) => *known = tolls,
            Entry::Ask { weekday, qid } => {
                turn.emit(Answer::Expenditure { qid, toll: known[usize::from(weekday)] }, 1);
            }
        });
        if *known == [0; WEEK] { Keep::No } else { Keep::Yes }
    })
}

/// What was spent on the days that are asked for, of the made-up history: computed where [`looked_up`] would find it.
pub(crate) fn computed<'s>(asked: Rows<'s, DayAsked>, seed: u64) -> Rows<'s, Answer> {
    asked.map(move |DayAsked { vid, qid, xway, day }| Answer::Expenditure { qid, toll: spent(seed, vid, xway, day) })
}
