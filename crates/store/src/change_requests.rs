//! Requests for more than was agreed.

use chrono::{DateTime, Utc};
use domain::ids::{CallId, ChangeRequestId, ClientId, ProjectId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{Column, Listed, SortKey, Source, Span, Wanted, fetch, push_equal, push_ids};
use crate::text;
use crate::tx::OrgTx;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeState {
    /// Nobody has decided yet.
    Draft,
    /// It was agreed on.
    Confirmed,
    /// It was not.
    Declined,
    /// It is done.
    Done,
}

/// A request for more than was agreed.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeRequest {
    /// Its id.
    pub id: ChangeRequestId,
    /// Whose.
    pub client_id: Option<ClientId>,
    /// On which project, when that is clear.
    pub project_id: Option<ProjectId>,
    /// In which conversation.
    pub call_id: Option<CallId>,
    /// The client's own words.
    pub quote: String,
    /// The same words without case and marks.
    pub words: String,
    /// How sure it is that they ask for more, 0 to 1.
    pub confidence: f32,
    /// Who was named to the client.
    pub manager: String,
    /// What became of it.
    pub state: ChangeState,
    /// What the business notes about it.
    pub note: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    client_id: Option<Uuid>,
    project_id: Option<Uuid>,
    call_id: Option<Uuid>,
    quote: String,
    words: String,
    confidence: f32,
    manager: String,
    state: String,
    note: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for ChangeRequest {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: ChangeRequestId(row.id),
            client_id: row.client_id.map(ClientId),
            project_id: row.project_id.map(ProjectId),
            call_id: row.call_id.map(CallId),
            quote: row.quote,
            words: row.words,
            confidence: row.confidence,
            manager: row.manager,
            state: text::decode(&row.state)?,
            note: row.note,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// What a list of requests can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeSort {
    /// When it was made.
    CreatedAt,
}

impl SortKey for ChangeSort {
    fn column(self) -> Column {
        match self {
            Self::CreatedAt => Column::time("created_at"),
        }
    }
}

/// What to look for in a list of requests.
#[derive(Debug, Clone, Default)]
pub struct ChangeFilter {
    /// Only these.
    pub ids: Option<Vec<ChangeRequestId>>,
    /// Only this client's.
    pub client_id: Option<ClientId>,
    /// Only those on this project.
    pub project_id: Option<ProjectId>,
    /// Only those made in this conversation.
    pub call_id: Option<CallId>,
    /// Only those that stand like this.
    pub state: Option<ChangeState>,
    /// Only those made in this span.
    pub created: Span,
}

const LIST: Source = Source {
    columns: "id, client_id, project_id, call_id, quote, words, confidence, manager, state, note, created_at, updated_at",
    from: "change_requests",
    id: "id",
};

/// Writes a request down, unless the same client made it since `since`; tells whether it did. Two at once are one.
///
/// # Errors
/// [`StoreError::Conflict`] by `change_requests_client_fkey` or `change_requests_project_fkey`.
pub async fn insert_once(
    tx: &mut OrgTx,
    request: &ChangeRequest,
    since: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    let client = request.client_id.map(|id| id.0);
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('change:' || $1::uuid::text || COALESCE($2::uuid::text, ''), 0))",
        org_id,
        client,
    )
    .execute(&mut *conn)
    .await?;
    let done = sqlx::query!(
        r#"INSERT INTO change_requests
               (id, org_id, client_id, project_id, call_id, quote, words, confidence, manager, state, created_at,
                updated_at)
           SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, 'draft', $10, $10
           WHERE NOT EXISTS (
               SELECT FROM change_requests
               WHERE org_id = $2 AND client_id IS NOT DISTINCT FROM $3 AND words = $7 AND created_at > $11
           )"#,
        request.id.0,
        org_id,
        client,
        request.project_id.map(|id| id.0),
        request.call_id.map(|id| id.0),
        request.quote,
        request.words,
        request.confidence,
        request.manager,
        request.created_at,
        since,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// One request.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, id: ChangeRequestId) -> Result<ChangeRequest, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_as!(
        Row,
        r#"SELECT id, client_id, project_id, call_id, quote, words, confidence, manager, state, note, created_at,
                  updated_at
           FROM change_requests
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "change request" })?
    .try_into()
}

/// Holds a request until the end of the transaction and tells when it was last changed.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn lock(tx: &mut OrgTx, id: ChangeRequestId) -> Result<DateTime<Utc>, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_scalar!(
        "SELECT updated_at FROM change_requests WHERE org_id = $1 AND id = $2 FOR UPDATE",
        org_id,
        id.0
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "change request" })
}

/// Requests that meet the filter.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut OrgTx,
    filter: &ChangeFilter,
    wanted: &Wanted<ChangeSort>,
) -> Result<Listed<ChangeRequest>, StoreError> {
    let (conn, org_id) = tx.parts();
    let state = filter.state.as_ref().map(text::encode).transpose()?;
    let ids = filter.ids.as_ref().map(|ids| ids.iter().map(|id| id.0).collect::<Vec<_>>());
    fetch(
        conn,
        &LIST,
        wanted,
        |query| {
            query.push("org_id = ").push_bind(org_id);
            push_ids(query, "id", ids.clone());
            push_equal(query, "client_id", filter.client_id.map(|id| id.0));
            push_equal(query, "project_id", filter.project_id.map(|id| id.0));
            push_equal(query, "call_id", filter.call_id.map(|id| id.0));
            push_equal(query, "state", state.clone());
            filter.created.push(query, "created_at");
        },
        |row: Row| row.try_into(),
    )
    .await
}

/// Writes what was decided.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Conflict`] by `change_requests_note_length`.
pub async fn decide(
    tx: &mut OrgTx,
    id: ChangeRequestId,
    state: ChangeState,
    note: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE change_requests
           SET state = $3, note = $4, updated_at = GREATEST($5, updated_at + interval '1 microsecond')
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
        text::encode(&state)?,
        note,
        now,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "change request" }) } else { Ok(()) }
}
