//! Roles: the ones every organization has, and those it defines for itself.

use app::access;
use app::roles::RoleChange;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::ids::RoleId;
use domain::roles::{Role, RoleRef};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::roles::{OwnRole, RoleContent};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::page::Page;
use super::permissions::{PermissionName, names, set};
use crate::auth::tenant::{Tenant, needs};
use crate::etag::{IfMatch, tagged};
use crate::extract::{Id, ValidJson, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_roles, create_role)).routes(routes!(
        get_role,
        update_role,
        delete_role
    ))
}

/// A role.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Role)]
pub struct RoleView {
    /// The role's id; a built-in one's is its name.
    #[schema(example = "role_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: String,
    /// Its name.
    #[schema(example = "Front desk")]
    name: String,
    /// What it is for.
    description: String,
    /// Whether every organization has it. Such a role can't be changed.
    built_in: bool,
    /// What it grants in the organization.
    permissions: Vec<PermissionName>,
    /// What it grants in the organizations below; nothing in a business, which has none.
    child_permissions: Vec<PermissionName>,
    /// When it was defined; `null` for a built-in one.
    created_at: Option<DateTime<Utc>>,
    /// When it was last changed; `null` for a built-in one.
    updated_at: Option<DateTime<Utc>>,
}

impl From<Role> for RoleView {
    fn from(role: Role) -> Self {
        Self {
            id: role.name().to_owned(),
            name: role.name().to_owned(),
            description: role.description().to_owned(),
            built_in: true,
            permissions: names(role.permissions()),
            child_permissions: names(role.child_permissions()),
            created_at: None,
            updated_at: None,
        }
    }
}

impl From<OwnRole> for RoleView {
    fn from(role: OwnRole) -> Self {
        Self {
            id: role.id.to_string(),
            name: role.content.name,
            description: role.content.description,
            built_in: false,
            permissions: names(role.content.permissions),
            child_permissions: names(role.content.child_permissions),
            created_at: Some(role.created_at),
            updated_at: Some(role.updated_at),
        }
    }
}

/// A role to be defined.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    /// Its name, one of a kind in the organization.
    #[garde(length(chars, min = 1, max = 80), custom(not_blank))]
    #[schema(min_length = 1, max_length = 80, pattern = r"\S", example = "Front desk")]
    name: String,
    /// What it is for.
    #[serde(default)]
    #[garde(length(chars, max = 500))]
    #[schema(max_length = 500)]
    description: String,
    /// What it grants in the organization. Only what the asker may do, too.
    #[garde(length(max = 128))]
    #[schema(max_items = 128)]
    permissions: Vec<PermissionName>,
    /// What it grants in the organizations below. Only what the asker may do there, too.
    #[serde(default)]
    #[garde(length(max = 128))]
    #[schema(max_items = 128)]
    child_permissions: Vec<PermissionName>,
}

/// What to change of a role. Fields that are left out stay as they are.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RolePatch {
    /// Its name, one of a kind in the organization.
    #[serde(default, deserialize_with = "required")]
    #[garde(inner(length(chars, min = 1, max = 80), custom(not_blank)))]
    #[schema(nullable = false, min_length = 1, max_length = 80, pattern = r"\S")]
    name: Option<String>,
    /// What it is for.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 500))]
    #[schema(nullable = false, max_length = 500)]
    description: Option<String>,
    /// What it grants in the organization, all of it.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(max = 128))]
    #[schema(nullable = false, max_items = 128)]
    permissions: Option<Vec<PermissionName>>,
    /// What it grants in the organizations below, all of it.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(max = 128))]
    #[schema(nullable = false, max_items = 128)]
    child_permissions: Option<Vec<PermissionName>>,
}

/// For names: spaces are none.
pub(crate) fn not_blank(text: &str, _context: &()) -> garde::Result {
    if text.trim().is_empty() { Err(garde::Error::new("must not be blank")) } else { Ok(()) }
}

/// List roles: the built-in ones that this kind of organization has, strongest first, then its own by name.
#[utoipa::path(
    get, path = "/api/v1/roles", operation_id = "list_roles", tag = "roles",
    extensions(("x-permission" = json!("members:read"))),
    responses(
        (status = 200, description = "All roles", body = Page<RoleView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
    ),
)]
pub(crate) async fn list_roles(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::MembersRead>,
) -> Result<Json<Page<RoleView>>, ApiError> {
    let kind = tenant.identity.org.kind;
    let mut tx = tenant.begin(&_state).await?;
    let own = store::roles::list(&mut tx).await?;
    let built_in = Role::ALL.iter().copied().filter(|&role| access::fits(role, kind)).map(RoleView::from);
    Ok(Json(Page::whole(built_in.chain(own.into_iter().map(RoleView::from)).collect())))
}

