//! Writing a lead while the conversation goes on: answer by answer, one open lead per person.

use chrono::{DateTime, Utc};
use domain::ids::{CallId, LeadId};
use domain::leads::{LeadAnswer, LeadField, Priority};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Lead, LeadStatus, Row};
use crate::error::StoreError;
use crate::text;
use crate::tx::OrgTx;

/// The conversation that a lead comes from.
#[derive(Debug, Clone)]
pub struct Conversation {
    /// The call.
    pub call_id: CallId,
    /// The caller's number in E.164, unless withheld.
    pub caller_phone: Option<String>,
    /// The id for a lead, should one have to be made.
    pub new_lead: LeadId,
}

/// Saves or replaces one answer and returns the lead it belongs to: the conversation's own, else the open lead
/// of the same number or address, else a new one. When an answer shows that the person already has an open
/// lead, the conversation's lead is merged into that one.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn save_answer(
    tx: &mut OrgTx,
    conversation: &Conversation,
    answer: &LeadAnswer,
    now: DateTime<Utc>,
) -> Result<LeadId, StoreError> {
    let (conn, org_id) = tx.parts();
    lock_leads(conn, org_id).await?;
    let mut lead = match of_conversation(conn, org_id, conversation).await? {
        Some(lead) => lead,
        None => {
            let lead = fresh(conversation, now);
            insert(conn, org_id, &lead).await?;
            lead
        }
    };
    if let Some(mut earlier) = same_person(conn, org_id, &lead, answer).await? {
        // Other calls may have come of it as well.
        super::remove(conn, org_id, lead.id, Some(earlier.id)).await?;
        for known in &lead.answers {
            apply(&mut earlier, known);
        }
        earlier.priority = earlier.priority.max(lead.priority);
        lead = earlier;
    }
    apply(&mut lead, answer);
    lead.call_id = Some(conversation.call_id);
    lead.updated_at = now;
    write(conn, org_id, &lead).await?;
    Ok(lead.id)
}

/// Closes the flow of a conversation: `complete` says whether every required question was answered. The
/// priority never goes down.
///
/// # Errors
/// [`StoreError::NotFound`] when the conversation has no lead.
pub async fn finish(
    tx: &mut OrgTx,
    call_id: CallId,
    complete: bool,
    priority: Priority,
    now: DateTime<Utc>,
) -> Result<LeadId, StoreError> {
    let (conn, org_id) = tx.parts();
    lock_leads(conn, org_id).await?;
    let conversation = Conversation { call_id, caller_phone: None, new_lead: LeadId(Uuid::nil()) };
    let mut lead =
        of_conversation(conn, org_id, &conversation).await?.ok_or(StoreError::NotFound { noun: "lead" })?;
    lead.complete = complete;
    lead.priority = lead.priority.max(priority);
    lead.updated_at = now;
    write(conn, org_id, &lead).await?;
    Ok(lead.id)
}

/// The lead of an urgent conversation, where there is one by now, is urgent too.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn make_urgent(tx: &mut OrgTx, call_id: CallId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"UPDATE leads
           SET priority = 'URGENT', updated_at = GREATEST($3, updated_at + interval '1 microsecond')
           WHERE org_id = $1 AND call_id = $2 AND status = 'open' AND priority <> 'URGENT'"#,
        org_id,
        call_id.0,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Leads of one business are captured one at a time: two calls of the same person must not make two leads.
pub(super) async fn lock_leads(conn: &mut PgConnection, org_id: Uuid) -> Result<(), StoreError> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('leads ' || $1::uuid::text, 0))", org_id)
        .execute(conn)
        .await?;
    Ok(())
}

async fn of_conversation(
    conn: &mut PgConnection,
    org_id: Uuid,
    conversation: &Conversation,
) -> Result<Option<Lead>, StoreError> {
    sqlx::query_as!(
        Row,
        r#"SELECT id, status, complete, priority, source, call_id, name, email, phone, company, budget, timeline,
                  service, notes, answers, assignee_id, created_at, updated_at
           FROM leads
           WHERE org_id = $1 AND status = 'open' AND (call_id = $2 OR phone = $3)
           ORDER BY call_id IS NOT DISTINCT FROM $2 DESC
           LIMIT 1"#,
        org_id,
        conversation.call_id.0,
        conversation.caller_phone,
    )
    .fetch_optional(conn)
    .await?
    .map(Lead::try_from)
    .transpose()
}

async fn same_person(
    conn: &mut PgConnection,
    org_id: Uuid,
    lead: &Lead,
    answer: &LeadAnswer,
) -> Result<Option<Lead>, StoreError> {
    let (phone, email) = match answer.field {
        LeadField::Phone => (Some(&answer.value), None),
        LeadField::Email => (None, Some(&answer.value)),
        _ => return Ok(None),
    };
    sqlx::query_as!(
        Row,
        r#"SELECT id, status, complete, priority, source, call_id, name, email, phone, company, budget, timeline,
                  service, notes, answers, assignee_id, created_at, updated_at
           FROM leads
           WHERE org_id = $1 AND status = 'open' AND id <> $2 AND (phone = $3 OR lower(email) = lower($4))
           LIMIT 1"#,
        org_id,
        lead.id.0,
        phone,
        email,
    )
    .fetch_optional(conn)
    .await?
    .map(Lead::try_from)
    .transpose()
}

fn fresh(conversation: &Conversation, now: DateTime<Utc>) -> Lead {
    Lead {
        id: conversation.new_lead,
        status: LeadStatus::Open,
        complete: false,
        priority: Priority::Normal,
        source: "voice".to_owned(),
        call_id: Some(conversation.call_id),
        name: None,
        email: None,
        phone: conversation.caller_phone.clone(),
        company: None,
        budget: None,
        timeline: None,
        service: None,
        notes: None,
        answers: Vec::new(),
        assignee_id: None,
        created_at: now,
        updated_at: now,
    }
}

fn apply(lead: &mut Lead, answer: &LeadAnswer) {
    let field = match answer.field {
        LeadField::Name => &mut lead.name,
        LeadField::Email => &mut lead.email,
        LeadField::Phone => &mut lead.phone,
        LeadField::Company => &mut lead.company,
        LeadField::Budget => &mut lead.budget,
        LeadField::Timeline => &mut lead.timeline,
        LeadField::Service => &mut lead.service,
        LeadField::Notes => &mut lead.notes,
    };
    *field = Some(answer.value.clone());
    match lead.answers.iter_mut().find(|known| known.question == answer.question) {
        Some(known) => *known = answer.clone(),
        None => lead.answers.push(answer.clone()),
    }
}

async fn insert(conn: &mut PgConnection, org_id: Uuid, lead: &Lead) -> Result<(), StoreError> {
    sqlx::query!(
        r#"INSERT INTO leads (id, org_id, source, call_id, phone, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $6)"#,
        lead.id.0,
        org_id,
        lead.source,
        lead.call_id.map(|id| id.0),
        lead.phone,
        lead.created_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn write(conn: &mut PgConnection, org_id: Uuid, lead: &Lead) -> Result<(), StoreError> {
    sqlx::query!(
        r#"UPDATE leads
           SET complete = $3,
               priority = $4,
               call_id = $5,
               name = $6,
               email = $7,
               phone = $8,
               company = $9,
               budget = $10,
               timeline = $11,
               service = $12,
               notes = $13,
               answers = $14,
               updated_at = $15
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        lead.id.0,
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
        lead.updated_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}
