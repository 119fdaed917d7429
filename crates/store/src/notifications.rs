//! What people are told: one row for each person and way.

pub mod texts;

use chrono::{DateTime, Utc};
use domain::ids::NotificationId;
use domain::notification_settings::{Channel, Event};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{Column, Listed, SortKey, Source, Span, Wanted, fetch, push_equal, push_ids};
use crate::text;
use crate::tx::{OrgTx, SystemTx};

/// Where a notification stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationState {
    /// It is to be sent, perhaps again.
    Waiting,
    /// The transport took it.
    Sent,
    /// It can't be sent, or was tried too often.
    Failed,
    /// What it tells of is gone.
    Dropped,
}

/// Something to be told.
#[derive(Debug, Clone)]
pub struct NewNotification {
    /// Its id.
    pub id: NotificationId,
    /// What happened.
    pub event: Event,
    /// Names the fact, 1 to 200 characters.
    pub key: String,
    /// By which way; never [`Channel::Phone`].
    pub channel: Channel,
    /// To where.
    pub address: String,
    /// To whom.
    pub name: String,
    /// What it tells.
    pub facts: serde_json::Value,
    /// Not before.
    pub not_before: Option<DateTime<Utc>>,
    /// Now.
    pub created_at: DateTime<Utc>,
}

/// Something that is, or was, to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// Its id.
    pub id: NotificationId,
    /// What happened.
    pub event: Event,
    /// Names the fact.
    pub key: String,
    /// By which way.
    pub channel: Channel,
    /// To where.
    pub address: String,
    /// To whom.
    pub name: String,
    /// What it tells.
    pub facts: serde_json::Value,
    /// Where it stands.
    pub state: NotificationState,
    /// Not before.
    pub not_before: Option<DateTime<Utc>>,
    /// Failed attempts.
    pub attempts: u32,
    /// Why the last attempt failed, or why it was dropped.
    pub reason: Option<String>,
    /// What the transport calls it.
    pub transport_id: Option<String>,
    /// When it was written down.
    pub created_at: DateTime<Utc>,
    /// When it was sent or given up.
    pub finished_at: Option<DateTime<Utc>>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    event: String,
    key: String,
    channel: String,
    address: String,
    name: String,
    facts: serde_json::Value,
    state: String,
    not_before: Option<DateTime<Utc>>,
    attempts: i32,
    reason: Option<String>,
    transport_id: Option<String>,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Notification {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: NotificationId(row.id),
            event: text::decode(&row.event)?,
            key: row.key,
            channel: text::decode(&row.channel)?,
            address: row.address,
            name: row.name,
            facts: row.facts,
            state: text::decode(&row.state)?,
            not_before: row.not_before,
            attempts: row.attempts.unsigned_abs(),
            reason: row.reason,
            transport_id: row.transport_id,
            created_at: row.created_at,
            finished_at: row.finished_at,
        })
    }
}

/// What a list of notifications can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationSort {
    /// When it was written down.
    CreatedAt,
}

impl SortKey for NotificationSort {
    fn column(self) -> Column {
        match self {
            Self::CreatedAt => Column::time("created_at"),
        }
    }
}

/// What to look for in a list of notifications.
#[derive(Debug, Clone, Default)]
pub struct NotificationFilter {
    /// Only these.
    pub ids: Option<Vec<NotificationId>>,
    /// Only those that stand there.
    pub state: Option<NotificationState>,
    /// Only those of this event.
    pub event: Option<Event>,
    /// Only those by this way.
    pub channel: Option<Channel>,
    /// Only those written down in this span.
    pub created: Span,
}

const LIST: Source = Source {
    columns: "id, event, key, channel, address, name, facts, state, not_before, attempts, reason, transport_id, \
              created_at, finished_at",
    from: "notifications",
    id: "id",
};

