//! Outgoing webhooks: entering receivers, telling them what happened, and trying until they know.
//!
//! [`publish`] writes an event down in the transaction of what happened, with a delivery for every receiver that
//! wants it. [`delivery`] works the deliveries off under leases: whatever dies, the next worker goes on, and the
//! receiver may see the same `webhook-id` again. At least once, in no promised order.

mod delivery;
pub(crate) mod jobs;
mod log;
mod publish;
mod secrets;
mod verdict;
mod views;

pub use delivery::Outgoing;
pub use log::{Replayed, replay, retry, send_test};
pub use publish::publish;
pub(crate) use views::{call, lead, message, project, summary};

use chrono::{DateTime, Utc};
use domain::ids::WebhookId;
use domain::webhooks::{MAX_WEBHOOKS, is_pattern};
use secrecy::SecretString;
use serde_json::json;
use store::OrgTx;
use store::webhooks::{self, Webhook, WebhookSettings};

use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::runtime::App;

/// What to change of a receiver; `None` leaves a field as it is.
#[derive(Debug, Default)]
pub struct WebhookChange {
    /// Where it listens.
    pub url: Option<String>,
    /// What the organization says about it.
    pub description: Option<String>,
    /// Patterns of the events it wants.
    pub events: Option<Vec<String>>,
    /// Whether it is told anything.
    pub enabled: Option<bool>,
}

/// A receiver and the secret that its webhooks are signed with, which is shown this once.
#[derive(Debug)]
pub struct WithSecret {
    /// The receiver.
    pub webhook: Webhook,
    /// `whsec_…`.
    pub secret: SecretString,
}

/// Enters a receiver.
///
/// # Errors
/// [`AppError::Invalid`] for an address that is not acceptable or an unknown event; [`AppError::Conflict`] when there
/// are too many; storage errors.
pub async fn create(app: &App, actor: &Actor, settings: WebhookSettings) -> Result<WithSecret, AppError> {
    let settings = checked(app, settings)?;
    let id = WebhookId(app.ambient.new_id());
    let secret = secrets::draw();
    let sealed = secrets::seal_current(app, id, &secret)?;
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    if webhooks::lock_count(&mut tx).await? >= MAX_WEBHOOKS {
        return Err(AppError::Conflict {
            reason: format!("an organization has at most {MAX_WEBHOOKS} webhooks; delete one first"),
        });
    }
    webhooks::insert(&mut tx, id, &settings, &sealed, app.ambient.now()).await?;
    let detail = json!({"host": host(&settings.url), "events": settings.events});
    audit::record(&mut tx, app, actor, "webhooks:create", &id, detail).await?;
    let webhook = webhooks::get(&mut tx, id).await?;
    tx.commit().await?;
    Ok(WithSecret { webhook, secret })
}

/// Changes a receiver that is still as it was at `version` (`None`: however it is). What is on its way to one that
/// is disabled is taken back.
///
/// # Errors
/// As [`create`]; [`AppError::OutOfDate`]; not found.
pub async fn change(
    app: &App,
    actor: &Actor,
    id: WebhookId,
    version: Option<DateTime<Utc>>,
    change: WebhookChange,
) -> Result<Webhook, AppError> {
    let now = app.ambient.now();
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let before = webhooks::lock(&mut tx, id).await?;
    if version.is_some_and(|version| version != before.updated_at) {
        return Err(AppError::OutOfDate);
    }
    let was_enabled = before.enabled;
    let settings = checked(
        app,
        WebhookSettings {
            url: change.url.unwrap_or(before.url),
            description: change.description.unwrap_or(before.description),
            events: change.events.unwrap_or(before.events),
            enabled: change.enabled.unwrap_or(before.enabled),
        },
    )?;
    webhooks::update(&mut tx, id, &settings, now).await?;
    if was_enabled && !settings.enabled {
        webhooks::deliveries::cancel_pending(&mut tx, id, now).await?;
    }
    let detail = json!({"host": host(&settings.url), "events": settings.events, "enabled": settings.enabled});
    audit::record(&mut tx, app, actor, "webhooks:update", &id, detail).await?;
    let webhook = webhooks::get(&mut tx, id).await?;
    tx.commit().await?;
    Ok(webhook)
}

/// Removes a receiver with everything that is on its way to it.
///
/// # Errors
/// Not found; storage errors.
pub async fn delete(app: &App, actor: &Actor, id: WebhookId) -> Result<(), AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let webhook = webhooks::lock(&mut tx, id).await?;
    webhooks::delete(&mut tx, id).await?;
    let detail = json!({"host": host(&webhook.url)});
    audit::record(&mut tx, app, actor, "webhooks:delete", &id, detail).await?;
    Ok(tx.commit().await?)
}

/// Gives a receiver a new secret. The former one signs beside it for a day, so that the receiver can be told.
///
/// # Errors
/// Not found; storage errors.
pub async fn rotate_secret(app: &App, actor: &Actor, id: WebhookId) -> Result<WithSecret, AppError> {
    let now = app.ambient.now();
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    webhooks::lock(&mut tx, id).await?;
    let secret = secrets::draw();
    let before = webhooks::secrets(&mut tx, id).await?;
    let after = secrets::rotated(app, id, &before, &secret, now)?;
    webhooks::set_secrets(&mut tx, id, &after, now).await?;
    audit::record(&mut tx, app, actor, "webhooks:rotate_secret", &id, serde_json::Value::Null).await?;
    let webhook = webhooks::get(&mut tx, id).await?;
    tx.commit().await?;
    Ok(WithSecret { webhook, secret })
}

fn checked(app: &App, settings: WebhookSettings) -> Result<WebhookSettings, AppError> {
    let invalid = |field, message| AppError::Invalid { field, message };
    let url = app.http.check(&settings.url).map_err(|refused| invalid("url", refused.to_string()))?;
    let mut events: Vec<String> = settings.events;
    events.sort_unstable();
    events.dedup();
    if let Some(unknown) = events.iter().find(|pattern| !is_pattern(pattern)) {
        let message = format!(
            "{unknown:?} is no event; allowed are names such as call.ended, families such as call.*, and *"
        );
        return Err(invalid("events", message));
    }
    if events.is_empty() {
        return Err(invalid("events", "must name at least one event, or *".to_owned()));
    }
    Ok(WebhookSettings { url, events, ..settings })
}

/// The host of an address, for the audit log: paths and queries may hold keys.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}
