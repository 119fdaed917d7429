//! What the business decides of its leads.

use domain::ids::LeadId;
use domain::leads::Priority;
use domain::webhooks::EventType;
use store::leads::{self, Lead, LeadStatus};
use store::{OrgTx, StoreError};

use crate::audit::Actor;
use crate::error::AppError;
use crate::runtime::App;
use crate::webhooks;

/// What to change of a lead; `None` leaves a field as it is, `Some(None)` empties it.
#[derive(Debug, Default)]
pub struct LeadChange {
    /// Where it stands.
    pub status: Option<LeadStatus>,
    /// How pressing it is.
    pub priority: Option<Priority>,
    /// Notes.
    pub notes: Option<Option<String>>,
}

/// Changes a lead.
///
/// # Errors
/// Not found; [`AppError::Conflict`] when it is opened again beside another open lead of the same person; storage
/// errors.
pub async fn change(app: &App, actor: &Actor, id: LeadId, change: LeadChange) -> Result<Lead, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let before = leads::get(&mut tx, id).await?;
    let status = change.status.unwrap_or(before.status);
    let priority = change.priority.unwrap_or(before.priority);
    let notes = change.notes.unwrap_or(before.notes);
    let written = leads::update(&mut tx, id, status, priority, notes.as_deref(), app.ambient.now()).await;
    written.map_err(explain)?;
    let lead = leads::get(&mut tx, id).await?;
    // Each change is a fact of its own.
    let key = format!("{id}:{}", app.ambient.new_id());
    webhooks::publish(&mut tx, app, EventType::LeadUpdated, &key, webhooks::lead(&lead)).await?;
    if lead.priority == Priority::Urgent && before.priority != Priority::Urgent {
        webhooks::publish(&mut tx, app, EventType::LeadUrgent, &key, webhooks::lead(&lead)).await?;
    }
    tx.commit().await?;
    Ok(lead)
}

fn explain(error: StoreError) -> AppError {
    match &error {
        StoreError::Conflict { constraint } if constraint.starts_with("leads_one_open_") => {
            AppError::Conflict {
                reason: "the same person has another open lead; close that one first".to_owned(),
            }
        }
        _ => error.into(),
    }
}
