//! Another table of emergencies: a week of San Francisco's fire department, merged into incidents.
//!
//! ```sh
//! cargo run --example sf_fire -- TABLE.csv.gz
//! ```
//!
//! The table is "Fire Department Calls for Service" of DataSF with the columns of 2017: a row for every unit that was sent to a
//! call. Each unit reports the emergency by itself. The engine does not see the number of the call: it merges what lies
//! within 150 m and 10 minutes and is of one type. The department's numbers then tell which calls it split, which would be
//! wrong, and which it merged, which may be right: two calls about one event have two numbers.

mod calls;
mod week;

use std::path::PathBuf;

fn main() -> anyhow::Result<()> {
    let Some(path) = std::env::args_os().nth(1).map(PathBuf::from) else {
        anyhow::bail!("name the table of calls: cargo run --example sf_fire -- TABLE.csv.gz");
    };
    let calls = calls::Calls::open(&path)?;
    println!("{}", week::Week::of(&calls, 1)?);
    Ok(())
}
