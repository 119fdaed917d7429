//! What becomes of messages.

use chrono::{DateTime, Utc};
use domain::ids::{MessageId, UserId};
use serde_json::json;
use store::messages::{self, Kept};
use store::{OrgTx, StoreError};

use crate::audit::{self, Actor, Who};
use crate::calls::tapes;
use crate::error::AppError;
use crate::runtime::App;
use crate::version;

/// What to change; `None` leaves it as it is, `Some(None)` empties it.
#[derive(Debug, Default)]
pub struct MessageChange {
    /// Whether it is dealt with.
    pub handled: Option<bool>,
    /// Who looks after it.
    pub assignee_id: Option<Option<UserId>>,
}

/// Marks a message as dealt with or opens it again, and gives it into somebody's hands, if it is still as the asker
/// saw it (`based_on` is the `updated_at` of what they saw).
///
/// # Errors
/// Not found; [`AppError::OutOfDate`]; [`AppError::Invalid`] for an assignee who is no member; storage errors.
pub async fn change(
    app: &App,
    actor: &Actor,
    id: MessageId,
    based_on: Option<DateTime<Utc>>,
    change: MessageChange,
) -> Result<Kept, AppError> {
    let now = app.ambient.now();
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    version::demand(based_on, messages::lock(&mut tx, id).await?)?;
    let mut handling = messages::get(&mut tx, id).await?.handling;
    handling.assignee_id = change.assignee_id.unwrap_or(handling.assignee_id);
    match change.handled {
        // Whoever dealt with it first stays named.
        Some(true) if handling.handled_at.is_none() => {
            handling.handled_at = Some(now);
            handling.handled_by = match actor.who {
                Who::Person(person) => Some(person),
                Who::Key(_) | Who::System => None,
            };
        }
        Some(false) => {
            handling.handled_at = None;
            handling.handled_by = None;
        }
        Some(true) | None => {}
    }
    messages::update(&mut tx, id, &handling, now).await.map_err(explain)?;
    let message = messages::get(&mut tx, id).await?;
    let detail = json!({ "handled": handling.handled_at.is_some(), "assignee": handling.assignee_id });
    audit::record(&mut tx, app, actor, "messages:update", &id, detail).await?;
    tx.commit().await?;
    Ok(message)
}

fn explain(error: StoreError) -> AppError {
    if error.is_conflict_with("messages_assignee_fkey") {
        let message = "is nobody who belongs to the organization".to_owned();
        return AppError::Invalid { field: "assignee_id", message };
    }
    error.into()
}

/// Removes a message, with what was recorded of it.
///
/// # Errors
/// Not found; storage errors.
pub async fn delete(app: &App, actor: &Actor, id: MessageId) -> Result<(), AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    if let Some(recording) = messages::recorded::get(&mut tx, id).await? {
        tapes::delete(&mut tx, app, &recording).await?;
    }
    messages::delete(&mut tx, id).await?;
    audit::record(&mut tx, app, actor, "messages:delete", &id, serde_json::Value::Null).await?;
    Ok(tx.commit().await?)
}
