//! A simulation as files, for a [`Replay`](crate::source::Replay) or a Kafka producer.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use smartcity_dataflow::model::{City, Kind};

use super::messages::Messages;
use super::{SimulatorClock, SimulatorSettings};
use crate::decode::TopicMap;
use crate::source::SourceError;

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Files.
    pub files: usize,
    /// Lines, all files together.
    pub rows: u64,
}

/// Writes a recorded simulation of `city` into `folder`, one file `{topic}.ndjson` a topic, one message a line, in the
/// order of their arrival. The broken messages are written as they are; a withdrawal is `{"id": ..., "withdrawn": true}`.
///
/// # Errors
///
/// [`SourceError::Refused`] where a setting makes no sense (a live clock does not end), the city has no roads, or the
/// folder cannot be written to.
pub fn write_ndjson(folder: &Path, city: &City, settings: SimulatorSettings) -> Result<Written, SourceError> {
    const NAME: &str = "simulator";
    let SimulatorClock::Recorded { start, duration } = settings.clock else {
        let message = "a live simulation does not end, so it makes no files: give a recorded clock";
        return Err(SourceError::refused(NAME, message, None));
    };
    let failed = |cause: io::Error| {
        let message = format!("{} cannot be written to: check that there is room and it is yours", folder.display());
        SourceError::refused(NAME, message, Box::from(cause))
    };
    let topics = TopicMap::default();
    let mut messages = Messages::new(NAME, city, settings, &topics, start)?;
    fs::create_dir_all(folder).map_err(failed)?;
    let create = |kind: Kind| -> io::Result<BufWriter<File>> {
        let topic = topics.of(kind).first().map_or(kind.name(), String::as_str);
        Ok(BufWriter::new(File::create(folder.join(format!("{topic}.ndjson")))?))
    };
    let mut files = Kind::ALL.into_iter().map(create).collect::<io::Result<Vec<_>>>().map_err(failed)?;

    let mut rows = 0;
    let mut has_more = true;
    while has_more {
        let sent;
        (sent, has_more) = messages.advance(start.saturating_add(duration));
        for (kind, encoded) in sent {
            writeln!(files[kind as usize], "{}", encoded.value).map_err(failed)?;
            rows += 1;
        }
    }
    for file in &mut files {
        file.flush().map_err(failed)?;
    }
    Ok(Written { files: files.len(), rows })
}
