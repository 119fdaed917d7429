//! Projects: pieces of work of a client.

use app::projects::{NewProject, ProjectChange};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, NaiveDate, Utc};
use domain::ids::{ClientId, ProjectId};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::projects::Project;
use utoipa::ToSchema;

use super::page::{Page, PageQuery, SearchQuery};
use crate::auth::tenant::{Tenant, needs};
use crate::extract::{Id, ValidJson, ValidQuery, clearable, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_projects, create_project))
        .routes(routes!(get_project, update_project))
}

/// Where a project stands.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProjectStatus {
    /// Not begun.
    Planned,
    /// Being worked on.
    Active,
    /// In danger of being late or over budget.
    AtRisk,
    /// Resting.
    OnHold,
    /// Waiting for somebody's word.
    InReview,
    /// Finished.
    Done,
    /// Given up.
    Cancelled,
}

impl ProjectStatus {
    fn name(self) -> String {
        match self {
            Self::Planned => "planned",
            Self::Active => "active",
            Self::AtRisk => "at_risk",
            Self::OnHold => "on_hold",
            Self::InReview => "in_review",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
        .to_owned()
    }
}

/// A project.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Project)]
pub struct ProjectView {
    /// The project's id.
    #[schema(value_type = String, example = "proj_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: ProjectId,
    /// Whose it is.
    #[schema(value_type = String)]
    client_id: ClientId,
    /// Its name.
    #[schema(example = "Website relaunch")]
    name: String,
    /// Other names it goes by.
    aliases: Vec<String>,
    /// `planned`, `active`, `at_risk`, `on_hold`, `in_review`, `done` or `cancelled`.
    #[schema(example = "active")]
    status: String,
    /// A sentence that the client may hear.
    last_update: Option<String>,
    /// The next milestone.
    next_milestone: Option<String>,
    /// When the milestone or the project is due.
    due_on: Option<NaiveDate>,
    /// The tool it is mirrored from; `null` when entered by hand.
    provider: Option<String>,
    /// When the mirror was fresh.
    synced_at: Option<DateTime<Utc>>,
    /// When it was entered.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl From<Project> for ProjectView {
    fn from(project: Project) -> Self {
        let facts = project.facts;
        Self {
            id: project.id,
            client_id: facts.client_id,
            name: facts.name,
            aliases: facts.aliases,
            status: facts.status,
            last_update: facts.last_update,
            next_milestone: facts.next_milestone,
            due_on: facts.due_on,
            provider: facts.provider,
            synced_at: facts.synced_at,
            created_at: project.created_at,
            updated_at: project.updated_at,
        }
    }
}

/// A project to be entered.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewProject)]
pub struct NewProjectBody {
    /// Whose it is.
    #[garde(skip)]
    #[schema(value_type = String, example = "client_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    client_id: ClientId,
    /// Its name.
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200, example = "Website relaunch")]
    name: String,
    /// Other names it goes by.
    #[serde(default)]
    #[garde(length(max = 20), inner(length(chars, min = 1, max = 200)))]
    #[schema(max_items = 20)]
    aliases: Vec<String>,
    /// Where it stands.
    #[garde(skip)]
    status: ProjectStatus,
    /// A sentence that the client may hear.
    #[serde(default)]
    #[garde(length(chars, max = 2_000))]
    #[schema(max_length = 2_000)]
    last_update: Option<String>,
    /// The next milestone.
    #[serde(default)]
    #[garde(length(chars, max = 500))]
    #[schema(max_length = 500)]
    next_milestone: Option<String>,
    /// When the milestone or the project is due.
    #[serde(default)]
    #[garde(skip)]
    due_on: Option<NaiveDate>,
}

