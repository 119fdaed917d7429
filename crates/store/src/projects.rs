//! Projects: pieces of work of a client, entered by hand or mirrored from a tool.

use chrono::{DateTime, NaiveDate, Utc};
use domain::ids::{ClientId, ProjectId};
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{
    Column, Listed, MAX_PAGE, SortKey, Source, Span, Wanted, fetch, push_contains, push_equal, push_ids,
};
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
    /// How much is done, 0 to 100, when somebody keeps count.
    pub progress_percent: Option<u8>,
    /// Who works on it.
    pub people: Vec<String>,
    /// Where it is found in its tool.
    pub link: Option<String>,
    /// When it was put away; callers hear nothing of it any more.
    pub archived_at: Option<DateTime<Utc>>,
    /// The tool it is mirrored from; `None` when entered by hand.
    pub provider: Option<String>,
    /// When the mirror was fresh.
    pub synced_at: Option<DateTime<Utc>>,
}

impl ProjectFacts {
    /// A project of which no more is known than whose it is, its name and its status.
    #[must_use]
    pub fn named(client_id: ClientId, name: &str, status: &str) -> Self {
        Self {
            client_id,
            name: name.to_owned(),
            aliases: Vec::new(),
            status: status.to_owned(),
            last_update: None,
            next_milestone: None,
            due_on: None,
            progress_percent: None,
            people: Vec::new(),
            link: None,
            archived_at: None,
            provider: None,
            synced_at: None,
        }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    client_id: Uuid,
    name: String,
    aliases: Vec<String>,
    status: String,
    last_update: Option<String>,
    next_milestone: Option<String>,
    due_on: Option<NaiveDate>,
    progress_percent: Option<i16>,
    people: Vec<String>,
    link: Option<String>,
    archived_at: Option<DateTime<Utc>>,
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
                progress_percent: row.progress_percent.and_then(|percent| u8::try_from(percent).ok()),
                people: row.people,
                link: row.link,
                archived_at: row.archived_at,
                provider: row.provider,
                synced_at: row.synced_at,
            },
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// What a list of projects can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectSort {
    /// When it was entered.
    CreatedAt,
    /// When it was last changed.
    UpdatedAt,
    /// The name, without case.
    Name,
    /// When it is due; what has no date comes last.
    DueOn,
}

impl SortKey for ProjectSort {
    fn column(self) -> Column {
        match self {
            Self::CreatedAt => Column::time("created_at"),
            Self::UpdatedAt => Column::time("updated_at"),
            Self::Name => Column::text("name_key"),
            Self::DueOn => Column::day("due_key"),
        }
    }
}

/// What to look for in a list of projects.
#[derive(Debug, Clone, Default)]
pub struct ProjectFilter {
    /// Only these.
    pub ids: Option<Vec<ProjectId>>,
    /// Only those whose name contains this.
    pub name_contains: Option<String>,
    /// Only those of this client.
    pub client_id: Option<ClientId>,
    /// Only those that stand there.
    pub status: Option<String>,
    /// Only those put away, or not put away.
    pub archived: Option<bool>,
    /// Only those due on this day or later.
    pub due_from: Option<NaiveDate>,
    /// Only those due on this day or earlier.
    pub due_until: Option<NaiveDate>,
    /// Only those entered in this span.
    pub created: Span,
}

const LIST: Source = Source {
    columns: "id, client_id, name, aliases, status, last_update, next_milestone, due_on, progress_percent, people, \
              link, archived_at, provider, synced_at, created_at, updated_at",
    from: "projects",
    id: "id",
};

/// One project.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, id: ProjectId) -> Result<Project, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_as!(
        Row,
        r#"SELECT id, client_id, name, aliases, status, last_update, next_milestone, due_on, progress_percent, people,
                  link, archived_at, provider, synced_at, created_at, updated_at
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

/// Holds a project until the end of the transaction and tells when it was last changed.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn lock(tx: &mut OrgTx, id: ProjectId) -> Result<DateTime<Utc>, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_scalar!(
        "SELECT updated_at FROM projects WHERE org_id = $1 AND id = $2 FOR UPDATE",
        org_id,
        id.0
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "project" })
}

/// A client's projects that are not put away, those in progress first, at most 200.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list_for_client(tx: &mut OrgTx, client_id: ClientId) -> Result<Vec<Project>, StoreError> {
    let (conn, org_id) = tx.parts();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, client_id, name, aliases, status, last_update, next_milestone, due_on, progress_percent, people,
                  link, archived_at, provider, synced_at, created_at, updated_at
           FROM projects
           WHERE org_id = $1 AND client_id = $2 AND archived_at IS NULL
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

/// Projects that meet the filter.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut OrgTx,
    filter: &ProjectFilter,
    wanted: &Wanted<ProjectSort>,
) -> Result<Listed<Project>, StoreError> {
    let (conn, org_id) = tx.parts();
    let ids = filter.ids.as_ref().map(|ids| ids.iter().map(|id| id.0).collect::<Vec<_>>());
    fetch(
        conn,
        &LIST,
        wanted,
        |query| {
            query.push("org_id = ").push_bind(org_id);
            push_ids(query, "id", ids.clone());
            push_equal(query, "client_id", filter.client_id.map(|id| id.0));
            push_equal(query, "status", filter.status.clone());
            push_contains(query, &["name"], filter.name_contains.as_deref());
            match filter.archived {
                Some(true) => query.push(" AND archived_at IS NOT NULL"),
                Some(false) => query.push(" AND archived_at IS NULL"),
                None => query,
            };
            if let Some(day) = filter.due_from {
                query.push(" AND due_on IS NOT NULL AND due_key >= ").push_bind(day);
            }
            if let Some(day) = filter.due_until {
                query.push(" AND due_on IS NOT NULL AND due_key <= ").push_bind(day);
            }
            filter.created.push(query, "created_at");
        },
        |row: Row| Ok(row.into()),
    )
    .await
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
                synced_at, created_at, updated_at, progress_percent, people, link, archived_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13, $14, $15, $16)"#,
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
        facts.progress_percent.map(i16::from),
        &facts.people,
        facts.link,
        facts.archived_at,
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
               updated_at = GREATEST($12, updated_at + interval '1 microsecond'),
               progress_percent = $13,
               people = $14,
               link = $15,
               archived_at = $16
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
        facts.progress_percent.map(i16::from),
        &facts.people,
        facts.link,
        facts.archived_at,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "project" }) } else { Ok(()) }
}

/// Removes a project. Verdicts on it stay, without it.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(tx: &mut OrgTx, id: ProjectId) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!("DELETE FROM projects WHERE org_id = $1 AND id = $2", org_id, id.0)
        .execute(conn)
        .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "project" }) } else { Ok(()) }
}
