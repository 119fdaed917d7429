//! What can't wait: incidents, the conversations they came up in, and their steps.

pub mod alerts;

use chrono::{DateTime, Utc};
use domain::escalation::EscalationSettings;
use domain::ids::{CallId, ClientId, IncidentId, OrgId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{Column, Listed, SortKey, Source, Span, Wanted, fetch, push_equal, push_ids};
use crate::text;
use crate::tx::{OrgTx, SystemTx};

/// Incidents of one subject within so much time are one.
const ONE_INCIDENT_FOR: &str = "1 hour";

/// How an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// People are being called.
    Alerting,
    /// Somebody took it.
    Acknowledged,
    /// Everybody was called and nobody took it, or there was nobody to call.
    Unanswered,
}

/// An incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// Whose it is: a client, a number, or one conversation.
    pub subject: String,
    /// How it stands.
    pub state: IncidentState,
    /// How urgent, 0 to 10.
    pub score: u8,
    /// The caller's own words.
    pub reason: String,
    /// What the quick questions brought to light.
    pub details: Option<String>,
    /// Who called.
    pub caller_name: Option<String>,
    /// Where they can be called back, E.164.
    pub caller_number: Option<String>,
    /// The client, when recognised.
    pub client_id: Option<ClientId>,
    /// The number that alerts are made from.
    pub our_number: Option<String>,
    /// The settings as they were.
    pub settings: EscalationSettings,
    /// Whether those who are notified were told.
    pub told: bool,
    /// When it came up.
    pub raised_at: DateTime<Utc>,
    /// When somebody took it.
    pub acknowledged_at: Option<DateTime<Utc>>,
    /// Who.
    pub acknowledged_by: Option<String>,
    /// When to look at it next.
    pub next_at: Option<DateTime<Utc>>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    subject: String,
    state: String,
    score: i16,
    reason: String,
    details: Option<String>,
    caller_name: Option<String>,
    caller_number: Option<String>,
    client_id: Option<Uuid>,
    our_number: Option<String>,
    settings: serde_json::Value,
    told: bool,
    raised_at: DateTime<Utc>,
    acknowledged_at: Option<DateTime<Utc>>,
    acknowledged_by: Option<String>,
    next_at: Option<DateTime<Utc>>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Incident {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: IncidentId(row.id),
            subject: row.subject,
            state: text::decode(&row.state)?,
            score: u8::try_from(row.score).unwrap_or_default(),
            reason: row.reason,
            details: row.details,
            caller_name: row.caller_name,
            caller_number: row.caller_number,
            client_id: row.client_id.map(ClientId),
            our_number: row.our_number,
            settings: text::from_json(row.settings)?,
            told: row.told,
            raised_at: row.raised_at,
            acknowledged_at: row.acknowledged_at,
            acknowledged_by: row.acknowledged_by,
            next_at: row.next_at,
            updated_at: row.updated_at,
        })
    }
}

/// What a list of incidents can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncidentSort {
    /// When it came up.
    RaisedAt,
}

impl SortKey for IncidentSort {
    fn column(self) -> Column {
        match self {
            Self::RaisedAt => Column::time("raised_at"),
        }
    }
}

/// What to look for in a list of incidents.
#[derive(Debug, Clone, Default)]
pub struct IncidentFilter {
    /// Only these.
    pub ids: Option<Vec<IncidentId>>,
    /// Only those that stand like this.
    pub state: Option<IncidentState>,
    /// Only this client's.
    pub client_id: Option<ClientId>,
    /// Only those that came up in this span.
    pub raised: Span,
}

const LIST: Source = Source {
    columns: "id, subject, state, score, reason, details, caller_name, caller_number, client_id, our_number, settings, \
              told, raised_at, acknowledged_at, acknowledged_by, next_at, updated_at",
    from: "incidents",
    id: "id",
};

/// Has all others who raise or change incidents of this subject wait for the end of the transaction.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn queue_for(tx: &mut OrgTx, subject: &str) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('incident:' || $1::uuid::text || $2::text, 0))",
        org_id,
        subject,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The incident that a conversation belongs to.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn of_call(tx: &mut OrgTx, call: CallId) -> Result<Option<IncidentId>, StoreError> {
    let (conn, org_id) = tx.parts();
    let found = sqlx::query_scalar!(
        "SELECT incident_id FROM incident_conversations WHERE org_id = $1 AND call_id = $2",
        org_id,
        call.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.map(IncidentId))
}

/// The conversations of an incident.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn calls_of(tx: &mut OrgTx, id: IncidentId) -> Result<Vec<CallId>, StoreError> {
    let (conn, org_id) = tx.parts();
    let found = sqlx::query_scalar!(
        "SELECT call_id FROM incident_conversations WHERE org_id = $1 AND incident_id = $2 ORDER BY call_id",
        org_id,
        id.0,
    )
    .fetch_all(conn)
    .await?;
    Ok(found.into_iter().map(CallId).collect())
}

