//! A conversation in the shapes that vendors want.

use std::borrow::Cow;
use std::collections::HashSet;

use aws_lc_rs::digest;
use provider_traits::llm::{LlmCall, LlmMessage, LlmRequest};
use serde_json::{Map, Value, json};

/// What stands where a caller's words must be and none are.
pub(super) const NO_WORDS: &str = "(nothing was said)";

/// A stretch of a conversation in which one side speaks.
#[derive(Debug, PartialEq)]
pub(super) enum Turn<'a> {
    Caller(Vec<&'a str>),
    Agent { texts: Vec<&'a str>, calls: Vec<&'a LlmCall> },
    Outputs(Vec<Output<'a>>),
}

/// What came of a call.
#[derive(Debug, PartialEq, Clone, Copy)]
pub(super) struct Output<'a> {
    pub(super) call: &'a str,
    pub(super) name: &'a str,
    pub(super) output: &'a str,
}

/// For vendors that want turns to alternate and begin with the caller: neighbours of one kind are one turn, and
/// nobody is quoted with no words.
pub(super) fn turns(request: &LlmRequest) -> Vec<Turn<'_>> {
    let mut turns: Vec<Turn<'_>> = Vec::new();
    for message in &request.messages {
        match (message, turns.last_mut()) {
            (LlmMessage::Caller { text }, Some(Turn::Caller(texts))) => texts.push(worded(text)),
            (LlmMessage::Caller { text }, _) => turns.push(Turn::Caller(vec![worded(text)])),
            (LlmMessage::Agent { text, calls }, last) => {
                let text = Some(text.as_str()).filter(|text| !text.trim().is_empty());
                match last {
                    // Calls without their outputs yet: words of the same answer.
                    Some(Turn::Agent { texts, calls: known }) => {
                        texts.extend(text);
                        known.extend(calls);
                    }
                    _ if text.is_none() && calls.is_empty() => {}
                    _ => turns.push(Turn::Agent {
                        texts: text.into_iter().collect(),
                        calls: calls.iter().collect(),
                    }),
                }
            }
            (LlmMessage::Output { call, name, output }, last) => {
                let output = Output { call, name, output };
                match last {
                    Some(Turn::Outputs(outputs)) => outputs.push(output),
                    _ => turns.push(Turn::Outputs(vec![output])),
                }
            }
        }
    }
    if !matches!(turns.first(), Some(Turn::Caller(_))) {
        turns.insert(0, Turn::Caller(vec![NO_WORDS]));
    }
    turns
}

/// The words, or a sign that there were none: vendors refuse empty ones.
pub(super) fn worded(text: &str) -> &str {
    if text.trim().is_empty() { NO_WORDS } else { text }
}

/// Arguments as vendors send them: an object, or the string that should have been one.
pub(super) fn read_arguments(text: &str) -> Value {
    if text.trim().is_empty() {
        return Value::Object(Map::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(arguments)) => Value::Object(arguments),
        _ => Value::String(text.to_owned()),
    }
}

/// Arguments for vendors that want text.
pub(super) fn arguments_as_text(arguments: &Value) -> String {
    match arguments {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Arguments for vendors that want an object.
pub(super) fn arguments_as_object(arguments: &Value) -> Value {
    match arguments {
        Value::Object(_) => arguments.clone(),
        other => json!({ "unreadable": arguments_as_text(other) }),
    }
}

/// What a vendor takes as the id of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdRule {
    /// At most so many characters.
    Longest(usize),
    /// Letters, digits, `_` and `-`, at most so many.
    Word(usize),
    /// Exactly nine letters and digits.
    Nine,
}

impl IdRule {
    fn accepts(self, id: &str) -> bool {
        let letters = id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let word = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        match self {
            Self::Longest(most) => (1..=most).contains(&id.len()),
            Self::Word(most) => (1..=most).contains(&id.len()) && word,
            Self::Nine => id.len() == 9 && letters,
        }
    }

    /// The id where the vendor takes it, else one in its place: always the same for the same id, so that calls and
    /// outputs stay together.
    pub(super) fn fit(self, id: &str) -> Cow<'_, str> {
        if self.accepts(id) {
            return Cow::Borrowed(id);
        }
        const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        let digest = digest::digest(&digest::SHA256, id.as_bytes());
        let letter = |byte: &u8| char::from(LETTERS[usize::from(byte % 32)]);
        Cow::Owned(digest.as_ref().iter().take(9).map(letter).collect())
    }
}

/// Ids for calls of vendors that give none, or one that the conversation has already.
#[derive(Debug)]
pub(super) struct CallIds(HashSet<String>);

impl CallIds {
    pub(super) fn of(request: &LlmRequest) -> Self {
        let calls = request.messages.iter().flat_map(|message| match message {
            LlmMessage::Agent { calls, .. } => calls.as_slice(),
            _ => &[],
        });
        Self(calls.map(|call| call.id.clone()).collect())
    }

    pub(super) fn unique(&mut self, given: Option<String>) -> String {
        let given = given.filter(|id| !id.is_empty() && !self.0.contains(id));
        let id = given.unwrap_or_else(|| {
            let mut numbers = 1..;
            let free = numbers.find_map(|number: usize| {
                let id = format!("call_{number}");
                (!self.0.contains(&id)).then_some(id)
            });
            free.unwrap_or_default()
        });
        self.0.insert(id.clone());
        id
    }
}

#[cfg(test)]
mod tests;
