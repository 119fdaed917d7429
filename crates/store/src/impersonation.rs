//! Organizations that were opened from above: what marks such a session, and its end.

use chrono::{DateTime, Utc};
use domain::ids::{OrgId, SessionId, UserId};

use crate::error::StoreError;
use crate::tx::SystemTx;

/// Most ends that are looked for at once.
const AT_ONCE: i64 = 200;

/// Where a session in an organization below was opened from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// The organization above.
    pub from: OrgId,
    /// The person's session there.
    pub by: SessionId,
}

/// Marks a session as opened from above.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Conflict`] by `sessions_opened_by_fkey` or `sessions_opened_from_fkey`.
pub async fn mark(tx: &mut SystemTx, id: SessionId, opened: Opened) -> Result<(), StoreError> {
    let done = sqlx::query!(
        "UPDATE sessions SET opened_from = $2, opened_by = $3 WHERE id = $1",
        id.0,
        opened.from.0,
        opened.by.0
    )
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "session" }) } else { Ok(()) }
}

/// Closes a session that was opened from above; returns whether it was not closed before.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn close(tx: &mut SystemTx, id: SessionId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        r#"UPDATE sessions
           SET closed_at = $2,
               revoked_at = COALESCE(revoked_at, $2),
               revoked_why = COALESCE(revoked_why, 'closed')
           WHERE id = $1 AND opened_by IS NOT NULL AND closed_at IS NULL"#,
        id.0,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// A session that ended without being closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lapsed {
    /// Its id.
    pub id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// In which organization.
    pub org_id: OrgId,
    /// From which.
    pub opened_from: OrgId,
    /// Whether somebody ended it, or its time was over.
    pub was_ended: bool,
}

/// Sessions opened from above that ended without being closed, and are not being closed now; at most 200.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn lapsed(tx: &mut SystemTx, now: DateTime<Utc>) -> Result<Vec<Lapsed>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id, user_id, org_id, opened_from AS "opened_from!", revoked_at IS NOT NULL AS "was_ended!"
           FROM sessions
           WHERE opened_by IS NOT NULL AND closed_at IS NULL AND (expires_at <= $1 OR revoked_at IS NOT NULL)
           ORDER BY expires_at
           LIMIT $2
           FOR UPDATE SKIP LOCKED"#,
        now,
        AT_ONCE,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Lapsed {
            id: SessionId(row.id),
            user_id: UserId(row.user_id),
            org_id: OrgId(row.org_id),
            opened_from: OrgId(row.opened_from),
            was_ended: row.was_ended,
        })
        .collect())
}
