//! Published versions of agents. Written once, never changed.

use chrono::{DateTime, Utc};
use domain::agent_versions::AgentSettings;
use domain::ids::{AgentId, ApiKeyId, UserId};

use crate::error::StoreError;
use crate::page::{Page, rows_for};
use crate::text;
use crate::tx::OrgTx;

/// A published version.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentVersion {
    /// Its number, from 1.
    pub version: i32,
    /// The settings.
    pub settings: AgentSettings,
    /// How it came about.
    pub origin: NewVersion,
    /// The name of the person who published it, while they are a member.
    pub published_by_name: Option<String>,
}

/// How a version comes about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVersion {
    /// Why, in the publisher's words.
    pub note: String,
    /// The version whose settings were brought back.
    pub restored_from: Option<i32>,
    /// The person, if it was one.
    pub published_by: Option<UserId>,
    /// The program, if it was one.
    pub api_key_id: Option<ApiKeyId>,
    /// When.
    pub published_at: DateTime<Utc>,
}

impl NewVersion {
    /// One that the system makes.
    #[must_use]
    pub fn at(published_at: DateTime<Utc>) -> Self {
        Self { note: String::new(), restored_from: None, published_by: None, api_key_id: None, published_at }
    }
}

struct Row {
    version: i32,
    settings: serde_json::Value,
    note: String,
    restored_from: Option<i32>,
    published_by: Option<uuid::Uuid>,
    published_by_name: Option<String>,
    api_key_id: Option<uuid::Uuid>,
    published_at: DateTime<Utc>,
}

impl TryFrom<Row> for AgentVersion {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            version: row.version,
            settings: text::from_json(row.settings)?,
            origin: NewVersion {
                note: row.note,
                restored_from: row.restored_from,
                published_by: row.published_by.map(UserId),
                api_key_id: row.api_key_id.map(ApiKeyId),
                published_at: row.published_at,
            },
            published_by_name: row.published_by_name,
        })
    }
}

/// Adds a version.
///
/// # Errors
/// [`StoreError::Conflict`] by `agent_versions_pkey` when the number is taken: lock the agent first.
pub async fn insert(
    tx: &mut OrgTx,
    agent_id: AgentId,
    version: i32,
    settings: &AgentSettings,
    origin: &NewVersion,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO agent_versions
               (org_id, agent_id, version, settings, note, restored_from, published_by, api_key_id, published_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"#,
        org_id,
        agent_id.0,
        version,
        text::to_json(settings)?,
        origin.note,
        origin.restored_from,
        origin.published_by.map(|id| id.0),
        origin.api_key_id.map(|id| id.0),
        origin.published_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// One version.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, agent_id: AgentId, version: i32) -> Result<AgentVersion, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_as!(
        Row,
        r#"SELECT v.version, v.settings, v.note, v.restored_from, v.published_by, u.name AS "published_by_name?",
                  v.api_key_id, v.published_at
           FROM agent_versions v
           LEFT JOIN users u ON u.id = v.published_by
           WHERE v.org_id = $1 AND v.agent_id = $2 AND v.version = $3"#,
        org_id,
        agent_id.0,
        version,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "agent version" })?
    .try_into()
}

/// The highest number so far.
///
/// # Errors
/// [`StoreError::NotFound`] when the agent has no version.
pub async fn latest(tx: &mut OrgTx, agent_id: AgentId) -> Result<i32, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_scalar!(
        "SELECT max(version) FROM agent_versions WHERE org_id = $1 AND agent_id = $2",
        org_id,
        agent_id.0,
    )
    .fetch_one(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "agent version" })
}

/// An agent's versions, newest first, below the given number.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut OrgTx,
    agent_id: AgentId,
    below: Option<i32>,
    limit: u32,
) -> Result<Page<AgentVersion>, StoreError> {
    let (conn, org_id) = tx.parts();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT v.version, v.settings, v.note, v.restored_from, v.published_by, u.name AS "published_by_name?",
                  v.api_key_id, v.published_at
           FROM agent_versions v
           LEFT JOIN users u ON u.id = v.published_by
           WHERE v.org_id = $1 AND v.agent_id = $2 AND v.version < $3
           ORDER BY v.version DESC
           LIMIT $4"#,
        org_id,
        agent_id.0,
        below.unwrap_or(i32::MAX),
        rows_for(limit),
    )
    .fetch_all(conn)
    .await?;
    let items = rows.into_iter().map(AgentVersion::try_from).collect::<Result<_, _>>()?;
    Ok(Page::cut(items, limit))
}
