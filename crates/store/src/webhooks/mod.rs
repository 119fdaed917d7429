//! Outgoing webhooks: receivers. What happened is in [`events`], its way to each receiver in [`deliveries`] and
//! [`attempts`]; [`work`] is what the worker does.

pub mod attempts;
pub mod deliveries;
pub mod events;
pub mod health;
pub mod work;

use chrono::{DateTime, Utc};
use domain::ids::WebhookId;
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{Page, rows_for};
use crate::tx::OrgTx;

/// A receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Where it listens.
    pub url: String,
    /// What the organization says about it.
    pub description: String,
    /// Patterns of the events it wants.
    pub events: Vec<String>,
    /// Whether it is told anything.
    pub enabled: bool,
    /// Why the system disabled it.
    pub disabled_reason: Option<String>,
    /// Until when the former secret signs, too.
    pub former_secret_until: Option<DateTime<Utc>>,
    /// Failures in a row.
    pub failures: u32,
    /// Since when there was no success.
    pub failing_since: Option<DateTime<Utc>>,
    /// The latest success.
    pub last_success_at: Option<DateTime<Utc>>,
    /// Left in peace until then.
    pub paused_until: Option<DateTime<Utc>>,
    /// When it was entered.
    pub created_at: DateTime<Utc>,
    /// When its configuration was last changed.
    pub updated_at: DateTime<Utc>,
}

struct Row {
    id: Uuid,
    url: String,
    description: String,
    events: Vec<String>,
    enabled: bool,
    disabled_reason: Option<String>,
    former_secret_until: Option<DateTime<Utc>>,
    failures: i32,
    failing_since: Option<DateTime<Utc>>,
    last_success_at: Option<DateTime<Utc>>,
    paused_until: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Webhook {
    fn from(row: Row) -> Self {
        Self {
            id: WebhookId(row.id),
            url: row.url,
            description: row.description,
            events: row.events,
            enabled: row.enabled,
            disabled_reason: row.disabled_reason,
            former_secret_until: row.former_secret_until,
            failures: row.failures.unsigned_abs(),
            failing_since: row.failing_since,
            last_success_at: row.last_success_at,
            paused_until: row.paused_until,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A receiver's sealed secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecrets {
    /// The one that signs.
    pub current: Vec<u8>,
    /// The one before it, and until when it signs, too.
    pub former: Option<(Vec<u8>, DateTime<Utc>)>,
}

// By hand: not even sealed secrets are shown.
impl std::fmt::Debug for SealedSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedSecrets").field("former", &self.former.is_some()).finish_non_exhaustive()
    }
}

/// What a person decides of a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Where it listens.
    pub url: String,
    /// What the organization says about it.
    pub description: String,
    /// Patterns of the events it wants.
    pub events: Vec<String>,
    /// Whether it is told anything.
    pub enabled: bool,
}

/// How many receivers there are. Locks their number until the transaction ends, so that two of these can't both
/// enter the last one that is allowed.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn lock_count(tx: &mut OrgTx) -> Result<u32, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('webhooks ' || $1::uuid::text, 0))", org_id)
        .execute(&mut *conn)
        .await?;
    let count = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM webhooks WHERE org_id = $1"#, org_id)
        .fetch_one(conn)
        .await?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Enters a receiver.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn insert(
    tx: &mut OrgTx,
    id: WebhookId,
    settings: &WebhookSettings,
    secret_sealed: &[u8],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO webhooks (id, org_id, url, description, events, enabled, secret_sealed, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)"#,
        id.0,
        org_id,
        settings.url,
        settings.description,
        &settings.events,
        settings.enabled,
        secret_sealed,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// One receiver.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, id: WebhookId) -> Result<Webhook, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_as!(
        Row,
        r#"SELECT id, url, description, events, enabled, disabled_reason, former_secret_until, failures,
                  failing_since, last_success_at, paused_until, created_at, updated_at
           FROM webhooks
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .map(Webhook::from)
    .ok_or(StoreError::NotFound { noun: "webhook" })
}

/// One receiver, kept from being changed by others until the transaction ends. Events can be written down for it
/// meanwhile.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn lock(tx: &mut OrgTx, id: WebhookId) -> Result<Webhook, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_as!(
        Row,
        r#"SELECT id, url, description, events, enabled, disabled_reason, former_secret_until, failures,
                  failing_since, last_success_at, paused_until, created_at, updated_at
           FROM webhooks
           WHERE org_id = $1 AND id = $2
           FOR NO KEY UPDATE"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .map(Webhook::from)
    .ok_or(StoreError::NotFound { noun: "webhook" })
}

/// Receivers, newest first, older than `before`.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut OrgTx,
    before: Option<WebhookId>,
    limit: u32,
) -> Result<Page<Webhook>, StoreError> {
    let (conn, org_id) = tx.parts();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, url, description, events, enabled, disabled_reason, former_secret_until, failures,
                  failing_since, last_success_at, paused_until, created_at, updated_at
           FROM webhooks
           WHERE org_id = $1 AND id < $2
           ORDER BY id DESC
           LIMIT $3"#,
        org_id,
        before.map_or(Uuid::max(), |id| id.0),
        rows_for(limit),
    )
    .fetch_all(conn)
    .await?;
    Ok(Page::cut(rows.into_iter().map(Webhook::from).collect(), limit))
}

/// Replaces what a person decides. One that is enabled begins with a clean slate.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn update(
    tx: &mut OrgTx,
    id: WebhookId,
    settings: &WebhookSettings,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE webhooks
           SET url = $3,
               description = $4,
               events = $5,
               enabled = $6,
               disabled_reason = CASE WHEN $6 THEN NULL ELSE disabled_reason END,
               failures = CASE WHEN $6 AND (NOT enabled OR url <> $3) THEN 0 ELSE failures END,
               failing_since = CASE WHEN $6 AND (NOT enabled OR url <> $3) THEN NULL ELSE failing_since END,
               paused_until = CASE WHEN $6 AND (NOT enabled OR url <> $3) THEN NULL ELSE paused_until END,
               updated_at = $7
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
        settings.url,
        settings.description,
        &settings.events,
        settings.enabled,
        now,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "webhook" }) } else { Ok(()) }
}

/// The sealed secrets.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn secrets(tx: &mut OrgTx, id: WebhookId) -> Result<SealedSecrets, StoreError> {
    let (conn, org_id) = tx.parts();
    let row = sqlx::query!(
        r#"SELECT secret_sealed, former_secret_sealed, former_secret_until
           FROM webhooks
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "webhook" })?;
    Ok(SealedSecrets {
        current: row.secret_sealed,
        former: row.former_secret_sealed.zip(row.former_secret_until),
    })
}

/// Replaces the secrets.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn set_secrets(
    tx: &mut OrgTx,
    id: WebhookId,
    secrets: &SealedSecrets,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE webhooks
           SET secret_sealed = $3, former_secret_sealed = $4, former_secret_until = $5, updated_at = $6
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
        secrets.current,
        secrets.former.as_ref().map(|(sealed, _)| sealed.as_slice()),
        secrets.former.as_ref().map(|(_, until)| *until),
        now,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "webhook" }) } else { Ok(()) }
}

/// Removes a receiver with everything that was on its way to it.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(tx: &mut OrgTx, id: WebhookId) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!("DELETE FROM webhooks WHERE org_id = $1 AND id = $2", org_id, id.0)
        .execute(conn)
        .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "webhook" }) } else { Ok(()) }
}
