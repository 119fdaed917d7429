//! Messages that callers asked to be passed on.

use chrono::{DateTime, Utc};
use domain::ids::{CallId, MessageId};
use domain::leads::Priority;

use crate::error::StoreError;
use crate::page::{Cursor, Page, rows_for, split};
use crate::text;
use crate::tx::OrgTx;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The conversation it was taken in.
    pub call_id: Option<CallId>,
    /// Who it is from, as said.
    pub from_name: Option<String>,
    /// Where to answer: E.164 or e-mail.
    pub reply_to: Option<String>,
    /// The words.
    pub text: String,
    /// How pressing it is.
    pub priority: Priority,
    /// When it was taken.
    pub created_at: DateTime<Utc>,
}

/// Stores a message.
///
/// # Errors
/// [`StoreError::Conflict`] by `messages_pkey` when the id is used.
pub async fn insert(tx: &mut OrgTx, message: &Message) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO messages (id, org_id, call_id, from_name, reply_to, text, priority, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"#,
        message.id.0,
        org_id,
        message.call_id.map(|id| id.0),
        message.from_name,
        message.reply_to,
        message.text,
        text::encode(&message.priority)?,
        message.created_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Messages, newest first, behind the cursor (`created_at` and id of the last one seen); of one call if given.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut OrgTx,
    call_id: Option<CallId>,
    behind: Option<Cursor>,
    limit: u32,
) -> Result<Page<Message>, StoreError> {
    let (conn, org_id) = tx.parts();
    let (at, id) = split(behind);
    let rows = sqlx::query!(
        r#"SELECT id, call_id, from_name, reply_to, text, priority, created_at
           FROM messages
           WHERE org_id = $1
             AND (created_at, id) < (COALESCE($2::timestamptz, 'infinity'), COALESCE($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
             AND ($4::uuid IS NULL OR call_id = $4)
           ORDER BY created_at DESC, id DESC
           LIMIT $5"#,
        org_id,
        at,
        id,
        call_id.map(|id| id.0),
        rows_for(limit),
    )
    .fetch_all(conn)
    .await?;
    let items = rows
        .into_iter()
        .map(|row| {
            Ok(Message {
                id: MessageId(row.id),
                call_id: row.call_id.map(CallId),
                from_name: row.from_name,
                reply_to: row.reply_to,
                text: row.text,
                priority: text::decode(&row.priority)?,
                created_at: row.created_at,
            })
        })
        .collect::<Result<_, StoreError>>()?;
    Ok(Page::cut(items, limit))
}
