//! Where in the city is every reading that stays where it is: on which segment, in which zone?
//!
//! A camera is where the city's table says; one that the table does not know is on the nearest segment that points its way. The
//! rest lies in a zone. (Vehicles move; the log of each says on which streets: [`super::track`].)
//!
//! A reading is placed once, in the city as it is when the reading comes. A later edit of a segment's line does not move
//! readings that went before; what a segment *is* (its free-flow speed, lanes, name) is joined later and acts at once.

use super::map::Map;
use crate::Rows;
use crate::model::{Body, CityRow, Placed, Reading};
use crate::operators::map_with;

/// Where is every reading? Cameras on a segment, everything with a place in a zone.
///
/// | time | readings                        | city          | output                      |
/// |-----:|---------------------------------|---------------|-----------------------------|
/// |    0 |                                 | +north street |                             |
/// |    1 | +(camera 4 m beside it, heading 5°)|            | +(camera, on north street)  |
/// |    1 | +(camera there, heading 90°)    |               | +(camera, on no segment)    |
/// |    2 | +(camera 4 m beside it, heading 5°)| -north street | +(camera, on no segment) |
///
/// Input is insert-only: messages before they are deduplicated. A withdrawal is a message too and takes back what was placed
/// then ([`dedup`](crate::operators::dedup) keeps it). Every worker keeps the whole map.
///
/// ```
/// # use smartcity_dataflow::{city::locate::locate, model::*, testing::{at, trace}};
/// # let id = Id::new(Namespace::Segment, "north");
/// # let (class, lanes, free_flow, next) = (RoadClass::Primary, 1, Kmh(50_000), [].into());
/// let (start, end) = (Point::default(), Point::default().shifted(0, 100_000));
/// let line = [start, end].into();
/// let street = Segment { id, road: id, zone: None, class, lanes, free_flow, length: Millimetres(100_000), line, next };
/// # let origin = Origin { source: id, partition: 0, offset: 0 };
/// # let (time, kind, device, arrived) = (Millis(1), Kind::Traffic, id, 1);
/// let (place, heading) = (Some(start.shifted(4_000, 50_000)), None);
/// let body = Body::Camera(CameraReading { camera: id, speed: Kmh(30_000), heading });
/// let reading = Reading { time, origin, kind, id, device, arrived, place, body };
/// let placed = trace(
///     &[at(0, (None, Some(CityRow::Segment(street)))), at(1, (Some(reading), None))],
///     |rows| locate(rows.clone().flat_map(|(reading, _)| reading), rows.flat_map(|(_, city)| city)),
///     5,
/// );
/// assert_eq!(placed[0].1.segment, Some(id));
/// ```
pub fn locate<'s>(readings: Rows<'s, Reading>, city: Rows<'s, CityRow>) -> Rows<'s, Placed> {
    map_with(
        readings,
        city.filter(Map::shows),
        "Locate",
        |map: &mut Map, _, changes| *map = map.after(changes),
        |reading, map| Some(place(reading, map)),
    )
}

fn place(reading: Reading, map: &Map) -> Placed {
    if let Body::Camera(seen) = reading.body
        && let Some(camera) = map.camera(seen.camera)
    {
        let zone = camera.place.or(reading.place).and_then(|place| map.zone_at(place));
        return Placed { reading, segment: camera.segment, road: Some(camera.road), zone };
    }
    let segment = reading.place.and_then(|point| match reading.body {
        Body::Camera(camera) => map.segment_at(point, camera.heading),
        _ => None,
    });
    let zone = segment.and_then(|segment| segment.zone).or_else(|| map.zone_at(reading.place?));
    Placed { reading, segment: segment.map(|segment| segment.id), road: segment.map(|segment| segment.road), zone }
}

#[cfg(test)]
mod tests;
