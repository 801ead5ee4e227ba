//! The rows: flat ones that every codec can write, and the product's own.

use serde::Serialize;
use serde::de::DeserializeOwned;
use smartcity::model::{Instant, Reading};
use smartcity::source::{Assignment, Outlet, Simulator, SimulatorClock, SimulatorSettings, Source};
use smartcity::{Diff, Time, city_files};

/// A row, its time and its multiplicity, as they travel.
pub(crate) type Update<R> = (R, u64, i64);

/// A vehicle's report as city-v1 has it: time, message, vehicle, road, latitude, longitude, speed.
pub(crate) type Reported = (i64, u64, u64, u64, i32, i32, i32);

/// An id and its text.
pub(crate) type Named = (u64, String);

/// A row that can be made and looked at.
pub(crate) trait Row: Clone + Serialize + DeserializeOwned + columnar::Columnar {
    /// The update number `number`.
    fn update(number: u64) -> Update<Self>;
}

/// Some updates.
pub(crate) fn updates<R: Row>(count: usize) -> Vec<Update<R>> {
    (0..count as u64).map(R::update).collect()
}

impl Row for Reported {
    fn update(number: u64) -> Update<Self> {
        let id = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (vehicle, road) = (id.rotate_left(13), id.rotate_left(29));
        let (latitude, longitude) = (52_300_000 + number as i32, 4_750_000 - number as i32);
        let time = 1_714_543_200_000 + number;
        ((time as i64, id, vehicle, road, latitude, longitude, 482_700), time, 1)
    }
}

impl Row for Named {
    fn update(number: u64) -> Update<Self> {
        ((number.wrapping_mul(0x9e37_79b9_7f4a_7c15), format!("vehicle-{number:05}")), 1_714_543_200_000, 1)
    }
}

/// Fixes of the simulated town, as they travel.
pub(crate) fn readings(count: usize) -> Vec<(Reading<Instant>, Time, Diff)> {
    let clock = SimulatorClock::Recorded { start: 1_767_225_600_000, duration: 30_000 };
    let settings = SimulatorSettings { clock, vehicle_per_minute: 0.0, ..SimulatorSettings::default() };
    let city = city_files::town().to_city();
    let mut simulator = Simulator::new("bench", &city, settings).expect("the simulator starts");
    let (outlet, batches) = Outlet::bounded(16);
    let source = std::thread::spawn(move || simulator.run(&Assignment::all(), &outlet));
    let readings: Vec<_> = batches.into_iter().flat_map(|batch| batch.readings).collect();
    source.join().expect("the simulator does not panic").expect("the simulation ends");
    let updates = readings.into_iter().map(|reading| (reading, reading.arrived, 1));
    updates.take(count).collect()
}
