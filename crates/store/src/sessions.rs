//! Signed-in sessions. A session is a family of refresh tokens (see [`crate::refresh`]); requests carry access
//! tokens, which only name the session.

use chrono::{DateTime, Utc};
use domain::ids::{OrgId, SessionId, UserId};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::impersonation::Opened;
use crate::text;
use crate::tx::SystemTx;

/// Most sessions of one person that are listed.
const MAX_LISTED: i64 = 200;

/// How somebody proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// By password alone.
    Password,
    /// By password and second factor.
    SecondFactor,
    /// By the organization's identity provider, which vouches for this organization only.
    SingleSignOn,
}

/// A session to be opened.
#[derive(Debug, Clone)]
pub struct NewSession<'a> {
    /// Its id.
    pub id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// The organization it works in.
    pub org_id: OrgId,
    /// How it came about.
    pub method: Method,
    /// Now.
    pub created_at: DateTime<Utc>,
    /// When it ends unless it is renewed.
    pub expires_at: DateTime<Utc>,
    /// When it ends whatever is renewed.
    pub ends_at: DateTime<Utc>,
    /// Where it was opened from.
    pub ip: Option<&'a str>,
    /// With what.
    pub user_agent: Option<&'a str>,
}

/// A session in force, with what a request needs to know of the person.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// Their address.
    pub email: String,
    /// Their name.
    pub name: String,
    /// The organization it works in.
    pub org_id: OrgId,
    /// How it came about.
    pub method: Method,
    /// When it ends unless it is renewed.
    pub expires_at: DateTime<Utc>,
    /// When it ends whatever is renewed.
    pub ends_at: DateTime<Utc>,
    /// When a request of it was last noticed; noticed at most once a minute.
    pub last_seen_at: DateTime<Utc>,
    /// Where it was opened from, when it is one in an organization below.
    pub opened: Option<Opened>,
}

// By hand, so that no log shows the address.
impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("user_id", &self.user_id)
            .field("org_id", &self.org_id)
            .finish_non_exhaustive()
    }
}

/// A session as its person sees it in the list.
#[derive(Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: SessionId,
    /// The organization it works in.
    pub org_id: OrgId,
    /// How it came about.
    pub method: Method,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When a request of it was last noticed.
    pub last_seen_at: DateTime<Utc>,
    /// When it ends unless it is renewed.
    pub expires_at: DateTime<Utc>,
    /// Where it was opened from.
    pub ip: Option<String>,
    /// With what.
    pub user_agent: Option<String>,
}

