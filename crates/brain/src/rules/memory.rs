//! What a conversation remembers. Plain data: a snapshot is this, serialized.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use domain::call_plan::KnownClient;
use domain::expected_answer::ExpectedAnswer;
use domain::history::Unanswered;
use domain::ids::{ProjectId, TurnId};
use domain::leads::Priority;
use domain::qualification::Progress;
use serde::{Deserialize, Serialize};

/// Lines of history that are kept.
const HISTORY: usize = 200;

/// The state of a conversation.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    /// What was said, oldest first.
    pub(super) history: Vec<Line>,
    /// How often each varied phrase was said.
    pub(super) rotation: BTreeMap<String, usize>,
    /// What the agent waits for.
    pub(super) pending: Pending,
    /// What sort of answer that is.
    pub(super) expect: ExpectedAnswer,
    /// The agent's last turn, sentence by sentence.
    pub(super) last_said: Vec<String>,
    /// The caller as a client.
    pub(super) client: Option<KnownClient>,
    /// Whether the caller tried to prove to be one, in vain.
    pub(super) not_identified: bool,
    /// The lead flow.
    pub(super) lead: Progress,
    /// Whether the lead flow is under way, perhaps paused.
    pub(super) lead_active: bool,
    /// Whether it came to its end.
    pub(super) lead_closed: bool,
    /// The message being taken.
    pub(super) message: Draft,
    /// The call back being arranged: the caller's words, and the moment on the business's wall.
    pub(super) callback: Option<(String, NaiveDateTime)>,
    /// The urgent capture being taken.
    pub(super) urgent: Capture,
    /// Whether somebody was alerted.
    pub(super) urgent_flagged: bool,
    /// The highest urgency heard.
    pub(super) urgency: u8,
    /// Whether the caller was asked how satisfied they are.
    pub(super) asked_satisfaction: bool,
    /// Turns in a row without understanding or answer.
    pub(super) failures: u8,
    /// The last words nobody could answer, for a message.
    pub(super) unanswered: Option<String>,
    /// The project that was last spoken of.
    pub(super) last_project: Option<ProjectId>,
    /// The caller's turn that was answered last, heard or not.
    pub(super) answered: Option<TurnId>,
    /// A turn that something else left unanswered.
    pub(super) owed: Option<Unanswered>,
    /// What was said to something else and may hold answers of the lead flow.
    pub(super) unread: Vec<String>,
}

/// A line of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) by_agent: bool,
    pub(super) text: String,
}

/// What the agent waits for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Pending {
    /// Anything.
    #[default]
    Nothing,
    /// "Is there anything else?"
    AnythingElse,
    /// "Which project?"
    WhichProject { offered: Vec<ProjectId> },
    /// "Shall I take a message?"
    OfferMessage,
    /// "Shall I put you through?"
    OfferTransfer,
    /// The open question of proving to be a client.
    Identify(IdentifyStep),
    /// The open question of the lead flow.
    Lead,
    /// The open question of the message.
    Message(MessageStep),
    /// "Shall I connect you right now?"
    UrgentConnect,
    /// "From one to five, how satisfied were you?"
    Satisfaction,
    /// The open question of a call back: the number.
    Callback,
    /// The open question of the urgent capture.
    Urgent(UrgentStep),
}

/// Where proving to be a client stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum IdentifyStep {
    Key,
    Code,
}

/// Where the taking of a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum MessageStep {
    Words,
    Name,
    CallingNumber,
    ReplyTo,
}

/// Where the urgent capture stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum UrgentStep {
    Place,
    Name,
    Phone,
    What,
}

/// A message in the making.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Draft {
    pub(super) words: Option<String>,
    /// The question nobody could answer, for which the message was offered.
    pub(super) about: Option<String>,
    pub(super) name: Option<String>,
    pub(super) reply_to: Option<String>,
    pub(super) asked_twice: bool,
    /// The step that is over although nothing came of it.
    pub(super) gave_up_name: bool,
    pub(super) gave_up_reply: bool,
}

/// What is known of an emergency.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Capture {
    pub(super) first_words: String,
    pub(super) place: Option<String>,
    pub(super) name: Option<String>,
    pub(super) phone: Option<String>,
    pub(super) what: Option<String>,
    pub(super) asked_twice: bool,
}

impl Memory {
    /// Notes a line, forgetting the oldest.
    pub(super) fn note(&mut self, by_agent: bool, text: &str) {
        if self.history.len() >= HISTORY {
            self.history.remove(0);
        }
        self.history.push(Line { by_agent, text: text.to_owned() });
    }

    /// The priority that the highest urgency so far gives.
    pub(super) fn priority(&self) -> Priority {
        domain::urgency::Urgency { score: self.urgency, reasons: Vec::new() }.priority()
    }
}
