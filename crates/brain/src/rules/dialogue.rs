//! The policy: which of the skills answers a prompt.

use std::sync::Arc;

use domain::acts::{Act, does, is_question};
use domain::agent_phrases::{Phrase, fill, variant};
use domain::call_log::{EventKind, Purpose};
use domain::call_plan::CallPlan;
use domain::ids::TurnId;
use domain::intents::{self, Intent};
use domain::phantom_speech::is_back_channel;
use domain::spoken_forms::{speak, yes_no};
use domain::urgency;
use domain::words::words;
use provider_traits::ambient::Ambient;
use provider_traits::brain::{ExpectedAnswer, GoOn, NextStep, Prompt};
use provider_traits::tools::Tools;

use super::memory::{Memory, Pending};
use crate::reply::Reply;

/// One turn of a conversation.
pub(super) struct Talk<'a> {
    pub(super) plan: &'a CallPlan,
    pub(super) tools: Arc<dyn Tools>,
    pub(super) ambient: &'a Ambient,
    pub(super) memory: &'a mut Memory,
    pub(super) out: Reply<'a>,
}

impl<'a> Talk<'a> {
    pub(super) fn new(
        plan: &'a CallPlan,
        tools: &Arc<dyn Tools>,
        ambient: &'a Ambient,
        memory: &'a mut Memory,
        out: Reply<'a>,
    ) -> Self {
        Self { plan, tools: tools.clone(), ambient, memory, out }
    }

    /// Answers a prompt.
    pub(super) async fn answer(&mut self, prompt: Prompt) {
        match prompt {
            Prompt::PickedUp if self.memory.history.is_empty() => self.greet().await,
            // Restored elsewhere: the caller was in the middle of something.
            Prompt::PickedUp => self.take_up(GoOn::CutOff).await,
            Prompt::CallerSaid { turn, text, agent_was_heard } => {
                self.caller_said(turn, &text, agent_was_heard.as_deref()).await;
            }
            Prompt::CallerDialled { digits } => self.dialled(&digits).await,
            Prompt::Silence { stage } => self.silence(stage).await,
            Prompt::GoOn(how) => self.take_up(how).await,
            Prompt::TimeIsUp => {
                self.keep_what_there_is().await;
                self.farewell(Phrase::TimeIsUp).await;
            }
        }
    }

