//! API keys: how programs sign in.

use app::api_keys::{Issued, KeyChange};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::ids::{ApiKeyId, UserId};
use garde::Validate;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use store::api_keys::{ApiKey, KeyTerms};
use store::page::Cursor;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::page::{Page, PageQuery};
use super::permissions::{PermissionName, names, set};
use super::roles::not_blank;
use crate::auth::tenant::{Tenant, needs};
use crate::etag::{IfMatch, tagged};
use crate::extract::{Id, ValidJson, ValidQuery, clearable, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_api_keys, create_api_key)).routes(routes!(
        get_api_key,
        update_api_key,
        revoke_api_key
    ))
}

/// A program's key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub struct ApiKeyView {
    /// The key's id.
    #[schema(value_type = String, example = "key_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: ApiKeyId,
    /// What it is called.
    #[schema(example = "Nightly export")]
    name: String,
    /// Its beginning and end.
    #[schema(example = "sc_live_Ab3d…x9Zq")]
    hint: String,
    /// What it may do in the organization.
    permissions: Vec<PermissionName>,
    /// What it may do in the organizations below, named by `X-Organization-Id`.
    child_permissions: Vec<PermissionName>,
    /// Address ranges it may be used from; empty means from everywhere.
    allowed_networks: Vec<String>,
    /// Who made it; `null` for a program.
    #[schema(value_type = Option<String>)]
    created_by: Option<UserId>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When its terms were last changed.
    updated_at: DateTime<Utc>,
    /// When it ends by itself; `null` for never.
    expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    last_used_at: Option<DateTime<Utc>>,
    /// From which address it was last used.
    last_used_ip: Option<String>,
    /// What the program sends as `Authorization: Bearer`. Only in the answer to whoever made it: it can't be shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl From<ApiKey> for ApiKeyView {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.terms.name,
            hint: key.hint,
            permissions: names(key.terms.permissions),
            child_permissions: names(key.terms.child_permissions),
            allowed_networks: key.terms.allowed_networks,
            created_by: key.created_by,
            created_at: key.created_at,
            updated_at: key.updated_at,
            expires_at: key.terms.expires_at,
            last_used_at: key.last_used_at,
            last_used_ip: key.last_used_ip,
            secret: None,
        }
    }
}

/// A key to be made.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiKey {
    /// What it is called.
    #[garde(length(chars, min = 1, max = 100), custom(not_blank))]
    #[schema(min_length = 1, max_length = 100, pattern = r"\S", example = "Nightly export")]
    name: String,
    /// What it may do in the organization. Only what the asker may do, too.
    #[garde(length(max = 128))]
    #[schema(max_items = 128)]
    permissions: Vec<PermissionName>,
    /// What it may do in the organizations below. Only what the asker may do there, too.
    #[serde(default)]
    #[garde(length(max = 128))]
    #[schema(max_items = 128)]
    child_permissions: Vec<PermissionName>,
    /// Addresses or ranges (CIDR) it may be used from; empty means from everywhere.
    #[serde(default)]
    #[garde(length(max = 50), inner(length(chars, max = 50)))]
    #[schema(max_items = 50, example = json!(["203.0.113.0/24"]))]
    allowed_networks: Vec<String>,
    /// When it ends by itself.
    #[serde(default)]
    #[garde(skip)]
    expires_at: Option<DateTime<Utc>>,
}

/// What to change of a key. Fields that are left out stay as they are.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyPatch {
    /// What it is called.
    #[serde(default, deserialize_with = "required")]
    #[garde(inner(length(chars, min = 1, max = 100), custom(not_blank)))]
    #[schema(nullable = false, min_length = 1, max_length = 100, pattern = r"\S")]
    name: Option<String>,
    /// What it may do in the organization, all of it.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(max = 128))]
    #[schema(nullable = false, max_items = 128)]
    permissions: Option<Vec<PermissionName>>,
    /// What it may do in the organizations below, all of it.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(max = 128))]
    #[schema(nullable = false, max_items = 128)]
    child_permissions: Option<Vec<PermissionName>>,
    /// All addresses and ranges (CIDR) it may be used from; empty means from everywhere.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(max = 50), inner(inner(length(chars, max = 50))))]
    #[schema(nullable = false, max_items = 50)]
    allowed_networks: Option<Vec<String>>,
    /// When it ends by itself; `null` for never.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(skip)]
    #[schema(value_type = Option<DateTime<Utc>>)]
    expires_at: Option<Option<DateTime<Utc>>>,
}

