//! Closing a call's record.

use chrono::{DateTime, Utc};
use domain::call_log::EndReason;
use domain::ids::CallId;
use domain::urgency::Urgency;

use super::turns::{self, ToolCall, Turn};
use crate::error::StoreError;
use crate::text;
use crate::tx::OrgTx;

/// What is derived from the log of a call that is over.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// When it was over.
    pub ended_at: DateTime<Utc>,
    /// Why.
    pub end_reason: EndReason,
    /// Length of the conversation in milliseconds of media time.
    pub duration_ms: u64,
    /// What it was about.
    pub intent: Option<String>,
    /// Everything it was about, in the order it came up.
    pub intents: Vec<String>,
    /// How urgent its most urgent words were, and why.
    pub urgency: Urgency,
    /// Further things derived from it.
    pub summary: serde_json::Value,
    /// The turns, in order.
    pub turns: Vec<Turn>,
    /// The tool calls, in order.
    pub tool_calls: Vec<ToolCall>,
    /// Now.
    pub finalized_at: DateTime<Utc>,
}

/// Writes the outcome, turns and tool calls, once: returns `false` and changes nothing when the record was
/// closed already. A call that has no final status yet is completed.
///
/// # Errors
/// [`StoreError::Conflict`] by `turns_pkey` when a turn's id is another call's.
pub async fn finalize(tx: &mut OrgTx, id: CallId, outcome: &Outcome) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE calls
           SET status = CASE WHEN status IN ('ringing', 'in_progress') THEN 'completed' ELSE status END,
               ended_at = COALESCE(ended_at, $3),
               end_reason = $4,
               duration_ms = $5,
               intent = $6,
               summary = $7,
               finalized_at = $8,
               intents = $9,
               urgency_score = GREATEST(urgency_score, $10),
               urgency_reasons = $11
           WHERE org_id = $1 AND id = $2 AND finalized_at IS NULL"#,
        org_id,
        id.0,
        outcome.ended_at,
        text::encode(&outcome.end_reason)?,
        i64::try_from(outcome.duration_ms).unwrap_or(i64::MAX),
        outcome.intent,
        outcome.summary,
        outcome.finalized_at,
        &outcome.intents,
        i16::from(outcome.urgency.score),
        &outcome.urgency.reasons,
    )
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    turns::replace(conn, org_id, id, &outcome.turns).await?;
    turns::replace_tool_calls(conn, org_id, id, &outcome.tool_calls).await?;
    Ok(true)
}

/// Remembers where the recording is. Its length in milliseconds.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn set_recording(tx: &mut OrgTx, id: CallId, key: &str, length_ms: u64) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        "UPDATE calls SET recording_key = $3, recording_ms = $4 WHERE org_id = $1 AND id = $2",
        org_id,
        id.0,
        key,
        i64::try_from(length_ms).unwrap_or(i64::MAX),
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "call" }) } else { Ok(()) }
}
