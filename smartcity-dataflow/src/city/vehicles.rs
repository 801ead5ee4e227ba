//! Where is every vehicle now, and how does it move?
//!
//! A vehicle is whoever sends fixes, by either feed: the vehicle's own (`vehicle_data`) or its tracker's (`gps_data`). Its
//! newest fix by event time counts, for as long as the fix lives. Beside what the vehicle reports stands what its track
//! says: the speed and heading from the fix before to this one. Where the two cannot both be true the row says so; it is
//! not dropped.
//!
//! A vehicle has a track in each feed. Many send by both at the same moment, so a track through both would stand still at
//! every other step; and two receivers in one vehicle would zigzag between their errors.

use serde::{Deserialize, Serialize};

use super::congestion;
use super::paths::MAX_GAP_MS;
use crate::model::{
    Body, Fix, Heading, Id, Kind, Kmh, Millimetres, Millis, Placed, Point, VehicleDetails, bearing, distance_mm,
};
use crate::operators::{Followed, latest, predecessor, round_up};
use crate::view::View;
use crate::{Rows, Settings, Time};

/// The newest fix of every vehicle.
pub const VEHICLES: View<Id, Vehicle> = View::new("vehicles");

/// A vehicle above this speed counts as moving.
pub const MOVING_ABOVE: Kmh = Kmh(5_000);

/// Faster than this between two fixes is no road vehicle.
pub const TOO_FAST: Kmh = Kmh(180_000);

/// How far two fixes may be off together: 15 m each, the accuracy of a receiver among houses.
pub const POSITION_ERROR: Millimetres = Millimetres(30_000);

/// Why a vehicle's motion is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Implausible {
    /// It would have had to go faster than any road vehicle between its last two fixes.
    TooFast,
    /// It moved much faster than it reported.
    ContradictsReport,
}

/// A vehicle as last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Vehicle {
    /// Event time of the fix.
    pub time: Millis,
    /// Where it was.
    pub place: Point,
    /// Speed as it reported it.
    pub reported_speed: Option<Kmh>,
    /// Heading as it reported it.
    pub reported_heading: Option<Heading>,
    /// Speed from the feed's last fix of it to this one.
    pub track_speed: Option<Kmh>,
    /// Heading from the feed's last fix of it to this one.
    pub track_heading: Option<Heading>,
    /// Whether it moves.
    pub moving: bool,
    /// Why its motion is not believed, if it is not.
    pub implausible: Option<Implausible>,
    /// The segment it is on.
    pub segment: Option<Id>,
    /// The zone it is in.
    pub zone: Option<Id>,
    /// Which feed the fix came by.
    pub kind: Kind,
    /// What sort of vehicle.
    pub vehicle_type: Option<Id>,
    /// Make and model, where known.
    pub details: Option<VehicleDetails>,
}

impl Vehicle {
    /// Its speed: as reported, else from its track, else zero.
    pub fn speed(&self) -> Kmh {
        self.reported_speed.or(self.track_speed).unwrap_or_default()
    }

    /// Its heading: as reported, else from its track.
    pub fn heading(&self) -> Option<Heading> {
        self.reported_heading.or(self.track_heading)
    }
}

/// A fix of a vehicle with the one before it in the same feed.
pub type Step = Followed<Placed>;