/// What to change of a project. Fields that are left out stay as they are; `null` empties a field.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectPatch {
    /// Its name.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    name: Option<String>,
    /// Other names it goes by.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(max = 20), inner(inner(length(chars, min = 1, max = 200))))]
    #[schema(nullable = false, max_items = 20)]
    aliases: Option<Vec<String>>,
    /// Where it stands.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(nullable = false)]
    status: Option<ProjectStatus>,
    /// A sentence that the client may hear.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(length(chars, max = 2_000))))]
    #[schema(value_type = Option<String>, max_length = 2_000)]
    last_update: Option<Option<String>>,
    /// The next milestone.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(length(chars, max = 500))))]
    #[schema(value_type = Option<String>, max_length = 500)]
    next_milestone: Option<Option<String>>,
    /// When the milestone or the project is due.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(skip)]
    #[schema(value_type = Option<String>, format = Date)]
    due_on: Option<Option<NaiveDate>>,
}

/// List projects, newest first.
#[utoipa::path(
    get, path = "/api/v1/projects", operation_id = "list_projects", tag = "projects",
    extensions(("x-permission" = json!("projects:read"))),
    params(SearchQuery, PageQuery),
    responses(
        (status = 200, description = "A page of projects", body = Page<ProjectView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_projects(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ProjectsRead>,
    ValidQuery(search): ValidQuery<SearchQuery>,
    ValidQuery(page): ValidQuery<PageQuery>,
) -> Result<Json<Page<ProjectView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let projects = store::projects::list(&mut tx, search.q(), page.behind()?, page.limit()).await?;
    Ok(Json(Page::of(projects, |project| project.id.to_string(), ProjectView::from)))
}

/// Get a project.
#[utoipa::path(
    get, path = "/api/v1/projects/{id}", operation_id = "get_project", tag = "projects",
    extensions(("x-permission" = json!("projects:read"))),
    params(("id" = String, Path, description = "The project", example = "proj_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The project", body = ProjectView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such project", body = Problem),
    ),
)]
pub(crate) async fn get_project(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ProjectsRead>,
    Id(id): Id<ProjectId>,
) -> Result<Json<ProjectView>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(Json(store::projects::get(&mut tx, id).await?.into()))
}

/// Enter a project.
#[utoipa::path(
    post, path = "/api/v1/projects", operation_id = "create_project", tag = "projects",
    extensions(("x-permission" = json!("projects:write"))),
    request_body(content = NewProjectBody, example = json!({"client_id": "client_01jd5z6q2mf3vr4c9s8e7t6k5h",
        "name": "Website relaunch", "status": "active", "next_milestone": "Design review", "due_on": "2027-02-12"})),
    responses(
        (status = 201, description = "The project", body = ProjectView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "Fields are invalid, or there is no such client", body = Problem),
    ),
)]
pub(crate) async fn create_project(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ProjectsWrite>,
    ValidJson(new): ValidJson<NewProjectBody>,
) -> Result<(StatusCode, Json<ProjectView>), ApiError> {
    let new = NewProject {
        client_id: new.client_id,
        name: new.name.trim().to_owned(),
        aliases: new.aliases,
        status: new.status.name(),
        last_update: new.last_update,
        next_milestone: new.next_milestone,
        due_on: new.due_on,
    };
    let created = app::projects::create(&_state.app, &tenant.actor(), new).await?;
    Ok((StatusCode::CREATED, Json(created.into())))
}

/// Change a project.
#[utoipa::path(
    patch, path = "/api/v1/projects/{id}", operation_id = "update_project", tag = "projects",
    extensions(("x-permission" = json!("projects:write"))),
    params(("id" = String, Path, description = "The project", example = "proj_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    request_body(content = ProjectPatch, example = json!({"status": "in_review", "due_on": null})),
    responses(
        (status = 200, description = "The project as it is now", body = ProjectView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such project", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn update_project(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ProjectsWrite>,
    Id(id): Id<ProjectId>,
    ValidJson(patch): ValidJson<ProjectPatch>,
) -> Result<Json<ProjectView>, ApiError> {
    let change = ProjectChange {
        name: patch.name,
        aliases: patch.aliases,
        status: patch.status.map(ProjectStatus::name),
        last_update: patch.last_update,
        next_milestone: patch.next_milestone,
        due_on: patch.due_on,
    };
    Ok(Json(app::projects::change(&_state.app, &tenant.actor(), id, change).await?.into()))
}
