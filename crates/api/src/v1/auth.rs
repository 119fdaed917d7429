//! Signing in and out.

use app::auth::{Identity, SESSION_LIFE, SignIn};
use axum::Json;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use garde::Validate;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::credentials;
use crate::auth::tenant::SignedIn;
use crate::extract::ValidJson;
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(log_in)).routes(routes!(log_out)).routes(routes!(get_me))
}

/// Who wants to sign in.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The e-mail address of the account.
    #[garde(length(chars, min = 1, max = 320))]
    #[schema(min_length = 1, max_length = 320, example = "owner@aurora.example")]
    email: String,
    /// The password.
    #[garde(skip)]
    #[schema(value_type = String, format = Password, max_length = 1024, example = "correct horse battery staple")]
    password: SecretString,
}

/// A session that was just begun.
#[derive(Debug, Serialize, ToSchema)]
pub struct Session {
    /// Send it as `Authorization: Bearer`. It is shown this once.
    token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// When the session ends.
    expires_at: DateTime<Utc>,
    /// Who is signed in.
    me: Me,
}

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    /// The person; `null` when a program asks with its key.
    user: Option<UserView>,
    /// The organization they act for.
    organization: OrganizationView,
    /// Their role there: `owner`, `admin`, `manager`, `member` or `viewer`.
    #[schema(example = "owner")]
    role: String,
    /// What the role allows.
    #[schema(value_type = Vec<String>, example = json!(["calls:read", "leads:read"]))]
    permissions: Vec<&'static str>,
}

/// A person.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    /// The person's id.
    #[schema(example = "user_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: String,
    /// The address they sign in with.
    email: String,
    /// Their name.
    name: String,
}

/// An organization.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Organization)]
pub struct OrganizationView {
    /// The organization's id.
    #[schema(example = "org_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: String,
    /// Its name.
    #[schema(example = "Aurora Branding")]
    name: String,
}

impl From<Identity> for Me {
    fn from(identity: Identity) -> Self {
        Self {
            user: identity.person().map(|user| UserView {
                id: user.id.to_string(),
                email: user.email.clone(),
                name: user.name.clone(),
            }),
            organization: OrganizationView { id: identity.org.id.to_string(), name: identity.org.name },
            role: identity.role,
            permissions: identity.permissions.iter().map(|p| p.name()).collect(),
        }
    }
}

/// Sign in.
///
/// The session lasts twelve hours. Its token comes in the body, for programs, and as an `HttpOnly` cookie, for
/// browsers. Unknown account and wrong password are answered alike; repeated failures are slowed down.
#[utoipa::path(
    post, path = "/api/v1/auth/login", operation_id = "log_in", tag = "auth",
    extensions(("x-permission" = json!("public"))),
    request_body = Credentials,
    responses(
        (status = 200, description = "Signed in", body = Session),
        (status = 401, description = "The e-mail address or the password is wrong", body = Problem),
        (status = 403, description = "Sent by another site's page", body = Problem),
        (status = 422, description = "Fields are missing or too long", body = Problem),
        (status = 429, description = "Too many failures; wait as `Retry-After` says", body = Problem),
    ),
)]
pub(crate) async fn log_in(
    State(_state): State<ApiState>,
    parts: Parts,
    ValidJson(credentials): ValidJson<Credentials>,
) -> Result<Response, ApiError> {
    let state = &_state;
    let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let try_ = SignIn {
        email: credentials.email,
        password: credentials.password,
        address: credentials::address(&parts, &state.settings),
        user_agent: user_agent.map(|text| text.chars().take(300).collect()),
    };
    let session = app::auth::sign_in(&state.app, &state.logins, try_).await?;
    let token = session.token.expose_secret();
    let cookie = credentials::set_cookie(token, SESSION_LIFE.num_seconds(), &state.settings);
    let body = Session {
        token: token.to_owned(),
        token_type: "Bearer",
        expires_at: session.expires_at,
        me: session.identity.into(),
    };
    with_cookie(Json(body).into_response(), &cookie)
}

/// Sign out: end this session.
#[utoipa::path(
    post, path = "/api/v1/auth/logout", operation_id = "log_out", tag = "auth",
    extensions(("x-permission" = json!("signed_in"))),
    responses(
        (status = 204, description = "The session is over"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "Sent by another site's page", body = Problem),
    ),
)]
pub(crate) async fn log_out(
    State(_state): State<ApiState>,
    SignedIn(identity): SignedIn,
) -> Result<Response, ApiError> {
    app::auth::sign_out(&_state.app, &identity).await?;
    let cookie = credentials::set_cookie("", 0, &_state.settings);
    with_cookie(StatusCode::NO_CONTENT.into_response(), &cookie)
}

/// Tell who is signed in and what they may do.
#[utoipa::path(
    get, path = "/api/v1/auth/me", operation_id = "get_me", tag = "auth",
    extensions(("x-permission" = json!("signed_in"))),
    responses(
        (status = 200, description = "The person, the organization, the permissions", body = Me),
        (status = 401, description = "Nobody is signed in", body = Problem),
    ),
)]
pub(crate) async fn get_me(SignedIn(identity): SignedIn) -> Json<Me> {
    Json(identity.into())
}

fn with_cookie(mut response: Response, cookie: &str) -> Result<Response, ApiError> {
    let value = HeaderValue::from_str(cookie)
        .map_err(|_| ApiError::Internal("a session token does not fit into a header".to_owned()))?;
    response.headers_mut().insert(header::SET_COOKIE, value);
    Ok(response)
}
