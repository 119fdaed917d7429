//! The catalogue of permissions, and how they are named in bodies.

use std::borrow::Cow;

use axum::Json;
use domain::permissions::{Permission, PermissionSet};
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::page::Page;
use crate::auth::tenant::SignedIn;
use crate::problem::Problem;
use crate::state::ApiState;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_permissions))
}

/// The name of a permission.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PermissionName(Permission);

impl PartialSchema for PermissionName {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("The name of a permission, `resource:action`."))
            .enum_values(Some(Permission::ALL.iter().map(|permission| permission.name())))
            .into()
    }
}

impl ToSchema for PermissionName {
    fn name() -> Cow<'static, str> {
        "PermissionName".into()
    }
}

/// The set of a list of names.
pub(crate) fn set(names: Vec<PermissionName>) -> PermissionSet {
    names.into_iter().map(|name| name.0).collect()
}

/// The names of a set.
pub(crate) fn names(set: PermissionSet) -> Vec<PermissionName> {
    set.iter().map(PermissionName).collect()
}

/// A permission.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Permission)]
pub struct PermissionView {
    /// Its name.
    name: PermissionName,
    /// What it allows.
    #[schema(example = "Hear recordings.")]
    description: &'static str,
}

/// List all permissions that there are.
#[utoipa::path(
    get, path = "/api/v1/permissions", operation_id = "list_permissions", tag = "roles",
    extensions(("x-permission" = json!("signed_in"))),
    responses(
        (status = 200, description = "All permissions", body = Page<PermissionView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
    ),
)]
pub(crate) async fn list_permissions(_signed_in: SignedIn) -> Json<Page<PermissionView>> {
    let all = Permission::ALL
        .iter()
        .map(|&permission| PermissionView {
            name: PermissionName(permission),
            description: permission.description(),
        })
        .collect();
    Json(Page::whole(all))
}
