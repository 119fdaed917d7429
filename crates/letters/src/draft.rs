//! What a letter tells, before it is laid out.

use serde::Serialize;

/// A letter without its look.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Draft {
    /// The subject; made one line of at most [`MAX_SUBJECT`] characters when it is written.
    pub subject: String,
    /// What mail programs show beside the subject.
    pub preheader: String,
    /// A word that stands out.
    pub badge: Option<Badge>,
    /// The first line.
    pub heading: String,
    /// The rest, in order.
    pub blocks: Vec<Block>,
    /// Why the reader gets it.
    pub reason: String,
    /// Where the reader says what they want to be told; `None` for people who have no say in it.
    pub settings_url: Option<String>,
}

/// Longest subject, in characters.
pub const MAX_SUBJECT: usize = 120;

/// A word that stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Badge {
    /// The word.
    pub text: &'static str,
    /// Behind it.
    pub background: &'static str,
    /// Its colour.
    pub color: &'static str,
}

impl Badge {
    /// Somebody can't wait.
    pub const URGENT: Self = Self { text: "URGENT", background: "#b3261e", color: "#ffffff" };
    /// More than was agreed.
    pub const SCOPE: Self = Self { text: "SCOPE", background: "#8a4b00", color: "#ffffff" };
    /// Somebody takes care of it.
    pub const TAKEN: Self = Self { text: "TAKEN CARE OF", background: "#1b6b3a", color: "#ffffff" };
    /// A test.
    pub const TEST: Self = Self { text: "TEST", background: "#3d4652", color: "#ffffff" };
}

/// A part of a letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Block {
    /// Paragraphs, separated by empty lines.
    Text {
        /// The words.
        text: String,
    },
    /// The title of what follows.
    Heading {
        /// The words.
        text: String,
    },
    /// Names and values.
    Facts {
        /// In order.
        facts: Vec<Fact>,
    },
    /// Points.
    List {
        /// In order.
        items: Vec<String>,
    },
    /// Somebody's own words.
    Quote {
        /// The words.
        text: String,
    },
    /// A code to be read out or typed.
    Code {
        /// Its characters.
        text: String,
    },
    /// A conversation.
    Transcript {
        /// In order.
        lines: Vec<Line>,
    },
    /// Where the reader goes on.
    Button {
        /// What happens there.
        label: String,
        /// The address, `http://` or `https://`.
        url: String,
    },
}

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// The name.
    pub label: &'static str,
    /// The value.
    pub value: String,
}

/// One utterance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Who said it.
    pub speaker: String,
    /// When, from the beginning, such as `1:05`.
    pub at: String,
    /// The words.
    pub text: String,
}

impl Draft {
    /// Adds a part.
    #[must_use]
    pub fn with(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// Adds paragraphs, unless they are empty.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        let text = text.into();
        if text.trim().is_empty() { self } else { self.with(Block::Text { text }) }
    }

    /// Adds names and values, leaving out those without a value.
    #[must_use]
    pub fn facts(self, facts: impl IntoIterator<Item = (&'static str, Option<String>)>) -> Self {
        let facts: Vec<Fact> = facts
            .into_iter()
            .filter_map(|(label, value)| Some((label, value.filter(|value| !value.trim().is_empty())?)))
            .map(|(label, value)| Fact { label, value })
            .collect();
        if facts.is_empty() { self } else { self.with(Block::Facts { facts }) }
    }

    /// Adds points under a title, unless there are none.
    #[must_use]
    pub fn list(self, title: &str, items: &[String]) -> Self {
        if items.is_empty() {
            return self;
        }
        self.with(Block::Heading { text: title.to_owned() }).with(Block::List { items: items.to_vec() })
    }

    /// Adds somebody's words, unless there are none.
    #[must_use]
    pub fn quote(self, text: &str) -> Self {
        if text.trim().is_empty() { self } else { self.with(Block::Quote { text: text.to_owned() }) }
    }

    /// Adds a way to go on, when there is one.
    #[must_use]
    pub fn button(self, label: &str, url: Option<&str>) -> Self {
        match url {
            Some(url) => self.with(Block::Button { label: label.to_owned(), url: url.to_owned() }),
            None => self,
        }
    }
}
