//! `/api/login`.

use app::auth::{Code, SignIn};
use axum::Json;
use axum::extract::State;
use axum::http::request::Parts;
use garde::Validate;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::CamelJson;
use crate::auth::credentials;
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use crate::v1::auth::{maybe_typed_code, readable};

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(compat_log_in))
}

/// Who wants to sign in.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CompatCredentials {
    /// The e-mail address of the account.
    #[garde(length(chars, min = 1, max = 320))]
    #[schema(min_length = 1, max_length = 320, example = "owner@aurora.example")]
    email: String,
    /// The password.
    #[garde(custom(readable))]
    #[schema(value_type = String, format = Password, max_length = 1024, example = "teal kettle over the fjord")]
    password: SecretString,
    /// The code of the authenticator app, once it was asked for.
    #[serde(default)]
    #[garde(custom(maybe_typed_code))]
    #[schema(value_type = Option<String>, max_length = 64, example = json!(null))]
    totp_code: Option<SecretString>,
}

/// A session that was just begun.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CompatSession {
    /// Send it as `Authorization: Bearer`. Good for 15 minutes.
    token: String,
    /// Exchange it at `POST /api/v1/auth/refresh` for the next pair.
    refresh_token: String,
    /// Who is signed in.
    user: CompatUser,
}

/// A person.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CompatUser {
    /// The person's id.
    id: String,
    /// The address they sign in with.
    email: String,
    /// Their name.
    name: String,
    /// Their role.
    role: String,
    /// The business they act for.
    business_id: String,
}

/// Sign in, as the older documents had it: use `POST /api/v1/auth/login`.
///
/// An account with a second factor answers `401` with the problem `second-factor-required` until a code comes along.
#[utoipa::path(
    post, path = "/api/login", operation_id = "compat_log_in", tag = "compat",
    extensions(("x-permission" = json!("public"))),
    request_body = CompatCredentials,
    responses(
        (status = 200, description = "Signed in", body = CompatSession),
        (status = 400, description = "The body is not valid JSON", body = Problem),
        (status = 401, description = "The e-mail address or the password is wrong, or a second factor is needed or wrong",
            body = Problem),
        (status = 403, description = "Sent by another site's page, or the organization asks for single sign-on",
            body = Problem),
        (status = 415, description = "The body is not JSON", body = Problem),
        (status = 422, description = "Fields are missing or too long", body = Problem),
        (status = 429, description = "Too many failures; wait as `Retry-After` says", body = Problem),
    ),
)]
pub(crate) async fn compat_log_in(
    State(_state): State<ApiState>,
    parts: Parts,
    CamelJson(credentials): CamelJson<CompatCredentials>,
) -> Result<Json<CompatSession>, ApiError> {
    let try_ = SignIn {
        email: credentials.email,
        password: credentials.password,
        code: credentials.totp_code.map(Code::App),
        origin: credentials::origin(&parts, &_state.settings),
    };
    let session = app::auth::sign_in(&_state.app, try_).await?;
    let identity = session.identity;
    let person = identity.person().ok_or_else(|| ApiError::Internal("nobody signed in".to_owned()))?;
    Ok(Json(CompatSession {
        token: session.access.expose_secret().to_owned(),
        refresh_token: session.refresh.expose_secret().to_owned(),
        user: CompatUser {
            id: person.id.to_string(),
            email: person.email.clone(),
            name: person.name.clone(),
            role: identity.role.clone(),
            business_id: identity.org.id.to_string(),
        },
    }))
}
