//! The quick questions of an emergency.

use domain::agent_phrases::{Phrase, variant};
use serde_json::json;

use super::super::conversation::{Conversation, Message};
use super::super::mind::Made;
use super::told::{answer_to, is_recognised, knows_the_number, last_output, said_before};

const ASKED: [Phrase; 4] =
    [Phrase::UrgentAskPlace, Phrase::AskMessageName, Phrase::AskReplyTo, Phrase::UrgentAskWhat];

/// Somebody was alerted in this conversation.
pub(super) fn is_flagged(conversation: &Conversation) -> bool {
    last_output(conversation, "flag_urgent").is_some()
}

/// Where the emergency was flagged, while its details are not passed on.
fn open_since(conversation: &Conversation) -> Option<usize> {
    let flagged = last_output(conversation, "flag_urgent")?;
    let is_told = last_output(conversation, "take_message").is_some_and(|told| told > flagged);
    let is_urgent = matches!(&conversation.messages[flagged],
        Message::Output { output, .. } if output.contains("take_message"));
    (is_urgent && !is_told).then_some(flagged)
}

/// An answer to one of the questions, or to the offer to be connected that came before.
pub(super) fn hear(conversation: &Conversation, text: &str, last: &str) -> Option<Made> {
    let since = open_since(conversation)?;
    let offered = last.contains(variant(Phrase::UrgentConnect, 0));
    let asked = ASKED.iter().any(|one| last.contains(variant(*one, 0)));
    if !offered && !asked {
        return None;
    }
    // Whoever tells more instead of yes or no has answered the last question.
    let told = offered && text.split_whitespace().count() > 4;
    Some(next(conversation, since, told.then_some(text)))
}

/// The first question whose answer is not known; then the message.
pub(super) fn next_question(conversation: &Conversation) -> Option<Made> {
    open_since(conversation).map(|since| next(conversation, since, None))
}

fn next(conversation: &Conversation, since: usize, told: Option<&str>) -> Made {
    let answer = |phrase| answer_to(conversation, variant(phrase, 0), since);
    let recognised = is_recognised(conversation);
    let known = knows_the_number(conversation);
    let (place, name, number) =
        (answer(Phrase::UrgentAskPlace), answer(Phrase::AskMessageName), answer(Phrase::AskReplyTo));
    let what = told.or_else(|| answer(Phrase::UrgentAskWhat));
    let missing = [
        (place.is_none() && !recognised, Phrase::UrgentAskPlace),
        (name.is_none() && !recognised, Phrase::AskMessageName),
        (number.is_none() && !known, Phrase::AskReplyTo),
        (what.is_none(), Phrase::UrgentAskWhat),
    ];
    if let Some((_, ask)) = missing.into_iter().find(|(is_missing, _)| *is_missing) {
        return Made::says(variant(ask, 0));
    }
    let first = said_before(conversation, variant(Phrase::UrgentConnect, 0), 0)
        .or_else(|| said_before(conversation, variant(Phrase::UrgentCapture, 0), 0));
    let about = place.map(|place| format!(" (about: {place})")).unwrap_or_default();
    let text = format!("{}. {}{about}", first.unwrap_or_default(), what.unwrap_or_default());
    Made::calls(
        "take_message",
        json!({
            "text": text,
            "from_name": name.unwrap_or_default(),
            "reply_to": number.unwrap_or("calling_number"),
            "priority": "urgent",
        }),
    )
}
