//! The knowledge base: questions the business answers, and finding the one a caller means.

use chrono::{DateTime, Utc};
use domain::ids::KnowledgeId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{
    Column, Listed, MAX_PAGE, SortKey, Source, Span, Wanted, fetch, push_contains, push_equal, push_ids,
};
use crate::text;
use crate::tx::OrgTx;

/// Most entries that are read to build a vocabulary.
const MAX_VOCABULARY: i64 = 2_000;

/// Who may hear an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Anybody.
    Public,
    /// Recognised clients.
    Clients,
    /// Members of the business only.
    Internal,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: KnowledgeId,
    /// What it says.
    pub content: EntryContent,
    /// When it was entered.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryContent {
    /// The heading it stands under.
    pub category: String,
    /// The question.
    pub question: String,
    /// Other ways to ask it.
    pub variants: Vec<String>,
    /// The answer, to be quoted.
    pub answer: String,
    /// Who may hear it.
    pub visibility: Visibility,
}

/// An entry that shares words with what was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The entry.
    pub entry: Entry,
    /// PostgreSQL's rank: comparable within one search only.
    pub rank: f32,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    category: String,
    question: String,
    variants: Vec<String>,
    answer: String,
    visibility: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Entry {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: KnowledgeId(row.id),
            content: EntryContent {
                category: row.category,
                question: row.question,
                variants: row.variants,
                answer: row.answer,
                visibility: text::decode(&row.visibility)?,
            },
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// What a list of entries can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntrySort {
    /// When it was entered.
    CreatedAt,
    /// When it was last changed.
    UpdatedAt,
    /// The question, without case.
    Question,
}

impl SortKey for EntrySort {
    fn column(self) -> Column {
        match self {
            Self::CreatedAt => Column::time("created_at"),
            Self::UpdatedAt => Column::time("updated_at"),
            Self::Question => Column::text("question_key"),
        }
    }
}

/// What to look for in a list of entries.
#[derive(Debug, Clone, Default)]
pub struct EntryFilter {
    /// Only these.
    pub ids: Option<Vec<KnowledgeId>>,
    /// Only those whose question or answer contains this.
    pub contains: Option<String>,
    /// Only those under this heading.
    pub category: Option<String>,
    /// Only those that these people may hear.
    pub visibility: Option<Visibility>,
    /// Only those entered in this span.
    pub created: Span,
}

const LIST: Source = Source {
    columns: "id, category, question, variants, answer, visibility, created_at, updated_at",
    from: "knowledge_entries",
    id: "id",
};

/// A heading and how many entries stand under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// The heading; empty for those without.
    pub name: String,
    /// How many.
    pub entries: u64,
}

/// Entries that hold any of the terms, best first. A term of several words must be held whole; terms of stop
/// words only are ignored. The terms are words, not query syntax.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn search(
    tx: &mut OrgTx,
    terms: &[String],
    visibilities: &[Visibility],
    limit: u32,
) -> Result<Vec<Candidate>, StoreError> {
    let (conn, org_id) = tx.parts();
    let visibilities = visibilities.iter().map(text::encode).collect::<Result<Vec<_>, _>>()?;
    let rows = sqlx::query!(
        r#"WITH asked AS MATERIALIZED (
               SELECT string_agg(NULLIF(plainto_tsquery('english', term)::text, ''), ' | ')::tsquery AS query
               FROM UNNEST($2::text[]) AS term
           )
           SELECT e.id, e.category, e.question, e.variants, e.answer, e.visibility, e.created_at, e.updated_at,
                  ts_rank_cd(e.search, asked.query) AS "rank!"
           FROM knowledge_entries e, asked
           WHERE e.org_id = $1
             AND e.visibility = ANY($3)
             AND e.search @@ asked.query
           ORDER BY ts_rank_cd(e.search, asked.query) DESC, e.id
           LIMIT $4"#,
        org_id,
        terms,
        &visibilities,
        i64::from(limit.clamp(1, 50)),
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Candidate {
                rank: row.rank,
                entry: Entry::try_from(Row {
                    id: row.id,
                    category: row.category,
                    question: row.question,
                    variants: row.variants,
                    answer: row.answer,
                    visibility: row.visibility,
                    created_at: row.created_at,
                    updated_at: row.updated_at,
                })?,
            })
        })
        .collect()
}

