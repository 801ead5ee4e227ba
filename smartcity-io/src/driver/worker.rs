//! What a worker of the engine runs: the city's pipeline and the capabilities added to it.

use differential_dataflow::input::InputSession;
use smartcity_dataflow::model::{CityRow, Instant, NameUse, Reading, Rejected, UtcOffsets};
use smartcity_dataflow::pipeline::{Inputs, pipeline};
use smartcity_dataflow::view::Publisher;
use smartcity_dataflow::{Diff, Settings, Time};
use timely::worker::Worker;

use super::Capability;
use super::crew::Dataflow;
use crate::source::Batch;

/// The city as a dataflow.
pub(super) struct CityFlow {
    pub(super) settings: Settings,
    pub(super) offsets: UtcOffsets,
    pub(super) capabilities: Vec<Capability>,
}

/// What the pacemaker deals.
pub(super) enum Dealt {
    /// Rows whose `arrived` is the tick.
    Rows(Batch),
    /// Changes of the city.
    City(Vec<(CityRow, Diff)>),
}

/// The worker's inputs.
pub(super) struct Sessions {
    readings: InputSession<Time, Reading<Instant>, Diff>,
    rejected: InputSession<Time, Rejected, Diff>,
    names: InputSession<Time, NameUse, Diff>,
    city: InputSession<Time, CityRow, Diff>,
}

impl Dataflow for CityFlow {
    type Rows = Dealt;
    type Inputs = Sessions;

    fn build(&self, worker: &mut Worker, publisher: &Publisher) -> Sessions {
        let mut sessions = Sessions {
            readings: InputSession::new(),
            rejected: InputSession::new(),
            names: InputSession::new(),
            city: InputSession::new(),
        };
        worker.dataflow_named("City", |scope| {
            let inputs = Inputs {
                readings: sessions.readings.to_collection(scope),
                rejected: sessions.rejected.to_collection(scope),
                names: sessions.names.to_collection(scope),
                city: sessions.city.to_collection(scope),
            };
            let streams = pipeline(inputs, &self.settings, &self.offsets, publisher);
            for capability in &self.capabilities {
                capability(&streams, publisher);
            }
        });
        sessions
    }

    fn feed(&self, sessions: &mut Sessions, tick: Time, dealt: Dealt) {
        match dealt {
            Dealt::Rows(Batch { readings, rejected, names, .. }) => {
                readings.into_iter().for_each(|reading| sessions.readings.update_at(reading, tick, 1));
                rejected.into_iter().for_each(|rejected| sessions.rejected.update_at(rejected, tick, 1));
                names.into_iter().for_each(|named| sessions.names.update_at(named, tick, 1));
            }
            Dealt::City(changes) => {
                changes.into_iter().for_each(|(row, diff)| sessions.city.update_at(row, tick, diff));
            }
        }
    }

    fn complete(&self, sessions: &mut Sessions, tick: Time) {
        macro_rules! advance {
            ($($session:ident)*) => {$(
                sessions.$session.advance_to(tick + 1);
                sessions.$session.flush();
            )*};
        }
        advance!(readings rejected names city);
    }
}
