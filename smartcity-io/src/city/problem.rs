//! What is wrong with a city's files, said so that the person who edits them can put it right.

use std::fmt;

/// A file of a city directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CityFile {
    /// `city.toml`, required.
    Settings,
    /// `roads.geojson`, required.
    Roads,
    /// `zones.geojson`.
    Zones,
    /// `cameras.csv`.
    Cameras,
    /// `stations.csv`.
    Stations,
    /// `units.csv`.
    Units,
    /// `aliases.csv`.
    Aliases,
}

impl CityFile {
    /// Its name in the directory.
    pub fn name(self) -> &'static str {
        match self {
            Self::Settings => "city.toml",
            Self::Roads => "roads.geojson",
            Self::Zones => "zones.geojson",
            Self::Cameras => "cameras.csv",
            Self::Stations => "stations.csv",
            Self::Units => "units.csv",
            Self::Aliases => "aliases.csv",
        }
    }

    /// Whether a city needs it.
    pub fn is_required(self) -> bool {
        matches!(self, Self::Settings | Self::Roads)
    }

    /// What an entry of the file is counted by.
    pub(super) fn entry_word(self) -> &'static str {
        match self {
            Self::Roads | Self::Zones => "feature",
            _ => "line",
        }
    }
}

impl fmt::Display for CityFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing that is wrong, where, and what to do about it.
///
/// Reads as `roads.geojson, feature 17 (seg-12): free_flow_kmh is -3; give a speed between 1 and 200`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file it is in.
    pub file: CityFile,
    /// The feature (GeoJSON) or line (CSV, TOML), counted from 1; `None` where the whole file is meant.
    pub entry: Option<u64>,
    /// The id of the feature or row, where it has one.
    pub id: Option<String>,
    /// What is wrong and what to do.
    pub message: String,
}

impl Problem {
    /// A problem of a whole file.
    pub(super) fn of_file(file: CityFile, message: impl Into<String>) -> Self {
        Self { file, entry: None, id: None, message: message.into() }
    }

    /// A problem of one feature or line.
    pub(super) fn of_entry(file: CityFile, entry: u64, id: Option<&str>, message: impl Into<String>) -> Self {
        Self { file, entry: Some(entry), id: id.map(str::to_owned), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file.name())?;
        if let Some(entry) = self.entry {
            write!(f, ", {} {entry}", self.file.entry_word())?;
        }
        if let Some(id) = &self.id {
            write!(f, " ({id})")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Everything that is wrong with a city's files, in the order of the files and their entries.
///
/// Its `Display` lists the first hundred problems, one a line, and counts the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CityErrors {
    /// The problems; never empty.
    pub problems: Vec<Problem>,
}

impl CityErrors {
    const LISTED: usize = 100;

    /// `value` where there are no problems.
    pub(super) fn unless_empty<T>(mut problems: Vec<Problem>, value: T) -> Result<T, Self> {
        if problems.is_empty() {
            return Ok(value);
        }
        problems.sort_by_key(|problem| (problem.file, problem.entry));
        Err(Self { problems })
    }
}

impl fmt::Display for CityErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        write!(f, "the city's files have {count} problem{}:", if count == 1 { "" } else { "s" })?;
        for problem in self.problems.iter().take(Self::LISTED) {
            write!(f, "\n  {problem}")?;
        }
        if count > Self::LISTED {
            write!(f, "\n  and {} more", count - Self::LISTED)?;
        }
        Ok(())
    }
}

impl std::error::Error for CityErrors {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_as_place_and_advice() {
        let message = "free_flow_kmh is -3; give a speed between 1 and 200";
        assert_eq!(
            Problem::of_entry(CityFile::Roads, 17, Some("seg-12"), message).to_string(),
            "roads.geojson, feature 17 (seg-12): free_flow_kmh is -3; give a speed between 1 and 200"
        );
        assert_eq!(
            Problem::of_entry(CityFile::Cameras, 3, None, "camera is missing").to_string(),
            "cameras.csv, line 3: camera is missing"
        );
    }

    #[test]
    fn problems_are_listed_in_the_order_of_the_files() {
        let problems = vec![
            Problem::of_entry(CityFile::Zones, 2, None, "c"),
            Problem::of_entry(CityFile::Roads, 9, None, "b"),
            Problem::of_file(CityFile::Roads, "a"),
        ];
        let errors = CityErrors::unless_empty(problems, ()).unwrap_err();
        assert_eq!(
            errors.to_string(),
            "the city's files have 3 problems:\n  roads.geojson: a\n  roads.geojson, feature 9: b\n  zones.geojson, feature 2: c"
        );
    }

    #[test]
    fn a_long_list_is_cut_and_counted() {
        let problems = vec![Problem::of_file(CityFile::Roads, "bad"); 103];
        let errors = CityErrors::unless_empty(problems, ()).unwrap_err().to_string();
        assert_eq!(errors.lines().count(), 102);
        assert!(errors.ends_with("and 3 more"), "{errors}");
    }
}
