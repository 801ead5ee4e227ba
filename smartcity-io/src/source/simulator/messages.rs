//! A simulation as the messages that its devices send.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use smartcity_dataflow::Time;
use smartcity_dataflow::city::statics::NAME_BUCKET_MS;
use smartcity_dataflow::model::{City, Id, Kind};

#[cfg(feature = "kafka")]
use super::LONGEST_DELAY_MILLIS;
use super::feed::Feed;
use super::{BATCH_ROWS, SimulatorSettings};
use crate::decode::{Encoded, TopicMap, to_json};
use crate::source::{Batch, SourceError};

/// A simulation as messages, in the order in which they are heard. A withdrawal is `{"id": ..., "withdrawn": true}`; broken
/// messages are as they are.
pub(crate) struct Messages {
    feed: Feed,
    topics: TopicMap,
    /// What ids are called that were said in this bucket of names, and in the one before.
    texts: [FxHashMap<Id, Arc<str>>; 2],
    bucket: Time,
}

impl Messages {
    /// The messages of `city` from `start` on, on the first spelling of each topic.
    pub(crate) fn new(
        name: &str,
        city: &City,
        settings: SimulatorSettings,
        topics: &TopicMap,
        start: Time,
    ) -> Result<Self, SourceError> {
        let mut feed =
            Feed::new(name, city, settings, start).map_err(|message| SourceError::refused(name, message, None))?;
        feed.keep_verbatim();
        Ok(Self { feed, topics: topics.clone(), texts: Default::default(), bucket: 0 })
    }

    /// Starts, or starts anew, at `time`.
    #[cfg(feature = "kafka")]
    pub(crate) fn start_at(&mut self, time: Time) {
        self.feed.start_at(time);
    }

    /// Leaves out what is so long overdue at `now` that a live simulation does not catch up.
    #[cfg(feature = "kafka")]
    pub(crate) fn keep_up(&mut self, now: Time) {
        self.feed.skip_to(now.saturating_sub(LONGEST_DELAY_MILLIS));
    }

    /// Gives messages that arrive up to `until`, a bounded number; whether there are more.
    pub(crate) fn advance(&mut self, until: Time) -> (Vec<(Kind, Encoded)>, bool) {
        let mut batch = Batch::default();
        let has_more = self.feed.advance(until, BATCH_ROWS, &mut batch);
        let verbatim = self.feed.take_verbatim();
        for named in batch.names {
            let bucket = named.at.max(self.bucket * NAME_BUCKET_MS) / NAME_BUCKET_MS;
            if bucket > self.bucket {
                self.texts.swap(0, 1);
                self.texts[0].clear();
                self.bucket = bucket;
            }
            self.texts[0].insert(named.name.id, named.name.text);
        }
        let ids: FxHashMap<Id, Arc<str>> = verbatim.ids.into_iter().map(|name| (name.id, name.text)).collect();
        let text = |id: Id| self.texts.iter().chain([&ids]).find_map(|texts| texts.get(&id)).map(|text| &**text);
        let encoded = batch.readings.iter().map(|row| (row.origin.offset, row.kind, to_json(row, &self.topics, text)));
        let mut sent: Vec<_> = encoded.chain(verbatim.broken).collect();
        sent.sort_unstable_by_key(|(offset, ..)| *offset);
        let topic = |kind: Kind| self.topics.of(kind).first().map_or(kind.name(), String::as_str).to_owned();
        let sent = sent.into_iter().map(|(_, kind, encoded)| (kind, Encoded { topic: topic(kind), ..encoded }));
        (sent.collect(), has_more)
    }
}
