//! `/api/project` and the syncs with project tools.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, NaiveDate, Utc};
use domain::ids::{ClientId, ProjectId};
use serde::Serialize;
use store::projects::Project;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::CompatPage;
use crate::auth::tenant::{Tenant, needs};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use crate::v1::page::{List, ListParams};
use crate::v1::projects::ProjectsQuery;

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(compat_list_projects))
}

/// What `/api/v1` has no form of yet.
pub(super) fn sync_router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(compat_sync_projects)).routes(routes!(compat_admin_sync_projects))
}

/// A project.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CompatProject {
    /// The project's id.
    #[schema(value_type = String, example = "proj_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: ProjectId,
    /// Whose it is.
    #[schema(value_type = String)]
    client_id: ClientId,
    /// Its name.
    name: String,
    /// Where it stands.
    status: String,
    /// A sentence that the client may hear.
    details: Option<String>,
    /// When it is due.
    due_date: Option<NaiveDate>,
    /// The tool it is mirrored from.
    provider: Option<String>,
    /// When the mirror was fresh.
    last_synced_at: Option<DateTime<Utc>>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl From<Project> for CompatProject {
    fn from(project: Project) -> Self {
        let facts = project.facts;
        Self {
            id: project.id,
            client_id: facts.client_id,
            name: facts.name,
            status: facts.status,
            details: facts.last_update,
            due_date: facts.due_on,
            provider: facts.provider,
            last_synced_at: facts.synced_at,
            updated_at: project.updated_at,
        }
    }
}

/// List projects, as the older documents had it: use `GET /api/v1/projects`.
#[utoipa::path(
    get, path = "/api/project", operation_id = "compat_list_projects", tag = "compat",
    extensions(("x-permission" = json!("projects:read"))),
    params(ProjectsQuery, ListParams),
    responses(
        (status = 200, description = "A page of projects", body = CompatPage<CompatProject>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn compat_list_projects(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ProjectsRead>,
    list: List<ProjectsQuery>,
) -> Result<Json<CompatPage<CompatProject>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let projects = store::projects::list(&mut tx, &(&list.filter).into(), &list.wanted).await?;
    Ok(Json(list.page(projects, CompatProject::from).into()))
}

/// Fetch projects from the connected project tool now. None can be connected yet: the answer says so.
#[utoipa::path(
    post, path = "/api/project/sync", operation_id = "compat_sync_projects", tag = "compat",
    extensions(("x-permission" = json!("projects:sync"))),
    responses(
        (status = 204, description = "Fetching has begun"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 409, description = "No project tool is connected", body = Problem),
    ),
)]
pub(crate) async fn compat_sync_projects(
    _tenant: Tenant<needs::ProjectsSync>,
) -> Result<StatusCode, ApiError> {
    app::projects::sync()?;
    Ok(StatusCode::NO_CONTENT)
}

/// Fetch projects from the connected project tool now. None can be connected yet: the answer says so.
#[utoipa::path(
    post, path = "/api/admin/sync/projects", operation_id = "compat_admin_sync_projects", tag = "compat",
    extensions(("x-permission" = json!("projects:sync"))),
    responses(
        (status = 204, description = "Fetching has begun"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 409, description = "No project tool is connected", body = Problem),
    ),
)]
pub(crate) async fn compat_admin_sync_projects(
    _tenant: Tenant<needs::ProjectsSync>,
) -> Result<StatusCode, ApiError> {
    app::projects::sync()?;
    Ok(StatusCode::NO_CONTENT)
}
