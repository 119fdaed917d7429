//! The roles that an organization defines for itself.

use chrono::{DateTime, Utc};
use domain::ids::RoleId;
use domain::permissions::PermissionSet;

use crate::access::{names, set};
use crate::error::StoreError;
use crate::tx::OrgTx;

/// Most roles of one organization.
pub const MAX_ROLES: u32 = 100;

/// What an organization says of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleContent {
    /// Its name, one of a kind in the organization.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What it grants in the organization.
    pub permissions: PermissionSet,
    /// What it grants in the organizations below.
    pub child_permissions: PermissionSet,
}

/// A role of an organization's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRole {
    /// Its id.
    pub id: RoleId,
    /// What it is.
    pub content: RoleContent,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

struct Row {
    id: uuid::Uuid,
    name: String,
    description: String,
    permissions: Vec<String>,
    child_permissions: Vec<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for OwnRole {
    fn from(row: Row) -> Self {
        Self {
            id: RoleId(row.id),
            content: RoleContent {
                name: row.name,
                description: row.description,
                permissions: set(Some(&row.permissions)),
                child_permissions: set(Some(&row.child_permissions)),
            },
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// The organization's own roles by name; all of them, at most [`MAX_ROLES`].
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(tx: &mut OrgTx) -> Result<Vec<OwnRole>, StoreError> {
    let (conn, org_id) = tx.parts();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, name, description, permissions, child_permissions, created_at, updated_at
           FROM roles
           WHERE org_id = $1
           ORDER BY lower(name)
           LIMIT $2"#,
        org_id,
        i64::from(MAX_ROLES),
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(OwnRole::from).collect())
}

/// One role.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, id: RoleId) -> Result<OwnRole, StoreError> {
    let (conn, org_id) = tx.parts();
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id, name, description, permissions, child_permissions, created_at, updated_at
           FROM roles
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(OwnRole::from).ok_or(StoreError::NotFound { noun: "role" })
}

/// Keeps others from changing or giving a role until the transaction ends, and tells what it is.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn lock(tx: &mut OrgTx, id: RoleId) -> Result<OwnRole, StoreError> {
    let (conn, org_id) = tx.parts();
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id, name, description, permissions, child_permissions, created_at, updated_at
           FROM roles
           WHERE org_id = $1 AND id = $2
           FOR UPDATE"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(OwnRole::from).ok_or(StoreError::NotFound { noun: "role" })
}

/// Makes a role.
///
/// # Errors
/// [`StoreError::Conflict`] by `roles_name_unique`.
pub async fn insert(
    tx: &mut OrgTx,
    id: RoleId,
    content: &RoleContent,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO roles (id, org_id, name, description, permissions, child_permissions, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $7)"#,
        id.0,
        org_id,
        content.name,
        content.description,
        &names(content.permissions),
        &names(content.child_permissions),
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Replaces what a role is.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Conflict`] by `roles_name_unique`.
pub async fn update(
    tx: &mut OrgTx,
    id: RoleId,
    content: &RoleContent,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE roles
           SET name = $3,
               description = $4,
               permissions = $5,
               child_permissions = $6,
               updated_at = $7
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
        content.name,
        content.description,
        &names(content.permissions),
        &names(content.child_permissions),
        now,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "role" }) } else { Ok(()) }
}

/// How many have or are promised a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holders {
    /// Members.
    pub members: i64,
    /// Open invitations.
    pub invitations: i64,
}

/// Who has a role, or is promised it.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn holders(tx: &mut OrgTx, id: RoleId, now: DateTime<Utc>) -> Result<Holders, StoreError> {
    let (conn, org_id) = tx.parts();
    let row = sqlx::query!(
        r#"SELECT (SELECT count(*) FROM members WHERE org_id = $1 AND role_id = $2) AS "members!",
                  (SELECT count(*) FROM invitations
                   WHERE org_id = $1 AND role_id = $2 AND accepted_at IS NULL AND revoked_at IS NULL
                     AND expires_at > $3) AS "invitations!""#,
        org_id,
        id.0,
        now,
    )
    .fetch_one(conn)
    .await?;
    Ok(Holders { members: row.members, invitations: row.invitations })
}

/// Deletes a role, and the invitations to it that came to an end: the audit log remembers them.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Conflict`] by `members_role_fkey` or `invitations_role_fkey` when
/// somebody has or is promised it.
pub async fn delete(tx: &mut OrgTx, id: RoleId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"DELETE FROM invitations
           WHERE org_id = $1 AND role_id = $2
             AND (accepted_at IS NOT NULL OR revoked_at IS NOT NULL OR expires_at <= $3)"#,
        org_id,
        id.0,
        now,
    )
    .execute(&mut *conn)
    .await?;
    let done =
        sqlx::query!("DELETE FROM roles WHERE org_id = $1 AND id = $2", org_id, id.0).execute(conn).await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "role" }) } else { Ok(()) }
}
