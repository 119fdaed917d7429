//! Signed-in sessions. Only the hash of a session's token is stored.

use chrono::{DateTime, Utc};
use domain::ids::{OrgId, SessionId, UserId};

use crate::error::StoreError;
use crate::tx::SystemTx;

/// A session to be opened.
#[derive(Debug, Clone)]
pub struct NewSession<'a> {
    /// Its id.
    pub id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// The organization it works in.
    pub org_id: OrgId,
    /// The hash of its token.
    pub token_hash: &'a [u8],
    /// Now.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
    /// Where it was opened from.
    pub ip: Option<&'a str>,
    /// With what.
    pub user_agent: Option<&'a str>,
}

/// A session in force, with what a request needs to know of the person.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// Their address.
    pub email: String,
    /// Their name.
    pub name: String,
    /// The organization it works in.
    pub org_id: OrgId,
    /// The organization's name.
    pub org_name: String,
    /// Their role there.
    pub role: String,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
}

// By hand, so that no log shows the address.
impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("user_id", &self.user_id)
            .field("org_id", &self.org_id)
            .finish_non_exhaustive()
    }
}

/// Opens a session.
///
/// # Errors
/// [`StoreError::Conflict`] by `sessions_token_unique`, `sessions_user_fkey` or `sessions_org_fkey`.
pub async fn create(tx: &mut SystemTx, session: &NewSession<'_>) -> Result<(), StoreError> {
    sqlx::query!(
        r#"INSERT INTO sessions (id, user_id, org_id, token_hash, created_at, expires_at, ip, user_agent)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"#,
        session.id.0,
        session.user_id.0,
        session.org_id.0,
        session.token_hash,
        session.created_at,
        session.expires_at,
        session.ip,
        session.user_agent,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The session of a token, unless it is over, revoked, or the person left the organization.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn find(
    tx: &mut SystemTx,
    token_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<Session>, StoreError> {
    let found = sqlx::query!(
        r#"SELECT s.id, s.user_id, u.email, u.name, s.org_id, o.name AS org_name, m.role, s.expires_at
           FROM sessions s
           JOIN users u ON u.id = s.user_id
           JOIN organizations o ON o.id = s.org_id
           JOIN members m ON m.org_id = s.org_id AND m.user_id = s.user_id
           WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > $2"#,
        token_hash,
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.map(|row| Session {
        id: SessionId(row.id),
        user_id: UserId(row.user_id),
        email: row.email,
        name: row.name,
        org_id: OrgId(row.org_id),
        org_name: row.org_name,
        role: row.role,
        expires_at: row.expires_at,
    }))
}

/// Ends a session; one that is over already stays so.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn revoke(tx: &mut SystemTx, id: SessionId, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!("UPDATE sessions SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL", id.0, now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Forgets sessions that were over before the given moment; returns how many.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn prune(tx: &mut SystemTx, over_before: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!("DELETE FROM sessions WHERE expires_at < $1 OR revoked_at < $1", over_before)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected())
}
