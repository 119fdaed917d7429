//! Opening an organization from above, and going back.

use app::impersonation::Switched;
use axum::Json;
use axum::extract::State;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::ids::OrgId;
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{Me, with_cookies};
use crate::auth::credentials;
use crate::auth::tenant::SignedIn;
use crate::extract::Id;
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(open_organization)).routes(routes!(close_organization))
}

/// The session that is worked in from now on.
#[derive(Debug, Serialize, ToSchema)]
pub struct SwitchedSession {
    /// The access token: send it as `Authorization: Bearer`. `null` when a browser asked by cookie: then it travels in
    /// the cookie only.
    #[schema(required)]
    token: Option<String>,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// When the access token is over.
    expires_at: DateTime<Utc>,
    /// What pages send as `X-CSRF-Token` with requests that change something; also in a cookie they can read.
    csrf_token: String,
    /// Who works for whom.
    me: Me,
}

/// Open an organization below one's own, to work in it as if one were there.
///
/// The answer is a session of an hour at most, bound to that organization and marked: `me.impersonating`. It can't be
/// renewed. Both organizations' audit logs tell when it began and when it ended. The session it was opened from goes on;
/// when that one ends, this one does, too.
#[utoipa::path(
    post, path = "/api/v1/organizations/{id}/open", operation_id = "open_organization", tag = "organizations",
    extensions(("x-permission" = json!("signed_in"))),
    params(("id" = String, Path, description = "The organization", example = "org_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The session in the organization", body = SwitchedSession),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "Sent by another site's page", body = Problem),
        (status = 404, description = "There is no such organization below yours", body = Problem),
        (status = 409, description = "One is open already, or you belong to this one yourself", body = Problem),
    ),
)]
pub(crate) async fn open_organization(
    State(_state): State<ApiState>,
    SignedIn(identity): SignedIn,
    Id(id): Id<OrgId>,
    parts: Parts,
) -> Result<Response, ApiError> {
    let origin = credentials::origin(&parts, &_state.settings);
    let switched = app::impersonation::open(&_state.app, &identity, id, &origin).await?;
    answer(&_state, switched, &parts)
}

/// Close the organization that is open, and go back to the session it was opened from.
#[utoipa::path(
    post, path = "/api/v1/auth/close-organization", operation_id = "close_organization", tag = "auth",
    extensions(("x-permission" = json!("signed_in"))),
    responses(
        (status = 200, description = "The session it was opened from", body = SwitchedSession),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "Sent by another site's page", body = Problem),
        (status = 409, description = "None is open", body = Problem),
    ),
)]
pub(crate) async fn close_organization(
    State(_state): State<ApiState>,
    SignedIn(identity): SignedIn,
    parts: Parts,
) -> Result<Response, ApiError> {
    let address = credentials::address(&parts, &_state.settings);
    let switched = app::impersonation::close(&_state.app, &identity, address).await?;
    answer(&_state, switched, &parts)
}

fn answer(state: &ApiState, switched: Switched, parts: &Parts) -> Result<Response, ApiError> {
    let now = state.app.ambient.now();
    let cookies = credentials::switch_cookies(&switched, now, &state.settings);
    // A browser's token stays where no script can read it.
    let in_body = credentials::bearer(&parts.headers).is_some();
    let body = SwitchedSession {
        token: in_body.then(|| switched.access.expose_secret().to_owned()),
        token_type: "Bearer",
        expires_at: switched.access_expires_at,
        csrf_token: switched.csrf,
        me: switched.identity.into(),
    };
    let response = Json(body).into_response();
    if in_body { Ok(response) } else { with_cookies(response, &cookies) }
}
