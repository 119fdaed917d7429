//! The first words of a call.

use crate::agent_phrases::{self, Phrase};
use crate::call_plan::CallPlan;

/// The sentences the agent begins with: the notice if there is one, then the greeting for this caller.
#[must_use]
pub fn sentences(plan: &CallPlan) -> Vec<String> {
    let client = plan.caller.client.as_ref();
    let first_name = client.and_then(|c| c.person.as_deref()).and_then(|p| p.split_whitespace().next());
    let template = match (client, first_name) {
        (Some(_), Some(_)) if !plan.agent.client_greeting.trim().is_empty() => {
            plan.agent.client_greeting.as_str()
        }
        (Some(_), Some(_)) => agent_phrases::variant(Phrase::GreetClient, 0),
        // A company whose person is unknown is greeted without a name rather than with a hole.
        _ if !plan.agent.greeting.trim().is_empty() => plan.agent.greeting.as_str(),
        _ => agent_phrases::variant(Phrase::GreetStranger, 0),
    };
    let greeting = agent_phrases::fill(
        template,
        &[
            ("business", &plan.business.name),
            ("agent", &plan.agent.name),
            ("first_name", first_name.unwrap_or_default()),
        ],
    );
    let notice = plan.agent.notice.trim();
    let mut sentences: Vec<String> = Vec::new();
    if !notice.is_empty() {
        sentences.push(notice.to_owned());
    }
    sentences.push(greeting);
    sentences
}
