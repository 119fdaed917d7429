//! Receivers: entering, changing, removing.

use app::webhooks::WebhookChange;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use domain::ids::WebhookId;
use garde::Validate;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use store::webhooks::{Webhook, WebhookSettings};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::tenant::{Tenant, needs};
use crate::etag::{IfMatch, tagged};
use crate::extract::{Id, ValidJson, ValidQuery, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use crate::v1::page::{Page, PageQuery};

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_webhooks, create_webhook))
        .routes(routes!(get_webhook, update_webhook, delete_webhook))
        .routes(routes!(enable_webhook))
}

/// A receiver of webhooks.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookView {
    /// The webhook's id.
    #[schema(value_type = String, example = "hook_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: WebhookId,
    /// Where it listens.
    #[schema(example = "https://hooks.agency.example/studioconnect")]
    url: String,
    /// What it is for.
    #[schema(example = "Leads into the CRM")]
    description: String,
    /// The events it is told: names, families (`call.*`), or `*`.
    #[schema(example = json!(["lead.*", "call.ended"]))]
    events: Vec<String>,
    /// Whether it is told anything.
    enabled: bool,
    /// Why the system disabled it; `null` when it did not.
    disabled_reason: Option<String>,
    /// How it does.
    health: HealthView,
    /// Until when the former secret signs beside the current one, after a rotation.
    former_secret_until: Option<DateTime<Utc>>,
    /// When it was entered.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

/// How a receiver does.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookHealth)]
pub struct HealthView {
    /// Failed attempts since the last success.
    failures_in_a_row: u32,
    /// Since when nothing arrived; `null` while it is well.
    failing_since: Option<DateTime<Utc>>,
    /// The latest success.
    last_success_at: Option<DateTime<Utc>>,
    /// Until when it is left in peace after failures, or because it asked for it.
    paused_until: Option<DateTime<Utc>>,
}

impl From<Webhook> for WebhookView {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id,
            url: webhook.url,
            description: webhook.description,
            events: webhook.events,
            enabled: webhook.enabled,
            disabled_reason: webhook.disabled_reason,
            health: HealthView {
                failures_in_a_row: webhook.failures,
                failing_since: webhook.failing_since,
                last_success_at: webhook.last_success_at,
                paused_until: webhook.paused_until,
            },
            former_secret_until: webhook.former_secret_until,
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        }
    }
}

/// A receiver with its new secret, which is shown this once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookWithSecret)]
pub struct WithSecretView {
    /// The webhook.
    #[serde(flatten)]
    webhook: WebhookView,
    /// What its webhooks are signed with (Standard Webhooks). Keep it: it is not shown again.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: String,
}

impl From<app::webhooks::WithSecret> for WithSecretView {
    fn from(new: app::webhooks::WithSecret) -> Self {
        Self { webhook: new.webhook.into(), secret: new.secret.expose_secret().to_owned() }
    }
}

fn enabled() -> bool {
    true
}

/// A receiver to be entered.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// Where it listens: `https://`, a public host, port 443 or 8443.
    #[garde(length(chars, min = 1, max = 2_000))]
    #[schema(min_length = 1, max_length = 2_000, example = "https://hooks.agency.example/studioconnect")]
    url: String,
    /// What it is for.
    #[serde(default)]
    #[garde(length(chars, max = 500))]
    #[schema(max_length = 500)]
    description: String,
    /// The events it is to be told: names, families (`call.*`), or `*`.
    #[garde(length(min = 1, max = 50), inner(length(chars, min = 1, max = 60)))]
    #[schema(min_items = 1, max_items = 50, example = json!(["lead.*", "call.ended"]))]
    events: Vec<String>,
    /// Whether it is told anything.
    #[serde(default = "enabled")]
    #[garde(skip)]
    #[schema(default = true)]
    enabled: bool,
}

/// What to change of a receiver. Fields that are left out stay as they are.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookPatch {
    /// Where it listens: `https://`, a public host, port 443 or 8443.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, min = 1, max = 2_000))]
    #[schema(nullable = false, min_length = 1, max_length = 2_000)]
    url: Option<String>,
    /// What it is for.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 500))]
    #[schema(nullable = false, max_length = 500)]
    description: Option<String>,
    /// The events it is to be told.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(min = 1, max = 50), inner(inner(length(chars, min = 1, max = 60))))]
    #[schema(nullable = false, min_items = 1, max_items = 50)]
    events: Option<Vec<String>>,
    /// Whether it is told anything. What is on its way to one that is disabled is taken back.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(nullable = false)]
    enabled: Option<bool>,
}

