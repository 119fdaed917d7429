//! What one media socket has received, counted while it is open.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::ids::CallId;

/// Counters of an open socket: written by its reader, read by whoever asks how the sockets are.
#[derive(Debug, Default)]
pub(super) struct SocketCounters {
    messages: AtomicU64,
    malformed: AtomicU64,
    dropped: AtomicU64,
    pongs: AtomicU64,
    pongs_us: AtomicU64,
    call: OnceLock<CallId>,
}

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SocketFigures {
    /// Messages, readable or not.
    pub(super) messages: u64,
    /// Messages that could not be read.
    pub(super) malformed: u64,
    /// Audio frames dropped because the session was too slow.
    pub(super) dropped: u64,
    /// Answers to pings.
    pub(super) pongs: u64,
    /// How long they took together, in microseconds.
    pub(super) pongs_us: u64,
}

impl SocketCounters {
    /// A message came.
    pub(super) fn message(&self) {
        self.messages.fetch_add(1, Ordering::Relaxed);
    }

    /// It could not be read.
    pub(super) fn malformed(&self) {
        self.malformed.fetch_add(1, Ordering::Relaxed);
    }

    /// A frame was dropped; how many were so far.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A ping was answered.
    pub(super) fn pong(&self, took: Duration) {
        self.pongs_us.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.pongs.fetch_add(1, Ordering::Relaxed);
    }

    /// Says which call the socket carries. The first word counts.
    pub(super) fn carries(&self, call: CallId) {
        let _already = self.call.set(call);
    }

    /// The call that the socket carries, once it is known.
    pub(super) fn call(&self) -> Option<CallId> {
        self.call.get().copied()
    }

    /// What was counted so far.
    pub(super) fn read(&self) -> SocketFigures {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SocketFigures {
            messages: load(&self.messages),
            malformed: load(&self.malformed),
            dropped: load(&self.dropped),
            pongs: load(&self.pongs),
            pongs_us: load(&self.pongs_us),
        }
    }
}

impl SocketFigures {
    /// Both together.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            messages: self.messages + other.messages,
            malformed: self.malformed + other.malformed,
            dropped: self.dropped + other.dropped,
            pongs: self.pongs + other.pongs,
            pongs_us: self.pongs_us.saturating_add(other.pongs_us),
        }
    }

    /// How long an answer to a ping took on average; `None` before the first.
    pub(super) fn round_trip(self) -> Option<Duration> {
        self.pongs_us.checked_div(self.pongs).map(Duration::from_micros)
    }
}
