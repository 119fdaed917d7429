//! Calls that are to be made.

use chrono::{DateTime, Utc};
use domain::callbacks::CallbackState;
use domain::ids::{AgentId, CallId, CallbackId, NumberId, OrgId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{Column, Listed, SortKey, Source, Span, Wanted, fetch, push_equal, push_ids};
use crate::text;
use crate::tx::{OrgTx, SystemTx};

/// Why a call is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackPurpose {
    /// A caller asked to be called back.
    Callback,
    /// The business asked for it.
    Request,
    /// Somebody tries whether calls work.
    Test,
}

/// A call that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// Its id, which is in the addresses that the carrier asks.
    pub id: CallbackId,
    /// Why.
    pub purpose: CallbackPurpose,
    /// The conversation it was asked for in.
    pub asked_in: Option<CallId>,
    /// The conversation it became.
    pub became: Option<CallId>,
    /// Who talks.
    pub agent_id: AgentId,
    /// The number it is made from.
    pub number_id: NumberId,
    /// The same, E.164.
    pub our_number: String,
    /// Who is called, E.164.
    pub number: String,
    /// Their name.
    pub name: Option<String>,
    /// What it is about; may be empty.
    pub about: String,
    /// Not before this moment.
    pub due_at: DateTime<Utc>,
    /// How it stands.
    pub state: CallbackState,
    /// Since when.
    pub since: DateTime<Utc>,
    /// When it was first asked for at the carrier.
    pub placed_at: Option<DateTime<Utc>>,
    /// The carrier's id of the call, once it is known.
    pub call_sid: Option<String>,
    /// When to look at it next.
    pub next_at: Option<DateTime<Utc>>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    purpose: String,
    asked_in: Option<Uuid>,
    became: Option<Uuid>,
    agent_id: Uuid,
    number_id: Uuid,
    our_number: String,
    number: String,
    name: Option<String>,
    about: String,
    due_at: DateTime<Utc>,
    state: String,
    since: DateTime<Utc>,
    placed_at: Option<DateTime<Utc>>,
    call_sid: Option<String>,
    next_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Callback {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: CallbackId(row.id),
            purpose: text::decode(&row.purpose)?,
            asked_in: row.asked_in.map(CallId),
            became: row.became.map(CallId),
            agent_id: AgentId(row.agent_id),
            number_id: NumberId(row.number_id),
            our_number: row.our_number,
            number: row.number,
            name: row.name,
            about: row.about,
            due_at: row.due_at,
            state: text::decode(&row.state)?,
            since: row.since,
            placed_at: row.placed_at,
            call_sid: row.call_sid,
            next_at: row.next_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// What a list of calls to be made can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackSort {
    /// When it was asked for.
    CreatedAt,
}

impl SortKey for CallbackSort {
    fn column(self) -> Column {
        match self {
            Self::CreatedAt => Column::time("created_at"),
        }
    }
}

/// What to look for in a list of calls to be made.
#[derive(Debug, Clone, Default)]
pub struct CallbackFilter {
    /// Only these.
    pub ids: Option<Vec<CallbackId>>,
    /// Only those that stand like this.
    pub state: Option<CallbackState>,
    /// Only those asked for in this conversation.
    pub asked_in: Option<CallId>,
    /// Only those asked for in this span.
    pub created: Span,
}

const LIST: Source = Source {
    columns: "id, purpose, asked_in, became, agent_id, number_id, our_number, number, name, about, due_at, state, since, \
              placed_at, call_sid, next_at, created_at, updated_at",
    from: "callbacks",
    id: "id",
};

