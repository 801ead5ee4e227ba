//! How is the city, in one line?
//!
//! The mean speed is that of the vehicles shown, standing ones included, by the speed they report (else that of their track):
//! what the contract's summary calls the average city speed. It is not the speed of the network, which weighs every fix of
//! the last minutes ([`super::network`]).

use serde::{Deserialize, Serialize};

use super::congestion::Traffic;
use super::incidents::{ActiveReport, Incident};
use super::vehicles::Vehicle;
use crate::model::{Id, Kmh};
use crate::operators::{Aggregate, totals};
use crate::view::View;
use crate::{Diff, Rows};

/// The city in one row.
pub const SUMMARY: View<(), Summary> = View::new("summary");

/// The city's figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Summary {
    /// Vehicles seen.
    pub vehicles: u32,
    /// Of those, the ones that move.
    pub moving: u32,
    /// Mean speed of the vehicles.
    pub average_speed: Kmh,
    /// Active emergency reports.
    pub active_emergencies: u32,
    /// Incidents they merge into.
    pub incidents: u32,
    /// Named roads below 62.5 % of free flow.
    pub congested_roads: u32,
    /// Named roads observed.
    pub observed_roads: u32,
}

/// Something that counts in the summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Counted {
    Vehicle { speed: Kmh, moving: bool },
    Emergency,
    Incident,
    Road { congested: bool },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct SummarySum {
    vehicles: i64,
    moving: i64,
    speeds: i64,
    emergencies: i64,
    incidents: i64,
    roads: i64,
    congested: i64,
}

impl Aggregate<Counted> for SummarySum {
    type Output = Summary;

    fn add(&mut self, counted: Counted, diff: Diff) {
        let times = diff as i64;
        match counted {
            Counted::Vehicle { speed, moving } => {
                self.vehicles += times;
                self.moving += if moving { times } else { 0 };
                self.speeds += times * speed.0;
            }
            Counted::Emergency => self.emergencies += times,
            Counted::Incident => self.incidents += times,
            Counted::Road { congested } => {
                self.roads += times;
                self.congested += if congested { times } else { 0 };
            }
        }
    }

    fn output(&self) -> Option<Summary> {
        let any = self.vehicles > 0 || self.emergencies > 0 || self.incidents > 0 || self.roads > 0;
        any.then(|| Summary {
            vehicles: self.vehicles as u32,
            moving: self.moving as u32,
            average_speed: Kmh(self.speeds / self.vehicles.max(1)),
            active_emergencies: self.emergencies as u32,
            incidents: self.incidents as u32,
            congested_roads: self.congested as u32,
            observed_roads: self.roads as u32,
        })
    }
}

impl Aggregate<Self> for SummarySum {
    type Output = Summary;

    fn add(&mut self, other: Self, diff: Diff) {
        let times = diff as i64;
        self.vehicles += times * other.vehicles;
        self.moving += times * other.moving;
        self.speeds += times * other.speeds;
        self.emergencies += times * other.emergencies;
        self.incidents += times * other.incidents;
        self.roads += times * other.roads;
        self.congested += times * other.congested;
    }

    fn output(&self) -> Option<Summary> {
        Aggregate::<Counted>::output(self)
    }
}

/// How is the city, in one line? No row while there is nothing to count.
///
/// | time | vehicles             | reports | roads             | output                              |
/// |-----:|----------------------|---------|-------------------|-------------------------------------|
/// |    1 | +(a, 30 km/h)        |         |                   | +(1 vehicle, 30 km/h)               |
/// |    2 | +(b, 50 km/h)        | +r      | +(market_st, slow)| -… +(2 vehicles, 40 km/h, 1 active, 1 of 1 congested) |
/// |    3 | -(a, 30 km/h)        | -r      |                   | -… +(1 vehicle, 50 km/h, 0 active, 1 of 1 congested)  |
///
/// ```
/// # use smartcity_dataflow::{city::{congestion::{Distinct, Flow, traffic}, summary::summary}, model::*, testing::{at, trace}};
/// let market_st = Id::new(Namespace::Road, "market_st");
/// let slow = traffic(&Flow { fixes: 3, ..Flow::default() }, Distinct::default(), Kmh(20_000), Kmh(50_000));
/// let rows = trace(
///     &[at(0, (market_st, slow))],
///     |roads| {
///         let none = roads.clone();
///         summary(none.clone().flat_map(|_| None), none.clone().flat_map(|_| None), none.flat_map(|_| None), roads)
///     },
///     5,
/// );
/// assert_eq!((rows[0].1.1.congested_roads, rows[0].1.1.observed_roads), (1, 1));
/// ```
pub fn summary<'s>(
    vehicles: Rows<'s, (Id, Vehicle)>,
    reports: Rows<'s, (Id, ActiveReport)>,
    incidents: Rows<'s, (Id, Incident)>,
    roads: Rows<'s, (Id, Traffic)>,
) -> Rows<'s, ((), Summary)> {
    let vehicles = vehicles.map(|(_, vehicle)| Counted::Vehicle { speed: vehicle.speed(), moving: vehicle.moving });
    let reports = reports.map(|_| Counted::Emergency);
    let incidents = incidents.map(|_| Counted::Incident);
    let roads = roads.map(|(_, traffic)| Counted::Road { congested: traffic.level.is_congested() });
    let counted = vehicles.concat(reports).concat(incidents).concat(roads);
    totals::<_, _, SummarySum>(counted.map(|counted| ((), counted)), "Summary", |()| None)
}

#[cfg(test)]
mod tests;
