//! What the business decides of its leads.

use chrono::{DateTime, Utc};
use domain::email::EmailAddress;
use domain::ids::{LeadId, UserId};
use domain::leads::Priority;
use domain::phone::PhoneNumber;
use domain::webhooks::EventType;
use serde_json::json;
use store::leads::{self, Lead, LeadStatus};
use store::{OrgTx, StoreError, organizations};

use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::runtime::App;
use crate::version;
use crate::webhooks;

/// What to enter or change of a lead; `None` leaves a field as it is, `Some(None)` empties it.
#[derive(Debug, Default)]
pub struct LeadChange {
    /// Where it stands.
    pub status: Option<LeadStatus>,
    /// How pressing it is.
    pub priority: Option<Priority>,
    /// Whether everything required is known.
    pub complete: Option<bool>,
    /// Who looks after it.
    pub assignee_id: Option<Option<UserId>>,
    /// The person's name.
    pub name: Option<Option<String>>,
    /// The person's e-mail address.
    pub email: Option<Option<String>>,
    /// The number to call back.
    pub phone: Option<Option<String>>,
    /// The company.
    pub company: Option<Option<String>>,
    /// The budget.
    pub budget: Option<Option<String>>,
    /// The timeline.
    pub timeline: Option<Option<String>>,
    /// The service or type of project.
    pub service: Option<Option<String>>,
    /// Notes.
    pub notes: Option<Option<String>>,
}

/// Enters a lead by hand. Its number is normalised to E.164, its address to lower case.
///
/// # Errors
/// [`AppError::Invalid`] when nothing is said of the person, for a number or address that is none, for an assignee
/// who is no member; [`AppError::Conflict`] when the person has an open lead already; storage errors.
pub async fn create(app: &App, actor: &Actor, change: LeadChange) -> Result<Lead, AppError> {
    let now = app.ambient.now();
    let id = LeadId(app.ambient.new_id());
    let mut lead = Lead {
        id,
        status: LeadStatus::Open,
        complete: false,
        priority: Priority::Normal,
        source: "manual".to_owned(),
        call_id: None,
        name: None,
        email: None,
        phone: None,
        company: None,
        budget: None,
        timeline: None,
        service: None,
        notes: None,
        answers: Vec::new(),
        assignee_id: None,
        created_at: now,
        updated_at: now,
    };
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    apply(&mut tx, &mut lead, change).await?;
    if [&lead.name, &lead.email, &lead.phone, &lead.company].into_iter().all(Option::is_none) {
        let message = "a lead needs a name, an e-mail address, a number or a company".to_owned();
        return Err(AppError::Invalid { field: "name", message });
    }
    leads::insert(&mut tx, &lead).await.map_err(explain)?;
    let lead = leads::get(&mut tx, id).await?;
    audit::record(&mut tx, app, actor, "leads:create", &id, serde_json::Value::Null).await?;
    let told = webhooks::lead(&lead);
    webhooks::publish(&mut tx, app, EventType::LeadCreated, &id.to_string(), told).await?;
    if lead.priority == Priority::Urgent {
        webhooks::publish(&mut tx, app, EventType::LeadUrgent, &id.to_string(), webhooks::lead(&lead))
            .await?;
    }
    tx.commit().await?;
    Ok(lead)
}

/// Changes a lead, if it is still as the asker saw it (`based_on` is the `updated_at` of what they saw).
///
/// # Errors
/// As [`create`]; not found; [`AppError::OutOfDate`]; [`AppError::Conflict`] when it is opened again beside another
/// open lead of the same person.
pub async fn change(
    app: &App,
    actor: &Actor,
    id: LeadId,
    based_on: Option<DateTime<Utc>>,
    change: LeadChange,
) -> Result<Lead, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    version::demand(based_on, leads::lock(&mut tx, id).await?)?;
    let mut lead = leads::get(&mut tx, id).await?;
    let (before, was_urgent) = (lead.status, lead.priority == Priority::Urgent);
    apply(&mut tx, &mut lead, change).await?;
    lead.updated_at = app.ambient.now();
    leads::update(&mut tx, &lead).await.map_err(explain)?;
    let lead = leads::get(&mut tx, id).await?;
    let detail = json!({ "status": { "before": before, "after": lead.status } });
    audit::record(&mut tx, app, actor, "leads:update", &id, detail).await?;
    tell_update(&mut tx, app, &lead, was_urgent).await?;
    tx.commit().await?;
    Ok(lead)
}

