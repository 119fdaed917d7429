//! Whether the server is well: a word for the public, everything for who operates it, a status for orchestrators.

mod document;
pub mod machine;
mod models;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use domain::permissions::Permission;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::document::{HealthDocument, SocketDocument};
use crate::auth::tenant::SignedIn;
use crate::extract::ValidQuery;
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use crate::voice::admission;
use crate::voice::edge::VoiceEdge;

/// A database that has not answered by then is away.
const DATABASE_WITHIN: Duration = Duration::from_secs(2);

/// How the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HealthStatus {
    /// All is well.
    Healthy,
    /// It takes calls, but not all of it works.
    Degraded,
    /// It can't answer calls as it should.
    Unhealthy,
}

/// What the public may know of the server's health.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Health {
    /// In a word.
    status: HealthStatus,
    /// The version that runs.
    #[schema(example = "0.1.0")]
    version: String,
}

/// What is told of the server's health, by who asks.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum HealthAnswer {
    /// For everybody.
    Public(Health),
    /// For who may operate the platform.
    Operator(Box<HealthDocument>),
    /// For programs of the machine itself that ask for the connections.
    Local(Box<SocketDocument>),
}

/// What of the document is wanted.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct HealthQuery {
    /// Whether the open media sockets are listed; only for who may operate the platform, and for programs of the
    /// machine itself while the installation's address is plain http.
    #[garde(skip)]
    #[serde(default)]
    connections: bool,
}

/// The health routes.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(get_health))
        .routes(routes!(get_liveness))
        .routes(routes!(get_readiness))
}

/// Tell how the server is.
///
/// The public is told status and version. With the token of somebody who has the permission `platform:operate` the
/// answer has memory, database, sockets, jobs, disk, speech and the reasons. Degraded is answered with 200 as well:
/// the server still takes calls. A program on the server's own machine that asks for the connections without a token is
/// told of the media sockets, as long as the public address is plain http.
#[utoipa::path(
    get, path = "/health", operation_id = "get_health", tag = "health",
    extensions(("x-permission" = json!("public"))),
    params(HealthQuery),
    responses(
        (status = 200, description = "Healthy or degraded", body = HealthAnswer,
            example = json!({"status": "healthy", "version": "0.1.0"})),
        (status = 422, description = "A parameter is invalid", body = Problem),
        (status = 503, description = "Unhealthy", body = HealthAnswer,
            example = json!({"status": "unhealthy", "version": "0.1.0"})),
    ),
)]
pub(crate) async fn get_health(
    State(_state): State<ApiState>,
    Extension(_voice): Extension<Arc<VoiceEdge>>,
    ValidQuery(query): ValidQuery<HealthQuery>,
    mut parts: Parts,
) -> Response {
    let state = &_state;
    let local = query.connections && is_this_machine(state, &parts);
    let operator = match SignedIn::from_request_parts(&mut parts, state).await {
        Ok(SignedIn(identity)) => identity.permissions.has(Permission::PlatformOperate),
        // Whoever can't be identified is the public; without a database that is everybody.
        Err(_) => false,
    };
    let (status, answer) = if operator {
        let document = document::look(state, &_voice, query.connections).await;
        (document.status, HealthAnswer::Operator(Box::new(document)))
    } else if local {
        let document = document::look_at_sockets(state, &_voice).await;
        (document.status, HealthAnswer::Local(Box::new(document)))
    } else {
        let reasons = document::reasons(state, database_latency(state).await);
        let status = document::worst(&reasons);
        (status, HealthAnswer::Public(Health { status, version: state.settings.version.to_owned() }))
    };
    let code =
        if status == HealthStatus::Unhealthy { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (code, Json(answer)).into_response()
}

/// Whether a program of this machine asks that shows no credentials. Encryption needs a proxy before us, and through
/// a proxy on this machine the whole world has a loopback address: then nobody is local.
fn is_this_machine(state: &ApiState, parts: &Parts) -> bool {
    let has_credentials = [header::AUTHORIZATION, header::COOKIE, HeaderName::from_static("x-api-key")]
        .iter()
        .any(|name| parts.headers.contains_key(name));
    !state.settings.is_https() && !has_credentials && admission::is_local(parts)
}

/// How long the database took to answer; `None` when it did not.
async fn database_latency(state: &ApiState) -> Option<Duration> {
    let asked = tokio::time::Instant::now();
    let answer = tokio::time::timeout(DATABASE_WITHIN, state.app.db.ping()).await;
    matches!(answer, Ok(Ok(()))).then(|| asked.elapsed())
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
        (status = 204, description = "Ready for work"),
        (status = 503, description = "Not ready: stopping, or without its database", body = Problem),
    ),
)]
pub(crate) async fn get_readiness(State(_state): State<ApiState>) -> Result<StatusCode, ApiError> {
    if _state.app.is_stopping() {
        return Err(ApiError::Unavailable("the server is stopping".to_owned()));
    }
    match database_latency(&_state).await {
        Some(_) => Ok(StatusCode::NO_CONTENT),
        None => Err(ApiError::Unavailable("the database does not answer".to_owned())),
    }
}
