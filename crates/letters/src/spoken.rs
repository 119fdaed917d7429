//! The same news as text messages: at most 320 characters, nothing private but a name and a reason.

use crate::kinds::{House, LeadFacts, MessageFacts, ScopeFacts, UrgentFacts};
use crate::writer::one_line;

/// Two text messages joined; carriers charge for each.
pub const MAX_TEXT: usize = 320;
/// A name that needs more is cut.
const MAX_NAME: usize = 60;

/// Somebody can't wait.
#[must_use]
pub fn urgent(house: &House, facts: &UrgentFacts) -> String {
    let who = one_line(&facts.who, MAX_NAME);
    let because = match facts.reasons.first() {
        Some(reason) => format!(" ({})", one_line(reason, MAX_NAME)),
        None => String::new(),
    };
    whole(&format!("URGENT at {}: {who} called{because}. See your e-mail or the dashboard.", business(house)))
}

/// Somebody takes care of it.
#[must_use]
pub fn urgent_taken(house: &House, facts: &UrgentFacts, by: &str) -> String {
    let (who, by) = (one_line(&facts.who, MAX_NAME), one_line(by, MAX_NAME));
    whole(&format!("{}: {by} takes care of {who}. Nobody else is called.", business(house)))
}

/// Nobody takes care of it.
#[must_use]
pub fn urgent_unanswered(house: &House, facts: &UrgentFacts) -> String {
    let who = one_line(&facts.who, MAX_NAME);
    whole(&format!(
        "URGENT at {}: nobody takes care of {who} yet. See your e-mail or the dashboard.",
        business(house)
    ))
}

/// A lead was captured.
#[must_use]
pub fn new_lead(house: &House, lead: &LeadFacts) -> String {
    let who = one_line(lead.name.as_deref().unwrap_or("somebody"), MAX_NAME);
    whole(&format!("New lead for {}: {who}. See the dashboard.", business(house)))
}

/// A client asked for more than was agreed.
#[must_use]
pub fn scope_alert(house: &House, facts: &ScopeFacts) -> String {
    let client = one_line(&facts.client, MAX_NAME);
    let on = facts.project.as_deref().map(|p| format!(" on {}", one_line(p, MAX_NAME))).unwrap_or_default();
    whole(&format!("{}: {client} asked for a change{on}. Nothing was promised.", business(house)))
}

/// A message was taken.
#[must_use]
pub fn message_taken(house: &House, message: &MessageFacts) -> String {
    let from = one_line(message.from.as_deref().unwrap_or("a caller"), MAX_NAME);
    whole(&format!("Message for {} from {from}. See your e-mail or the dashboard.", business(house)))
}

/// A call is over.
#[must_use]
pub fn call_summary(house: &House, caller: &str, intent: Option<&str>) -> String {
    let caller = one_line(caller, MAX_NAME);
    let about = intent.map(|intent| format!(" ({})", one_line(intent, MAX_NAME))).unwrap_or_default();
    whole(&format!("{}: {caller} called{about}. The summary is on the dashboard.", business(house)))
}

/// Something in plain words.
#[must_use]
pub fn plain(house: &House, subject: &str) -> String {
    whole(&format!("{}: {subject}", business(house)))
}

fn business(house: &House) -> String {
    one_line(&house.business, MAX_NAME)
}

fn whole(text: &str) -> String {
    one_line(text, MAX_TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_message_is_short_and_says_no_more_than_a_name_and_a_reason() {
        let house = House { business: "A".repeat(300), ..House::default() };
        let facts = UrgentFacts {
            who: "Maria Lopez ".repeat(40),
            phone: Some("+15135550142".to_owned()),
            quote: "the card number is 4111".to_owned(),
            reasons: vec!["site is down".repeat(30)],
            ..UrgentFacts::default()
        };
        let lead =
            LeadFacts { name: facts.who.clone().into(), phone: facts.phone.clone(), ..LeadFacts::default() };
        let message = MessageFacts {
            from: facts.who.clone().into(),
            text: facts.quote.clone(),
            ..MessageFacts::default()
        };
        let scope =
            ScopeFacts { client: facts.who.clone(), quote: facts.quote.clone(), ..ScopeFacts::default() };
        for text in [
            urgent(&house, &facts),
            urgent_taken(&house, &facts, &facts.who),
            urgent_unanswered(&house, &facts),
            new_lead(&house, &lead),
            scope_alert(&house, &scope),
            message_taken(&house, &message),
            call_summary(&house, &facts.who, Some("support issue")),
            plain(&house, &"nobody answered ".repeat(40)),
        ] {
            assert!(text.chars().count() <= MAX_TEXT, "{text}");
            assert!(!text.contains("4111") && !text.contains("5550142"), "{text}");
        }
    }
}
