//! Invitations to join an organization. Only the hash of an invitation's token is stored.

use chrono::{DateTime, Utc};
use domain::ids::{InvitationId, OrgId, UserId};
use domain::roles::RoleRef;

use crate::access::{HeldRole, RoleColumns, columns};
use crate::error::StoreError;
use crate::page::{Cursor, Page, rows_for, split};
use crate::tx::{OrgTx, SystemTx};

/// An invitation.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// Who is invited.
    pub email: String,
    /// As what.
    pub role: HeldRole,
    /// Who invited; `None` for a program or the system.
    pub invited_by: Option<UserId>,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When its e-mail was last sent.
    pub sent_at: DateTime<Utc>,
    /// Until when it holds.
    pub expires_at: DateTime<Utc>,
    /// When it was accepted.
    pub accepted_at: Option<DateTime<Utc>>,
}

// By hand, so that no log shows the address.
impl std::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invitation").field("id", &self.id).field("role", &self.role).finish_non_exhaustive()
    }
}

/// An invitation to be made.
#[derive(Clone)]
pub struct NewInvitation<'a> {
    /// Its id.
    pub id: InvitationId,
    /// Who is invited.
    pub email: &'a str,
    /// As what.
    pub role: RoleRef,
    /// The hash of its token.
    pub token_hash: &'a [u8],
    /// Who invites.
    pub invited_by: Option<UserId>,
    /// Now.
    pub now: DateTime<Utc>,
    /// Until when it holds.
    pub expires_at: DateTime<Utc>,
}

struct Row {
    id: uuid::Uuid,
    email: String,
    role: String,
    role_id: Option<uuid::Uuid>,
    role_name: Option<String>,
    permissions: Option<Vec<String>>,
    child_permissions: Option<Vec<String>>,
    invited_by: Option<uuid::Uuid>,
    created_at: DateTime<Utc>,
    sent_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    accepted_at: Option<DateTime<Utc>>,
}

impl From<Row> for Invitation {
    fn from(row: Row) -> Self {
        Self {
            id: InvitationId(row.id),
            email: row.email,
            role: RoleColumns {
                role: row.role,
                role_id: row.role_id,
                name: row.role_name,
                permissions: row.permissions,
                child_permissions: row.child_permissions,
            }
            .into(),
            invited_by: row.invited_by.map(UserId),
            created_at: row.created_at,
            sent_at: row.sent_at,
            expires_at: row.expires_at,
            accepted_at: row.accepted_at,
        }
    }
}

/// Invitations that were not revoked, newest first: open, lapsed and accepted ones.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut OrgTx,
    behind: Option<Cursor>,
    limit: u32,
) -> Result<Page<Invitation>, StoreError> {
    let (conn, org_id) = tx.parts();
    let (at, id) = split(behind);
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT i.id, i.email, i.role, i.role_id, r.name AS "role_name?", r.permissions AS "permissions?",
                  r.child_permissions AS "child_permissions?", i.invited_by, i.created_at, i.sent_at, i.expires_at,
                  i.accepted_at
           FROM invitations i
           LEFT JOIN roles r ON r.org_id = i.org_id AND r.id = i.role_id
           WHERE i.org_id = $1 AND i.revoked_at IS NULL
             AND (i.created_at, i.id)
                 < (COALESCE($2::timestamptz, 'infinity'), COALESCE($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
           ORDER BY i.created_at DESC, i.id DESC
           LIMIT $4"#,
        org_id,
        at,
        id,
        rows_for(limit),
    )
    .fetch_all(conn)
    .await?;
    Ok(Page::cut(rows.into_iter().map(Invitation::from).collect(), limit))
}

/// One invitation that was not revoked.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, id: InvitationId) -> Result<Invitation, StoreError> {
    let (conn, org_id) = tx.parts();
    let row = sqlx::query_as!(
        Row,
        r#"SELECT i.id, i.email, i.role, i.role_id, r.name AS "role_name?", r.permissions AS "permissions?",
                  r.child_permissions AS "child_permissions?", i.invited_by, i.created_at, i.sent_at, i.expires_at,
                  i.accepted_at
           FROM invitations i
           LEFT JOIN roles r ON r.org_id = i.org_id AND r.id = i.role_id
           WHERE i.org_id = $1 AND i.id = $2 AND i.revoked_at IS NULL"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(Invitation::from).ok_or(StoreError::NotFound { noun: "invitation" })
}

/// Makes an invitation. One to the same address that lapsed makes way.
///
/// # Errors
/// [`StoreError::Conflict`] by `invitations_open_unique` when there is an open one, by `invitations_role_fkey` when
/// the role is gone.
pub async fn insert(tx: &mut OrgTx, new: &NewInvitation<'_>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"UPDATE invitations
           SET revoked_at = $3
           WHERE org_id = $1 AND lower(email) = lower($2) AND accepted_at IS NULL AND revoked_at IS NULL
             AND expires_at <= $3"#,
        org_id,
        new.email,
        new.now,
    )
    .execute(&mut *conn)
    .await?;
    let (role, role_id) = columns(new.role);
    sqlx::query!(
        r#"INSERT INTO invitations
               (id, org_id, email, role, role_id, token_hash, invited_by, created_at, sent_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)"#,
        new.id.0,
        org_id,
        new.email,
        role,
        role_id,
        new.token_hash,
        new.invited_by.map(|id| id.0),
        new.now,
        new.expires_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Locks an invitation until the transaction ends.
///
/// # Errors
/// [`StoreError::NotFound`] also for one that was revoked.
pub async fn lock(tx: &mut OrgTx, id: InvitationId) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_scalar!(
        "SELECT id FROM invitations WHERE org_id = $1 AND id = $2 AND revoked_at IS NULL FOR UPDATE",
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .map(drop)
    .ok_or(StoreError::NotFound { noun: "invitation" })
}

/// Gives an open invitation another token and more time; the former token dies.
///
/// # Errors
/// [`StoreError::NotFound`] for one that was accepted or revoked.
pub async fn renew(
    tx: &mut OrgTx,
    id: InvitationId,
    token_hash: &[u8],
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE invitations
           SET token_hash = $3,
               sent_at = $4,
               expires_at = $5
           WHERE org_id = $1 AND id = $2 AND accepted_at IS NULL AND revoked_at IS NULL"#,
        org_id,
        id.0,
        token_hash,
        now,
        expires_at,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "invitation" }) } else { Ok(()) }
}

