//! Callers' ways to people: who is rung, one after the other, and how that stands.

use chrono::{DateTime, Utc};
use domain::ids::{CallId, OrgId, TransferId};
use domain::transfers::Colleague;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::StoreError;
use crate::text;
use crate::tx::{OrgTx, SystemTx};

/// How a transfer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferState {
    /// The caller wants it; the agent still talks.
    Prepared,
    /// The caller waits, people are rung.
    Connecting,
    /// Somebody took the caller.
    Connected,
    /// Nobody did; the caller went back to the agent.
    Failed,
    /// The caller did not wait.
    Abandoned,
}

/// How the call to the present person stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attempt {
    /// It is not to be made before the caller waits.
    Waiting,
    /// The same; the caller still talks with a platform's agent, and their call is to be fetched from there.
    Fetching,
    /// It is to be made.
    Due,
    /// It is being asked for; whether the carrier has it is not known yet.
    Placing,
    /// The carrier has it.
    Ringing,
    /// Somebody, or something, answered.
    Answered,
    /// There is nobody left to be called: the caller is being brought back.
    Returning,
}

/// A caller's way to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Its id, which is in the addresses that the carrier asks.
    pub id: TransferId,
    /// The caller's call.
    pub call_id: CallId,
    /// How it stands.
    pub state: TransferState,
    /// How the call to the present person stands.
    pub attempt: Attempt,
    /// What it is about, in the caller's words.
    pub about: String,
    /// Who is rung, in this order.
    pub people: Vec<Colleague>,
    /// The present person's place among them.
    pub position: usize,
    /// How long each telephone rings, in seconds.
    pub ring_seconds: u32,
    /// When the present call was first asked for.
    pub since: DateTime<Utc>,
    /// The carrier's id of the present call, once it is known.
    pub person_call: Option<String>,
    /// The carrier's ids of all calls that were made.
    pub calls_made: Vec<String>,
    /// When to look at it next.
    pub next_at: Option<DateTime<Utc>>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
}

impl Transfer {
    /// Who is rung now.
    #[must_use]
    pub fn person(&self) -> Option<&Colleague> {
        self.people.get(self.position)
    }
}

struct Row {
    id: Uuid,
    call_id: Uuid,
    state: String,
    attempt: String,
    about: String,
    people: serde_json::Value,
    position: i32,
    ring_seconds: i32,
    since: DateTime<Utc>,
    person_call: Option<String>,
    calls_made: Vec<String>,
    next_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl TryFrom<Row> for Transfer {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: TransferId(row.id),
            call_id: CallId(row.call_id),
            state: text::decode(&row.state)?,
            attempt: text::decode(&row.attempt)?,
            about: row.about,
            people: text::from_json(row.people)?,
            position: usize::try_from(row.position).unwrap_or_default(),
            ring_seconds: row.ring_seconds.unsigned_abs(),
            since: row.since,
            person_call: row.person_call,
            calls_made: row.calls_made,
            next_at: row.next_at,
            created_at: row.created_at,
        })
    }
}

/// Writes down what a caller wants; a former wish that did not come about is forgotten.
///
/// # Errors
/// [`StoreError::Conflict`] by `transfers_one_open` while the caller is being connected.
pub async fn prepare(tx: &mut OrgTx, transfer: &Transfer) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        "DELETE FROM transfers WHERE org_id = $1 AND call_id = $2 AND state = 'prepared'",
        org_id,
        transfer.call_id.0,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        r#"INSERT INTO transfers
               (id, org_id, call_id, state, attempt, about, people, position, ring_seconds, since, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)"#,
        transfer.id.0,
        org_id,
        transfer.call_id.0,
        text::encode(&transfer.state)?,
        text::encode(&transfer.attempt)?,
        transfer.about,
        text::to_json(&transfer.people)?,
        i32::try_from(transfer.position).unwrap_or(i32::MAX),
        i32::try_from(transfer.ring_seconds).unwrap_or(i32::MAX),
        transfer.since,
        transfer.created_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The latest transfer of a call, held until the end of the transaction.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn latest_of(tx: &mut OrgTx, call: CallId) -> Result<Option<Transfer>, StoreError> {
    let (conn, org_id) = tx.parts();
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id, call_id, state, attempt, about, people, position, ring_seconds, since, person_call, calls_made,
                  next_at, created_at
           FROM transfers
           WHERE org_id = $1 AND call_id = $2
           ORDER BY created_at DESC, id DESC
           LIMIT 1
           FOR UPDATE"#,
        org_id,
        call.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(Transfer::try_from).transpose()
}

/// Holds a transfer until the end of the transaction.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn lock(tx: &mut OrgTx, id: TransferId) -> Result<Transfer, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_as!(
        Row,
        r#"SELECT id, call_id, state, attempt, about, people, position, ring_seconds, since, person_call, calls_made,
                  next_at, created_at
           FROM transfers
           WHERE org_id = $1 AND id = $2
           FOR UPDATE"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "transfer" })?
    .try_into()
}

/// Writes what changes of a transfer; a worker that has it lets go.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn update(tx: &mut OrgTx, transfer: &Transfer, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE transfers
           SET state = $3, attempt = $4, position = $5, since = $6, person_call = $7, calls_made = $8, next_at = $9,
               leased_until = NULL, updated_at = $10
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        transfer.id.0,
        text::encode(&transfer.state)?,
        text::encode(&transfer.attempt)?,
        i32::try_from(transfer.position).unwrap_or(i32::MAX),
        transfer.since,
        transfer.person_call,
        &transfer.calls_made,
        transfer.next_at,
        now,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "transfer" }) } else { Ok(()) }
}

/// Makes transfers that are due a worker's own until `until`.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn lease(
    tx: &mut SystemTx,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<(OrgId, TransferId)>, StoreError> {
    let rows = sqlx::query!(
        r#"UPDATE transfers
           SET leased_until = $2
           WHERE id IN (
               SELECT id FROM transfers
               WHERE next_at <= $1 AND (leased_until IS NULL OR leased_until <= $1)
               ORDER BY next_at
               LIMIT $3
               FOR UPDATE SKIP LOCKED
           )
           RETURNING org_id, id"#,
        now,
        until,
        i64::from(limit),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (OrgId(row.org_id), TransferId(row.id))).collect())
}

/// Whether a call of the carrier's was made for one of the business's transfers.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn is_known(tx: &mut OrgTx, call_sid: &str) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM transfers WHERE org_id = $1 AND $2 = ANY (calls_made)) AS "known!""#,
        org_id,
        call_sid,
    )
    .fetch_one(conn)
    .await?;
    Ok(found)
}

/// The business of a transfer.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn find(tx: &mut SystemTx, id: TransferId) -> Result<OrgId, StoreError> {
    let found = sqlx::query_scalar!("SELECT org_id FROM transfers WHERE id = $1", id.0)
        .fetch_optional(tx.conn())
        .await?;
    found.map(OrgId).ok_or(StoreError::NotFound { noun: "transfer" })
}
