//! city-v1 with a number of vehicles, after every one was seen and the first rows are forgotten again.

use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use smartcity::view::Views;
use smartcity::{Crew, Time};

use super::super::city_v1::floor::Floor;
use super::super::city_v1::flow::{CityV1, Dealt};
use super::super::traffic::{START, Traffic};
use super::super::usage;

/// Rows are a millisecond apart, as in city-v1.
const ROWS_PER_SECOND: u64 = 1_000;
/// How long a message is remembered: as the product does.
const REMEMBERED_MS: Time = 15 * 60_000;
/// Rows before the measured ones: enough for every vehicle to be seen, and for ids to be forgotten.
const ROWS_BEFORE: u64 = 1_050_000;
const ROWS_MEASURED: u64 = 400_000;
/// A step is dealt in pieces of at most so many lines.
const ROWS_PER_PIECE: u64 = 1_000;

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Steady {
    pub(super) vehicles: u64,
    /// Of the engine; 0 for the floor.
    pub(super) workers: usize,
    /// Half of the traffic is on one road.
    pub(super) is_hot: bool,
    pub(super) rows_per_step: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Figures {
    /// Rows of the measured part, its wall and processor time.
    pub(super) rows: u64,
    pub(super) wall_s: f64,
    pub(super) cpu_s: f64,
    /// Memory of the process before the measured part, and how much of it came with the rows.
    pub(super) resident_mib: f64,
    pub(super) state_mib: f64,
    /// Rows whose ids are remembered.
    pub(super) remembered: u64,
}

impl Figures {
    pub(super) fn cpu_us_per_row(&self) -> f64 {
        self.cpu_s / self.rows as f64 * 1e6
    }
}

pub(super) fn run(case: &Steady) -> anyhow::Result<Figures> {
    if case.workers == 0 {
        let mut floor = Floor::default();
        return measure(case, |_, pieces| pieces.iter().try_for_each(|lines| floor.feed(str::from_utf8(lines)?)));
    }
    let flow = CityV1 { remembered_ms: REMEMBERED_MS, reading: Arc::default() };
    let mut crew = Crew::start(timely::Config::process(case.workers), flow, Views::new(1, || 0))?;
    crew.deal(START, Dealt::Roads(Traffic::roads()));
    crew.complete(START);
    crew.wait_through(START);
    let figures = measure(case, |tick, pieces| {
        pieces.into_iter().for_each(|lines| crew.deal(tick, Dealt::Lines(lines)));
        crew.complete(tick);
        crew.wait_through(tick);
        Ok(())
    });
    crew.shutdown();
    figures
}

/// Has `take` take the steps one after the other, each with its tick, until it has done all of them.
fn measure(case: &Steady, mut take: impl FnMut(Time, Vec<Vec<u8>>) -> anyhow::Result<()>) -> anyhow::Result<Figures> {
    let steps = |rows: u64| rows.div_ceil(case.rows_per_step);
    let before = ROWS_BEFORE.max(case.vehicles + case.vehicles / 20);
    let mut traffic = Traffic::new(case.vehicles, ROWS_PER_SECOND, case.is_hot);
    let mut measured = traffic.clone().skip(steps(before) * case.rows_per_step);
    let measured: Vec<_> = (0..steps(ROWS_MEASURED)).map(|_| pieces(&mut measured, case)).collect();

    let empty_mib = usage::resident_mib();
    for _ in 0..steps(before) {
        let (tick, lines) = pieces(&mut traffic, case);
        take(tick, lines)?;
    }
    let resident_mib = usage::resident_mib();

    let (cpu, began) = (usage::cpu(), Instant::now());
    for (tick, lines) in measured {
        take(tick, lines)?;
    }
    Ok(Figures {
        rows: steps(ROWS_MEASURED) * case.rows_per_step,
        wall_s: began.elapsed().as_secs_f64(),
        cpu_s: (usage::cpu() - cpu).as_secs_f64(),
        resident_mib,
        state_mib: resident_mib - empty_mib,
        remembered: before.min(REMEMBERED_MS / 1_000 * ROWS_PER_SECOND),
    })
}

/// The tick of the next step, the time of its last row, and its lines.
fn pieces(traffic: &mut Traffic, case: &Steady) -> (Time, Vec<Vec<u8>>) {
    let most = case.rows_per_step.div_ceil(case.workers.max(1) as u64).clamp(1, ROWS_PER_PIECE);
    let (mut left, mut pieces) = (case.rows_per_step, Vec::new());
    while left > 0 {
        let rows = most.min(left);
        pieces.push(traffic.lines(rows));
        left -= rows;
    }
    (traffic.time() + 1, pieces)
}
