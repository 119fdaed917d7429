//! Who wants to be called back at a certain time.

use chrono::{MappedLocalTime, TimeZone as _, Utc};
use domain::agent_phrases::Phrase;
use domain::phone::PhoneNumber;
use domain::spoken_forms::{phone, times, yes_no};
use domain::words::words;
use provider_traits::brain::ExpectedAnswer;
use provider_traits::tools::WantedCallback;

use super::dialogue::Talk;
use super::memory::Pending;

/// Whether somebody wants to be called.
fn wants_a_call(text: &str) -> bool {
    let said = words(text);
    let has = |first: &str, second: &[&str]| {
        said.windows(2).any(|pair| pair[0] == first && second.contains(&pair[1].as_str()))
    };
    has("call", &["me", "us", "back"]) || has("ring", &["me", "us"]) || has("a", &["call", "callback"])
}

impl Talk<'_> {
    /// Arranges a call back when the words ask for one and tell when; false otherwise.
    pub(super) async fn wants_callback(&mut self, text: &str) -> bool {
        let now = self.ambient.now().with_timezone(&self.plan.business.timezone).naive_local();
        if !wants_a_call(text) {
            return false;
        }
        let Some(at) = times::read(text, now) else { return false };
        self.memory.failures = 0;
        self.memory.callback = Some((text.trim().to_owned(), at));
        if let Some(number) = phone::read(text, &self.plan.business.default_country) {
            self.schedule(number).await;
        } else if self.plan.caller.number.is_some() {
            self.ask(Phrase::AskCallingNumber, Pending::Callback, ExpectedAnswer::YesNo).await;
        } else {
            self.ask(Phrase::AskReplyTo, Pending::Callback, ExpectedAnswer::Digits).await;
        }
        true
    }

    /// Hears which number is to be called.
    pub(super) async fn hear_callback(&mut self, text: &str) {
        let said = phone::read(text, &self.plan.business.default_country);
        let own = self.plan.caller.number.clone();
        match (said, yes_no::read(text), own) {
            (Some(number), _, _) | (None, Some(true), Some(number)) => self.schedule(number).await,
            (None, Some(false), _) => {
                self.ask(Phrase::AskReplyTo, Pending::Callback, ExpectedAnswer::Digits).await;
            }
            _ => {
                // No second try: a person will find out.
                let wish = self.memory.callback.take().map(|(words, _)| words);
                self.begin_message(wish).await;
            }
        }
    }

    async fn schedule(&mut self, number: PhoneNumber) {
        let Some((about, at)) = self.memory.callback.take() else { return self.go_on().await };
        let tz = self.plan.business.timezone;
        // The hour that the clock leaves out is nobody's: as soon as possible then.
        let moment = match tz.from_local_datetime(&at) {
            MappedLocalTime::Single(at) | MappedLocalTime::Ambiguous(at, _) => Some(at.with_timezone(&Utc)),
            MappedLocalTime::None => None,
        };
        let wanted = WantedCallback { number: number.into(), at: moment, about: about.clone() };
        match self.schedule_callback(wanted).await {
            Ok(due) => {
                let when = due.with_timezone(&tz).format("on %A, %-d %B, at %-I:%M %p").to_string();
                let words = self.phrase(Phrase::CallbackScheduled, &[("when", &when)]);
                self.say(words).await;
                self.go_on().await;
            }
            Err(_) => self.begin_message(Some(about)).await,
        }
    }
}
