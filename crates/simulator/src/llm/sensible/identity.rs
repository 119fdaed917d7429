//! A caller with a strange number who is a client: the key, the code.

use domain::acts::{Act, does};
use domain::agent_phrases::{Phrase, variant};
use domain::client_keys::{self, Key};
use domain::intents::{self, Intent};
use domain::qualification::declines;
use domain::spoken_forms::numbers;
use serde_json::{Value, json};

use super::super::conversation::{Conversation, Message};
use super::super::mind::Made;
use super::told::{caller_lines, phrase};

const CODE_DIGITS: usize = 6;

/// The right code was told.
pub(super) fn is_verified(conversation: &Conversation) -> bool {
    conversation.messages.iter().any(|message| match message {
        Message::Output { name, output, .. } if name == "verify_client" => {
            serde_json::from_str::<Value>(output).is_ok_and(|output| output["verified"] == json!(true))
        }
        _ => false,
    })
}

/// Asks for what the client is known by; what was given already is taken.
pub(super) fn begin(text: &str) -> Made {
    identify(text).unwrap_or_else(|| Made::says(variant(Phrase::AskClientKey, 0)))
}

fn identify(text: &str) -> Option<Made> {
    let by = match client_keys::read(text)? {
        Key::Email(_) => "email",
        Key::Number(_) => "client_number",
    };
    Some(Made::calls("identify_client", json!({ "by": by, "value": text })))
}

/// The answer to the open question of it.
pub(super) fn hear(conversation: &Conversation, text: &str, last: &str) -> Option<Made> {
    let asks = |any: &[Phrase]| any.iter().any(|one| last.contains(variant(*one, 0)));
    let (key, code) = (
        asks(&[Phrase::AskClientKey, Phrase::RetryClientKey]),
        asks(&[Phrase::CodeSent, Phrase::WrongCode, Phrase::RetryCode]),
    );
    if !key && !code || [Act::Stop, Act::Goodbye, Act::NothingElse].iter().any(|act| does(text, *act)) {
        return None;
    }
    if code {
        let digits = numbers::digits(text);
        if digits.len() == CODE_DIGITS {
            return Some(Made::calls("verify_client", json!({ "code": text })));
        }
        if !digits.is_empty() {
            return Some(Made::says(variant(Phrase::RetryCode, 0)));
        }
    } else if let Some(made) = identify(text) {
        return Some(made);
    }
    if declines(text) {
        return Some(Made::says(&phrase(conversation, Phrase::NotIdentified)));
    }
    let another = !matches!(intents::classify(text), Intent::Other | Intent::StatusUpdate);
    let again = if code { Phrase::RetryCode } else { Phrase::RetryClientKey };
    (!another).then(|| Made::says(variant(again, 0)))
}

/// What the caller wanted to know before they had to prove who they are.
pub(super) fn question(conversation: &Conversation) -> Option<&str> {
    caller_lines(conversation).find(|text| intents::classify(text) == Intent::StatusUpdate)
}