/// List webhooks, newest first.
#[utoipa::path(
    get, path = "/api/v1/webhooks", operation_id = "list_webhooks", tag = "webhooks",
    extensions(("x-permission" = json!("webhooks:manage"))),
    params(PageQuery),
    responses(
        (status = 200, description = "A page of webhooks", body = Page<WebhookView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_webhooks(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::WebhooksManage>,
    ValidQuery(page): ValidQuery<PageQuery>,
) -> Result<Json<Page<WebhookView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let webhooks = store::webhooks::list(&mut tx, page.behind()?, page.limit()).await?;
    Ok(Json(Page::of(webhooks, |webhook| webhook.id.to_string(), WebhookView::from)))
}

/// Get a webhook.
#[utoipa::path(
    get, path = "/api/v1/webhooks/{id}", operation_id = "get_webhook", tag = "webhooks",
    extensions(("x-permission" = json!("webhooks:manage"))),
    params(("id" = String, Path, description = "The webhook", example = "hook_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The webhook", body = WebhookView,
            headers(("ETag" = String, description = "Its version, for `If-Match`"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such webhook", body = Problem),
    ),
)]
pub(crate) async fn get_webhook(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::WebhooksManage>,
    Id(id): Id<WebhookId>,
) -> Result<Response, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(shown(store::webhooks::get(&mut tx, id).await?))
}

fn shown(webhook: Webhook) -> Response {
    tagged(webhook.updated_at, Json(WebhookView::from(webhook)))
}

/// An answer that holds a secret: no cache may keep it.
pub(super) fn with_secret(
    status: StatusCode,
    headers: &[(HeaderName, String)],
    new: app::webhooks::WithSecret,
) -> Response {
    let version = new.webhook.updated_at;
    let mut response = (status, Json(WithSecretView::from(new))).into_response();
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert(header::CACHE_CONTROL, axum::http::HeaderValue::from_static("no-store"));
    tagged(version, response)
}

/// Enter a webhook. The answer holds the secret that it is signed with, this once.
#[utoipa::path(
    post, path = "/api/v1/webhooks", operation_id = "create_webhook", tag = "webhooks",
    extensions(("x-permission" = json!("webhooks:manage"))),
    request_body(content = NewWebhook, example = json!({"url": "https://hooks.agency.example/studioconnect",
        "description": "Leads into the CRM", "events": ["lead.*", "call.ended"]})),
    responses(
        (status = 201, description = "The webhook and its secret", body = WithSecretView,
            headers(("Location" = String, description = "Where the webhook is"))),
        (status = 400, description = "The body is not valid JSON", body = Problem),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 409, description = "There are 20 webhooks already", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn create_webhook(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::WebhooksManage>,
    ValidJson(new): ValidJson<NewWebhook>,
) -> Result<Response, ApiError> {
    let settings = WebhookSettings {
        url: new.url,
        description: new.description,
        events: new.events,
        enabled: new.enabled,
    };
    let created = app::webhooks::create(&_state.app, &tenant.actor(), settings).await?;
    let location = format!("/api/v1/webhooks/{}", created.webhook.id);
    Ok(with_secret(StatusCode::CREATED, &[(header::LOCATION, location)], created))
}

/// Change a webhook.
#[utoipa::path(
    patch, path = "/api/v1/webhooks/{id}", operation_id = "update_webhook", tag = "webhooks",
    extensions(("x-permission" = json!("webhooks:manage"))),
    params(
        ("id" = String, Path, description = "The webhook", example = "hook_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("If-Match" = String, Header, description = "The version that the change is based on, or `*`"),
    ),
    request_body(content = WebhookPatch, example = json!({"events": ["*"]})),
    responses(
        (status = 200, description = "The webhook as it is now", body = WebhookView,
            headers(("ETag" = String, description = "Its version, for `If-Match`"))),
        (status = 400, description = "The body is not valid JSON", body = Problem),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such webhook", body = Problem),
        (status = 412, description = "It was changed meanwhile", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
    ),
)]
pub(crate) async fn update_webhook(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::WebhooksManage>,
    Id(id): Id<WebhookId>,
    IfMatch(version): IfMatch,
    ValidJson(patch): ValidJson<WebhookPatch>,
) -> Result<Response, ApiError> {
    let change = WebhookChange {
        url: patch.url,
        description: patch.description,
        events: patch.events,
        enabled: patch.enabled,
    };
    Ok(shown(app::webhooks::change(&_state.app, &tenant.actor(), id, version, change).await?))
}

/// Delete a webhook with the log of its deliveries.
#[utoipa::path(
    delete, path = "/api/v1/webhooks/{id}", operation_id = "delete_webhook", tag = "webhooks",
    extensions(("x-permission" = json!("webhooks:manage"))),
    params(("id" = String, Path, description = "The webhook", example = "hook_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such webhook", body = Problem),
    ),
)]
pub(crate) async fn delete_webhook(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::WebhooksManage>,
    Id(id): Id<WebhookId>,
) -> Result<StatusCode, ApiError> {
    app::webhooks::delete(&_state.app, &tenant.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Enable a webhook, with a clean slate.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{id}/enable", operation_id = "enable_webhook", tag = "webhooks",
    extensions(("x-permission" = json!("webhooks:manage"))),
    params(("id" = String, Path, description = "The webhook", example = "hook_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The webhook, enabled", body = WebhookView,
            headers(("ETag" = String, description = "Its version, for `If-Match`"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such webhook", body = Problem),
        (status = 422, description = "Its address is not acceptable any more", body = Problem),
    ),
)]
pub(crate) async fn enable_webhook(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::WebhooksManage>,
    Id(id): Id<WebhookId>,
) -> Result<Response, ApiError> {
    let change = WebhookChange { enabled: Some(true), ..WebhookChange::default() };
    Ok(shown(app::webhooks::change(&_state.app, &tenant.actor(), id, None, change).await?))
}
