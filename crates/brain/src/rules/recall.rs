//! What a client was promised before, when they come back to it.

use domain::acts::{Act, does, is_question};
use domain::agent_phrases::Phrase;
use domain::intents::{self, Intent};
use domain::words::capitalised;

use super::dialogue::Talk;

/// Most that is told: nobody remembers a longer list by ear.
const TOLD: usize = 2;

impl Talk<'_> {
    /// Tells a client who asks what was promised or was to be passed on; false when they do not ask, or nothing is open.
    pub(super) async fn recalls(&mut self, text: &str) -> bool {
        // Who complains that nothing came of it wants more than to hear it again.
        let asks =
            does(text, Act::Recall) && is_question(text) && intents::classify(text) != Intent::Complaint;
        let plan = self.plan;
        let open = &plan.caller.memory.promises;
        if !asks || plan.caller.client.is_none() || open.is_empty() {
            return false;
        }
        self.memory.failures = 0;
        self.say_phrase(Phrase::StillOpen).await;
        for promise in open.iter().take(TOLD) {
            self.say(sentence(promise)).await;
        }
        self.go_on().await;
        true
    }
}

/// With a capital and an end.
fn sentence(text: &str) -> String {
    let text = capitalised(text.trim());
    let end = if text.ends_with(['.', '!', '?', '…']) { "" } else { "." };
    format!("{text}{end}")
}
