//! Where the mind is, and the prompt that waits for it.

use provider_traits::brain::Prompt;

use super::super::speech::{Occasion, Stages};

/// Where the mind is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MindState {
    Free,
    Thinking {
        ask: u32,
        asked_ms: u64,
        cancelled_ms: Option<u64>,
    },
    /// It was told to be abandoned; the report is due.
    Abandoned,
    Lost,
}

/// A prompt that waits for the mind or for the floor.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) prompt: Prompt,
    pub(super) stages: Option<Stages>,
    pub(super) words: String,
}

impl Waiting {
    pub(super) fn new(prompt: Prompt) -> Self {
        Self { prompt, stages: None, words: String::new() }
    }

    pub(super) fn is_of_the_caller(&self) -> bool {
        matches!(self.prompt, Prompt::CallerSaid { .. } | Prompt::CallerDialled { .. })
    }

    pub(super) fn occasion(&self) -> Occasion {
        match self.prompt {
            Prompt::PickedUp => Occasion::PickedUp,
            Prompt::CallerSaid { .. } | Prompt::CallerDialled { .. } | Prompt::GoOn(_) => Occasion::Caller,
            Prompt::Silence { stage } => Occasion::Silence(stage),
            Prompt::TimeIsUp => Occasion::TimeIsUp,
        }
    }
}
