//! The product: GPS readings of simulated vehicles on the built-in town, by the wall clock, with all views.

use smartcity::model::Kind;
use smartcity::{Clock, Engine, Settings, city_files};

use super::super::open_loop::{self, Figures};
use super::super::simulated;
use super::Case;

const NAME: &str = "bench";

pub(super) fn run(case: &Case) -> anyhow::Result<Figures> {
    let schedule = case.schedule();
    let city = city_files::town().to_city();
    let fixes = simulated::fixes(NAME, &city, case.vehicles(), case.rows_per_second, schedule.rows())?;
    let settings = Settings { tick_ms: case.tick_ms.into(), ..Settings::default() };
    let engine = Engine::new(city).settings(settings).clock(Clock::Wall).workers(case.workers);
    open_loop::run(engine, NAME, Kind::Gps, (fixes, simulated::START), schedule)
}
