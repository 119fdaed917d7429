//! How satisfied a client is: asked once, at the end, where the business wants it.

use domain::agent_phrases::Phrase;
use domain::satisfaction::spoken;
use domain::words::words;
use provider_traits::brain::ExpectedAnswer;

use super::dialogue::Talk;
use super::memory::Pending;

/// More words than these are a comment beside the score.
const BARE: usize = 4;

impl Talk<'_> {
    /// Asks a client who is about to go; false when nobody is to be asked. Not after an emergency: there is a better time.
    pub(super) async fn asked_satisfaction(&mut self) -> bool {
        let asks = self.plan.business.ask_satisfaction && self.memory.client.is_some();
        if !asks || self.memory.asked_satisfaction || self.memory.urgent_flagged {
            return false;
        }
        self.memory.asked_satisfaction = true;
        self.ask(Phrase::AskSatisfaction, Pending::Satisfaction, ExpectedAnswer::Choice).await;
        true
    }

    /// Hears the answer. Who gives no score has not answered, and is not asked again.
    pub(super) async fn hear_satisfaction(&mut self, text: &str) {
        let Some(score) = spoken::read(text) else {
            self.wait_for(Pending::Nothing, ExpectedAnswer::Open);
            if self.is_something_else(text) {
                return self.topic(text).await;
            }
            return self.farewell(Phrase::Goodbye).await;
        };
        let comment = if words(text).len() > BARE { text.trim() } else { "" };
        // A failure is in the log; a caller who is about to go is not bothered with it.
        if self.record_satisfaction(score, comment).await.is_ok() {
            self.say_phrase(Phrase::SatisfactionThanks).await;
        }
        self.farewell(Phrase::Goodbye).await;
    }
}
