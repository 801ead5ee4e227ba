//! The views of city-v1: lines that are ready in memory, dealt when they are due, decoded by the workers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use smartcity::view::Views;
use smartcity::{Crew, Time};

use super::super::city_v1::flow::{CityV1, Dealt, REMEMBERED_MS};
use super::super::open_loop::{Figures, Log, SLICE, sleep_until};
use super::super::traffic::{START, Traffic};
use super::super::usage;
use super::Case;

pub(super) fn run(case: &Case) -> anyhow::Result<Figures> {
    let schedule = Arc::new(case.schedule());
    let mut traffic = Traffic::new(case.vehicles(), case.rows_per_second, false);
    let slices = (schedule.end().as_nanos() / SLICE.as_nanos()) as u32 + 1;
    let in_slice = |slice: u32| schedule.before(SLICE * (slice + 1)) - schedule.before(SLICE * slice);
    let lines: Vec<_> = (0..slices).map(|slice| traffic.lines(in_slice(slice) as u64)).collect();

    let tick = Duration::from_millis(case.tick_ms.into());
    let slices_per_tick = (tick.as_nanos() / SLICE.as_nanos()) as u32;
    let tick = SLICE * slices_per_tick;
    let log = Log::default();
    let views = Views::new(1, || 0);
    let (published, of_rows) = (log.clone(), Arc::clone(&schedule));
    views.on_publish(move |snapshot| {
        // Rows of a tick are those that were due before it.
        let ticks = snapshot.position().through.saturating_sub(START) / tick.as_millis() as Time;
        published.note(of_rows.before(tick * ticks as u32));
    });
    let flow = CityV1 { remembered_ms: REMEMBERED_MS, reading: Arc::default() };
    let mut crew = Crew::start(timely::Config::process(case.workers), flow, views)?;
    crew.deal(START, Dealt::Roads(Traffic::roads()));
    crew.complete(START);
    crew.wait_through(START);

    let start = Instant::now();
    let mut cpu = None;
    for (slice, lines) in (0..).zip(lines) {
        let end = SLICE * (slice + 1);
        sleep_until(start + end);
        if end >= schedule.begin() {
            cpu.get_or_insert_with(usage::cpu);
        }
        let ticks = slice / slices_per_tick + 1;
        let now = START + (tick * ticks).as_millis() as Time;
        crew.deal(now, Dealt::Lines(lines));
        if (slice + 1) % slices_per_tick == 0 || slice + 1 == slices {
            crew.complete(now);
        }
    }
    log.wait(schedule.rows());
    let cpu = usage::cpu() - cpu.unwrap_or_default();
    let figures = log.figures(&schedule, start, cpu);
    crew.shutdown();
    Ok(figures)
}