/// The incident of a subject that came up a short while ago.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn recent(
    tx: &mut OrgTx,
    subject: &str,
    now: DateTime<Utc>,
) -> Result<Option<IncidentId>, StoreError> {
    let (conn, org_id) = tx.parts();
    let found = sqlx::query_scalar!(
        r#"SELECT id FROM incidents
           WHERE org_id = $1 AND subject = $2 AND raised_at > $3::timestamptz - $4::text::interval
           ORDER BY raised_at DESC
           LIMIT 1"#,
        org_id,
        subject,
        now,
        ONE_INCIDENT_FOR,
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.map(IncidentId))
}

/// Writes an incident down.
///
/// # Errors
/// [`StoreError::Conflict`] by `incidents_pkey`.
pub async fn insert(tx: &mut OrgTx, incident: &Incident) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO incidents
               (id, org_id, subject, state, score, reason, details, caller_name, caller_number, client_id, our_number,
                settings, raised_at, next_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $13)"#,
        incident.id.0,
        org_id,
        incident.subject,
        text::encode(&incident.state)?,
        i16::from(incident.score),
        incident.reason,
        incident.details,
        incident.caller_name,
        incident.caller_number,
        incident.client_id.map(|id| id.0),
        incident.our_number,
        text::to_json(&incident.settings)?,
        incident.raised_at,
        incident.next_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Has a conversation belong to an incident; `false` when it belongs to one already.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn join(tx: &mut OrgTx, id: IncidentId, call: CallId) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"INSERT INTO incident_conversations (org_id, call_id, incident_id) VALUES ($1, $2, $3)
           ON CONFLICT DO NOTHING"#,
        org_id,
        call.0,
        id.0,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Holds an incident until the end of the transaction.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn lock(tx: &mut OrgTx, id: IncidentId) -> Result<Incident, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!("SELECT id FROM incidents WHERE org_id = $1 AND id = $2 FOR UPDATE", org_id, id.0)
        .fetch_optional(conn)
        .await?
        .ok_or(StoreError::NotFound { noun: "incident" })?;
    get(tx, id).await
}

/// One incident.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, id: IncidentId) -> Result<Incident, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_as!(
        Row,
        r#"SELECT id, subject, state, score, reason, details, caller_name, caller_number, client_id, our_number,
                  settings, told, raised_at, acknowledged_at, acknowledged_by, next_at, updated_at
           FROM incidents
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "incident" })?
    .try_into()
}

/// Incidents that meet the filter.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut OrgTx,
    filter: &IncidentFilter,
    wanted: &Wanted<IncidentSort>,
) -> Result<Listed<Incident>, StoreError> {
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
            push_equal(query, "client_id", filter.client_id.map(|id| id.0));
            filter.raised.push(query, "raised_at");
        },
        |row: Row| row.try_into(),
    )
    .await
}

/// Writes what changes of an incident: state, details, whether those who are notified were told, when to look next.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn update(tx: &mut OrgTx, incident: &Incident, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE incidents
           SET state = $3, score = $4, details = $5, caller_name = $6, caller_number = $7, told = $8,
               acknowledged_at = $9, acknowledged_by = $10, next_at = $11, leased_until = NULL,
               updated_at = GREATEST($12, updated_at + interval '1 microsecond')
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        incident.id.0,
        text::encode(&incident.state)?,
        i16::from(incident.score),
        incident.details,
        incident.caller_name,
        incident.caller_number,
        incident.told,
        incident.acknowledged_at,
        incident.acknowledged_by,
        incident.next_at,
        now,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "incident" }) } else { Ok(()) }
}

/// Makes incidents that are due a worker's own until `until`.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn lease(
    tx: &mut SystemTx,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<(OrgId, IncidentId)>, StoreError> {
    let rows = sqlx::query!(
        r#"UPDATE incidents
           SET leased_until = $2
           WHERE id IN (
               SELECT id FROM incidents
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
    Ok(rows.into_iter().map(|row| (OrgId(row.org_id), IncidentId(row.id))).collect())
}

/// A step of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentStep {
    /// When.
    pub at: DateTime<Utc>,
    /// Stable code, such as `calling`.
    pub kind: String,
    /// Plain words.
    pub text: String,
}

/// Writes a step down. Ids are in the order of time.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn note(
    tx: &mut OrgTx,
    incident: IncidentId,
    step_id: Uuid,
    step: &IncidentStep,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        "INSERT INTO incident_steps (id, org_id, incident_id, at, kind, text) VALUES ($1, $2, $3, $4, $5, $6)",
        step_id,
        org_id,
        incident.0,
        step.at,
        step.kind,
        step.text,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The steps of an incident, in order; a few dozen at most.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn steps(tx: &mut OrgTx, incident: IncidentId) -> Result<Vec<IncidentStep>, StoreError> {
    let (conn, org_id) = tx.parts();
    Ok(sqlx::query_as!(
        IncidentStep,
        r#"SELECT at, kind, text FROM incident_steps
           WHERE org_id = $1 AND incident_id = $2
           ORDER BY at, id
           LIMIT 500"#,
        org_id,
        incident.0,
    )
    .fetch_all(conn)
    .await?)
}
