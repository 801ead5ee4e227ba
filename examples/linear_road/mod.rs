//! Linear Road, the traffic benchmark of the VLDB 2004 paper, on the crates' own operators.
//!
//! Vehicles on L expressways of 100 one-mile segments report every 30 s. Whoever enters a segment is told what it costs
//! (type 0) and of accidents ahead (type 1), and charged when he goes on; vehicles ask for today's balance (type 2) and for
//! what a day of the last ten weeks has cost (type 3). A system's rating is the largest L at which three hours of this,
//! growing to about 1,700 reports a second and expressway, are answered in time. Travel times (type 4) are asked and answered
//! by nobody, as in every published implementation.
//!
//! | file | what |
//! |---|---|
//! | [`tuple`], [`csv`] | what comes in and goes out, and how it is written |
//! | [`generator`], [`trip`], [`accidents`], [`random`] | traffic, from a seed |
//! | [`engine`] | the dataflow; its stages are [`vehicles`], [`segments`], [`tolls`] and [`history`] |
//! | [`oracle`], [`agreement`] | the answers once more, straight from the definitions, and what differs |
//! | [`run`], [`responses`], [`rating`], [`usage`] | as fast as it can, in real time, up to the largest L |
//! | [`figures`] | what was measured, for people |
//!
//! Where implementations of the benchmark differ, this one takes the paper's definition:
//!
//! - LAV is the mean over the last five minutes of the mean over the vehicles of the mean of a vehicle's reports; minutes in
//!   which nobody was seen do not count. Tolls go by the exact value, what is shown is rounded, halves up. Where nobody was
//!   seen in five minutes it is shown as 0, and the toll is 0.
//! - A report from the exit ramp counts as a report from the segment (LAV, NOV), and is told nothing.
//! - There is an accident at a place while two or more vehicles are stopped there, after all reports of a second. It bears on
//!   the tolls and notifications of minute M if there was one at some second of minute M - 1: so from the minute behind the one in
//!   which it was found to the minute behind the one in which it was cleared.
//! - A toll is charged by the next crossing, also where that is a report from the exit ramp of the next segment; not by leaving at
//!   the exit of its own segment. Near an accident the toll that is told, and charged, is 0.
//! - A vehicle on the entry ramp more than 60 s after its last report is on a new trip: it enters, and owes nothing more for
//!   the old one. Its balance stays.
//! - A balance is as of the second in which it is asked, the reports of that second included.
//! - The history of earlier days is a table only where the oracle compares. In the long runs it is made up, by the same function,
//!   where it is asked for: at L = 50 the table has 963 million rows.

pub(crate) mod accidents;
pub(crate) mod agreement;
pub(crate) mod csv;
pub(crate) mod engine;
pub(crate) mod figures;
pub(crate) mod generator;
pub(crate) mod history;
pub(crate) mod oracle;
pub(crate) mod random;
pub(crate) mod rating;
pub(crate) mod responses;
pub(crate) mod run;
pub(crate) mod segments;
pub(crate) mod tolls;
pub(crate) mod trip;
pub(crate) mod tuple;
pub(crate) mod usage;
pub(crate) mod vehicles;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBar;

use self::agreement::{Agreement, compare};
use self::figures::Figures;
use self::generator::{Generator, Traffic};
use self::tuple::{SECONDS, Tuple};

/// Minutes of the benchmark.
pub(crate) const MINUTES: u32 = SECONDS / 60;

/// Hears how far something is: what it is, how much is done, and how much there is.
pub(crate) type Progress<'a> = &'a mut dyn FnMut(&str, u64, u64);

/// What to run.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Expressways, in steps of 0.5; with --find the first that is tried.
    #[arg(short = 'L', long = "expressways", value_name = "L", default_value = "100", value_parser = halves)]
    pub(crate) halves: u32,
    /// Worker threads; several numbers, one run each.
    #[arg(short, long, value_delimiter = ',', default_values_t = [1, 2])]
    pub(crate) workers: Vec<usize>,
    /// Look for the largest L that meets every deadline at p99.99.
    #[arg(long)]
    pub(crate) find: bool,
    /// Minutes that run as fast as they can before the real time.
    #[arg(long, value_name = "MINUTES", default_value_t = 6)]
    pub(crate) warm_up: u32,
    /// Minutes in real time, the last of the three hours.
    #[arg(long, value_name = "MINUTES", default_value_t = 1)]
    pub(crate) real_time: u32,
    /// Minutes of one expressway, the last of the three hours, that are compared with the oracle; 180 for all, 0 for none.
    #[arg(long, value_name = "MINUTES", default_value_t = MINUTES)]
    pub(crate) check: u32,
    /// Compare the tuples of this file with the oracle instead: 15 integers a line, ascending by time.
    #[arg(long, value_name = "FILE")]
    pub(crate) tuples: Option<PathBuf>,
    /// Seed of the traffic.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// A number of expressways, in halves.
