//! Refresh tokens: each is exchanged once for its successor. Only their hashes are stored.

use chrono::{DateTime, Utc};
use domain::ids::SessionId;

use crate::error::StoreError;
use crate::tx::SystemTx;

/// A refresh token that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// The session it belongs to.
    pub session_id: SessionId,
    /// When it ends unused.
    pub expires_at: DateTime<Utc>,
    /// When it was exchanged.
    pub rotated_at: Option<DateTime<Utc>>,
}

/// Enters a token.
///
/// # Errors
/// [`StoreError::Conflict`] by `refresh_tokens_pkey` or `refresh_tokens_session_fkey`.
pub async fn insert(
    tx: &mut SystemTx,
    session_id: SessionId,
    token_hash: &[u8],
    issued_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO refresh_tokens (token_hash, session_id, issued_at, expires_at) VALUES ($1, $2, $3, $4)",
        token_hash,
        session_id.0,
        issued_at,
        expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The token with this hash, locked until the transaction ends: of two exchanges at once the second sees what
/// the first did.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn lock(tx: &mut SystemTx, token_hash: &[u8]) -> Result<Option<RefreshToken>, StoreError> {
    let found = sqlx::query!(
        "SELECT session_id, expires_at, rotated_at FROM refresh_tokens WHERE token_hash = $1 FOR UPDATE",
        token_hash
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.map(|row| RefreshToken {
        session_id: SessionId(row.session_id),
        expires_at: row.expires_at,
        rotated_at: row.rotated_at,
    }))
}

/// Marks a token as exchanged.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn mark_rotated(
    tx: &mut SystemTx,
    token_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!("UPDATE refresh_tokens SET rotated_at = $2 WHERE token_hash = $1", token_hash, now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Forgets tokens that ended before the given moment; returns how many.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn prune(tx: &mut SystemTx, over_before: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!("DELETE FROM refresh_tokens WHERE expires_at < $1", over_before)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected())
}
