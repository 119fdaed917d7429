//! How the telling went, and telling again.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use domain::ids::{DeliveryId, WebhookEventId, WebhookId};
use domain::webhooks::EventType;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::page::Cursor;
use store::webhooks::attempts::Attempt;
use store::webhooks::deliveries::{Delivery, DeliveryFilter, DeliveryState};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::tenant::{Tenant, needs};
use crate::extract::{Id, ValidJson, ValidQuery};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use crate::v1::page::{Page, PageQuery};

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_webhook_deliveries))
        .routes(routes!(get_webhook_delivery))
        .routes(routes!(retry_webhook_delivery))
        .routes(routes!(test_webhook))
        .routes(routes!(replay_webhook))
}

/// One event's way to one receiver.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub struct DeliveryView {
    /// The delivery's id.
    #[schema(value_type = String, example = "dlv_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: DeliveryId,
    /// To which webhook.
    #[schema(value_type = String)]
    webhook_id: WebhookId,
    /// The event: what the receiver sees as `webhook-id`, the same at every attempt.
    #[schema(value_type = String, example = "evt_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    event_id: WebhookEventId,
    /// What kind of event.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "call.ended")]
    kind: EventType,
    /// `pending`, `delivered`, `failed` (given up) or `canceled` (the webhook was disabled).
    #[schema(value_type = String, example = "delivered")]
    state: DeliveryState,
    /// When it was sent on its way.
    created_at: DateTime<Utc>,
    /// Failed attempts since then, or since it was last begun anew.
    failed_attempts: u32,
    /// When it is tried next.
    next_attempt_at: Option<DateTime<Utc>>,
    /// When it was delivered, given up or canceled.
    finished_at: Option<DateTime<Utc>>,
    /// The latest 20 attempts, newest first.
    attempts: Vec<AttemptView>,
}

/// An attempt to deliver.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookAttempt)]
pub struct AttemptView {
    /// When it began.
    at: DateTime<Utc>,
    /// How long it took.
    duration_ms: u32,
    /// The HTTP status of the answer; `null` when there was none.
    #[schema(example = 200)]
    status: Option<u16>,
    /// Whether the receiver said yes (2xx).
    succeeded: bool,
    /// Why it failed.
    #[schema(example = "answered 500")]
    reason: Option<String>,
    /// The beginning of the answer, without what looks like a key.
    answer: Option<String>,
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        Self {
            at: attempt.at,
            duration_ms: attempt.duration_ms,
            status: attempt.status,
            succeeded: attempt.succeeded,
            reason: attempt.reason,
            answer: attempt.answer,
        }
    }
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            webhook_id: delivery.webhook_id,
            event_id: delivery.event_id,
            kind: delivery.kind,
            state: delivery.state,
            created_at: delivery.created_at,
            failed_attempts: delivery.failed_attempts,
            next_attempt_at: delivery.next_attempt_at,
            finished_at: delivery.finished_at,
            attempts: delivery.attempts.into_iter().map(AttemptView::from).collect(),
        }
    }
}

/// Which deliveries are wanted.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeliveriesQuery {
    /// Only those that stand there.
    #[garde(skip)]
    #[param(value_type = Option<String>, pattern = "^(pending|delivered|failed|canceled)$")]
    state: Option<DeliveryState>,
    /// Only of such events.
    #[serde(rename = "type")]
    #[garde(skip)]
    #[param(rename = "type", value_type = Option<String>)]
    kind: Option<EventType>,
    /// Sent on their way from this moment on.
    #[garde(skip)]
    since: Option<DateTime<Utc>>,
    /// Sent on their way before this moment.
    #[garde(skip)]
    until: Option<DateTime<Utc>>,
}

/// What to send again.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookReplay)]
pub struct ReplayBody {
    /// Events from this moment on, at most 30 days back.
    #[garde(skip)]
    since: DateTime<Utc>,
    /// Events before this moment; now when left out.
    #[serde(default)]
    #[garde(skip)]
    until: Option<DateTime<Utc>>,
    /// Only events of these kinds; all that the webhook wants when left out.
    #[serde(default)]
    #[garde(inner(length(min = 1, max = 50)))]
    #[schema(value_type = Option<Vec<String>>, min_items = 1, max_items = 50)]
    types: Option<Vec<EventType>>,
}

/// What a replay does.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookReplayed)]
pub struct ReplayedView {
    /// Events of that time and those kinds.
    events: u64,
    /// How many of them are sent; the others are on their way already.
    deliveries: u64,
}

