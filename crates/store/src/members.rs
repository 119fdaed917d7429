//! People's places in an organization.

use chrono::{DateTime, Utc};
use domain::ids::{OrgId, UserId};
use domain::roles::RoleRef;

use crate::access::{HeldRole, RoleColumns, columns};
use crate::error::StoreError;
use crate::page::{Cursor, Page, rows_for, split};
use crate::tx::{OrgTx, SystemTx};

/// A person in an organization.
#[derive(Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user_id: UserId,
    /// The address they sign in with.
    pub email: String,
    /// Their name.
    pub name: String,
    /// What they are there.
    pub role: HeldRole,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// When their place was last changed.
    pub updated_at: DateTime<Utc>,
}

// By hand, so that no log shows the address.
impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member")
            .field("user_id", &self.user_id)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

struct Row {
    user_id: uuid::Uuid,
    email: String,
    name: String,
    role: String,
    role_id: Option<uuid::Uuid>,
    role_name: Option<String>,
    permissions: Option<Vec<String>>,
    child_permissions: Option<Vec<String>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Member {
    fn from(row: Row) -> Self {
        Self {
            user_id: UserId(row.user_id),
            email: row.email,
            name: row.name,
            role: RoleColumns {
                role: row.role,
                role_id: row.role_id,
                name: row.role_name,
                permissions: row.permissions,
                child_permissions: row.child_permissions,
            }
            .into(),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// The organization's people whose name or address contains the words, newest first.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut OrgTx,
    q: Option<&str>,
    behind: Option<Cursor>,
    limit: u32,
) -> Result<Page<Member>, StoreError> {
    let (conn, org_id) = tx.parts();
    let (at, id) = split(behind);
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT m.user_id, u.email, u.name, m.role, m.role_id, r.name AS "role_name?",
                  r.permissions AS "permissions?", r.child_permissions AS "child_permissions?",
                  m.created_at, m.updated_at
           FROM members m
           JOIN users u ON u.id = m.user_id
           LEFT JOIN roles r ON r.org_id = m.org_id AND r.id = m.role_id
           WHERE m.org_id = $1
             AND (m.created_at, m.user_id)
                 < (COALESCE($2::timestamptz, 'infinity'), COALESCE($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
             AND ($4::text IS NULL OR strpos(lower(u.name || ' ' || u.email), lower($4)) > 0)
           ORDER BY m.created_at DESC, m.user_id DESC
           LIMIT $5"#,
        org_id,
        at,
        id,
        q,
        rows_for(limit),
    )
    .fetch_all(conn)
    .await?;
    Ok(Page::cut(rows.into_iter().map(Member::from).collect(), limit))
}

/// One member.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, id: UserId) -> Result<Member, StoreError> {
    let (conn, org_id) = tx.parts();
    let row = sqlx::query_as!(
        Row,
        r#"SELECT m.user_id, u.email, u.name, m.role, m.role_id, r.name AS "role_name?",
                  r.permissions AS "permissions?", r.child_permissions AS "child_permissions?",
                  m.created_at, m.updated_at
           FROM members m
           JOIN users u ON u.id = m.user_id
           LEFT JOIN roles r ON r.org_id = m.org_id AND r.id = m.role_id
           WHERE m.org_id = $1 AND m.user_id = $2"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(Member::from).ok_or(StoreError::NotFound { noun: "member" })
}

/// Whether somebody with this address is a member.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn has_email(tx: &mut OrgTx, email: &str) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM members m
               JOIN users u ON u.id = m.user_id
               WHERE m.org_id = $1 AND lower(u.email) = lower($2)
           ) AS "found!""#,
        org_id,
        email,
    )
    .fetch_one(conn)
    .await?)
}

/// Locks the organization's members who have one of the roles, and tells who they are: of two owners who remove each
/// other at the same moment, the second finds themselves the last.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn lock_holders(tx: &mut OrgTx, templates: &[String]) -> Result<Vec<UserId>, StoreError> {
    let (conn, org_id) = tx.parts();
    let ids = sqlx::query_scalar!(
        r#"SELECT user_id
           FROM members
           WHERE org_id = $1 AND role = ANY($2)
           ORDER BY user_id
           FOR UPDATE"#,
        org_id,
        templates,
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(UserId).collect())
}

/// Locks a member's place until the transaction ends.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn lock(tx: &mut OrgTx, id: UserId) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_scalar!(
        "SELECT user_id FROM members WHERE org_id = $1 AND user_id = $2 FOR UPDATE",
        org_id,
        id.0
    )
    .fetch_optional(conn)
    .await?
    .map(drop)
    .ok_or(StoreError::NotFound { noun: "member" })
}

/// Gives a person a place in an organization that they don't belong to yet.
///
/// # Errors
/// [`StoreError::Conflict`] by `members_pkey` when they have one, by `members_role_fkey` when the role is gone.
pub async fn insert(
    tx: &mut SystemTx,
    org_id: OrgId,
    id: UserId,
    role: RoleRef,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (role, role_id) = columns(role);
    sqlx::query!(
        r#"INSERT INTO members (org_id, user_id, role, role_id, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $5)"#,
        org_id.0,
        id.0,
        role,
        role_id,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Gives a member another role.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Conflict`] by `members_role_fkey` when the role is gone.
pub async fn set_role(
    tx: &mut OrgTx,
    id: UserId,
    role: RoleRef,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let (role, role_id) = columns(role);
    let done = sqlx::query!(
        "UPDATE members SET role = $3, role_id = $4, updated_at = $5 WHERE org_id = $1 AND user_id = $2",
        org_id,
        id.0,
        role,
        role_id,
        now,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "member" }) } else { Ok(()) }
}

/// Takes a member's place away.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn remove(tx: &mut OrgTx, id: UserId) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!("DELETE FROM members WHERE org_id = $1 AND user_id = $2", org_id, id.0)
        .execute(conn)
        .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "member" }) } else { Ok(()) }
}

/// The people who have one of the organization's own roles, at most 1,000.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn with_role(tx: &mut OrgTx, role: domain::ids::RoleId) -> Result<Vec<UserId>, StoreError> {
    let (conn, org_id) = tx.parts();
    let ids = sqlx::query_scalar!(
        "SELECT user_id FROM members WHERE org_id = $1 AND role_id = $2 LIMIT 1000",
        org_id,
        role.0
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(UserId).collect())
}

/// Ends a person's sessions for an organization, and those they opened from it in others.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn end_sessions(
    tx: &mut SystemTx,
    org_id: OrgId,
    id: UserId,
    now: DateTime<Utc>,
) -> Result<Vec<domain::ids::SessionId>, StoreError> {
    let ids = sqlx::query_scalar!(
        r#"UPDATE sessions
           SET revoked_at = $3
           WHERE user_id = $2 AND (org_id = $1 OR opened_from = $1) AND revoked_at IS NULL
           RETURNING id"#,
        org_id.0,
        id.0,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(domain::ids::SessionId).collect())
}
