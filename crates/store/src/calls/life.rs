//! A call while it lives: announced, answered, reported on.

use chrono::{DateTime, Utc};
use domain::ids::{AgentId, CallId, ClientId, LeadId, NumberId, OrgId};
use serde::{Deserialize, Serialize};

use super::CallStatus;
use crate::error::StoreError;
use crate::text;
use crate::tx::{OrgTx, SystemTx};

/// A call that the carrier announces.
#[derive(Debug, Clone)]
pub struct NewCall {
    /// The id, should it be new.
    pub id: CallId,
    /// Who answers.
    pub agent_id: AgentId,
    /// The number that was dialled.
    pub number_id: NumberId,
    /// The carrier's id.
    pub call_sid: String,
    /// The caller in E.164, unless withheld.
    pub from_number: Option<String>,
    /// The number called.
    pub to_number: String,
    /// The recognised client.
    pub client_id: Option<ClientId>,
    /// The engine that will run it.
    pub engine: String,
    /// Now.
    pub started_at: DateTime<Utc>,
}

/// What became of an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// The call's id: the new one, or that of the earlier announcement.
    pub call_id: CallId,
    /// Whether this was the first announcement.
    pub first: bool,
}

/// Records an incoming call, once however often it is announced.
///
/// # Errors
/// [`StoreError::Conflict`] by `calls_call_sid_unique` when another business has the carrier's id.
pub async fn insert_incoming(tx: &mut OrgTx, call: &NewCall) -> Result<Announced, StoreError> {
    let (conn, org_id) = tx.parts();
    let inserted = sqlx::query_scalar!(
        r#"INSERT INTO calls
               (id, org_id, agent_id, number_id, call_sid, from_number, to_number, client_id, engine, status, started_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'ringing', $10)
           ON CONFLICT (call_sid) DO NOTHING
           RETURNING id"#,
        call.id.0,
        org_id,
        call.agent_id.0,
        call.number_id.0,
        call.call_sid,
        call.from_number,
        call.to_number,
        call.client_id.map(|id| id.0),
        call.engine,
        call.started_at,
    )
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(id) = inserted {
        return Ok(Announced { call_id: CallId(id), first: true });
    }
    let known = sqlx::query_scalar!(
        "SELECT id FROM calls WHERE org_id = $1 AND call_sid = $2",
        org_id,
        call.call_sid
    )
    .fetch_optional(conn)
    .await?;
    known
        .map(|id| Announced { call_id: CallId(id), first: false })
        .ok_or_else(|| StoreError::Conflict { constraint: "calls_call_sid_unique".to_owned() })
}

/// Records a call that we made and somebody answered, once however often the carrier asks what to do.
///
/// # Errors
/// As [`insert_incoming`].
pub async fn insert_outgoing(tx: &mut OrgTx, call: &NewCall) -> Result<Announced, StoreError> {
    let announced = insert_incoming(tx, call).await?;
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        "UPDATE calls SET direction = 'outbound' WHERE org_id = $1 AND id = $2",
        org_id,
        announced.call_id.0,
    )
    .execute(conn)
    .await?;
    Ok(announced)
}

/// Finds a call by the carrier's id, before any tenant is known.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn find_by_sid(tx: &mut SystemTx, call_sid: &str) -> Result<Option<(OrgId, CallId)>, StoreError> {
    let found = sqlx::query!("SELECT org_id, id FROM calls WHERE call_sid = $1", call_sid)
        .fetch_optional(tx.conn())
        .await?;
    Ok(found.map(|row| (OrgId(row.org_id), CallId(row.id))))
}

/// How a call was when a node took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Why the node before let go of it, if one did.
    pub left_because: Option<LeftBecause>,
    /// The last sign of life of the node before.
    pub heartbeat_at: Option<DateTime<Utc>>,
    /// How often it went on with a new stream.
    pub resumptions: u32,
}

/// Why a node let go of a call that is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftBecause {
    /// The media stream broke.
    ConnectionLost,
    /// The node was told to stop, and another one was there.
    HandedOver,
    /// The caller waits for a person.
    Transferring,
    /// A person took the caller.
    Transferred,
}

