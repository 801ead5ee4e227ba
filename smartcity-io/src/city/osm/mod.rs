//! From an OpenStreetMap extract to a city document.
//!
//! The file is read twice: for the ways that cars may use, then for the places of their nodes. Ways are split where they
//! meet; two directions of one piece are the segments `w{way}-{piece}f` and `w{way}-{piece}b`, so that ids stay when the
//! extract is fetched anew. Turn restrictions are not read: at a junction one may go wherever a segment starts.

mod extract;
mod split;
mod tags;

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use smartcity_dataflow::model::Bounds;

use self::extract::{Element, Extract};
use self::split::{Nodes, Way, roads};
use self::tags::Driving;
use super::document::CityDocument;
use super::settings::{Degrees, Incident, Settings};

/// The credit that the licence of the data asks for (openstreetmap.org/copyright).
const ATTRIBUTION: &str = "© OpenStreetMap contributors, Open Database License (ODbL) 1.0, openstreetmap.org/copyright";

/// What to take from an extract.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// Name of the city; that of the file where it is absent.
    pub name: Option<String>,
    /// Whether to take `highway=service` too: drives, alleys, car parks.
    pub with_service: bool,
}

/// What an import is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Looking for roads.
    Ways,
    /// Looking where they are.
    Nodes,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What it is doing.
    pub step: Step,
    /// Bytes read, of both steps.
    pub bytes: u64,
    /// Bytes to be read: the file, twice.
    pub total: u64,
}

/// Why an extract could not be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("cannot read {}; check its name and your rights", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The file is something else.
    #[error("{} is no OpenStreetMap extract; give an .osm.pbf, .osm or .osm.gz file", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// The file begins well but does not go on so.
    #[error("{} is damaged; fetch it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        cause: Box<dyn Error + Send + Sync>,
    },
    /// There is nothing to drive on.
    #[error("{} has no roads for cars; give an extract of a town", path.display())]
    NoRoads {
        /// The file.
        path: PathBuf,
    },
}

/// Makes a city of an OpenStreetMap extract: `.osm.pbf`, `.osm` or `.osm.gz`, told apart by their content.
///
/// Roads are the ways of class motorway to residential, and service where wanted, that are open to cars. Limits, lanes and
/// names come from the tags, else the defaults of the class hold. `on_progress` is called about a hundred times per step.
///
/// # Errors
///
/// See [`ImportError`]; its source says more.
pub fn import_osm(
    path: &Path,
    options: &ImportOptions,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<CityDocument, ImportError> {
    let extract = Extract::open(path)?;
    let total = 2 * extract.size;
    let mut report = |step, bytes| on_progress(Progress { step, bytes, total });

    let mut ways = Vec::new();
    extract.each(&mut |bytes| report(Step::Ways, bytes), &mut |element| {
        if let Element::Way { id, nodes, tags } = element
            && let Some(driving) = Driving::of(tags, options.with_service)
        {
            let mut nodes = nodes.to_vec();
            nodes.dedup();
            ways.push(Way { id, nodes, driving });
        }
    })?;
    ways.sort_by_key(|way| way.id);
    ways.dedup_by_key(|way| way.id);

    report(Step::Nodes, extract.size);
    let mut nodes = Nodes::of(ways.iter().map(|way| way.nodes.as_slice()));
    extract.each(&mut |bytes| report(Step::Nodes, extract.size + bytes), &mut |element| {
        if let Element::Node { id, place } = element {
            nodes.place(id, place);
        }
    })?;
    report(Step::Nodes, total);

    let roads: Vec<_> = ways.iter().flat_map(|way| roads(way, &nodes)).collect();
    let points = roads.iter().flat_map(|road| road.line.iter().copied());
    let Some(bounds) = Bounds::around(points) else {
        return Err(ImportError::NoRoads { path: path.to_owned() });
    };
    let settings = Settings {
        name: options.name.clone().unwrap_or_else(|| stem(path)),
        centre: Some(middle(bounds)),
        attribution: Some(ATTRIBUTION.to_owned()),
        incidents: Incident::table(),
        ..Settings::default()
    };
    Ok(CityDocument { settings, roads, ..CityDocument::default() })
}

/// The name of a file without its endings.
fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').find(|part| !part.is_empty()).unwrap_or("city").to_owned()
}

fn middle(bounds: Bounds) -> Degrees {
    let ((south, west), (north, east)) = (bounds.south_west.degrees(), bounds.north_east.degrees());
    let to_metre = |degrees: f64| (degrees * 1e5).round() / 1e5;
    Degrees { lat: to_metre(f64::midpoint(south, north)), lon: to_metre(f64::midpoint(west, east)) }
}

#[cfg(test)]
mod tests;
