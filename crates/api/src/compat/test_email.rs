//! `POST /api/admin/test-sendgrid`: a test e-mail by whatever transport is configured.

use axum::Json;
use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::CamelJson;
use crate::auth::tenant::{Tenant, needs};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use crate::v1::notifications::{address, kind};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(test_sendgrid))
}

/// Where a test e-mail goes.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CompatTestEmail)]
pub struct TestEmail {
    /// The address.
    #[garde(length(chars, min = 1, max = 320))]
    #[schema(min_length = 1, max_length = 320, example = "hello@aurora.example")]
    email: String,
}

/// What came of a test e-mail.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CompatTestEmailResult)]
pub struct TestEmailResult {
    /// Whether the transport took it.
    success: bool,
    /// What happened, in plain words.
    #[schema(example = "The test e-mail was handed over by smtp.")]
    message: String,
    /// `outbox`, `smtp` or `sendgrid`.
    #[schema(example = "smtp")]
    transport: &'static str,
    /// What the transport calls the message.
    message_id: Option<String>,
    /// What went wrong: `unavailable`, `timeout`, `rate_limited`, `refused` or `invalid`.
    error: Option<&'static str>,
    /// How long it took.
    duration_ms: u64,
}

/// Send a test e-mail by the configured transport, which need not be SendGrid.
#[utoipa::path(
    post, path = "/api/admin/test-sendgrid", operation_id = "test_sendgrid", tag = "compat",
    extensions(("x-permission" = json!("notifications:write"))),
    request_body(content = TestEmail, example = json!({"email": "hello@aurora.example"})),
    responses(
        (status = 200, description = "What came of it, also when it could not be sent", body = TestEmailResult),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "The address is invalid", body = Problem),
        (status = 429, description = "Too many tests; `Retry-After` says how long to wait", body = Problem),
    ),
)]
pub(crate) async fn test_sendgrid(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::NotificationsWrite>,
    CamelJson(test): CamelJson<TestEmail>,
) -> Result<Json<TestEmailResult>, ApiError> {
    let to = address(&test.email)?;
    let outcome = app::notifications::testing::send_email(&_state.app, &tenant.actor(), &to).await?;
    let message = match &outcome.error {
        None => format!("The test e-mail was handed over by {}.", outcome.transport),
        Some(error) => format!("The test e-mail could not be sent: {error}."),
    };
    Ok(Json(TestEmailResult {
        success: outcome.error.is_none(),
        message,
        transport: outcome.transport,
        message_id: outcome.message_id.filter(|id| !id.is_empty()),
        error: outcome.error.as_ref().map(kind),
        duration_ms: outcome.duration_ms,
    }))
}
