//! Who calls, and how pressing it is.

use domain::agent_phrases::Phrase;
use domain::spoken_forms::{email, phone};
use domain::urgency::URGENT;
use provider_traits::tools::ClientKey;
use serde_json::json;

use super::arguments::Arguments;
use super::{Answer, ConversationFunctions, Refusal, Run};

#[derive(Clone, Copy)]
enum Key {
    Phone,
    Email,
}

impl ConversationFunctions {
    pub(super) async fn identify_client(
        &self,
        run: &mut Run<'_>,
        given: &Arguments,
    ) -> Result<Answer, Refusal> {
        given.only(&["by", "value"])?;
        let by = given.choice("by", &[("phone", Key::Phone), ("email", Key::Email)])?;
        let value = given.text("value", 200)?;
        let key = match by {
            Key::Phone => {
                let number = phone::read(value, &self.plan.business.default_country).ok_or_else(|| {
                    Refusal::Argument(
                        "value: must be a whole telephone number; ask for it digit by digit".to_owned(),
                    )
                })?;
                ClientKey::Phone(number.into())
            }
            Key::Email => {
                let address = email::read(value).map_err(|problem| {
                    Refusal::Argument(format!(
                        "value: must be an e-mail address: {problem}; ask for it letter by letter"
                    ))
                })?;
                ClientKey::Email(address.into())
            }
        };
        let arguments = serde_json::to_value(&key).unwrap_or_default();
        let client = run.tool("identify_client", arguments, self.tools.identify_client(key)).await?;
        Ok(Answer::new(match client {
            Some(client) => json!({ "known": true, "client": client.name, "person": client.person }),
            None => json!({
                "known": false,
                "note": "Not recognised from this telephone. Treat the caller as new; nothing of a client may be told.",
            }),
        }))
    }

    pub(super) async fn flag_urgent(&self, run: &mut Run<'_>, given: &Arguments) -> Result<Answer, Refusal> {
        given.only(&["score", "reason"])?;
        let score = given.number("score", 5, 10)?;
        let reason = given.text("reason", 500)?;
        {
            // Kept even when the tool fails: the lead and the messages shall be as pressing as the caller is.
            let mut notes = self.notes();
            notes.urgency = notes.urgency.max(score);
        }
        let arguments = json!({ "score": score, "reason": reason });
        run.tool("flag_urgent", arguments, self.tools.flag_urgent(score, reason)).await?;
        let transfer = self.plan.business.transfer_to.is_some();
        Ok(Answer::new(match (score >= URGENT, transfer) {
            (true, true) => json!({ "flagged": true, "say": self.phrase(Phrase::UrgentConnect) }),
            (true, false) => json!({
                "flagged": true,
                "say": self.phrase(Phrase::UrgentCapture),
                "note": "Ask which account or location it is about, the name, the number, and what happens; then call \
                    take_message with priority urgent.",
            }),
            (false, _) => json!({ "flagged": true }),
        }))
    }
}
