//! People who sign in. They belong to organizations, not the other way round, so this is the system's business.

use chrono::{DateTime, Utc};
use domain::ids::{OrgId, UserId};

use crate::error::StoreError;
use crate::tx::SystemTx;

/// Most organizations of one person that are read.
const MAX_MEMBERSHIPS: i64 = 200;

/// A person.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// The address as typed.
    pub email: String,
    /// The name.
    pub name: String,
    /// PHC string; `None` when they can't sign in by password.
    pub password_hash: Option<String>,
}

// By hand, so that no log shows the address or the hash.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A person's place in an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The organization.
    pub org_id: OrgId,
    /// Its name.
    pub org_name: String,
    /// The role's name.
    pub role: String,
}

/// The person with this address, compared without case.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn find_by_email(tx: &mut SystemTx, email: &str) -> Result<Option<User>, StoreError> {
    let found = sqlx::query!(
        "SELECT id, email, name, password_hash FROM users WHERE lower(email) = lower($1)",
        email.trim()
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.map(|row| User {
        id: UserId(row.id),
        email: row.email,
        name: row.name,
        password_hash: row.password_hash,
    }))
}

/// The person.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn find(tx: &mut SystemTx, id: UserId) -> Result<User, StoreError> {
    let row = sqlx::query!("SELECT id, email, name, password_hash FROM users WHERE id = $1", id.0)
        .fetch_optional(tx.conn())
        .await?
        .ok_or(StoreError::NotFound { noun: "user" })?;
    Ok(User { id: UserId(row.id), email: row.email, name: row.name, password_hash: row.password_hash })
}

/// When the person's record was last changed; the record is locked until the transaction ends.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn lock(tx: &mut SystemTx, id: UserId) -> Result<DateTime<Utc>, StoreError> {
    sqlx::query_scalar!("SELECT updated_at FROM users WHERE id = $1 FOR UPDATE", id.0)
        .fetch_optional(tx.conn())
        .await?
        .ok_or(StoreError::NotFound { noun: "user" })
}

/// Gives a person another name.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn set_name(
    tx: &mut SystemTx,
    id: UserId,
    name: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let done = sqlx::query!("UPDATE users SET name = $2, updated_at = $3 WHERE id = $1", id.0, name, now)
        .execute(tx.conn())
        .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "user" }) } else { Ok(()) }
}

/// Gives a person another address to sign in with.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Conflict`] by `users_email_unique`.
pub async fn set_email(
    tx: &mut SystemTx,
    id: UserId,
    email: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let done = sqlx::query!("UPDATE users SET email = $2, updated_at = $3 WHERE id = $1", id.0, email, now)
        .execute(tx.conn())
        .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "user" }) } else { Ok(()) }
}

/// Makes a person.
///
/// # Errors
/// [`StoreError::Conflict`] by `users_email_unique`.
pub async fn insert(tx: &mut SystemTx, user: &User, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        r#"INSERT INTO users (id, email, name, password_hash, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $5)"#,
        user.id.0,
        user.email.trim(),
        user.name,
        user.password_hash,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Replaces a person's password hash.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn set_password(
    tx: &mut SystemTx,
    id: UserId,
    password_hash: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let done = sqlx::query!(
        "UPDATE users SET password_hash = $2, updated_at = $3 WHERE id = $1",
        id.0,
        password_hash,
        now
    )
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "user" }) } else { Ok(()) }
}

/// Gives a person a place in an organization, or another role there.
///
/// # Errors
/// [`StoreError::Conflict`] by `members_org_fkey` or `members_user_fkey`.
pub async fn set_member(tx: &mut SystemTx, org_id: OrgId, id: UserId, role: &str) -> Result<(), StoreError> {
    sqlx::query!(
        r#"INSERT INTO members (org_id, user_id, role)
           VALUES ($1, $2, $3)
           ON CONFLICT ON CONSTRAINT members_pkey DO UPDATE SET role = EXCLUDED.role, role_id = NULL"#,
        org_id.0,
        id.0,
        role,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The organizations a person belongs to, oldest first.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn memberships(tx: &mut SystemTx, id: UserId) -> Result<Vec<Membership>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT m.org_id, o.name, m.role
           FROM members m
           JOIN organizations o ON o.id = m.org_id
           WHERE m.user_id = $1
           ORDER BY m.org_id
           LIMIT $2"#,
        id.0,
        MAX_MEMBERSHIPS,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Membership { org_id: OrgId(row.org_id), org_name: row.name, role: row.role })
        .collect())
}
