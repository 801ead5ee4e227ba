//! Replays a simulated hour of traffic and scores the engine's picture against the truth.
//!
//! ```sh
//! cargo run --release --example sumo -- PACK_DIR
//! ```
//!
//! A pack holds a road network, the noisy fixes of a fifth of its cars (one every 30 s, some late, some twice), and the truth
//! that the simulator (SUMO) knows: the edge of every car every five seconds, and the mean speed on every edge every five minutes.

mod pack;
mod score;

use std::path::PathBuf;

fn main() -> anyhow::Result<()> {
    let Some(dir) = std::env::args_os().nth(1).map(PathBuf::from) else {
        anyhow::bail!("name the folder of a pack: cargo run --release --example sumo -- PACK_DIR");
    };
    let pack = pack::Pack::open(&dir)?;
    let replayed = pack.replay(1)?;
    let score = score::Score::of(&pack, &replayed)?;
    println!("{score}");
    Ok(())
}
