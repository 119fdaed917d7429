//! Single attempts to deliver, as the log shows them.

use chrono::{DateTime, Utc};
use domain::ids::DeliveryId;
use uuid::Uuid;

use super::deliveries::Delivery;
use crate::error::StoreError;
use crate::tx::OrgTx;

/// Attempts shown of one delivery; there are more only after many retries by hand.
const SHOWN: i64 = 20;

/// An attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: DateTime<Utc>,
    /// How long it took, in milliseconds.
    pub duration_ms: u32,
    /// The status of the answer.
    pub status: Option<u16>,
    /// Whether the receiver said yes.
    pub succeeded: bool,
    /// Why it failed.
    pub reason: Option<String>,
    /// The beginning of the answer.
    pub answer: Option<String>,
}

/// Adds an attempt to the log. One of a delivery that is gone meanwhile is forgotten with it.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn insert(
    tx: &mut OrgTx,
    id: Uuid,
    delivery: DeliveryId,
    attempt: &Attempt,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO webhook_attempts (id, org_id, delivery_id, at, duration_ms, status, succeeded, reason, answer)
           SELECT $1, org_id, id, $4, $5, $6, $7, $8, $9
           FROM webhook_deliveries
           WHERE org_id = $2 AND id = $3"#,
        id,
        org_id,
        delivery.0,
        attempt.at,
        i32::try_from(attempt.duration_ms).unwrap_or(i32::MAX),
        attempt.status.and_then(|status| i16::try_from(status).ok()),
        attempt.succeeded,
        attempt.reason,
        attempt.answer,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Gives deliveries their latest attempts.
pub(super) async fn attach(tx: &mut OrgTx, deliveries: &mut [Delivery]) -> Result<(), StoreError> {
    if deliveries.is_empty() {
        return Ok(());
    }
    let (conn, org_id) = tx.parts();
    let ids: Vec<Uuid> = deliveries.iter().map(|delivery| delivery.id.0).collect();
    let rows = sqlx::query!(
        r#"SELECT a.delivery_id AS "delivery_id!", a.at AS "at!", a.duration_ms AS "duration_ms!", a.status AS "status?",
                  a.succeeded AS "succeeded!", a.reason AS "reason?", a.answer AS "answer?"
           FROM UNNEST($2::uuid[]) AS shown (id)
           CROSS JOIN LATERAL (
               SELECT * FROM webhook_attempts
               WHERE org_id = $1 AND delivery_id = shown.id
               ORDER BY at DESC, id DESC
               LIMIT $3
           ) a
           ORDER BY a.at DESC, a.id DESC"#,
        org_id,
        &ids,
        SHOWN,
    )
    .fetch_all(conn)
    .await?;
    for row in rows {
        let Some(delivery) = deliveries.iter_mut().find(|delivery| delivery.id.0 == row.delivery_id) else {
            continue;
        };
        delivery.attempts.push(Attempt {
            at: row.at,
            duration_ms: row.duration_ms.unsigned_abs(),
            status: row.status.and_then(|status| u16::try_from(status).ok()),
            succeeded: row.succeeded,
            reason: row.reason,
            answer: row.answer,
        });
    }
    Ok(())
}
