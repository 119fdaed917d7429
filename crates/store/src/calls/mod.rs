//! Calls: from the carrier's first webhook to the finished record.

pub mod earlier;
pub mod events;
pub mod finalize;
pub mod from_outside;
pub mod life;
pub mod lines;
pub mod lost;
pub mod search;
pub mod tickets;
pub mod turns;
pub mod usage;

use chrono::{DateTime, Utc};
use domain::call_log::EndReason;
use domain::ids::{AgentId, CallId, ClientId, LeadId, NumberId};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{Column, Listed, SortKey, Source, Span, Wanted, fetch, push_equal, push_ids};
use crate::text;
use crate::tx::OrgTx;

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallStatus {
    /// Announced, not connected yet.
    Ringing,
    /// People talk.
    InProgress,
    /// Over, after a conversation.
    Completed,
    /// Over: nobody answered.
    NoAnswer,
    /// Over: busy.
    Busy,
    /// Over: it could not be connected.
    Failed,
    /// Over: the caller gave up while it rang.
    Canceled,
}

impl CallStatus {
    /// Whether nothing can follow.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Ringing | Self::InProgress)
    }

    /// As the column has it.
    const fn name(self) -> &'static str {
        match self {
            Self::Ringing => "ringing",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::NoAnswer => "no_answer",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

/// Which side began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Somebody called the business.
    Inbound,
    /// The business called.
    Outbound,
}

/// A call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Its id.
    pub id: CallId,
    /// Who answered.
    pub agent_id: AgentId,
    /// The number of the business, unless it is gone.
    pub number_id: Option<NumberId>,
    /// The carrier's id.
    pub call_sid: String,
    /// Which side began.
    pub direction: Direction,
    /// The caller in E.164; `None` when withheld.
    pub from_number: Option<String>,
    /// The number called.
    pub to_number: String,
    /// The recognised client.
    pub client_id: Option<ClientId>,
    /// The recognised client's name.
    pub client_name: Option<String>,
    /// The lead that came of it.
    pub lead_id: Option<LeadId>,
    /// `pipeline`, `realtime`, `elevenlabs`.
    pub engine: String,
    /// Where it stands.
    pub status: CallStatus,
    /// When it came in.
    pub started_at: DateTime<Utc>,
    /// When the conversation began.
    pub answered_at: Option<DateTime<Utc>>,
    /// When it was over.
    pub ended_at: Option<DateTime<Utc>>,
    /// Length of the conversation in milliseconds of media time.
    pub duration_ms: Option<u64>,
    /// Why it ended.
    pub end_reason: Option<EndReason>,
    /// What it was about.
    pub intent: Option<String>,
    /// 0 to 10.
    pub urgency_score: u8,
    /// The words that made it urgent.
    pub urgency_reason: Option<String>,
    /// The phrases in them that did.
    pub urgency_reasons: Vec<String>,
    /// Everything it was about, in the order it came up; complete when the record is finished.
    pub intents: Vec<String>,
    /// What is derived from the conversation.
    pub summary: Option<serde_json::Value>,
    /// The recording in object storage.
    pub recording_key: Option<String>,
    /// Its length in milliseconds.
    pub recording_ms: Option<u64>,
    /// When the record was finished.
    pub finalized_at: Option<DateTime<Utc>>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    agent_id: Uuid,
    number_id: Option<Uuid>,
    call_sid: String,
    direction: String,
    from_number: Option<String>,
    to_number: String,
    client_id: Option<Uuid>,
    client_name: Option<String>,
    lead_id: Option<Uuid>,
    engine: String,
    status: String,
    started_at: DateTime<Utc>,
    answered_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    duration_ms: Option<i64>,
    end_reason: Option<String>,
    intent: Option<String>,
    urgency_score: i16,
    urgency_reason: Option<String>,
    urgency_reasons: Vec<String>,
    intents: Vec<String>,
    summary: Option<serde_json::Value>,
    recording_key: Option<String>,
    recording_ms: Option<i64>,
    finalized_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Call {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: CallId(row.id),
            agent_id: AgentId(row.agent_id),
            number_id: row.number_id.map(NumberId),
            call_sid: row.call_sid,
            direction: text::decode(&row.direction)?,
            from_number: row.from_number,
            to_number: row.to_number,
            client_id: row.client_id.map(ClientId),
            client_name: row.client_name,
            lead_id: row.lead_id.map(LeadId),
            engine: row.engine,
            status: text::decode(&row.status)?,
            started_at: row.started_at,
            answered_at: row.answered_at,
            ended_at: row.ended_at,
            duration_ms: row.duration_ms.map(i64::unsigned_abs),
            end_reason: row.end_reason.as_deref().map(text::decode).transpose()?,
            intent: row.intent,
            urgency_score: u8::try_from(row.urgency_score).unwrap_or_default(),
            urgency_reason: row.urgency_reason,
            urgency_reasons: row.urgency_reasons,
            intents: row.intents,
            summary: row.summary,
            recording_key: row.recording_key,
            recording_ms: row.recording_ms.map(i64::unsigned_abs),
            finalized_at: row.finalized_at,
        })
    }
}

/// What a list of calls can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallSort {
    /// When it came in.
    StartedAt,
}

impl SortKey for CallSort {
    fn column(self) -> Column {
        match self {
            Self::StartedAt => Column::time("c.started_at"),
        }
    }
}

