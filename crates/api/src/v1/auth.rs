//! Signing in and out, and getting back in.

use app::auth::{Carried, Code, Identity, NewSession, SignIn};
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
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::credentials::{self, Address};
use crate::auth::tenant::SignedIn;
use crate::extract::{MaybeJson, ValidJson};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(log_in))
        .routes(routes!(refresh_session))
        .routes(routes!(log_out))
        .routes(routes!(get_me))
        .routes(routes!(request_password_reset))
        .routes(routes!(confirm_password_reset))
        .routes(routes!(confirm_email))
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
    #[garde(custom(readable))]
    #[schema(value_type = String, format = Password, max_length = 1024, example = "teal kettle over the fjord")]
    password: SecretString,
    /// The code of the authenticator app, once it was asked for.
    #[serde(default)]
    #[garde(custom(maybe_typed_code))]
    #[schema(value_type = Option<String>, max_length = 64, example = json!(null))]
    totp_code: Option<SecretString>,
    /// A recovery code in its place.
    #[serde(default)]
    #[garde(custom(maybe_typed_code))]
    #[schema(value_type = Option<String>, max_length = 64, example = json!(null))]
    recovery_code: Option<SecretString>,
}

/// Most bytes of a password that are read.
const LONGEST_PASSWORD: usize = domain::passwords::LONGEST_BYTES;
/// Most bytes of a code.
const LONGEST_CODE: usize = 64;
/// Most bytes of a token.
const LONGEST_TOKEN: usize = 200;

fn at_most(secret: &SecretString, most: usize) -> garde::Result {
    if secret.expose_secret().len() > most {
        return Err(garde::Error::new(format!("length is greater than {most}")));
    }
    Ok(())
}

/// A password that can be read; whether it is fit is a use case's matter.
pub(crate) fn readable(password: &SecretString, _context: &()) -> garde::Result {
    at_most(password, LONGEST_PASSWORD)
}

/// The same for one that may be absent.
pub(crate) fn maybe_readable(password: &Option<SecretString>, _context: &()) -> garde::Result {
    password.as_ref().map_or(Ok(()), |password| at_most(password, LONGEST_PASSWORD))
}

/// A code that can be read.
pub(crate) fn typed_code(code: &SecretString, _context: &()) -> garde::Result {
    at_most(code, LONGEST_CODE)
}

/// The same for one that may be absent.
pub(crate) fn maybe_typed_code(code: &Option<SecretString>, _context: &()) -> garde::Result {
    code.as_ref().map_or(Ok(()), |code| at_most(code, LONGEST_CODE))
}

fn readable_token(token: &SecretString, _context: &()) -> garde::Result {
    at_most(token, LONGEST_TOKEN)
}

/// A refresh token to be exchanged.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// The refresh token. It works once.
    #[garde(custom(readable_token))]
    #[schema(value_type = String, format = Password, max_length = 200)]
    refresh_token: SecretString,
}

/// A session that was just begun or renewed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Session {
    /// The access token: send it as `Authorization: Bearer`. `null` when a browser renewed by cookie: then it
    /// travels in the cookie only.
    #[schema(required)]
    token: Option<String>,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// When the access token is over; renew before that.
    expires_at: DateTime<Utc>,
    /// What to exchange for the next pair of tokens, once. `null` likewise.
    #[schema(required)]
    refresh_token: Option<String>,
    /// When the refresh token is over.
    refresh_expires_at: DateTime<Utc>,
    /// What pages send as `X-CSRF-Token` with requests that change something; also in a cookie they can read.
    csrf_token: String,
    /// Who is signed in.
    me: Me,
}

/// An account's e-mail address.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordResetRequest {
    /// The address of the account.
    #[garde(length(chars, min = 1, max = 320))]
    #[schema(min_length = 1, max_length = 320, example = "owner@aurora.example")]
    email: String,
}

/// A new password, and the link that allows it.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordResetConfirmation {
    /// What stood in the link.
    #[garde(length(bytes, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    token: String,
    /// The new password: at least 10 characters, not a common one, not made of name or address.
    #[garde(custom(readable))]
    #[schema(value_type = String, format = Password, min_length = 10, max_length = 1024, example = "teal kettle over the fjord")]
    new_password: SecretString,
}

/// The link that proves an address.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailConfirmation {
    /// What stood in the link.
    #[garde(length(bytes, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    token: String,
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
    /// Set while somebody from an organization above works here.
    #[schema(required)]
    impersonating: Option<Impersonating>,
}

