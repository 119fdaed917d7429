//! Projects: pieces of work of a client, entered by hand or mirrored from a tool.

use chrono::{DateTime, NaiveDate, Utc};
use domain::ids::{ClientId, ProjectId};
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{MAX_PAGE, Page, rows_for};
use crate::tx::OrgTx;

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// What it is.
    pub facts: ProjectFacts,
    /// When it was entered.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What is known of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectFacts {
    /// Whose it is.
    pub client_id: ClientId,
    /// Its name.
    pub name: String,
    /// Other names it goes by.
    pub aliases: Vec<String>,
    /// `planned`, `active`, `at_risk`, `on_hold`, `in_review`, `done`, `cancelled`.
    pub status: String,
    /// A sentence that the client may hear.
    pub last_update: Option<String>,
    /// The next milestone.
    pub next_milestone: Option<String>,
    /// When the milestone or the project is due.
    pub due_on: Option<NaiveDate>,
    /// The tool it is mirrored from; `None` when entered by hand.
    pub provider: Option<String>,
    /// When the mirror was fresh.
    pub synced_at: Option<DateTime<Utc>>,
}

struct Row {
    id: Uuid,
    client_id: Uuid,
    name: String,
    aliases: Vec<String>,
    status: String,
    last_update: Option<String>,
    next_milestone: Option<String>,
    due_on: Option<NaiveDate>,
    provider: Option<String>,
    synced_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Project {
    fn from(row: Row) -> Self {
        Self {
            id: ProjectId(row.id),
            facts: ProjectFacts {
                client_id: ClientId(row.client_id),
                name: row.name,
                aliases: row.aliases,
                status: row.status,
                last_update: row.last_update,
                next_milestone: row.next_milestone,
                due_on: row.due_on,
                provider: row.provider,
                synced_at: row.synced_at,
            },
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// One project.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, id: ProjectId) -> Result<Project, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_as!(
        Row,
        r#"SELECT id, client_id, name, aliases, status, last_update, next_milestone, due_on, provider, synced_at,
                  created_at, updated_at
           FROM projects
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .map(Project::from)
    .ok_or(StoreError::NotFound { noun: "project" })
}

/// A client's projects, those in progress first, at most 200.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list_for_client(tx: &mut OrgTx, client_id: ClientId) -> Result<Vec<Project>, StoreError> {
    let (conn, org_id) = tx.parts();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, client_id, name, aliases, status, last_update, next_milestone, due_on, provider, synced_at,
                  created_at, updated_at
           FROM projects
           WHERE org_id = $1 AND client_id = $2
           ORDER BY status IN ('done', 'cancelled'), id
           LIMIT $3"#,
        org_id,
        client_id.0,
        i64::from(MAX_PAGE),
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Project::from).collect())
}

/// Projects whose name contains `search`, newest first, older than `before`.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut OrgTx,
    search: Option<&str>,
    before: Option<ProjectId>,
    limit: u32,
) -> Result<Page<Project>, StoreError> {
    let (conn, org_id) = tx.parts();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, client_id, name, aliases, status, last_update, next_milestone, due_on, provider, synced_at,
                  created_at, updated_at
           FROM projects
           WHERE org_id = $1
             AND id < $2
             AND ($3::text IS NULL OR position(lower($3) IN lower(name)) > 0)
           ORDER BY id DESC
           LIMIT $4"#,
        org_id,
        before.map_or(Uuid::max(), |id| id.0),
        search,
        rows_for(limit),
    )
    .fetch_all(conn)
    .await?;
    Ok(Page::cut(rows.into_iter().map(Project::from).collect(), limit))
}

/// Enters a project.
///
/// # Errors
/// [`StoreError::Conflict`] by `projects_client_fkey`, `projects_status_known` or `projects_name_length`.
pub async fn insert(
    tx: &mut OrgTx,
    id: ProjectId,
    facts: &ProjectFacts,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO projects
               (id, org_id, client_id, name, aliases, status, last_update, next_milestone, due_on, provider,
                synced_at, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)"#,
        id.0,
        org_id,
        facts.client_id.0,
        facts.name,
        &facts.aliases,
        facts.status,
        facts.last_update,
        facts.next_milestone,
        facts.due_on,
        facts.provider,
        facts.synced_at,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Replaces what is known of a project.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Conflict`] as for [`insert`].
pub async fn update(
    tx: &mut OrgTx,
    id: ProjectId,
    facts: &ProjectFacts,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE projects
           SET client_id = $3,
               name = $4,
               aliases = $5,
               status = $6,
               last_update = $7,
               next_milestone = $8,
               due_on = $9,
               provider = $10,
               synced_at = $11,
               updated_at = $12
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
        facts.client_id.0,
        facts.name,
        &facts.aliases,
        facts.status,
        facts.last_update,
        facts.next_milestone,
        facts.due_on,
        facts.provider,
        facts.synced_at,
        now,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "project" }) } else { Ok(()) }
}