/// One entry.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, id: KnowledgeId) -> Result<Entry, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_as!(
        Row,
        r#"SELECT id, category, question, variants, answer, visibility, created_at, updated_at
           FROM knowledge_entries
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "knowledge entry" })?
    .try_into()
}

/// The oldest entry of exactly this question.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn find_by_question(tx: &mut OrgTx, question: &str) -> Result<Option<Entry>, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_as!(
        Row,
        r#"SELECT id, category, question, variants, answer, visibility, created_at, updated_at
           FROM knowledge_entries
           WHERE org_id = $1 AND question_key = lower(left($2, 200)) AND question = $2
           ORDER BY id
           LIMIT 1"#,
        org_id,
        question,
    )
    .fetch_optional(conn)
    .await?
    .map(Entry::try_from)
    .transpose()
}

/// Holds an entry until the end of the transaction and tells when it was last changed.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn lock(tx: &mut OrgTx, id: KnowledgeId) -> Result<DateTime<Utc>, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_scalar!(
        "SELECT updated_at FROM knowledge_entries WHERE org_id = $1 AND id = $2 FOR UPDATE",
        org_id,
        id.0
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "knowledge entry" })
}

/// Entries that meet the filter.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut OrgTx,
    filter: &EntryFilter,
    wanted: &Wanted<EntrySort>,
) -> Result<Listed<Entry>, StoreError> {
    let (conn, org_id) = tx.parts();
    let visibility = filter.visibility.as_ref().map(text::encode).transpose()?;
    let ids = filter.ids.as_ref().map(|ids| ids.iter().map(|id| id.0).collect::<Vec<_>>());
    fetch(
        conn,
        &LIST,
        wanted,
        |query| {
            query.push("org_id = ").push_bind(org_id);
            push_ids(query, "id", ids.clone());
            push_equal(query, "category", filter.category.clone());
            push_equal(query, "visibility", visibility.clone());
            push_contains(query, &["question", "answer"], filter.contains.as_deref());
            filter.created.push(query, "created_at");
        },
        |row: Row| row.try_into(),
    )
    .await
}

/// The headings in use, in alphabetical order, at most 200.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn categories(tx: &mut OrgTx) -> Result<Vec<Category>, StoreError> {
    let (conn, org_id) = tx.parts();
    let rows = sqlx::query!(
        r#"SELECT category, count(*) AS "entries!"
           FROM knowledge_entries
           WHERE org_id = $1
           GROUP BY category
           ORDER BY category
           LIMIT $2"#,
        org_id,
        i64::from(MAX_PAGE),
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Category { name: row.category, entries: row.entries.unsigned_abs() })
        .collect())
}

/// The entries that callers may ask about, for the transcriber's vocabulary; the 2,000 oldest at most.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn all_spoken(tx: &mut OrgTx) -> Result<Vec<Entry>, StoreError> {
    let (conn, org_id) = tx.parts();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, category, question, variants, answer, visibility, created_at, updated_at
           FROM knowledge_entries
           WHERE org_id = $1 AND visibility <> 'internal'
           ORDER BY id
           LIMIT $2"#,
        org_id,
        MAX_VOCABULARY,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Entry::try_from).collect()
}

/// Enters an entry.
///
/// # Errors
/// [`StoreError::Conflict`] by `knowledge_entries_question_length` or `knowledge_entries_answer_length`.
pub async fn insert(
    tx: &mut OrgTx,
    id: KnowledgeId,
    content: &EntryContent,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO knowledge_entries
               (id, org_id, category, question, variants, answer, visibility, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)"#,
        id.0,
        org_id,
        content.category,
        content.question,
        &content.variants,
        content.answer,
        text::encode(&content.visibility)?,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Replaces what an entry says.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Conflict`] as for [`insert`].
pub async fn update(
    tx: &mut OrgTx,
    id: KnowledgeId,
    content: &EntryContent,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE knowledge_entries
           SET category = $3,
               question = $4,
               variants = $5,
               answer = $6,
               visibility = $7,
               updated_at = GREATEST($8, updated_at + interval '1 microsecond')
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
        content.category,
        content.question,
        &content.variants,
        content.answer,
        text::encode(&content.visibility)?,
        now,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "knowledge entry" }) } else { Ok(()) }
}

/// Removes an entry.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(tx: &mut OrgTx, id: KnowledgeId) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!("DELETE FROM knowledge_entries WHERE org_id = $1 AND id = $2", org_id, id.0)
        .execute(conn)
        .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "knowledge entry" }) } else { Ok(()) }
}
