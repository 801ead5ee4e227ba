//! Which names were already said.

use std::hash::Hasher;

use rustc_hash::{FxHashSet, FxHasher};
use smartcity_dataflow::Time;
use smartcity_dataflow::city::statics::NAME_BUCKET_MS;
use smartcity_dataflow::model::{Id, Kind, Name, NameUse, Namespace};

use super::Stamp;

/// Says every name once in each ten minutes in which messages of a kind use it.
///
/// So names that nobody uses any more can be forgotten, each when what its last kind of message says is no longer shown.
/// What is said depends on the rows and their clock alone, not on how they are batched. Memory is bounded by the names of
/// ten minutes.
#[derive(Clone, Debug, Default)]
pub struct NameBook {
    bucket: Time,
    /// Ids with a hash of kind and text, so that both texts of a collision are said and it can be seen.
    said: FxHashSet<(Id, u64)>,
    lower_case: String,
}

fn second_hash(kind: Kind, text: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write_u8(kind as u8);
    hasher.write(text.as_bytes());
    hasher.finish()
}

impl NameBook {
    /// The id of `text`; adds its name to `names` where no message of `kind` has used it in these ten minutes.
    pub fn id(&mut self, kind: Kind, namespace: Namespace, text: &str, at: Stamp, names: &mut Vec<NameUse>) -> Id {
        let id = Id::new(namespace, text);
        self.say(kind, id, text, at, names);
        id
    }

    fn say(&mut self, kind: Kind, id: Id, text: &str, at: Stamp, names: &mut Vec<NameUse>) {
        let bucket = at.clock / NAME_BUCKET_MS;
        if bucket != self.bucket {
            let last = self.said.len();
            self.said.clear();
            self.said.shrink_to(last);
            self.bucket = bucket;
        }
        if self.said.insert((id, second_hash(kind, text))) {
            names.push(NameUse { at: at.arrived, kind, name: Name { id, text: text.into() } });
        }
    }

    /// Forgets that these names were said: their message turned out to be no reading.
    pub fn unsay(&mut self, names: impl IntoIterator<Item = NameUse>) {
        for NameUse { kind, name, .. } in names {
            self.said.remove(&(name.id, second_hash(kind, &name.text)));
        }
    }

    /// The id of a word that classifies, whatever its case: that of its lower case, in the namespace of texts. It is shown
    /// as it was written.
    pub fn class(&mut self, kind: Kind, text: &str, at: Stamp, names: &mut Vec<NameUse>) -> Id {
        if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
            return self.id(kind, Namespace::Text, text, at, names);
        }
        self.lower_case.clear();
        self.lower_case.extend(text.chars().flat_map(char::to_lowercase));
        let id = Id::new(Namespace::Text, &self.lower_case);
        self.say(kind, id, text, at, names);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Time = 1_795_435_200_000;

    fn stamp(time: Time) -> Stamp {
        Stamp { arrived: time, clock: time }
    }

    #[test]
    fn a_name_is_said_once_in_each_ten_minutes_of_its_use() {
        let mut book = NameBook::default();
        let mut names = Vec::new();
        for minute in [0, 1, 9, 10, 11, 240] {
            let at = stamp(NOON + minute * 60_000);
            book.id(Kind::Gps, Namespace::Device, "bus-7", at, &mut names);
        }
        let minutes: Vec<_> = names.iter().map(|named| (named.at - NOON) / 60_000).collect();
        assert_eq!(minutes, [0, 10, 240]);
    }

    #[test]
    fn each_kind_of_message_says_it_for_itself() {
        let mut book = NameBook::default();
        let mut names = Vec::new();
        for kind in [Kind::Gps, Kind::Vehicle, Kind::Gps, Kind::Vehicle] {
            book.id(kind, Namespace::Device, "bus-7", stamp(NOON), &mut names);
        }
        assert_eq!(names.iter().map(|named| named.kind).collect::<Vec<_>>(), [Kind::Gps, Kind::Vehicle]);
        book.unsay(names.drain(1..));
        for kind in [Kind::Gps, Kind::Vehicle] {
            book.id(kind, Namespace::Device, "bus-7", stamp(NOON), &mut names);
        }
        assert_eq!(names.iter().map(|named| named.kind).collect::<Vec<_>>(), [Kind::Gps, Kind::Vehicle]);
    }

    #[test]
    fn a_book_keeps_the_names_of_ten_minutes_and_no_room_for_more() {
        let mut book = NameBook::default();
        for minutes in [0, 10, 20, 30] {
            let devices = if minutes == 0 { 10_000 } else { 10 };
            for device in 0..devices {
                let at = stamp(NOON + minutes * 60_000);
                book.id(Kind::Gps, Namespace::Device, &format!("{minutes}-{device}"), at, &mut Vec::new());
            }
            assert_eq!(book.said.len(), devices);
        }
        assert!(book.said.capacity() < 100, "{}", book.said.capacity());
    }

    #[test]
    fn a_live_name_is_said_by_the_wall_clock_and_stamped_by_the_engine() {
        let mut book = NameBook::default();
        let mut names = Vec::new();
        for clock in [0, NAME_BUCKET_MS - 1, NAME_BUCKET_MS] {
            book.id(Kind::Gps, Namespace::Device, "bus-7", Stamp { arrived: 0, clock }, &mut names);
        }
        assert_eq!(names.iter().map(|named| named.at).collect::<Vec<_>>(), [0, 0]);
    }

    #[test]
    fn words_that_classify_are_one_in_any_case() {
        let mut book = NameBook::default();
        let mut names = Vec::new();
        let accident = Id::new(Namespace::Text, "accident");
        let ids =
            ["Accident", "ACCIDENT", "Accident"].map(|word| book.class(Kind::Emergency, word, stamp(1), &mut names));
        assert_eq!(ids, [accident; 3]);
        let texts: Vec<_> = names.iter().map(|named| (named.name.id, &*named.name.text)).collect();
        assert_eq!(texts, [(accident, "Accident"), (accident, "ACCIDENT")], "each spelling is said once");
        assert_eq!(book.class(Kind::Emergency, "ÖL", stamp(1), &mut names), Id::new(Namespace::Text, "öl"));
    }
}
