//! The lines of a plan: how many calls an organization has at once, and how many minutes it talked.

use chrono::{DateTime, Utc};
use domain::ids::CallId;

use crate::error::StoreError;
use crate::tx::OrgTx;

/// Minutes of conversation of calls that began since the given moment, each begun minute of a call counted.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn voice_minutes_since(tx: &mut OrgTx, since: DateTime<Utc>) -> Result<u64, StoreError> {
    let (conn, org_id) = tx.parts();
    let minutes = sqlx::query_scalar!(
        r#"SELECT COALESCE(sum((duration_ms + 59999) / 60000), 0)::bigint AS "minutes!"
           FROM calls
           WHERE org_id = $1 AND started_at >= $2"#,
        org_id,
        since,
    )
    .fetch_one(conn)
    .await?;
    Ok(minutes.unsigned_abs())
}

/// Calls that agents carry now on any node, without the given one. A call whose node has given no sign of life since
/// `silent_since` is taken for lost.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn calls_in_progress(
    tx: &mut OrgTx,
    without: Option<CallId>,
    silent_since: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let (conn, org_id) = tx.parts();
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!"
           FROM calls
           WHERE org_id = $1
             AND finalized_at IS NULL
             AND handling = 'agent'
             AND status IN ('ringing', 'in_progress')
             AND id IS DISTINCT FROM $2
             AND COALESCE(heartbeat_at, started_at) > $3"#,
        org_id,
        without.map(|id| id.0),
        silent_since,
    )
    .fetch_one(conn)
    .await?;
    Ok(count.unsigned_abs())
}

/// Lets the organization's calls be counted one after another until the transaction ends, so that two that come in at
/// once do not both take the last line.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn queue_for_a_line(tx: &mut OrgTx) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('line:' || $1::uuid::text, 0))", org_id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Remembers that a call only hears a sentence and leaves a message: it takes no line.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn take_message_only(tx: &mut OrgTx, id: CallId) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done =
        sqlx::query!("UPDATE calls SET handling = 'message' WHERE org_id = $1 AND id = $2", org_id, id.0,)
            .execute(conn)
            .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "call" }) } else { Ok(()) }
}
