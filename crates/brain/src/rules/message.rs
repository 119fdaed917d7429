//! Taking a message: the words, who it is from, where to answer.

use domain::acts::{Act, does, is_question};
use domain::agent_phrases::Phrase;
use domain::call_log::{BegunMessage, EventKind};
use domain::email::EmailAddress;
use domain::leads::LeadField;
use domain::qualification::{LeadQualifier, declines};
use domain::spoken_forms::{email, names, phone, yes_no};
use domain::words::words;
use provider_traits::brain::ExpectedAnswer;
use provider_traits::tools::TakenMessage;

use super::dialogue::Talk;
use super::memory::{Draft, MessageStep, Pending};

/// The message inside a request for one: "tell Dana that the photos are ready".
pub(super) fn stated(text: &str) -> Option<String> {
    let said = words(text);
    if let Some(at) = said.iter().position(|w| w == "that").filter(|at| said.len() >= at + 3) {
        return Some(said[at + 1..].join(" "));
    }
    // "Tell her Greg called": what follows the person is the message.
    if let Some(at) = said.iter().position(|w| w == "tell").filter(|at| said.len() >= at + 4) {
        return Some(said[at + 2..].join(" "));
    }
    let wants_call = said.windows(2).any(|w| w[0] == "call" && (w[1] == "me" || w[1] == "back"));
    (wants_call && said.len() >= 4).then(|| text.trim().to_owned())
}