/// List API keys, newest first.
#[utoipa::path(
    get, path = "/api/v1/api-keys", operation_id = "list_api_keys", tag = "api-keys",
    extensions(("x-permission" = json!("api_keys:manage"))),
    params(PageQuery),
    responses(
        (status = 200, description = "A page of keys", body = Page<ApiKeyView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_api_keys(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ApiKeysManage>,
    ValidQuery(page): ValidQuery<PageQuery>,
) -> Result<Json<Page<ApiKeyView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let keys = store::api_keys::list(&mut tx, page.behind()?, page.limit()).await?;
    let place = |key: &ApiKey| Cursor { at: key.created_at, id: key.id.0 }.to_string();
    Ok(Json(Page::of(keys, place, ApiKeyView::from)))
}

/// Get an API key. Its text is not shown again.
#[utoipa::path(
    get, path = "/api/v1/api-keys/{id}", operation_id = "get_api_key", tag = "api-keys",
    extensions(("x-permission" = json!("api_keys:manage"))),
    params(("id" = String, Path, description = "The key", example = "key_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The key, with an `ETag`", body = ApiKeyView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such key", body = Problem),
    ),
)]
pub(crate) async fn get_api_key(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ApiKeysManage>,
    Id(id): Id<ApiKeyId>,
) -> Result<Response, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let key = store::api_keys::get(&mut tx, id).await?;
    Ok(tagged(key.updated_at, Json(ApiKeyView::from(key))))
}

/// Make an API key.
///
/// Its text is in this answer and nowhere else. No key can do more than whoever made it.
#[utoipa::path(
    post, path = "/api/v1/api-keys", operation_id = "create_api_key", tag = "api-keys",
    extensions(("x-permission" = json!("api_keys:manage"))),
    request_body(content = NewApiKey, example = json!({"name": "Nightly export", "permissions": ["leads:read", "leads:export"],
        "allowed_networks": ["203.0.113.0/24"]})),
    responses(
        (status = 201, description = "The key, with its text", body = ApiKeyView,
            headers(("Location" = String, description = "Where the key is"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or one of those that the key is to have", body = Problem),
        (status = 409, description = "There are too many", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn create_api_key(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ApiKeysManage>,
    ValidJson(new): ValidJson<NewApiKey>,
) -> Result<Response, ApiError> {
    let terms = KeyTerms {
        name: new.name.trim().to_owned(),
        permissions: set(new.permissions),
        child_permissions: set(new.child_permissions),
        allowed_networks: new.allowed_networks,
        expires_at: new.expires_at,
    };
    let Issued { key, secret } =
        app::api_keys::create(&_state.app, &tenant.identity, &tenant.actor(), terms).await?;
    let location = [(header::LOCATION, format!("/api/v1/api-keys/{}", key.id))];
    let (updated_at, secret) = (key.updated_at, Some(secret.expose_secret().to_owned()));
    let body = ApiKeyView { secret, ..ApiKeyView::from(key) };
    Ok(tagged(updated_at, (StatusCode::CREATED, location, Json(body))))
}

/// Change what an API key may do, from where, and how long.
#[utoipa::path(
    patch, path = "/api/v1/api-keys/{id}", operation_id = "update_api_key", tag = "api-keys",
    extensions(("x-permission" = json!("api_keys:manage"))),
    params(
        ("id" = String, Path, description = "The key", example = "key_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("If-Match" = String, Header, description = "The `ETag` of the version the change is based on, or `*`"),
    ),
    request_body(content = ApiKeyPatch, example = json!({"permissions": ["leads:read"]})),
    responses(
        (status = 200, description = "The key as it is now", body = ApiKeyView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or one of those that the key has", body = Problem),
        (status = 404, description = "There is no such key", body = Problem),
        (status = 412, description = "Changed by someone else in the meantime", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
    ),
)]
pub(crate) async fn update_api_key(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ApiKeysManage>,
    Id(id): Id<ApiKeyId>,
    IfMatch(based_on): IfMatch,
    ValidJson(patch): ValidJson<ApiKeyPatch>,
) -> Result<Response, ApiError> {
    let change = KeyChange {
        name: patch.name.map(|name| name.trim().to_owned()),
        permissions: patch.permissions.map(set),
        child_permissions: patch.child_permissions.map(set),
        allowed_networks: patch.allowed_networks,
        expires_at: patch.expires_at,
    };
    let (identity, actor) = (&tenant.identity, tenant.actor());
    let key = app::api_keys::change(&_state.app, identity, &actor, id, based_on, change).await?;
    Ok(tagged(key.updated_at, Json(ApiKeyView::from(key))))
}

/// Revoke an API key, at once and for good.
#[utoipa::path(
    delete, path = "/api/v1/api-keys/{id}", operation_id = "revoke_api_key", tag = "api-keys",
    extensions(("x-permission" = json!("api_keys:manage"))),
    params(("id" = String, Path, description = "The key", example = "key_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 204, description = "The key lets nobody in any more"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such key", body = Problem),
    ),
)]
pub(crate) async fn revoke_api_key(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ApiKeysManage>,
    Id(id): Id<ApiKeyId>,
) -> Result<StatusCode, ApiError> {
    app::api_keys::revoke(&_state.app, &tenant.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
