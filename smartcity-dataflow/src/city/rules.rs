//! STUB
use crate::Settings;
use crate::model::*;
pub fn check(r: Reading<Instant>, _s: &Settings, _o: &UtcOffsets) -> Result<Reading, Rejected> {
    let time = match r.time {
        Instant::Utc(t) | Instant::Local(t) => t,
    };
    Ok(Reading {
        time,
        origin: r.origin,
        kind: r.kind,
        id: r.id,
        device: r.device,
        arrived: r.arrived,
        place: r.place,
        body: r.body,
    })
}
