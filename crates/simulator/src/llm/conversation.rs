//! What a model was asked, whatever the protocol.

use std::collections::HashSet;

use serde_json::Value;

/// A conversation as the model gets it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Conversation {
    /// The model that was asked.
    pub model: String,
    /// Its rules.
    pub system: String,
    /// Everything since, oldest first.
    pub messages: Vec<Message>,
    /// Names of the functions it may call.
    pub tools: Vec<String>,
    /// Most tokens of its answer.
    pub most_tokens: u64,
}

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// The caller's.
    Caller(String),
    /// The model's own.
    Agent {
        /// What it said.
        text: String,
        /// What it called.
        calls: Vec<Called>,
    },
    /// What came of a function.
    Output {
        /// The call's id.
        id: String,
        /// The function's name.
        name: String,
        /// What it said.
        output: String,
    },
}

/// A call that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Called {
    /// Its id.
    pub id: String,
    /// The function's name.
    pub name: String,
    /// Its arguments.
    pub arguments: Value,
}

impl Conversation {
    /// The latest words that somebody else than the model brought in: the caller's, or the outputs of functions since
    /// the model spoke last.
    #[must_use]
    pub fn latest(&self) -> Vec<&str> {
        let since = self.messages.iter().rev().take_while(|one| !matches!(one, Message::Agent { .. }));
        let mut texts: Vec<&str> = since
            .filter_map(|message| match message {
                Message::Caller(text) => Some(text.as_str()),
                Message::Output { output, .. } => Some(output.as_str()),
                Message::Agent { .. } => None,
            })
            .collect();
        texts.reverse();
        texts
    }

    /// Outputs of functions since the model spoke last, with their names.
    #[must_use]
    pub fn latest_outputs(&self) -> Vec<(&str, &str)> {
        let since = self.messages.iter().rev().take_while(|one| !matches!(one, Message::Agent { .. }));
        let mut outputs: Vec<(&str, &str)> = since
            .filter_map(|message| match message {
                Message::Output { name, output, .. } => Some((name.as_str(), output.as_str())),
                _ => None,
            })
            .collect();
        outputs.reverse();
        outputs
    }

    /// Every call that the model has made.
    pub fn calls(&self) -> impl Iterator<Item = &Called> {
        self.messages.iter().flat_map(|message| match message {
            Message::Agent { calls, .. } => calls.as_slice(),
            _ => &[],
        })
    }

    /// What every vendor insists on: each call is followed at once by its outputs, each once, and no output is of a
    /// call that was not made.
    pub(super) fn paired(&self) -> Result<(), String> {
        let mut open: HashSet<&str> = HashSet::new();
        for message in &self.messages {
            match message {
                Message::Output { id, .. } => {
                    if !open.remove(id.as_str()) {
                        return Err(format!("the output of {id} is of no call before it"));
                    }
                }
                _ if !open.is_empty() => return Err(format!("no output for the calls {open:?}")),
                Message::Agent { calls, .. } => open = calls.iter().map(|call| call.id.as_str()).collect(),
                Message::Caller(_) => {}
            }
        }
        if open.is_empty() { Ok(()) } else { Err(format!("no output for the calls {open:?}")) }
    }

    /// Names of functions for outputs that have only an id.
    pub(super) fn name_outputs(&mut self) {
        let known: Vec<(String, String)> =
            self.calls().map(|call| (call.id.clone(), call.name.clone())).collect();
        for message in &mut self.messages {
            if let Message::Output { id, name, .. } = message
                && let Some((_, function)) = known.iter().rev().find(|(call, _)| call == id)
            {
                name.clone_from(function);
            }
        }
    }
}
