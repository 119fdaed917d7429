//! What the server has on record of a call, as far as expectations and figures need it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::call_log::LatencyParts;
use serde::Serialize;

use super::file::Who;

/// Why records can't be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("could not read the server's records: {0}")]
pub struct RecordsError(pub String);

/// Where the records of calls come from.
#[async_trait]
pub trait Records: Send + Sync {
    /// The record of a call, `None` while the server has none.
    ///
    /// # Errors
    /// When the server can't be asked, or answers with something else.
    async fn call(&self, key: &CallKey) -> Result<Option<CallRecord>, RecordsError>;

    /// The bytes of a call's recording, `None` when there is none.
    ///
    /// # Errors
    /// When the server can't be asked.
    async fn recording(&self, record: &CallRecord) -> Result<Option<Vec<u8>>, RecordsError>;
}

/// How to find a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallKey {
    /// The carrier's id.
    pub call_sid: String,
    /// The caller's number as the carrier gave it.
    pub from: String,
    /// The number called.
    pub to: String,
    /// When it was placed.
    pub placed_at: DateTime<Utc>,
}

/// A call on record.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CallRecord {
    /// The server's id of it.
    pub id: String,
    /// Its status.
    pub status: String,
    /// Why it ended.
    pub end_reason: Option<String>,
    /// Whether nothing more will be added.
    pub is_final: bool,
    /// Its turns in order, the rejected ones too.
    pub turns: Vec<TurnRecord>,
    /// The tools that were run, in order.
    pub tools: Vec<String>,
    /// The lead's fields by name, when there is a lead.
    pub lead: Option<BTreeMap<String, String>>,
    /// The messages taken.
    pub messages: Vec<String>,
    /// The client the caller was recognised as.
    pub client: Option<String>,
    /// How urgent it was, 0 to 10.
    pub urgency: u8,
    /// Whether a recording is said to exist.
    pub has_recording: bool,
}

/// A turn on record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TurnRecord {
    /// Whose.
    pub who: Who,
    /// The words; of the agent, those that were heard.
    pub text: String,
    /// First sound, media time.
    pub started_ms: u64,
    /// Last sound.
    pub ended_ms: u64,
    /// Whether the caller cut it short.
    pub interrupted: bool,
    /// The layer that rejected it, when it was rejected.
    pub rejected_by: Option<String>,
    /// How long the answer took, for a turn of the agent that answers.
    pub latency: Option<LatencyParts>,
}

impl CallRecord {
    /// The caller's words that lie in a span of media time, joined. The turns that count, not the rejected.
    #[must_use]
    pub fn caller_text(&self, from_ms: u64, to_ms: u64) -> String {
        self.text_of(Who::Caller, from_ms, to_ms)
    }

    /// The agent's words that lie in a span of media time, joined.
    #[must_use]
    pub fn agent_text(&self, from_ms: u64, to_ms: u64) -> String {
        self.text_of(Who::Agent, from_ms, to_ms)
    }

    fn text_of(&self, who: Who, from_ms: u64, to_ms: u64) -> String {
        self.counting(who)
            .filter(|turn| turn.started_ms < to_ms && turn.ended_ms > from_ms)
            .map(|turn| turn.text.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The turns of one side that were not rejected.
    pub fn counting(&self, who: Who) -> impl Iterator<Item = &TurnRecord> {
        self.turns.iter().filter(move |turn| turn.who == who && turn.rejected_by.is_none())
    }

    /// The turns that were rejected.
    pub fn rejected(&self) -> impl Iterator<Item = &TurnRecord> {
        self.turns.iter().filter(|turn| turn.rejected_by.is_some())
    }
}
