//! What a business remembers of its earlier conversations with a client.

use chrono::{DateTime, Utc};
use domain::ids::{CallId, ClientId};

use crate::error::StoreError;
use crate::tx::OrgTx;

/// An earlier conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct EarlierCall {
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// What was made of it, if anything was.
    pub summary: Option<serde_json::Value>,
}

/// A message that nobody has dealt with yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenMessage {
    /// When it was taken.
    pub taken_at: DateTime<Utc>,
    /// The words.
    pub text: String,
}

/// A client's finished calls that have a summary, newest first, without the one that goes on.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn calls(
    tx: &mut OrgTx,
    client_id: ClientId,
    but: CallId,
    limit: u32,
) -> Result<Vec<EarlierCall>, StoreError> {
    let (conn, org_id) = tx.parts();
    Ok(sqlx::query_as!(
        EarlierCall,
        r#"SELECT started_at, summary
           FROM calls
           WHERE org_id = $1 AND client_id = $2 AND id <> $3 AND summary IS NOT NULL
             AND jsonb_typeof(summary) = 'object'
           ORDER BY started_at DESC, id DESC
           LIMIT $4"#,
        org_id,
        client_id.0,
        but.0,
        i64::from(limit),
    )
    .fetch_all(conn)
    .await?)
}

/// What a client asked to be passed on and nobody has dealt with, newest first.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn open_messages(
    tx: &mut OrgTx,
    client_id: ClientId,
    but: CallId,
    limit: u32,
) -> Result<Vec<OpenMessage>, StoreError> {
    let (conn, org_id) = tx.parts();
    Ok(sqlx::query_as!(
        OpenMessage,
        r#"SELECT m.created_at AS taken_at, m.text
           FROM messages m
           JOIN calls c ON c.org_id = m.org_id AND c.id = m.call_id
           WHERE m.org_id = $1 AND c.client_id = $2 AND c.id <> $3 AND m.handled_at IS NULL
           ORDER BY m.created_at DESC, m.id DESC
           LIMIT $4"#,
        org_id,
        client_id.0,
        but.0,
        i64::from(limit),
    )
    .fetch_all(conn)
    .await?)
}
