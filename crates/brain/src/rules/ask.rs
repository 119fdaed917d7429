//! Questions: answered from the knowledge base word for word, or honestly not at all.

use domain::acts::is_question;
use domain::agent_phrases::Phrase;
use domain::knowledge::DONT_KNOW_BELOW;
use domain::words::words;
use provider_traits::brain::ExpectedAnswer;

use super::dialogue::Talk;
use super::memory::Pending;

/// What came of a search.
pub(super) enum Found {
    /// The stored answer.
    Answer(String),
    /// Nothing fits well enough.
    Nothing,
    /// The search failed.
    Failed,
}

impl Talk<'_> {
    /// The stored answer to a question, when one is at least this sure to fit.
    pub(super) async fn find_answer(&mut self, question: &str, least: f32) -> Found {
        match self.search_knowledge(question).await {
            Err(_) => Found::Failed,
            Ok(hits) => match hits.into_iter().next().filter(|hit| hit.confidence >= least) {
                Some(hit) => Found::Answer(hit.answer),
                None => Found::Nothing,
            },
        }
    }

    /// Quotes the stored answer; false when there is none so sure.
    pub(super) async fn answered_from_knowledge(&mut self, question: &str, least: f32) -> bool {
        // Nothing is that sure: the caller wants no search.
        if least > 1.0 {
            return false;
        }
        let Found::Answer(answer) = self.find_answer(question, least).await else { return false };
        self.give(answer).await;
        true
    }

    /// Says an answer and goes back to what was open.
    async fn give(&mut self, answer: String) {
        self.memory.failures = 0;
        self.say(answer).await;
        if self.memory.lead_active {
            self.resume_lead().await;
        } else {
            self.wait_for(Pending::Nothing, ExpectedAnswer::Open);
        }
    }

    /// Answers from what is known, else says so.
    pub(super) async fn answer_or_admit(&mut self, text: &str) {
        if self.is_about_a_project(text).await {
            return;
        }
        let count = words(text).len();
        if count >= 2 || is_question(text) {
            match self.find_answer(text, DONT_KNOW_BELOW).await {
                Found::Answer(answer) => return self.give(answer).await,
                Found::Failed => {
                    self.memory.unanswered = Some(text.to_owned());
                    return self.ask(Phrase::ToolFailed, Pending::OfferMessage, ExpectedAnswer::YesNo).await;
                }
                Found::Nothing => {}
            }
        }
        self.memory.failures = self.memory.failures.saturating_add(1);
        self.memory.unanswered = Some(text.to_owned());
        if self.memory.failures >= 2 && self.plan.business.transfer_to.is_some() {
            self.ask(Phrase::OfferHuman, Pending::OfferTransfer, ExpectedAnswer::YesNo).await;
        } else if is_question(text) || self.memory.failures >= 2 {
            self.ask(Phrase::DontKnow, Pending::OfferMessage, ExpectedAnswer::YesNo).await;
        } else {
            self.say_phrase(Phrase::NotUnderstood).await;
            self.wait_for(Pending::Nothing, ExpectedAnswer::Open);
        }
    }
}
