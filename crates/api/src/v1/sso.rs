//! Single sign-on: an organization's identity provider, and signing in by it.

use app::auth::single_sign_on::{self, Change, Return, TRY_LIFE};
use axum::Json;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::ids::OrgId;
use domain::plans::Feature;
use garde::Validate;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use store::single_sign_on::SingleSignOn;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{maybe_readable, with_cookies};
use crate::auth::credentials::{self, Address};
use crate::auth::tenant::{Tenant, needs};
use crate::extract::{Id, ValidJson, ValidQuery};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(get_single_sign_on, set_single_sign_on, delete_single_sign_on))
        .routes(routes!(begin_single_sign_on))
        .routes(routes!(complete_single_sign_on))
}

/// An organization's identity provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SingleSignOn)]
pub struct SingleSignOnView {
    /// The provider's issuer, exactly as it calls itself.
    #[schema(example = "https://login.agency.example")]
    issuer: String,
    /// Our id there. The secret is never shown.
    #[schema(example = "studioconnect")]
    client_id: String,
    /// Domains of the addresses that may come this way.
    #[schema(example = json!(["agency.example"]))]
    email_domains: Vec<String>,
    /// What who comes for the first time becomes.
    #[schema(example = "member")]
    default_role: String,
    /// Whether members sign in no other way. Owners still may, so that it can be mended.
    enforced: bool,
    /// What is to be registered at the provider as the address that people are sent back to.
    #[schema(example = "https://studio.example/api/v1/auth/sso/callback")]
    redirect_uri: String,
    /// Where people of this organization begin.
    #[schema(example = "https://studio.example/api/v1/auth/sso/org_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    sign_in_url: String,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

/// An identity provider to be set.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SingleSignOnChange {
    /// The provider's issuer, exactly as it calls itself; `https` and publicly reachable.
    #[garde(length(chars, min = 8, max = 500))]
    #[schema(min_length = 8, max_length = 500, example = "https://login.agency.example")]
    issuer: String,
    /// Our id there.
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200, example = "studioconnect")]
    client_id: String,
    /// What proves it. Left out it stays as it is.
    #[serde(default)]
    #[garde(custom(maybe_readable))]
    #[schema(value_type = Option<String>, format = Password, max_length = 1024, example = "from the provider's console")]
    client_secret: Option<SecretString>,
    /// Domains of the addresses that may come this way.
    #[garde(length(min = 1, max = 20), inner(length(chars, min = 3, max = 253)))]
    #[schema(min_items = 1, max_items = 20, example = json!(["agency.example"]))]
    email_domains: Vec<String>,
    /// What who comes for the first time becomes: `manager`, `member` or `viewer`.
    #[garde(length(chars, min = 1, max = 40))]
    #[schema(min_length = 1, max_length = 40, example = "member")]
    default_role: String,
    /// Whether members sign in no other way.
    #[serde(default)]
    #[garde(skip)]
    enforced: bool,
}

/// What a provider sends people back with.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CallbackQuery {
    /// The state that the sign-in began with.
    #[serde(default)]
    #[garde(length(bytes, max = 200))]
    #[param(max_length = 200)]
    state: Option<String>,
    /// The code to be redeemed.
    #[serde(default)]
    #[garde(length(bytes, max = 4_000))]
    #[param(max_length = 4000)]
    code: Option<String>,
    /// Why there is no code.
    #[serde(default)]
    #[garde(length(bytes, max = 200))]
    #[param(max_length = 200)]
    error: Option<String>,
    /// The same in the provider's words.
    #[serde(default)]
    #[garde(length(bytes, max = 4_000))]
    #[param(max_length = 4000)]
    error_description: Option<String>,
    /// Who sends (RFC 9207).
    #[serde(default)]
    #[garde(length(bytes, max = 500))]
    #[param(max_length = 500)]
    iss: Option<String>,
    /// The provider's own session.
    #[serde(default)]
    #[garde(length(bytes, max = 1_000))]
    #[param(max_length = 1000)]
    session_state: Option<String>,
    /// What was asked for.
    #[serde(default)]
    #[garde(length(bytes, max = 1_000))]
    #[param(max_length = 1000)]
    scope: Option<String>,
}

fn view(state: &ApiState, org_id: OrgId, settings: SingleSignOn) -> Json<SingleSignOnView> {
    let base = &state.app.settings.public_url;
    Json(SingleSignOnView {
        issuer: settings.issuer,
        client_id: settings.client_id,
        email_domains: settings.email_domains,
        default_role: settings.default_role,
        enforced: settings.enforced,
        redirect_uri: format!("{base}{}", single_sign_on::CALLBACK_PATH),
        sign_in_url: format!("{base}/api/v1/auth/sso/{org_id}"),
        updated_at: settings.updated_at,
    })
}

/// Get the organization's identity provider.
#[utoipa::path(
    get, path = "/api/v1/organization/single-sign-on", operation_id = "get_single_sign_on", tag = "organizations",
    extensions(("x-permission" = json!("organization:manage"))),
    responses(
        (status = 200, description = "The provider", body = SingleSignOnView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the plan has no single sign-on (`plan-required`)", body = Problem),
        (status = 404, description = "None is set", body = Problem),
    ),
)]
pub(crate) async fn get_single_sign_on(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::OrganizationManage>,
) -> Result<Json<SingleSignOnView>, ApiError> {
    tenant.require(Feature::SingleSignOn)?;
    let mut tx = tenant.begin(&_state).await?;
    let settings = store::single_sign_on::get(&mut tx).await?;
    let settings = settings.ok_or(ApiError::NotFound("single sign-on"))?;
    Ok(view(&_state, tenant.org_id(), settings))
}

