//! How organizations look: what each says of itself, and what anybody sees under a name.

use app::branding::Appearance;
use app::domains::hosts::{HostOwner, owner_of};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::branding::{Branding, Color};
use domain::email::EmailAddress;
use domain::ids::OrgId;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::branding::StoredBranding;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::tenant::{Tenant, needs};
use crate::etag::{IfMatch, tagged};
use crate::extract::{ValidJson, ValidQuery};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;

/// Room for the largest logo and then some, so that one too large is told so in our words.
const MAX_LOGO_BODY: usize = app::branding::logo::MAX_BYTES + 1024;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    let logo = OpenApiRouter::new()
        .routes(routes!(put_branding_logo, delete_branding_logo, get_branding_logo))
        .layer(DefaultBodyLimit::max(MAX_LOGO_BODY));
    OpenApiRouter::new()
        .routes(routes!(get_branding, replace_branding))
        .routes(routes!(get_current_branding))
        .merge(logo)
}

/// What an organization says of itself. What is `null` is said by the organization above it.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BrandingWords)]
pub struct BrandingBody {
    /// The name of the product, as its customers know it.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 100)), custom(one_line))]
    #[schema(min_length = 1, max_length = 100, example = "North Voice")]
    name: Option<String>,
    /// Colour of links and buttons, `#rrggbb`. It must be readable on the background (contrast of 4.5 or more).
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, example = "#1f4e9e")]
    accent_color: Option<Color>,
    /// Colour behind them, `#rrggbb`.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, example = "#ffffff")]
    background_color: Option<Color>,
    /// Name of the sender of e-mail.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 100)), custom(one_line))]
    #[schema(min_length = 1, max_length = 100, example = "North Voice")]
    sender_name: Option<String>,
    /// Address of the sender of e-mail.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, example = "hello@north.example")]
    sender_email: Option<EmailAddress>,
    /// Where people get help.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, example = "help@north.example")]
    support_email: Option<EmailAddress>,
    /// Whether "powered by" is left out; needs the feature `hidden_branding`.
    #[serde(default)]
    #[garde(skip)]
    hide_powered_by: Option<bool>,
}

/// Names stand in e-mail headers.
#[expect(clippy::ref_option, reason = "the shape that the field rules ask for")]
fn one_line(text: &Option<String>, _context: &()) -> garde::Result {
    let controls = text.as_ref().is_some_and(|text| text.chars().any(char::is_control));
    let blank = text.as_ref().is_some_and(|text| text.trim().is_empty());
    if controls || blank { Err(garde::Error::new("must be one line of text")) } else { Ok(()) }
}

impl From<BrandingBody> for Branding {
    fn from(body: BrandingBody) -> Self {
        let trimmed = |text: Option<String>| text.map(|text| text.trim().to_owned());
        Self {
            name: trimmed(body.name),
            accent_color: body.accent_color,
            background_color: body.background_color,
            sender_name: trimmed(body.sender_name),
            sender_email: body.sender_email.map(String::from),
            support_email: body.support_email.map(String::from),
            hide_powered_by: body.hide_powered_by,
        }
    }
}

/// What an organization says of itself, and what holds for it in the end.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Branding)]
pub struct BrandingView {
    /// Its own words.
    own: OwnBranding,
    /// What holds: its own words, else those of the organizations above it.
    effective: AppearanceView,
}

/// An organization's own words.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnBranding {
    /// The name of the product.
    #[schema(example = "North Voice")]
    name: Option<String>,
    /// Colour of links and buttons.
    #[schema(example = "#1f4e9e")]
    accent_color: Option<String>,
    /// Colour behind them.
    #[schema(example = "#ffffff")]
    background_color: Option<String>,
    /// Name of the sender of e-mail.
    sender_name: Option<String>,
    /// Address of the sender of e-mail.
    sender_email: Option<String>,
    /// Where people get help.
    support_email: Option<String>,
    /// Whether "powered by" is left out.
    hide_powered_by: Option<bool>,
    /// Whether it has a logo of its own.
    has_logo: bool,
}

