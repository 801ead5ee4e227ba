//! Events of city-v1 as a recorded source of GPS readings.

use std::fs;
use std::path::PathBuf;

use memchr::memchr_iter;
use rustc_hash::FxHashSet;
use smartcity::Time;
use smartcity::model::{Body, Fix, Id, Instant, Kind, Kmh, Millis, Name, NameUse, Namespace, Origin, Point, Reading};
use smartcity::source::{Assignment, Batch, Outlet, Source, SourceError};

use super::super::city_v1::event::{self, Fields};

const NAME: &str = "city-v1";
const ROWS_PER_BATCH: usize = 8_192;
/// Units of a point in a millionth of a degree.
const UNITS: i32 = 10;

pub(super) struct Events {
    files: Vec<PathBuf>,
    origin: Origin,
    /// Everything until now was learnt by then: an event that comes late is learnt with the one before it.
    clock: Time,
    named: FxHashSet<Id>,
}

impl Events {
    pub(super) fn new(files: Vec<PathBuf>) -> Self {
        let origin = Origin { source: Id::new(Namespace::Source, NAME), partition: 0, offset: 0 };
        Self { files, origin, clock: 0, named: FxHashSet::default() }
    }

    fn reading(&mut self, fields: &Fields<'_>, batch: &mut Batch) {
        self.clock = self.clock.max(fields.time.0.max(0).unsigned_abs());
        self.origin.offset += 1;
        let device = Id::new(Namespace::Device, fields.device_id);
        if self.named.insert(device) {
            let name = Name { id: device, text: fields.device_id.into() };
            batch.names.push(NameUse { at: self.clock, kind: Kind::Gps, name });
        }
        batch.readings.push(Reading {
            time: Instant::Utc(Millis(fields.time.0)),
            origin: self.origin,
            kind: Kind::Gps,
            id: Id::new(Namespace::Message, fields.id),
            device,
            arrived: self.clock,
            place: Some(Point { lat: fields.latitude * UNITS, lon: fields.longitude * UNITS }),
            body: Body::Fix(Fix { speed: Some(Kmh(i64::from(fields.speed.0) / 10)), ..Fix::default() }),
        });
    }
}

impl Source for Events {
    fn name(&self) -> &str {
        NAME
    }

    fn is_recorded(&self) -> bool {
        true
    }

    fn run(&mut self, _: &Assignment, outlet: &Outlet) -> Result<(), SourceError> {
        let mut batch = Batch::default();
        for file in std::mem::take(&mut self.files) {
            let text = fs::read(&file).map_err(|cause| {
                let message = format!("{} cannot be read: check that it is there", file.display());
                SourceError::lost(NAME, message, Box::from(cause))
            })?;
            let mut start = 0;
            for end in memchr_iter(b'\n', &text).chain([text.len()]) {
                event::read(&text[start..end], |fields| self.reading(fields, &mut batch));
                start = text.len().min(end + 1);
                if batch.len() >= ROWS_PER_BATCH {
                    outlet.send(std::mem::take(&mut batch))?;
                }
            }
        }
        outlet.send(batch)
    }
}