/// How did every vehicle move? Every fix with the vehicle's fix before it in the same feed, by event time.
///
/// | time | placed               | output (fix ← fix before)                                        |
/// |-----:|----------------------|------------------------------------------------------------------|
/// |    1 | +(v, gps, 10:00:00)  | +(v, 10:00:00 ← none)                                            |
/// |    2 | +(v, gps, 10:00:30)  | +(v, 10:00:30 ← 10:00:00)                                        |
/// |    3 | +(v, gps, 10:00:10)  | -(v, 10:00:30 ← 10:00:00) +(v, 10:00:10 ← 10:00:00) +(v, 10:00:30 ← 10:00:10) |
/// |    4 | -(v, gps, 10:00:00)  | -(v, 10:00:10 ← 10:00:00) +(v, 10:00:10 ← none)                  |
/// |    5 | +(v, vehicle, 10:00:40) | +(v, 10:00:40 ← none)                                         |
///
/// Fixes are remembered until no window that they, or the way to the next fix, count in can change any more; a fix that comes
/// later than that has no track.
///
/// ```
/// # use smartcity_dataflow::{Settings, city::vehicles::tracks, model::*, testing::{at, trace}};
/// let fix = |seconds: i64| {
///     # let id = Id::new(Namespace::Device, "v");
///     # let origin = Origin { source: id, partition: 0, offset: 0 };
///     # let (kind, device, arrived, body) = (Kind::Gps, id, 9, Body::Fix(Fix::default()));
///     let (time, place) = (Millis(seconds * 1_000), Some(Point::default()));
///     Placed { reading: Reading { time, origin, kind, id, device, arrived, place, body }, segment: None, road: None, zone: None }
/// };
/// let steps = trace(&[at(9, fix(0)), at(9, fix(30))], |placed| tracks(placed, &Settings::default()), 9);
/// assert_eq!(steps[1].1.1.previous, Some(fix(0)));
/// ```
pub fn tracks<'s>(placed: Rows<'s, Placed>, settings: &Settings) -> Rows<'s, (Id, Step)> {
    let fixes = placed
        .filter(|placed| fix_of(placed).is_some())
        .map(|placed| ((placed.reading.device, placed.reading.kind), placed));
    predecessor(fixes, "Tracks", forgotten_at(settings)).map(|((vehicle, _), step)| (vehicle, step))
}

/// How long after its event a fix is remembered, milliseconds: until nothing that it, or the way to the next fix, counts in
/// can change any more.
pub(super) fn remembered_ms(settings: &Settings) -> Time {
    congestion::amended_ms(settings) + MAX_GAP_MS.unsigned_abs()
}

/// When a fix is forgotten.
fn forgotten_at(settings: &Settings) -> impl Fn(&Placed) -> Time + Copy + 'static {
    let (remembered, tick) = (remembered_ms(settings), settings.tick_ms);
    move |placed| round_up(placed.reading.time.0.saturating_add_unsigned(remembered).max(0) as u64, tick)
}

/// Where is every vehicle now, and how does it move? Its newest live fix, with what the track says of it.
///
/// | time | tracks (fix ← fix before)        | output                          |
/// |-----:|----------------------------------|---------------------------------|
/// |    1 | +(v, 10:00:00 ← none)            | +(v, at 10:00:00, no track)     |
/// |    2 | +(v, 10:00:30 ← 10:00:00)        | -(v, at 10:00:00) +(v, at 10:00:30, 36 km/h north) |
/// |    3 | +(v, 10:00:10 ← 10:00:00), and the step to 10:00:30 now starts there | the track speed of (v, at 10:00:30) changes |
/// |  302 |                                  | -(v, at 10:00:30)               |
///
/// `tracks` are those of `placed`. A fix that came so late that its track is forgotten before the fix's life ends stands from
/// then on without a track.
///
/// ```
/// # use smartcity_dataflow::{Settings, city::vehicles::{tracks, vehicles}, model::*, testing::{at, trace}};
/// let fix = |seconds: i64, arrived, north_m: i64| {
///     # let id = Id::new(Namespace::Device, "v");
///     # let origin = Origin { source: id, partition: 0, offset: 0 };
///     # let (kind, device, body) = (Kind::Gps, id, Body::Fix(Fix::default()));
///     let (time, place) = (Millis(seconds * 1_000), Some(Point::default().shifted(0, north_m * 1_000)));
///     Placed { reading: Reading { time, origin, kind, id, device, arrived, place, body }, segment: None, road: None, zone: None }
/// };
/// let settings = Settings::default();
/// let rows = trace(
///     &[at(1, fix(0, 1, 0)), at(2, fix(10, 2, 100))],
///     move |placed| vehicles(placed.clone(), tracks(placed, &settings), &settings),
///     9,
/// );
/// let (2, (_, row), 1) = rows[2] else { panic!("the newest fix comes last") };
/// assert_eq!(row.track_speed.map(|speed| (speed.0 + 500) / 1_000), Some(36));
/// ```
pub fn vehicles<'s>(
    placed: Rows<'s, Placed>,
    tracks: Rows<'s, (Id, Step)>,
    settings: &Settings,
) -> Rows<'s, (Id, Vehicle)> {
    let life = settings.vehicle_life_ms;
    let ends = move |placed: &Placed| placed.reading.arrived + life;
    let forgotten = forgotten_at(settings);
    let outlives_its_track = move |placed: &Placed| forgotten(placed) < ends(placed);
    // What the track forgets it takes back no more. So of a fix that lives longer, the row without a track comes from the
    // readings alone, and a row with one is gone by then.
    let bare = placed
        .filter(move |placed| fix_of(placed).is_some() && outlives_its_track(placed))
        .map(|row| (row.reading.device, Step { row, previous: None }));
    let tracked = tracks.filter(move |(_, step)| step.previous.is_some() || !outlives_its_track(&step.row));
    latest(tracked.concat(bare), "Vehicles", move |step| match step.previous {
        Some(_) => ends(&step.row).min(forgotten(&step.row)),
        None => ends(&step.row),
    })
    .flat_map(|(vehicle, step)| vehicle_after(&step).map(|row| (vehicle, row)))
}

