//! Readings of a simulation, taken beforehand.

use anyhow::anyhow;
use smartcity::Time;
use smartcity::model::City;
use smartcity::source::{Assignment, Batch, Outlet, Simulator, SimulatorClock, SimulatorSettings, Source};

/// When a simulation starts: 2026-01-01T00:00:00Z, milliseconds since the epoch.
pub(crate) const START: Time = 1_767_225_600_000;

/// Shows each batch of a recorded simulation, which runs on a thread of its own.
pub(crate) fn each(mut simulator: Simulator, show: impl FnMut(Batch)) -> anyhow::Result<()> {
    let (outlet, batches) = Outlet::bounded(16);
    let source = std::thread::spawn(move || simulator.run(&Assignment::all(), &outlet));
    batches.into_iter().for_each(show);
    Ok(source.join().map_err(|_| anyhow!("the simulator panicked"))??)
}

/// All rows of a recorded simulation in one batch.
pub(crate) fn rows(simulator: Simulator) -> anyhow::Result<Batch> {
    let mut rows = Batch::default();
    each(simulator, |mut batch| rows.append(&mut batch))?;
    Ok(rows)
}

/// Settings of a recorded simulation from [`START`].
pub(crate) fn recorded(millis: Time, settings: SimulatorSettings) -> SimulatorSettings {
    SimulatorSettings { clock: SimulatorClock::Recorded { start: START, duration: millis }, ..settings }
}

/// `rows` position fixes of vehicles that report in turn, so many a second, and nothing else.
pub(crate) fn fixes(
    name: &str,
    city: &City,
    vehicles: u64,
    rows_per_second: u64,
    rows: usize,
) -> anyhow::Result<Batch> {
    let settings = SimulatorSettings {
        vehicles: vehicles as u32,
        vehicle_per_minute: 0.0,
        gps_per_minute: rows_per_second as f64 * 60.0,
        traffic_per_minute: 0.0,
        weather_per_minute: 0.0,
        emergency_per_minute: 0.0,
        sensor_per_minute: 0.0,
        dirt: smartcity::source::Dirt::NONE,
        ..SimulatorSettings::default()
    };
    let millis = rows as u64 * 1_000 / rows_per_second + 100;
    let mut fixes = self::rows(Simulator::new(name, city, recorded(millis, settings))?)?;
    fixes.readings.truncate(rows);
    Ok(fixes)
}
