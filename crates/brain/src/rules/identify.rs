//! A caller with a strange number who is a client: the key, the code, and what they wanted to know.

use domain::agent_phrases::Phrase;
use domain::client_keys;
use domain::intents::{self, Intent};
use domain::qualification::declines;
use domain::spoken_forms::numbers;
use domain::words::words;
use provider_traits::brain::ExpectedAnswer;
use provider_traits::tools::{ClientKey, ToolError, Verification};

use super::dialogue::Talk;
use super::memory::{IdentifyStep, Pending};

/// Digits of a one-time code.
const CODE_DIGITS: usize = 6;

impl Talk<'_> {
    /// Whether the caller may still prove to be a client.
    pub(super) fn may_identify(&self) -> bool {
        self.plan.caller.may_identify && self.memory.client.is_none() && !self.memory.not_identified
    }

    /// Asks for the client number or the address; what was given already is taken.
    pub(super) async fn begin_identification(&mut self, text: &str) {
        self.memory.failures = 0;
        match client_keys::read(text) {
            Some(key) => self.send_code_for(key_of(key)).await,
            None => {
                let pending = Pending::Identify(IdentifyStep::Key);
                self.ask(Phrase::AskClientKey, pending, ExpectedAnswer::Email).await;
            }
        }
    }

    pub(super) async fn hear_identify(&mut self, step: IdentifyStep, text: &str) {
        match step {
            IdentifyStep::Key => self.hear_client_key(text).await,
            IdentifyStep::Code => self.hear_code(text).await,
        }
    }

    async fn hear_client_key(&mut self, text: &str) {
        if let Some(key) = client_keys::read(text) {
            return self.send_code_for(key_of(key)).await;
        }
        if self.leaves_identification(text) {
            self.wait_for(Pending::Nothing, ExpectedAnswer::Open);
            return self.topic(text).await;
        }
        self.memory.failures = self.memory.failures.saturating_add(1);
        if declines(text) || self.memory.failures > 2 {
            return self.give_up_identification().await;
        }
        self.say_phrase(Phrase::RetryClientKey).await;
    }

    async fn send_code_for(&mut self, key: ClientKey) {
        self.memory.failures = 0;
        match self.send_code(key).await {
            Ok(()) => {
                let pending = Pending::Identify(IdentifyStep::Code);
                self.ask(Phrase::CodeSent, pending, ExpectedAnswer::Digits).await;
            }
            Err(ToolError::NotAllowed) => self.give_up_identification().await,
            Err(_) => self.ask(Phrase::ToolFailed, Pending::OfferMessage, ExpectedAnswer::YesNo).await,
        }
    }

    async fn hear_code(&mut self, text: &str) {
        let digits = numbers::digits(text);
        if digits.len() != CODE_DIGITS {
            if self.leaves_identification(text) {
                self.wait_for(Pending::Nothing, ExpectedAnswer::Open);
                return self.topic(text).await;
            }
            self.memory.failures = self.memory.failures.saturating_add(1);
            if (digits.is_empty() && declines(text)) || self.memory.failures > 2 {
                return self.give_up_identification().await;
            }
            return self.say_phrase(Phrase::RetryCode).await;
        }
        match self.verify_client(&digits).await {
            Ok(Verification::Verified(client)) => {
                let name = client.person.clone().unwrap_or_else(|| client.name.clone());
                let first = name.split_whitespace().next().unwrap_or_default().to_owned();
                let first = if client.person.is_some() { first } else { name };
                self.memory.client = Some(client);
                self.memory.failures = 0;
                let text = self.phrase(Phrase::Identified, &[("name", &first)]);
                self.say(text).await;
                match self.memory.unanswered.take() {
                    Some(question) if intents::classify(&question) == Intent::StatusUpdate => {
                        self.status(&question).await;
                    }
                    _ => self.go_on().await,
                }
            }
            Ok(Verification::Wrong { .. }) => self.say_phrase(Phrase::WrongCode).await,
            Ok(Verification::Over) | Err(ToolError::NotAllowed) => self.give_up_identification().await,
            Err(_) => self.ask(Phrase::ToolFailed, Pending::OfferMessage, ExpectedAnswer::YesNo).await,
        }
    }

    /// Another subject rather than a key or code. A question about a project is why it is asked for.
    fn leaves_identification(&self, text: &str) -> bool {
        self.is_something_else(text)
            && intents::classify(text) != Intent::StatusUpdate
            && !client_keys::claims_to_be_client(text)
            && words(text).len() >= 4
    }

    async fn give_up_identification(&mut self) {
        self.memory.failures = 0;
        self.memory.not_identified = true;
        self.ask(Phrase::NotIdentified, Pending::OfferMessage, ExpectedAnswer::YesNo).await;
    }
}

fn key_of(key: client_keys::Key) -> ClientKey {
    match key {
        client_keys::Key::Email(address) => ClientKey::Email(address.into()),
        client_keys::Key::Number(digits) => ClientKey::Code(digits),
    }
}
