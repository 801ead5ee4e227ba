//! Replays a simulated hour of traffic and scores the engine's picture against the truth.
//!
//! ```sh
//! cargo run --release --example sumo -- PACK_DIR [--no-heading] [--no-speed | --zero-speed]
//! ```
//!
//! A pack holds a road network, the noisy fixes of a fifth of its cars (one every 30 s, some late, some twice), and the truth
//! that the simulator (SUMO) knows: the edge of every car every five seconds, and the mean speed on every edge every five minutes. The options
//! leave out of the feed what many feeds do not say: headings, or speeds, or say 0 for every speed.

mod pack;
mod score;

use std::path::PathBuf;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let Some(dir) = arguments.next().map(PathBuf::from) else {
        anyhow::bail!("name the folder of a pack: cargo run --release --example sumo -- PACK_DIR");
    };
    let mut says = pack::Says::default();
    for argument in arguments {
        match argument.to_str() {
            Some("--no-heading") => says.heading = false,
            Some("--no-speed") => says.speed = pack::Speeds::None,
            Some("--zero-speed") => says.speed = pack::Speeds::Zero,
            _ => anyhow::bail!("{argument:?}: what may follow the folder is --no-heading, --no-speed, --zero-speed"),
        }
    }
    let pack = pack::Pack::open(&dir)?.saying(says);
    let replayed = pack.replay(1)?;
    let score = score::Score::of(&pack, &replayed)?;
    println!("{score}");
    Ok(())
}