/// Writes down that a call is to be made; `false` when one was asked for in the same conversation before.
///
/// # Errors
/// [`StoreError::Conflict`] by `callbacks_agent_fkey`.
pub async fn insert(tx: &mut OrgTx, callback: &Callback) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"INSERT INTO callbacks
               (id, org_id, purpose, asked_in, agent_id, number_id, our_number, number, name, about, due_at, state,
                since, next_at, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'waiting', $12, $11, $12, $12)
           ON CONFLICT (org_id, asked_in) WHERE asked_in IS NOT NULL DO NOTHING"#,
        callback.id.0,
        org_id,
        text::encode(&callback.purpose)?,
        callback.asked_in.map(|id| id.0),
        callback.agent_id.0,
        callback.number_id.0,
        callback.our_number,
        callback.number,
        callback.name,
        callback.about,
        callback.due_at,
        callback.created_at,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Holds a call that is to be made until the end of the transaction.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn lock(tx: &mut OrgTx, id: CallbackId) -> Result<Callback, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_as!(
        Row,
        r#"SELECT id, purpose, asked_in, became, agent_id, number_id, our_number, number, name, about, due_at, state,
                  since, placed_at, call_sid, next_at, created_at, updated_at
           FROM callbacks
           WHERE org_id = $1 AND id = $2
           FOR UPDATE"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "callback" })?
    .try_into()
}

/// Calls to be made that meet the filter.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut OrgTx,
    filter: &CallbackFilter,
    wanted: &Wanted<CallbackSort>,
) -> Result<Listed<Callback>, StoreError> {
    let (conn, org_id) = tx.parts();
    let state = filter.state.as_ref().map(text::encode).transpose()?;
    let ids = filter.ids.as_ref().map(|ids| ids.iter().map(|id| id.0).collect::<Vec<_>>());
    fetch(
        conn,
        &LIST,
        wanted,
        |query| {
            query.push("org_id = ").push_bind(org_id);
            push_ids(query, "id", ids.clone());
            push_equal(query, "state", state.clone());
            push_equal(query, "asked_in", filter.asked_in.map(|id| id.0));
            filter.created.push(query, "created_at");
        },
        |row: Row| row.try_into(),
    )
    .await
}

/// Writes what changes: when it is due, how it stands, what it became.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Conflict`] by `callbacks_call_sid_unique`.
pub async fn update(tx: &mut OrgTx, callback: &Callback, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE callbacks
           SET became = $3, about = $4, due_at = $5, state = $6, since = $7, placed_at = $8, call_sid = $9,
               next_at = $10, leased_until = NULL,
               updated_at = GREATEST($11, updated_at + interval '1 microsecond')
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        callback.id.0,
        callback.became.map(|id| id.0),
        callback.about,
        callback.due_at,
        text::encode(&callback.state)?,
        callback.since,
        callback.placed_at,
        callback.call_sid,
        callback.next_at,
        now,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "callback" }) } else { Ok(()) }
}

/// Whether a call of the carrier's is one of these already.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn is_known(tx: &mut OrgTx, call_sid: &str) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    let found =
        sqlx::query_scalar!("SELECT id FROM callbacks WHERE org_id = $1 AND call_sid = $2", org_id, call_sid)
            .fetch_optional(conn)
            .await?;
    Ok(found.is_some())
}

/// Makes calls that are due a worker's own until `until`.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn lease(
    tx: &mut SystemTx,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<(OrgId, CallbackId)>, StoreError> {
    let rows = sqlx::query!(
        r#"UPDATE callbacks
           SET leased_until = $2
           WHERE id IN (
               SELECT id FROM callbacks
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
    Ok(rows.into_iter().map(|row| (OrgId(row.org_id), CallbackId(row.id))).collect())
}

/// The business of a call that is to be made.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn find(tx: &mut SystemTx, id: CallbackId) -> Result<OrgId, StoreError> {
    let found = sqlx::query_scalar!("SELECT org_id FROM callbacks WHERE id = $1", id.0)
        .fetch_optional(tx.conn())
        .await?;
    found.map(OrgId).ok_or(StoreError::NotFound { noun: "callback" })
}

/// Why a call was made, and what it is about.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn of_call(tx: &mut OrgTx, call: CallId) -> Result<Option<(CallbackPurpose, String)>, StoreError> {
    let (conn, org_id) = tx.parts();
    let found = sqlx::query!(
        "SELECT purpose, about FROM callbacks WHERE org_id = $1 AND became = $2 LIMIT 1",
        org_id,
        call.0,
    )
    .fetch_optional(conn)
    .await?;
    found.map(|row| Ok((text::decode(&row.purpose)?, row.about))).transpose()
}
