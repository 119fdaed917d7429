//! What a stand-in answers.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::conversation::{Conversation, Message};
use super::{obedient, sensible};

/// Decides answers.
#[derive(Clone)]
pub struct Mind(Arc<dyn Fn(&Conversation) -> Made + Send + Sync>);

impl fmt::Debug for Mind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mind")
    }
}

impl Default for Mind {
    /// Says one sentence to everything.
    fn default() -> Self {
        Self::always(Made::says("I see. What else can I do for you?"))
    }
}

impl Mind {
    /// Decided by a function.
    #[must_use]
    pub fn new(decide: impl Fn(&Conversation) -> Made + Send + Sync + 'static) -> Self {
        Self(Arc::new(decide))
    }

    /// The same to everything.
    #[must_use]
    pub fn always(made: Made) -> Self {
        Self::new(move |_| made.clone())
    }

    /// The answer of the first rule that fits, else `otherwise`.
    #[must_use]
    pub fn script(rules: Vec<(When, Made)>, otherwise: Made) -> Self {
        Self::new(move |conversation| {
            let fits = rules.iter().find(|(when, _)| when.is_so(conversation));
            fits.map_or_else(|| otherwise.clone(), |(_, made)| made.clone())
        })
    }

    /// Obeys whoever spoke last ([`obedient`]).
    #[must_use]
    pub fn obedient() -> Self {
        Self::new(obedient::answer)
    }

    /// Carries a conversation as its instructions say: calls the right function and says what comes back.
    #[must_use]
    pub fn sensible() -> Self {
        Self::new(sensible::answer)
    }

    /// What it answers.
    #[must_use]
    pub fn answer(&self, conversation: &Conversation) -> Made {
        (self.0)(conversation)
    }
}

/// When a rule of a script fits. Capitals make no difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// The last message is the caller's and has these words.
    CallerSays(String),
    /// The last message is the output of this function.
    OutputOf(String),
    /// The last message is a function's output and has these words.
    OutputHas(String),
}

impl When {
    fn is_so(&self, conversation: &Conversation) -> bool {
        let has = |text: &str, words: &str| text.to_lowercase().contains(&words.to_lowercase());
        match (self, conversation.messages.last()) {
            (Self::CallerSays(words), Some(Message::Caller(text))) => has(text, words),
            (Self::OutputOf(function), Some(Message::Output { name, .. })) => name == function,
            (Self::OutputHas(words), Some(Message::Output { output, .. })) => has(output, words),
            _ => false,
        }
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// Its words, each piece sent by itself.
    pub pieces: Vec<String>,
    /// The functions it calls, after the words.
    pub calls: Vec<(String, Value)>,
    /// How it ends.
    pub ending: Ending,
    /// What it costs; `None`: reckoned by the letters.
    pub usage: Option<Usage>,
}

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    /// It is complete.
    #[default]
    Whole,
    /// Cut at the longest length.
    Length,
    /// Stopped by the vendor's filter.
    Filtered,
    /// An error of the vendor's in the middle of the stream, after the words.
    Overloaded,
    /// The vendor's limit of requests, in the middle of the stream.
    RateLimited,
}

/// Tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Read, those from the cache included.
    pub input: u64,
    /// Those of them from the cache.
    pub cached: u64,
    /// Written.
    pub output: u64,
}

impl Made {
    /// Says something, in pieces as models make them: a word each.
    #[must_use]
    pub fn says(text: &str) -> Self {
        let pieces = text.split_inclusive(' ').map(str::to_owned).collect();
        Self { pieces, calls: Vec::new(), ending: Ending::Whole, usage: None }
    }

    /// Calls a function without a word.
    #[must_use]
    pub fn calls(name: &str, arguments: Value) -> Self {
        Self::says("").and_calls(name, arguments)
    }

    /// The same, and calls a function.
    #[must_use]
    pub fn and_calls(mut self, name: &str, arguments: Value) -> Self {
        self.pieces.retain(|piece| !piece.is_empty());
        self.calls.push((name.to_owned(), arguments));
        self
    }

    /// The same with another ending.
    #[must_use]
    pub fn ending(self, ending: Ending) -> Self {
        Self { ending, ..self }
    }

    /// The same at this cost.
    #[must_use]
    pub fn costing(self, input: u64, cached: u64, output: u64) -> Self {
        Self { usage: Some(Usage { input, cached, output }), ..self }
    }

    /// All its words.
    #[must_use]
    pub fn text(&self) -> String {
        self.pieces.concat()
    }
}

impl Usage {
    /// Four letters are a token, as everybody says. From the second turn on the rules come from the cache.
    pub(super) fn reckon(conversation: &Conversation, made: &Made) -> Self {
        let tokens = |letters: usize| u64::try_from(letters.div_ceil(4)).unwrap_or(u64::MAX);
        let system = tokens(conversation.system.len());
        let messages = conversation.messages.iter().map(|message| match message {
            Message::Caller(text) => text.len(),
            Message::Agent { text, .. } => text.len(),
            Message::Output { output, .. } => output.len(),
        });
        let spoken = conversation.messages.iter().any(|message| matches!(message, Message::Agent { .. }));
        let calls: usize =
            made.calls.iter().map(|(name, arguments)| name.len() + arguments.to_string().len()).sum();
        Self {
            input: system + tokens(messages.sum()),
            cached: if spoken { system } else { 0 },
            output: tokens(made.text().len() + calls),
        }
    }
}
