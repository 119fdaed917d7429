//! Agents: the personas of a business.

use chrono::{DateTime, Utc};
use domain::ids::AgentId;
use domain::turn_taking::TurnTaking;
use uuid::Uuid;

use crate::error::StoreError;
use crate::text;
use crate::tx::OrgTx;

/// Most agents that a list returns; a business has a handful.
const MAX_AGENTS: i64 = 200;

/// An agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// Everything that can be set.
    pub settings: AgentSettings,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What can be set of an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentSettings {
    /// The name it gives itself.
    pub name: String,
    /// BCP 47 tag.
    pub language: String,
    /// Voice id; empty means the provider's default.
    pub voice: String,
    /// For a new caller; empty means the default.
    pub greeting: String,
    /// For a recognised client; empty means the default.
    pub client_greeting: String,
    /// Whether a caller may talk over the greeting.
    pub greeting_interruptible: bool,
    /// `pipeline`, `realtime`, `elevenlabs`.
    pub engine: String,
    /// Turn-taking.
    pub turn_taking: TurnTaking,
}

struct Row {
    id: Uuid,
    name: String,
    language: String,
    voice: String,
    greeting: String,
    client_greeting: String,
    greeting_interruptible: bool,
    engine: String,
    turn_taking: serde_json::Value,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Agent {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: AgentId(row.id),
            settings: AgentSettings {
                name: row.name,
                language: row.language,
                voice: row.voice,
                greeting: row.greeting,
                client_greeting: row.client_greeting,
                greeting_interruptible: row.greeting_interruptible,
                engine: row.engine,
                turn_taking: text::from_json(row.turn_taking)?,
            },
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// One agent.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, id: AgentId) -> Result<Agent, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_as!(
        Row,
        r#"SELECT id, name, language, voice, greeting, client_greeting, greeting_interruptible, engine,
                  turn_taking, created_at, updated_at
           FROM agents
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "agent" })?
    .try_into()
}

/// Keeps others from changing an agent until the transaction ends, and tells when it was last changed.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn lock(tx: &mut OrgTx, id: AgentId) -> Result<DateTime<Utc>, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_scalar!(
        "SELECT updated_at FROM agents WHERE org_id = $1 AND id = $2 FOR UPDATE",
        org_id,
        id.0
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "agent" })
}

/// The business's agents, oldest first, at most 200.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(tx: &mut OrgTx) -> Result<Vec<Agent>, StoreError> {
    let (conn, org_id) = tx.parts();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, name, language, voice, greeting, client_greeting, greeting_interruptible, engine,
                  turn_taking, created_at, updated_at
           FROM agents
           WHERE org_id = $1
           ORDER BY id
           LIMIT $2"#,
        org_id,
        MAX_AGENTS,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Agent::try_from).collect()
}

/// Makes an agent.
///
/// # Errors
/// [`StoreError::Conflict`] by `agents_name_length`.
pub async fn insert(
    tx: &mut OrgTx,
    id: AgentId,
    settings: &AgentSettings,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO agents
               (id, org_id, name, language, voice, greeting, client_greeting, greeting_interruptible, engine,
                turn_taking, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)"#,
        id.0,
        org_id,
        settings.name,
        settings.language,
        settings.voice,
        settings.greeting,
        settings.client_greeting,
        settings.greeting_interruptible,
        settings.engine,
        text::to_json(&settings.turn_taking)?,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Replaces an agent's settings.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Conflict`] by `agents_name_length`.
pub async fn update(
    tx: &mut OrgTx,
    id: AgentId,
    settings: &AgentSettings,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE agents
           SET name = $3,
               language = $4,
               voice = $5,
               greeting = $6,
               client_greeting = $7,
               greeting_interruptible = $8,
               engine = $9,
               turn_taking = $10,
               updated_at = $11
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
        settings.name,
        settings.language,
        settings.voice,
        settings.greeting,
        settings.client_greeting,
        settings.greeting_interruptible,
        settings.engine,
        text::to_json(&settings.turn_taking)?,
        now,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "agent" }) } else { Ok(()) }
}
