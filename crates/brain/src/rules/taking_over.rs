//! Going on with a conversation that something else had until now: a model that gave up, or another node.
//!
//! Two sources tell what was: a snapshot of this brain's own, which knows what is pending, and the call's history,
//! which everybody writes. The snapshot may be missing or older than the history.

use domain::agent_phrases::Phrase;
use domain::call_plan::CallPlan;
use domain::expected_answer::ExpectedAnswer;
use domain::history::{History, LeadState, Said, Side, Unanswered};
use domain::intents::{self, Intent};
use domain::leads::LeadField;
use domain::qualification::LeadQualifier;
use domain::urgency::{self, UrgencyRules};
use domain::words::{find_phrase, words};
use provider_traits::brain::GoOn;

use super::dialogue::Talk;
use super::memory::{Memory, Pending};

impl Memory {
    /// Goes on with what something else has heard, said and saved. What a snapshot knows better stays.
    pub(super) fn take_over(&mut self, history: &History, plan: &CallPlan) {
        self.owed.clone_from(&history.unanswered);
        self.urgent_flagged |= history.flagged_urgent;
        if self.client.is_none() {
            self.client.clone_from(&history.client);
        }
        let unknown = self.unknown_of(&history.lines);
        for line in unknown {
            self.note(line.by == Side::Agent, &line.text);
            if line.by == Side::Caller {
                self.urgency = self.urgency.max(urgency::assess(&line.text, &UrgencyRules::default()).score);
            }
        }
        // Somebody else has answered since: what was pending here is over.
        let behind = unknown.iter().any(|line| line.by == Side::Agent);
        let lead = std::mem::take(&mut self.lead);
        let mut flow = LeadQualifier::new(&plan.lead_questions, lead);
        flow.adopt(&history.answers, &history.left_open, behind);
        if history.lead == LeadState::Closed {
            self.lead_active = false;
            self.lead_closed = true;
        }
        if behind {
            let last = unknown.iter().rfind(|line| line.by == Side::Agent).map_or("", |line| &line.text);
            self.last_said = sentences(last);
            let question = self.last_said.last().cloned().unwrap_or_default();
            let asks = flow.follow(&question);
            let asked = flow.progress().asking;
            let about_contact = asked.is_some_and(|at| {
                matches!(plan.lead_questions[at].field, LeadField::Name | LeadField::Email | LeadField::Phone)
            });
            // Names and numbers are asked for a message, too: there it takes a caller who wanted something new.
            let wants_new = || {
                let mut lines = history.lines.iter().filter(|line| line.by == Side::Caller);
                lines.any(|line| intents::classify(&line.text) == Intent::NewProject)
            };
            let begun = asks && question.ends_with('?') && (!about_contact || wants_new());
            if !self.lead_closed && !plan.lead_questions.is_empty() {
                self.lead_active |= history.lead == LeadState::UnderWay || begun;
            }
            let offer = offered(&question).filter(|_| !asks);
            (self.pending, self.expect) = match offer {
                Some(pending) => (pending, ExpectedAnswer::YesNo),
                None if self.lead_active => (Pending::Lead, flow.expects()),
                None => (Pending::Nothing, ExpectedAnswer::Open),
            };
            let owed = self.owed.as_ref().map(|owed| owed.text.as_str());
            self.unread = unknown
                .iter()
                .filter(|line| line.by == Side::Caller && Some(line.text.as_str()) != owed)
                .map(|line| line.text.clone())
                .collect();
        } else if history.lead == LeadState::UnderWay && !self.lead_closed {
            self.lead_active = true;
        }
        self.lead = flow.into_progress();
    }

    /// The lines that are not in the memory yet.
    fn unknown_of<'a>(&self, lines: &'a [Said]) -> &'a [Said] {
        if self.history.is_empty() {
            return lines;
        }
        // Keys that were pressed are no words and stand in no history.
        let spoken = |text: &str| !text.starts_with("[keys");
        let Some(at) = self.history.iter().rposition(|line| !line.by_agent && spoken(&line.text)) else {
            let first = lines.iter().position(|line| line.by == Side::Caller);
            return &lines[first.unwrap_or(lines.len())..];
        };
        let last = self.history[at].text.trim();
        let Some(same) = lines.iter().rposition(|line| line.by == Side::Caller && line.text == last) else {
            return &[];
        };
        // The answer is known here as it was made, there as it was heard.
        let answered = self.history.len() > at + 1;
        let from =
            same + 1 + usize::from(answered && lines.get(same + 1).is_some_and(|l| l.by == Side::Agent));
        &lines[from..]
    }
}

