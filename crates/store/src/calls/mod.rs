//! Calls: from the carrier's first webhook to the finished record.

pub mod events;
pub mod finalize;
pub mod life;
pub mod lines;
pub mod tickets;
pub mod turns;

use chrono::{DateTime, Utc};
use domain::call_log::EndReason;
use domain::ids::{AgentId, CallId, ClientId, LeadId, NumberId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{Cursor, Page, rows_for, split};
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
    /// What is derived from the conversation.
    pub summary: Option<serde_json::Value>,
    /// The recording in object storage.
    pub recording_key: Option<String>,
    /// Its length in milliseconds.
    pub recording_ms: Option<u64>,
    /// When the record was finished.
    pub finalized_at: Option<DateTime<Utc>>,
}

impl Call {
    /// The place of this call in a list.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor { at: self.started_at, id: self.id.0 }
    }
}

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
            summary: row.summary,
            recording_key: row.recording_key,
            recording_ms: row.recording_ms.map(i64::unsigned_abs),
            finalized_at: row.finalized_at,
        })
    }
}

/// What to look for in a list of calls.
#[derive(Debug, Clone, Default)]
pub struct CallFilter {
    /// Only calls of this status.
    pub status: Option<CallStatus>,
    /// Only calls of this client.
    pub client_id: Option<ClientId>,
    /// Only calls that this agent answered.
    pub agent_id: Option<AgentId>,
    /// Only calls that came in at or after this moment.
    pub since: Option<DateTime<Utc>>,
    /// Only calls that came in before this moment.
    pub until: Option<DateTime<Utc>>,
}

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
                  c.duration_ms, c.end_reason, c.intent, c.urgency_score, c.urgency_reason, c.summary,
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

/// Calls, newest first, behind the cursor (see [`Call::cursor`]).
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut OrgTx,
    filter: &CallFilter,
    behind: Option<Cursor>,
    limit: u32,
) -> Result<Page<Call>, StoreError> {
    let (conn, org_id) = tx.parts();
    let (at, id) = split(behind);
    let status = filter.status.as_ref().map(text::encode).transpose()?;
    // COALESCE instead of "IS NULL OR": the index then finds the place of a page however deep it is.
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT c.id, c.agent_id, c.number_id, c.call_sid, c.direction, c.from_number, c.to_number, c.client_id,
                  k.name AS "client_name?", c.lead_id, c.engine, c.status, c.started_at, c.answered_at, c.ended_at,
                  c.duration_ms, c.end_reason, c.intent, c.urgency_score, c.urgency_reason, c.summary,
                  c.recording_key, c.recording_ms, c.finalized_at
           FROM calls c
           LEFT JOIN clients k ON k.org_id = c.org_id AND k.id = c.client_id
           WHERE c.org_id = $1
             AND (c.started_at, c.id)
                 < (COALESCE($2::timestamptz, 'infinity'), COALESCE($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
             AND c.started_at >= COALESCE($4::timestamptz, '-infinity')
             AND c.started_at < COALESCE($5::timestamptz, 'infinity')
             AND ($6::text IS NULL OR c.status = $6)
             AND ($7::uuid IS NULL OR c.client_id = $7)
             AND ($8::uuid IS NULL OR c.agent_id = $8)
           ORDER BY c.started_at DESC, c.id DESC
           LIMIT $9"#,
        org_id,
        at,
        id,
        filter.since,
        filter.until,
        status,
        filter.client_id.map(|id| id.0),
        filter.agent_id.map(|id| id.0),
        rows_for(limit),
    )
    .fetch_all(conn)
    .await?;
    let items = rows.into_iter().map(Call::try_from).collect::<Result<_, _>>()?;
    Ok(Page::cut(items, limit))
}
