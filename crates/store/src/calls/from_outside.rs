//! Calls whose conversation somebody else's platform carries: found by what that platform knows of them, and their log
//! continued from outside.

use chrono::{DateTime, Utc};
use domain::ids::{AgentId, CallId};

use crate::error::StoreError;
use crate::tx::OrgTx;

/// What a platform says of the conversation that it carries. One of the two at least.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConversationKey<'a> {
    /// The carrier's id of the call.
    pub call_sid: Option<&'a str>,
    /// The platform's own name of the conversation.
    pub conversation_ref: Option<&'a str>,
}

/// Finds a call in progress of this agent, carried by `engine`. The platform's name of it is bound to the call the first
/// time that it comes with the carrier's id; from then on the name alone will do, and another name will not.
///
/// # Errors
/// [`StoreError::Conflict`] by `calls_conversation_ref_unique` when the name is another call's.
pub async fn find(
    tx: &mut OrgTx,
    agent_id: AgentId,
    engine: &str,
    key: ConversationKey<'_>,
) -> Result<Option<CallId>, StoreError> {
    let (conn, org_id) = tx.parts();
    let found = sqlx::query_scalar!(
        r#"UPDATE calls
           SET conversation_ref = COALESCE(conversation_ref, $5)
           WHERE org_id = $1 AND agent_id = $2 AND engine = $3 AND status = 'in_progress' AND finalized_at IS NULL
             AND (call_sid = $4 OR ($4::text IS NULL AND conversation_ref = $5))
             AND ($5::text IS NULL OR conversation_ref IS NULL OR conversation_ref = $5)
           RETURNING id"#,
        org_id,
        agent_id.0,
        engine,
        key.call_sid,
        key.conversation_ref,
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.map(CallId))
}

/// The number of the next entry of a call's log. Until the transaction ends nobody else adds one by this way.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn next_seq(tx: &mut OrgTx, call_id: CallId) -> Result<u32, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_scalar!("SELECT id FROM calls WHERE org_id = $1 AND id = $2 FOR UPDATE", org_id, call_id.0)
        .fetch_optional(&mut *conn)
        .await?
        .ok_or(StoreError::NotFound { noun: "call" })?;
    let next = sqlx::query_scalar!(
        r#"SELECT COALESCE(max(seq) + 1, 0) AS "next!" FROM call_events WHERE org_id = $1 AND call_id = $2"#,
        org_id,
        call_id.0,
    )
    .fetch_one(conn)
    .await?;
    Ok(u32::try_from(next).unwrap_or_default())
}

/// The caller leaves the platform's agent to wait for a person. Whose the call was before does not matter: no node of
/// ours carried its conversation.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn leave(tx: &mut OrgTx, call_id: CallId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"UPDATE calls SET left_because = 'transferring', heartbeat_at = $3
           WHERE org_id = $1 AND id = $2 AND finalized_at IS NULL"#,
        org_id,
        call_id.0,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}
