//! What the model is told: its instructions, and what was said.

use domain::agent_phrases::{Phrase, fill, variant};
use domain::spoken_forms::yes_no;

use super::super::conversation::{Conversation, Message};

pub(super) fn can(conversation: &Conversation, function: &str) -> bool {
    conversation.tools.iter().any(|tool| tool == function)
}

/// What the agent said, the latest first.
pub(super) fn agent_lines(conversation: &Conversation) -> impl Iterator<Item = &str> {
    conversation.messages.iter().rev().filter_map(|message| match message {
        Message::Agent { text, .. } if !text.is_empty() => Some(text.as_str()),
        _ => None,
    })
}

/// What the caller said, the latest first.
pub(super) fn caller_lines(conversation: &Conversation) -> impl Iterator<Item = &str> {
    conversation.messages.iter().rev().filter_map(|message| match message {
        Message::Caller(text) if !text.starts_with('[') => Some(text.as_str()),
        _ => None,
    })
}

/// What the caller last said that is more than yes or no.
pub(super) fn wish(conversation: &Conversation) -> &str {
    let says_something = |text: &&str| text.split_whitespace().count() >= 3 && yes_no::read(text).is_none();
    caller_lines(conversation).find(says_something).unwrap_or_default()
}

/// What the caller said next after the agent last said this, from the message at `from` on.
pub(super) fn answer_to<'a>(conversation: &'a Conversation, asked: &str, from: usize) -> Option<&'a str> {
    let messages = &conversation.messages[from..];
    let at = messages
        .iter()
        .rposition(|message| matches!(message, Message::Agent { text, .. } if text.contains(asked)))?;
    messages[at + 1..].iter().find_map(|message| match message {
        Message::Caller(text) if !text.starts_with('[') => Some(text.as_str()),
        _ => None,
    })
}

/// What the caller had said when the agent last said this, from the message at `from` on.
pub(super) fn said_before<'a>(conversation: &'a Conversation, reply: &str, from: usize) -> Option<&'a str> {
    let messages = &conversation.messages[from..];
    let at = messages
        .iter()
        .rposition(|message| matches!(message, Message::Agent { text, .. } if text.contains(reply)))?;
    messages[..at].iter().rev().find_map(|message| match message {
        Message::Caller(text) if !text.starts_with('[') => Some(text.as_str()),
        _ => None,
    })
}

/// Where the last output of this function stands.
pub(super) fn last_output(conversation: &Conversation, function: &str) -> Option<usize> {
    conversation
        .messages
        .iter()
        .rposition(|message| matches!(message, Message::Output { name, .. } if name == function))
}

/// Whom messages go to.
pub(super) fn contact(system: &str) -> &str {
    named(system, "contact").unwrap_or("the team")
}

/// A phrase with the names that the instructions have.
pub(super) fn phrase(conversation: &Conversation, phrase: Phrase) -> String {
    fill(variant(phrase, 0), &[("contact", contact(&conversation.system))])
}

/// What the instructions have between such tags.
pub(super) fn named<'a>(system: &'a str, tag: &str) -> Option<&'a str> {
    let (_, rest) = system.split_once(&format!("<{tag}>"))?;
    rest.split_once(&format!("</{tag}>")).map(|(name, _)| name)
}

/// The instructions say who calls.
pub(super) fn is_recognised(conversation: &Conversation) -> bool {
    conversation.system.contains("recognised as the client")
}

/// The instructions say that there is a number to call back.
pub(super) fn knows_the_number(conversation: &Conversation) -> bool {
    conversation.system.contains("The caller's number is known")
}

/// What the instructions say was promised to this client, as sentences.
pub(super) fn promises(system: &str) -> Vec<String> {
    let promises = system.split("<promise>").skip(1).filter_map(|rest| rest.split_once("</promise>"));
    promises
        .map(|(promise, _)| {
            let end = if promise.ends_with(['.', '!', '?', '…']) { "" } else { "." };
            format!("{promise}{end}")
        })
        .take(2)
        .collect()
}