impl Talk<'_> {
    /// Begins to take a message, whose words may be known already.
    pub(super) async fn begin_message(&mut self, words: Option<String>) {
        self.memory.failures = 0;
        let client_name =
            self.memory.client.as_ref().and_then(|c| c.person.clone().or_else(|| Some(c.name.clone())));
        let plan = self.plan;
        let flow = LeadQualifier::new(&plan.lead_questions, self.memory.lead.clone());
        let lead = |field| flow.value(field).map(str::to_owned);
        let known_number =
            self.memory.client.as_ref().and(plan.caller.number.as_ref()).map(|n| n.as_str().to_owned());
        self.memory.message = Draft {
            words,
            name: client_name.or_else(|| lead(LeadField::Name)),
            reply_to: known_number.or_else(|| lead(LeadField::Phone)).or_else(|| lead(LeadField::Email)),
            ..Draft::default()
        };
        self.next_of_message().await;
    }

    /// Says a neutral word and passes the caller's words on as a message.
    pub(super) async fn pass_on(&mut self, phrase: Phrase, text: &str) {
        self.say_phrase(phrase).await;
        self.begin_message(Some(text.to_owned())).await;
    }

    /// Hears the answer to an open question of the message.
    pub(super) async fn hear_message(&mut self, step: MessageStep, text: &str) {
        match step {
            MessageStep::Words => {
                // Who says their name first is asked for the words once more.
                if let Some(name) = names::read(text, false).filter(|name| names::says_only(text, name)) {
                    self.memory.message.name = Some(name);
                    return self.next_of_message().await;
                }
                let unanswered = self.memory.unanswered.take();
                let bare = words(text).len() <= 2 && yes_no::read(text).is_some();
                let draft = &mut self.memory.message;
                // "Just that, please" means the question nobody could answer.
                draft.words = if bare {
                    unanswered.or_else(|| Some("Please call back.".to_owned()))
                } else {
                    let said = text.trim();
                    // "It's a brochure for a hotel" says nothing without the question it belongs to.
                    Some(draft.about.take().map_or(said.to_owned(), |about| format!("{about}; {said}")))
                };
            }
            MessageStep::Name => {
                // "Maria Lopez, five one three …": the number came along.
                let address = self.reply_address(text);
                let is_address = address.is_some();
                self.memory.message.reply_to = address.or(self.memory.message.reply_to.take());
                // What is spelled in an address is nobody's name.
                let name = names::read(text, true).filter(|_| !is_address || email::read(text).is_err());
                match name {
                    Some(name) => self.memory.message.name = Some(name),
                    None if declines(text) || does(text, Act::NothingElse) => {
                        self.memory.message.gave_up_name = true;
                    }
                    None if self.memory.message.asked_twice => {
                        self.add_to_message(text);
                        self.memory.message.gave_up_name = true;
                    }
                    None => {
                        self.memory.message.asked_twice = true;
                        if is_address {
                            return self.next_of_message().await;
                        }
                        self.add_to_message(text);
                        return self.say_phrase(Phrase::RetryName).await;
                    }
                }
            }
            MessageStep::CallingNumber => {
                if let Some(number) = self.reply_address(text) {
                    self.memory.message.reply_to = Some(number);
                } else if yes_no::read(text) == Some(true) || phone::means_this_one(text) {
                    self.memory.message.reply_to =
                        self.plan.caller.number.as_ref().map(|n| n.as_str().to_owned());
                } else if yes_no::read(text) == Some(false) || self.memory.message.asked_twice {
                    self.memory.message.asked_twice = false;
                    return self
                        .ask(
                            Phrase::AskReplyTo,
                            Pending::Message(MessageStep::ReplyTo),
                            ExpectedAnswer::Digits,
                        )
                        .await;
                } else {
                    self.memory.message.asked_twice = true;
                    self.take_late_name(text);
                    return self.say_phrase(Phrase::YesOrNo).await;
                }
            }
            MessageStep::ReplyTo => match self.reply_address(text) {
                Some(address) => self.memory.message.reply_to = Some(address),
                None if phone::means_this_one(text) && self.plan.caller.number.is_some() => {
                    self.memory.message.reply_to =
                        self.plan.caller.number.as_ref().map(|n| n.as_str().to_owned());
                }
                None if declines(text) || does(text, Act::NothingElse) => {
                    self.memory.message.gave_up_reply = true;
                }
                None if self.memory.message.asked_twice => self.memory.message.gave_up_reply = true,
                None => {
                    self.memory.message.asked_twice = true;
                    self.take_late_name(text);
                    let hidden = phone::means_this_one(text);
                    return self
                        .say_phrase(if hidden { Phrase::NumberHidden } else { Phrase::RetryPhone })
                        .await;
                }
            },
        }
        self.memory.message.asked_twice = false;
        self.next_of_message().await;
    }

    /// A name that comes when the next thing is asked for.
    fn take_late_name(&mut self, text: &str) {
        if self.memory.message.name.is_none() {
            self.memory.message.name = names::read(text, true);
        }
    }

    /// Words that came where a name was asked for belong to the message: "Tuesday at three".
    fn add_to_message(&mut self, text: &str) {
        if words(text).len() >= 2
            && !is_question(text)
            && let Some(message) = &mut self.memory.message.words
        {
            *message = format!("{}; {}", message.trim_end_matches(['.', ' ']), text.trim());
        }
    }

    /// Passes on what there is of a message; false when there are no words of one.
    pub(super) async fn keep_message(&mut self) -> bool {
        let draft = std::mem::take(&mut self.memory.message);
        let Some(text) = draft.words else { return false };
        let priority = self.memory.priority();
        let message = TakenMessage { from_name: draft.name, reply_to: draft.reply_to, text, priority };
        // One that can't be stored stands in the log, and is made up for when the call is over.
        self.take_message(message).await.is_ok()
    }

    /// The caller took it back.
    pub(super) async fn drop_message(&mut self) {
        self.memory.message = Draft::default();
        self.out.log(EventKind::MessageBegun { message: None }).await;
    }

    /// Who hangs up before the last question has left a message all the same.
    async fn note_message(&mut self) {
        let draft = self.memory.message.clone();
        let Some(text) = draft.words else { return };
        let calling = || self.plan.caller.number.as_ref().map(|number| number.as_str().to_owned());
        let (from_name, priority) = (draft.name, self.memory.priority());
        let reply_to = draft.reply_to.or_else(calling);
        let message = Some(BegunMessage { text, from_name, reply_to, priority });
        self.out.log(EventKind::MessageBegun { message }).await;
    }

    fn reply_address(&self, text: &str) -> Option<String> {
        phone::read(text, &self.plan.business.default_country)
            .map(String::from)
            .or_else(|| email::read(text).ok().map(|a: EmailAddress| a.into()))
    }

    async fn next_of_message(&mut self) {
        let draft = self.memory.message.clone();
        if draft.words.is_none() {
            return self
                .ask(Phrase::AskMessage, Pending::Message(MessageStep::Words), ExpectedAnswer::Open)
                .await;
        }
        let is_complete =
            (draft.name.is_some() || draft.gave_up_name) && (draft.reply_to.is_some() || draft.gave_up_reply);
        if !is_complete {
            self.note_message().await;
        }
        if draft.name.is_none() && !draft.gave_up_name {
            return self
                .ask(Phrase::AskMessageName, Pending::Message(MessageStep::Name), ExpectedAnswer::Name)
                .await;
        }
        if draft.reply_to.is_none() && !draft.gave_up_reply {
            return if self.plan.caller.number.is_some() {
                let pending = Pending::Message(MessageStep::CallingNumber);
                self.ask(Phrase::AskCallingNumber, pending, ExpectedAnswer::YesNo).await;
            } else {
                self.ask(Phrase::AskReplyTo, Pending::Message(MessageStep::ReplyTo), ExpectedAnswer::Digits)
                    .await;
            };
        }
        let message = TakenMessage {
            from_name: draft.name,
            reply_to: draft.reply_to,
            text: draft.words.unwrap_or_default(),
            priority: self.memory.priority(),
        };
        self.memory.message = Draft::default();
        self.memory.unanswered = None;
        match self.take_message(message).await {
            Ok(()) => {
                self.say_phrase(Phrase::MessageTaken).await;
                self.go_on().await;
            }
            // Not "shall I take a message?" again: that is what has just failed.
            Err(_) => self.offer_transfer().await,
        }
    }
}
