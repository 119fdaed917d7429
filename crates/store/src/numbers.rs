//! Phone numbers and the routing of a call by the number that was dialled.

use chrono::{DateTime, Utc};
use domain::ids::{AgentId, NumberId, OrgId};
use domain::phone::PhoneNumber;
use domain::routing::Routing;
use uuid::Uuid;

use crate::error::StoreError;
use crate::organizations::OrgStatus;
use crate::text;
use crate::tx::{OrgTx, SystemTx};

/// Most numbers of a business; a list returns them all.
pub const MAX_NUMBERS: usize = 200;

/// A number of a business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// Its id.
    pub id: NumberId,
    /// The agent that answers.
    pub agent_id: AgentId,
    /// The number itself.
    pub e164: String,
    /// The name on screens.
    pub label: String,
    /// Where a call goes when no agent can take it.
    pub fallback_number: Option<String>,
    /// Whether calls are recorded.
    pub recording: bool,
    /// Spoken before everything else; empty means none.
    pub notice: String,
    /// In place of the agent's greeting; empty means the agent's.
    pub greeting: String,
}

/// A number as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredNumber {
    /// What was set.
    pub number: Number,
    /// When it was entered.
    pub created_at: DateTime<Utc>,
    /// When it was last changed; its routing has a time of its own.
    pub updated_at: DateTime<Utc>,
}

/// Where a dialled number leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The business.
    pub org_id: OrgId,
    /// Where the business stands.
    pub org_status: OrgStatus,
    /// The number.
    pub number: Number,
    /// What becomes of a call, by its time.
    pub routing: Routing,
}

struct Row {
    id: Uuid,
    agent_id: Uuid,
    e164: String,
    label: String,
    fallback_number: Option<String>,
    recording: bool,
    notice: String,
    greeting: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for StoredNumber {
    fn from(row: Row) -> Self {
        Self {
            number: Number {
                id: NumberId(row.id),
                agent_id: AgentId(row.agent_id),
                e164: row.e164,
                label: row.label,
                fallback_number: row.fallback_number,
                recording: row.recording,
                notice: row.notice,
                greeting: row.greeting,
            },
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// Finds the business of a dialled number: the step before any tenant is known.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn resolve(tx: &mut SystemTx, dialled: &PhoneNumber) -> Result<Option<Route>, StoreError> {
    let found = sqlx::query!(
        r#"SELECT n.id, n.org_id, n.agent_id, n.e164, n.label, n.fallback_number, n.recording, n.notice, n.greeting,
                  n.routing, o.status
           FROM phone_numbers n
           JOIN organizations o ON o.id = n.org_id
           WHERE n.e164 = $1"#,
        dialled.as_str(),
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = found else { return Ok(None) };
    Ok(Some(Route {
        org_id: OrgId(row.org_id),
        org_status: text::decode(&row.status)?,
        routing: text::from_json(row.routing)?,
        number: Number {
            id: NumberId(row.id),
            agent_id: AgentId(row.agent_id),
            e164: row.e164,
            label: row.label,
            fallback_number: row.fallback_number,
            recording: row.recording,
            notice: row.notice,
            greeting: row.greeting,
        },
    }))
}

/// One number.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, id: NumberId) -> Result<StoredNumber, StoreError> {
    let (conn, org_id) = tx.parts();
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id, agent_id, e164, label, fallback_number, recording, notice, greeting, created_at, updated_at
           FROM phone_numbers
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(StoredNumber::from).ok_or(StoreError::NotFound { noun: "number" })
}

/// The business's numbers, oldest first, at most 200.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(tx: &mut OrgTx) -> Result<Vec<StoredNumber>, StoreError> {
    let (conn, org_id) = tx.parts();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, agent_id, e164, label, fallback_number, recording, notice, greeting, created_at, updated_at
           FROM phone_numbers
           WHERE org_id = $1
           ORDER BY id
           LIMIT $2"#,
        org_id,
        MAX_NUMBERS as i64,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(StoredNumber::from).collect())
}

/// Adds a number.
///
/// # Errors
/// [`StoreError::Conflict`] by `phone_numbers_e164_unique` when any business has it, or
/// `phone_numbers_agent_fkey` when the agent is not this business's.
pub async fn insert(tx: &mut OrgTx, number: &Number) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO phone_numbers
               (id, org_id, agent_id, e164, label, fallback_number, recording, notice, greeting)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"#,
        number.id.0,
        org_id,
        number.agent_id.0,
        number.e164,
        number.label,
        number.fallback_number,
        number.recording,
        number.notice,
        number.greeting,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps others from changing a number until the transaction ends.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn lock(tx: &mut OrgTx, id: NumberId) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_scalar!("SELECT id FROM phone_numbers WHERE org_id = $1 AND id = $2 FOR UPDATE", org_id, id.0)
        .fetch_optional(conn)
        .await?
        .map(drop)
        .ok_or(StoreError::NotFound { noun: "number" })
}

/// Replaces what is set of a number. The number itself stays: another one is another row.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Conflict`] by `phone_numbers_agent_fkey`.
pub async fn update(tx: &mut OrgTx, number: &Number, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE phone_numbers
           SET agent_id = $3,
               label = $4,
               fallback_number = $5,
               recording = $6,
               notice = $7,
               greeting = $8,
               updated_at = $9
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        number.id.0,
        number.agent_id.0,
        number.label,
        number.fallback_number,
        number.recording,
        number.notice,
        number.greeting,
        now,
    )
    .execute(conn)
    .await?;
    found(done.rows_affected())
}

/// Releases a number. Its calls stay.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(tx: &mut OrgTx, id: NumberId) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!("DELETE FROM phone_numbers WHERE org_id = $1 AND id = $2", org_id, id.0)
        .execute(conn)
        .await?;
    found(done.rows_affected())
}

/// A number's routing, and when it was last changed.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn routing(tx: &mut OrgTx, id: NumberId) -> Result<(Routing, DateTime<Utc>), StoreError> {
    let (conn, org_id) = tx.parts();
    let row = sqlx::query!(
        "SELECT routing, routing_updated_at FROM phone_numbers WHERE org_id = $1 AND id = $2",
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "number" })?;
    Ok((text::from_json(row.routing)?, row.routing_updated_at))
}

/// Replaces a number's routing.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn set_routing(
    tx: &mut OrgTx,
    id: NumberId,
    routing: &Routing,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        "UPDATE phone_numbers SET routing = $3, routing_updated_at = $4 WHERE org_id = $1 AND id = $2",
        org_id,
        id.0,
        text::to_json(routing)?,
        now,
    )
    .execute(conn)
    .await?;
    found(done.rows_affected())
}

/// A number that an agent answers, or that routes to it at some time.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn reaching(tx: &mut OrgTx, agent_id: AgentId) -> Result<Option<String>, StoreError> {
    let (conn, org_id) = tx.parts();
    // The routing holds ids in their text form, which nothing else in it can look like.
    let number = sqlx::query_scalar!(
        r#"SELECT e164
           FROM phone_numbers
           WHERE org_id = $1 AND (agent_id = $2 OR strpos(routing::text, $3) > 0)
           ORDER BY id
           LIMIT 1"#,
        org_id,
        agent_id.0,
        format!("\"{agent_id}\""),
    )
    .fetch_optional(conn)
    .await?;
    Ok(number)
}

fn found(rows: u64) -> Result<(), StoreError> {
    if rows == 0 { Err(StoreError::NotFound { noun: "number" }) } else { Ok(()) }
}
