//! Whether the server is well, for people, load balancers and orchestrators.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

/// A database that has not answered by then is away.
const DATABASE_WITHIN: Duration = Duration::from_secs(2);

/// How the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HealthStatus {
    /// All is well.
    Healthy,
    /// It works, but not all of it.
    Degraded,
}

/// What the public may know of the server's health.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// In a word.
    pub(crate) status: HealthStatus,
    /// The version that runs.
    #[schema(example = "0.1.0")]
    pub(crate) version: String,
    /// Why it is not healthy, in plain words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) reasons: Vec<String>,
}

/// The health routes.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(get_health))
        .routes(routes!(get_liveness))
        .routes(routes!(get_readiness))
}

async fn look(state: &ApiState) -> Health {
    let mut reasons = Vec::new();
    let answer = tokio::time::timeout(DATABASE_WITHIN, state.app.db.ping()).await;
    if !matches!(answer, Ok(Ok(()))) {
        reasons.push("the database does not answer".to_owned());
    }
    if state.app.drain.is_cancelled() {
        reasons.push("the server is stopping".to_owned());
    }
    // Without its database a call still hears a sentence and can leave a message with the carrier.
    let status = if reasons.is_empty() { HealthStatus::Healthy } else { HealthStatus::Degraded };
    Health { status, version: state.settings.version.to_owned(), reasons }
}

/// Tell how the server is.
///
/// Answers 200 also when degraded: the server still takes calls.
#[utoipa::path(
    get, path = "/health", operation_id = "get_health", tag = "health",
    extensions(("x-permission" = json!("public"))),
    responses((status = 200, description = "Status and version", body = Health,
        example = json!({"status": "healthy", "version": "0.1.0"}))),
)]
pub(crate) async fn get_health(State(_state): State<ApiState>) -> Json<Health> {
    Json(look(&_state).await)
}

/// Tell that the process runs.
#[utoipa::path(
    get, path = "/health/live", operation_id = "get_liveness", tag = "health",
    extensions(("x-permission" = json!("public"))),
    responses((status = 204, description = "The process answers")),
)]
pub(crate) async fn get_liveness() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Tell whether new work may be sent here.
#[utoipa::path(
    get, path = "/health/ready", operation_id = "get_readiness", tag = "health",
    extensions(("x-permission" = json!("public"))),
    responses(
        (status = 200, description = "Ready for work", body = Health,
            example = json!({"status": "healthy", "version": "0.1.0"})),
        (status = 503, description = "Not ready: starting, stopping, or without its database", body = Health,
            example = json!({"status": "degraded", "version": "0.1.0", "reasons": ["the server is stopping"]})),
    ),
)]
pub(crate) async fn get_readiness(State(_state): State<ApiState>) -> Response {
    let health = look(&_state).await;
    let status =
        if health.status == HealthStatus::Healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health)).into_response()
}
