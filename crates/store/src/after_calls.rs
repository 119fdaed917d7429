//! What follows a conversation, step by step: which steps are done, and what came of them.

use chrono::{DateTime, Utc};
use domain::ids::CallId;

use crate::error::StoreError;
use crate::tx::OrgTx;

/// A step that is done.
#[derive(Debug, Clone, PartialEq)]
pub struct DoneStep {
    /// Its name.
    pub step: String,
    /// When it was done.
    pub done_at: DateTime<Utc>,
    /// What came of it.
    pub result: serde_json::Value,
}

/// Takes a step: `true` for the one transaction that is to do it. Whoever asks meanwhile waits until that transaction
/// ends, and gets it only when it was rolled back.
///
/// # Errors
/// [`StoreError::Conflict`] by `call_steps_call_fkey` when the call is gone.
pub async fn take(
    tx: &mut OrgTx,
    call_id: CallId,
    step: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"INSERT INTO call_steps (org_id, call_id, step, done_at, result)
           VALUES ($1, $2, $3, $4, 'null')
           ON CONFLICT (org_id, call_id, step) DO NOTHING"#,
        org_id,
        call_id.0,
        step,
        now,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Keeps what came of a step that this transaction has taken.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn keep(
    tx: &mut OrgTx,
    call_id: CallId,
    step: &str,
    result: &serde_json::Value,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        "UPDATE call_steps SET result = $4 WHERE org_id = $1 AND call_id = $2 AND step = $3",
        org_id,
        call_id.0,
        step,
        result,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The steps that are done, in the order they were.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn done(tx: &mut OrgTx, call_id: CallId) -> Result<Vec<DoneStep>, StoreError> {
    let (conn, org_id) = tx.parts();
    Ok(sqlx::query_as!(
        DoneStep,
        r#"SELECT step, done_at, result
           FROM call_steps
           WHERE org_id = $1 AND call_id = $2
           ORDER BY done_at, step"#,
        org_id,
        call_id.0,
    )
    .fetch_all(conn)
    .await?)
}

/// Writes the summary of a call into its record.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn set_summary(
    tx: &mut OrgTx,
    call_id: CallId,
    summary: &serde_json::Value,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        "UPDATE calls SET summary = $3 WHERE org_id = $1 AND id = $2",
        org_id,
        call_id.0,
        summary,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "call" }) } else { Ok(()) }
}
