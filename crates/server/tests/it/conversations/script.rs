//! Conversations as data: who types what, what must be answered, and what the business must have of it afterwards.
//!
//! What is not told must not be: a conversation without a `message` leaves none, one without a `lead` no lead.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A file of conversations.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) conversation: Vec<Conversation>,
}

/// One conversation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Conversation {
    /// As the test is called.
    pub(super) name: String,
    /// Who it is, by number; `None`: withheld.
    pub(super) from: Option<String>,
    /// What is so before.
    #[serde(default)]
    pub(super) before: Vec<Before>,
    /// What the same person typed in an earlier conversation.
    #[serde(default)]
    pub(super) earlier: Vec<String>,
    /// What the greeting has.
    #[serde(default)]
    pub(super) greeting: Vec<String>,
    /// No two answers in a row begin with the same sentence.
    #[serde(default)]
    pub(super) varied: bool,
    pub(super) line: Vec<Line>,
    /// What is said nowhere.
    #[serde(default)]
    pub(super) never: Vec<String>,
    #[serde(default)]
    pub(super) after: After,
}

/// What can be so before a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Before {
    /// Projects were last brought up to date three days ago.
    OldData,
    /// Callers are asked how satisfied they are.
    AsksSatisfaction,
    /// The question for the e-mail address is left out for whoever is called Kevin.
    NoAddressOfKevins,
    /// Nobody can be connected with anybody.
    NobodyToConnect,
}

/// Something typed, and what comes back.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    /// `{code}` is the code of the letter that came last, in words; `{wrong}` another one.
    pub(super) say: String,
    /// The answer has all of these; `|` separates alternatives.
    #[serde(default)]
    pub(super) all: Vec<String>,
    /// And none of these.
    #[serde(default)]
    pub(super) none: Vec<String>,
    /// Functions that run, and work.
    #[serde(default)]
    pub(super) does: Vec<String>,
    /// Functions that do not.
    #[serde(default)]
    pub(super) does_not: Vec<String>,
}

/// What the business has afterwards.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    /// Its fields, each a part of what is kept: `name`, `email`, `phone`, `company`, `budget`, `timeline`, `service`,
    /// `complete`, `priority`.
    pub(super) lead: Option<BTreeMap<String, String>>,
    /// Parts of the message's text.
    pub(super) message: Option<Vec<String>>,
    /// Where it is answered.
    pub(super) reply_to: Option<String>,
    /// Parts of the incident's reason and details.
    pub(super) incident: Option<Vec<String>>,
    /// The words of the request.
    pub(super) change: Option<String>,
    /// A part of what the call is about.
    pub(super) callback: Option<String>,
    pub(super) satisfaction: Option<u8>,
    /// The number that the caller was to be connected with.
    pub(super) transfer: Option<String>,
    /// The client whom it is entered for.
    pub(super) client: Option<String>,
    /// What it was about first; every intent in order where there are several.
    #[serde(default)]
    pub(super) intents: Vec<String>,
    /// Between these.
    pub(super) urgency: Option<[u8; 2]>,
    /// What the summary has, and the letter about the conversation.
    #[serde(default)]
    pub(super) summary: Vec<String>,
    /// Letters of the conversation itself: to whom, and parts of each.
    #[serde(default)]
    pub(super) letters: Vec<Letter>,
    /// `agent_said_goodbye` or `caller_hung_up`.
    pub(super) end: Option<String>,
}

/// A letter that came.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Letter {
    pub(super) to: String,
    pub(super) has: Vec<String>,
}

/// Every conversation there is.
pub(super) fn all() -> Vec<Conversation> {
    const FILES: [(&str, &str); 4] = [
        ("leads.toml", include_str!("leads.toml")),
        ("clients.toml", include_str!("clients.toml")),
        ("wishes.toml", include_str!("wishes.toml")),
        ("urgent.toml", include_str!("urgent.toml")),
    ];
    let read = |(name, text): (&str, &str)| {
        let file: File = toml::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        file.conversation
    };
    FILES.into_iter().flat_map(read).collect()
}
