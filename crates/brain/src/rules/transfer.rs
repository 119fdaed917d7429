//! Handing the call to a person, or a message when there is none.

use domain::agent_phrases::Phrase;
use provider_traits::brain::{ExpectedAnswer, NextStep};

use super::dialogue::Talk;
use super::memory::Pending;

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
        let to = number.as_str().to_owned();
        self.close_lead_early().await;
        self.say_phrase(Phrase::Transferring).await;
        self.wait_for(Pending::Nothing, ExpectedAnswer::Open);
        self.out.next = Some(NextStep::Transfer { to });
    }
}
