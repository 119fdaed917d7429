//! How a receiver does. Callers hold it by [`super::lock`].

use chrono::{DateTime, Utc};
use domain::ids::WebhookId;

use crate::error::StoreError;
use crate::tx::OrgTx;

/// The receiver said yes: it is well.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn succeeded(tx: &mut OrgTx, id: WebhookId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"UPDATE webhooks
           SET failures = 0, failing_since = NULL, paused_until = NULL, last_success_at = $3
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The receiver failed, and is left in peace until then.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn failed(
    tx: &mut OrgTx,
    id: WebhookId,
    now: DateTime<Utc>,
    paused_until: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"UPDATE webhooks
           SET failures = failures + 1,
               failing_since = COALESCE(failing_since, $3),
               paused_until = GREATEST(paused_until, $4)
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
        now,
        paused_until,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The receiver need not be left in peace any more: somebody wants to know.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn resume(tx: &mut OrgTx, id: WebhookId) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!("UPDATE webhooks SET paused_until = NULL WHERE org_id = $1 AND id = $2", org_id, id.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// The system disables a receiver.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn disable(
    tx: &mut OrgTx,
    id: WebhookId,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"UPDATE webhooks
           SET enabled = false, disabled_reason = $3, updated_at = $4
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
        reason,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}