/// Takes back an invitation that was not accepted.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn revoke(tx: &mut OrgTx, id: InvitationId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE invitations
           SET revoked_at = $3
           WHERE org_id = $1 AND id = $2 AND accepted_at IS NULL AND revoked_at IS NULL"#,
        org_id,
        id.0,
        now,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "invitation" }) } else { Ok(()) }
}

/// Takes back what a person invited and nobody accepted; returns how many.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn revoke_of(tx: &mut OrgTx, inviter: UserId, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE invitations
           SET revoked_at = $3
           WHERE org_id = $1 AND invited_by = $2 AND accepted_at IS NULL AND revoked_at IS NULL"#,
        org_id,
        inviter.0,
        now,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// An open invitation as its token shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its id.
    pub id: InvitationId,
    /// To which organization.
    pub org_id: OrgId,
    /// What it is called.
    pub org_name: String,
    /// Who is invited.
    pub email: String,
    /// Who invited, by name.
    pub invited_by: Option<String>,
    /// As what; `None` for a role of the organization's own that is gone.
    pub role: HeldRole,
    /// Until when it holds.
    pub expires_at: DateTime<Utc>,
    /// Whether somebody with this address has an account.
    pub account_exists: bool,
}

/// The open invitation of a token.
///
/// # Errors
/// [`StoreError::NotFound`] for one that was accepted, revoked, has lapsed or never was.
pub async fn find(tx: &mut SystemTx, token_hash: &[u8], now: DateTime<Utc>) -> Result<Shown, StoreError> {
    let row = sqlx::query!(
        r#"SELECT i.id, i.org_id, o.name AS org_name, i.email, i.role, i.role_id, r.name AS "role_name?",
                  r.permissions AS "permissions?", r.child_permissions AS "child_permissions?",
                  (SELECT u.name FROM users u WHERE u.id = i.invited_by) AS inviter,
                  i.expires_at,
                  EXISTS (SELECT FROM users u WHERE lower(u.email) = lower(i.email)) AS "account_exists!"
           FROM invitations i
           JOIN organizations o ON o.id = i.org_id
           LEFT JOIN roles r ON r.org_id = i.org_id AND r.id = i.role_id
           WHERE i.token_hash = $1 AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > $2
             AND o.status <> 'closed'"#,
        token_hash,
        now,
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or(StoreError::NotFound { noun: "invitation" })?;
    Ok(Shown {
        id: InvitationId(row.id),
        org_id: OrgId(row.org_id),
        org_name: row.org_name,
        email: row.email,
        invited_by: row.inviter,
        role: RoleColumns {
            role: row.role,
            role_id: row.role_id,
            name: row.role_name,
            permissions: row.permissions,
            child_permissions: row.child_permissions,
        }
        .into(),
        expires_at: row.expires_at,
        account_exists: row.account_exists,
    })
}

/// Marks an open invitation as accepted, once.
///
/// # Errors
/// [`StoreError::NotFound`] when it is not open any more.
pub async fn accept(tx: &mut SystemTx, id: InvitationId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let done = sqlx::query!(
        r#"UPDATE invitations
           SET accepted_at = $2
           WHERE id = $1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $2"#,
        id.0,
        now,
    )
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "invitation" }) } else { Ok(()) }
}
