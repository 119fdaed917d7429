//! What goes wrong at vendors, and how long they are not asked then.

use std::time::Duration;

use simulator::vendor::fault::{Failure, Fault};

/// How long a vendor rests at least after a failure (`ChainSettings`), in seconds.
const REST: u64 = 10;
/// The same after it has refused us.
const REST_REFUSED: u64 = 300;
/// What vendors say in `Retry-After`, in seconds.
const RETRY_AFTER: u64 = 3;

/// What goes wrong, by role: the same for all, where all have it.
#[derive(Clone, Copy)]
pub(super) struct Faults {
    pub(super) transcriber: Fault,
    pub(super) voice: Fault,
    pub(super) language_model: Fault,
    pub(super) embeddings: Fault,
}

impl Faults {
    pub(super) const fn alike(fault: Fault) -> Self {
        Self { transcriber: fault, voice: fault, language_model: fault, embeddings: fault }
    }

    pub(super) fn of(&self, role: &str) -> Fault {
        match role {
            "transcriber" => self.transcriber,
            "voice" => self.voice,
            "language_model" => self.language_model,
            _ => self.embeddings,
        }
    }

    /// Who is only slow may still answer, and is overtaken.
    pub(super) fn is_slow(&self) -> bool {
        matches!(self.voice, Fault::SlowFirstByte(_))
    }

    /// How long who fails like this is not asked, in seconds.
    pub(super) fn rest(&self) -> u64 {
        match self.voice {
            Fault::Fail(Failure::Unauthorized) => REST_REFUSED,
            Fault::Fail(Failure::RateLimited(Some(after))) => after.as_secs(),
            _ => REST,
        }
    }
}

pub(super) const BROKEN: Faults = Faults::alike(Fault::Fail(Failure::Server(500)));
pub(super) const LIMITED: Faults =
    Faults::alike(Fault::Fail(Failure::RateLimited(Some(Duration::from_secs(RETRY_AFTER)))));
/// Who sends one piece only, or none before it has heard all, stops before it; the others stop in the middle.
pub(super) const STALLED: Faults =
    Faults { transcriber: Fault::Stall(0), embeddings: Fault::Stall(0), ..Faults::alike(Fault::Stall(1)) };
pub(super) const TRUNCATED: Faults = Faults { transcriber: Fault::Cut(0), ..Faults::alike(Fault::Cut(1)) };
pub(super) const ALL_FAULTS: [(&str, Faults); 8] = [
    ("refused", Faults::alike(Fault::Refuse)),
    ("401", Faults::alike(Fault::Fail(Failure::Unauthorized))),
    ("429", LIMITED),
    ("500", BROKEN),
    ("slow", Faults::alike(Fault::SlowFirstByte(Duration::from_secs(3)))),
    ("stall", STALLED),
    ("garbage", Faults::alike(Fault::Garbage)),
    ("truncated", TRUNCATED),
];
