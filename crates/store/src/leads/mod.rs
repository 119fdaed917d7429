//! Leads: prospective clients as conversations leave them and as the business goes on with them.

pub mod capture;

use chrono::{DateTime, Utc};
use domain::ids::{CallId, LeadId, UserId};
use domain::leads::{LeadAnswer, Priority};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{
    Column, Listed, SortKey, Source, Span, Wanted, fetch, push_contains, push_equal, push_ids,
};
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
    /// Who looks after it.
    pub assignee_id: Option<UserId>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
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
    pub(crate) assignee_id: Option<Uuid>,
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
            assignee_id: row.assignee_id.map(UserId),
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
                  service, notes, answers, assignee_id, created_at, updated_at
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

/// What a list of leads can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadSort {
    /// When it was taken.
    CreatedAt,
    /// When it was last changed.
    UpdatedAt,
}

impl SortKey for LeadSort {
    fn column(self) -> Column {
        match self {
            Self::CreatedAt => Column::time("created_at"),
            Self::UpdatedAt => Column::time("updated_at"),
        }
    }
}

/// What to look for in a list of leads.
#[derive(Debug, Clone, Default)]
pub struct LeadFilter {
    /// Only these.
    pub ids: Option<Vec<LeadId>>,
    /// Only those that stand there.
    pub status: Option<LeadStatus>,
    /// Only those this pressing.
    pub priority: Option<Priority>,
    /// Only those from there: `voice`, `chat`, `manual`.
    pub source: Option<String>,
    /// Only those with, or without, every required answer.
    pub complete: Option<bool>,
    /// Only those that this person looks after.
    pub assignee_id: Option<UserId>,
    /// Only those whose latest conversation was this.
    pub call_id: Option<CallId>,
    /// Only those with this number (E.164).
    pub phone: Option<String>,
    /// Only those whose name, company, address, number or notes contain this.
    pub contains: Option<String>,
    /// Only those taken in this span.
    pub created: Span,
}

const LIST: Source = Source {
    columns: "id, status, complete, priority, source, call_id, name, email, phone, company, budget, timeline, \
              service, notes, answers, assignee_id, created_at, updated_at",
    from: "leads",
    id: "id",
};
/// Where a search looks.
const SEARCHED: [&str; 5] = [
    "COALESCE(name, '')",
    "COALESCE(company, '')",
    "COALESCE(email, '')",
    "COALESCE(phone, '')",
    "COALESCE(notes, '')",
];

/// Leads that meet the filter.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut OrgTx,
    filter: &LeadFilter,
    wanted: &Wanted<LeadSort>,
) -> Result<Listed<Lead>, StoreError> {
    let (conn, org_id) = tx.parts();
    let status = filter.status.as_ref().map(text::encode).transpose()?;
    let priority = filter.priority.as_ref().map(text::encode).transpose()?;
    let ids = filter.ids.as_ref().map(|ids| ids.iter().map(|id| id.0).collect::<Vec<_>>());
    fetch(
        conn,
        &LIST,
        wanted,
        |query| {
            query.push("org_id = ").push_bind(org_id);
            push_ids(query, "id", ids.clone());
            push_equal(query, "status", status.clone());
            push_equal(query, "priority", priority.clone());
            push_equal(query, "source", filter.source.clone());
            push_equal(query, "complete", filter.complete);
            push_equal(query, "assignee_id", filter.assignee_id.map(|id| id.0));
            push_equal(query, "call_id", filter.call_id.map(|id| id.0));
            push_equal(query, "phone", filter.phone.clone());
            push_contains(query, &SEARCHED, filter.contains.as_deref());
            filter.created.push(query, "created_at");
        },
        |row: Row| row.try_into(),
    )
    .await
}

/// Holds a lead until the end of the transaction, against conversations too, and tells when it was last changed.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn lock(tx: &mut OrgTx, id: LeadId) -> Result<DateTime<Utc>, StoreError> {
    let (conn, org_id) = tx.parts();
    capture::lock_leads(conn, org_id).await?;
    sqlx::query_scalar!("SELECT updated_at FROM leads WHERE org_id = $1 AND id = $2 FOR UPDATE", org_id, id.0)
        .fetch_optional(conn)
        .await?
        .ok_or(StoreError::NotFound { noun: "lead" })
}

/// Enters a lead.
///
/// # Errors
/// [`StoreError::Conflict`] by `leads_one_open_per_phone` or `…_email` when the person has an open lead already, by
/// `leads_assignee_fkey` when the one to look after it is no member.
pub async fn insert(tx: &mut OrgTx, lead: &Lead) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO leads
               (id, org_id, status, complete, priority, source, call_id, name, email, phone, company, budget,
                timeline, service, notes, answers, assignee_id, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18)"#,
        lead.id.0,
        org_id,
        text::encode(&lead.status)?,
        lead.complete,
        text::encode(&lead.priority)?,
        lead.source,
        lead.call_id.map(|id| id.0),
        lead.name,
        lead.email,
        lead.phone,
        lead.company,
        lead.budget,
        lead.timeline,
        lead.service,
        lead.notes,
        text::to_json(&lead.answers)?,
        lead.assignee_id.map(|id| id.0),
        lead.created_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Replaces all of a lead but where it came from and when; its `updated_at` is the moment of the change.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Conflict`] by `leads_one_open_per_phone`, `…_email`, `…_call` when it is
/// opened again beside another open lead of the same person, by `leads_assignee_fkey` as for [`insert`].
pub async fn update(tx: &mut OrgTx, lead: &Lead) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE leads
           SET status = $3,
               complete = $4,
               priority = $5,
               call_id = $6,
               name = $7,
               email = $8,
               phone = $9,
               company = $10,
               budget = $11,
               timeline = $12,
               service = $13,
               notes = $14,
               answers = $15,
               assignee_id = $16,
               updated_at = GREATEST($17, updated_at + interval '1 microsecond')
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        lead.id.0,
        text::encode(&lead.status)?,
        lead.complete,
        text::encode(&lead.priority)?,
        lead.call_id.map(|id| id.0),
        lead.name,
        lead.email,
        lead.phone,
        lead.company,
        lead.budget,
        lead.timeline,
        lead.service,
        lead.notes,
        text::to_json(&lead.answers)?,
        lead.assignee_id.map(|id| id.0),
        lead.updated_at,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "lead" }) } else { Ok(()) }
}

/// Removes a lead. The calls it came from stay; they point to `heir` from now on, or to no lead.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(tx: &mut OrgTx, id: LeadId, heir: Option<LeadId>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    remove(conn, org_id, id, heir).await
}

async fn remove(
    conn: &mut PgConnection,
    org_id: Uuid,
    id: LeadId,
    heir: Option<LeadId>,
) -> Result<(), StoreError> {
    let done = sqlx::query!("DELETE FROM leads WHERE org_id = $1 AND id = $2", org_id, id.0)
        .execute(&mut *conn)
        .await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::NotFound { noun: "lead" });
    }
    sqlx::query!(
        "UPDATE calls SET lead_id = $3 WHERE org_id = $1 AND lead_id = $2",
        org_id,
        id.0,
        heir.map(|id| id.0)
    )
    .execute(conn)
    .await?;
    Ok(())
}