fn halves(text: &str) -> Result<u32, String> {
    let halves = text.parse::<f64>().map_err(|error| error.to_string())? * 2.0;
    let whole = halves.round();
    if whole != halves || !(1.0..=f64::from(u16::MAX)).contains(&whole) {
        return Err("L goes from 0.5 in steps of 0.5".to_owned());
    }
    Ok(whole as u32)
}

/// Compares with the oracle, then runs, or looks for the largest L. The bar shows how far it is; a line says of each run how
/// it ended, long before all have.
pub(crate) fn run(options: &Options, bar: &ProgressBar) -> anyhow::Result<Figures> {
    let progress: Progress<'_> = &mut |what, done, all| {
        if bar.message() != what {
            bar.set_message(what.to_owned());
        }
        bar.set_length(all);
        bar.set_position(done);
    };
    anyhow::ensure!(options.workers.iter().all(|workers| *workers > 0), "nothing is to run");
    anyhow::ensure!(
        options.warm_up + options.real_time <= MINUTES && options.check <= MINUTES,
        "there are 180 minutes"
    );
    anyhow::ensure!(
        options.warm_up > 0 && options.real_time > 0,
        "a minute to warm up and one in real time are the least"
    );
    let mut figures = Figures { seed: options.seed, ..Figures::default() };
    if let Some(file) = &options.tuples {
        figures.agreement = Some(check_file(options, file)?);
    } else if options.check > 0 {
        figures.agreement = Some(check(options, progress)?);
    }
    for &workers in &options.workers {
        let mut attempt = |halves| {
            let attempt = rating::attempt(options, halves, workers, progress)?;
            bar.suspend(|| eprintln!("{}", attempt.in_short()));
            Ok(attempt)
        };
        let attempts =
            if options.find { rating::find(options.halves, attempt)? } else { vec![attempt(options.halves)?] };
        figures.attempts.extend(attempts);
    }
    bar.finish_and_clear();
    Ok(figures)
}

/// The last minutes of one expressway, by dataflow and oracle.
fn check(options: &Options, progress: Progress<'_>) -> anyhow::Result<Agreement> {
    let traffic = Traffic { seed: options.seed, halves: 2, begin: (MINUTES - options.check) * 60 };
    let weeks: Vec<_> = history::weeks(options.seed, traffic.vehicles(), 1).collect();
    let seconds = seconds(traffic).inspect(|(second, _)| {
        progress("oracle", (second - traffic.begin).into(), (SECONDS - traffic.begin).into());
    });
    compare(seconds, &weeks, 2)
}

/// The tuples of a file, by dataflow and oracle; the vehicles have a made-up history on the first expressway.
fn check_file(options: &Options, file: &Path) -> anyhow::Result<Agreement> {
    let mut seconds: BTreeMap<u32, Vec<Tuple>> = BTreeMap::new();
    let mut vehicles = 0;
    for tuple in csv::read(BufReader::new(File::open(file)?)) {
        let (second, tuple) = tuple?;
        if let Tuple::Expenditure { vid, .. } = tuple {
            vehicles = vehicles.max(vid + 1);
        }
        seconds.entry(second).or_default().push(tuple);
    }
    let weeks: Vec<_> = history::weeks(options.seed, vehicles, 1).collect();
    compare(seconds.into_iter(), &weeks, 2)
}

/// Writes the tuples of the last `check` minutes of some expressways to a file.
pub(crate) fn write(options: &Options, file: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(options.check <= MINUTES, "there are {MINUTES} minutes");
    let mut out = BufWriter::new(File::create(file)?);
    let traffic = Traffic { seed: options.seed, halves: options.halves, begin: (MINUTES - options.check) * 60 };
    for (second, tuples) in seconds(traffic) {
        tuples.iter().try_for_each(|tuple| csv::write(&mut out, second, tuple))?;
    }
    Ok(out.flush()?)
}

/// The tuples of each second, to the end of the three hours.
fn seconds(traffic: Traffic) -> impl Iterator<Item = (u32, Vec<Tuple>)> {
    let mut generator = Generator::new(traffic);
    (traffic.begin..SECONDS).map(move |second| {
        let mut tuples = Vec::new();
        generator.next_second(&mut tuples);
        (second, tuples)
    })
}
