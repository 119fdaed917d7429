//! The way of each event to each receiver, as the log shows it.

use chrono::{DateTime, Utc};
use domain::ids::{DeliveryId, WebhookEventId, WebhookId};
use domain::webhooks::EventType;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::attempts::{self, Attempt};
use crate::error::StoreError;
use crate::page::{Cursor, Page, rows_for, split};
use crate::text;
use crate::tx::OrgTx;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// To be tried, for the first time or again.
    Pending,
    /// The receiver said yes.
    Delivered,
    /// Given up.
    Failed,
    /// The receiver was disabled before.
    Canceled,
}

/// A delivery.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// To whom.
    pub webhook_id: WebhookId,
    /// Of what.
    pub event_id: WebhookEventId,
    /// What kind of event.
    pub kind: EventType,
    /// Where it stands.
    pub state: DeliveryState,
    /// When the event was sent on its way.
    pub created_at: DateTime<Utc>,
    /// Failed attempts of the present round.
    pub failed_attempts: u32,
    /// When it is tried next.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// When it was delivered or given up.
    pub finished_at: Option<DateTime<Utc>>,
    /// The latest attempts, newest first.
    pub attempts: Vec<Attempt>,
}

struct Row {
    id: Uuid,
    webhook_id: Uuid,
    event_id: Uuid,
    kind: String,
    state: String,
    created_at: DateTime<Utc>,
    failed_attempts: i32,
    next_attempt_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Delivery {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: DeliveryId(row.id),
            webhook_id: WebhookId(row.webhook_id),
            event_id: WebhookEventId(row.event_id),
            kind: text::decode(&row.kind)?,
            state: text::decode(&row.state)?,
            created_at: row.created_at,
            failed_attempts: row.failed_attempts.unsigned_abs(),
            next_attempt_at: row.next_attempt_at,
            finished_at: row.finished_at,
            attempts: Vec::new(),
        })
    }
}

/// Which deliveries are wanted.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Only those that stand there.
    pub state: Option<DeliveryState>,
    /// Only of such events.
    pub kind: Option<EventType>,
    /// Sent on their way from this moment on.
    pub since: Option<DateTime<Utc>>,
    /// Sent on their way before this moment.
    pub until: Option<DateTime<Utc>>,
}

/// One delivery with its attempts.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, id: DeliveryId) -> Result<Delivery, StoreError> {
    let (conn, org_id) = tx.parts();
    let mut delivery: Delivery = sqlx::query_as!(
        Row,
        r#"SELECT id, webhook_id, event_id, type AS kind, state, created_at, failed_attempts, next_attempt_at,
                  finished_at
           FROM webhook_deliveries
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "webhook delivery" })?
    .try_into()?;
    attempts::attach(tx, std::slice::from_mut(&mut delivery)).await?;
    Ok(delivery)
}

/// Deliveries to a receiver with their attempts, newest first, behind the cursor.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut OrgTx,
    webhook: WebhookId,
    filter: &DeliveryFilter,
    behind: Option<Cursor>,
    limit: u32,
) -> Result<Page<Delivery>, StoreError> {
    let (conn, org_id) = tx.parts();
    let (at, id) = split(behind);
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, webhook_id, event_id, type AS kind, state, created_at, failed_attempts, next_attempt_at,
                  finished_at
           FROM webhook_deliveries
           WHERE org_id = $1
             AND webhook_id = $2
             AND (created_at, id) < (COALESCE($3::timestamptz, 'infinity'), COALESCE($4::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
             AND ($5::text IS NULL OR state = $5)
             AND ($6::text IS NULL OR type = $6)
             AND ($7::timestamptz IS NULL OR created_at >= $7)
             AND ($8::timestamptz IS NULL OR created_at < $8)
           ORDER BY created_at DESC, id DESC
           LIMIT $9"#,
        org_id,
        webhook.0,
        at,
        id,
        filter.state.as_ref().map(text::encode).transpose()?,
        filter.kind.map(EventType::name),
        filter.since,
        filter.until,
        rows_for(limit),
    )
    .fetch_all(conn)
    .await?;
    let deliveries = rows.into_iter().map(Delivery::try_from).collect::<Result<_, _>>()?;
    let mut page = Page::cut(deliveries, limit);
    attempts::attach(tx, &mut page.items).await?;
    Ok(page)
}

/// Begins a new round: the next attempt is due at once. One that is under way stays under way.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn begin_again(tx: &mut OrgTx, id: DeliveryId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE webhook_deliveries
           SET state = 'pending', round_started_at = $3, failed_attempts = 0, next_attempt_at = $3, finished_at = NULL
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
        now,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "webhook delivery" }) } else { Ok(()) }
}

/// Takes back what is on its way to a receiver; returns how many.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn cancel_pending(
    tx: &mut OrgTx,
    webhook: WebhookId,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE webhook_deliveries
           SET state = 'canceled', next_attempt_at = NULL, leased_until = NULL, finished_at = $3
           WHERE org_id = $1 AND webhook_id = $2 AND state = 'pending'"#,
        org_id,
        webhook.0,
        now,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
