//! Agents: the personas of a business. A row is the draft; what calls use is its published version.

use chrono::{DateTime, Utc};
use domain::ids::{AgentId, OrgId};
use uuid::Uuid;

pub use domain::agent_versions::AgentSettings;

use crate::agent_versions::{self, NewVersion};
use crate::error::StoreError;
use crate::text;
use crate::tx::{OrgTx, SystemTx};

/// Most agents of a business; a list returns them all.
pub const MAX_AGENTS: usize = 200;

/// An agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// The draft: everything that can be set, as it was edited last.
    pub settings: AgentSettings,
    /// What calls use.
    pub published: Published,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed or published.
    pub updated_at: DateTime<Utc>,
}

/// The version that calls use.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// Its number, from 1.
    pub version: i32,
    /// Its settings.
    pub settings: AgentSettings,
    /// Since when.
    pub at: DateTime<Utc>,
}

struct Row {
    id: Uuid,
    name: String,
    language: String,
    voice: String,
    greeting: String,
    client_greeting: String,
    welcome_message: String,
    persona_prompt: String,
    greeting_interruptible: bool,
    engine: String,
    elevenlabs_agent_id: String,
    elevenlabs_voice: String,
    turn_taking: serde_json::Value,
    providers: serde_json::Value,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    published_version: i32,
    published_settings: serde_json::Value,
    published_at: DateTime<Utc>,
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
                welcome_message: row.welcome_message,
                persona_prompt: row.persona_prompt,
                greeting_interruptible: row.greeting_interruptible,
                engine: row.engine,
                elevenlabs_agent_id: row.elevenlabs_agent_id,
                elevenlabs_voice: row.elevenlabs_voice,
                turn_taking: text::from_json(row.turn_taking)?,
                providers: text::from_json(row.providers)?,
            },
            published: Published {
                version: row.published_version,
                settings: text::from_json(row.published_settings)?,
                at: row.published_at,
            },
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// One agent that was not deleted.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, id: AgentId) -> Result<Agent, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_as!(
        Row,
        r#"SELECT a.id, a.name, a.language, a.voice, a.greeting, a.client_greeting, a.welcome_message,
                  a.persona_prompt, a.greeting_interruptible, a.engine, a.elevenlabs_agent_id, a.elevenlabs_voice,
                  a.turn_taking, a.providers, a.created_at, a.updated_at, v.version AS published_version,
                  v.settings AS published_settings, v.published_at
           FROM agents a
           JOIN agent_versions v
             ON v.org_id = a.org_id AND v.agent_id = a.id AND v.version = a.published_version
           WHERE a.org_id = $1 AND a.id = $2 AND a.deleted_at IS NULL"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "agent" })?
    .try_into()
}

/// What a call uses: the published settings, also of an agent that was deleted while the call came in.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn published(tx: &mut OrgTx, id: AgentId) -> Result<AgentSettings, StoreError> {
    let (conn, org_id) = tx.parts();
    let settings = sqlx::query_scalar!(
        r#"SELECT v.settings
           FROM agents a
           JOIN agent_versions v
             ON v.org_id = a.org_id AND v.agent_id = a.id AND v.version = a.published_version
           WHERE a.org_id = $1 AND a.id = $2"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    text::from_json(settings.ok_or(StoreError::NotFound { noun: "agent" })?)
}

/// Keeps others from changing an agent until the transaction ends, and tells when it was last changed.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn lock(tx: &mut OrgTx, id: AgentId) -> Result<DateTime<Utc>, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_scalar!(
        "SELECT updated_at FROM agents WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL FOR UPDATE",
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
        r#"SELECT a.id, a.name, a.language, a.voice, a.greeting, a.client_greeting, a.welcome_message,
                  a.persona_prompt, a.greeting_interruptible, a.engine, a.elevenlabs_agent_id, a.elevenlabs_voice,
                  a.turn_taking, a.providers, a.created_at, a.updated_at, v.version AS published_version,
                  v.settings AS published_settings, v.published_at
           FROM agents a
           JOIN agent_versions v
             ON v.org_id = a.org_id AND v.agent_id = a.id AND v.version = a.published_version
           WHERE a.org_id = $1 AND a.deleted_at IS NULL
           ORDER BY a.id
           LIMIT $2"#,
        org_id,
        MAX_AGENTS as i64,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Agent::try_from).collect()
}

