//! The history of leads, clients and projects.

use chrono::{DateTime, Utc};
use domain::ids::{CallId, ClientId, LeadId, ProjectId, TimelineEntryId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::StoreError;
use crate::tx::OrgTx;

/// Whose history an entry belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A lead's.
    Lead(LeadId),
    /// A client's.
    Client(ClientId),
    /// A project's.
    Project(ProjectId),
}

impl Subject {
    fn parts(self) -> (&'static str, Uuid) {
        match self {
            Self::Lead(id) => ("lead", id.0),
            Self::Client(id) => ("client", id.0),
            Self::Project(id) => ("project", id.0),
        }
    }
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its id.
    pub id: TimelineEntryId,
    /// What it is: `call`, `scope_change`, ...
    pub kind: String,
    /// Names the fact, 1 to 200 characters.
    pub key: String,
    /// The conversation it comes from.
    pub call_id: Option<CallId>,
    /// In plain words.
    pub text: String,
    /// When it happened.
    pub at: DateTime<Utc>,
}

/// Adds an entry, unless the same fact is there; returns whether it was new.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn add(tx: &mut OrgTx, subject: Subject, entry: &Entry) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    let (kind_of_subject, subject_id) = subject.parts();
    let done = sqlx::query!(
        r#"INSERT INTO timeline_entries (id, org_id, subject, subject_id, kind, key, call_id, text, at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
           ON CONFLICT (org_id, subject, subject_id, kind, key) DO NOTHING"#,
        entry.id.0,
        org_id,
        kind_of_subject,
        subject_id,
        entry.kind,
        entry.key,
        entry.call_id.map(|id| id.0),
        entry.text,
        entry.at,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Replaces the words of an entry, as more is known of the same fact.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn reword(
    tx: &mut OrgTx,
    subject: Subject,
    kind: &str,
    key: &str,
    text: &str,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let (kind_of_subject, subject_id) = subject.parts();
    sqlx::query!(
        r#"UPDATE timeline_entries SET text = $6
           WHERE org_id = $1 AND subject = $2 AND subject_id = $3 AND kind = $4 AND key = $5"#,
        org_id,
        kind_of_subject,
        subject_id,
        kind,
        key,
        text,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The newest entries of a history, at most so many.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn newest(tx: &mut OrgTx, subject: Subject, most: u32) -> Result<Vec<Entry>, StoreError> {
    let (conn, org_id) = tx.parts();
    let (kind_of_subject, subject_id) = subject.parts();
    let rows = sqlx::query!(
        r#"SELECT id, kind, key, call_id, text, at
           FROM timeline_entries
           WHERE org_id = $1 AND subject = $2 AND subject_id = $3
           ORDER BY at DESC, id DESC
           LIMIT $4"#,
        org_id,
        kind_of_subject,
        subject_id,
        i64::from(most),
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Entry {
            id: TimelineEntryId(row.id),
            kind: row.kind,
            key: row.key,
            call_id: row.call_id.map(CallId),
            text: row.text,
            at: row.at,
        })
        .collect())
}
