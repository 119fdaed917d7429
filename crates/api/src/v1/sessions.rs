//! Where a person is signed in.

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use domain::ids::{OrgId, SessionId};
use serde::Serialize;
use store::sessions::{Listed, Method};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::page::Page;
use crate::auth::credentials::Address;
use crate::auth::tenant::SignedIn;
use crate::extract::Id;
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use app::auth::Principal;
use axum::Json;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_sessions, revoke_other_sessions)).routes(routes!(revoke_session))
}

/// A session in force.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ListedSession)]
pub struct SessionView {
    /// The session's id.
    #[schema(value_type = String, example = "sess_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: SessionId,
    /// Whether it is the one that asks.
    current: bool,
    /// The organization it works in.
    #[schema(value_type = String, example = "org_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    organization_id: OrgId,
    /// How it came about: `password`, `second_factor` or `single_sign_on`.
    #[schema(value_type = String, example = "password")]
    method: Method,
    /// The program it was begun with, as it calls itself.
    #[schema(required, example = "Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0")]
    device: Option<String>,
    /// The address it was begun from.
    #[schema(required, example = "192.0.2.7")]
    ip: Option<String>,
    /// When it was begun.
    created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    last_seen_at: DateTime<Utc>,
    /// When it ends unless it is used.
    expires_at: DateTime<Utc>,
}

fn view(listed: Listed, current: Option<SessionId>) -> SessionView {
    SessionView {
        id: listed.id,
        current: current == Some(listed.id),
        organization_id: listed.org_id,
        method: listed.method,
        device: listed.user_agent,
        ip: listed.ip,
        created_at: listed.created_at,
        last_seen_at: listed.last_seen_at,
        expires_at: listed.expires_at,
    }
}

/// List where you are signed in, the session used last first.
#[utoipa::path(
    get, path = "/api/v1/sessions", operation_id = "list_sessions", tag = "account",
    extensions(("x-permission" = json!("signed_in"))),
    responses(
        (status = 200, description = "Your sessions", body = Page<SessionView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "A program has no sessions", body = Problem),
    ),
)]
pub(crate) async fn list_sessions(
    State(_state): State<ApiState>,
    SignedIn(identity): SignedIn,
) -> Result<Json<Page<SessionView>>, ApiError> {
    let current = match &identity.principal {
        Principal::Person { session_id, .. } => Some(*session_id),
        Principal::Key { .. } => None,
    };
    let listed = app::auth::devices::list(&_state.app, &identity).await?;
    Ok(Json(Page::whole(listed.into_iter().map(|one| view(one, current)).collect())))
}

/// Sign out everywhere else.
#[utoipa::path(
    delete, path = "/api/v1/sessions", operation_id = "revoke_other_sessions", tag = "account",
    extensions(("x-permission" = json!("signed_in"))),
    responses(
        (status = 204, description = "Every session but this one is over"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "A program has no sessions, or `X-CSRF-Token` is missing (`csrf`)", body = Problem),
    ),
)]
pub(crate) async fn revoke_other_sessions(
    State(_state): State<ApiState>,
    SignedIn(identity): SignedIn,
    Address(address): Address,
) -> Result<StatusCode, ApiError> {
    app::auth::devices::end_others(&_state.app, &identity, address).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End one of your sessions.
#[utoipa::path(
    delete, path = "/api/v1/sessions/{id}", operation_id = "revoke_session", tag = "account",
    extensions(("x-permission" = json!("signed_in"))),
    params(("id" = String, Path, description = "The session's id")),
    responses(
        (status = 204, description = "The session is over"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "A program has no sessions, or `X-CSRF-Token` is missing (`csrf`)", body = Problem),
        (status = 404, description = "You have no such session", body = Problem),
    ),
)]
pub(crate) async fn revoke_session(
    State(_state): State<ApiState>,
    SignedIn(identity): SignedIn,
    Address(address): Address,
    Id(id): Id<SessionId>,
) -> Result<StatusCode, ApiError> {
    app::auth::devices::end(&_state.app, &identity, id, address).await?;
    Ok(StatusCode::NO_CONTENT)
}
