//! What the system tells of a process: its time, its memory, its open files. Linux only; elsewhere nothing.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

/// What `/proc` counts in, in a second (`USER_HZ`, the same on every Linux).
const TICKS_PER_SECOND: u64 = 100;

/// A process at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// Time on processors since its start, own and the system's for it, in milliseconds.
    pub cpu_ms: u64,
    /// Resident memory in KiB.
    pub rss_kib: u64,
    /// Open files, sockets among them.
    pub files: usize,
    /// Open sockets.
    pub sockets: usize,
    /// Threads.
    pub threads: usize,
}

impl Sample {
    /// A process now; `None` when there is none of that number.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
        let (rss_kib, threads) = status(&read("status")?);
        let links = std::fs::read_dir(folder.join("fd")).into_iter().flatten().flatten();
        let targets: Vec<_> = links.filter_map(|link| std::fs::read_link(link.path()).ok()).collect();
        let sockets = targets.iter().filter(|to| to.to_string_lossy().starts_with("socket:")).count();
        Some(Self { cpu_ms: cpu_ms(&read("stat")?)?, rss_kib, files: targets.len(), sockets, threads })
    }

    /// This process now.
    #[must_use]
    pub fn own() -> Option<Self> {
        Self::of(std::process::id())
    }

    /// Time on processors since an earlier moment.
    #[must_use]
    pub fn cpu_since(&self, earlier: &Self) -> Duration {
        Duration::from_millis(self.cpu_ms.saturating_sub(earlier.cpu_ms))
    }
}

fn cpu_ms(stat: &str) -> Option<u64> {
    // The name in brackets may hold anything, brackets and spaces too.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) * 1_000 / TICKS_PER_SECOND)
}

fn status(text: &str) -> (u64, usize) {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse::<u64>().ok()
    };
    (field("VmRSS:").unwrap_or(0), field("Threads:").unwrap_or(0) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_a_strange_name_is_read() {
        let stat = "42 (a b) (c) S 1 1 1 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 4 0 100 1 1";
        assert_eq!(cpu_ms(stat), Some(2_000));
        assert_eq!(cpu_ms("nonsense"), None);
    }

    #[test]
    fn memory_is_in_kib() {
        assert_eq!(status("Name:\tx\nVmRSS:\t  2048 kB\nThreads:\t7\n"), (2_048, 7));
    }

    #[test]
    fn this_process_is_there() {
        let own = Sample::own().expect("/proc of this process");
        assert!(own.rss_kib > 0 && own.threads > 0, "{own:?}");
        assert_eq!(Sample::of(u32::MAX), None);
    }
}