/// The conversation begins, or goes on, on this node. `None` when the call is over already.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn mark_answered(
    tx: &mut OrgTx,
    id: CallId,
    node: &str,
    now: DateTime<Utc>,
) -> Result<Option<Taken>, StoreError> {
    let (conn, org_id) = tx.parts();
    let taken = sqlx::query!(
        r#"WITH before AS (
               SELECT org_id, id, left_because, heartbeat_at, resumptions
               FROM calls
               WHERE org_id = $1 AND id = $2 AND status IN ('ringing', 'in_progress') AND finalized_at IS NULL
               FOR UPDATE
           )
           UPDATE calls
           SET status = 'in_progress',
               answered_at = COALESCE(answered_at, $4),
               node = $3,
               heartbeat_at = $4,
               left_because = NULL
           FROM before
           WHERE calls.org_id = before.org_id AND calls.id = before.id
           RETURNING before.left_because, before.heartbeat_at, before.resumptions"#,
        org_id,
        id.0,
        node,
        now,
    )
    .fetch_optional(conn)
    .await?;
    let Some(row) = taken else { return Ok(None) };
    Ok(Some(Taken {
        left_because: row.left_because.as_deref().map(text::decode).transpose()?,
        heartbeat_at: row.heartbeat_at,
        resumptions: row.resumptions.unsigned_abs(),
    }))
}

/// Where a call is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whereabouts {
    /// Where it stands.
    pub status: CallStatus,
    /// The node that has it, or had it last.
    pub node: Option<String>,
    /// When it came in.
    pub started_at: DateTime<Utc>,
    /// The node's last sign of life.
    pub heartbeat_at: Option<DateTime<Utc>>,
    /// Why the node let go of it, if it did.
    pub left_because: Option<LeftBecause>,
    /// When its record was closed.
    pub finalized_at: Option<DateTime<Utc>>,
    /// How often it went on with a new stream.
    pub resumptions: u32,
}

/// Where a call is. The row is held until the transaction ends: nobody takes it, leaves it or closes it meanwhile.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn hold(tx: &mut OrgTx, id: CallId) -> Result<Whereabouts, StoreError> {
    let (conn, org_id) = tx.parts();
    let row = sqlx::query!(
        r#"SELECT status, node, started_at, heartbeat_at, left_because, finalized_at, resumptions
           FROM calls
           WHERE org_id = $1 AND id = $2
           FOR UPDATE"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "call" })?;
    Ok(Whereabouts {
        status: text::decode(&row.status)?,
        node: row.node,
        started_at: row.started_at,
        heartbeat_at: row.heartbeat_at,
        left_because: row.left_because.as_deref().map(text::decode).transpose()?,
        finalized_at: row.finalized_at,
        resumptions: row.resumptions.unsigned_abs(),
    })
}

/// Takes a call that lost its stream, to go on with it: at most `most` times, and never one that is over or that only
/// leaves a message. Returns how often it was taken so far, this time included.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn claim_resumption(
    tx: &mut OrgTx,
    id: CallId,
    node: &str,
    most: u32,
    now: DateTime<Utc>,
) -> Result<Option<u32>, StoreError> {
    let (conn, org_id) = tx.parts();
    let claimed = sqlx::query_scalar!(
        r#"UPDATE calls
           SET resumptions = resumptions + 1, node = $3, heartbeat_at = $5
           WHERE org_id = $1
             AND id = $2
             AND status IN ('ringing', 'in_progress')
             AND finalized_at IS NULL
             AND handling = 'agent'
             AND resumptions < $4
           RETURNING resumptions"#,
        org_id,
        id.0,
        node,
        i32::try_from(most).unwrap_or(i32::MAX),
        now,
    )
    .fetch_optional(conn)
    .await?;
    Ok(claimed.map(i32::unsigned_abs))
}

