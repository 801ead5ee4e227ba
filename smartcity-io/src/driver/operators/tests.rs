use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use differential_dataflow::input::InputSession;
use smartcity_dataflow::operators::{Keep, keyed};
use smartcity_dataflow::view::{Publisher, View, Views};
use smartcity_dataflow::{Diff, Time};
use timely::worker::Worker;

use super::{OperatorFigures, OperatorMeter};
use crate::driver::{Crew, Dataflow};

const FED: u64 = 1_000;
const TICKS: u64 = 10;

/// How many even numbers end in each digit.
const ENDINGS: View<u64, isize> = View::new("endings");

/// The sum of all even numbers, by the kernel.
const SUM: View<(), u64> = View::new("sum");

/// Numbers, with a region, an arrangement and a stage on the keyed kernel.
#[derive(Default)]
struct Numbers {
    /// The logs that somebody listens to when the dataflow is built.
    logs: Arc<Mutex<Vec<String>>>,
}

impl Dataflow for Numbers {
    type Rows = Vec<u64>;
    type Inputs = InputSession<Time, u64, Diff>;

    fn build(&self, worker: &mut Worker, publisher: &Publisher) -> Self::Inputs {
        let logs = worker.log_register().expect("timely keeps logs");
        self.logs.lock().unwrap().extend(logs.names().map(str::to_owned));
        drop(logs);
        let mut input = InputSession::new();
        worker.dataflow_named("Numbers", |scope| {
            let numbers = input.to_collection(scope);
            let even = scope.region_named("Even", |region| {
                numbers.enter_region(region).filter(|number| number % 2 == 0).leave_region(scope)
            });
            publisher.publish(&ENDINGS, even.clone().map(|number| number % 10).count());
            let sum = keyed(even.map(|number| ((), number)), "Sum", |(), sum: &mut u64, turn| {
                if *sum > 0 {
                    turn.emit(((), *sum), -1);
                }
                *sum += turn.changes().iter().map(|(number, _)| number).sum::<u64>();
                turn.emit(((), *sum), 1);
                Keep::Yes
            });
            publisher.publish(&SUM, sum);
        });
        input
    }

    fn feed(&self, input: &mut Self::Inputs, tick: Time, numbers: Vec<u64>) {
        numbers.into_iter().for_each(|number| input.update_at(number, tick, 1));
    }

    fn complete(&self, input: &mut Self::Inputs, tick: Time) {
        input.advance_to(tick + 1);
        input.flush();
    }
}

/// Feeds the numbers from 1 to [`FED`] in [`TICKS`] ticks.
fn feed(crew: &mut Crew<Numbers>) {
    for tick in 1..=TICKS {
        let last = tick * FED / TICKS;
        for number in last - FED / TICKS + 1..=last {
            crew.deal(tick, vec![number]);
        }
        crew.complete(tick);
    }
    let views = crew.wait_through(TICKS);
    assert_eq!(views.row(&SUM, &()), Some(250_500));
    assert_eq!(views.row(&ENDINGS, &4), Some(100));
}

fn by_name(figures: Vec<OperatorFigures>) -> BTreeMap<String, OperatorFigures> {
    figures.into_iter().map(|figures| (figures.name.to_string(), figures)).collect()
}

fn views() -> Views {
    Views::new(1, || 0)
}

