//! Emergencies: alert first, then a person at once or four quick questions.

use domain::agent_phrases::Phrase;
use domain::leads::Priority;
use domain::spoken_forms::{names, phone};
use domain::urgency::{URGENT, Urgency};
use provider_traits::brain::ExpectedAnswer;
use provider_traits::tools::TakenMessage;

use super::dialogue::Talk;
use super::memory::{Capture, Pending, UrgentStep};

impl Talk<'_> {
    /// Answers words that sound like an emergency.
    pub(super) async fn urgent(&mut self, text: &str, urgency: &Urgency) {
        let score = urgency.score.max(URGENT);
        self.memory.urgency = self.memory.urgency.max(score);
        // Flagged even when the tool fails: a second alert for the same words would fail as well.
        let _ = self.flag_urgent(score, text).await;
        self.memory.urgent_flagged = true;
        let client = self.memory.client.clone();
        self.memory.urgent = Capture {
            first_words: text.to_owned(),
            place: client.as_ref().map(|c| c.name.clone()),
            name: client.and_then(|c| c.person),
            phone: self.plan.caller.number.as_ref().map(|n| n.as_str().to_owned()),
            ..Capture::default()
        };
        if self.plan.business.transfer_to.is_some() {
            self.ask(Phrase::UrgentConnect, Pending::UrgentConnect, ExpectedAnswer::YesNo).await;
        } else {
            self.say_phrase(Phrase::UrgentCapture).await;
            self.capture_next().await;
        }
    }

    /// Hears the answer to one of the quick questions.
    pub(super) async fn hear_urgent(&mut self, step: UrgentStep, text: &str) {
        let words = text.trim().to_owned();
        match step {
            UrgentStep::Place => self.memory.urgent.place = Some(words),
            // No second try in an emergency: the words themselves will do.
            UrgentStep::Name => self.memory.urgent.name = Some(names::read(text, true).unwrap_or(words)),
            UrgentStep::Phone => match phone::read(text, &self.plan.business.default_country) {
                Some(number) => self.memory.urgent.phone = Some(number.as_str().to_owned()),
                None if self.memory.urgent.asked_twice => self.memory.urgent.phone = Some(words),
                None => {
                    self.memory.urgent.asked_twice = true;
                    return self.say_phrase(Phrase::RetryPhone).await;
                }
            },
            UrgentStep::What => self.memory.urgent.what = Some(words),
        }
        self.capture_next().await;
    }

    /// Asks what is still missing, or sends the message.
    pub(super) async fn capture_next(&mut self) {
        let known = self.memory.urgent.clone();
        let (phrase, step, expect) = if known.place.is_none() {
            (Phrase::UrgentAskPlace, UrgentStep::Place, ExpectedAnswer::Open)
        } else if known.name.is_none() {
            (Phrase::AskMessageName, UrgentStep::Name, ExpectedAnswer::Name)
        } else if known.phone.is_none() {
            (Phrase::AskReplyTo, UrgentStep::Phone, ExpectedAnswer::Digits)
        } else if known.what.is_none() {
            (Phrase::UrgentAskWhat, UrgentStep::What, ExpectedAnswer::Open)
        } else {
            return self.send_urgent(known).await;
        };
        self.ask(phrase, Pending::Urgent(step), expect).await;
    }

    async fn send_urgent(&mut self, known: Capture) {
        let text = format!(
            "{}. {} (about: {})",
            known.first_words,
            known.what.unwrap_or_default(),
            known.place.unwrap_or_default()
        );
        let message =
            TakenMessage { from_name: known.name, reply_to: known.phone, text, priority: Priority::Urgent };
        match self.take_message(message).await {
            Ok(()) => {
                self.say_phrase(Phrase::UrgentTaken).await;
                self.go_on().await;
            }
            Err(_) => self.offer_transfer().await,
        }
    }
}