/// Lets go of a call that is not over, for another node or another stream to go on with. Changes nothing when the call
/// is another node's by now.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn leave(
    tx: &mut OrgTx,
    id: CallId,
    node: &str,
    because: LeftBecause,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"UPDATE calls SET left_because = $4, heartbeat_at = $5
           WHERE org_id = $1 AND id = $2 AND node = $3 AND finalized_at IS NULL"#,
        org_id,
        id.0,
        node,
        text::encode(&because)?,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A person took a caller who waited: the conversation is over.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn was_taken(tx: &mut OrgTx, id: CallId) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        "UPDATE calls SET left_because = 'transferred' WHERE org_id = $1 AND id = $2 AND finalized_at IS NULL",
        org_id,
        id.0,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What a status callback says.
#[derive(Debug, Clone, Copy)]
pub struct StatusReport {
    /// The status.
    pub status: CallStatus,
    /// Position of the callback; they may arrive out of order.
    pub sequence: Option<u32>,
    /// Length of the call in seconds, with the last one.
    pub duration_s: Option<u32>,
    /// Now.
    pub at: DateTime<Utc>,
}

/// Takes a status callback to heart unless it is old news: one with a lower sequence changes nothing, a step
/// back changes nothing, and a call that is over stays as it ended. Returns whether the status changed.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn update_status(tx: &mut OrgTx, id: CallId, report: StatusReport) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    let before: &[&str] = match report.status {
        CallStatus::Ringing => &[],
        CallStatus::InProgress => &["ringing"],
        _ => &["ringing", "in_progress"],
    };
    let before: Vec<String> = before.iter().map(|&status| status.to_owned()).collect();
    let sequence = report.sequence.and_then(|value| i32::try_from(value).ok());
    let duration_s = report.duration_s.and_then(|value| i32::try_from(value).ok());
    let changed = sqlx::query!(
        r#"UPDATE calls
           SET status = $3,
               carrier_sequence = GREATEST(carrier_sequence, $4),
               answered_at = CASE WHEN $3 = 'in_progress' THEN COALESCE(answered_at, $5) ELSE answered_at END,
               ended_at = CASE WHEN $6 THEN COALESCE(ended_at, $5) ELSE ended_at END
           WHERE org_id = $1
             AND id = $2
             AND status = ANY($7)
             AND ($4::integer IS NULL OR carrier_sequence IS NULL OR carrier_sequence < $4)"#,
        org_id,
        id.0,
        text::encode(&report.status)?,
        sequence,
        report.at,
        report.status.is_terminal(),
        &before,
    )
    .execute(&mut *conn)
    .await?;
    if duration_s.is_some() {
        // The carrier's duration is what it bills; it may come after our own record was closed.
        sqlx::query!(
            "UPDATE calls SET carrier_duration_s = COALESCE(carrier_duration_s, $3) WHERE org_id = $1 AND id = $2",
            org_id,
            id.0,
            duration_s,
        )
        .execute(conn)
        .await?;
    }
    Ok(changed.rows_affected() == 1)
}

/// Remembers whom the caller turned out to be.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Conflict`] by `calls_client_fkey`.
pub async fn set_client(tx: &mut OrgTx, id: CallId, client_id: ClientId) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        "UPDATE calls SET client_id = $3 WHERE org_id = $1 AND id = $2",
        org_id,
        id.0,
        client_id.0
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "call" }) } else { Ok(()) }
}

/// Remembers the lead of the conversation.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn set_lead(tx: &mut OrgTx, id: CallId, lead_id: LeadId) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done =
        sqlx::query!("UPDATE calls SET lead_id = $3 WHERE org_id = $1 AND id = $2", org_id, id.0, lead_id.0)
            .execute(conn)
            .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "call" }) } else { Ok(()) }
}

/// Marks a conversation urgent. The highest score and its reason stay.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Conflict`] by `calls_urgency_range` above 10.
pub async fn flag_urgent(tx: &mut OrgTx, id: CallId, score: u8, reason: &str) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE calls
           SET urgency_reason = CASE WHEN $3 > urgency_score THEN $4 ELSE urgency_reason END,
               urgency_score = GREATEST(urgency_score, $3)
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
        i16::from(score),
        reason,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "call" }) } else { Ok(()) }
}