/// Get a role.
#[utoipa::path(
    get, path = "/api/v1/roles/{id}", operation_id = "get_role", tag = "roles",
    extensions(("x-permission" = json!("members:read"))),
    params(("id" = String, Path, description = "The role: its id, or a built-in one's name", example = "manager")),
    responses(
        (status = 200, description = "The role, with an `ETag` when it is the organization's own", body = RoleView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such role", body = Problem),
    ),
)]
pub(crate) async fn get_role(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::MembersRead>,
    Id(id): Id<RoleRef>,
) -> Result<Response, ApiError> {
    match id {
        RoleRef::Template(role) if access::fits(role, tenant.identity.org.kind) => {
            Ok(Json(RoleView::from(role)).into_response())
        }
        RoleRef::Template(_) => Err(ApiError::NotFound("role")),
        RoleRef::Own(id) => {
            let mut tx = tenant.begin(&_state).await?;
            let role = store::roles::get(&mut tx, id).await?;
            Ok(tagged(role.updated_at, Json(RoleView::from(role))))
        }
    }
}

/// Define a role.
///
/// Nobody puts into a role what they may not do themselves.
#[utoipa::path(
    post, path = "/api/v1/roles", operation_id = "create_role", tag = "roles",
    extensions(("x-permission" = json!("roles:manage"))),
    request_body(content = NewRole, example = json!({"name": "Front desk",
        "description": "Answers messages and calls back.", "permissions": ["calls:read", "messages:read", "messages:write"]})),
    responses(
        (status = 201, description = "The role", body = RoleView,
            headers(("Location" = String, description = "Where the role is"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or one of those that the role is to grant", body = Problem),
        (status = 409, description = "There is a role of that name, or there are too many", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn create_role(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::RolesManage>,
    ValidJson(new): ValidJson<NewRole>,
) -> Result<Response, ApiError> {
    let content = RoleContent {
        name: new.name.trim().to_owned(),
        description: new.description,
        permissions: set(new.permissions),
        child_permissions: set(new.child_permissions),
    };
    let role = app::roles::create(&_state.app, &tenant.identity, &tenant.actor(), content).await?;
    let location = [(header::LOCATION, format!("/api/v1/roles/{}", role.id))];
    Ok(tagged(role.updated_at, (StatusCode::CREATED, location, Json(RoleView::from(role)))))
}

/// Change a role, for everybody who has it.
#[utoipa::path(
    patch, path = "/api/v1/roles/{id}", operation_id = "update_role", tag = "roles",
    extensions(("x-permission" = json!("roles:manage"))),
    params(
        ("id" = String, Path, description = "The role", example = "role_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("If-Match" = String, Header, description = "The `ETag` of the version the change is based on, or `*`"),
    ),
    request_body(content = RolePatch, example = json!({"permissions": ["calls:read", "calls:listen"]})),
    responses(
        (status = 200, description = "The role as it is now", body = RoleView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or one of those that the role grants", body = Problem),
        (status = 404, description = "There is no such role", body = Problem),
        (status = 409, description = "The name is taken, or the role is built in", body = Problem),
        (status = 412, description = "Changed by someone else in the meantime", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
    ),
)]
pub(crate) async fn update_role(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::RolesManage>,
    Id(id): Id<RoleRef>,
    IfMatch(based_on): IfMatch,
    ValidJson(patch): ValidJson<RolePatch>,
) -> Result<Response, ApiError> {
    let id = own(id)?;
    let change = RoleChange {
        name: patch.name.map(|name| name.trim().to_owned()),
        description: patch.description,
        permissions: patch.permissions.map(set),
        child_permissions: patch.child_permissions.map(set),
    };
    let role =
        app::roles::change(&_state.app, &tenant.identity, &tenant.actor(), id, based_on, change).await?;
    Ok(tagged(role.updated_at, Json(RoleView::from(role))))
}

/// Delete a role that nobody has.
#[utoipa::path(
    delete, path = "/api/v1/roles/{id}", operation_id = "delete_role", tag = "roles",
    extensions(("x-permission" = json!("roles:manage"))),
    params(("id" = String, Path, description = "The role", example = "role_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 204, description = "The role is gone"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or one of those that the role grants", body = Problem),
        (status = 404, description = "There is no such role", body = Problem),
        (status = 409, description = "Somebody has it or is invited to it, or it is built in", body = Problem),
    ),
)]
pub(crate) async fn delete_role(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::RolesManage>,
    Id(id): Id<RoleRef>,
) -> Result<StatusCode, ApiError> {
    app::roles::delete(&_state.app, &tenant.identity, &tenant.actor(), own(id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn own(id: RoleRef) -> Result<RoleId, ApiError> {
    match id {
        RoleRef::Own(id) => Ok(id),
        RoleRef::Template(role) => Err(ApiError::Conflict(format!(
            "the role {role} is built in: define one of your own instead of changing it"
        ))),
    }
}
