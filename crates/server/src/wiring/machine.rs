//! What the system tells of this process and its disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use api::health::machine::{Disk, Machine, Memory, SpeechProvider};
use nix::sys::statvfs::statvfs;

use provider_traits::realtime::RealtimeProvider;

use super::speech::{Speech, known};

/// This machine.
pub struct ThisMachine {
    data_dir: PathBuf,
    speech: Arc<Speech>,
    realtime: Arc<dyn RealtimeProvider>,
    started: tokio::time::Instant,
}

// By hand: the providers are no concern of a log line.
impl std::fmt::Debug for ThisMachine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ThisMachine").field("data_dir", &self.data_dir).finish_non_exhaustive()
    }
}

impl ThisMachine {
    /// The machine with this data folder, from now on.
    #[must_use]
    pub fn new(data_dir: PathBuf, speech: Arc<Speech>, realtime: Arc<dyn RealtimeProvider>) -> Self {
        Self { data_dir, speech, realtime, started: tokio::time::Instant::now() }
    }
}

impl Machine for ThisMachine {
    fn memory(&self) -> Option<Memory> {
        memory_in(&std::fs::read_to_string("/proc/self/status").ok()?)
    }

    fn disk(&self) -> Option<Disk> {
        let figures = statvfs(&self.data_dir).ok()?;
        let block = figures.fragment_size();
        Some(Disk { total: figures.blocks() * block, free: figures.blocks_available() * block })
    }

    fn speech(&self) -> Vec<SpeechProvider> {
        let model = known(self.realtime.descriptor().id, "realtime", &self.realtime.readiness());
        self.speech.providers().into_iter().chain([model]).collect()
    }

    fn realtime_sessions(&self) -> usize {
        self.realtime.open_sessions()
    }

    fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Reads `/proc/self/status`, which counts in kB.
fn memory_in(status: &str) -> Option<Memory> {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes: u64 = line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().ok()?;
        Some(kilobytes * 1024)
    };
    Some(Memory { resident: field("VmRSS")?, anonymous: field("RssAnon")?, reserved: field("VmData")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_figures_are_read() {
        let status = "Name:\tx\nVmPeak:\t  900 kB\nVmRSS:\t  300 kB\nRssAnon:\t  200 kB\nVmData:\t  500 kB\n";
        let expect = Memory { resident: 300 * 1024, anonymous: 200 * 1024, reserved: 500 * 1024 };
        assert_eq!(memory_in(status), Some(expect));
        assert_eq!(memory_in("Name:\tx\n"), None);
    }
}
