//! What the process and its threads have used so far, as Linux tells; nothing where it does not.

use std::fs;
use std::time::Duration;

/// Length of the units in which the kernel counts a process's time: a hundredth of a second, on every common build.
const CLOCK_TICK: Duration = Duration::from_millis(10);

/// Processor time of the process.
pub(crate) fn of_process() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let behind_name = stat.rsplit(')').next()?;
    let mut fields = behind_name.split_whitespace().skip(11);
    let (user, system): (u32, u32) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(CLOCK_TICK * (user + system))
}

/// Processor time of the thread that asks.
pub(crate) fn of_this_thread() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(stat.split_whitespace().next()?.parse().ok()?))
}

/// Memory that the process holds now, bytes.
pub(crate) fn memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * 1_024)
}