/// What people see.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Appearance)]
pub struct AppearanceView {
    /// Whose it is; `null` for the installation's own. A sign-in page prefers this organization.
    #[schema(value_type = Option<String>, example = "org_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    organization_id: Option<OrgId>,
    /// The name of the product.
    #[schema(example = "North Voice")]
    name: String,
    /// Colour of links and buttons.
    #[schema(example = "#1f4e9e")]
    accent_color: String,
    /// Black or white, whichever is readable on the accent.
    #[schema(example = "#ffffff")]
    on_accent_color: String,
    /// Colour behind everything.
    #[schema(example = "#ffffff")]
    background_color: String,
    /// Black or white, whichever is readable on the background.
    #[schema(example = "#000000")]
    text_color: String,
    /// Where people get help.
    #[schema(example = "help@north.example")]
    support_email: Option<String>,
    /// Whether "powered by" is left out.
    hide_powered_by: bool,
    /// Where the logo is; `null` when there is none.
    #[schema(example = "/api/v1/branding/logo?organization_id=org_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    logo_url: Option<String>,
}

impl From<Appearance> for AppearanceView {
    fn from(found: Appearance) -> Self {
        let branding = found.branding;
        let logo_url = found.logo.map(|_| match found.org_id {
            Some(id) => format!("/api/v1/branding/logo?organization_id={id}"),
            None => "/api/v1/branding/logo".to_owned(),
        });
        Self {
            organization_id: found.org_id,
            name: branding.name,
            accent_color: branding.accent_color.to_string(),
            on_accent_color: branding.accent_color.text_on().to_string(),
            background_color: branding.background_color.to_string(),
            text_color: branding.background_color.text_on().to_string(),
            support_email: branding.support_email,
            hide_powered_by: branding.hide_powered_by,
            logo_url,
        }
    }
}

/// Whose logo.
#[derive(Debug, Default, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LogoQuery {
    /// The organization; by the name of the host unless set.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "org_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    organization_id: Option<OrgId>,
}

/// Get what your organization says of itself, and what holds for it.
#[utoipa::path(
    get, path = "/api/v1/branding", operation_id = "get_branding", tag = "branding",
    extensions(("x-permission" = json!("organization:read"))),
    responses(
        (status = 200, description = "The branding", body = BrandingView,
            headers(("ETag" = String, description = "This version, for `If-Match`"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
    ),
)]
pub(crate) async fn get_branding(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::OrganizationRead>,
) -> Result<Response, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let stored = store::branding::get(&mut tx).await?;
    drop(tx);
    shown(&_state, tenant.org_id(), stored).await
}

/// Say anew what your organization looks like, whole. The logo stays.
#[utoipa::path(
    put, path = "/api/v1/branding", operation_id = "replace_branding", tag = "branding",
    extensions(("x-permission" = json!("branding:manage"))),
    params(("If-Match" = String, Header, description = "The `ETag` of the version the change is based on, or `*`")),
    request_body(content = BrandingBody, example = json!({"name": "North Voice", "accent_color": "#1f4e9e",
        "sender_name": "North Voice", "sender_email": "hello@north.example"})),
    responses(
        (status = 200, description = "The branding as it is now", body = BrandingView,
            headers(("ETag" = String, description = "The new version"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission or the feature is missing", body = Problem),
        (status = 412, description = "It was changed in the meantime", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
    ),
)]
pub(crate) async fn replace_branding(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::BrandingManage>,
    IfMatch(based_on): IfMatch,
    ValidJson(body): ValidJson<BrandingBody>,
) -> Result<Response, ApiError> {
    let stored =
        app::branding::change(&_state.app, &tenant.actor(), &tenant.identity, based_on, body.into()).await?;
    shown(&_state, tenant.org_id(), stored).await
}

/// Put a logo in place: a PNG, a WebP or an SVG of shapes and text, of 512 KiB at most.
#[utoipa::path(
    put, path = "/api/v1/branding/logo", operation_id = "put_branding_logo", tag = "branding",
    extensions(("x-permission" = json!("branding:manage"))),
    request_body(content(
        (Vec<u8> = "image/png"), (Vec<u8> = "image/webp"), (Vec<u8> = "image/svg+xml"),
    ), description = "The picture. It is judged by its content."),
    responses(
        (status = 200, description = "The branding as it is now", body = BrandingView,
            headers(("ETag" = String, description = "The new version"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 413, description = "It is larger than 512 KiB", body = Problem),
        (status = 422, description = "It can't be a logo; the field `body` says why", body = Problem),
    ),
)]
pub(crate) async fn put_branding_logo(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::BrandingManage>,
    picture: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response, ApiError> {
    let picture = picture.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge,
        _ => ApiError::Malformed("the body could not be read to its end".to_owned()),
    })?;
    if picture.len() > app::branding::logo::MAX_BYTES {
        return Err(ApiError::TooLarge);
    }
    let stored = app::branding::set_logo(&_state.app, &tenant.actor(), Some(picture)).await?;
    shown(&_state, tenant.org_id(), stored).await
}

/// Take the logo away; that of the organization above holds again.
#[utoipa::path(
    delete, path = "/api/v1/branding/logo", operation_id = "delete_branding_logo", tag = "branding",
    extensions(("x-permission" = json!("branding:manage"))),
    responses(
        (status = 204, description = "There is none of its own any more"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
    ),
)]
pub(crate) async fn delete_branding_logo(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::BrandingManage>,
) -> Result<StatusCode, ApiError> {
    app::branding::set_logo(&_state.app, &tenant.actor(), None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Get what people see under this name, before they sign in.
#[utoipa::path(
    get, path = "/api/v1/branding/current", operation_id = "get_current_branding", tag = "branding",
    extensions(("x-permission" = json!("public"))),
    responses((status = 200, description = "By the name of the host", body = AppearanceView)),
)]
pub(crate) async fn get_current_branding(
    State(_state): State<ApiState>,
    headers: HeaderMap,
) -> Result<Json<AppearanceView>, ApiError> {
    let org_id = by_host(&_state, &headers).await?;
    Ok(Json(app::branding::appearance(&_state.app, org_id).await?.into()))
}

