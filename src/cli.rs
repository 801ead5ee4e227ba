//! The command line.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::Bench;

/// A city's live picture as incrementally maintained views.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub(crate) struct Cli {
    /// Write logs as JSON, one object a line; SMARTCITY_LOG sets what is logged (error, warn, info, debug).
    #[arg(long, global = true)]
    pub(crate) log_json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a simulated city: no files, no services; open the address that it prints.
    Demo(Demo),
    /// Run as a settings file says.
    Run(Run),
    /// Replay recorded files, then go on serving the views until Ctrl-C.
    Replay(Replay),
    /// Write the feeds of a simulated city as files that `replay` reads.
    Simulate(Simulate),
    /// Send a simulated city, or recorded files, to Kafka.
    #[cfg(feature = "kafka")]
    Produce(Produce),
    /// Make and check city directories.
    #[command(subcommand)]
    City(City),
    /// Measure: each benchmark prints a table and, with --out, writes its figures as JSON.
    #[command(subcommand)]
    Bench(Bench),
    /// Print the settings in effect and where each comes from.
    Config(Config),
    /// Print the version.
    Version,
}

/// What every run takes.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Settings file; without it the built-in settings, and those of the environment.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// City directory; without it the built-in town.
    #[arg(long, value_name = "DIR")]
    pub(crate) city: Option<PathBuf>,
    /// Address to listen on; a name listens on all its addresses.
    #[arg(long)]
    pub(crate) host: Option<String>,
    /// Port to listen on.
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// Write every change of every view to standard output as NDJSON.
    #[arg(long, value_name = "WHAT", value_parser = ["changes"])]
    pub(crate) emit: Option<String>,
    /// With --emit: only these views, comma-separated.
    #[arg(long, value_delimiter = ',', requires = "emit")]
    pub(crate) views: Option<Vec<String>>,
    /// Count the time and the records of every operator, for /metrics; costs some processor time.
    #[arg(long)]
    pub(crate) operator_metrics: bool,
    #[command(flatten)]
    pub(crate) timely: Timely,
}

/// Timely's own flags. Several processes make one engine; start each with its number.
#[derive(Clone, Debug, Args)]
pub(crate) struct Timely {
    /// Worker threads of each process.
    #[arg(short = 'w', long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: u16,
    /// Number of processes.
    #[arg(short = 'n', long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) processes: u16,
    /// Number of this process, from 0.
    #[arg(short = 'p', long, default_value_t = 0)]
    pub(crate) process: u16,
    /// File with the address (host:port) of each process, one a line; without it localhost:2101 and up.
    #[arg(long, value_name = "FILE")]
    pub(crate) hostfile: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Seed of the simulation; the same seed gives the same city life.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Multiply vehicles, cameras, stations, dispatch centres and sensors, and their messages, by this.
    #[arg(long, value_name = "FACTOR")]
    pub(crate) scale: Option<f64>,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Folder of {topic}.ndjson files (also .gz, .zst), or one file of them or of [topic, key, value] lines.
    pub(crate) path: PathBuf,
    #[command(flatten)]
    pub(crate) common: Common,
    /// Times faster than recorded; without it as fast as the machine goes.
    #[arg(long, value_name = "FACTOR")]
    pub(crate) speed: Option<f64>,
    /// How many times over.
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) loops: NonZeroU32,
    /// End after the last row instead of serving on.
    #[arg(long)]
    pub(crate) exit: bool,
    /// With --exit: say at the end what each operator has cost, the costliest first.
    #[arg(long, requires = "exit")]
    pub(crate) operators: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// Folder to write to; made where it is absent.
    pub(crate) dir: PathBuf,
    /// Settings file with a [simulator] table.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// City directory; without it the built-in town.
    #[arg(long, value_name = "DIR")]
    pub(crate) city: Option<PathBuf>,
    /// Minutes of city life.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) minutes: u32,
    /// Seed of the simulation.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Multiply vehicles, cameras, stations, dispatch centres and sensors, and their messages, by this.
    #[arg(long, value_name = "FACTOR")]
    pub(crate) scale: Option<f64>,
    /// Share of messages sent twice, of 1.
    #[arg(long)]
    pub(crate) duplicates: Option<f64>,
    /// Share of messages sent late, of 1.
    #[arg(long)]
    pub(crate) late: Option<f64>,
    /// Share of messages that are broken, of 1.
    #[arg(long)]
    pub(crate) malformed: Option<f64>,
    /// Share of messages withdrawn later, of 1.
    #[arg(long)]
    pub(crate) withdrawn: Option<f64>,
}

#[cfg(feature = "kafka")]
#[derive(Debug, Args)]
pub(crate) struct Produce {
    /// Folder of {topic}.ndjson files (also .gz, .zst), or one file; without it a simulated city speaks, until Ctrl-C.
    pub(crate) path: Option<PathBuf>,
    /// Settings file with [kafka], [topics] and [simulator] tables.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Brokers, host:port, comma-separated.
    #[arg(long)]
    pub(crate) brokers: Option<String>,
    /// City directory of the simulation; without it the built-in town.
    #[arg(long, value_name = "DIR", conflicts_with = "path")]
    pub(crate) city: Option<PathBuf>,
    /// Seconds of the simulation; without it until Ctrl-C.
    #[arg(long, conflicts_with = "path")]
    pub(crate) seconds: Option<u64>,
    /// Times faster than the files were recorded; without it as fast as the broker takes them.
    #[arg(long, value_name = "FACTOR", requires = "path")]
    pub(crate) speed: Option<f64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum City {
    /// Write the built-in town as a city directory, to start a city of your own from.
    Generate {
        /// Folder to write to.
        dir: PathBuf,
    },
    /// Check a city directory and describe it.
    Check {
        /// The city directory.
        dir: PathBuf,
    },
    /// Make a city directory from an OpenStreetMap extract (.osm.pbf, .osm, .osm.gz).
    ImportOsm {
        /// The extract.
        file: PathBuf,
        /// Folder to write to.
        dir: PathBuf,
        /// Name of the city; without it the file's.
        #[arg(long)]
        name: Option<String>,
        /// Take service roads too: car parks, drives, alleys.
        #[arg(long)]
        service: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Config {
    #[command(flatten)]
    pub(crate) common: Common,
}
