//! A capability of one's own in the live picture of the built-in town; the crates stay as they are.
//!
//! ```sh
//! cargo run --example own_capability
//! ```

use std::{thread, time::Duration};

use smartcity::city::vehicles::Vehicle;
use smartcity::model::{CityRow, Id, Kmh};
use smartcity::source::{Simulator, SimulatorSettings};
use smartcity::view::View;
use smartcity::{Diff, Engine, Rows, city_files};

/// Of each road on which vehicles speed: how many, and how far above the limit the fastest is.
pub(crate) const SPEEDING: View<Id, (Diff, Kmh)> = View::new("speeding");

/// What a speed camera grants, km/h.
const TOLERANCE: Kmh = Kmh(3_000);

/// On which roads do vehicles speed right now, how many, and how far above the limit is the fastest?
///
/// A vehicle speeds while it reports more than [`TOLERANCE`] above the limit of its segment, until it slows down, leaves
/// the road or falls silent. The free-flow speed stands for the limit. A change costs the speeding vehicles of one road.
pub(crate) fn speeding<'s>(vehicles: Rows<'s, (Id, Vehicle)>, city: Rows<'s, CityRow>) -> Rows<'s, (Id, (Diff, Kmh))> {
    let speeds = vehicles.flat_map(|(_, vehicle)| Some((vehicle.segment?, vehicle.reported_speed?)));
    let limits = city.flat_map(|row| match row {
        CityRow::Segment(segment) => Some((segment.id, (segment.road, segment.free_flow))),
        _ => None,
    });
    let excesses = speeds.join_map(limits, |_, speed, (road, limit)| (*road, *speed - *limit));
    excesses.filter(|(_, excess)| *excess > TOLERANCE).reduce(|_, excesses, row| {
        let vehicles = excesses.iter().map(|(_, vehicles)| vehicles).sum();
        row.extend(excesses.last().map(|(fastest, _)| ((vehicles, **fastest), 1)));
    })
}

fn main() -> anyhow::Result<()> {
    let city = city_files::town().to_city();
    let town = Engine::new(city.clone())
        .source(Simulator::new("town", &city, SimulatorSettings::default())?)
        .capability(|streams, publisher| {
            publisher.publish(&SPEEDING, speeding(streams.vehicles.clone(), streams.city.clone()));
        })
        .start()?;
    for second in 1..=8 {
        thread::sleep(Duration::from_secs(1));
        let snapshot = town.views().snapshot();
        let mut roads: Vec<_> = snapshot.rows(&SPEEDING).into_iter().map(|(road, row)| (row, road)).collect();
        roads.sort_unstable_by(|a, b| b.cmp(a));
        println!("{second} s: vehicles speed on {} roads", roads.len());
        for ((vehicles, fastest), road) in roads.into_iter().take(3) {
            snapshot.names().scope(|| println!("{vehicles:>6} on {road}, up to {:.1} km/h too fast", fastest.as_f64()));
        }
    }
    town.shutdown();
    Ok(())
}
