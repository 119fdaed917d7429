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

/// An entry as it is read, with what its actor is called.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The entry.
    pub entry: Entry,
    /// The person's or the key's name, while the organization knows them.
    pub actor_name: Option<String>,
}

/// Who acted, to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByActor {
    /// A person.
    Person(UserId),
    /// A program.
    Key(ApiKeyId),
    /// The system itself.
    System,
}

/// What is looked for; what is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Who acted.
    pub actor: Option<ByActor>,
    /// `resource:action`, or a resource for all of its actions.
    pub action: Option<String>,
    /// The object's id.
    pub object: Option<String>,
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
    /// Words in the action, the object, the address or the detail.
    pub q: Option<String>,
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

/// Entries that match, newest first, behind the cursor (`at` and id of the last one seen).
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut OrgTx,
    filter: &Filter,
    behind: Option<Cursor>,
    limit: u32,
) -> Result<Page<Recorded>, StoreError> {
    let (conn, org_id) = tx.parts();
    let (at, id) = split(behind);
    let (person, key) = match filter.actor {
        Some(ByActor::Person(id)) => (Some(id.0), None),
        Some(ByActor::Key(id)) => (None, Some(id.0)),
        Some(ByActor::System) | None => (None, None),
    };
    let rows = sqlx::query!(
        r#"SELECT a.id, a.at, a.user_id, a.action, a.object, a.ip, a.detail, a.api_key_id, a.home_org_id,
                  u.name AS "user_name?", k.name AS "key_name?"
           FROM audit_log a
           LEFT JOIN users u ON u.id = a.user_id
           LEFT JOIN api_keys k ON k.org_id = a.org_id AND k.id = a.api_key_id
           WHERE a.org_id = $1
             AND (a.at, a.id)
                 < (COALESCE($2::timestamptz, 'infinity'), COALESCE($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
             AND ($4::uuid IS NULL OR a.user_id = $4)
             AND ($5::uuid IS NULL OR a.api_key_id = $5)
             AND (NOT $6 OR (a.user_id IS NULL AND a.api_key_id IS NULL))
             AND ($7::text IS NULL OR a.action = $7 OR starts_with(a.action, $7 || ':'))
             AND ($8::text IS NULL OR a.object = $8)
             AND a.at >= COALESCE($9::timestamptz, '-infinity')
             AND a.at < COALESCE($10::timestamptz, 'infinity')
             AND ($11::text IS NULL
                  OR strpos(lower(concat_ws(' ', a.action, a.object, a.ip, a.detail::text)), lower($11)) > 0)
           ORDER BY a.at DESC, a.id DESC
           LIMIT $12"#,
        org_id,
        at,
        id,
        person,
        key,
        filter.actor == Some(ByActor::System),
        filter.action,
        filter.object,
        filter.from,
        filter.to,
        filter.q,
        rows_for(limit),
    )
    .fetch_all(conn)
    .await?;
    let items = rows
        .into_iter()
        .map(|row| Recorded {
            entry: Entry {
                id: row.id,
                at: row.at,
                user_id: row.user_id.map(UserId),
                api_key_id: row.api_key_id.map(ApiKeyId),
                home_org_id: OrgId(row.home_org_id.unwrap_or(org_id)),
                action: row.action,
                object: row.object,
                ip: row.ip,
                detail: row.detail,
            },
            actor_name: row.user_name.or(row.key_name),
        })
        .collect();
    Ok(Page::cut(items, limit))
}

/// Forgets at most `most` entries of before a moment, oldest first; returns how many of which organization.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn expire(
    tx: &mut SystemTx,
    before: DateTime<Utc>,
    most: u32,
) -> Result<Vec<(OrgId, u64)>, StoreError> {
    let rows = sqlx::query!(
        r#"WITH gone AS (
               DELETE FROM audit_log
               WHERE id IN (SELECT id FROM audit_log WHERE at < $1 ORDER BY at LIMIT $2)
               RETURNING org_id
           )
           SELECT org_id AS "org_id!", count(*) AS "count!" FROM gone GROUP BY org_id"#,
        before,
        i64::from(most),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (OrgId(row.org_id), u64::try_from(row.count).unwrap_or(0))).collect())
}