/// A score from which on a call is urgent; such calls have an index of their own.
const URGENT: u8 = 5;

/// What to look for in a list of calls.
#[derive(Debug, Clone, Default)]
pub struct CallFilter {
    /// Only these.
    pub ids: Option<Vec<CallId>>,
    /// Only calls of this status.
    pub status: Option<CallStatus>,
    /// Only calls of this direction.
    pub direction: Option<Direction>,
    /// Only calls of this client.
    pub client_id: Option<ClientId>,
    /// Only calls that this agent answered.
    pub agent_id: Option<AgentId>,
    /// Only calls to this number of the business.
    pub number_id: Option<NumberId>,
    /// Only calls that this lead came of.
    pub lead_id: Option<LeadId>,
    /// Only calls from this number (E.164).
    pub from_number: Option<String>,
    /// Only calls about this.
    pub intent: Option<String>,
    /// Only calls at least so urgent, 0 to 10.
    pub urgency_min: Option<u8>,
    /// Only calls with, or without, a recording.
    pub has_recording: Option<bool>,
    /// Only calls that came in in this span.
    pub started: Span,
}

impl CallFilter {
    fn push(&self, query: &mut QueryBuilder<Postgres>, org_id: Uuid) {
        query.push("c.org_id = ").push_bind(org_id);
        push_ids(query, "c.id", self.ids.as_ref().map(|ids| ids.iter().map(|id| id.0).collect()));
        push_equal(query, "c.status", self.status.map(CallStatus::name));
        match self.direction {
            // Said in so many words, so that the index of the rare direction is known to serve.
            Some(Direction::Outbound) => query.push(" AND c.direction = 'outbound'"),
            Some(Direction::Inbound) => query.push(" AND c.direction = 'inbound'"),
            None => query,
        };
        push_equal(query, "c.client_id", self.client_id.map(|id| id.0));
        push_equal(query, "c.agent_id", self.agent_id.map(|id| id.0));
        push_equal(query, "c.number_id", self.number_id.map(|id| id.0));
        push_equal(query, "c.lead_id", self.lead_id.map(|id| id.0));
        push_equal(query, "c.from_number", self.from_number.clone());
        push_equal(query, "c.intent", self.intent.clone());
        if let Some(least) = self.urgency_min {
            if least >= URGENT {
                query.push(" AND c.urgency_score >= 5");
            }
            query.push(" AND c.urgency_score >= ").push_bind(i16::from(least));
        }
        match self.has_recording {
            Some(true) => query.push(" AND c.recording_key IS NOT NULL"),
            Some(false) => query.push(" AND c.recording_key IS NULL"),
            None => query,
        };
        self.started.push(query, "c.started_at");
    }
}

const LIST: Source = Source {
    columns: "c.id, c.agent_id, c.number_id, c.call_sid, c.direction, c.from_number, c.to_number, c.client_id, \
              k.name AS client_name, c.lead_id, c.engine, c.status, c.started_at, c.answered_at, c.ended_at, \
              c.duration_ms, c.end_reason, c.intent, c.urgency_score, c.urgency_reason, c.urgency_reasons, c.intents, c.summary, \
              c.recording_key, c.recording_ms, c.finalized_at",
    from: "calls c LEFT JOIN clients k ON k.org_id = c.org_id AND k.id = c.client_id",
    id: "c.id",
};

/// One call.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, id: CallId) -> Result<Call, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_as!(
        Row,
        r#"SELECT c.id, c.agent_id, c.number_id, c.call_sid, c.direction, c.from_number, c.to_number, c.client_id,
                  k.name AS "client_name?", c.lead_id, c.engine, c.status, c.started_at, c.answered_at, c.ended_at,
                  c.duration_ms, c.end_reason, c.intent, c.urgency_score, c.urgency_reason, c.urgency_reasons, c.intents,
                  c.summary,
                  c.recording_key, c.recording_ms, c.finalized_at
           FROM calls c
           LEFT JOIN clients k ON k.org_id = c.org_id AND k.id = c.client_id
           WHERE c.org_id = $1 AND c.id = $2"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "call" })?
    .try_into()
}

/// Calls that meet the filter.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut OrgTx,
    filter: &CallFilter,
    wanted: &Wanted<CallSort>,
) -> Result<Listed<Call>, StoreError> {
    let (conn, org_id) = tx.parts();
    fetch(conn, &LIST, wanted, |query| filter.push(query, org_id), |row: Row| row.try_into()).await
}

/// These calls, in the order that was wanted; those that are gone are left out.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn of_ids(
    tx: &mut OrgTx,
    ids: &[CallId],
    wanted: &Wanted<CallSort>,
) -> Result<Vec<Call>, StoreError> {
    let filter = CallFilter { ids: Some(ids.to_vec()), ..CallFilter::default() };
    let whole = Wanted { behind: None, count: false, ..wanted.clone() };
    Ok(list(tx, &filter, &whole).await?.items)
}

/// Removes a call with its log, turns and tool calls. Leads and messages that came of it stay.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(tx: &mut OrgTx, id: CallId) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done =
        sqlx::query!("DELETE FROM calls WHERE org_id = $1 AND id = $2", org_id, id.0).execute(conn).await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "call" }) } else { Ok(()) }
}
