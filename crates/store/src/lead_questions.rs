//! The questions that qualify a lead, in the order they are asked.

use chrono::{DateTime, Utc};
use domain::ids::QuestionId;
use domain::lead_flow::MAX_QUESTIONS;
use domain::leads::LeadQuestion;
use uuid::Uuid;

use crate::error::StoreError;
use crate::text;
use crate::tx::OrgTx;

/// A question as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredQuestion {
    /// What was set.
    pub question: LeadQuestion,
    /// When it was entered.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

struct Row {
    id: Uuid,
    text: String,
    label: String,
    answer_type: String,
    field: String,
    required: bool,
    choices: Vec<String>,
    retry_text: Option<String>,
    skip_when: Option<serde_json::Value>,
    urgency_weight: i16,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for StoredQuestion {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            question: LeadQuestion {
                id: QuestionId(row.id),
                text: row.text,
                label: row.label,
                answer_type: text::decode(&row.answer_type)?,
                field: text::decode(&row.field)?,
                required: row.required,
                choices: row.choices,
                retry_text: row.retry_text,
                skip_when: row.skip_when.map(text::from_json).transpose()?,
                urgency_weight: u8::try_from(row.urgency_weight).unwrap_or_default(),
            },
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// The flow, in order, at most 100 questions.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(tx: &mut OrgTx) -> Result<Vec<LeadQuestion>, StoreError> {
    Ok(stored(tx).await?.into_iter().map(|stored| stored.question).collect())
}

/// The flow with what the store knows of each question, in order, at most 100.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn stored(tx: &mut OrgTx) -> Result<Vec<StoredQuestion>, StoreError> {
    let (conn, org_id) = tx.parts();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, text, label, answer_type, field, required, choices, retry_text, skip_when,
                  urgency_weight, created_at, updated_at
           FROM lead_questions
           WHERE org_id = $1
           ORDER BY position
           LIMIT $2"#,
        org_id,
        MAX_QUESTIONS as i64,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(StoredQuestion::try_from).collect()
}

/// One question.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, id: QuestionId) -> Result<StoredQuestion, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_as!(
        Row,
        r#"SELECT id, text, label, answer_type, field, required, choices, retry_text, skip_when,
                  urgency_weight, created_at, updated_at
           FROM lead_questions
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "lead question" })?
    .try_into()
}

/// Lets one change of the flow happen at a time: whoever comes second waits until the transaction ends.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn lock_flow(tx: &mut OrgTx) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    // A flow has no row of its own; the organization's stands for it, without blocking those who point to it.
    sqlx::query_scalar!("SELECT id FROM organizations WHERE id = $1 FOR NO KEY UPDATE", org_id)
        .fetch_optional(conn)
        .await?
        .map(drop)
        .ok_or(StoreError::NotFound { noun: "organization" })
}

/// Replaces the whole flow.
///
/// # Errors
/// [`StoreError::Conflict`] by `lead_questions_pkey` when an id is used twice.
pub async fn replace(tx: &mut OrgTx, questions: &[LeadQuestion]) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!("DELETE FROM lead_questions WHERE org_id = $1", org_id).execute(&mut *conn).await?;
    for (position, question) in (0i32..).zip(questions) {
        write(tx, question, position, None).await?;
    }
    Ok(())
}

/// Adds a question at the end. Lock the flow first.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn append(tx: &mut OrgTx, question: &LeadQuestion, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let position = sqlx::query_scalar!(
        r#"SELECT COALESCE(max(position) + 1, 0) AS "next!" FROM lead_questions WHERE org_id = $1"#,
        org_id,
    )
    .fetch_one(conn)
    .await?;
    write(tx, question, position, Some(now)).await
}

async fn write(
    tx: &mut OrgTx,
    question: &LeadQuestion,
    position: i32,
    now: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO lead_questions
               (id, org_id, position, text, label, answer_type, field, required, choices, retry_text, skip_when,
                urgency_weight, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $13, COALESCE($12, now()), COALESCE($12, now()))"#,
        question.id.0,
        org_id,
        position,
        question.text,
        question.label,
        text::encode(&question.answer_type)?,
        text::encode(&question.field)?,
        question.required,
        &question.choices,
        question.retry_text,
        question.skip_when.as_ref().map(text::to_json).transpose()?,
        now,
        i16::from(question.urgency_weight),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Replaces a question, which keeps its place.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn update(tx: &mut OrgTx, question: &LeadQuestion, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE lead_questions
           SET text = $3,
               label = $4,
               answer_type = $5,
               field = $6,
               required = $7,
               choices = $8,
               retry_text = $9,
               skip_when = $10,
               updated_at = $11,
               urgency_weight = $12
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        question.id.0,
        question.text,
        question.label,
        text::encode(&question.answer_type)?,
        text::encode(&question.field)?,
        question.required,
        &question.choices,
        question.retry_text,
        question.skip_when.as_ref().map(text::to_json).transpose()?,
        now,
        i16::from(question.urgency_weight),
    )
    .execute(conn)
    .await?;
    found(done.rows_affected())
}

/// Takes a question out of the flow. Answers that were given stay with their leads.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(tx: &mut OrgTx, id: QuestionId) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!("DELETE FROM lead_questions WHERE org_id = $1 AND id = $2", org_id, id.0)
        .execute(conn)
        .await?;
    found(done.rows_affected())
}

/// Puts the questions into an order, which names each of them once. Lock the flow first.
///
/// # Errors
/// [`StoreError::Conflict`] by `lead_questions_position_unique` at the end when it doesn't.
pub async fn reorder(tx: &mut OrgTx, order: &[QuestionId]) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let ids: Vec<Uuid> = order.iter().map(|id| id.0).collect();
    sqlx::query!(
        r#"UPDATE lead_questions q
           SET position = o.place - 1
           FROM unnest($2::uuid[]) WITH ORDINALITY AS o (id, place)
           WHERE q.org_id = $1 AND q.id = o.id"#,
        org_id,
        &ids,
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn found(rows: u64) -> Result<(), StoreError> {
    if rows == 0 { Err(StoreError::NotFound { noun: "lead question" }) } else { Ok(()) }
}
