//! Which names were already said.

use std::hash::Hasher;

use rustc_hash::{FxHashSet, FxHasher};
use smartcity_dataflow::Time;
use smartcity_dataflow::model::{Id, Name, Namespace};

use super::Stamp;

/// Says every name once in each hour in which it is used.
///
/// Names that nobody uses any more can so be forgotten some hours later. What is said depends on the rows and their
/// clock alone, not on how they are batched. Memory is bounded by the names of one hour.
#[derive(Clone, Debug, Default)]
pub struct NameBook {
    hour: Time,
    /// Ids with a second hash of the text, so that both texts of a collision are said and it can be seen.
    said: FxHashSet<(Id, u64)>,
    lower_case: String,
}

const HOUR_MILLIS: Time = 3_600_000;

fn second_hash(text: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(text.as_bytes());
    hasher.finish()
}

impl NameBook {
    /// The id of `text`; adds its name to `names` where this hour has not heard it yet.
    pub fn id(&mut self, namespace: Namespace, text: &str, at: Stamp, names: &mut Vec<(Time, Name)>) -> Id {
        let id = Id::new(namespace, text);
        self.say(id, text, at, names);
        id
    }

    fn say(&mut self, id: Id, text: &str, at: Stamp, names: &mut Vec<(Time, Name)>) {
        let hour = at.clock / HOUR_MILLIS;
        if hour != self.hour {
            self.said.clear();
            self.hour = hour;
        }
        if self.said.insert((id, second_hash(text))) {
            names.push((at.arrived, Name { id, text: text.into() }));
        }
    }

    /// Forgets that these names were said: their message turned out to be no reading.
    pub fn unsay(&mut self, names: impl IntoIterator<Item = (Time, Name)>) {
        for (_, name) in names {
            self.said.remove(&(name.id, second_hash(&name.text)));
        }
    }

    /// The id of a word that classifies, whatever its case: that of its lower case, in the namespace of texts. It is shown
    /// as it was written.
    pub fn class(&mut self, text: &str, at: Stamp, names: &mut Vec<(Time, Name)>) -> Id {
        if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
            return self.id(Namespace::Text, text, at, names);
        }
        self.lower_case.clear();
        self.lower_case.extend(text.chars().flat_map(char::to_lowercase));
        let id = Id::new(Namespace::Text, &self.lower_case);
        self.say(id, text, at, names);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_said_once_in_each_hour_of_its_use() {
        let mut book = NameBook::default();
        let mut names = Vec::new();
        for minute in [0, 1, 59, 60, 61, 240] {
            let time = 1_795_435_200_000 + minute * 60_000;
            book.id(Namespace::Device, "bus-7", Stamp { arrived: time, clock: time }, &mut names);
        }
        let minutes: Vec<_> = names.iter().map(|(time, _)| (time - 1_795_435_200_000) / 60_000).collect();
        assert_eq!(minutes, [0, 60, 240]);
    }

    #[test]
    fn a_live_name_is_said_by_the_wall_clock_and_stamped_by_the_engine() {
        let mut book = NameBook::default();
        let mut names = Vec::new();
        for clock in [0, 3_599_999, 3_600_000] {
            book.id(Namespace::Device, "bus-7", Stamp { arrived: 0, clock }, &mut names);
        }
        assert_eq!(names.iter().map(|(time, _)| *time).collect::<Vec<_>>(), [0, 0]);
    }

    #[test]
    fn words_that_classify_are_one_in_any_case() {
        let mut book = NameBook::default();
        let mut names = Vec::new();
        let at = Stamp { arrived: 1, clock: 1 };
        let accident = Id::new(Namespace::Text, "accident");
        let ids = ["Accident", "ACCIDENT", "Accident"].map(|word| book.class(word, at, &mut names));
        assert_eq!(ids, [accident; 3]);
        let texts: Vec<_> = names.iter().map(|(_, name)| (name.id, &*name.text)).collect();
        assert_eq!(texts, [(accident, "Accident"), (accident, "ACCIDENT")], "each spelling is said once");
        assert_eq!(book.class("ÖL", at, &mut names), Id::new(Namespace::Text, "öl"));
    }
}
