//! The lead flow inside the conversation: begun, paused by questions, resumed, finished or left.

use domain::acts::is_question;
use domain::agent_phrases::Phrase;
use domain::intents::{self, Intent};
use domain::leads::{LeadField, Priority};
use domain::qualification::{Context, LeadQualifier, Sense, Step};
use provider_traits::brain::ExpectedAnswer;

use super::ask::Found;
use super::dialogue::Talk;
use super::memory::Pending;

/// How sure a stored answer must be to count as the subject of words that may be an answer themselves.
const ASIDE: f32 = 0.55;

impl<'a> Talk<'a> {
    pub(super) fn lead_context(&self) -> Context<'a> {
        let business = &self.plan.business;
        Context {
            today: self.today(),
            default_country: &business.default_country,
            currency: &business.currency,
            caller_number: self.plan.caller.number.as_ref(),
        }
    }

    /// The business's own date.
    pub(super) fn today(&self) -> chrono::NaiveDate {
        self.plan.started_at.with_timezone(&self.plan.business.timezone).date_naive()
    }

    /// Begins the flow with what the caller has said already.
    pub(super) async fn begin_lead(&mut self, text: &str) {
        if self.memory.lead_active {
            return self.resume_lead().await;
        }
        if self.plan.lead_questions.is_empty() || self.memory.lead_closed {
            return self.begin_message(Some(text.to_owned())).await;
        }
        let context = self.lead_context();
        let plan = self.plan;
        let mut flow = LeadQualifier::new(&plan.lead_questions, std::mem::take(&mut self.memory.lead));
        let mut saved = Vec::new();
        if let Some(client) = self.memory.client.clone() {
            saved.extend(client.person.as_deref().and_then(|p| flow.prefill(LeadField::Name, p)));
            saved.extend(flow.prefill(LeadField::Company, &client.name));
            saved
                .extend(plan.caller.number.as_ref().and_then(|n| flow.prefill(LeadField::Phone, n.as_str())));
        }
        saved.extend(flow.absorb(text, &context));
        let step = flow.begin();
        self.memory.lead = flow.into_progress();
        self.memory.lead_active = true;
        self.memory.failures = 0;
        self.save_answers(saved).await;
        self.say_phrase(Phrase::LeadBegins).await;
        self.carry_out(step).await;
    }

    /// Hears an answer, a correction, or a question in the middle.
    pub(super) async fn hear_lead(&mut self, text: &str, question_unheard: bool) {
        let context = self.lead_context();
        let plan = self.plan;
        let mut flow = LeadQualifier::new(&plan.lead_questions, self.memory.lead.clone());
        match flow.sense(text, &context) {
            Sense::Stops => {
                self.abandon_lead().await;
                self.go_on().await;
                return;
            }
            Sense::Aside if self.aside_in_lead(text, intents::classify(text)).await => return,
            Sense::Aside | Sense::Answer => {}
        }
        if question_unheard && !flow.would_understand(text, &context) {
            return self.resume_lead().await;
        }
        let step = flow.hear(text, &context);
        self.memory.lead = flow.into_progress();
        self.carry_out(step).await;
    }

    /// Answers a question that came in the middle, then asks the open one again; false when it is none.
    async fn aside_in_lead(&mut self, text: &str, intent: Intent) -> bool {
        if intent == Intent::StatusUpdate && self.memory.client.is_some() {
            self.status(text).await;
            return true;
        }
        match self.find_answer(text, ASIDE).await {
            Found::Answer(answer) => self.say(answer).await,
            _ if !is_question(text) => return false,
            _ => {
                // Noted with the lead rather than discussed: the flow shall not fall apart over it.
                self.memory.unanswered = Some(text.to_owned());
                self.say_phrase(Phrase::OneForContact).await;
            }
        }
        self.resume_lead().await;
        true
    }

    /// Returns to the open question of the flow.
    pub(super) async fn resume_lead(&mut self) {
        let plan = self.plan;
        let step = LeadQualifier::new(&plan.lead_questions, self.memory.lead.clone()).ask_again();
        if step.done {
            // Something else asked the last question and could not say so any more.
            return self.complete_lead().await;
        }
        self.say_phrase(Phrase::LeadResumes).await;
        for sentence in step.say {
            self.say(sentence).await;
        }
        self.wait_for(Pending::Lead, step.expect);
    }

    /// Takes a correction that comes when all questions are done with; false when the words are none.
    pub(super) async fn corrected_afterwards(&mut self, text: &str) -> bool {
        let context = self.lead_context();
        let plan = self.plan;
        let mut flow = LeadQualifier::new(&plan.lead_questions, self.memory.lead.clone());
        let Some(step) = flow.correct_afterwards(text, &context) else { return false };
        self.memory.lead = flow.into_progress();
        if !step.done {
            // It is read back first, or opens a question that was left out until now.
            self.memory.lead_active = true;
            self.memory.lead_closed = false;
            self.carry_out(step).await;
            return true;
        }
        self.save_answers(step.saved).await;
        for sentence in step.say {
            self.say(sentence).await;
        }
        self.ask(Phrase::AnythingElse, Pending::AnythingElse, ExpectedAnswer::YesNo).await;
        true
    }

    /// How pressing the lead is: as the caller sounded, and as the answers say.
    fn lead_priority(&self) -> Priority {
        let plan = self.plan;
        let flow = LeadQualifier::new(&plan.lead_questions, self.memory.lead.clone());
        domain::urgency::Urgency {
            score: self.memory.urgency.max(flow.urgency(self.today())),
            reasons: Vec::new(),
        }
        .priority()
    }

    async fn carry_out(&mut self, step: Step) {
        self.save_answers(step.saved).await;
        for sentence in step.say {
            self.say(sentence).await;
        }
        self.wait_for(Pending::Lead, step.expect);
        if step.done {
            self.complete_lead().await;
        }
    }

    async fn complete_lead(&mut self) {
        let plan = self.plan;
        let complete = LeadQualifier::new(&plan.lead_questions, self.memory.lead.clone()).is_complete();
        let priority = self.lead_priority();
        self.memory.lead_active = false;
        self.memory.lead_closed = true;
        match self.finish_lead(complete, priority).await {
            Ok(()) => {
                self.say_phrase(Phrase::LeadComplete).await;
                self.ask(Phrase::AnythingElse, Pending::AnythingElse, ExpectedAnswer::YesNo).await;
            }
            Err(_) => self.ask(Phrase::ToolFailed, Pending::OfferMessage, ExpectedAnswer::YesNo).await,
        }
    }

    /// Leaves the flow and says so.
    pub(super) async fn abandon_lead(&mut self) {
        let has_something = self.memory.lead.answers.iter().any(Option::is_some);
        self.close_lead_early().await;
        self.say_phrase(if has_something { Phrase::LeadAbandoned } else { Phrase::NeverMind }).await;
        self.wait_for(Pending::Nothing, ExpectedAnswer::Open);
    }

    /// Stores what was not finished, without a word.
    pub(super) async fn keep_what_there_is(&mut self) {
        self.close_lead_early().await;
        self.keep_message().await;
    }

    /// Stores the flow as abandoned, without a word.
    async fn close_lead_early(&mut self) {
        if !self.memory.lead_active {
            return;
        }
        self.memory.lead_active = false;
        self.memory.lead_closed = true;
        if self.memory.lead.answers.iter().any(Option::is_some) {
            let priority = self.lead_priority();
            // There is nobody left to tell; the failure stands in the log.
            let _ = self.finish_lead(false, priority).await;
        }
    }
}
