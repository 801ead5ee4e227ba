//! The answers, straight from the definitions, one second after the other, with nothing shared but the rows.
//!
//! Everything that was ever reported stays; what is asked of it is computed when it is asked. Only the figures of a segment
//! and minute are remembered, since thousands of vehicles ask for them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::history::Week;
use super::tuple::{Answer, Fix, Segment, Tuple};

/// Place of a vehicle: expressway, direction, lane, feet.
type Place = (u16, u8, u8, u32);

/// All that has been reported so far.
#[derive(Debug, Default)]
pub(crate) struct Oracle<'a> {
    /// Reports by vehicle: second and fix, in order.
    reports: HashMap<u32, Vec<(u32, Fix)>>,
    /// Speeds by segment and minute, by vehicle.
    speeds: HashMap<(Segment, u32), BTreeMap<u32, Vec<u8>>>,
    /// Vehicles that are stopped at each place now.
    stopped: BTreeMap<Place, BTreeSet<u32>>,
    /// Minutes in which there was an accident, by segment.
    accidents: BTreeMap<Segment, BTreeSet<u32>>,
    /// Tolls charged to each vehicle.
    charged: HashMap<u32, Vec<u32>>,
    /// The toll that each vehicle was told for the segment it is in.
    told: HashMap<u32, u32>,
    /// Tolls of earlier days.
    weeks: &'a [Week],
    remembered: HashMap<(Segment, u32), Figures>,
}

/// Of a segment, for a minute: latest average velocity, and vehicles in the minute before.
#[derive(Clone, Copy, Debug)]
struct Figures {
    lav: Fraction,
    vehicles: u64,
}

impl<'a> Oracle<'a> {
    /// An oracle that knows the tolls of earlier days, in ascending order.
    pub(crate) fn new(weeks: &'a [Week]) -> Self {
        Self { weeks, ..Self::default() }
    }

    /// The answers to the tuples of a second, each after the last.
    pub(crate) fn answer(&mut self, second: u32, tuples: &[Tuple]) -> Vec<Answer> {
        let minute = second / 60 + 1;
        let mut answers = Vec::new();
        for tuple in tuples {
            if let Tuple::Report { vid, fix } = *tuple {
                self.report(second, vid, fix, &mut answers);
            }
        }
        for (&(xway, dir, _, pos), vehicles) in &self.stopped {
            if vehicles.len() >= 2 {
                let segment = Segment::new(xway, dir, (pos / 5280) as u8);
                self.accidents.entry(segment).or_default().insert(minute);
            }
        }
        for tuple in tuples {
            match *tuple {
                Tuple::Report { .. } => {}
                Tuple::Balance { vid, qid } => {
                    let balance = self.charged.get(&vid).into_iter().flatten().sum();
                    answers.push(Answer::Balance { qid, balance });
                }
                Tuple::Expenditure { vid, qid, xway, day } => {
                    let week =
                        self.weeks.binary_search_by_key(&(vid, xway, day / 7), |row| (row.vid, row.xway, row.week));
                    let toll = week.map_or(0, |row| self.weeks[row].tolls[usize::from(day % 7)]);
                    answers.push(Answer::Expenditure { qid, toll });
                }
            }
        }
        answers
    }

