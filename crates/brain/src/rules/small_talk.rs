//! Manners: repeats, pauses, thanks, greetings, honest answers about itself, and goodbye.

use domain::acts::{Act, does};
use domain::agent_phrases::Phrase;
use domain::intents::Intent;
use domain::words::words;
use provider_traits::brain::ExpectedAnswer;

use super::dialogue::Talk;
use super::memory::Pending;

impl Talk<'_> {
    /// Deals with words that are manners and nothing else; false when they are more.
    pub(super) async fn small_talk(&mut self, text: &str, intent: Intent) -> bool {
        if does(text, Act::Repeat) {
            self.repeat().await;
            return true;
        }
        if does(text, Act::HoldOn) && words(text).len() <= 6 {
            self.say_phrase(Phrase::TakeYourTime).await;
            return true;
        }
        if does(text, Act::AreYouRobot) {
            self.aside(Phrase::VirtualAssistant).await;
            return true;
        }
        if does(text, Act::HearMe) {
            if self.memory.pending == Pending::Nothing && !self.memory.lead_active {
                self.say_phrase(Phrase::HelloAgain).await;
            } else {
                self.aside(Phrase::HearYou).await;
            }
            return true;
        }
        if intent == Intent::SpeakToHuman
            && !matches!(self.memory.pending, Pending::OfferTransfer | Pending::UrgentConnect)
        {
            self.offer_transfer().await;
            return true;
        }
        if intent != Intent::Other {
            return false;
        }
        if does(text, Act::Goodbye) {
            self.goodbye().await;
            return true;
        }
        if does(text, Act::MissedCall)
            && matches!(self.memory.pending, Pending::Nothing | Pending::AnythingElse)
        {
            self.memory.unanswered = Some(text.to_owned());
            self.ask(Phrase::MissedCall, Pending::OfferMessage, ExpectedAnswer::YesNo).await;
            return true;
        }
        if does(text, Act::WrongNumber) && !self.memory.lead_active {
            self.farewell(Phrase::WrongNumber).await;
            return true;
        }
        if does(text, Act::RightPlace) && self.memory.pending == Pending::Nothing {
            self.say_phrase(Phrase::Reached).await;
            return true;
        }
        if does(text, Act::WhoAreYou) {
            self.aside(Phrase::MyName).await;
            return true;
        }
        if does(text, Act::HowAreYou) {
            self.aside(Phrase::FineThanks).await;
            return true;
        }
        if does(text, Act::Help) {
            self.aside(Phrase::Help).await;
            return true;
        }
        match self.memory.pending {
            Pending::Nothing => {
                if does(text, Act::NothingElse) {
                    self.goodbye().await;
                } else if does(text, Act::Thanks) {
                    self.say_phrase(Phrase::Welcome).await;
                    self.go_on().await;
                } else if does(text, Act::Hello) {
                    self.say_phrase(Phrase::HelloAgain).await;
                } else if does(text, Act::Stop) {
                    self.say_phrase(Phrase::NeverMind).await;
                    self.go_on().await;
                } else if words(text).len() <= 3 && domain::phantom_speech::is_back_channel(text) {
                    self.go_on().await;
                } else {
                    return false;
                }
                true
            }
            Pending::OfferMessage | Pending::OfferTransfer | Pending::Message(_)
                if does(text, Act::Hello) && words(text).len() <= 2 =>
            {
                self.ask_pending_again().await;
                true
            }
            Pending::AnythingElse if does(text, Act::NothingElse) || does(text, Act::Thanks) => {
                self.goodbye().await;
                true
            }
            Pending::Message(_)
            | Pending::Identify(_)
            | Pending::OfferMessage
            | Pending::WhichProject { .. }
                if does(text, Act::Stop) =>
            {
                self.say_phrase(Phrase::NeverMind).await;
                self.drop_message().await;
                self.go_on().await;
                true
            }
            _ => false,
        }
    }

    /// Says something in passing and returns to what was open.
    async fn aside(&mut self, phrase: Phrase) {
        self.say_phrase(phrase).await;
        self.ask_pending_again().await;
    }

    /// Ends the conversation, keeping what there is of a lead or a message.
    pub(super) async fn goodbye(&mut self) {
        if self.memory.lead_active {
            self.abandon_lead().await;
        }
        if self.keep_message().await {
            self.say_phrase(Phrase::MessageTaken).await;
        }
        if self.asked_satisfaction().await {
            return;
        }
        self.wait_for(Pending::Nothing, ExpectedAnswer::Open);
        self.farewell(Phrase::Goodbye).await;
    }
}
