//! Another source: the vehicle positions of a public transport agency, as GTFS-realtime.
//!
//! ```sh
//! cargo run --example gtfs_realtime -- POLL.pb...
//! ```
//!
//! Each file is what the agency's URL answered at one time, in the order of the polls.

mod feed;
mod summary;

use std::path::PathBuf;

fn main() -> anyhow::Result<()> {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    anyhow::ensure!(
        !files.is_empty(),
        "name files of GTFS-realtime vehicle positions, oldest first: cargo run --example gtfs_realtime -- POLL.pb..."
    );
    println!("{}", summary::Summary::of(files)?);
    Ok(())
}