    fn report(&mut self, second: u32, vid: u32, fix: Fix, answers: &mut Vec<Answer>) {
        let minute = second / 60 + 1;
        let segment = fix.segment();
        self.speeds.entry((segment, minute)).or_default().entry(vid).or_default().push(fix.speed);

        let reports = self.reports.entry(vid).or_default();
        if reports.last().is_some_and(|(last, _)| fix.lane() == 0 && second - last > 60) {
            // A new trip: the old one does not count.
            reports.clear();
            self.told.remove(&vid);
        }
        let before = reports.last().map(|(_, fix)| *fix);
        reports.push((second, fix));

        let place = |fix: Fix| (fix.xway, fix.dir(), fix.lane(), fix.pos);
        for vehicles in self.stopped.values_mut() {
            vehicles.remove(&vid);
        }
        self.stopped.retain(|_, vehicles| !vehicles.is_empty());
        let last_four = reports.iter().rev().take(4).filter(|(_, last)| place(*last) == place(fix)).count();
        if last_four == 4 && fix.lane() != 4 {
            self.stopped.entry(place(fix)).or_default().insert(vid);
        }

        let crosses = before.is_none_or(|before| before.segment() != segment);
        if crosses && let Some(toll) = self.told.remove(&vid) {
            self.charged.entry(vid).or_default().push(toll);
        }
        if fix.lane() == 4 {
            self.told.remove(&vid);
        } else if crosses {
            let accident = self.accident_ahead(fix, minute - 1);
            let figures = self.figures(segment, minute);
            let is_free = accident.is_some() || figures.vehicles <= 50 || !figures.lav.is_less_than(40);
            let toll = if is_free { 0 } else { 2 * (figures.vehicles as u32 - 50).pow(2) };
            self.told.insert(vid, toll);
            answers.push(Answer::Toll { vid, lav: figures.lav.rounded() as u8, toll });
            if let Some(segment) = accident {
                answers.push(Answer::Accident { vid, segment });
            }
        }
    }

    /// The nearest segment in which there was an accident in `minute`, of the one of `fix` and the four ahead.
    fn accident_ahead(&self, fix: Fix, minute: u32) -> Option<Segment> {
        let seg = i32::from(fix.seg());
        let ahead = (0..=4).map(|miles| if fix.dir() == 0 { seg + miles } else { seg - miles });
        let on_road = ahead.filter(|seg| (0..100).contains(seg));
        let mut segments = on_road.map(|seg| Segment::new(fix.xway, fix.dir(), seg as u8));
        segments.find(|segment| self.accidents.get(segment).is_some_and(|minutes| minutes.contains(&minute)))
    }

    fn figures(&mut self, segment: Segment, minute: u32) -> Figures {
        if let Some(figures) = self.remembered.get(&(segment, minute)) {
            return *figures;
        }
        let speeds = &self.speeds;
        let minutes = (1..=5).filter_map(|ago| speeds.get(&(segment, minute.checked_sub(ago)?)));
        let averages = minutes.map(|vehicles| {
            mean(vehicles.values().map(|speeds| mean(speeds.iter().map(|speed| Fraction::from(u128::from(*speed))))))
        });
        let lav = mean(averages);
        let vehicles = speeds.get(&(segment, minute - 1)).map_or(0, |vehicles| vehicles.len() as u64);
        let figures = Figures { lav, vehicles };
        self.remembered.insert((segment, minute), figures);
        figures
    }
}

/// An exact number.
#[derive(Clone, Copy, Debug)]
struct Fraction {
    over: u128,
    under: u128,
}

impl From<u128> for Fraction {
    fn from(over: u128) -> Self {
        Self { over, under: 1 }
    }
}

impl Fraction {
    fn plus(self, other: Self) -> Self {
        Self { over: self.over * other.under + other.over * self.under, under: self.under * other.under }.lowest()
    }

    fn lowest(self) -> Self {
        let (mut a, mut b) = (self.over, self.under);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        Self { over: self.over / a, under: self.under / a }
    }

    fn is_less_than(self, whole: u128) -> bool {
        self.over < whole * self.under
    }

    /// The nearest whole number; halves go up.
    fn rounded(self) -> u128 {
        (2 * self.over + self.under) / (2 * self.under)
    }
}

/// The mean; 0 of none.
fn mean(numbers: impl Iterator<Item = Fraction>) -> Fraction {
    let (sum, count) = numbers.fold((Fraction::from(0), 0), |(sum, count), number| (sum.plus(number), count + 1));
    Fraction { over: sum.over, under: sum.under * u128::max(count, 1) }
}
