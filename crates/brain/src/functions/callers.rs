//! Who calls, and how pressing it is.

use domain::agent_phrases::Phrase;
use domain::client_keys::NUMBER_DIGITS;
use domain::spoken_forms::{email, numbers, phone};
use domain::urgency::URGENT;
use provider_traits::tools::{ClientKey, Verification};
use serde_json::json;

use super::arguments::Arguments;
use super::{Answer, ConversationFunctions, Refusal, Run};

#[derive(Clone, Copy)]
enum Key {
    Phone,
    Email,
    Number,
}

/// Digits of a one-time code.
const CODE_DIGITS: usize = 6;

impl ConversationFunctions {
    pub(super) async fn identify_client(
        &self,
        run: &mut Run<'_>,
        given: &Arguments,
    ) -> Result<Answer, Refusal> {
        given.only(&["by", "value"])?;
        let by = given
            .choice("by", &[("phone", Key::Phone), ("email", Key::Email), ("client_number", Key::Number)])?;
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
            Key::Number => {
                let digits = numbers::digits(value);
                if !NUMBER_DIGITS.contains(&digits.len()) {
                    return Err(Refusal::Argument(
                        "value: must be a client number of four to twelve digits; ask for it digit by digit"
                            .to_owned(),
                    ));
                }
                ClientKey::Code(digits)
            }
        };
        let arguments = serde_json::to_value(&key).unwrap_or_default();
        if self.plan.caller.may_identify && !matches!(key, ClientKey::Phone(_)) {
            run.tool("identify_client", arguments, self.tools.send_code(key)).await?;
            return Ok(Answer::new(json!({
                "say": self.phrase(Phrase::CodeSent),
                "note": "Never tell whether anything is on file. When the caller reads the code: verify_client.",
            })));
        }
        let client = run.tool("identify_client", arguments, self.tools.identify_client(key)).await?;
        Ok(Answer::new(match client {
            Some(client) => json!({ "known": true, "client": client.name, "person": client.person }),
            None => json!({
                "known": false,
                "note": "Not recognised from this telephone. Treat the caller as new; nothing of a client may be told.",
            }),
        }))
    }

    pub(super) async fn verify_client(
        &self,
        run: &mut Run<'_>,
        given: &Arguments,
    ) -> Result<Answer, Refusal> {
        given.only(&["code"])?;
        let digits = numbers::digits(given.text("code", 100)?);
        if digits.len() != CODE_DIGITS {
            return Err(Refusal::Argument(format!(
                "code: must be {CODE_DIGITS} digits; ask for it digit by digit"
            )));
        }
        // The code itself stays out of the log.
        let arguments = json!({ "digits": digits.len() });
        let outcome = run.tool("verify_client", arguments, self.tools.verify_client(&digits)).await?;
        Ok(Answer::new(match outcome {
            Verification::Verified(client) => json!({
                "verified": true, "client": client.name, "person": client.person,
                "note": "The caller is this client: its projects may be told now.",
            }),
            Verification::Wrong { tries_left } => json!({
                "verified": false, "tries_left": tries_left, "say": self.phrase(Phrase::WrongCode),
            }),
            Verification::Over => json!({
                "verified": false, "tries_left": 0, "say": self.phrase(Phrase::NotIdentified),
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
        let capture = "what you don't know yet, one at a time: which account or location it is about, the name, the \
                       number, what happens; then call take_message with priority urgent.";
        Ok(Answer::new(match (score >= URGENT, transfer) {
            (true, true) => json!({
                "flagged": true,
                "say": self.phrase(Phrase::UrgentConnect),
                "note": format!("When they agree: transfer_call. When they do not: ask {capture}"),
            }),
            (true, false) => json!({
                "flagged": true,
                "say": self.phrase(Phrase::UrgentCapture),
                "note": format!("Ask {capture}"),
            }),
            (false, _) => json!({ "flagged": true }),
        }))
    }
}