impl Talk<'_> {
    /// Takes a conversation up.
    pub(super) async fn take_up(&mut self, how: GoOn) {
        match how {
            GoOn::CutOff if self.memory.history.is_empty() => self.greet().await,
            GoOn::CutOff => {
                self.say_phrase(Phrase::CutOff).await;
                self.read_up().await;
                match self.memory.owed.take() {
                    Some(owed) => self.answer_owed(owed).await,
                    None => self.ask_what_is_open().await,
                }
            }
            GoOn::AnswerOwed { turn, text } => self.answer_owed(Unanswered { turn, text }).await,
            GoOn::WordsLost => self.say_phrase(Phrase::WordsLost).await,
            GoOn::NotConnected => self.not_connected().await,
        }
    }

    /// Answers words that something else left unanswered; what was answered here and not heard is said again.
    async fn answer_owed(&mut self, owed: Unanswered) {
        self.memory.owed = None;
        if self.memory.answered == Some(owed.turn) && !self.memory.last_said.is_empty() {
            return self.repeat().await;
        }
        let noted =
            self.memory.history.last().is_some_and(|line| !line.by_agent && line.text == owed.text.trim());
        if noted {
            // It is noted as it is answered.
            self.memory.history.pop();
        }
        if self.memory.lead_active && self.was_saved(&owed.text) {
            self.memory.note(false, &owed.text);
            return self.resume_lead().await;
        }
        self.caller_said(owed.turn, &owed.text, None).await;
    }

    /// Whether the words were saved as an answer of the lead flow before anybody could say so.
    fn was_saved(&mut self, text: &str) -> bool {
        let context = self.lead_context();
        let plan = self.plan;
        let mut flow = LeadQualifier::new(&plan.lead_questions, std::mem::take(&mut self.memory.lead));
        let saved = flow.has_taken(text, &context);
        self.memory.lead = flow.into_progress();
        saved
    }

    /// Asks what was asked last, or how to help.
    async fn ask_what_is_open(&mut self) {
        match self.memory.pending {
            Pending::AnythingElse if !self.memory.lead_active => self.go_on().await,
            Pending::Nothing if !self.memory.lead_active => {
                self.say_phrase(Phrase::WhereWereWe).await;
                self.memory.expect = ExpectedAnswer::Open;
            }
            Pending::Lead | Pending::Nothing | Pending::AnythingElse => self.resume_lead().await,
            _ => match self.last_question() {
                Some(question) => self.say(question).await,
                None => self.say_phrase(Phrase::WhereWereWe).await,
            },
        }
    }

    /// Takes the answers of the lead flow that were given to something else and saved by nobody.
    pub(super) async fn read_up(&mut self) {
        let unread = std::mem::take(&mut self.memory.unread);
        if unread.is_empty() || !self.memory.lead_active {
            return;
        }
        let context = self.lead_context();
        let plan = self.plan;
        let mut flow = LeadQualifier::new(&plan.lead_questions, std::mem::take(&mut self.memory.lead));
        let saved = unread.iter().flat_map(|line| flow.absorb(line, &context)).collect();
        flow.adopt(&[], &[], false);
        self.memory.lead = flow.into_progress();
        self.save_answers(saved).await;
    }
}

/// What a question of somebody else's offers, as far as it can be told.
fn offered(question: &str) -> Option<Pending> {
    if !question.ends_with('?') {
        return None;
    }
    let said = words(question);
    let has = |phrase: &str| find_phrase(&said, &words(phrase)).is_some();
    if has("connect you") || has("put you through") || has("transfer you") {
        Some(Pending::OfferTransfer)
    } else if has("take a message") || has("leave a message") {
        Some(Pending::OfferMessage)
    } else if has("anything else") {
        Some(Pending::AnythingElse)
    } else {
        None
    }
}

/// The sentences of a text.
fn sentences(text: &str) -> Vec<String> {
    text.split_inclusive(['.', '?', '!'])
        .map(str::trim)
        .filter(|sentence| !sentence.is_empty())
        .map(str::to_owned)
        .collect()
}
