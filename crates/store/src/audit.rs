//! The audit log: who did what to which object, from where. Appended to only.

use chrono::{DateTime, Utc};
use domain::ids::{ApiKeyId, OrgId, UserId};
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{Cursor, Page, rows_for, split};
use crate::tx::{InTransaction, OrgTx, SystemTx};

/// An entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its id.
    pub id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// Who, when it was a person.
    pub user_id: Option<UserId>,
    /// Which key, when it was a program. Neither: the system itself.
    pub api_key_id: Option<ApiKeyId>,
    /// The organization that their rights came from.
    pub home_org_id: OrgId,
    /// What, as `resource:action`.
    pub action: String,
    /// To which object: its id's text.
    pub object: String,
    /// From where.
    pub ip: Option<String>,
    /// Further facts, without secrets.
    pub detail: serde_json::Value,
}

/// Adds an entry.
///
/// # Errors
/// [`StoreError::Conflict`] by `audit_log_pkey` when the id is used.
pub async fn record(tx: &mut OrgTx, entry: &Entry) -> Result<(), StoreError> {
    let org_id = tx.org_id();
    insert(tx, org_id, entry).await
}

/// Adds an entry to the log of a certain organization, where the system works across organizations.
///
/// # Errors
/// As [`record`]; [`StoreError::Conflict`] by `audit_log_org_fkey` when there is no such organization.
pub async fn append_to(tx: &mut SystemTx, org_id: OrgId, entry: &Entry) -> Result<(), StoreError> {
    insert(tx, org_id, entry).await
}

async fn insert(tx: &mut impl InTransaction, org_id: OrgId, entry: &Entry) -> Result<(), StoreError> {
    sqlx::query!(
        r#"INSERT INTO audit_log (id, org_id, at, user_id, action, object, ip, detail, api_key_id, home_org_id)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"#,
        entry.id,
        org_id.0,
        entry.at,
        entry.user_id.map(|id| id.0),
        entry.action,
        entry.object,
        entry.ip,
        entry.detail,
        entry.api_key_id.map(|id| id.0),
        entry.home_org_id.0,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Entries, newest first, behind the cursor (`at` and id of the last one seen).
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(tx: &mut OrgTx, behind: Option<Cursor>, limit: u32) -> Result<Page<Entry>, StoreError> {
    let (conn, org_id) = tx.parts();
    let (at, id) = split(behind);
    let rows = sqlx::query!(
        r#"SELECT id, at, user_id, action, object, ip, detail, api_key_id, home_org_id
           FROM audit_log
           WHERE org_id = $1
             AND (at, id) < (COALESCE($2::timestamptz, 'infinity'), COALESCE($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
           ORDER BY at DESC, id DESC
           LIMIT $4"#,
        org_id,
        at,
        id,
        rows_for(limit),
    )
    .fetch_all(conn)
    .await?;
    let items = rows
        .into_iter()
        .map(|row| Entry {
            id: row.id,
            at: row.at,
            user_id: row.user_id.map(UserId),
            api_key_id: row.api_key_id.map(ApiKeyId),
            home_org_id: OrgId(row.home_org_id.unwrap_or(org_id)),
            action: row.action,
            object: row.object,
            ip: row.ip,
            detail: row.detail,
        })
        .collect();
    Ok(Page::cut(items, limit))
}
