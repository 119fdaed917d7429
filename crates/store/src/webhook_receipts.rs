//! Receipts of webhooks: a delivery that comes again gets the answer of the first time.

use chrono::{DateTime, Utc};

use crate::error::StoreError;
use crate::tx::SystemTx;

/// Whether a delivery is to be worked on.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// The first of its kind (or the first died on the way): work on it, then [`complete`].
    Ours,
    /// Another delivery is being worked on right now.
    InProgress,
    /// It was answered like this.
    Answered(serde_json::Value),
}

/// Claims a delivery. `source` names the webhook, `token` the delivery. A claim that was not completed by
/// `stale_before` is taken over. Commit the transaction before the work begins.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn claim(
    tx: &mut SystemTx,
    source: &str,
    token: &str,
    now: DateTime<Utc>,
    stale_before: DateTime<Utc>,
) -> Result<Claim, StoreError> {
    let claimed = sqlx::query_scalar!(
        r#"INSERT INTO webhook_receipts (source, token, received_at)
           VALUES ($1, $2, $3)
           ON CONFLICT ON CONSTRAINT webhook_receipts_pkey DO UPDATE
               SET received_at = $3
               WHERE webhook_receipts.response IS NULL AND webhook_receipts.received_at < $4
           RETURNING token"#,
        source,
        token,
        now,
        stale_before,
    )
    .fetch_optional(tx.conn())
    .await?;
    if claimed.is_some() {
        return Ok(Claim::Ours);
    }
    let response = sqlx::query_scalar!(
        "SELECT response FROM webhook_receipts WHERE source = $1 AND token = $2",
        source,
        token
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(response.flatten().map_or(Claim::InProgress, Claim::Answered))
}

/// Remembers the answer to a claimed delivery.
///
/// # Errors
/// [`StoreError::NotFound`] when it was never claimed, or forgotten since.
pub async fn complete(
    tx: &mut SystemTx,
    source: &str,
    token: &str,
    response: &serde_json::Value,
) -> Result<(), StoreError> {
    let done = sqlx::query!(
        "UPDATE webhook_receipts SET response = $3 WHERE source = $1 AND token = $2",
        source,
        token,
        response,
    )
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "webhook receipt" }) } else { Ok(()) }
}

/// Forgets deliveries received before the given moment; returns how many.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn prune(tx: &mut SystemTx, received_before: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!("DELETE FROM webhook_receipts WHERE received_at < $1", received_before)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected())
}
