//! The benchmark as a dataflow for a crew of workers.
//!
//! ```text
//! reports ──▶ Vehicles ─┬─ samples ─▶ Minutes ─┐
//!             (vehicle) ├─ stopped ────────────┴▶ Segments ─ standings ─┐ to all workers,
//!                       │                        (segment)              ▼ once a minute
//!                       └─ moves ─────────────────────────────────▶ Tolls ─────▶ types 0, 1, 2
//! type 2 ─────────────────────────────────────────────────────────▶ (vehicle)
//! type 3 ─────────────────────────────────────────────────────────▶ History ───▶ type 3
//! ```

use std::sync::{Arc, Mutex, PoisonError};

use differential_dataflow::input::InputSession;
use smartcity::operators::count;
use smartcity::view::{Publisher, View};
use smartcity::{Dataflow, Diff, Rows, Time};
use timely::worker::Worker;

use super::history::{DayAsked, Week, computed, looked_up};
use super::segments::standings;
use super::tolls::answers;
use super::tuple::{Answer, Fix, Tuple};
use super::vehicles::events;

/// How many answers of each type there have been.
pub(crate) const ANSWERS: View<u8, u64> = View::new("answers");

/// The answers to reports, by vehicle; questions for balances, (vehicle, query); and questions for days.
pub(crate) fn linear_road<'s>(
    reports: Rows<'s, (u32, Fix)>,
    questions: Rows<'s, (u32, u32)>,
    days: Rows<'s, DayAsked>,
    history: History<'s>,
) -> Rows<'s, Answer> {
    let events = events(reports);
    let standings = standings(events.clone());
    let of_earlier_days = match history {
        History::Table(weeks) => looked_up(days, weeks),
        History::MadeUp(seed) => computed(days, seed),
    };
    answers(events, questions, standings).concat(of_earlier_days)
}

/// The tolls of earlier days.
pub(crate) enum History<'s> {
    /// In a table.
    Table(Rows<'s, Week>),
    /// Made up from a seed where they are asked for.
    MadeUp(u64),
}

/// Answers, each with its tick.
pub(crate) type Kept = Arc<Mutex<Vec<(Time, Answer)>>>;

/// The dataflow.
#[derive(Debug)]
pub(crate) struct LinearRoad {
    /// The seed of a history that is made up; without it the history is a table, dealt before the first second.
    pub(crate) made_up: Option<u64>,
    /// Where to keep the answers, if they are to be kept.
    pub(crate) kept: Option<Kept>,
}

/// What is dealt to a worker.
#[derive(Debug)]
pub(crate) enum Load {
    Tuples(Vec<Tuple>),
    Weeks(Vec<Week>),
}

/// A worker's inputs.
pub(crate) struct Inputs {
    reports: Input<(u32, Fix)>,
    questions: Input<(u32, u32)>,
    days: Input<DayAsked>,
    weeks: Input<Week>,
}

type Input<D> = InputSession<Time, D, Diff>;

impl Dataflow for LinearRoad {
    type Rows = Load;
    type Inputs = Inputs;

    fn build(&self, worker: &mut Worker, publisher: &Publisher) -> Inputs {
        let mut inputs =
            Inputs { reports: Input::new(), questions: Input::new(), days: Input::new(), weeks: Input::new() };
        worker.dataflow_named("LinearRoad", |scope| {
            let history = match self.made_up {
                Some(seed) => History::MadeUp(seed),
                None => History::Table(inputs.weeks.to_collection(scope)),
            };
            let (reports, questions) = (inputs.reports.to_collection(scope), inputs.questions.to_collection(scope));
            let mut answers = linear_road(reports, questions, inputs.days.to_collection(scope), history);
            if let Some(kept) = self.kept.clone() {
                answers = answers.inspect(move |(answer, tick, _)| {
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push((*tick, *answer));
                });
            }
            publisher.publish(&ANSWERS, count(answers.map(|answer| answer.kind()), "Answers"));
        });
        inputs
    }

    fn feed(&self, inputs: &mut Inputs, tick: Time, load: Load) {
        match load {
            Load::Tuples(tuples) => {
                for tuple in tuples {
                    match tuple {
                        Tuple::Report { vid, fix } => inputs.reports.update_at((vid, fix), tick, 1),
                        Tuple::Balance { vid, qid } => inputs.questions.update_at((vid, qid), tick, 1),
                        Tuple::Expenditure { vid, qid, xway, day } => {
                            inputs.days.update_at(DayAsked { vid, qid, xway, day }, tick, 1);
                        }
                    }
                }
            }
            Load::Weeks(weeks) => weeks.into_iter().for_each(|week| inputs.weeks.update_at(week, tick, 1)),
        }
    }

    fn complete(&self, inputs: &mut Inputs, tick: Time) {
        macro_rules! advance {
            ($($input:ident)*) => {$(
                inputs.$input.advance_to(tick + 1);
                inputs.$input.flush();
            )*};
        }
        advance!(reports questions days weeks);
    }
}
