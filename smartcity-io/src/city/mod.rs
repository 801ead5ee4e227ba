//! The city's files.
//!
//! A *city directory* describes what does not move. Only the first two files are required:
//!
//! | file | holds |
//! |------|-------|
//! | `city.toml` | name, time zone, centre, defaults and the incident table: [`Settings`] |
//! | `roads.geojson` | LineStrings, a [`RoadLine`] each: `id`, `name`, `direction` (forward, backward, both), `class`, `lanes`, `free_flow_kmh`, `length_m`, `zone`, `next` (`{segment id: crossing in metres}`); all but `id` may be left out |
//! | `zones.geojson` | Polygons and MultiPolygons: `id`, `name` |
//! | `cameras.csv` | `camera,road,segment,lat,lon`, of which the last three may be blank |
//! | `stations.csv` | `station,lat,lon` |
//! | `units.csv` | `unit,type,lat,lon` |
//! | `aliases.csv` | `alias,road` |
//!
//! Places are WGS 84 degrees; GeoJSON puts the longitude first. Other properties of a feature are ignored.
//!
//! ```text
//!  directory ──load_document──▶ CityDocument ──to_city──▶ City (rows of the dataflow)
//!      ▲                          ▲   ▲
//!      └──────────write───────────┘   └── town(), import_osm()
//! ```
//!
//! [`load`] does both steps; [`watch`] does them again after every edit.
//!
//! ```
//! use smartcity_io::city::{CityFile, load, town, write};
//!
//! let dir = tempfile::tempdir()?;
//! write(&town(), dir.path())?;
//! assert_eq!(load(dir.path())?, town().to_city());
//!
//! std::fs::write(dir.path().join("aliases.csv"), "alias,road\nmain_street,main_st\n")?;
//! let errors = load(dir.path()).unwrap_err();
//! assert_eq!((errors.problems[0].file, errors.problems[0].entry), (CityFile::Aliases, Some(2)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod document;
mod features;
mod load;
mod network;
mod osm;
mod problem;
mod rows;
mod settings;
mod summary;
mod table;
mod town;
mod watch;
mod write;

pub use document::{
    CameraSite, CityDocument, Direction, RoadAlias, RoadLine, StationSite, UnitBase, ZoneArea, road_id,
};
pub use load::{load, load_document};
pub use osm::{ImportError, ImportOptions, Progress, Step, import_osm};
pub use problem::{CityErrors, CityFile, Problem};
pub use settings::{Defaults, Degrees, Incident, Settings};
pub use summary::Summary;
pub use town::town;
pub use watch::{CityWatcher, WatchError, watch};
pub use write::{WriteError, write};
