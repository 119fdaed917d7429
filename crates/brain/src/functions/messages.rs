//! Messages for the business.

use domain::agent_phrases::Phrase;
use domain::leads::{LeadField, Priority};
use domain::qualification::LeadQualifier;
use domain::spoken_forms::{email, phone};
use domain::urgency::{self, URGENT};
use provider_traits::tools::TakenMessage;
use serde_json::json;

use super::arguments::Arguments;
use super::{Answer, ConversationFunctions, Refusal, Run};

impl ConversationFunctions {
    pub(super) async fn take_message(&self, run: &mut Run<'_>, given: &Arguments) -> Result<Answer, Refusal> {
        given.only(&["text", "from_name", "reply_to", "priority"])?;
        let text = given.text("text", 2_000)?;
        let from_name = given.optional_text("from_name", 200)?;
        let reply_to = self.reply_address(given.text("reply_to", 200)?)?;
        let priorities =
            [("normal", Priority::Normal), ("high", Priority::High), ("urgent", Priority::Urgent)];
        let priority = given.choice("priority", &priorities)?;
        // What the caller says counts as much as what the model makes of it.
        let heard = urgency::assess(text, &self.plan.urgency).priority();
        let message = TakenMessage {
            from_name: from_name.map(str::to_owned).or_else(|| self.known_name()),
            reply_to,
            text: text.to_owned(),
            priority: priority.max(heard).max(self.priority()),
        };
        let taken = json!({ "taken": true, "say": self.phrase(Phrase::MessageTaken) });
        if self.notes().last_message.as_ref() == Some(&message) {
            return Ok(Answer::new(taken));
        }
        if message.priority == Priority::Urgent {
            let mut notes = self.notes();
            notes.urgency = notes.urgency.max(URGENT);
        }
        let arguments = serde_json::to_value(&message).unwrap_or_default();
        run.tool("take_message", arguments, self.tools.take_message(message.clone())).await?;
        self.notes().last_message = Some(message);
        Ok(Answer::new(taken))
    }

    /// Where to answer, as the model gives it.
    fn reply_address(&self, given: &str) -> Result<Option<String>, Refusal> {
        if given == "none" {
            return Ok(None);
        }
        if given == "calling_number" {
            return match &self.plan.caller.number {
                Some(number) => Ok(Some(number.as_str().to_owned())),
                None => Err(Refusal::Argument(
                    "reply_to: the caller's number is withheld; ask for a number or an e-mail address"
                        .to_owned(),
                )),
            };
        }
        phone::read(given, &self.plan.business.default_country)
            .map(String::from)
            .or_else(|| email::read(given).ok().map(String::from))
            .map(Some)
            .ok_or_else(|| {
                Refusal::Argument(
                    "reply_to: must be a whole telephone number, an e-mail address, calling_number or none"
                        .to_owned(),
                )
            })
    }

    /// The caller's name, when the records or the lead flow have it.
    fn known_name(&self) -> Option<String> {
        let client = self.plan.caller.client.as_ref();
        client.map(|client| client.person.clone().unwrap_or_else(|| client.name.clone())).or_else(|| {
            let lead = self.notes().lead.clone();
            LeadQualifier::new(&self.plan.lead_questions, lead).value(LeadField::Name).map(str::to_owned)
        })
    }
}
