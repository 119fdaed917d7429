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

/// The caller was asked for a message: what follows the call waits for one until then.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn expect_message(tx: &mut OrgTx, call_id: CallId, until: DateTime<Utc>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        "UPDATE calls SET message_until = $3 WHERE org_id = $1 AND id = $2",
        org_id,
        call_id.0,
        until,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The message that was waited for is there.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn message_came(tx: &mut OrgTx, call_id: CallId) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!("UPDATE calls SET message_until = NULL WHERE org_id = $1 AND id = $2", org_id, call_id.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// The caller hung up: a message that is not there by then does not come. Whether one was waited for longer.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn wait_shorter(tx: &mut OrgTx, call_id: CallId, until: DateTime<Utc>) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        "UPDATE calls SET message_until = $3 WHERE org_id = $1 AND id = $2 AND message_until > $3",
        org_id,
        call_id.0,
        until,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// What a chain has to know before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// When the record was completed; before that nothing follows the call.
    pub finalized_at: Option<DateTime<Utc>>,
    /// A message, or its words, may come until then.
    pub waits_until: Option<DateTime<Utc>>,
}

/// Whether a call's chain may begin. The call is held until the transaction ends, so that no message comes to it, and
/// none gets its words, between this and what is made of it.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn standing(tx: &mut OrgTx, call_id: CallId) -> Result<Standing, StoreError> {
    let (conn, org_id) = tx.parts();
    let call = sqlx::query!(
        "SELECT finalized_at, message_until FROM calls WHERE org_id = $1 AND id = $2 FOR UPDATE",
        org_id,
        call_id.0,
    )
    .fetch_optional(&mut *conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "call" })?;
    let words_until = sqlx::query_scalar!(
        "SELECT max(words_until) FROM messages WHERE org_id = $1 AND call_id = $2",
        org_id,
        call_id.0,
    )
    .fetch_one(conn)
    .await?;
    let waits_until = call.message_until.max(words_until);
    Ok(Standing { finalized_at: call.finalized_at, waits_until })
}
