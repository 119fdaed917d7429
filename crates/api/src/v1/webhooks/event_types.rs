//! What webhooks can tell: the catalogue of events.

use axum::Json;
use domain::webhooks::{EventType, catalogue};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::tenant::{Tenant, needs};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use crate::v1::page::Page;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_webhook_event_types))
}

/// A kind of event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookEventType)]
pub struct EventTypeView {
    /// Its name.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "call.ended")]
    kind: EventType,
    /// What it says.
    #[schema(example = "A call is over and its record is complete.")]
    description: String,
    /// Whether this version sends it; others are declared for versions to come.
    emitted: bool,
    /// Whether a webhook can ask for it.
    subscribable: bool,
    /// An example of the whole body.
    #[schema(value_type = Object)]
    example: serde_json::Value,
    /// The JSON Schema (2020-12) of the whole body.
    #[schema(value_type = Object)]
    schema: serde_json::Value,
}

/// List the events that webhooks can tell of.
#[utoipa::path(
    get, path = "/api/v1/webhook-event-types", operation_id = "list_webhook_event_types", tag = "webhooks",
    extensions(("x-permission" = json!("webhooks:manage"))),
    responses(
        (status = 200, description = "All kinds of events, with example and schema", body = Page<EventTypeView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
    ),
)]
pub(crate) async fn list_webhook_event_types(
    _tenant: Tenant<needs::WebhooksManage>,
) -> Result<Json<Page<EventTypeView>>, ApiError> {
    let all = EventType::ALL.iter().map(|&kind| EventTypeView {
        kind,
        description: catalogue::description(kind).to_owned(),
        emitted: kind.is_emitted(),
        subscribable: kind.can_be_wanted(),
        example: catalogue::example(kind),
        schema: catalogue::schema(kind),
    });
    Ok(Json(Page::whole(all.collect())))
}