/// List the deliveries to a webhook with their attempts, newest first.
#[utoipa::path(
    get, path = "/api/v1/webhooks/{id}/deliveries", operation_id = "list_webhook_deliveries", tag = "webhooks",
    extensions(("x-permission" = json!("webhooks:manage"))),
    params(
        ("id" = String, Path, description = "The webhook", example = "hook_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        DeliveriesQuery, PageQuery,
    ),
    responses(
        (status = 200, description = "A page of deliveries", body = Page<DeliveryView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such webhook", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_webhook_deliveries(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::WebhooksManage>,
    Id(id): Id<WebhookId>,
    ValidQuery(query): ValidQuery<DeliveriesQuery>,
    ValidQuery(page): ValidQuery<PageQuery>,
) -> Result<Json<Page<DeliveryView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let webhook = store::webhooks::get(&mut tx, id).await?;
    let filter =
        DeliveryFilter { state: query.state, kind: query.kind, since: query.since, until: query.until };
    let found =
        store::webhooks::deliveries::list(&mut tx, webhook.id, &filter, page.behind()?, page.limit()).await?;
    let place = |delivery: &Delivery| Cursor { at: delivery.created_at, id: delivery.id.0 }.to_string();
    Ok(Json(Page::of(found, place, DeliveryView::from)))
}

/// Get a delivery with its attempts.
#[utoipa::path(
    get, path = "/api/v1/webhook-deliveries/{id}", operation_id = "get_webhook_delivery", tag = "webhooks",
    extensions(("x-permission" = json!("webhooks:manage"))),
    params(("id" = String, Path, description = "The delivery", example = "dlv_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The delivery", body = DeliveryView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such delivery", body = Problem),
    ),
)]
pub(crate) async fn get_webhook_delivery(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::WebhooksManage>,
    Id(id): Id<DeliveryId>,
) -> Result<Json<DeliveryView>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(Json(store::webhooks::deliveries::get(&mut tx, id).await?.into()))
}

/// Begin a delivery anew: at once, with the whole schedule of retries before it.
#[utoipa::path(
    post, path = "/api/v1/webhook-deliveries/{id}/retry", operation_id = "retry_webhook_delivery", tag = "webhooks",
    extensions(("x-permission" = json!("webhooks:manage"))),
    params(("id" = String, Path, description = "The delivery", example = "dlv_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 202, description = "The delivery, on its way", body = DeliveryView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such delivery", body = Problem),
        (status = 409, description = "The webhook is disabled", body = Problem),
    ),
)]
pub(crate) async fn retry_webhook_delivery(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::WebhooksManage>,
    Id(id): Id<DeliveryId>,
) -> Result<(StatusCode, Json<DeliveryView>), ApiError> {
    let delivery = app::webhooks::retry(&_state.app, &tenant.actor(), id).await?;
    Ok((StatusCode::ACCEPTED, Json(delivery.into())))
}

/// Send a `ping` to a webhook, also to a disabled one. It is tried once; the delivery shows how it went.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{id}/test", operation_id = "test_webhook", tag = "webhooks",
    extensions(("x-permission" = json!("webhooks:manage"))),
    params(("id" = String, Path, description = "The webhook", example = "hook_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 202, description = "The delivery of the ping, on its way", body = DeliveryView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such webhook", body = Problem),
    ),
)]
pub(crate) async fn test_webhook(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::WebhooksManage>,
    Id(id): Id<WebhookId>,
) -> Result<(StatusCode, Json<DeliveryView>), ApiError> {
    let delivery = app::webhooks::send_test(&_state.app, &tenant.actor(), id).await?;
    Ok((StatusCode::ACCEPTED, Json(delivery.into())))
}

/// Send everything of a time again, also what happened while the webhook was disabled.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{id}/replay", operation_id = "replay_webhook", tag = "webhooks",
    extensions(("x-permission" = json!("webhooks:manage"))),
    params(("id" = String, Path, description = "The webhook", example = "hook_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    request_body(content = ReplayBody, example = json!({"since": "2026-11-20T00:00:00Z",
        "until": "2026-11-21T00:00:00Z", "types": ["lead.created"]})),
    responses(
        (status = 202, description = "How much is sent again", body = ReplayedView),
        (status = 400, description = "The body is not valid JSON", body = Problem),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such webhook", body = Problem),
        (status = 409, description = "The webhook is disabled", body = Problem),
        (status = 422, description = "Fields are invalid, or the range covers more than 10,000 events", body = Problem),
    ),
)]
pub(crate) async fn replay_webhook(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::WebhooksManage>,
    Id(id): Id<WebhookId>,
    ValidJson(body): ValidJson<ReplayBody>,
) -> Result<(StatusCode, Json<ReplayedView>), ApiError> {
    let replayed =
        app::webhooks::replay(&_state.app, &tenant.actor(), id, body.since, body.until, body.types).await?;
    let view = ReplayedView { events: replayed.events, deliveries: replayed.deliveries };
    Ok((StatusCode::ACCEPTED, Json(view)))
}
