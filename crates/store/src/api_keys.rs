//! Programs' keys to the API. Only the hash of a key is stored.

use chrono::{DateTime, Utc};
use domain::ids::{ApiKeyId, OrgId, UserId};
use domain::permissions::PermissionSet;

use crate::access::{names, set};
use crate::error::StoreError;
use crate::page::{Cursor, Page, rows_for, split};
use crate::tx::{OrgTx, SystemTx};

/// What an organization decides about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTerms {
    /// What it is called.
    pub name: String,
    /// What it may do in the organization.
    pub permissions: PermissionSet,
    /// What it may do in the organizations below.
    pub child_permissions: PermissionSet,
    /// Address ranges it may be used from, as CIDR; none means from everywhere.
    pub allowed_networks: Vec<String>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A key in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What was decided about it.
    pub terms: KeyTerms,
    /// Its beginning and end.
    pub hint: String,
    /// Who made it; `None` for a program or the system.
    pub created_by: Option<UserId>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its terms were last changed.
    pub updated_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// From where it was last used.
    pub last_used_ip: Option<String>,
}

struct Row {
    id: uuid::Uuid,
    name: String,
    hint: String,
    permissions: Vec<String>,
    child_permissions: Vec<String>,
    allowed_networks: Vec<String>,
    created_by: Option<uuid::Uuid>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
    last_used_ip: Option<String>,
}

impl From<Row> for ApiKey {
    fn from(row: Row) -> Self {
        Self {
            id: ApiKeyId(row.id),
            terms: KeyTerms {
                name: row.name,
                permissions: set(Some(&row.permissions)),
                child_permissions: set(Some(&row.child_permissions)),
                allowed_networks: row.allowed_networks,
                expires_at: row.expires_at,
            },
            hint: row.hint,
            created_by: row.created_by.map(UserId),
            created_at: row.created_at,
            updated_at: row.updated_at,
            last_used_at: row.last_used_at,
            last_used_ip: row.last_used_ip,
        }
    }
}

/// Keys that were not revoked, newest first.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(tx: &mut OrgTx, behind: Option<Cursor>, limit: u32) -> Result<Page<ApiKey>, StoreError> {
    let (conn, org_id) = tx.parts();
    let (at, id) = split(behind);
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, name, hint, permissions, child_permissions, allowed_networks, created_by, created_at,
                  updated_at, expires_at, last_used_at, last_used_ip
           FROM api_keys
           WHERE org_id = $1 AND revoked_at IS NULL
             AND (created_at, id)
                 < (COALESCE($2::timestamptz, 'infinity'), COALESCE($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
           ORDER BY created_at DESC, id DESC
           LIMIT $4"#,
        org_id,
        at,
        id,
        rows_for(limit),
    )
    .fetch_all(conn)
    .await?;
    Ok(Page::cut(rows.into_iter().map(ApiKey::from).collect(), limit))
}

/// How many keys the organization has that were not revoked.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn count(tx: &mut OrgTx) -> Result<i64, StoreError> {
    let (conn, org_id) = tx.parts();
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM api_keys WHERE org_id = $1 AND revoked_at IS NULL"#,
        org_id
    )
    .fetch_one(conn)
    .await?)
}

/// One key that was not revoked.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, id: ApiKeyId) -> Result<ApiKey, StoreError> {
    let (conn, org_id) = tx.parts();
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id, name, hint, permissions, child_permissions, allowed_networks, created_by, created_at,
                  updated_at, expires_at, last_used_at, last_used_ip
           FROM api_keys
           WHERE org_id = $1 AND id = $2 AND revoked_at IS NULL"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(ApiKey::from).ok_or(StoreError::NotFound { noun: "API key" })
}

/// Keeps others from changing a key until the transaction ends, and tells what it is.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn lock(tx: &mut OrgTx, id: ApiKeyId) -> Result<ApiKey, StoreError> {
    let (conn, org_id) = tx.parts();
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id, name, hint, permissions, child_permissions, allowed_networks, created_by, created_at,
                  updated_at, expires_at, last_used_at, last_used_ip
           FROM api_keys
           WHERE org_id = $1 AND id = $2 AND revoked_at IS NULL
           FOR UPDATE"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(ApiKey::from).ok_or(StoreError::NotFound { noun: "API key" })
}

/// A key to be stored.
#[derive(Debug, Clone)]
pub struct NewKey<'a> {
    /// Its id.
    pub id: ApiKeyId,
    /// What was decided about it.
    pub terms: &'a KeyTerms,
    /// The hash of it.
    pub key_hash: &'a [u8],
    /// Its beginning and end.
    pub hint: &'a str,
    /// Who makes it.
    pub created_by: Option<UserId>,
    /// Now.
    pub now: DateTime<Utc>,
}

/// Stores a key.
///
/// # Errors
/// [`StoreError::Conflict`] by `api_keys_hash_unique`.
pub async fn insert(tx: &mut OrgTx, new: &NewKey<'_>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO api_keys (id, org_id, name, key_hash, hint, permissions, child_permissions, allowed_networks,
                                 created_by, created_at, updated_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11)"#,
        new.id.0,
        org_id,
        new.terms.name,
        new.key_hash,
        new.hint,
        &names(new.terms.permissions),
        &names(new.terms.child_permissions),
        &new.terms.allowed_networks,
        new.created_by.map(|id| id.0),
        new.now,
        new.terms.expires_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Replaces a key's terms.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn update(
    tx: &mut OrgTx,
    id: ApiKeyId,
    terms: &KeyTerms,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE api_keys
           SET name = $3,
               permissions = $4,
               child_permissions = $5,
               allowed_networks = $6,
               expires_at = $7,
               updated_at = $8
           WHERE org_id = $1 AND id = $2 AND revoked_at IS NULL"#,
        org_id,
        id.0,
        terms.name,
        &names(terms.permissions),
        &names(terms.child_permissions),
        &terms.allowed_networks,
        terms.expires_at,
        now,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "API key" }) } else { Ok(()) }
}

/// Ends a key for good.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn revoke(tx: &mut OrgTx, id: ApiKeyId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        "UPDATE api_keys SET revoked_at = $3 WHERE org_id = $1 AND id = $2 AND revoked_at IS NULL",
        org_id,
        id.0,
        now,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "API key" }) } else { Ok(()) }
}

/// The key of a hash and its organization, unless it was revoked or is over.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn find(
    tx: &mut SystemTx,
    key_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<(OrgId, ApiKey)>, StoreError> {
    let found = sqlx::query!(
        r#"SELECT org_id, id, name, hint, permissions, child_permissions, allowed_networks, created_by, created_at,
                  updated_at, expires_at, last_used_at, last_used_ip
           FROM api_keys
           WHERE key_hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)"#,
        key_hash,
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.map(|row| {
        let key = Row {
            id: row.id,
            name: row.name,
            hint: row.hint,
            permissions: row.permissions,
            child_permissions: row.child_permissions,
            allowed_networks: row.allowed_networks,
            created_by: row.created_by,
            created_at: row.created_at,
            updated_at: row.updated_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            last_used_ip: row.last_used_ip,
        };
        (OrgId(row.org_id), key.into())
    }))
}

/// Notes that a key was used. A note that is older than the one there is changes nothing.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn note_use(
    tx: &mut SystemTx,
    id: ApiKeyId,
    at: DateTime<Utc>,
    ip: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"UPDATE api_keys
           SET last_used_at = $2,
               last_used_ip = $3
           WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)"#,
        id.0,
        at,
        ip,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
