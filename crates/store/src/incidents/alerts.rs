//! The calls that are made about an incident, one for each person at most.

use chrono::{DateTime, Utc};
use domain::escalation::AlertState;
use domain::ids::{AlertId, IncidentId, OrgId};
use uuid::Uuid;

use crate::error::StoreError;
use crate::text;
use crate::tx::{OrgTx, SystemTx};

/// A call to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAlert {
    /// Its id, which is in the addresses that the carrier asks.
    pub id: AlertId,
    /// The incident.
    pub incident_id: IncidentId,
    /// The person's place on the list.
    pub position: usize,
    /// Their name.
    pub name: String,
    /// Their number, E.164.
    pub number: String,
    /// How it stands.
    pub state: AlertState,
    /// Since when.
    pub since: DateTime<Utc>,
    /// When it was first asked for.
    pub placed_at: DateTime<Utc>,
    /// The carrier's id of the call.
    pub call_sid: Option<String>,
}

struct Row {
    id: Uuid,
    incident_id: Uuid,
    position: i32,
    name: String,
    number: String,
    state: String,
    since: DateTime<Utc>,
    placed_at: DateTime<Utc>,
    call_sid: Option<String>,
}

impl TryFrom<Row> for StoredAlert {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: AlertId(row.id),
            incident_id: IncidentId(row.incident_id),
            position: usize::try_from(row.position).unwrap_or_default(),
            name: row.name,
            number: row.number,
            state: text::decode(&row.state)?,
            since: row.since,
            placed_at: row.placed_at,
            call_sid: row.call_sid,
        })
    }
}

/// The calls of an incident, in order.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(tx: &mut OrgTx, incident: IncidentId) -> Result<Vec<StoredAlert>, StoreError> {
    let (conn, org_id) = tx.parts();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, incident_id, position, name, number, state, since, placed_at, call_sid
           FROM incident_alerts
           WHERE org_id = $1 AND incident_id = $2
           ORDER BY position"#,
        org_id,
        incident.0,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(StoredAlert::try_from).collect()
}

/// Writes down that a call will be placed, before it is.
///
/// # Errors
/// [`StoreError::Conflict`] by `incident_alerts_once` when there is one for this person already.
pub async fn insert(tx: &mut OrgTx, alert: &StoredAlert) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO incident_alerts (id, org_id, incident_id, position, name, number, state, since, placed_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"#,
        alert.id.0,
        org_id,
        alert.incident_id.0,
        i32::try_from(alert.position).unwrap_or(i32::MAX),
        alert.name,
        alert.number,
        text::encode(&alert.state)?,
        alert.since,
        alert.placed_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes down how a call stands, and its id at the carrier where that is known by now.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Conflict`] by `incident_alerts_call_sid_unique`.
pub async fn update(
    tx: &mut OrgTx,
    id: AlertId,
    state: AlertState,
    since: DateTime<Utc>,
    call_sid: Option<&str>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE incident_alerts
           SET state = $3, since = $4, call_sid = COALESCE(call_sid, $5)
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
        text::encode(&state)?,
        since,
        call_sid,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "alert" }) } else { Ok(()) }
}

/// Whether a call of the carrier's is one of our alerts already.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn is_known(tx: &mut OrgTx, call_sid: &str) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    let found = sqlx::query_scalar!(
        "SELECT id FROM incident_alerts WHERE org_id = $1 AND call_sid = $2",
        org_id,
        call_sid,
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.is_some())
}

/// The business and the incident of an alert.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn find(tx: &mut SystemTx, id: AlertId) -> Result<(OrgId, IncidentId), StoreError> {
    let row = sqlx::query!("SELECT org_id, incident_id FROM incident_alerts WHERE id = $1", id.0)
        .fetch_optional(tx.conn())
        .await?
        .ok_or(StoreError::NotFound { noun: "alert" })?;
    Ok((OrgId(row.org_id), IncidentId(row.incident_id)))
}