// By hand, so that no log shows where people sit.
impl std::fmt::Debug for Listed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listed").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Opens a session.
///
/// # Errors
/// [`StoreError::Conflict`] by `sessions_pkey`, `sessions_user_fkey` or `sessions_org_fkey`.
pub async fn create(tx: &mut SystemTx, session: &NewSession<'_>) -> Result<(), StoreError> {
    sqlx::query!(
        r#"INSERT INTO sessions
               (id, user_id, org_id, method, created_at, last_seen_at, expires_at, ends_at, ip, user_agent)
           VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9)"#,
        session.id.0,
        session.user_id.0,
        session.org_id.0,
        text::encode(&session.method)?,
        session.created_at,
        session.expires_at,
        session.ends_at,
        session.ip,
        session.user_agent,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A session, unless it is over or revoked; one that was opened from above ends with the one it was opened from.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn find(
    tx: &mut SystemTx,
    id: SessionId,
    now: DateTime<Utc>,
) -> Result<Option<Session>, StoreError> {
    let found = sqlx::query!(
        r#"SELECT s.id, s.user_id, u.email, u.name, s.org_id, s.method, s.expires_at,
                  COALESCE(s.ends_at, s.expires_at) AS "ends_at!",
                  COALESCE(s.last_seen_at, s.created_at) AS "last_seen_at!",
                  s.opened_from, s.opened_by
           FROM sessions s
           JOIN users u ON u.id = s.user_id
           WHERE s.id = $1 AND s.revoked_at IS NULL AND s.expires_at > $2
             AND (s.opened_by IS NULL
                  OR EXISTS (SELECT FROM sessions p
                             WHERE p.id = s.opened_by AND p.revoked_at IS NULL AND p.expires_at > $2))"#,
        id.0,
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    found
        .map(|row| {
            Ok(Session {
                id: SessionId(row.id),
                user_id: UserId(row.user_id),
                email: row.email,
                name: row.name,
                org_id: OrgId(row.org_id),
                method: text::decode(&row.method)?,
                expires_at: row.expires_at,
                ends_at: row.ends_at,
                last_seen_at: row.last_seen_at,
                opened: row
                    .opened_from
                    .zip(row.opened_by)
                    .map(|(from, by)| Opened { from: OrgId(from), by: SessionId(by) }),
            })
        })
        .transpose()
}

/// Notes that the session was used.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn touch(tx: &mut SystemTx, id: SessionId, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!("UPDATE sessions SET last_seen_at = $2 WHERE id = $1", id.0, now).execute(tx.conn()).await?;
    Ok(())
}

/// Lets a session go on until the given moment.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn extend(
    tx: &mut SystemTx,
    id: SessionId,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE sessions SET expires_at = $2, last_seen_at = $3 WHERE id = $1",
        id.0,
        expires_at,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A person's sessions in force, the one used last first; of one organization only where that is given.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut SystemTx,
    user_id: UserId,
    only: Option<OrgId>,
    now: DateTime<Utc>,
) -> Result<Vec<Listed>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id, org_id, method, created_at, expires_at, ip, user_agent,
                  COALESCE(last_seen_at, created_at) AS "last_seen_at!"
           FROM sessions
           WHERE user_id = $1
             AND revoked_at IS NULL
             AND expires_at > $2
             AND ($3::uuid IS NULL OR org_id = $3)
           ORDER BY COALESCE(last_seen_at, created_at) DESC, id DESC
           LIMIT $4"#,
        user_id.0,
        now,
        only.map(|id| id.0),
        MAX_LISTED,
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Listed {
                id: SessionId(row.id),
                org_id: OrgId(row.org_id),
                method: text::decode(&row.method)?,
                created_at: row.created_at,
                last_seen_at: row.last_seen_at,
                expires_at: row.expires_at,
                ip: row.ip,
                user_agent: row.user_agent,
            })
        })
        .collect()
}

/// Ends a session; one that is over already stays so. Returns whether it was in force.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn revoke(
    tx: &mut SystemTx,
    id: SessionId,
    why: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE sessions SET revoked_at = $3, revoked_why = $2 WHERE id = $1 AND revoked_at IS NULL",
        id.0,
        why,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Which of a person's sessions are ended together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// All of them.
    All,
    /// All but this one.
    AllBut(SessionId),
    /// Those that work in one organization.
    In(OrgId),
    /// Those that work in one organization, but this one.
    InBut(OrgId, SessionId),
}

/// Ends a person's sessions; returns which.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn revoke_of_user(
    tx: &mut SystemTx,
    user_id: UserId,
    which: Which,
    why: &str,
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>, StoreError> {
    let (org_id, but) = match which {
        Which::All => (None, None),
        Which::AllBut(id) => (None, Some(id)),
        Which::In(org_id) => (Some(org_id), None),
        Which::InBut(org_id, id) => (Some(org_id), Some(id)),
    };
    let ids = sqlx::query_scalar!(
        r#"UPDATE sessions
           SET revoked_at = $4, revoked_why = $5
           WHERE user_id = $1
             AND revoked_at IS NULL
             AND ($2::uuid IS NULL OR org_id = $2)
             AND ($3::uuid IS NULL OR id <> $3)
           RETURNING id"#,
        user_id.0,
        org_id.map(|id| id.0),
        but.map(|id| id.0),
        now,
        why,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(SessionId).collect())
}

/// Forgets sessions that were over before the given moment; returns how many.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn prune(tx: &mut SystemTx, over_before: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!("DELETE FROM sessions WHERE expires_at < $1 OR revoked_at < $1", over_before)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected())
}