/// Makes an agent and publishes it as version 1: an agent can answer from its first moment.
///
/// # Errors
/// [`StoreError::Conflict`] by `agents_name_length`.
pub async fn insert(
    tx: &mut OrgTx,
    id: AgentId,
    settings: &AgentSettings,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    insert_by(tx, id, settings, &NewVersion::at(now)).await
}

/// Makes an agent and publishes it as version 1, as somebody's doing.
///
/// # Errors
/// As [`insert`].
pub async fn insert_by(
    tx: &mut OrgTx,
    id: AgentId,
    settings: &AgentSettings,
    version: &NewVersion,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO agents
               (id, org_id, name, language, voice, greeting, client_greeting, greeting_interruptible, engine,
                turn_taking, created_at, updated_at, welcome_message, persona_prompt, elevenlabs_agent_id,
                elevenlabs_voice, providers)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, $13, $14, $15, $16)"#,
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
        version.published_at,
        settings.welcome_message,
        settings.persona_prompt,
        settings.elevenlabs_agent_id,
        settings.elevenlabs_voice,
        text::to_json(&settings.providers)?,
    )
    .execute(conn)
    .await?;
    agent_versions::insert(tx, id, 1, settings, version).await
}

/// Replaces an agent's draft. Calls see nothing of it.
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
               updated_at = $11,
               welcome_message = $12,
               persona_prompt = $13,
               elevenlabs_agent_id = $14,
               elevenlabs_voice = $15,
               providers = $16
           WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL"#,
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
        settings.welcome_message,
        settings.persona_prompt,
        settings.elevenlabs_agent_id,
        settings.elevenlabs_voice,
        text::to_json(&settings.providers)?,
    )
    .execute(conn)
    .await?;
    found(done.rows_affected())
}

/// Makes a version the one that calls use. Lock the agent first.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn set_published(
    tx: &mut OrgTx,
    id: AgentId,
    version: i32,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE agents
           SET published_version = $3, updated_at = $4
           WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL"#,
        org_id,
        id.0,
        version,
        now,
    )
    .execute(conn)
    .await?;
    found(done.rows_affected())
}

/// Sets or takes away the secret by which somebody else's platform uses the agent's tools. A former one works no more.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn set_tools_secret(
    tx: &mut OrgTx,
    id: AgentId,
    secret_hash: Option<&[u8]>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE agents
           SET tools_secret_hash = $3, tools_secret_set_at = $4
           WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL"#,
        org_id,
        id.0,
        secret_hash,
        now,
    )
    .execute(conn)
    .await?;
    found(done.rows_affected())
}

/// Whose secret it is, before any tenant is known. An agent that was deleted has none.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn find_by_tools_secret(
    tx: &mut SystemTx,
    secret_hash: &[u8],
) -> Result<Option<(OrgId, AgentId)>, StoreError> {
    let found = sqlx::query!(
        "SELECT org_id, id FROM agents WHERE tools_secret_hash = $1 AND deleted_at IS NULL",
        secret_hash
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.map(|row| (OrgId(row.org_id), AgentId(row.id))))
}

/// Takes an agent out of sight. Its calls keep it.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(tx: &mut OrgTx, id: AgentId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        "UPDATE agents SET deleted_at = $3 WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL",
        org_id,
        id.0,
        now,
    )
    .execute(conn)
    .await?;
    found(done.rows_affected())
}

/// Those of the agents that the business has and did not delete. They can't be deleted until the transaction ends,
/// so that what is made to point to them does not miss it.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn hold(tx: &mut OrgTx, ids: &[AgentId]) -> Result<Vec<AgentId>, StoreError> {
    let (conn, org_id) = tx.parts();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let found = sqlx::query_scalar!(
        "SELECT id FROM agents WHERE org_id = $1 AND id = ANY($2) AND deleted_at IS NULL ORDER BY id FOR SHARE",
        org_id,
        &ids,
    )
    .fetch_all(conn)
    .await?;
    Ok(found.into_iter().map(AgentId).collect())
}

fn found(rows: u64) -> Result<(), StoreError> {
    if rows == 0 { Err(StoreError::NotFound { noun: "agent" }) } else { Ok(()) }
}
