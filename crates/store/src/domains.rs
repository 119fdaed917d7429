//! Names under which organizations are reached.

use chrono::{DateTime, Utc};
use domain::ids::{DomainId, OrgId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{Page, rows_for};
use crate::text;
use crate::tx::{InTransaction, OrgTx, SystemTx};

/// Where a name comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DomainKind {
    /// The organization's own, proven through the DNS.
    Custom,
    /// One below the installation's domain, theirs at once.
    Subdomain,
}

/// Whether a name is theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DomainState {
    /// Not checked yet.
    Pending,
    /// Proven; requests under it belong to the organization.
    Verified,
    /// Checked and not proven, or no more.
    Failed,
}

/// A name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// Its id.
    pub id: DomainId,
    /// Whose.
    pub org_id: OrgId,
    /// The name in ASCII.
    pub name: String,
    /// Where it comes from.
    pub kind: DomainKind,
    /// Whether it is theirs.
    pub state: DomainState,
    /// In plain words, what is missing; empty when nothing is.
    pub reason: String,
    /// What the owner enters into the DNS.
    pub token: String,
    /// The last check.
    pub checked_at: Option<DateTime<Utc>>,
    /// When it was proven first.
    pub verified_at: Option<DateTime<Utc>>,
    /// Since when checks of a proven name have failed.
    pub failing_since: Option<DateTime<Utc>>,
    /// When it was claimed.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

struct Row {
    id: Uuid,
    org_id: Uuid,
    name: String,
    kind: String,
    state: String,
    reason: String,
    token: String,
    checked_at: Option<DateTime<Utc>>,
    verified_at: Option<DateTime<Utc>>,
    failing_since: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Domain {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: DomainId(row.id),
            org_id: OrgId(row.org_id),
            name: row.name,
            kind: text::decode(&row.kind)?,
            state: text::decode(&row.state)?,
            reason: row.reason,
            token: row.token,
            checked_at: row.checked_at,
            verified_at: row.verified_at,
            failing_since: row.failing_since,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// The organization's names, newest first, behind the given one.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(tx: &mut OrgTx, behind: Option<DomainId>, limit: u32) -> Result<Page<Domain>, StoreError> {
    let (conn, org_id) = tx.parts();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, org_id, name, kind, state, reason, token, checked_at, verified_at, failing_since, created_at,
                  updated_at
           FROM domains
           WHERE org_id = $1 AND id < $2
           ORDER BY id DESC
           LIMIT $3"#,
        org_id,
        behind.map_or(Uuid::max(), |id| id.0),
        rows_for(limit),
    )
    .fetch_all(conn)
    .await?;
    let items = rows.into_iter().map(Domain::try_from).collect::<Result<_, _>>()?;
    Ok(Page::cut(items, limit))
}

/// How many names the organization has.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn count(tx: &mut OrgTx) -> Result<u64, StoreError> {
    let (conn, org_id) = tx.parts();
    let count = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM domains WHERE org_id = $1"#, org_id)
        .fetch_one(conn)
        .await?;
    Ok(count.unsigned_abs())
}

/// One of the organization's names.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, id: DomainId) -> Result<Domain, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_as!(
        Row,
        r#"SELECT id, org_id, name, kind, state, reason, token, checked_at, verified_at, failing_since, created_at,
                  updated_at
           FROM domains
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "domain" })?
    .try_into()
}

/// Whether a name is proven to be the organization's.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn is_verified(tx: &mut OrgTx, name: &str) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM domains WHERE org_id = $1 AND name = $2 AND state = 'verified') AS "found!""#,
        org_id,
        name,
    )
    .fetch_one(conn)
    .await?;
    Ok(found)
}

/// Claims a name.
///
/// # Errors
/// [`StoreError::Conflict`] by `domains_name_once` when the organization has it, by `domains_name_verified` when it
/// would be verified at once and is somebody else's.
pub async fn insert(tx: &mut OrgTx, domain: &Domain) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO domains (id, org_id, name, kind, state, reason, token, verified_at, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)"#,
        domain.id.0,
        org_id,
        domain.name,
        text::encode(&domain.kind)?,
        text::encode(&domain.state)?,
        domain.reason,
        domain.token,
        domain.verified_at,
        domain.created_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Gives a name up.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(tx: &mut OrgTx, id: DomainId) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done =
        sqlx::query!("DELETE FROM domains WHERE org_id = $1 AND id = $2", org_id, id.0).execute(conn).await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "domain" }) } else { Ok(()) }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Whether it is theirs.
    pub state: DomainState,
    /// What is missing; empty when nothing is.
    pub reason: String,
    /// Since when checks of a proven name have failed.
    pub failing_since: Option<DateTime<Utc>>,
    /// Now.
    pub at: DateTime<Utc>,
}

/// Remembers what a check found.
///
/// # Errors
/// [`StoreError::Conflict`] by `domains_name_verified` when another organization has proven the name meanwhile;
/// [`StoreError::NotFound`].
pub async fn record_check(
    tx: &mut impl InTransaction,
    org_id: OrgId,
    id: DomainId,
    checked: &Checked,
) -> Result<(), StoreError> {
    let state = text::encode(&checked.state)?;
    let done = sqlx::query!(
        r#"UPDATE domains
           SET state = $3,
               reason = $4,
               failing_since = $5,
               checked_at = $6,
               verified_at = CASE WHEN $3 = 'verified' THEN COALESCE(verified_at, $6) ELSE verified_at END,
               updated_at = CASE WHEN state <> $3 OR reason <> $4 THEN $6 ELSE updated_at END
           WHERE org_id = $1 AND id = $2"#,
        org_id.0,
        id.0,
        state,
        checked.reason,
        checked.failing_since,
        checked.at,
    )
    .execute(tx.connection())
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "domain" }) } else { Ok(()) }
}

/// Whose a name is, when somebody has proven it and is not closed: the step before any tenant is known.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn owner_of(tx: &mut SystemTx, name: &str) -> Result<Option<OrgId>, StoreError> {
    let owner = sqlx::query_scalar!(
        r#"SELECT d.org_id
           FROM domains d
           JOIN organizations o ON o.id = d.org_id
           WHERE d.name = $1 AND d.state = 'verified' AND o.status <> 'closed'"#,
        name,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(owner.map(OrgId))
}

/// The domain that links of an organization are under: its own primary one, else that of the nearest above it.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn primary_of(tx: &mut SystemTx, org_id: OrgId) -> Result<Option<String>, StoreError> {
    let name = sqlx::query_scalar!(
        r#"WITH RECURSIVE chain AS (
               SELECT id, parent_id, primary_domain, 0 AS depth FROM organizations WHERE id = $1
               UNION ALL
               SELECT o.id, o.parent_id, o.primary_domain, c.depth + 1
               FROM organizations o
               JOIN chain c ON o.id = c.parent_id
           )
           SELECT d.name
           FROM chain c
           JOIN domains d ON d.org_id = c.id AND d.name = c.primary_domain AND d.state = 'verified'
           ORDER BY c.depth
           LIMIT 1"#,
        org_id.0,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(name)
}

/// Names of owners that were not checked since the given moment, those waiting longest first.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list_unchecked(
    tx: &mut SystemTx,
    since: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<Domain>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, org_id, name, kind, state, reason, token, checked_at, verified_at, failing_since, created_at,
                  updated_at
           FROM domains
           WHERE kind = 'custom' AND (checked_at IS NULL OR checked_at < $1)
           ORDER BY checked_at NULLS FIRST
           LIMIT $2"#,
        since,
        i64::from(limit),
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Domain::try_from).collect()
}
