//! Telling what happened.

use domain::ids::{DeliveryId, WebhookEventId};
use domain::webhooks::{EventType, MAX_PAYLOAD_BYTES};
use serde_json::{Value, json};
use store::jobs::NewJob;
use store::webhooks::events::{self, Event};
use store::{OrgTx, StoreError};

use super::jobs::DeliverWebhooks;
use crate::runtime::App;

/// Room for what surrounds the data in the body.
const FRAME_BYTES: usize = 1_024;

/// Tells an event to every receiver of the organization that wants it, once the transaction of what happened
/// commits, and never when it doesn't. `key` names the fact: told again under the same kind and key it is one event.
/// Events of organizations without a receiver are not kept.
///
/// # Errors
/// Storage errors.
pub async fn publish(
    tx: &mut OrgTx,
    app: &App,
    kind: EventType,
    key: &str,
    data: Value,
) -> Result<(), StoreError> {
    let audience = events::audience(tx, kind).await?;
    if !audience.exists {
        return Ok(());
    }
    let event = Event {
        id: WebhookEventId(app.ambient.new_id()),
        kind,
        key: key.to_owned(),
        at: app.ambient.now(),
        data: bounded(kind, data),
    };
    if !events::insert(tx, &event).await? || audience.wanted_by.is_empty() {
        return Ok(());
    }
    let to: Vec<_> =
        audience.wanted_by.into_iter().map(|webhook| (DeliveryId(app.ambient.new_id()), webhook)).collect();
    events::address(tx, &event, &to).await?;
    wake_worker(tx).await
}

/// Has a worker look for deliveries when the transaction commits.
pub(super) async fn wake_worker(tx: &mut OrgTx) -> Result<(), StoreError> {
    // Without a key: one key would make all organizations' transactions wait for each other.
    let job = NewJob { task: DeliverWebhooks::TASK, payload: json!({}), ..NewJob::default() };
    store::jobs::enqueue(tx, &job).await
}

/// What is too large to be sent is told by its id: the receiver asks the API for the rest.
fn bounded(kind: EventType, data: Value) -> Value {
    let size = data.to_string().len();
    if size + FRAME_BYTES <= MAX_PAYLOAD_BYTES {
        return data;
    }
    tracing::warn!(
        event = kind.name(),
        size,
        "an event is too large for a webhook and is told by its id only"
    );
    json!({"id": data.get("id"), "truncated": true})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_told_by_its_id() {
        let small = json!({"id": "lead_1", "notes": "short"});
        assert_eq!(bounded(EventType::LeadUpdated, small.clone()), small);
        let large = json!({"id": "lead_1", "notes": "x".repeat(MAX_PAYLOAD_BYTES)});
        assert_eq!(bounded(EventType::LeadUpdated, large), json!({"id": "lead_1", "truncated": true}));
    }
}
