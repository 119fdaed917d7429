//! Thinking ahead: the model is asked while the caller's pause may still be the end of the turn.
//!
//! Nothing of it has any effect: functions that it asks for run only when the caller's words turn out to be these.

use std::sync::Arc;

use domain::words::words;
use provider_traits::error::ProviderError;
use provider_traits::llm::{LanguageModel, LlmAnswer, LlmRequest};
use tokio::task::JoinSet;

/// Requests thought ahead for one turn: a caller who pauses often is not paid for word by word.
const MOST_PER_TURN: u32 = 3;

/// What was thought ahead for the coming turn.
#[derive(Default)]
pub(super) struct Foresight {
    begun: Option<Begun>,
    requests: u32,
}

struct Begun {
    words: Vec<String>,
    /// One task; dropping the set ends it, and the request with it.
    asking: JoinSet<Result<LlmAnswer, ProviderError>>,
}

impl Foresight {
    /// Begins to answer these words, unless that is under way or was done too often for this turn.
    pub(super) fn begin(
        &mut self,
        text: &str,
        model: &Arc<dyn LanguageModel>,
        request: impl FnOnce() -> LlmRequest,
    ) {
        let words = words(text);
        if words.is_empty() || self.begun.as_ref().is_some_and(|begun| begun.words == words) {
            return;
        }
        self.begun = None;
        if self.requests >= MOST_PER_TURN {
            return;
        }
        self.requests += 1;
        let model = Arc::clone(model);
        let request = request();
        let mut asking = JoinSet::new();
        asking.spawn(async move { model.answer(&request).await });
        self.begun = Some(Begun { words, asking });
    }

    /// The turn is over: the answer that was begun to exactly these words, if there is one.
    pub(super) fn take(&mut self, text: &str) -> Option<JoinSet<Result<LlmAnswer, ProviderError>>> {
        self.requests = 0;
        let begun = self.begun.take()?;
        (begun.words == words(text)).then_some(begun.asking)
    }

    /// The turn is over otherwise.
    pub(super) fn forget(&mut self) {
        self.requests = 0;
        self.begun = None;
    }
}
