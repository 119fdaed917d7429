//! Who wants to be called back at a certain time.

use chrono::NaiveDateTime;
use domain::agent_phrases::{Phrase, variant};
use domain::spoken_forms::times;
use serde_json::json;

use super::super::conversation::Conversation;
use super::super::mind::Made;
use super::told::{agent_lines, phrase, wish};

/// What the instructions say of the present moment at the business.
fn today(system: &str) -> Option<NaiveDateTime> {
    let (_, rest) = system.split_once("For the business it is ")?;
    let (moment, _) = rest.split_once(" (")?;
    NaiveDateTime::parse_from_str(moment, "%A, %d %B %Y, %H:%M").ok()
}

/// "Call me back tomorrow at ten": the number is asked for, then it is arranged.
pub(super) fn hear(conversation: &Conversation, text: &str, last: &str, yes: Option<bool>) -> Option<Made> {
    // Whoever leaves a message leaves it, whatever it asks for.
    let ask_message = phrase(conversation, Phrase::AskMessage);
    if agent_lines(conversation).any(|line| line.contains(&ask_message)) {
        return None;
    }
    let ask = variant(Phrase::AskCallingNumber, 0);
    let today = today(&conversation.system)?;
    let moment = |text: &str| {
        let wanted = text.contains("call me") || text.contains("call us") || text.contains("call back");
        wanted.then(|| times::read(text, today)).flatten()
    };
    if last.contains(ask) && yes == Some(true) {
        let wish = wish(conversation);
        let when = moment(wish)?.format("%Y-%m-%dT%H:%M").to_string();
        return Some(Made::calls(
            "schedule_callback",
            json!({ "when": when, "number": "calling_number", "about": wish }),
        ));
    }
    moment(text).map(|_| Made::says(ask))
}