/// Makes two leads of one person into one: `id` stays and takes over what it lacks, `other` goes. Calls that led to
/// either lead to the one that stays.
///
/// # Errors
/// Not found; [`AppError::Invalid`] for a lead with itself; storage errors.
pub async fn merge(app: &App, actor: &Actor, id: LeadId, other: LeadId) -> Result<Lead, AppError> {
    if id == other {
        let message = "is the same lead".to_owned();
        return Err(AppError::Invalid { field: "lead_id", message });
    }
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    leads::lock(&mut tx, id).await?;
    let mut lead = leads::get(&mut tx, id).await?;
    let was_urgent = lead.priority == Priority::Urgent;
    let duplicate = match leads::get(&mut tx, other).await {
        Err(StoreError::NotFound { .. }) => {
            let message = "there is no such lead".to_owned();
            return Err(AppError::Invalid { field: "lead_id", message });
        }
        found => found?,
    };
    take_over(&mut lead, duplicate);
    lead.updated_at = app.ambient.now();
    // Gone first: two open leads of one person can't stand beside each other.
    leads::delete(&mut tx, other, Some(id)).await?;
    leads::update(&mut tx, &lead).await.map_err(explain)?;
    let lead = leads::get(&mut tx, id).await?;
    audit::record(&mut tx, app, actor, "leads:merge", &id, json!({ "merged": other })).await?;
    tell_update(&mut tx, app, &lead, was_urgent).await?;
    tx.commit().await?;
    Ok(lead)
}

/// Removes a lead. The calls it came from stay.
///
/// # Errors
/// Not found; storage errors.
pub async fn delete(app: &App, actor: &Actor, id: LeadId) -> Result<(), AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    leads::lock(&mut tx, id).await?;
    leads::delete(&mut tx, id, None).await?;
    audit::record(&mut tx, app, actor, "leads:delete", &id, serde_json::Value::Null).await?;
    Ok(tx.commit().await?)
}

/// Writes down that leads were exported, before the first of them leaves the house.
///
/// # Errors
/// Storage errors.
pub async fn note_export(
    app: &App,
    actor: &Actor,
    format: &str,
    filter: serde_json::Value,
) -> Result<(), AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let detail = json!({ "format": format, "filter": filter });
    audit::record(&mut tx, app, actor, "leads:export", &actor.org_id, detail).await?;
    Ok(tx.commit().await?)
}

async fn tell_update(tx: &mut OrgTx, app: &App, lead: &Lead, was_urgent: bool) -> Result<(), AppError> {
    // Each change is a fact of its own.
    let key = format!("{}:{}", lead.id, app.ambient.new_id());
    webhooks::publish(tx, app, EventType::LeadUpdated, &key, webhooks::lead(lead)).await?;
    if lead.priority == Priority::Urgent && !was_urgent {
        webhooks::publish(tx, app, EventType::LeadUrgent, &key, webhooks::lead(lead)).await?;
    }
    Ok(())
}

