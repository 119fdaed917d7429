//! Messages that callers asked to be passed on.

pub mod recorded;

use chrono::{DateTime, Utc};
use domain::ids::{CallId, MessageId, UserId};
use domain::leads::Priority;
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{
    Column, Listed, SortKey, Source, Span, Wanted, fetch, push_contains, push_equal, push_ids,
};
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

/// A message and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The message.
    pub message: Message,
    /// What became of it.
    pub handling: Handling,
    /// The length of its recording in milliseconds, if there is one to play.
    pub recording_ms: Option<u64>,
    /// When that was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What became of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Handling {
    /// Who looks after it.
    pub assignee_id: Option<UserId>,
    /// When it was dealt with.
    pub handled_at: Option<DateTime<Utc>>,
    /// By whom; `None` also when it was a program.
    pub handled_by: Option<UserId>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    call_id: Option<Uuid>,
    from_name: Option<String>,
    reply_to: Option<String>,
    text: String,
    priority: String,
    created_at: DateTime<Utc>,
    assignee_id: Option<Uuid>,
    handled_at: Option<DateTime<Utc>>,
    handled_by: Option<Uuid>,
    recording_ms: Option<i64>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Kept {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            message: Message {
                id: MessageId(row.id),
                call_id: row.call_id.map(CallId),
                from_name: row.from_name,
                reply_to: row.reply_to,
                text: row.text,
                priority: text::decode(&row.priority)?,
                created_at: row.created_at,
            },
            handling: Handling {
                assignee_id: row.assignee_id.map(UserId),
                handled_at: row.handled_at,
                handled_by: row.handled_by.map(UserId),
            },
            recording_ms: row.recording_ms.map(i64::unsigned_abs),
            updated_at: row.updated_at,
        })
    }
}

/// What a list of messages can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageSort {
    /// When it was taken.
    CreatedAt,
}

impl SortKey for MessageSort {
    fn column(self) -> Column {
        match self {
            Self::CreatedAt => Column::time("created_at"),
        }
    }
}

/// What to look for in a list of messages.
#[derive(Debug, Clone, Default)]
pub struct MessageFilter {
    /// Only these.
    pub ids: Option<Vec<MessageId>>,
    /// Only those taken in this call.
    pub call_id: Option<CallId>,
    /// Only those dealt with, or not dealt with.
    pub handled: Option<bool>,
    /// Only those of this urgency.
    pub priority: Option<Priority>,
    /// Only those that this person looks after.
    pub assignee_id: Option<UserId>,
    /// Only those whose words or sender contain this.
    pub contains: Option<String>,
    /// Only those taken in this span.
    pub created: Span,
}

const LIST: Source = Source {
    columns: "id, call_id, from_name, reply_to, text, priority, created_at, assignee_id, handled_at, handled_by, \
              recording_ms, updated_at",
    from: "messages",
    id: "id",
};

/// Stores a message.
///
/// # Errors
/// [`StoreError::Conflict`] by `messages_pkey` when the id is used.
pub async fn insert(tx: &mut OrgTx, message: &Message) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO messages (id, org_id, call_id, from_name, reply_to, text, priority, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)"#,
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

/// Replaces the words of a message, if they are still these; whether they were.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn replace_text(
    tx: &mut OrgTx,
    id: MessageId,
    before: &str,
    text: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE messages
           SET text = $4, updated_at = GREATEST($5, updated_at + interval '1 microsecond')
           WHERE org_id = $1 AND id = $2 AND text = $3"#,
        org_id,
        id.0,
        before,
        text,
        now,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// One message.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, id: MessageId) -> Result<Kept, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_as!(
        Row,
        r#"SELECT id, call_id, from_name, reply_to, text, priority, created_at, assignee_id, handled_at, handled_by,
                  recording_ms, updated_at
           FROM messages
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "message" })?
    .try_into()
}

/// Holds a message until the end of the transaction and tells when its handling was last changed.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn lock(tx: &mut OrgTx, id: MessageId) -> Result<DateTime<Utc>, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_scalar!(
        "SELECT updated_at FROM messages WHERE org_id = $1 AND id = $2 FOR UPDATE",
        org_id,
        id.0
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "message" })
}

/// Messages that meet the filter.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut OrgTx,
    filter: &MessageFilter,
    wanted: &Wanted<MessageSort>,
) -> Result<Listed<Kept>, StoreError> {
    let (conn, org_id) = tx.parts();
    let priority = filter.priority.as_ref().map(text::encode).transpose()?;
    let ids = filter.ids.as_ref().map(|ids| ids.iter().map(|id| id.0).collect::<Vec<_>>());
    fetch(
        conn,
        &LIST,
        wanted,
        |query| {
            query.push("org_id = ").push_bind(org_id);
            push_ids(query, "id", ids.clone());
            push_equal(query, "call_id", filter.call_id.map(|id| id.0));
            push_equal(query, "priority", priority.clone());
            push_equal(query, "assignee_id", filter.assignee_id.map(|id| id.0));
            match filter.handled {
                Some(true) => query.push(" AND handled_at IS NOT NULL"),
                Some(false) => query.push(" AND handled_at IS NULL"),
                None => query,
            };
            push_contains(query, &["text", "COALESCE(from_name, '')"], filter.contains.as_deref());
            filter.created.push(query, "created_at");
        },
        |row: Row| row.try_into(),
    )
    .await
}

/// Replaces what became of a message.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Conflict`] by `messages_assignee_fkey`.
pub async fn update(
    tx: &mut OrgTx,
    id: MessageId,
    handling: &Handling,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE messages
           SET assignee_id = $3,
               handled_at = $4,
               handled_by = $5,
               updated_at = GREATEST($6, updated_at + interval '1 microsecond')
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
        handling.assignee_id.map(|id| id.0),
        handling.handled_at,
        handling.handled_by.map(|id| id.0),
        now,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "message" }) } else { Ok(()) }
}

/// Removes a message.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(tx: &mut OrgTx, id: MessageId) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!("DELETE FROM messages WHERE org_id = $1 AND id = $2", org_id, id.0)
        .execute(conn)
        .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "message" }) } else { Ok(()) }
}
