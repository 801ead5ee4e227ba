//! What does the city consist of? Its own data as views, so that readers need no files and see an edit like any change.

use std::sync::Arc;

use crate::model::{Camera, CityRow, Id, Kind, NameUse, ResponseUnit, Road, Segment, Station, Zone};
use crate::operators::{latest, round_up};
use crate::view::{Publisher, View};
use crate::{Rows, Time};

/// Every segment.
pub const CITY_SEGMENTS: View<Id, Segment> = View::new("city_segments");
/// Every named road.
pub const CITY_ROADS: View<Id, Road> = View::new("city_roads");
/// Every zone.
pub const CITY_ZONES: View<Id, Zone> = View::new("city_zones");
/// Every camera.
pub const CITY_CAMERAS: View<Id, Camera> = View::new("city_cameras");
/// Every station.
pub const CITY_STATIONS: View<Id, Station> = View::new("city_stations");
/// Every response unit.
pub const CITY_UNITS: View<Id, ResponseUnit> = View::new("city_units");
/// Every other name of a road: alias to road.
pub const CITY_ALIASES: View<Id, Id> = View::new("city_aliases");
/// Every text that rows refer to.
pub const NAMES: View<Id, Arc<str>> = View::new("names");

/// What does the city consist of? Publishes its own data, a view for each part.
///
/// | time | city                    | city_roads                     | city_aliases            |
/// |-----:|-------------------------|--------------------------------|-------------------------|
/// |    0 | +road market_st         | +(market_st: "Market Street")  |                         |
/// |    1 | +alias market → market_st |                              | +(market: market_st)    |
///
/// ```
/// # use std::sync::{Arc, atomic::AtomicBool};
/// # use differential_dataflow::input::InputSession;
/// # use smartcity_dataflow::{Diff, Time, city::statics::*, model::*, view::{Publisher, Views}};
/// let road = Road { id: Id::new(Namespace::Road, "market_st"), name: Id::new(Namespace::Text, "Market Street") };
/// let views = timely::execute_directly(move |worker| {
///     let views = Views::new(1, || 0);
///     let publisher = Publisher::new(views.clone(), 0, 1, 1, Arc::new(AtomicBool::new(false)));
///     let mut city = InputSession::<Time, CityRow, Diff>::new();
///     worker.dataflow(|scope| publish_city(&publisher, &city.to_collection(scope)));
///     city.insert(CityRow::Road(road));
///     city.advance_to(10);
///     city.flush();
///     worker.step_while(|| views.snapshot().position().through < 9);
///     views.snapshot()
/// });
/// assert_eq!(views.row(&CITY_ROADS, &road.id), Some(road));
/// ```
pub fn publish_city<'s>(publisher: &Publisher, city: &Rows<'s, CityRow>) {
    macro_rules! part {
        ($view:expr, $part:ident, $row:ident => $keyed:expr) => {
            publisher.publish(
                &$view,
                city.clone().flat_map(|row| if let CityRow::$part($row) = row { Some($keyed) } else { None }),
            );
        };
    }
    part!(CITY_SEGMENTS, Segment, segment => (segment.id, segment));
    part!(CITY_ROADS, Road, road => (road.id, road));
    part!(CITY_ZONES, Zone, zone => (zone.id, zone));
    part!(CITY_CAMERAS, Camera, camera => (camera.id, camera));
    part!(CITY_STATIONS, Station, station => (station.id, station));
    part!(CITY_UNITS, Unit, unit => (unit.id, unit));
    part!(CITY_ALIASES, Alias, alias => (alias.alias, alias.road));
}

/// Messages of a kind name what they speak of once in each bucket of this many milliseconds.
pub const NAME_BUCKET_MS: Time = 600_000;

/// Names leave on multiples of this many milliseconds, so that uses of about one time leave as one.
const LEAVING_MS: Time = NAME_BUCKET_MS / 10;

/// What is each id called? The texts of the city, and those that readings used lately.
///
/// With a life of 20 minutes for vehicles:
///
/// | time  | city                | used                             | output             |
/// |------:|---------------------|----------------------------------|--------------------|
/// |  9:00 | +(1, "market_st")   |                                  | +(1, "market_st")  |
/// | 10:02 |                     | +(10:02, vehicle, (2, "Camry"))  | +(2, "Camry")      |
/// | 10:10 |                     | +(10:10, vehicle, (2, "Camry"))  |                    |
/// | 10:40 |                     |                                  | -(2, "Camry")      |
///
/// A text of a message is known for [`NAME_BUCKET_MS`] and then for the `life` of its kind, rounded up to a minute: so long
/// may a message that uses it still come without saying it again, and what it says be shown. `life` exceeds the life of
/// any row of the kind, so a row that is shown has its names; a text that no message uses any more goes. Of two texts with
/// one id (a collision) the greater is shown. `used` is to say a name once in each bucket of its use (decoders do): the state
/// is one row for each time it is said.
///
/// ```
/// # use smartcity_dataflow::{city::statics::names, model::*, testing::{at, trace}};
/// const MINUTE: u64 = 60_000;
/// let camry = Name::new(Namespace::Text, "Camry");
/// let said = NameUse { at: 5, kind: Kind::Vehicle, name: camry.clone() };
/// let known = trace(
///     &[at(5, said)],
///     |used| names(&used.clone().flat_map(|_| None), used, |kind| if kind == Kind::Vehicle { 20 * MINUTE } else { 0 }),
///     60 * MINUTE,
/// );
/// let row = (camry.id, camry.text);
/// assert_eq!(known, [(5, row.clone(), 1), (31 * MINUTE, row, -1)]);
/// ```
pub fn names<'s>(
    city: &Rows<'s, CityRow>,
    used: Rows<'s, NameUse>,
    life: impl Fn(Kind) -> Time + 'static,
) -> Rows<'s, (Id, Arc<str>)> {
    let lasting = city.clone().flat_map(|row| match row {
        CityRow::Name(name) => Some((name.id, (name.text, Time::MAX))),
        _ => None,
    });
    let used = used.map(move |NameUse { at, kind, name }| {
        let ends = round_up(at + NAME_BUCKET_MS + life(kind), LEAVING_MS);
        (name.id, (name.text, ends))
    });
    latest(lasting.concat(used), "Names", |(_, ends)| *ends).map(|(id, (text, _))| (id, text))
}

#[cfg(test)]
mod tests;
