//! What happened: written down once, in the transaction in which it happened, together with a delivery for every
//! receiver that wants it.

use chrono::{DateTime, Utc};
use domain::ids::{DeliveryId, WebhookEventId, WebhookId};
use domain::webhooks::EventType;
use uuid::Uuid;

use crate::error::StoreError;
use crate::tx::{OrgTx, SystemTx};

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its id, which is also the id that receivers tell repetitions by.
    pub id: WebhookEventId,
    /// What kind.
    pub kind: EventType,
    /// Names the fact: the same one is told once.
    pub key: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What there is to tell.
    pub data: serde_json::Value,
}

/// The receivers of an organization, as an event sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    /// Whether there is any receiver, enabled or not: only then events are kept.
    pub exists: bool,
    /// The enabled receivers that want the event.
    pub wanted_by: Vec<WebhookId>,
}

/// Who wants events of this kind.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn audience(tx: &mut OrgTx, kind: EventType) -> Result<Audience, StoreError> {
    let (conn, org_id) = tx.parts();
    let rows = sqlx::query!(
        r#"SELECT id, enabled AND events && $2::text[] AS "wants!" FROM webhooks WHERE org_id = $1"#,
        org_id,
        &kind.patterns() as &[String],
    )
    .fetch_all(conn)
    .await?;
    Ok(Audience {
        exists: !rows.is_empty(),
        wanted_by: rows.into_iter().filter(|row| row.wants).map(|row| WebhookId(row.id)).collect(),
    })
}

/// Writes an event down. Says no when the same fact was written down before.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn insert(tx: &mut OrgTx, event: &Event) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"INSERT INTO webhook_events (id, org_id, type, key, at, data)
           VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT ON CONSTRAINT webhook_events_once DO NOTHING"#,
        event.id.0,
        org_id,
        event.kind.name(),
        event.key,
        event.at,
        event.data,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Sends an event on its way to receivers, each with the id of its delivery.
///
/// # Errors
/// [`StoreError::Conflict`] by `webhook_deliveries_once` when it is on its way to one of them already.
pub async fn address(
    tx: &mut OrgTx,
    event: &Event,
    to: &[(DeliveryId, WebhookId)],
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let ids: Vec<Uuid> = to.iter().map(|(id, _)| id.0).collect();
    let webhooks: Vec<Uuid> = to.iter().map(|(_, webhook)| webhook.0).collect();
    sqlx::query!(
        r#"INSERT INTO webhook_deliveries
               (id, org_id, webhook_id, event_id, type, state, created_at, round_started_at, next_attempt_at)
           SELECT id, $1, webhook_id, $2, $3, 'pending', $4, $4, $4
           FROM UNNEST($5::uuid[], $6::uuid[]) AS receiver (id, webhook_id)"#,
        org_id,
        event.id.0,
        event.kind.name(),
        event.at,
        &ids,
        &webhooks,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Which events are to be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayRange {
    /// From this moment on.
    pub since: DateTime<Utc>,
    /// Until before this moment.
    pub until: DateTime<Utc>,
    /// Of these kinds.
    pub kinds: Vec<EventType>,
}

/// The events of a range, oldest first, at most `limit`.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn in_range(
    tx: &mut OrgTx,
    range: &ReplayRange,
    limit: u32,
) -> Result<Vec<WebhookEventId>, StoreError> {
    let (conn, org_id) = tx.parts();
    let kinds: Vec<String> = range.kinds.iter().map(|kind| kind.name().to_owned()).collect();
    let ids = sqlx::query_scalar!(
        r#"SELECT id FROM webhook_events
           WHERE org_id = $1 AND at >= $2 AND at < $3 AND type = ANY($4)
           ORDER BY at, id
           LIMIT $5"#,
        org_id,
        range.since,
        range.until,
        &kinds,
        i64::from(limit),
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(WebhookEventId).collect())
}

/// Sends events (again) to a receiver, each with the id for a delivery should it need a new one. What is on its
/// way already stays so. Returns how many began a new round.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn send_again(
    tx: &mut OrgTx,
    webhook: WebhookId,
    events: &[(DeliveryId, WebhookEventId)],
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let (conn, org_id) = tx.parts();
    let ids: Vec<Uuid> = events.iter().map(|(id, _)| id.0).collect();
    let events: Vec<Uuid> = events.iter().map(|(_, event)| event.0).collect();
    let done = sqlx::query!(
        r#"INSERT INTO webhook_deliveries AS d
               (id, org_id, webhook_id, event_id, type, state, created_at, round_started_at, next_attempt_at)
           SELECT again.id, $1, $2, e.id, e.type, 'pending', $3, $3, $3
           FROM UNNEST($4::uuid[], $5::uuid[]) AS again (id, event_id)
           JOIN webhook_events e ON e.org_id = $1 AND e.id = again.event_id
           ON CONFLICT ON CONSTRAINT webhook_deliveries_once DO UPDATE
               SET state = 'pending', round_started_at = $3, failed_attempts = 0, next_attempt_at = $3,
                   finished_at = NULL
               WHERE d.state <> 'pending'"#,
        org_id,
        webhook.0,
        now,
        &ids,
        &events,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Forgets events from before the given moment with all that is known of their deliveries, at most `limit` at a
/// time; those still on their way stay. Returns how many.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn prune(tx: &mut SystemTx, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        r#"DELETE FROM webhook_events
           WHERE id IN (
               SELECT e.id FROM webhook_events e
               WHERE e.at < $1
                 AND NOT EXISTS (
                     SELECT FROM webhook_deliveries d
                     WHERE d.org_id = e.org_id AND d.event_id = e.id AND d.state = 'pending'
                 )
               LIMIT $2
           )"#,
        before,
        i64::from(limit),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