/// An organization that is open from above.
#[derive(Debug, Serialize, ToSchema)]
pub struct Impersonating {
    /// From where it was opened.
    #[schema(example = "org_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    home_organization_id: String,
    /// When it closes by itself.
    until: DateTime<Utc>,
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
        let impersonating = match (&identity.principal, identity.opened) {
            (app::auth::Principal::Person { expires_at, .. }, Some(opened)) => {
                Some(Impersonating { home_organization_id: opened.from.to_string(), until: *expires_at })
            }
            _ => None,
        };
        Self {
            user: identity.person().map(|user| UserView {
                id: user.id.to_string(),
                email: user.email.clone(),
                name: user.name.clone(),
            }),
            organization: OrganizationView { id: identity.org.id.to_string(), name: identity.org.name },
            role: identity.role,
            permissions: identity.permissions.iter().map(|p| p.name()).collect(),
            impersonating,
        }
    }
}

/// Sign in.
///
/// The access token is good for 15 minutes, the refresh token for 7 days and one exchange. Both come in the body, for
/// programs, and as `HttpOnly` cookies, for browsers. Unknown account and wrong password are answered alike; repeated
/// failures are slowed down. An account with a second factor answers `401` with the problem `second-factor-required`
/// until a code comes along.
#[utoipa::path(
    post, path = "/api/v1/auth/login", operation_id = "log_in", tag = "auth",
    extensions(("x-permission" = json!("public"))),
    request_body = Credentials,
    responses(
        (status = 200, description = "Signed in", body = Session),
        (status = 400, description = "The body is not valid JSON", body = Problem),
        (status = 401, description = "The e-mail address or the password is wrong (`wrong-credentials`), a second factor is needed (`second-factor-required`), or it is wrong (`wrong-second-factor`)", body = Problem),
        (status = 403, description = "Sent by another site's page, or the organization asks for single sign-on (`single-sign-on-required`)", body = Problem),
        (status = 415, description = "The body is not JSON", body = Problem),
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
    let code = match (credentials.totp_code, credentials.recovery_code) {
        (Some(_), Some(_)) => {
            return Err(ApiError::field(
                "recovery_code",
                "send it without `totp_code`: one of them is enough",
            ));
        }
        (Some(code), None) => Some(Code::App(code)),
        (None, code) => code.map(Code::Recovery),
    };
    let try_ = SignIn {
        email: credentials.email,
        password: credentials.password,
        code,
        origin: credentials::origin(&parts, &state.settings),
    };
    let session = app::auth::sign_in(&state.app, try_).await?;
    answer(state, session, true)
}

/// Exchange a refresh token for the next pair of tokens.
///
/// A program sends the token in the body; a browser sends its cookie, no body, and the header `X-CSRF-Token`. Each
/// token works once. One that is shown again after more than ten seconds ends the whole session; until then it gets
/// the same successor, so that two pages may renew at the same moment.
#[utoipa::path(
    post, path = "/api/v1/auth/refresh", operation_id = "refresh_session", tag = "auth",
    extensions(("x-permission" = json!("public"))),
    request_body(content = Option<RefreshRequest>, description = "Left out by browsers"),
    responses(
        (status = 200, description = "Renewed", body = Session),
        (status = 400, description = "The body is not valid JSON", body = Problem),
        (status = 401, description = "The token was used before, is too old, or its session is over", body = Problem),
        (status = 403, description = "Sent by another site's page, or without `X-CSRF-Token` (`csrf`)", body = Problem),
        (status = 415, description = "The body is not JSON", body = Problem),
        (status = 422, description = "Fields are missing or unknown", body = Problem),
        (status = 429, description = "Too many tokens that were none; wait as `Retry-After` says", body = Problem),
    ),
)]
pub(crate) async fn refresh_session(
    State(_state): State<ApiState>,
    parts: Parts,
    MaybeJson(body): MaybeJson<RefreshRequest>,
) -> Result<Response, ApiError> {
    let state = &_state;
    let address = credentials::address(&parts, &state.settings);
    let (token, carried) = match body {
        Some(body) => (body.refresh_token, Carried::ByProgram),
        None => {
            let cookie = credentials::refresh_cookie(&parts.headers, &state.settings);
            let cookie = cookie.ok_or(ApiError::Unauthenticated)?;
            (cookie.into(), Carried::ByBrowser { csrf: credentials::csrf(&parts.headers) })
        }
    };
    let session = app::auth::renew(&state.app, &token, carried, address).await?;
    answer(state, session, matches!(carried, Carried::ByProgram))
}

/// Tokens for whoever keeps them: in the body for programs, in cookies for browsers.
pub(crate) fn answer(state: &ApiState, session: NewSession, in_body: bool) -> Result<Response, ApiError> {
    let cookies = credentials::set_cookies(&session, state.app.ambient.now(), &state.settings);
    let shown = |token: &SecretString| in_body.then(|| token.expose_secret().to_owned());
    let body = Session {
        token: shown(&session.access),
        token_type: "Bearer",
        expires_at: session.access_expires_at,
        refresh_token: shown(&session.refresh),
        refresh_expires_at: session.refresh_expires_at,
        csrf_token: session.csrf,
        me: session.identity.into(),
    };
    with_cookies(Json(body).into_response(), &cookies)
}

