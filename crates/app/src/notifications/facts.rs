//! What a notification tells, as far as it is kept with it. What lies in the records is looked up when it is sent.

use chrono::{DateTime, Utc};
use domain::ids::{CallId, LeadId, MessageId};
use serde::{Deserialize, Serialize};

/// What a notification tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Facts {
    /// A call is over: summary and transcript.
    Call {
        /// Which.
        call_id: CallId,
    },
    /// The caller of a call is told that their wish was noted.
    Confirmation {
        /// Which call.
        call_id: CallId,
    },
    /// A lead was captured.
    Lead {
        /// Which.
        lead_id: LeadId,
    },
    /// A message was taken.
    Message {
        /// Which.
        message_id: MessageId,
    },
    /// Somebody can't wait.
    Urgent(UrgentNews),
    /// Somebody takes care of it.
    Taken {
        /// Who.
        by: String,
        /// Of what.
        news: UrgentNews,
    },
    /// Nobody takes care of it.
    Unanswered {
        /// How that came, as a sentence.
        why: String,
        /// Of what.
        news: UrgentNews,
    },
    /// A client asked for more than was agreed.
    Scope(ScopeNews),
    /// Something in plain words.
    Plain {
        /// In short.
        subject: String,
        /// In full.
        text: String,
    },
}

/// Somebody can't wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UrgentNews {
    /// The conversation.
    pub call_id: Option<CallId>,
    /// Who: a name, or a number.
    pub who: String,
    /// Their number, E.164.
    pub phone: Option<String>,
    /// Their words.
    pub quote: String,
    /// What they told when they were asked.
    #[serde(default)]
    pub details: Option<String>,
    /// The phrases that made it urgent.
    pub reasons: Vec<String>,
    /// 0 to 10.
    pub score: u8,
    /// What was done about it so far, as a sentence; may be empty.
    pub standing: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A client asked for more than was agreed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScopeNews {
    /// The conversation.
    pub call_id: Option<CallId>,
    /// The client's name.
    pub client: String,
    /// The project's name.
    pub project: Option<String>,
    /// Their words.
    pub quote: String,
    /// Who comes back to them about it.
    #[serde(default)]
    pub manager: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}
