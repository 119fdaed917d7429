//! Clients' verdicts on conversations and projects, and the figures made of them.

use chrono::{DateTime, Utc};
use domain::ids::{CallId, ClientId, ProjectId, SatisfactionId};
use domain::satisfaction::{Figures, Scale, Tally};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{Column, Listed, SortKey, Source, Span, Wanted, fetch, push_equal, push_ids};
use crate::text;
use crate::tx::OrgTx;

/// How a verdict reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictSource {
    /// Asked at the end of a call.
    Voice,
    /// Given in a chat.
    Chat,
    /// Read from a project tool.
    ProjectTool,
    /// Entered by hand.
    Manual,
}

/// A verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Its id.
    pub id: SatisfactionId,
    /// Whose.
    pub client_id: Option<ClientId>,
    /// On which project.
    pub project_id: Option<ProjectId>,
    /// On which conversation.
    pub call_id: Option<CallId>,
    /// What the score means.
    pub scale: Scale,
    /// The score.
    pub score: u8,
    /// Words that came with it.
    pub comment: String,
    /// How it reached us.
    pub source: VerdictSource,
    /// When it was given.
    pub given_at: DateTime<Utc>,
    /// When it was entered.
    pub created_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    client_id: Option<Uuid>,
    project_id: Option<Uuid>,
    call_id: Option<Uuid>,
    scale: String,
    score: i16,
    comment: String,
    source: String,
    given_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
}

impl TryFrom<Row> for Verdict {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: SatisfactionId(row.id),
            client_id: row.client_id.map(ClientId),
            project_id: row.project_id.map(ProjectId),
            call_id: row.call_id.map(CallId),
            scale: text::decode(&row.scale)?,
            score: u8::try_from(row.score).unwrap_or_default(),
            comment: row.comment,
            source: text::decode(&row.source)?,
            given_at: row.given_at,
            created_at: row.created_at,
        })
    }
}

/// What a list of verdicts can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerdictSort {
    /// When it was given.
    GivenAt,
}

impl SortKey for VerdictSort {
    fn column(self) -> Column {
        match self {
            Self::GivenAt => Column::time("given_at"),
        }
    }
}

/// What to look for in a list of verdicts.
#[derive(Debug, Clone, Default)]
pub struct VerdictFilter {
    /// Only these.
    pub ids: Option<Vec<SatisfactionId>>,
    /// Only this client's.
    pub client_id: Option<ClientId>,
    /// Only those on this project.
    pub project_id: Option<ProjectId>,
    /// Only those on this conversation.
    pub call_id: Option<CallId>,
    /// Only those of this scale.
    pub scale: Option<Scale>,
    /// Only those that came this way.
    pub source: Option<VerdictSource>,
    /// Only those given in this span.
    pub given: Span,
}

const LIST: Source = Source {
    columns: "id, client_id, project_id, call_id, scale, score, comment, source, given_at, created_at",
    from: "satisfaction",
    id: "id",
};

/// Enters what a caller says in a conversation, in place of what they said in it before.
///
/// # Errors
/// As [`insert`].
pub async fn insert_for_call(tx: &mut OrgTx, verdict: &Verdict) -> Result<(), StoreError> {
    let source = text::encode(&verdict.source)?;
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        "DELETE FROM satisfaction WHERE org_id = $1 AND call_id = $2 AND source = $3",
        org_id,
        verdict.call_id.map(|id| id.0),
        source,
    )
    .execute(conn)
    .await?;
    insert(tx, verdict).await
}

/// Enters a verdict.
///
/// # Errors
/// [`StoreError::Conflict`] by `satisfaction_client_fkey`, `satisfaction_project_fkey` or `satisfaction_score_range`.
pub async fn insert(tx: &mut OrgTx, verdict: &Verdict) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO satisfaction
               (id, org_id, client_id, project_id, call_id, scale, score, comment, source, given_at, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"#,
        verdict.id.0,
        org_id,
        verdict.client_id.map(|id| id.0),
        verdict.project_id.map(|id| id.0),
        verdict.call_id.map(|id| id.0),
        text::encode(&verdict.scale)?,
        i16::from(verdict.score),
        verdict.comment,
        text::encode(&verdict.source)?,
        verdict.given_at,
        verdict.created_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// One verdict.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, id: SatisfactionId) -> Result<Verdict, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_as!(
        Row,
        r#"SELECT id, client_id, project_id, call_id, scale, score, comment, source, given_at, created_at
           FROM satisfaction
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "verdict" })?
    .try_into()
}

/// Verdicts that meet the filter.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut OrgTx,
    filter: &VerdictFilter,
    wanted: &Wanted<VerdictSort>,
) -> Result<Listed<Verdict>, StoreError> {
    let (conn, org_id) = tx.parts();
    let scale = filter.scale.as_ref().map(text::encode).transpose()?;
    let source = filter.source.as_ref().map(text::encode).transpose()?;
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
            push_equal(query, "scale", scale.clone());
            push_equal(query, "source", source.clone());
            filter.given.push(query, "given_at");
        },
        |row: Row| row.try_into(),
    )
    .await
}

/// The score from 1 to 5 that a caller gave a conversation, if any.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn of_call(tx: &mut OrgTx, call_id: CallId) -> Result<Option<u8>, StoreError> {
    let (conn, org_id) = tx.parts();
    let score = sqlx::query_scalar!(
        r#"SELECT score
           FROM satisfaction
           WHERE org_id = $1 AND call_id = $2 AND scale = 'csat'
           ORDER BY given_at DESC
           LIMIT 1"#,
        org_id,
        call_id.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(score.map(|score| u8::try_from(score).unwrap_or_default()))
}

/// Removes a verdict.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(tx: &mut OrgTx, id: SatisfactionId) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!("DELETE FROM satisfaction WHERE org_id = $1 AND id = $2", org_id, id.0)
        .execute(conn)
        .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "verdict" }) } else { Ok(()) }
}

/// The figures of the verdicts given from `since` on.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn figures(tx: &mut OrgTx, since: DateTime<Utc>) -> Result<Figures, StoreError> {
    let (conn, org_id) = tx.parts();
    let rows = sqlx::query!(
        r#"SELECT scale, score, count(*) AS "times!"
           FROM satisfaction
           WHERE org_id = $1 AND given_at >= $2
           GROUP BY scale, score"#,
        org_id,
        since,
    )
    .fetch_all(conn)
    .await?;
    let mut tally = Tally::default();
    for row in rows {
        let score = u8::try_from(row.score).unwrap_or_default();
        tally.add(text::decode(&row.scale)?, score, row.times.unsigned_abs());
    }
    Ok(tally.figures())
}
