//! Signs of life of calls, and those that were lost with their node.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use domain::ids::{CallId, OrgId};

use crate::error::StoreError;
use crate::tx::SystemTx;

/// Says that a node still carries these calls. Returns those of them that are still its own.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn heartbeat(
    tx: &mut SystemTx,
    node: &str,
    calls: &[CallId],
    now: DateTime<Utc>,
) -> Result<HashSet<CallId>, StoreError> {
    let ids: Vec<uuid::Uuid> = calls.iter().map(|id| id.0).collect();
    // In one order everywhere: two that lock several calls can't wait for each other.
    let ours = sqlx::query_scalar!(
        r#"UPDATE calls SET heartbeat_at = $3
           FROM (
               SELECT id FROM calls
               WHERE node = $1 AND id = ANY ($2) AND finalized_at IS NULL
               ORDER BY id
               FOR NO KEY UPDATE
           ) AS ours
           WHERE calls.id = ours.id
           RETURNING calls.id"#,
        node,
        &ids,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(ours.into_iter().map(CallId).collect())
}

/// A call whose record was never finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The business.
    pub org_id: OrgId,
    /// The call.
    pub call_id: CallId,
    /// The node that carried it last.
    pub node: Option<String>,
    /// When it came in.
    pub started_at: DateTime<Utc>,
    /// The last sign of life.
    pub heartbeat_at: Option<DateTime<Utc>>,
}

/// Since when a call must have been silent to count as lost.
#[derive(Debug, Clone, Copy)]
pub struct Silence<'a> {
    /// For calls of any node: their heartbeat may be late.
    pub since: DateTime<Utc>,
    /// A node that knows which calls it carries.
    pub node: &'a str,
    /// For calls of that node.
    pub of_node_since: DateTime<Utc>,
    /// For callers who wait for a person: nothing is heard of them meanwhile.
    pub waiting_since: DateTime<Utc>,
}

/// Calls without a finished record that have been silent for too long, or whose caller is gone while no node has them.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list_unfinished(
    tx: &mut SystemTx,
    silence: Silence<'_>,
    limit: u32,
) -> Result<Vec<Unfinished>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT org_id, id, node, started_at, heartbeat_at
           FROM calls
           WHERE finalized_at IS NULL
             AND (CASE
                      WHEN left_because = 'transferring' THEN COALESCE(heartbeat_at, started_at) < $4
                      ELSE COALESCE(heartbeat_at, started_at) < $1 OR (node = $2 AND heartbeat_at < $3)
                  END
                  OR left_because = 'transferred'
                  OR (left_because IS NOT NULL AND status NOT IN ('ringing', 'in_progress')))
           ORDER BY started_at
           LIMIT $5"#,
        silence.since,
        silence.node,
        silence.of_node_since,
        silence.waiting_since,
        i64::from(limit.clamp(1, 1_000)),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Unfinished {
            org_id: OrgId(row.org_id),
            call_id: CallId(row.id),
            node: row.node,
            started_at: row.started_at,
            heartbeat_at: row.heartbeat_at,
        })
        .collect())
}
