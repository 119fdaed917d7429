//! Sending again what was sent, or something that never happened to see whether it arrives.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{DeliveryId, WebhookEventId, WebhookId};
use domain::webhooks::{EventType, LOG_DAYS};
use serde_json::json;
use store::OrgTx;
use store::webhooks::deliveries::{self, Delivery};
use store::webhooks::events::{self, Event, ReplayRange};
use store::webhooks::{self, Webhook, health};

use super::publish::wake_worker;
use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::runtime::App;

/// Most events of one replay.
const MAX_REPLAY: u32 = 10_000;

/// What a replay does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    /// Events in the range.
    pub events: u64,
    /// How many of them begin a new round; the others were on their way already.
    pub deliveries: u64,
}

fn disabled() -> AppError {
    AppError::Conflict { reason: "the webhook is disabled: enable it first".to_owned() }
}

/// Sends a `ping`, also to a receiver that is disabled. It is tried once.
///
/// # Errors
/// Not found; storage errors.
pub async fn send_test(app: &App, actor: &Actor, id: WebhookId) -> Result<Delivery, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    webhooks::lock(&mut tx, id).await?;
    let event_id = WebhookEventId(app.ambient.new_id());
    let event = Event {
        id: event_id,
        kind: EventType::Ping,
        key: event_id.to_string(),
        at: app.ambient.now(),
        data: json!({"webhook_id": id, "message": "This is a test."}),
    };
    let delivery = DeliveryId(app.ambient.new_id());
    events::insert(&mut tx, &event).await?;
    events::address(&mut tx, &event, &[(delivery, id)]).await?;
    // Somebody is waiting for the result.
    health::resume(&mut tx, id).await?;
    wake_worker(&mut tx).await?;
    audit::record(&mut tx, app, actor, "webhooks:test", &id, json!({"delivery": delivery})).await?;
    let delivery = deliveries::get(&mut tx, delivery).await?;
    tx.commit().await?;
    Ok(delivery)
}

/// Begins a delivery anew: it is due at once and has the whole schedule before it.
///
/// # Errors
/// Not found; [`AppError::Conflict`] when the receiver is disabled; storage errors.
pub async fn retry(app: &App, actor: &Actor, id: DeliveryId) -> Result<Delivery, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let delivery = deliveries::get(&mut tx, id).await?;
    let webhook = webhooks::lock(&mut tx, delivery.webhook_id).await?;
    if !webhook.enabled && delivery.kind != EventType::Ping {
        return Err(disabled());
    }
    deliveries::begin_again(&mut tx, id, app.ambient.now()).await?;
    health::resume(&mut tx, delivery.webhook_id).await?;
    wake_worker(&mut tx).await?;
    audit::record(&mut tx, app, actor, "webhooks:retry", &id, serde_json::Value::Null).await?;
    let delivery = deliveries::get(&mut tx, id).await?;
    tx.commit().await?;
    Ok(delivery)
}

/// Sends everything of a time again that the receiver wants (or only `kinds` of it), also what happened while it
/// was disabled or not there yet. Each keeps its `webhook-id`.
///
/// # Errors
/// Not found; [`AppError::Invalid`] for an empty range or too many events; [`AppError::Conflict`] when the receiver is
/// disabled; storage errors.
pub async fn replay(
    app: &App,
    actor: &Actor,
    id: WebhookId,
    since: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
    kinds: Option<Vec<EventType>>,
) -> Result<Replayed, AppError> {
    let now = app.ambient.now();
    let until = until.unwrap_or(now);
    if until <= since {
        return Err(AppError::Invalid { field: "until", message: "must lie after `since`".to_owned() });
    }
    if since < now - TimeDelta::days(LOG_DAYS) {
        let message = format!("lies further back than the {LOG_DAYS} days that events are kept");
        return Err(AppError::Invalid { field: "since", message });
    }
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let webhook = webhooks::lock(&mut tx, id).await?;
    if !webhook.enabled {
        return Err(disabled());
    }
    let range = ReplayRange { since, until, kinds: kinds.unwrap_or_else(|| wanted(&webhook)) };
    let found = events::in_range(&mut tx, &range, MAX_REPLAY + 1).await?;
    if found.len() > MAX_REPLAY as usize {
        let message = format!("covers more than {MAX_REPLAY} events: replay it in parts");
        return Err(AppError::Invalid { field: "since", message });
    }
    let again: Vec<_> = found.into_iter().map(|event| (DeliveryId(app.ambient.new_id()), event)).collect();
    let deliveries = events::send_again(&mut tx, id, &again, now).await?;
    let replayed = Replayed { events: again.len() as u64, deliveries };
    health::resume(&mut tx, id).await?;
    wake_worker(&mut tx).await?;
    let detail = json!({"since": since, "until": until, "deliveries": deliveries});
    audit::record(&mut tx, app, actor, "webhooks:replay", &id, detail).await?;
    tx.commit().await?;
    Ok(replayed)
}

fn wanted(webhook: &Webhook) -> Vec<EventType> {
    EventType::ALL
        .iter()
        .copied()
        .filter(|kind| kind.can_be_wanted())
        .filter(|kind| kind.patterns().iter().any(|pattern| webhook.events.contains(pattern)))
        .collect()
}
