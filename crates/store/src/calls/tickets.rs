//! One-time tickets that let a call's media stream in. Only hashes are stored.

use chrono::{DateTime, Utc};
use domain::ids::{CallId, OrgId};

use crate::error::StoreError;
use crate::tx::{OrgTx, SystemTx};

/// Stores a ticket of a call.
///
/// # Errors
/// [`StoreError::Conflict`] by `media_tickets_call_fkey` when the call is not this business's.
pub async fn create(
    tx: &mut OrgTx,
    token_hash: &[u8],
    call_id: CallId,
    call_sid: &str,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO media_tickets (token_hash, org_id, call_id, call_sid, expires_at)
           VALUES ($1, $2, $3, $4, $5)"#,
        token_hash,
        org_id,
        call_id.0,
        call_sid,
        expires_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Uses a ticket up: whoever comes second, late or with another call's id gets `None`.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn burn(
    tx: &mut SystemTx,
    token_hash: &[u8],
    call_sid: &str,
    now: DateTime<Utc>,
) -> Result<Option<(OrgId, CallId)>, StoreError> {
    let burned = sqlx::query!(
        r#"UPDATE media_tickets
           SET used_at = $3
           WHERE token_hash = $1 AND call_sid = $2 AND used_at IS NULL AND expires_at > $3
           RETURNING org_id, call_id"#,
        token_hash,
        call_sid,
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(burned.map(|row| (OrgId(row.org_id), CallId(row.call_id))))
}

/// Forgets tickets that expired before the given moment; returns how many.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn prune(tx: &mut SystemTx, expired_before: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!("DELETE FROM media_tickets WHERE expires_at < $1", expired_before)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected())
}
