//! The end of the conversation: a person, or goodbye.

use domain::agent_phrases::Phrase;
use provider_traits::brain::NextStep;
use provider_traits::tools::WantedPerson;
use serde_json::json;

use super::arguments::Arguments;
use super::catalogue::END_REASONS;
use super::{Answer, ConversationFunctions, Refusal, Run};

impl ConversationFunctions {
    pub(super) async fn transfer_call(
        &self,
        run: &mut Run<'_>,
        given: &Arguments,
    ) -> Result<Answer, Refusal> {
        given.only(&["reason", "whom"])?;
        let about = given.optional_text("reason", 500)?.unwrap_or_default().to_owned();
        let whom = given.optional_text("whom", 200)?.unwrap_or_default().to_owned();
        let Some(number) = &self.plan.business.transfer_to else {
            return Err(Refusal::Argument(self.phrase(Phrase::NobodyThere)));
        };
        let usual = number.as_str().to_owned();
        self.close_lead_early(run).await;
        let wanted = WantedPerson { whom, about };
        let arguments = serde_json::to_value(&wanted).unwrap_or_default();
        // What can't be written down is still carried out: the carrier rings whoever goes for everybody.
        let prepared = run.tool("transfer_call", arguments, self.tools.transfer_call(wanted)).await;
        let to = prepared.ok().flatten().unwrap_or(usual);
        let output = json!({ "transferring": true, "say": self.phrase(Phrase::Transferring) });
        Ok(Answer { output, then: Some(NextStep::Transfer { to }) })
    }

    pub(super) async fn end_call(&self, run: &mut Run<'_>, given: &Arguments) -> Result<Answer, Refusal> {
        given.only(&["reason"])?;
        let unwanted = given.choice("reason", END_REASONS)?;
        self.close_lead_early(run).await;
        let goodbye = if unwanted { Phrase::NoThanksSpam } else { Phrase::Goodbye };
        let output = json!({ "ending": true, "say": self.phrase(goodbye) });
        Ok(Answer { output, then: Some(NextStep::HangUp) })
    }
}
