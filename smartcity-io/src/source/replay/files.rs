//! Which files a replay reads.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::source::SourceError;

/// A file of a recording.
#[derive(Clone, Debug)]
pub(super) struct RecordedFile {
    pub(super) path: PathBuf,
    /// The topic of its values: its name without the endings.
    pub(super) topic: String,
    pub(super) bytes: u64,
}

/// What is wrong with a file or a folder, and what to do.
#[derive(Debug)]
pub(super) struct FileError {
    pub(super) message: String,
    pub(super) cause: Option<io::Error>,
}

impl FileError {
    fn new(message: String, cause: impl Into<Option<io::Error>>) -> Self {
        Self { message, cause: cause.into() }
    }

    pub(super) fn reading(path: &Path, line: u64, cause: io::Error) -> Self {
        let path = path.display();
        let message = match cause.kind() {
            io::ErrorKind::UnexpectedEof => {
                format!("{path} is cut off after line {line}: the rows up to there are kept; copy the file again")
            }
            _ if line == 0 => format!("{path} cannot be read: check that it is there, whole, and yours to read"),
            _ => format!("{path} cannot be read after line {line}: the rows up to there are kept; check the file"),
        };
        Self::new(message, cause)
    }

    pub(super) fn of_source(self, source_name: &str) -> SourceError {
        SourceError::lost(source_name, self.message, self.cause.map(Into::into))
    }
}

/// The recorded files in the folder `path`, in name order, or the one file that it is.
pub(super) fn find(path: &Path) -> Result<Vec<RecordedFile>, FileError> {
    let cannot = |cause| {
        FileError::new(
            format!("{} cannot be read: check that the path is there and yours to read", path.display()),
            cause,
        )
    };
    let kind = fs::metadata(path).map_err(cannot)?;
    if !kind.is_dir() {
        return Ok(vec![recorded(path.to_owned(), kind.len())]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        let kind = fs::metadata(&path).map_err(cannot)?;
        if kind.is_file() && is_recording(&path) {
            files.push(recorded(path, kind.len()));
        }
    }
    if files.is_empty() {
        let message = format!(
            "{} holds no recording: expected files such as gps_data.ndjson, gps_data.ndjson.gz or gps_data.ndjson.zst",
            path.display()
        );
        return Err(FileError::new(message, None));
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn recorded(path: PathBuf, bytes: u64) -> RecordedFile {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let topic = topic(name).unwrap_or(name).to_owned();
    RecordedFile { path, topic, bytes }
}

fn is_recording(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    !name.starts_with('.') && topic(name).is_some()
}

/// A recording's file name without its endings; `None` for another file.
fn topic(name: &str) -> Option<&str> {
    let plain = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
    plain.strip_suffix(".ndjson").or_else(|| plain.strip_suffix(".jsonl"))
}
