//! Messages that the carrier recorded: where the audio is, and what is said in it.

use chrono::{DateTime, Utc};
use domain::ids::{CallId, MessageId};
use uuid::Uuid;

use super::Message;
use crate::error::StoreError;
use crate::tx::OrgTx;

/// The recording of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The message.
    pub message_id: MessageId,
    /// The carrier's id of it.
    pub sid: String,
    /// Our own copy in object storage, once there is one.
    pub key: Option<String>,
    /// Its length in milliseconds.
    pub length_ms: Option<u64>,
    /// What is said in it: `None` before anybody listened, empty when no words were understood.
    pub words: Option<String>,
}

struct Row {
    id: Uuid,
    recording_sid: String,
    recording_key: Option<String>,
    recording_ms: Option<i64>,
    words: Option<String>,
}

impl From<Row> for Recording {
    fn from(row: Row) -> Self {
        Self {
            message_id: MessageId(row.id),
            sid: row.recording_sid,
            key: row.recording_key,
            length_ms: row.recording_ms.map(i64::unsigned_abs),
            words: row.words,
        }
    }
}

/// Stores a message that the carrier recorded. What follows its call waits for the words until then.
///
/// # Errors
/// [`StoreError::Conflict`] by `messages_pkey` when the id is used.
pub async fn insert(
    tx: &mut OrgTx,
    message: &Message,
    sid: &str,
    words_until: DateTime<Utc>,
) -> Result<(), StoreError> {
    super::insert(tx, message).await?;
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        "UPDATE messages SET recording_sid = $3, words_until = $4 WHERE org_id = $1 AND id = $2",
        org_id,
        message.id.0,
        sid,
        words_until,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The recording of a message; `None` for one that was not recorded.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such message.
pub async fn get(tx: &mut OrgTx, id: MessageId) -> Result<Option<Recording>, StoreError> {
    let (conn, org_id) = tx.parts();
    let row = sqlx::query!(
        "SELECT id, recording_sid, recording_key, recording_ms, words FROM messages WHERE org_id = $1 AND id = $2",
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "message" })?;
    Ok(row.recording_sid.map(|sid| Recording {
        message_id: MessageId(row.id),
        sid,
        key: row.recording_key,
        length_ms: row.recording_ms.map(i64::unsigned_abs),
        words: row.words,
    }))
}

/// The recorded messages of a call, the oldest first.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn of_call(tx: &mut OrgTx, call_id: CallId) -> Result<Vec<Recording>, StoreError> {
    let (conn, org_id) = tx.parts();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, recording_sid AS "recording_sid!", recording_key, recording_ms, words
           FROM messages
           WHERE org_id = $1 AND call_id = $2 AND recording_sid IS NOT NULL
           ORDER BY created_at, id"#,
        org_id,
        call_id.0,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Recording::from).collect())
}

/// Remembers where our own copy is. `false` when there is no such message any more.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn copied(tx: &mut OrgTx, id: MessageId, key: &str, length_ms: u64) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        "UPDATE messages SET recording_key = $3, recording_ms = $4 WHERE org_id = $1 AND id = $2",
        org_id,
        id.0,
        key,
        i64::try_from(length_ms).unwrap_or(i64::MAX),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Keeps what is said in a recording: nobody waits for it any more. `None`: nobody will listen to it.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn heard(tx: &mut OrgTx, id: MessageId, words: Option<&str>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        "UPDATE messages SET words = COALESCE($3, words), words_until = NULL WHERE org_id = $1 AND id = $2",
        org_id,
        id.0,
        words,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets the copies of a call's recorded messages, which are deleted with the call. The messages stay.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn forget_of_call(tx: &mut OrgTx, call_id: CallId) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"UPDATE messages SET recording_sid = NULL, recording_key = NULL, recording_ms = NULL, words_until = NULL
           WHERE org_id = $1 AND call_id = $2 AND recording_sid IS NOT NULL"#,
        org_id,
        call_id.0,
    )
    .execute(conn)
    .await?;
    Ok(())
}
