//! `/api/widget-config`.

use app::widget::{Corner, WidgetConfig};
use axum::Json;
use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::CamelJson;
use crate::auth::tenant::{Tenant, needs};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(compat_get_widget_config, compat_set_widget_config))
}

/// How the chat widget looks and greets. What is left out gets its default.
#[derive(Debug, Serialize, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CompatWidgetConfig {
    /// Behind the button and the heading.
    #[serde(default = "primary_color")]
    #[garde(pattern(r"^#[0-9a-fA-F]{6}$"))]
    #[schema(pattern = "^#[0-9a-fA-F]{6}$", default = "#1f4ed8", example = "#1f4ed8")]
    primary_color: String,
    /// On it.
    #[serde(default = "text_color")]
    #[garde(pattern(r"^#[0-9a-fA-F]{6}$"))]
    #[schema(pattern = "^#[0-9a-fA-F]{6}$", default = "#ffffff", example = "#ffffff")]
    text_color: String,
    /// The corner it waits in: `bottom-right` or `bottom-left`.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = String, default = "bottom-right", pattern = "^bottom-(right|left)$")]
    position: Corner,
    /// What it says first.
    #[serde(default = "greeting")]
    #[garde(length(chars, max = 500))]
    #[schema(max_length = 500, default = "Hi! How can we help?")]
    greeting: String,
    /// Questions to choose from.
    #[serde(default)]
    #[garde(length(max = 10), inner(length(chars, min = 1, max = 200)))]
    #[schema(max_items = 10)]
    suggested_questions: Vec<String>,
    /// A picture, by its `https` address.
    #[serde(default)]
    #[garde(length(chars, max = 2_000), inner(prefix("https://")))]
    #[schema(max_length = 2_000)]
    avatar_url: Option<String>,
    /// Websites that may show it, such as `www.example.com`; none named: any.
    #[serde(default)]
    #[garde(length(max = 50), inner(pattern(r"^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){1,8}$")))]
    #[schema(max_items = 50)]
    allowed_domains: Vec<String>,
    /// Whether our name is shown on it. Hiding it needs a plan that allows that.
    #[serde(default = "shown")]
    #[garde(skip)]
    #[schema(default = true)]
    show_branding: bool,
}

fn primary_color() -> String {
    WidgetConfig::default().primary_color
}

fn text_color() -> String {
    WidgetConfig::default().text_color
}

fn greeting() -> String {
    WidgetConfig::default().greeting
}

fn shown() -> bool {
    true
}

impl From<WidgetConfig> for CompatWidgetConfig {
    fn from(config: WidgetConfig) -> Self {
        Self {
            primary_color: config.primary_color,
            text_color: config.text_color,
            position: config.position,
            greeting: config.greeting,
            suggested_questions: config.suggested_questions,
            avatar_url: config.avatar_url,
            allowed_domains: config.allowed_domains,
            show_branding: config.show_branding,
        }
    }
}

impl From<CompatWidgetConfig> for WidgetConfig {
    fn from(config: CompatWidgetConfig) -> Self {
        Self {
            primary_color: config.primary_color,
            text_color: config.text_color,
            position: config.position,
            greeting: config.greeting,
            suggested_questions: config.suggested_questions,
            avatar_url: config.avatar_url,
            allowed_domains: config.allowed_domains,
            show_branding: config.show_branding,
        }
    }
}

/// Get how the chat widget looks and greets. A plan that shows our name shows it whatever was chosen.
#[utoipa::path(
    get, path = "/api/widget-config", operation_id = "compat_get_widget_config", tag = "compat",
    extensions(("x-permission" = json!("organization:read"))),
    responses(
        (status = 200, description = "The configuration", body = CompatWidgetConfig),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
    ),
)]
pub(crate) async fn compat_get_widget_config(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::OrganizationRead>,
) -> Result<Json<CompatWidgetConfig>, ApiError> {
    Ok(Json(app::widget::get(&_state.app, &tenant.identity).await?.into()))
}

/// Choose how the chat widget looks and greets.
#[utoipa::path(
    post, path = "/api/widget-config", operation_id = "compat_set_widget_config", tag = "compat",
    extensions(("x-permission" = json!("branding:manage"))),
    request_body(content = CompatWidgetConfig, example = json!({"primaryColor": "#1f4ed8",
        "greeting": "Hi! How can we help?"})),
    responses(
        (status = 200, description = "The configuration as it is now", body = CompatWidgetConfig),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the plan shows our name", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn compat_set_widget_config(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::BrandingManage>,
    CamelJson(body): CamelJson<CompatWidgetConfig>,
) -> Result<Json<CompatWidgetConfig>, ApiError> {
    let config = WidgetConfig::from(body);
    app::widget::put(&_state.app, &tenant.identity, &tenant.actor(), &config).await?;
    Ok(Json(app::widget::get(&_state.app, &tenant.identity).await?.into()))
}
