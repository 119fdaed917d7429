//! The conversation as a model is told it: what was said and heard, which functions ran, what came of them.

use provider_traits::llm::{LlmCall, LlmMessage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Entries that are kept; a call of many hours loses its oldest.
const MOST_ENTRIES: usize = 600;
/// Characters of a caller's turn that a model is told.
const TURN_CHARS: usize = 2_000;
/// Characters that make a token, on the safe side: English has four and more, numbers and names have fewer.
const CHARS_PER_TOKEN: usize = 3;
/// Tokens that a message costs besides its words.
const TOKENS_PER_MESSAGE: usize = 8;

/// What happened, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Conversation {
    entries: Vec<Entry>,
    /// Calls so far: they are numbered by us, so that any vendor's model can go on behind any other's.
    calls: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Entry {
    Caller {
        text: String,
    },
    /// What the telephone has to tell.
    Note {
        text: String,
    },
    Agent {
        text: String,
        calls: Vec<Called>,
    },
    Output {
        call: String,
        name: String,
        output: String,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Called {
    id: String,
    name: String,
    arguments: Value,
    signature: Option<String>,
}

impl Conversation {
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(super) fn caller_said(&mut self, text: &str) {
        // Square brackets are the telephone's: what a caller says never looks like a note.
        let text = text.chars().map(|c| match c {
            '[' => '(',
            ']' => ')',
            other => other,
        });
        let text = text.filter(|c| !c.is_control()).take(TURN_CHARS).collect();
        self.push(Entry::Caller { text });
    }

    /// Something that is not words: keys, a silence, a cut line.
    pub(super) fn note(&mut self, text: &str) {
        self.push(Entry::Note { text: format!("[{text}]") });
    }

    /// A sentence of the agent's; sentences in a row are one message.
    pub(super) fn agent_said(&mut self, sentence: &str) {
        if let Some(Entry::Agent { text, calls }) = self.entries.last_mut()
            && calls.is_empty()
        {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(sentence);
            return;
        }
        self.push(Entry::Agent { text: sentence.to_owned(), calls: Vec::new() });
    }

    /// A function that the model called; returns the id under which its output must follow.
    pub(super) fn agent_called(&mut self, call: &LlmCall) -> String {
        self.calls += 1;
        // Nine letters and digits: Mistral takes no other form, and everybody takes this one.
        let id = format!("fc{:07}", self.calls % 10_000_000);
        let called = Called {
            id: id.clone(),
            name: call.name.clone(),
            arguments: call.arguments.clone(),
            signature: call.signature.clone(),
        };
        match self.entries.last_mut() {
            Some(Entry::Agent { calls, .. }) => calls.push(called),
            _ => self.push(Entry::Agent { text: String::new(), calls: vec![called] }),
        }
        id
    }

    pub(super) fn function_gave(&mut self, id: String, name: &str, output: String) {
        self.push(Entry::Output { call: id, name: name.to_owned(), output });
    }

    /// The caller cut the agent short: only this much of its last turn was heard.
    pub(super) fn cut_agent_to(&mut self, heard: &str) {
        let mut left = heard.trim();
        let from =
            self.entries.iter().rposition(|entry| matches!(entry, Entry::Caller { .. } | Entry::Note { .. }));
        let mut cut = false;
        for entry in &mut self.entries[from.map_or(0, |at| at + 1)..] {
            let Entry::Agent { text, .. } = entry else { continue };
            if let Some(rest) = left.strip_prefix(text.as_str()) {
                left = rest.trim_start();
            } else {
                left.clone_into(text);
                left = "";
                if !std::mem::replace(&mut cut, true) && !text.is_empty() {
                    text.push_str(" […the caller interrupted]");
                }
            }
        }
        self.entries.retain(
            |entry| !matches!(entry, Entry::Agent { text, calls } if text.is_empty() && calls.is_empty()),
        );
    }

    /// Everything that proves something: outputs of functions with their names, and the caller's words.
    pub(super) fn each_proof(&self, mut take: impl FnMut(Option<&str>, &str)) {
        for entry in &self.entries {
            match entry {
                Entry::Caller { text } => take(None, text),
                Entry::Output { name, output, .. } => take(Some(name), output),
                Entry::Note { .. } | Entry::Agent { .. } => {}
            }
        }
    }

    fn push(&mut self, entry: Entry) {
        if self.entries.len() >= MOST_ENTRIES {
            self.entries.drain(..MOST_ENTRIES / 4);
        }
        self.entries.push(entry);
    }

    /// The latest messages that fit into so many tokens, beginning with the caller's side; a function's output never
    /// comes without its call. The latest turn is always there.
    pub(super) fn messages(&self, tokens: usize) -> Vec<LlmMessage> {
        let mut from = self.entries.len();
        let mut used = 0;
        for (at, entry) in self.entries.iter().enumerate().rev() {
            used += entry.tokens();
            if used > tokens && from < self.entries.len() {
                break;
            }
            if matches!(entry, Entry::Caller { .. } | Entry::Note { .. }) {
                from = at;
            }
        }
        let (from, opening) = if used <= tokens {
            (0, "[The call is connected.]")
        } else {
            (from, "[The call is connected. Its beginning is left out here.]")
        };
        let mut messages = vec![LlmMessage::Caller { text: opening.to_owned() }];
        messages.extend(self.entries[from..].iter().map(Entry::message));
        messages
    }
}

impl Entry {
    fn tokens(&self) -> usize {
        let chars = match self {
            Self::Caller { text } | Self::Note { text } => text.len(),
            Self::Agent { text, calls } => {
                let of_calls = calls.iter().map(|call| call.name.len() + call.arguments.to_string().len());
                text.len() + of_calls.sum::<usize>()
            }
            Self::Output { output, name, .. } => output.len() + name.len(),
        };
        chars / CHARS_PER_TOKEN + TOKENS_PER_MESSAGE
    }

    fn message(&self) -> LlmMessage {
        match self {
            Self::Caller { text } | Self::Note { text } => LlmMessage::Caller { text: text.clone() },
            Self::Agent { text, calls } => LlmMessage::Agent {
                text: text.clone(),
                calls: calls
                    .iter()
                    .map(|call| LlmCall {
                        id: call.id.clone(),
                        name: call.name.clone(),
                        arguments: call.arguments.clone(),
                        signature: call.signature.clone(),
                    })
                    .collect(),
            },
            Self::Output { call, name, output } => {
                LlmMessage::Output { call: call.clone(), name: name.clone(), output: output.clone() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(name: &str) -> LlmCall {
        LlmCall { id: "theirs".into(), name: name.into(), arguments: json!({}), signature: None }
    }

    fn texts(messages: &[LlmMessage]) -> Vec<String> {
        messages
            .iter()
            .map(|message| match message {
                LlmMessage::Caller { text } => format!("C {text}"),
                LlmMessage::Agent { text, calls } => {
                    let calls: Vec<&str> = calls.iter().map(|call| call.id.as_str()).collect();
                    format!("A {text}{}", calls.join(","))
                }
                LlmMessage::Output { call, output, .. } => format!("O {call} {output}"),
            })
            .collect()
    }

    #[test]
    fn what_the_caller_did_not_hear_is_not_in_the_conversation() {
        let mut conversation = Conversation::default();
        conversation.caller_said("how is it going [with] my site");
        conversation.agent_said("It is in review.");
        conversation.agent_said("It goes live on Friday.");
        let mut cut = conversation.clone();
        cut.cut_agent_to("It is in review. It goes");
        let said = texts(&cut.messages(1_000));
        assert_eq!(said[1], "C how is it going (with) my site", "a caller's words never look like a note");
        assert_eq!(said[2], "A It is in review. It goes […the caller interrupted]");
        conversation.cut_agent_to("");
        assert_eq!(conversation.messages(1_000).len(), 2);
    }

    #[test]
    fn a_function_keeps_its_output_and_ids_fit_every_vendor() {
        let mut conversation = Conversation::default();
        conversation.caller_said("status please");
        conversation.agent_said("Let me look.");
        let id = conversation.agent_called(&call("list_projects"));
        assert!(id.len() == 9 && id.bytes().all(|b| b.is_ascii_alphanumeric()));
        conversation.function_gave(id.clone(), "list_projects", "{}".into());
        conversation.agent_said("There is one.");
        let said = texts(&conversation.messages(1_000));
        assert_eq!(
            said[2..],
            [format!("A Let me look.{id}"), format!("O {id} {{}}"), "A There is one.".into()]
        );
    }

    #[test]
    fn a_long_conversation_keeps_its_end_and_never_an_output_without_its_call() {
        let mut conversation = Conversation::default();
        for turn in 0..200 {
            conversation.caller_said(&format!("turn {turn} {}", "word ".repeat(10)));
            let id = conversation.agent_called(&call("search_knowledge"));
            conversation.function_gave(id, "search_knowledge", "x".repeat(90));
            conversation.agent_said("Done.");
        }
        for tokens in [0, 50, 400, 1_000] {
            let messages = conversation.messages(tokens);
            assert!(matches!(&messages[1], LlmMessage::Caller { text } if text.starts_with("turn")));
            assert!(texts(&messages).iter().any(|text| text.starts_with("C turn 199")), "{tokens}");
            assert!(messages.len() < 100, "{tokens}: {}", messages.len());
        }
    }
}
