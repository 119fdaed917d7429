//! What the server tells of the machine it runs on. A trait, because only the server may ask the system.

use std::time::Duration;

/// Memory of the process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Resident: what the process takes of the machine.
    pub resident: u64,
    /// Of it, what is its own and not mapped from files.
    pub anonymous: u64,
    /// What the process has asked for, touched or not.
    pub reserved: u64,
}

/// The disk under the data folder, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// All of it.
    pub total: u64,
    /// What is free for us.
    pub free: u64,
}

/// One transcriber, voice, language model, provider of embeddings or speech-to-speech model.
#[derive(Debug, Clone, PartialEq)]
pub struct SpeechProvider {
    /// Its id (`flite`).
    pub id: String,
    /// `transcriber`, `voice`, `language_model`, `embeddings` or `realtime`.
    pub role: &'static str,
    /// Why it can't serve, with the remedy; `None` when it can.
    pub missing: Option<String>,
    /// How it does; `None` when nobody counts.
    pub traffic: Option<Traffic>,
}

/// How a provider does.
#[derive(Debug, Clone, PartialEq)]
pub struct Traffic {
    /// Its circuit.
    pub circuit: Circuit,
    /// The average of its latest first results, weighted towards the last.
    pub first_result: Option<Duration>,
    /// Failures in percent of its last 20 requests; `None` before there are five.
    pub failures_percent: Option<u32>,
    /// Requests since the start.
    pub requests: u64,
    /// Those that failed.
    pub failures: u64,
    /// Times it was passed over because it had enough to do.
    pub passed_over_full: u64,
    /// Requests in percent for which another provider was asked besides, because this one was late.
    pub hedged_percent: f64,
    /// Times a caller had nothing left to hear in mid-sentence.
    pub underruns: u64,
    /// Its place among those that are asked now, from 0.
    pub place: Option<usize>,
    /// Why it stands there, in plain words.
    pub why: String,
}

/// The state of a circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circuit {
    /// Requests go through.
    Closed,
    /// It rests after a failure.
    Open,
    /// It refuses us, which only a person can mend.
    Refused,
    /// One request tries it after its rest.
    Probing,
}

/// The machine as the server knows it.
pub trait Machine: Send + Sync + std::fmt::Debug {
    /// The process's memory, where the system tells.
    fn memory(&self) -> Option<Memory>;

    /// The disk under the data folder, where the system tells.
    fn disk(&self) -> Option<Disk>;

    /// The providers of speech, in the order in which they are tried.
    fn speech(&self) -> Vec<SpeechProvider>;

    /// Open sessions with the speech-to-speech model.
    fn realtime_sessions(&self) -> usize {
        0
    }

    /// How long the process has run.
    fn uptime(&self) -> Duration;
}

/// A machine that nothing is known of: for tests and documents.
#[derive(Debug)]
pub struct UnknownMachine;

impl Machine for UnknownMachine {
    fn memory(&self) -> Option<Memory> {
        None
    }

    fn disk(&self) -> Option<Disk> {
        None
    }

    fn speech(&self) -> Vec<SpeechProvider> {
        Vec::new()
    }

    fn uptime(&self) -> Duration {
        Duration::ZERO
    }
}