    /// Sends what is left and remembers what was said.
    pub(super) async fn finish(mut self) -> Reply<'a> {
        let expect = self.memory.expect;
        self.out.close(expect).await;
        if !self.out.said.is_empty() {
            let text = self.out.said.join(" ");
            self.memory.note(true, &text);
            self.memory.last_said.clone_from(&self.out.said);
        }
        self.out
    }

    // Words.

    /// The next variant of a phrase, filled.
    pub(super) fn phrase(&mut self, phrase: Phrase, values: &[(&str, &str)]) -> String {
        let count = self.memory.rotation.entry(phrase.key().to_owned()).or_default();
        let template = variant(phrase, *count);
        *count += 1;
        let contact = self.contact();
        let business = [
            ("contact", contact),
            ("business", self.plan.business.name.as_str()),
            ("agent", self.plan.agent.name.as_str()),
        ];
        fill(&fill(template, values), &business)
    }

    /// Who takes messages.
    pub(super) fn contact(&self) -> &'a str {
        self.plan.business.contact_name.as_deref().unwrap_or("the team")
    }

    /// Says a sentence as an answer.
    pub(super) async fn say(&mut self, text: String) {
        self.out.say(text, Purpose::Reply, true).await;
    }

    /// Says a phrase as an answer.
    pub(super) async fn say_phrase(&mut self, phrase: Phrase) {
        let text = self.phrase(phrase, &[]);
        self.say(text).await;
    }

    /// Asks something and waits for this.
    pub(super) async fn ask(&mut self, phrase: Phrase, pending: Pending, expect: ExpectedAnswer) {
        self.say_phrase(phrase).await;
        self.wait_for(pending, expect);
    }

    pub(super) fn wait_for(&mut self, pending: Pending, expect: ExpectedAnswer) {
        self.memory.pending = pending;
        self.memory.expect = expect;
    }

    /// Last words, and the end.
    pub(super) async fn farewell(&mut self, phrase: Phrase) {
        let text = self.phrase(phrase, &[]);
        self.out.say(text, Purpose::Goodbye, false).await;
        self.wait_for(Pending::Nothing, ExpectedAnswer::Open);
        self.out.next = Some(NextStep::HangUp);
    }

    /// Goes on where the conversation was: the lead flow if it is paused, else "anything else?".
    pub(super) async fn go_on(&mut self) {
        if self.memory.lead_active {
            self.resume_lead().await;
        } else {
            self.ask(Phrase::AnythingElse, Pending::AnythingElse, ExpectedAnswer::YesNo).await;
        }
    }

    /// Asks the open question again after something else was dealt with.
    pub(super) async fn ask_pending_again(&mut self) {
        match self.memory.pending {
            Pending::Nothing | Pending::AnythingElse if !self.memory.lead_active => {}
            Pending::Lead | Pending::Nothing | Pending::AnythingElse => self.resume_lead().await,
            _ => {
                if let Some(question) = self.last_question() {
                    self.say(question).await;
                }
            }
        }
    }

    /// The question the agent's last turn ended with.
    pub(super) fn last_question(&self) -> Option<String> {
        self.memory.last_said.last().filter(|s| s.trim_end().ends_with('?')).cloned()
    }

    // Prompts.

    pub(super) async fn greet(&mut self) {
        let notice = !self.plan.agent.notice.trim().is_empty();
        for (i, sentence) in domain::greeting::sentences(self.plan).into_iter().enumerate() {
            let interruptible = self.plan.agent.greeting_interruptible && !(notice && i == 0);
            self.out.say(sentence, Purpose::Greeting, interruptible).await;
        }
    }

    async fn silence(&mut self, stage: u8) {
        match stage {
            0 | 1 => {
                let text = self.phrase(Phrase::SilenceFirst, &[]);
                let question = self.last_question().filter(|_| self.memory.pending != Pending::Nothing);
                self.out.say(text.clone(), Purpose::SilencePrompt, true).await;
                if let Some(question) = question.filter(|q| *q != text) {
                    self.out.say(question, Purpose::SilencePrompt, true).await;
                }
            }
            2 => {
                let text = self.phrase(Phrase::SilenceSecond, &[]);
                self.out.say(text, Purpose::SilencePrompt, true).await;
            }
            _ => {
                self.keep_what_there_is().await;
                self.farewell(Phrase::SilenceGoodbye).await;
            }
        }
    }

    async fn dialled(&mut self, digits: &str) {
        let keys: String = digits.chars().filter(char::is_ascii_digit).collect();
        self.memory.note(false, &format!("[keys {}]", "•".repeat(keys.len())));
        let identifies = matches!(self.memory.pending, Pending::Identify(_));
        if keys == "0" && self.memory.expect != ExpectedAnswer::Digits && !identifies {
            self.transfer_now().await;
            return;
        }
        let words = match (self.memory.expect, keys.as_str()) {
            // A client number is dialled where an address may be spelled.
            (_, all) if matches!(self.memory.pending, Pending::Identify(_)) && !all.is_empty() => {
                Some(all.to_owned())
            }
            (_, all) if self.memory.pending == Pending::Satisfaction && !all.is_empty() => {
                Some(all.to_owned())
            }
            (ExpectedAnswer::YesNo, "1") => Some("yes".to_owned()),
            (ExpectedAnswer::YesNo, "2") => Some("no".to_owned()),
            (ExpectedAnswer::Choice, place) if place.len() == 1 => {
                place.parse::<u32>().ok().filter(|n| *n > 0).map(|n| format!("the {}", speak::ordinal(n)))
            }
            (ExpectedAnswer::Digits, all) if !all.is_empty() => Some(all.to_owned()),
            _ => None,
        };
        match words {
            Some(words) => self.understood_in_context(&words, false).await,
            None => self.repeat().await,
        }
    }

    pub(super) async fn caller_said(&mut self, turn: TurnId, text: &str, heard: Option<&str>) {
        let question_unheard = heard.is_some_and(|heard| self.question_went_unheard(heard));
        self.memory.answered = Some(turn);
        self.memory.owed = None;
        self.read_up().await;
        self.memory.note(false, text);
        let urgency = urgency::assess(text, &self.plan.urgency);
        let intent = if urgency.is_urgent() { Intent::Emergency } else { intents::classify(text) };
        self.out.log(EventKind::Intent { turn, intent: intent.name().to_owned() }).await;
        self.memory.urgency = self.memory.urgency.max(urgency.score);
        let taking_details = matches!(self.memory.pending, Pending::Urgent(_) | Pending::UrgentConnect);
        if (urgency.is_urgent() || intent == Intent::Emergency)
            && !self.memory.urgent_flagged
            && !taking_details
        {
            self.urgent(text, &urgency).await;
            return;
        }
        // "Okay" or "yes" to a question that was never heard answers nothing.
        if question_unheard
            && (is_back_channel(text) || words(text).len() <= 1 || yes_no::read(text).is_some())
        {
            self.ask_pending_again().await;
            return;
        }
        if self.small_talk(text, intent).await {
            return;
        }
        self.understood_in_context(text, question_unheard).await;
    }

    /// Whether the question that the agent's last turn ended with lies in the part that was cut off.
    fn question_went_unheard(&self, heard: &str) -> bool {
        let Some(question) = self.last_question() else { return false };
        let (question, heard) = (words(&question), words(heard));
        let tail = &heard[heard.len().saturating_sub(question.len())..];
        let found = question.iter().filter(|w| tail.contains(w)).count();
        found * 10 < question.len() * 6
    }

    /// The words as an answer to what is pending, or as something new.
    async fn understood_in_context(&mut self, text: &str, question_unheard: bool) {
        match self.memory.pending.clone() {
            Pending::Lead => self.hear_lead(text, question_unheard).await,
            Pending::Identify(step) => self.hear_identify(step, text).await,
            Pending::Message(step) => self.hear_message(step, text).await,
            Pending::Urgent(step) => self.hear_urgent(step, text).await,
            Pending::Satisfaction => self.hear_satisfaction(text).await,
            Pending::Callback => self.hear_callback(text).await,
            Pending::WhichProject { offered } => self.hear_which_project(&offered, text).await,
            Pending::OfferMessage
            | Pending::OfferTransfer
            | Pending::UrgentConnect
            | Pending::AnythingElse => {
                self.hear_yes_no(text).await;
            }
            Pending::Nothing => self.topic(text).await,
        }
    }

    /// Yes, no, or something else, to an offer.
    async fn hear_yes_no(&mut self, text: &str) {
        let pending = self.memory.pending.clone();
        if pending == Pending::AnythingElse
            && self.memory.lead_closed
            && self.corrected_afterwards(text).await
        {
            return;
        }
        let something_else = self.is_something_else(text);
        let answer = yes_no::read(text).filter(|_| !something_else);
        match (pending, answer) {
            (Pending::OfferMessage, Some(true)) => {
                self.begin_message(None).await;
                self.memory.message.about.clone_from(&self.memory.unanswered);
            }
            (Pending::OfferTransfer, Some(true)) => self.transfer_now().await,
            (Pending::UrgentConnect, Some(true)) => self.transfer_now().await,
            (Pending::UrgentConnect, Some(false)) => self.capture_next().await,
            (Pending::AnythingElse, Some(false)) => self.goodbye().await,
            (Pending::AnythingElse, Some(true)) => {
                self.say_phrase(Phrase::NothingToRepeat).await;
                self.wait_for(Pending::Nothing, ExpectedAnswer::Open);
            }
            (_, Some(false)) => {
                self.memory.failures = 0;
                self.memory.unanswered = None;
                if self.memory.lead_active {
                    self.resume_lead().await;
                } else {
                    self.say_phrase(Phrase::Alright).await;
                    self.go_on().await;
                }
            }
            (Pending::UrgentConnect, None) if !something_else => {
                // In an emergency the details are better than a quarrel about yes and no.
                self.memory.urgent.what = Some(text.to_owned());
                self.capture_next().await;
            }
            (Pending::OfferMessage, None) if !something_else && words(text).len() >= 5 => {
                self.begin_message(Some(text.to_owned())).await;
            }
            (Pending::OfferMessage | Pending::OfferTransfer, None)
                if !something_else && self.memory.failures < 2 =>
            {
                self.memory.failures += 1;
                self.say_phrase(Phrase::YesOrNo).await;
            }
            _ => {
                self.wait_for(Pending::Nothing, ExpectedAnswer::Open);
                self.topic(text).await;
            }
        }
    }

    /// Whether the words open a subject of their own rather than answer yes or no.
    pub(super) fn is_something_else(&self, text: &str) -> bool {
        let count = words(text).len();
        count >= 3
            && (is_question(text)
                || intents::classify(text) != Intent::Other
                || does(text, Act::LeaveMessage)
                || self.is_for_the_contact(text))
    }

    /// "Tell Dana …", "ask Dana to …": words for the person who takes messages.
    fn is_for_the_contact(&self, text: &str) -> bool {
        let Some(name) = self.plan.business.contact_name.as_deref().map(words) else { return false };
        let Some(first) = name.first() else { return false };
        words(text)
            .windows(2)
            .any(|pair| matches!(pair[0].as_str(), "tell" | "ask" | "let") && pair[1] == *first)
    }

    /// Says the last turn again.
    pub(super) async fn repeat(&mut self) {
        let last = self.memory.last_said.clone();
        if last.is_empty() {
            self.say_phrase(Phrase::NothingToRepeat).await;
        }
        for sentence in last {
            self.say(sentence).await;
        }
    }

    /// A subject of the caller's own choice.
    pub(super) async fn topic(&mut self, text: &str) {
        if self.recalls(text).await || self.wants_callback(text).await {
            return;
        }
        if does(text, Act::LeaveMessage) || self.is_for_the_contact(text) {
            let words = super::message::stated(text);
            self.begin_message(words).await;
            return;
        }
        let intent = intents::classify(text);
        if self.may_identify()
            && matches!(intent, Intent::Other)
            && domain::client_keys::claims_to_be_client(text)
        {
            return self.begin_identification(text).await;
        }
        match intent {
            Intent::SpeakToHuman => self.offer_transfer().await,
            Intent::Spam => self.farewell(Phrase::NoThanksSpam).await,
            Intent::StatusUpdate => self.status(text).await,
            Intent::NewProject => {
                if !self.answered_from_knowledge(text, if is_question(text) { 0.75 } else { 2.0 }).await {
                    self.begin_lead(text).await;
                }
            }
            Intent::ScopeChange if self.memory.client.is_some() => {
                self.scope_change(text).await;
            }
            Intent::Complaint => self.pass_on(Phrase::ComplaintSorry, text).await,
            Intent::MeetingRequest => {
                if !self.answered_from_knowledge(text, 0.6).await {
                    self.pass_on(Phrase::MeetingWanted, text).await;
                }
            }
            Intent::SupportIssue => self.pass_on(Phrase::SupportSorry, text).await,
            Intent::BillingQuestion => {
                // Terms are in the knowledge base; the caller's own invoice is not.
                let own = words(text).iter().any(|w| w == "my" || w == "our" || w == "me" || w == "us");
                if own || !self.answered_from_knowledge(text, 0.55).await {
                    self.pass_on(Phrase::BillingPassOn, text).await;
                }
            }
            Intent::ScopeChange | Intent::Emergency | Intent::Other => self.answer_or_admit(text).await,
        }
    }
}
