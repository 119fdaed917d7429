//! Messages: what is left for somebody, and what only somebody else can deal with.

use domain::acts::{Act, does};
use domain::agent_phrases::Phrase;
use domain::spoken_forms::{email, phone};
use serde_json::json;

use super::super::conversation::Conversation;
use super::super::mind::Made;
use super::told::{
    answer_to, caller_lines, is_recognised, knows_the_number, last_output, phrase, said_before,
};

/// What is said before a caller's words are passed on.
const PASSED_ON: [Phrase; 4] =
    [Phrase::ComplaintSorry, Phrase::SupportSorry, Phrase::MeetingWanted, Phrase::BillingPassOn];

/// Taking a message, as far as it has come.
pub(super) fn hear(conversation: &Conversation, text: &str, last: &str, yes: Option<bool>) -> Option<Made> {
    let asks = |one| last.contains(&phrase(conversation, one));
    let ask = phrase(conversation, Phrase::AskMessage);
    let open = [Phrase::AskMessage, Phrase::AskMessageName, Phrase::AskCallingNumber, Phrase::AskReplyTo];
    if open.into_iter().any(asks) {
        if does(text, Act::Stop) {
            return None;
        }
        if asks(Phrase::AskCallingNumber) && yes == Some(false) {
            return Some(Made::says(&phrase(conversation, Phrase::AskReplyTo)));
        }
        return Some(next(conversation, None, ""));
    }
    let offered = last.ends_with('?') && last.to_lowercase().contains("message") && yes == Some(true);
    (offered || does(text, Act::LeaveMessage)).then(|| Made::says(&ask))
}

/// Is sorry where it fits, and passes the caller's words on.
pub(super) fn pass_on(conversation: &Conversation, sorry: Phrase) -> Made {
    let words = caller_lines(conversation).next().unwrap_or_default();
    next(conversation, Some(words), &phrase(conversation, sorry))
}

/// Asks for what is missing, else passes the message on.
fn next(conversation: &Conversation, words: Option<&str>, before: &str) -> Made {
    // What belongs to an earlier message is no part of this one.
    let since = last_output(conversation, "take_message").map_or(0, |at| at + 1);
    let answer = |one| answer_to(conversation, &phrase(conversation, one), since);
    let passed_on =
        || PASSED_ON.iter().find_map(|one| said_before(conversation, &phrase(conversation, *one), since));
    let words = words.or_else(|| answer(Phrase::AskMessage)).or_else(passed_on);
    let recognised = is_recognised(conversation);
    let name = answer_to(conversation, &phrase(conversation, Phrase::AskMessageName), 0);
    let own = knows_the_number(conversation);
    let told = answer(Phrase::AskReplyTo);
    let say = |one| Made::says(format!("{before} {}", phrase(conversation, one)).trim_start());
    let Some(words) = words else { return say(Phrase::AskMessage) };
    if name.is_none() && !recognised {
        return say(Phrase::AskMessageName);
    }
    let number = match (told, answer(Phrase::AskCallingNumber)) {
        (Some(told), _) => told,
        (None, Some(other)) if phone::read(other, "US").is_some() || email::read(other).is_ok() => other,
        (None, Some(_)) => "calling_number",
        (None, None) if recognised && own => "calling_number",
        (None, None) => {
            return say(if own { Phrase::AskCallingNumber } else { Phrase::AskReplyTo });
        }
    };
    let taken = json!({
        "text": words,
        "from_name": name.unwrap_or_default(),
        "reply_to": number,
        "priority": "normal",
    });
    Made::says(before).and_calls("take_message", taken)
}