/// Set the organization's identity provider.
///
/// It speaks OpenID Connect. Who comes with a verified address of one of the domains is let in, and gets an account
/// the first time.
#[utoipa::path(
    put, path = "/api/v1/organization/single-sign-on", operation_id = "set_single_sign_on", tag = "organizations",
    extensions(("x-permission" = json!("organization:manage"))),
    request_body = SingleSignOnChange,
    responses(
        (status = 200, description = "It is set", body = SingleSignOnView),
        (status = 400, description = "The body is not valid JSON", body = Problem),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, the plan has no single sign-on (`plan-required`), or the organization is suspended", body = Problem),
        (status = 415, description = "The body is not JSON", body = Problem),
        (status = 422, description = "Fields are wrong", body = Problem),
    ),
)]
pub(crate) async fn set_single_sign_on(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::OrganizationManage>,
    ValidJson(change): ValidJson<SingleSignOnChange>,
) -> Result<Json<SingleSignOnView>, ApiError> {
    tenant.require(Feature::SingleSignOn)?;
    let change = Change {
        issuer: change.issuer,
        client_id: change.client_id,
        client_secret: change.client_secret,
        email_domains: change.email_domains,
        default_role: change.default_role,
        enforced: change.enforced,
    };
    let settings = single_sign_on::put(&_state.app, &tenant.actor(), change).await?;
    Ok(view(&_state, tenant.org_id(), settings))
}

/// Remove the organization's identity provider.
///
/// Who came by it keeps their account, and can set a password by e-mail.
#[utoipa::path(
    delete, path = "/api/v1/organization/single-sign-on", operation_id = "delete_single_sign_on", tag = "organizations",
    extensions(("x-permission" = json!("organization:manage"))),
    responses(
        (status = 204, description = "It is removed"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, the plan has no single sign-on (`plan-required`), or the organization is suspended", body = Problem),
        (status = 404, description = "None is set", body = Problem),
    ),
)]
pub(crate) async fn delete_single_sign_on(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::OrganizationManage>,
) -> Result<StatusCode, ApiError> {
    tenant.require(Feature::SingleSignOn)?;
    single_sign_on::remove(&_state.app, &tenant.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sign in by the organization's identity provider: be sent there.
///
/// For browsers. The sign-in has to come back within ten minutes, to the browser that began it.
#[utoipa::path(
    get, path = "/api/v1/auth/sso/{id}", operation_id = "begin_single_sign_on", tag = "auth",
    extensions(("x-permission" = json!("public"))),
    params(("id" = String, Path, description = "The organization's id")),
    responses(
        (status = 303, description = "Off to the provider"),
        (status = 401, description = "The provider does not answer as it should (`single-sign-on-failed`)", body = Problem),
        (status = 404, description = "The organization has no single sign-on", body = Problem),
        (status = 429, description = "Too many tries; wait as `Retry-After` says", body = Problem),
    ),
)]
pub(crate) async fn begin_single_sign_on(
    State(_state): State<ApiState>,
    Address(address): Address,
    Id(org_id): Id<OrgId>,
) -> Result<Response, ApiError> {
    let departure = single_sign_on::begin(&_state.app, org_id, address).await?;
    let cookie = credentials::set_state_cookie(
        departure.state.expose_secret(),
        TRY_LIFE.num_seconds(),
        &_state.settings,
    );
    with_cookies(see_other(&departure.url)?, &[cookie])
}

/// Come back from the identity provider.
#[utoipa::path(
    get, path = "/api/v1/auth/sso/callback", operation_id = "complete_single_sign_on", tag = "auth",
    extensions(("x-permission" = json!("public"))),
    params(CallbackQuery),
    responses(
        (status = 303, description = "Signed in: on to the first page"),
        (status = 401, description = "Not let in (`single-sign-on-failed`); the problem says why", body = Problem),
        (status = 422, description = "Parameters are unknown or too long", body = Problem),
    ),
)]
pub(crate) async fn complete_single_sign_on(
    State(_state): State<ApiState>,
    parts: Parts,
    ValidQuery(query): ValidQuery<CallbackQuery>,
) -> Result<Response, ApiError> {
    let state = &_state;
    let (Some(returned), Some(code)) = (query.state, query.code) else {
        let reason = match query.error.as_deref() {
            Some("access_denied") => "your provider did not let you in",
            _ => "your provider sent you back without a code: begin again",
        };
        return Err(ApiError::SingleSignOnFailed(reason.to_owned()));
    };
    let back = Return {
        state: returned.into(),
        kept_state: credentials::state_cookie(&parts.headers, &state.settings).map(SecretString::from),
        code: code.into(),
        origin: credentials::origin(&parts, &state.settings),
    };
    let session = single_sign_on::complete(&state.app, back).await?;
    let mut cookies = credentials::set_cookies(&session, state.app.ambient.now(), &state.settings).to_vec();
    cookies.push(credentials::set_state_cookie("", 0, &state.settings));
    with_cookies(see_other("/")?, &cookies)
}

fn see_other(url: &str) -> Result<Response, ApiError> {
    let location = HeaderValue::from_str(url)
        .map_err(|_| ApiError::Internal("an address does not fit into a header".to_owned()))?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response())
}
