//! Handing the call to a person, or a message when there is none.

use domain::agent_phrases::Phrase;
use domain::spoken_forms::yes_no;
use domain::words::words;
use provider_traits::brain::{ExpectedAnswer, NextStep};
use provider_traits::tools::WantedPerson;

use super::dialogue::Talk;
use super::memory::{Capture, Pending};

/// Of a caller's lines so many tell what it is about.
const LINES: usize = 2;

impl Talk<'_> {
    /// Offers a person.
    pub(super) async fn offer_transfer(&mut self) {
        self.memory.failures = 0;
        if self.plan.business.transfer_to.is_some() {
            self.ask(Phrase::OfferTransfer, Pending::OfferTransfer, ExpectedAnswer::YesNo).await;
        } else {
            self.say_phrase(Phrase::NobodyThere).await;
            self.ask(Phrase::OfferMessage, Pending::OfferMessage, ExpectedAnswer::YesNo).await;
        }
    }

    /// Connects at once: the caller has asked or agreed.
    pub(super) async fn transfer_now(&mut self) {
        let Some(number) = &self.plan.business.transfer_to else {
            self.say_phrase(Phrase::NobodyThere).await;
            return self.begin_message(None).await;
        };
        let usual = number.as_str().to_owned();
        self.keep_what_there_is().await;
        let about = self.subject();
        let wanted = WantedPerson { whom: about.clone(), about };
        // What can't be written down is still carried out: the carrier rings whoever goes for everybody.
        let to = self.transfer_call(wanted).await.ok().flatten().unwrap_or(usual);
        self.say_phrase(Phrase::Transferring).await;
        self.wait_for(Pending::Nothing, ExpectedAnswer::Open);
        self.out.next = Some(NextStep::Transfer { to });
    }

    /// What whoever is called should know: the emergency, or the caller's last lines that say something.
    fn subject(&self) -> String {
        if !self.memory.urgent.first_words.is_empty() {
            return self.memory.urgent.first_words.clone();
        }
        let says_something = |text: &str| words(text).len() >= 3 && yes_no::read(text).is_none();
        let lines = self.memory.history.iter().rev().filter(|line| !line.by_agent);
        let mut lines: Vec<&str> = lines
            .map(|line| line.text.trim())
            .filter(|text| says_something(text) && !text.starts_with("[keys"))
            .take(LINES)
            .collect();
        lines.reverse();
        lines.join(". ")
    }

    /// The caller is back: nobody took them.
    pub(super) async fn not_connected(&mut self) {
        self.memory.owed = None;
        self.say_phrase(Phrase::NotConnected).await;
        let urgent = &self.memory.urgent;
        if self.memory.urgent_flagged && *urgent != Capture::default() && urgent.what.is_none() {
            // In an emergency the details reach somebody sooner than another offer.
            self.say_phrase(Phrase::UrgentCapture).await;
            return self.capture_next().await;
        }
        self.ask(Phrase::OfferMessage, Pending::OfferMessage, ExpectedAnswer::YesNo).await;
    }
}
