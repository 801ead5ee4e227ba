//! What this process has used so far, by the kernel's own account.

use std::fs;
use std::time::Duration;

/// Clock ticks a second in `/proc`: the kernel's interface has 100 on every architecture that Rust has.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time of all threads, user and system, in steps of 10 ms; zero where there is no `/proc`.
pub(crate) fn cpu() -> Duration {
    let read = || {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(11);
        let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Duration::from_secs_f64((user + system) / TICKS_PER_SECOND))
    };
    read().unwrap_or_default()
}

/// Processor time of this thread, in nanoseconds; `None` where the kernel does not tell.
pub(crate) fn cpu_of_thread() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(stat.split_whitespace().next()?.parse().ok()?))
}

/// The most memory that was resident at once, MiB; zero where there is no `/proc`.
pub(crate) fn peak_mib() -> f64 {
    status_kib("VmHWM:") / 1_024.0
}

/// The memory that is resident now, MiB; zero where there is no `/proc`.
pub(crate) fn resident_mib() -> f64 {
    status_kib("VmRSS:") / 1_024.0
}

fn status_kib(field: &str) -> f64 {
    let read = || {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        line.split_whitespace().next()?.parse().ok()
    };
    read().unwrap_or_default()
}
