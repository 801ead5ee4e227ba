//! A city directory that is edited while the engine runs.

use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, unbounded};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use smartcity_dataflow::model::City;

use super::load::load;
use super::problem::CityErrors;

/// How long the files must rest before they are read: an editor or a copy writes several at once.
const REST: Duration = Duration::from_millis(300);
/// How long edits without a rest may hold up the reading.
const LONGEST_UNREST: Duration = Duration::from_secs(3);

/// A directory that cannot be watched.
#[derive(Debug, thiserror::Error)]
#[error("cannot watch {}; check that it is a folder and that the system's limit of watches is not used up", path.display())]
pub struct WatchError {
    /// The directory.
    pub path: PathBuf,
    /// The cause.
    #[source]
    pub source: notify::Error,
}

/// A watch over a city directory; it ends when this is dropped.
#[derive(Debug)]
pub struct CityWatcher {
    /// Its end closes the channel of events, and so ends the thread.
    watcher: Option<RecommendedWatcher>,
    thread: Option<JoinHandle<()>>,
}

/// Reads a city directory now and after every edit, and hands over what it finds: a city, or why the files make none. The
/// old city is then still the right one to go on with.
///
/// `on_change` runs on a thread of its own. It is called once for the directory as it is, so that no edit between a
/// [`load`] and the watch is lost, and then only for what differs from the last call: a file that is touched is no change.
/// A change is told 0.3 s after the last edit, or 3 s after the first of edits that never rest.
///
/// # Errors
///
/// A directory that is not there, or that the system cannot watch.
pub fn watch(
    dir: &Path,
    on_change: impl FnMut(Result<City, CityErrors>) + Send + 'static,
) -> Result<CityWatcher, WatchError> {
    let refused = |source| WatchError { path: dir.to_owned(), source };
    let (sender, edits) = unbounded();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // Reading the files is an event too. An error may hide an edit, so it counts as one.
        if event.as_ref().map_or(true, |event| !matches!(event.kind, EventKind::Access(_))) {
            let _ = sender.send(()); // the thread is gone only when the watch is
        }
    })
    .map_err(refused)?;
    watcher.watch(dir, RecursiveMode::NonRecursive).map_err(refused)?;
    let dir = dir.to_owned();
    let thread = thread::Builder::new()
        .name("city-watch".to_owned())
        .spawn(move || follow(&dir, &edits, on_change))
        .map_err(|error| refused(notify::Error::io(error)))?;
    Ok(CityWatcher { watcher: Some(watcher), thread: Some(thread) })
}

impl Drop for CityWatcher {
    fn drop(&mut self) {
        drop(self.watcher.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic of `on_change` has been reported where it happened
        }
    }
}

/// Reads the directory after each burst of edits, until the watch ends.
fn follow(dir: &Path, edits: &Receiver<()>, mut on_change: impl FnMut(Result<City, CityErrors>)) {
    let mut last = None;
    loop {
        let found = load(dir);
        if last.as_ref() != Some(&found) {
            on_change(found.clone());
            last = Some(found);
        }
        if edits.recv().is_err() || !rests(edits) {
            return;
        }
    }
}

/// Waits for the end of a burst of edits; `false` where the watch ends first.
fn rests(edits: &Receiver<()>) -> bool {
    let deadline = Instant::now() + LONGEST_UNREST;
    while Instant::now() < deadline {
        match edits.recv_timeout(REST) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::super::document::CityDocument;
    use super::super::town::town;
    use super::super::write::write;
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// A watched directory with the town in it.
    struct Watched {
        dir: TempDir,
        found: Receiver<Result<City, CityErrors>>,
        watcher: CityWatcher,
    }

    impl Watched {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            write(&town(), dir.path()).unwrap();
            let (sender, found) = unbounded();
            let watcher = watch(dir.path(), move |city| sender.send(city).unwrap()).unwrap();
            let watched = Self { dir, found, watcher };
            assert_eq!(watched.next(), Ok(town().to_city()), "the first call");
            watched
        }

        fn next(&self) -> Result<City, CityErrors> {
            self.found.recv_timeout(PATIENCE).expect("a call of on_change")
        }

        fn write(&self, name: &str, content: &str) {
            fs::write(self.dir.path().join(name), content).unwrap();
        }
    }

    #[test]
    fn an_edit_becomes_a_city() {
        let watched = Watched::new();
        let aliases = fs::read_to_string(watched.dir.path().join("aliases.csv")).unwrap();
        watched.write("aliases.csv", &format!("{aliases}mkt_st,market_st\n"));
        let changes = town().to_city().changes_to(&watched.next().unwrap());
        assert_eq!(changes.len(), 2, "the alias and its name: {changes:?}");
        assert!(changes.iter().all(|(_, diff)| *diff == 1));
    }

    #[test]
    fn a_bad_edit_is_reported_and_its_repair_too() {
        let watched = Watched::new();
        let cameras = fs::read_to_string(watched.dir.path().join("cameras.csv")).unwrap();
        watched.write("cameras.csv", &format!("{cameras}eye,nowhere,,,\n"));
        let errors = watched.next().unwrap_err();
        assert_eq!(errors.problems.len(), 1);
        assert!(errors.to_string().contains("cameras.csv, line 202 (eye): road \"nowhere\" is unknown"), "{errors}");
        watched.write("cameras.csv", &cameras);
        assert_eq!(watched.next(), Ok(town().to_city()));
    }

    #[test]
    fn a_burst_of_edits_is_one_change() {
        let watched = Watched::new();
        let fewer = CityDocument { cameras: Vec::new(), units: Vec::new(), ..town() };
        watched.write("cameras.csv", "camera,road\n");
        watched.write("units.csv", "unit,type,lat,lon\n");
        assert_eq!(watched.next(), Ok(fewer.to_city()));
        watched.write("notes.txt", "not of the city");
        watched.write("units.csv", "unit,type,lat,lon\n");
        assert_eq!(watched.found.recv_timeout(REST * 5).ok(), None, "nothing has changed since");
    }

    #[test]
    fn a_dropped_watch_is_silent() {
        let Watched { dir, found, watcher } = Watched::new();
        drop(watcher);
        write(&CityDocument { cameras: Vec::new(), ..town() }, dir.path()).unwrap();
        assert!(found.recv_timeout(REST * 3).is_err());
    }

    #[test]
    fn a_directory_that_is_not_there_cannot_be_watched() {
        let dir = tempfile::tempdir().unwrap();
        let error = watch(&dir.path().join("none"), |_| ()).unwrap_err();
        assert!(error.to_string().starts_with("cannot watch"), "{error}");
    }
}