async fn apply(tx: &mut OrgTx, lead: &mut Lead, change: LeadChange) -> Result<(), AppError> {
    let set = |field: &mut Option<String>, value: Option<Option<String>>| {
        if let Some(value) = value {
            *field = value.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        }
    };
    lead.status = change.status.unwrap_or(lead.status);
    lead.priority = change.priority.unwrap_or(lead.priority);
    lead.complete = change.complete.unwrap_or(lead.complete);
    lead.assignee_id = change.assignee_id.unwrap_or(lead.assignee_id);
    set(&mut lead.name, change.name);
    set(&mut lead.company, change.company);
    set(&mut lead.budget, change.budget);
    set(&mut lead.timeline, change.timeline);
    set(&mut lead.service, change.service);
    set(&mut lead.notes, change.notes);
    let (new_email, new_phone) = (change.email.is_some(), change.phone.is_some());
    set(&mut lead.email, change.email);
    set(&mut lead.phone, change.phone);
    if let Some(email) = lead.email.as_mut().filter(|_| new_email) {
        let address = EmailAddress::parse(email)
            .map_err(|error| AppError::Invalid { field: "email", message: format!("is {error}") })?;
        *email = String::from(address);
    }
    if let Some(phone) = lead.phone.as_mut().filter(|_| new_phone) {
        let country = organizations::get(tx).await?.profile.default_country;
        let number = PhoneNumber::parse(phone, Some(&country))
            .map_err(|error| AppError::Invalid { field: "phone", message: format!("is {error}") })?;
        *phone = number.to_string();
    }
    Ok(())
}

/// What the lead lacks comes from its duplicate; of what both have, its own stays.
fn take_over(lead: &mut Lead, duplicate: Lead) {
    let fill = |field: &mut Option<String>, other: Option<String>| {
        if field.is_none() {
            *field = other;
        }
    };
    fill(&mut lead.name, duplicate.name);
    fill(&mut lead.email, duplicate.email);
    fill(&mut lead.phone, duplicate.phone);
    fill(&mut lead.company, duplicate.company);
    fill(&mut lead.budget, duplicate.budget);
    fill(&mut lead.timeline, duplicate.timeline);
    fill(&mut lead.service, duplicate.service);
    lead.notes = match (lead.notes.take(), duplicate.notes) {
        (Some(own), Some(other)) if own != other => Some(format!("{own}\n\n{other}")),
        (own, other) => own.or(other),
    };
    for answer in duplicate.answers {
        if !lead.answers.iter().any(|known| known.question == answer.question) {
            lead.answers.push(answer);
        }
    }
    lead.complete |= duplicate.complete;
    lead.priority = lead.priority.max(duplicate.priority);
    lead.call_id = lead.call_id.or(duplicate.call_id);
    lead.assignee_id = lead.assignee_id.or(duplicate.assignee_id);
}

fn explain(error: StoreError) -> AppError {
    match &error {
        StoreError::Conflict { constraint } if constraint.starts_with("leads_one_open_") => {
            AppError::Conflict {
                reason: "the same person has another open lead; close that one or merge the two".to_owned(),
            }
        }
        StoreError::Conflict { constraint } if constraint == "leads_assignee_fkey" => AppError::Invalid {
            field: "assignee_id",
            message: "is nobody who belongs to the organization".to_owned(),
        },
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(name: Option<&str>, notes: Option<&str>, priority: Priority) -> Lead {
        let at = DateTime::<Utc>::UNIX_EPOCH;
        Lead {
            id: LeadId(uuid::Uuid::nil()),
            status: LeadStatus::Open,
            complete: false,
            priority,
            source: "voice".to_owned(),
            call_id: None,
            name: name.map(str::to_owned),
            email: None,
            phone: None,
            company: None,
            budget: None,
            timeline: None,
            service: None,
            notes: notes.map(str::to_owned),
            answers: Vec::new(),
            assignee_id: None,
            created_at: at,
            updated_at: at,
        }
    }

    #[test]
    fn a_merged_lead_keeps_its_own_and_takes_what_it_lacks() {
        let mut one = lead(Some("Maria"), Some("a"), Priority::Low);
        let mut two = lead(Some("Mary"), Some("b"), Priority::High);
        two.company = Some("Lopez".to_owned());
        take_over(&mut one, two);
        assert_eq!((one.name.as_deref(), one.company.as_deref()), (Some("Maria"), Some("Lopez")));
        assert_eq!((one.notes.as_deref(), one.priority), (Some("a\n\nb"), Priority::High));
    }
}
