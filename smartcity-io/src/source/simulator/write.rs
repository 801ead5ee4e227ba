//! A simulation as files, for a [`Replay`](crate::source::Replay) or a Kafka producer.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smartcity_dataflow::model::{City, Id, Kind};

use super::feed::Feed;
use super::{BATCH_ROWS, SimulatorClock, SimulatorSettings};
use crate::decode::{TopicMap, to_json};
use crate::source::{Batch, SourceError};

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
    let mut feed =
        Feed::new(NAME, city, settings, start).map_err(|message| SourceError::refused(NAME, message, None))?;
    feed.keep_verbatim();
    fs::create_dir_all(folder).map_err(failed)?;
    let create = |kind: Kind| -> io::Result<BufWriter<File>> {
        let topic = topics.of(kind).first().map_or(kind.name(), String::as_str);
        Ok(BufWriter::new(File::create(folder.join(format!("{topic}.ndjson")))?))
    };
    let mut files = Kind::ALL.into_iter().map(create).collect::<io::Result<Vec<_>>>().map_err(failed)?;

    let mut texts: FxHashMap<Id, Arc<str>> = FxHashMap::default();
    let mut rows = 0;
    let mut has_more = true;
    while has_more {
        let mut batch = Batch::default();
        has_more = feed.advance(start.saturating_add(duration), BATCH_ROWS, &mut batch);
        let verbatim = feed.take_verbatim();
        texts.extend(batch.names.into_iter().map(|named| (named.name.id, named.name.text)));
        let ids: FxHashMap<Id, Arc<str>> = verbatim.ids.into_iter().map(|name| (name.id, name.text)).collect();
        let text = |id: Id| texts.get(&id).or_else(|| ids.get(&id)).map(|text| &**text);
        let encoded = batch.readings.iter().map(|row| {
            let line = to_json(row, &topics, text).value;
            (row.kind, row.origin.offset, line)
        });
        let mut lines: Vec<_> = encoded.chain(verbatim.broken).collect();
        lines.sort_unstable_by_key(|(kind, offset, _)| (*kind, *offset));
        for (kind, _, line) in lines {
            writeln!(files[kind as usize], "{line}").map_err(failed)?;
            rows += 1;
        }
    }
    for file in &mut files {
        file.flush().map_err(failed)?;
    }
    Ok(Written { files: files.len(), rows })
}