/// Get the logo that people see under this name, or an organization's.
#[utoipa::path(
    get, path = "/api/v1/branding/logo", operation_id = "get_branding_logo", tag = "branding",
    extensions(("x-permission" = json!("public"))),
    params(LogoQuery),
    responses(
        (status = 200, description = "The picture", content(
            (Vec<u8> = "image/png"), (Vec<u8> = "image/webp"), (Vec<u8> = "image/svg+xml"))),
        (status = 404, description = "There is none", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn get_branding_logo(
    State(_state): State<ApiState>,
    headers: HeaderMap,
    ValidQuery(query): ValidQuery<LogoQuery>,
) -> Result<Response, ApiError> {
    let org_id = match query.organization_id {
        Some(id) => Some(id),
        None => by_host(&_state, &headers).await?,
    };
    let found = app::branding::appearance(&_state.app, org_id).await?;
    let logo = found.logo.ok_or(ApiError::NotFound("logo"))?;
    let unavailable = |error: provider_traits::error::ProviderError| ApiError::Unavailable(error.to_string());
    let size = _state.app.objects.size(&logo.key).await.map_err(unavailable)?;
    let size = size.ok_or(ApiError::NotFound("logo"))?;
    let picture = _state.app.objects.read(&logo.key, 0..size).await.map_err(unavailable)?;
    let headers: [(HeaderName, String); 4] = [
        (header::CONTENT_TYPE, logo.media_type),
        (header::CACHE_CONTROL, "public, max-age=300".to_owned()),
        // Opened by itself a drawing is a page; it may do nothing there either.
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; sandbox".to_owned(),
        ),
        // E-mail and pages of the organization show it.
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin".to_owned()),
    ];
    Ok((headers, picture).into_response())
}

/// The organization that the name of the host belongs to.
async fn by_host(state: &ApiState, headers: &HeaderMap) -> Result<Option<OrgId>, ApiError> {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Ok(match owner_of(&state.app, host).await? {
        HostOwner::Organization(id) => Some(id),
        HostOwner::Installation | HostOwner::Unknown => None,
    })
}

async fn shown(state: &ApiState, org_id: OrgId, stored: StoredBranding) -> Result<Response, ApiError> {
    let effective = app::branding::appearance(&state.app, Some(org_id)).await?.into();
    let own = stored.branding;
    let own = OwnBranding {
        name: own.name,
        accent_color: own.accent_color.map(String::from),
        background_color: own.background_color.map(String::from),
        sender_name: own.sender_name,
        sender_email: own.sender_email,
        support_email: own.support_email,
        hide_powered_by: own.hide_powered_by,
        has_logo: stored.logo.is_some(),
    };
    // Who never said anything has the version of the beginning of time.
    Ok(tagged(stored.updated_at.unwrap_or_default(), Json(BrandingView { own, effective })))
}
