//! Replays recorded fixes whose streets are known, and says how many the engine put on them.
//!
//! ```sh
//! cargo run --release --example map_matching -- DIR [--every SECONDS]
//! ```
//!
//! DIR holds
//!
//! | file | what |
//! |---|---|
//! | `gps_data.ndjson` | the fixes as messages of the topic, each with an id; a device's in order of time |
//! | `*.osm.pbf`, `*.osm` or `*.osm.gz`, or a city directory `city` | the streets |
//! | `truth.csv` | `message_id,device_id,timestamp,edges`: the edges that count as right, `WAY:f` (along the way) or `WAY:b` (against it), a space between several |
//!
//! The tables may be compressed (`.gz`). Way 7 along its line is `7:f`, and so are our segments `w7-0f`, `w7-1f` and so on. `--every`
//! keeps of each device one fix in so many seconds.

mod recording;
mod score;

use std::path::PathBuf;

use recording::Recording;
use score::Score;

const USAGE: &str = "cargo run --release --example map_matching -- DIR [--every SECONDS]";

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let Some(dir) = arguments.next().map(PathBuf::from) else {
        anyhow::bail!("name the folder of a recording: {USAGE}")
    };
    let every = match (arguments.next(), arguments.next()) {
        (None, _) => Some(0),
        (Some(flag), Some(seconds)) if flag == "--every" => seconds.to_str().and_then(|seconds| seconds.parse().ok()),
        _ => None,
    };
    let (Some(every), None) = (every, arguments.next()) else {
        anyhow::bail!("what may follow the folder is --every and a number of seconds: {USAGE}")
    };
    let recording = Recording::open(&dir)?.every(every);
    println!("{}", Score::of(&recording)?);
    Ok(())
}
