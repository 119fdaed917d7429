//! The secret of a receiver. It is never shown a second time; who lost it takes a new one.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::ids::WebhookId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::configuration::{WithSecretView, with_secret};
use crate::auth::tenant::{Tenant, needs};
use crate::extract::Id;
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(rotate_webhook_secret))
}

/// Give a webhook a new secret. For 24 hours the former one signs as well.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{id}/rotate-secret", operation_id = "rotate_webhook_secret", tag = "webhooks",
    extensions(("x-permission" = json!("webhooks:manage"))),
    params(("id" = String, Path, description = "The webhook", example = "hook_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The webhook and its new secret, shown this once", body = WithSecretView,
            headers(("ETag" = String, description = "Its version, for `If-Match`"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such webhook", body = Problem),
    ),
)]
pub(crate) async fn rotate_webhook_secret(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::WebhooksManage>,
    Id(id): Id<WebhookId>,
) -> Result<Response, ApiError> {
    let rotated = app::webhooks::rotate_secret(&_state.app, &tenant.actor(), id).await?;
    Ok(with_secret(StatusCode::OK, &[], rotated))
}
