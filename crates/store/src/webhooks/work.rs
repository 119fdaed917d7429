//! What the worker does with deliveries: take some under a lease, learn what to send, write down how it went.

use chrono::{DateTime, Utc};
use domain::ids::{DeliveryId, OrgId, WebhookEventId, WebhookId};
use domain::webhooks::EventType;

use super::SealedSecrets;
use super::events::Event;
use crate::error::StoreError;
use crate::text;
use crate::tx::{OrgTx, SystemTx};

/// A delivery that this worker may work on, as long as its lease lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leased {
    /// Whose it is.
    pub org_id: OrgId,
    /// The delivery.
    pub id: DeliveryId,
    /// Which lease of it.
    pub lease: i32,
}

/// How much may be under way.
#[derive(Debug, Clone, Copy)]
pub struct InFlight {
    /// To one receiver that is well.
    pub usual: u32,
    /// To one receiver that is ill.
    pub ill: u32,
    /// Failures in a row from which on it is ill.
    pub ill_from: u32,
}

/// Takes deliveries that are due, the longest due first, at most `limit`. A delivery whose worker died is due again
/// when its lease is over.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn lease(
    tx: &mut SystemTx,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    in_flight: InFlight,
    limit: u32,
) -> Result<Vec<Leased>, StoreError> {
    // One worker at a time counts what is under way.
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('webhook deliveries', 0))")
        .execute(tx.conn())
        .await?;
    // Receivers with work are found by hopping over the index, not by reading all of their deliveries.
    let rows = sqlx::query!(
        r#"WITH RECURSIVE waiting AS (
               (SELECT webhook_id FROM webhook_deliveries WHERE state = 'pending' ORDER BY webhook_id LIMIT 1)
               UNION ALL
               SELECT (
                   SELECT d.webhook_id FROM webhook_deliveries d
                   WHERE d.state = 'pending' AND d.webhook_id > waiting.webhook_id
                   ORDER BY d.webhook_id
                   LIMIT 1
               )
               FROM waiting
               WHERE waiting.webhook_id IS NOT NULL
           ),
           picked AS (
               SELECT due.id
               FROM waiting
               JOIN webhooks w ON w.id = waiting.webhook_id
               CROSS JOIN LATERAL (
                   SELECT d.id, d.next_attempt_at
                   FROM webhook_deliveries d
                   WHERE d.webhook_id = w.id
                     AND d.state = 'pending'
                     AND d.next_attempt_at <= $1
                     AND (d.leased_until IS NULL OR d.leased_until <= $1)
                     AND (w.enabled OR d.type = 'ping')
                   ORDER BY d.next_attempt_at, d.id
                   LIMIT GREATEST(0, CASE WHEN w.failures >= $5 THEN $4::bigint ELSE $3::bigint END - (
                       SELECT count(*) FROM webhook_deliveries f
                       WHERE f.webhook_id = w.id AND f.leased_until > $1
                   ))
                   FOR UPDATE SKIP LOCKED
               ) due
               WHERE w.paused_until IS NULL OR w.paused_until <= $1
               ORDER BY due.next_attempt_at
               LIMIT $6
           )
           UPDATE webhook_deliveries d
           SET leased_until = $2, lease = d.lease + 1
           FROM picked
           WHERE d.id = picked.id
           RETURNING d.org_id, d.id, d.lease"#,
        now,
        until,
        i64::from(in_flight.usual),
        i64::from(in_flight.ill),
        i32::try_from(in_flight.ill_from).unwrap_or(i32::MAX),
        i64::from(limit),
    )
    .fetch_all(tx.conn())
    .await?;
    let leased = rows.into_iter();
    Ok(leased
        .map(|row| Leased { org_id: OrgId(row.org_id), id: DeliveryId(row.id), lease: row.lease })
        .collect())
}

/// What is to be sent, and to whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Parcel {
    /// To whom.
    pub webhook_id: WebhookId,
    /// Where it listens.
    pub url: String,
    /// What signs.
    pub secrets: SealedSecrets,
    /// What.
    pub event: Event,
    /// When this round began.
    pub round_started_at: DateTime<Utc>,
    /// Failed attempts of this round.
    pub failed_attempts: u32,
}

/// What a leased delivery is to send; `None` when the lease is lost or the delivery was taken back.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn parcel(tx: &mut OrgTx, leased: &Leased) -> Result<Option<Parcel>, StoreError> {
    let (conn, org_id) = tx.parts();
    let row = sqlx::query!(
        r#"SELECT d.webhook_id, d.round_started_at, d.failed_attempts, w.url, w.secret_sealed, w.former_secret_sealed,
                  w.former_secret_until, e.id AS event_id, e.type AS kind, e.key, e.at, e.data
           FROM webhook_deliveries d
           JOIN webhooks w ON w.org_id = d.org_id AND w.id = d.webhook_id
           JOIN webhook_events e ON e.org_id = d.org_id AND e.id = d.event_id
           WHERE d.org_id = $1 AND d.id = $2 AND d.lease = $3 AND d.state = 'pending'"#,
        org_id,
        leased.id.0,
        leased.lease,
    )
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let kind: EventType = text::decode(&row.kind)?;
    Ok(Some(Parcel {
        webhook_id: WebhookId(row.webhook_id),
        url: row.url,
        secrets: SealedSecrets {
            current: row.secret_sealed,
            former: row.former_secret_sealed.zip(row.former_secret_until),
        },
        event: Event { id: WebhookEventId(row.event_id), kind, key: row.key, at: row.at, data: row.data },
        round_started_at: row.round_started_at,
        failed_attempts: row.failed_attempts.unsigned_abs(),
    }))
}

/// The delivery is over: delivered, or given up. Says no when the lease is lost.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn finish(
    tx: &mut OrgTx,
    leased: &Leased,
    delivered: bool,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE webhook_deliveries
           SET state = CASE WHEN $4 THEN 'delivered' ELSE 'failed' END,
               failed_attempts = failed_attempts + CASE WHEN $4 THEN 0 ELSE 1 END,
               next_attempt_at = NULL,
               leased_until = NULL,
               finished_at = $5
           WHERE org_id = $1 AND id = $2 AND lease = $3 AND state = 'pending'"#,
        org_id,
        leased.id.0,
        leased.lease,
        delivered,
        now,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The attempt failed; the next one comes later. Says no when the lease is lost.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn postpone(
    tx: &mut OrgTx,
    leased: &Leased,
    next_attempt_at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE webhook_deliveries
           SET failed_attempts = failed_attempts + 1, next_attempt_at = $4, leased_until = NULL
           WHERE org_id = $1 AND id = $2 AND lease = $3 AND state = 'pending'"#,
        org_id,
        leased.id.0,
        leased.lease,
        next_attempt_at,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