/// Sign out: end this session.
#[utoipa::path(
    post, path = "/api/v1/auth/logout", operation_id = "log_out", tag = "auth",
    extensions(("x-permission" = json!("signed_in"))),
    responses(
        (status = 204, description = "The session is over"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "Sent by another site's page, or without `X-CSRF-Token` (`csrf`)", body = Problem),
    ),
)]
pub(crate) async fn log_out(
    State(_state): State<ApiState>,
    SignedIn(identity): SignedIn,
    Address(address): Address,
) -> Result<Response, ApiError> {
    app::auth::sign_out(&_state.app, &identity, address).await?;
    with_cookies(StatusCode::NO_CONTENT.into_response(), &credentials::clear_cookies(&_state.settings))
}

/// Ask for a link that allows a new password.
///
/// The answer is the same whether the address is known or not. The link works once, for an hour.
#[utoipa::path(
    post, path = "/api/v1/auth/password-reset", operation_id = "request_password_reset", tag = "auth",
    extensions(("x-permission" = json!("public"))),
    request_body = PasswordResetRequest,
    responses(
        (status = 202, description = "If the address belongs to an account, a link is on its way"),
        (status = 400, description = "The body is not valid JSON", body = Problem),
        (status = 403, description = "Sent by another site's page", body = Problem),
        (status = 415, description = "The body is not JSON", body = Problem),
        (status = 422, description = "The address is missing or too long", body = Problem),
        (status = 429, description = "Asked for too often; wait as `Retry-After` says", body = Problem),
    ),
)]
pub(crate) async fn request_password_reset(
    State(_state): State<ApiState>,
    Address(address): Address,
    ValidJson(request): ValidJson<PasswordResetRequest>,
) -> Result<StatusCode, ApiError> {
    app::auth::password_reset::ask(&_state.app, &request.email, address).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Set a new password by the link that was sent.
///
/// Every session of the account ends.
#[utoipa::path(
    post, path = "/api/v1/auth/password-reset/confirm", operation_id = "confirm_password_reset", tag = "auth",
    extensions(("x-permission" = json!("public"))),
    request_body = PasswordResetConfirmation,
    responses(
        (status = 204, description = "The new password counts; sign in with it"),
        (status = 400, description = "The body is not valid JSON", body = Problem),
        (status = 403, description = "Sent by another site's page", body = Problem),
        (status = 415, description = "The body is not JSON", body = Problem),
        (status = 422, description = "The link is used up or too old (`token`), or the password is unfit (`new_password`)", body = Problem),
        (status = 429, description = "Too many links that were none; wait as `Retry-After` says", body = Problem),
    ),
)]
pub(crate) async fn confirm_password_reset(
    State(_state): State<ApiState>,
    Address(address): Address,
    ValidJson(body): ValidJson<PasswordResetConfirmation>,
) -> Result<StatusCode, ApiError> {
    app::auth::password_reset::confirm(&_state.app, &body.token, body.new_password, address).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Prove a new e-mail address by the link that was sent there.
#[utoipa::path(
    post, path = "/api/v1/auth/email/confirm", operation_id = "confirm_email", tag = "auth",
    extensions(("x-permission" = json!("public"))),
    request_body = EmailConfirmation,
    responses(
        (status = 204, description = "From now on the account signs in with the new address"),
        (status = 400, description = "The body is not valid JSON", body = Problem),
        (status = 403, description = "Sent by another site's page", body = Problem),
        (status = 415, description = "The body is not JSON", body = Problem),
        (status = 422, description = "The link is used up or too old", body = Problem),
        (status = 429, description = "Too many links that were none; wait as `Retry-After` says", body = Problem),
    ),
)]
pub(crate) async fn confirm_email(
    State(_state): State<ApiState>,
    Address(address): Address,
    ValidJson(body): ValidJson<EmailConfirmation>,
) -> Result<StatusCode, ApiError> {
    app::auth::account::confirm_email(&_state.app, &body.token, address).await?;
    Ok(StatusCode::NO_CONTENT)
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

/// Puts cookies on an answer.
pub(crate) fn with_cookies(mut response: Response, cookies: &[String]) -> Result<Response, ApiError> {
    for cookie in cookies {
        let value = HeaderValue::from_str(cookie)
            .map_err(|_| ApiError::Internal("a token does not fit into a header".to_owned()))?;
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    Ok(response)
}
