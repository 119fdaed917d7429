//! Leads: prospective clients as conversations leave them and as the business goes on with them.

pub mod capture;

use chrono::{DateTime, Utc};
use domain::ids::{CallId, LeadId};
use domain::leads::{LeadAnswer, Priority};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{Cursor, Page, rows_for, split};
use crate::text;
use crate::tx::OrgTx;

/// Where a lead stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeadStatus {
    /// Being asked, or waiting to be looked at.
    Open,
    /// Somebody got in touch.
    Contacted,
    /// Worth an offer.
    Qualified,
    /// Became a client.
    Won,
    /// Did not.
    Lost,
}

/// A lead.
#[derive(Debug, Clone, PartialEq)]
pub struct Lead {
    /// Its id.
    pub id: LeadId,
    /// Where it stands.
    pub status: LeadStatus,
    /// Whether the flow was finished with every required answer.
    pub complete: bool,
    /// How pressing it is.
    pub priority: Priority,
    /// `voice`, `chat`, `manual`.
    pub source: String,
    /// The latest conversation about it.
    pub call_id: Option<CallId>,
    /// The person's name.
    pub name: Option<String>,
    /// The person's e-mail address.
    pub email: Option<String>,
    /// The number to call back.
    pub phone: Option<String>,
    /// The company.
    pub company: Option<String>,
    /// The budget.
    pub budget: Option<String>,
    /// The timeline.
    pub timeline: Option<String>,
    /// The service or type of project.
    pub service: Option<String>,
    /// Anything else.
    pub notes: Option<String>,
    /// The answers, in the order they were first given.
    pub answers: Vec<LeadAnswer>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

pub(crate) struct Row {
    pub(crate) id: Uuid,
    pub(crate) status: String,
    pub(crate) complete: bool,
    pub(crate) priority: String,
    pub(crate) source: String,
    pub(crate) call_id: Option<Uuid>,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) company: Option<String>,
    pub(crate) budget: Option<String>,
    pub(crate) timeline: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) notes: Option<String>,
    pub(crate) answers: serde_json::Value,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Lead {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: LeadId(row.id),
            status: text::decode(&row.status)?,
            complete: row.complete,
            priority: text::decode(&row.priority)?,
            source: row.source,
            call_id: row.call_id.map(CallId),
            name: row.name,
            email: row.email,
            phone: row.phone,
            company: row.company,
            budget: row.budget,
            timeline: row.timeline,
            service: row.service,
            notes: row.notes,
            answers: text::from_json(row.answers)?,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// One lead.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, id: LeadId) -> Result<Lead, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_as!(
        Row,
        r#"SELECT id, status, complete, priority, source, call_id, name, email, phone, company, budget, timeline,
                  service, notes, answers, created_at, updated_at
           FROM leads
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "lead" })?
    .try_into()
}

/// Leads, newest first, behind the cursor (`created_at` and id of the last one seen).
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut OrgTx,
    status: Option<LeadStatus>,
    behind: Option<Cursor>,
    limit: u32,
) -> Result<Page<Lead>, StoreError> {
    let (conn, org_id) = tx.parts();
    let (at, id) = split(behind);
    let status = status.as_ref().map(text::encode).transpose()?;
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, status, complete, priority, source, call_id, name, email, phone, company, budget, timeline,
                  service, notes, answers, created_at, updated_at
           FROM leads
           WHERE org_id = $1
             AND (created_at, id) < (COALESCE($2::timestamptz, 'infinity'), COALESCE($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
             AND ($4::text IS NULL OR status = $4)
           ORDER BY created_at DESC, id DESC
           LIMIT $5"#,
        org_id,
        at,
        id,
        status,
        rows_for(limit),
    )
    .fetch_all(conn)
    .await?;
    let items = rows.into_iter().map(Lead::try_from).collect::<Result<_, _>>()?;
    Ok(Page::cut(items, limit))
}

/// Changes what the business decides of a lead.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Conflict`] by `leads_one_open_per_phone`, `…_email`, `…_call` when it is
/// opened again beside another open lead of the same person.
pub async fn update(
    tx: &mut OrgTx,
    id: LeadId,
    status: LeadStatus,
    priority: Priority,
    notes: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE leads
           SET status = $3, priority = $4, notes = $5, updated_at = $6
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
        text::encode(&status)?,
        text::encode(&priority)?,
        notes,
        now,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "lead" }) } else { Ok(()) }
}
