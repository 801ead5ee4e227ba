//! What some tests need from outside the checkout, and how they say that they did without.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::{env, thread};

/// A file or folder of the recorded data: of `$SMARTCITY_SHARED/data`, else of `shared/data` beside the checkout. Where it is
/// absent this [skips](skip), and the test is to return.
pub fn recorded(path: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = env::var_os("SMARTCITY_SHARED").map_or_else(beside, PathBuf::from);
    let found = shared.join("data").join(path);
    if found.exists() {
        return Some(found);
    }
    skip(format_args!("no recorded data {path} beside the checkout; SMARTCITY_SHARED says where else"));
    None
}

/// Says that the test that runs on this thread checks nothing, and why: on the error output, where the harness does not keep
/// it back, and as a line of the file `$SMARTCITY_SKIPPED`, where whoever runs the tests counts them.
pub fn skip(why: impl Display) {
    let line = format!("{}: {why}\n", thread::current().name().unwrap_or("a test"));
    // A macro that prints would be captured, and shown of tests that fail alone.
    let _: io::Result<()> = io::stderr().write_all(format!("SKIPPED {line}").as_bytes());
    if let Some(list) = env::var_os("SMARTCITY_SKIPPED") {
        let appended = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&list)
            .and_then(|mut list| list.write_all(line.as_bytes()));
        if let Err(error) = appended {
            panic!("the skipped test cannot be counted in {}: {error}", list.display());
        }
    }
}
