//! How does the city do right now?

use serde::{Deserialize, Serialize};
use smartcity::model::Id;
use smartcity::operators::{Aggregate, Keep, aggregate, combine, keyed};
use smartcity::view::View;
use smartcity::{Diff, Rows};

use super::event::Speed;
use super::positions::Position;
use super::roads::Level;

/// The one row of the city; its key is 0.
pub(crate) const CITY_NOW: View<u8, CityNow> = View::new("city_now");

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct CityNow {
    pub(crate) vehicles: i64,
    /// Sum of the newest speeds, ten-thousandths of a km/h.
    pub(crate) speeds: i64,
    /// Roads whose newest speeds average below 0.4 of free flow.
    pub(crate) congested_roads: i64,
}

/// What a road's stage hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Heard {
    FreeFlow(Speed),
    Vehicle(Speed),
}

/// Vehicles, their mean speed, and congested roads, by the newest position of each vehicle.
pub(crate) fn city_now<'s>(newest: Rows<'s, (Id, Position)>, roads: Rows<'s, (Id, Speed)>) -> Rows<'s, (u8, CityNow)> {
    #[derive(Default)]
    struct Road {
        free_flow: Speed,
        now: CityNow,
    }
    let vehicles = newest.map(|(_, position)| (position.road, Heard::Vehicle(position.speed)));
    let heard = vehicles.concat(roads.map(|(road, free_flow)| (road, Heard::FreeFlow(free_flow))));
    let of_roads = keyed(heard, "RoadsNow", |_, road: &mut Road, turn| {
        let before = road.now;
        turn.for_each_change(|_, heard, diff| match heard {
            Heard::Vehicle(Speed(speed)) => {
                road.now.vehicles += diff as i64;
                road.now.speeds += i64::from(speed) * diff as i64;
            }
            Heard::FreeFlow(Speed(speed)) => road.free_flow.0 += speed * diff as i32,
        });
        let level = Level::of(road.now.speeds, road.now.vehicles, road.free_flow);
        road.now.congested_roads = i64::from(level.is_some_and(Level::is_congested));
        let row = |now: CityNow| (now.vehicles > 0).then_some(now);
        turn.replace(row(before), row(road.now));
        Keep::Yes
    });
    let add = |sum: &mut CityNow, road, diff| sum.add(road, diff);
    let of_worker = combine(of_roads, "CityNowOfWorker", add, |sum| {
        // A sum of zeros says nothing.
        (sum != CityNow::default()).then_some(((0, sum), 1))
    });
    aggregate::<_, _, CityNow>(of_worker, "CityNow", |_| None)
}

impl Aggregate<CityNow> for CityNow {
    type Output = Self;

    fn add(&mut self, row: Self, diff: Diff) {
        self.vehicles += row.vehicles * diff as i64;
        self.speeds += row.speeds * diff as i64;
        self.congested_roads += row.congested_roads * diff as i64;
    }

    fn output(&self) -> Option<Self> {
        (self.vehicles > 0).then_some(*self)
    }
}