/// Writes a notification down, unless the same fact is there for this address and way; returns whether it was new.
///
/// # Errors
/// [`StoreError::Conflict`] by `notifications_channel_known`, `notifications_key_length` or
/// `notifications_address_length`.
pub async fn insert(tx: &mut OrgTx, new: &NewNotification) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"INSERT INTO notifications (id, org_id, event, key, channel, address, name, facts, not_before, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
           ON CONFLICT (org_id, event, key, channel, address) DO NOTHING"#,
        new.id.0,
        org_id,
        text::encode(&new.event)?,
        new.key,
        text::encode(&new.channel)?,
        new.address,
        new.name,
        new.facts,
        new.not_before,
        new.created_at,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// One notification.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, id: NotificationId) -> Result<Notification, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_as!(
        Row,
        r#"SELECT id, event, key, channel, address, name, facts, state, not_before, attempts, reason, transport_id,
                  created_at, finished_at
           FROM notifications
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "notification" })?
    .try_into()
}

/// Notifications that meet the filter.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut OrgTx,
    filter: &NotificationFilter,
    wanted: &Wanted<NotificationSort>,
) -> Result<Listed<Notification>, StoreError> {
    let (conn, org_id) = tx.parts();
    let state = filter.state.as_ref().map(text::encode).transpose()?;
    let event = filter.event.as_ref().map(text::encode).transpose()?;
    let channel = filter.channel.as_ref().map(text::encode).transpose()?;
    let ids = filter.ids.as_ref().map(|ids| ids.iter().map(|id| id.0).collect::<Vec<_>>());
    fetch(
        conn,
        &LIST,
        wanted,
        |query| {
            query.push("org_id = ").push_bind(org_id);
            push_ids(query, "id", ids.clone());
            push_equal(query, "state", state.clone());
            push_equal(query, "event", event.clone());
            push_equal(query, "channel", channel.clone());
            filter.created.push(query, "created_at");
        },
        |row: Row| row.try_into(),
    )
    .await
}

/// The transport took it. Nothing changes when it is finished already; returns whether it was not.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn sent(
    tx: &mut OrgTx,
    id: NotificationId,
    transport_id: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE notifications
           SET state = 'sent', transport_id = $3, reason = NULL, finished_at = $4
           WHERE org_id = $1 AND id = $2 AND state = 'waiting'"#,
        org_id,
        id.0,
        transport_id,
        now,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// An attempt failed; returns how many did. It waits for the next.
///
/// # Errors
/// [`StoreError::NotFound`] when it waits no more.
pub async fn tried(tx: &mut OrgTx, id: NotificationId, reason: &str) -> Result<u32, StoreError> {
    let (conn, org_id) = tx.parts();
    let attempts = sqlx::query_scalar!(
        r#"UPDATE notifications
           SET attempts = attempts + 1, reason = $3
           WHERE org_id = $1 AND id = $2 AND state = 'waiting'
           RETURNING attempts"#,
        org_id,
        id.0,
        reason,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "notification" })?;
    Ok(attempts.unsigned_abs())
}

/// It is not sent any more: it failed, or what it tells of is gone.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn give_up(
    tx: &mut OrgTx,
    id: NotificationId,
    state: NotificationState,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"UPDATE notifications
           SET state = $3, reason = $4, finished_at = $5
           WHERE org_id = $1 AND id = $2 AND state = 'waiting'"#,
        org_id,
        id.0,
        text::encode(&state)?,
        reason,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// It waits again, as if it was never tried; `false` when it did not fail.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn revive(tx: &mut OrgTx, id: NotificationId) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE notifications
           SET state = 'waiting', attempts = 0, finished_at = NULL
           WHERE org_id = $1 AND id = $2 AND state = 'failed'"#,
        org_id,
        id.0,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Forgets notifications of before a moment, at most so many; returns how many.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn forget(tx: &mut SystemTx, before: DateTime<Utc>, most: u32) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        r#"DELETE FROM notifications
           WHERE id IN (SELECT id FROM notifications WHERE created_at < $1 AND state <> 'waiting' LIMIT $2)"#,
        before,
        i64::from(most),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
