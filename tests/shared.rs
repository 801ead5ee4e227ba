//! Recorded data that lies beside the checkout, and is not part of it.

use std::path::PathBuf;

/// The folder `name` of the recorded data; says so and gives `None` where it is absent, and the test is to skip.
pub(crate) fn recorded(name: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("SMARTCITY_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let folder = shared.join("data").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no recorded data {name} beside the checkout");
    None
}
