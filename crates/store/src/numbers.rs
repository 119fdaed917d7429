//! Phone numbers and the routing of a call by the number that was dialled.

use domain::ids::{AgentId, NumberId, OrgId};
use domain::phone::PhoneNumber;
use uuid::Uuid;

use crate::error::StoreError;
use crate::organizations::OrgStatus;
use crate::text;
use crate::tx::{OrgTx, SystemTx};

/// Most numbers that a list returns.
const MAX_NUMBERS: i64 = 200;

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

/// Where a dialled number leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The business.
    pub org_id: OrgId,
    /// Where the business stands.
    pub org_status: OrgStatus,
    /// The number.
    pub number: Number,
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
}

impl From<Row> for Number {
    fn from(row: Row) -> Self {
        Self {
            id: NumberId(row.id),
            agent_id: AgentId(row.agent_id),
            e164: row.e164,
            label: row.label,
            fallback_number: row.fallback_number,
            recording: row.recording,
            notice: row.notice,
            greeting: row.greeting,
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
                  o.status
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

/// The business's numbers, at most 200.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(tx: &mut OrgTx) -> Result<Vec<Number>, StoreError> {
    let (conn, org_id) = tx.parts();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, agent_id, e164, label, fallback_number, recording, notice, greeting
           FROM phone_numbers
           WHERE org_id = $1
           ORDER BY id
           LIMIT $2"#,
        org_id,
        MAX_NUMBERS,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Number::from).collect())
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
