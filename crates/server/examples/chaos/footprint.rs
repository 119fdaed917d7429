//! What the process holds: open files, which sockets are too, and memory.

use std::time::Duration;

use tokio::time::Instant;

/// How long sockets may take to be closed by the other side.
const CLOSED_WITHIN: Duration = Duration::from_secs(20);

/// Open files, sockets and pipes; 0 where `/proc` is not.
pub(crate) fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// The same, once there are no more than wanted, or when they had time enough.
pub(crate) async fn settled_open_files(wanted: usize) -> usize {
    let until = Instant::now() + CLOSED_WITHIN;
    loop {
        let now = open_files();
        if now <= wanted || Instant::now() > until {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Memory in use, in MiB; 0 where `/proc` is not.
pub(crate) fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse().ok());
    kib.unwrap_or(0_u64) / 1_024
}