#[test]
fn what_was_fed_is_counted_at_every_operator_it_came_to() {
    for workers in [1, 2] {
        let began = Instant::now();
        let meter = OperatorMeter::default();
        let config = timely::Config::process(workers);
        let mut crew = Crew::start_metered(config, Numbers::default(), views(), &meter).unwrap();
        feed(&mut crew);
        crew.shutdown();
        let (figures, busy) = (by_name(meter.figures()), began.elapsed() * workers as u32);

        let names: Vec<_> = figures.keys().collect();
        let of = |name: &str| figures.get(name).unwrap_or_else(|| panic!("no {name} in {names:?}"));
        assert_eq!(of("Numbers/Even").records, FED, "what enters a region");
        assert_eq!(of("Numbers/Even/Filter").records, FED);
        assert_eq!(of("Numbers/Sum").records, FED / 2, "the keyed kernel");
        assert!(of("Numbers/Sum").messages >= TICKS && of("Numbers/Sum").messages <= FED / 2);
        assert_eq!(of("Numbers/sum").records, 2 * TICKS - 1, "one row of the view goes and one comes, at each tick");
        let input = of("Numbers/Input");
        assert_eq!((input.records, input.operators), (0, 1), "nothing comes to an input");

        for (name, figures) in &figures {
            assert!(figures.activations > 0 && figures.time > Duration::ZERO, "{name}: {figures:?}");
            assert!(figures.messages <= figures.records || figures.records == 0, "{name}: {figures:?}");
        }
        let time = figures.values().map(|figures| figures.time).sum::<Duration>();
        assert!(time <= busy, "{workers} workers cannot be busy for {time:?} in {busy:?}");
    }
}

#[test]
fn arrangements_have_the_size_they_have_before_the_end() {
    for workers in [1, 2] {
        let meter = OperatorMeter::default();
        let config = timely::Config::process(workers);
        let mut crew = Crew::start_metered(config, Numbers::default(), views(), &meter).unwrap();
        feed(&mut crew);
        crew.shutdown();
        let figures = by_name(meter.figures());
        let arranged: Vec<_> =
            figures.iter().filter_map(|(name, figures)| Some((name.as_str(), figures.arranged?))).collect();
        let [(arrange, counted), (reduce, counts)] = arranged[..] else { panic!("{arranged:?}") };
        assert!(arrange.starts_with("Numbers/Arrange") && reduce.starts_with("Numbers/Count"), "{arranged:?}");
        // Merges may have joined the updates of a digit, whatever their ticks.
        assert!((5..=5 * TICKS).contains(&counted.records), "five digits, at most once a tick: {counted:?}");
        assert!((5..=5 * (2 * TICKS - 1)).contains(&counts.records), "{counts:?}");
        assert!((1..=TICKS * workers as u64 + 1).contains(&counted.batches), "{counted:?}");
    }
}

#[test]
fn figures_show_while_the_workers_run_and_grow() {
    let mut crew =
        Crew::start_metered(timely::Config::process(2), Numbers::default(), views(), &OperatorMeter::default())
            .unwrap();
    feed(&mut crew);
    let records = |crew: &Crew<Numbers>| by_name(crew.operators()).get("Numbers/Even/Filter").map(|even| even.records);
    let wait_for = |crew: &Crew<Numbers>, count| {
        let began = Instant::now();
        while records(crew) != Some(count) {
            assert!(began.elapsed() < Duration::from_secs(10), "{:?} after ten seconds", records(crew));
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    wait_for(&crew, FED);
    crew.deal(TICKS + 1, vec![1, 2, 3]);
    crew.complete(TICKS + 1);
    wait_for(&crew, FED + 3);
    crew.shutdown();
}

#[test]
fn nothing_is_logged_unless_it_was_asked_for() {
    let meter = OperatorMeter::default();
    for (measured, logs) in [(false, &[][..]), (true, &["differential/arrange", "timely"])] {
        let flow = Numbers::default();
        let listening = Arc::clone(&flow.logs);
        let config = timely::Config::process(1);
        let crew = if measured {
            Crew::start_metered(config, flow, views(), &meter)
        } else {
            Crew::start(config, flow, views())
        };
        let mut crew = crew.unwrap();
        feed(&mut crew);
        assert_eq!(crew.operators().is_empty(), !measured);
        crew.shutdown();
        let mut listening = listening.lock().unwrap().clone();
        listening.sort();
        assert_eq!(listening, logs);
    }
}
