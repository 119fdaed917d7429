//! The questions that qualify a lead, in the order they are asked.

use domain::ids::QuestionId;
use domain::leads::LeadQuestion;

use crate::error::StoreError;
use crate::text;
use crate::tx::OrgTx;

/// Most questions of one flow; more would outlast any caller's patience.
const MAX_QUESTIONS: i64 = 100;

/// The flow, in order, at most 100 questions.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(tx: &mut OrgTx) -> Result<Vec<LeadQuestion>, StoreError> {
    let (conn, org_id) = tx.parts();
    let rows = sqlx::query!(
        r#"SELECT id, text, label, answer_type, field, required, choices, retry_text
           FROM lead_questions
           WHERE org_id = $1
           ORDER BY position
           LIMIT $2"#,
        org_id,
        MAX_QUESTIONS,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(LeadQuestion {
                id: QuestionId(row.id),
                text: row.text,
                label: row.label,
                answer_type: text::decode(&row.answer_type)?,
                field: text::decode(&row.field)?,
                required: row.required,
                choices: row.choices,
                retry_text: row.retry_text,
            })
        })
        .collect()
}

/// Replaces the whole flow.
///
/// # Errors
/// [`StoreError::Conflict`] by `lead_questions_pkey` when an id is used twice.
pub async fn replace(tx: &mut OrgTx, questions: &[LeadQuestion]) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!("DELETE FROM lead_questions WHERE org_id = $1", org_id).execute(&mut *conn).await?;
    for (position, question) in (0i32..).zip(questions) {
        sqlx::query!(
            r#"INSERT INTO lead_questions
                   (id, org_id, position, text, label, answer_type, field, required, choices, retry_text)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"#,
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
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}