fn fix_of(placed: &Placed) -> Option<(Point, Fix)> {
    match placed.reading.body {
        Body::Fix(fix) => placed.reading.place.map(|place| (place, fix)),
        _ => None,
    }
}

/// Motion from one fix to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Motion {
    /// Straight-line distance.
    pub distance: Millimetres,
    /// Time between the fixes, milliseconds; positive.
    pub gap_ms: i64,
    /// Distance over time.
    pub speed: Kmh,
    /// Direction; `None` where the vehicle did not move.
    pub heading: Option<Heading>,
}

/// Motion of a step; `None` for a first fix, and for two fixes of one moment.
pub fn motion(step: &Step) -> Option<Motion> {
    let (from, to) = (step.previous?, step.row);
    let (start, end) = (from.reading.place?, to.reading.place?);
    let gap_ms = to.reading.time.0.checked_sub(from.reading.time.0)?;
    let distance = distance_mm(start, end);
    Some(Motion { distance, gap_ms, speed: Kmh::over(distance, gap_ms)?, heading: bearing(start, end) })
}

/// Why a step is not believed. The positions may be off by [`POSITION_ERROR`], so that much is granted first.
pub fn implausible(step: &Step) -> Option<Implausible> {
    let motion = motion(step)?;
    let surely = Kmh::over(Millimetres((motion.distance - POSITION_ERROR).0.max(0)), motion.gap_ms)?;
    let reported = |placed: Placed| fix_of(&placed).and_then(|(_, fix)| fix.speed);
    let fastest_report = reported(step.row).max(step.previous.and_then(reported));
    if surely > TOO_FAST {
        Some(Implausible::TooFast)
    } else if fastest_report.is_some_and(|fastest| surely.0 > 3 * fastest.0 + 30_000) {
        Some(Implausible::ContradictsReport)
    } else {
        None
    }
}

fn vehicle_after(step: &Step) -> Option<Vehicle> {
    let (place, fix) = fix_of(&step.row)?;
    let motion = motion(step);
    let track_speed = motion.map(|motion| motion.speed);
    Some(Vehicle {
        time: step.row.reading.time,
        place,
        reported_speed: fix.speed,
        reported_heading: fix.heading,
        track_speed,
        track_heading: motion.and_then(|motion| motion.heading),
        moving: fix.speed.or(track_speed).unwrap_or_default() > MOVING_ABOVE,
        implausible: implausible(step),
        segment: step.row.segment,
        zone: step.row.zone,
        kind: step.row.reading.kind,
        vehicle_type: fix.vehicle_type,
        details: fix.details,
    })
}

#[cfg(test)]
mod tests;
