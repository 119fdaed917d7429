//! Projects: pieces of work of a client.

use app::projects::{NewProject, ProjectChange};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, NaiveDate, Utc};
use domain::ids::{ClientId, ProjectId};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::page::Span;
use store::projects::{Project, ProjectFilter, ProjectSort};
use utoipa::{IntoParams, ToSchema};

use super::page::{Ids, List, ListParams, Listing, Page, day, moment, orders};
use crate::auth::tenant::{Tenant, needs};
use crate::etag::{IfMatch, created_at, tagged};
use crate::extract::{Id, ValidJson, clearable, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_projects, create_project)).routes(routes!(
        get_project,
        update_project,
        delete_project
    ))
}

/// Where a project stands.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
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
    /// How much is done, 0 to 100, when somebody keeps count.
    #[schema(maximum = 100)]
    progress_percent: Option<u8>,
    /// Who works on it.
    people: Vec<String>,
    /// Where it is found in its tool.
    link: Option<String>,
    /// When it was put away; callers hear nothing of it any more.
    archived_at: Option<DateTime<Utc>>,
    /// The tool it is mirrored from, which then decides its name, status, text, dates, progress, people and link;
    /// `null` when entered by hand.
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
            progress_percent: facts.progress_percent,
            people: facts.people,
            link: facts.link,
            archived_at: facts.archived_at,
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
    #[garde(custom(day))]
    due_on: Option<NaiveDate>,
    /// How much is done, 0 to 100.
    #[serde(default)]
    #[garde(range(max = 100))]
    #[schema(maximum = 100)]
    progress_percent: Option<u8>,
    /// Who works on it.
    #[serde(default)]
    #[garde(length(max = 50), inner(length(chars, min = 1, max = 200)))]
    #[schema(max_items = 50)]
    people: Vec<String>,
    /// Where it is found: an `http` or `https` address.
    #[serde(default)]
    #[garde(length(chars, max = 2_000), inner(custom(web_address)))]
    #[schema(max_length = 2_000, example = "https://tool.example/p/17")]
    link: Option<String>,
}

/// For garde: an address that a browser opens, and no script.
fn web_address(text: &str, _context: &()) -> garde::Result {
    if text.starts_with("https://") || text.starts_with("http://") {
        Ok(())
    } else {
        Err(garde::Error::new("must begin with https:// or http://"))
    }
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
    #[garde(inner(custom(day)))]
    #[schema(value_type = Option<String>, format = Date)]
    due_on: Option<Option<NaiveDate>>,
    /// How much is done, 0 to 100.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(range(max = 100))))]
    #[schema(value_type = Option<u8>, maximum = 100)]
    progress_percent: Option<Option<u8>>,
    /// Who works on it, replacing those there are.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(max = 50), inner(inner(length(chars, min = 1, max = 200))))]
    #[schema(nullable = false, max_items = 50)]
    people: Option<Vec<String>>,
    /// Where it is found: an `http` or `https` address.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(length(chars, max = 2_000))), inner(inner(custom(web_address))))]
    #[schema(value_type = Option<String>, max_length = 2_000)]
    link: Option<Option<String>>,
    /// Whose it is.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(value_type = Option<String>, nullable = false)]
    client_id: Option<ClientId>,
    /// Whether it is put away.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(nullable = false)]
    archived: Option<bool>,
}

orders! {
    /// How projects are ordered.
    pub enum ProjectOrder of ProjectSort:
    CreatedAt "created_at", CreatedAtDown "-created_at" => ProjectSort::CreatedAt;
    UpdatedAt "updated_at", UpdatedAtDown "-updated_at" => ProjectSort::UpdatedAt;
    Name "name", NameDown "-name" => ProjectSort::Name;
    DueOn "due_on", DueOnDown "-due_on" => ProjectSort::DueOn;
}

/// Which projects are wanted.
#[derive(Debug, Serialize, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProjectsQuery {
    /// The order; `-created_at` when left out. What has no date is due last.
    #[garde(skip)]
    #[param(inline)]
    sort: Option<ProjectOrder>,
    /// Only these, separated by commas; at most 100.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "proj_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    ids: Option<Ids<ProjectId>>,
    /// Only projects whose name contains this, in whatever case.
    #[garde(length(chars, max = 200))]
    #[param(max_length = 200)]
    q: Option<String>,
    /// Only projects of this client.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "client_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    client_id: Option<ClientId>,
    /// Only projects that stand there.
    #[garde(skip)]
    #[param(inline)]
    status: Option<ProjectStatus>,
    /// Only projects that are put away, or only those that are not.
    #[garde(skip)]
    archived: Option<bool>,
    /// Only projects due on this day or later.
    #[garde(custom(day))]
    due_from: Option<NaiveDate>,
    /// Only projects due on this day or earlier.
    #[garde(custom(day))]
    due_until: Option<NaiveDate>,
    /// Only projects entered at this moment or later.
    #[garde(custom(moment))]
    created_after: Option<DateTime<Utc>>,
    /// Only projects entered before this moment.
    #[garde(custom(moment))]
    created_before: Option<DateTime<Utc>>,
}

impl Listing for ProjectsQuery {
    const NOUN: &'static str = "projects";
    type Order = ProjectOrder;

    fn order(&self) -> Option<ProjectOrder> {
        self.sort
    }
}

impl From<&ProjectsQuery> for ProjectFilter {
    fn from(query: &ProjectsQuery) -> Self {
        Self {
            ids: query.ids.as_ref().map(|ids| ids.0.clone()),
            name_contains: query.q.clone(),
            client_id: query.client_id,
            status: query.status.map(ProjectStatus::name),
            archived: query.archived,
            due_from: query.due_from,
            due_until: query.due_until,
            created: Span { from: query.created_after, until: query.created_before },
        }
    }
}

/// List projects.
#[utoipa::path(
    get, path = "/api/v1/projects", operation_id = "list_projects", tag = "projects",
    extensions(("x-permission" = json!("projects:read"))),
    params(ProjectsQuery, ListParams),
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
    list: List<ProjectsQuery>,
) -> Result<Json<Page<ProjectView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let projects = store::projects::list(&mut tx, &(&list.filter).into(), &list.wanted).await?;
    Ok(Json(list.page(projects, ProjectView::from)))
}

/// Get a project. The `ETag` names this version of it.
#[utoipa::path(
    get, path = "/api/v1/projects/{id}", operation_id = "get_project", tag = "projects",
    extensions(("x-permission" = json!("projects:read"))),
    params(("id" = String, Path, description = "The project", example = "proj_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The project", body = ProjectView,
            headers(("ETag" = String, description = "This version, for `If-Match`"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such project", body = Problem),
    ),
)]
pub(crate) async fn get_project(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ProjectsRead>,
    Id(id): Id<ProjectId>,
) -> Result<Response, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(shown(store::projects::get(&mut tx, id).await?))
}

/// Enter a project.
#[utoipa::path(
    post, path = "/api/v1/projects", operation_id = "create_project", tag = "projects",
    extensions(("x-permission" = json!("projects:write"))),
    request_body(content = NewProjectBody, example = json!({"client_id": "client_01jd5z6q2mf3vr4c9s8e7t6k5h",
        "name": "Website relaunch", "status": "active", "next_milestone": "Design review", "due_on": "2027-02-12"})),
    responses(
        (status = 201, description = "The project", body = ProjectView,
            headers(
            ("ETag" = String, description = "This version, for `If-Match`"),
            ("Location" = String, description = "Where it is found"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "Fields are invalid, or there is no such client", body = Problem),
    ),
)]
pub(crate) async fn create_project(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ProjectsWrite>,
    ValidJson(new): ValidJson<NewProjectBody>,
) -> Result<Response, ApiError> {
    let new = NewProject {
        client_id: new.client_id,
        name: new.name.trim().to_owned(),
        aliases: new.aliases,
        status: new.status.name(),
        last_update: new.last_update,
        next_milestone: new.next_milestone,
        due_on: new.due_on,
        progress_percent: new.progress_percent,
        people: new.people,
        link: new.link,
    };
    let created = app::projects::create(&_state.app, &tenant.actor(), new).await?;
    let path = format!("/api/v1/projects/{}", created.id);
    Ok(created_at(&path, shown(created)))
}

/// Change a project.
#[utoipa::path(
    patch, path = "/api/v1/projects/{id}", operation_id = "update_project", tag = "projects",
    extensions(("x-permission" = json!("projects:write"))),
    params(
        ("id" = String, Path, description = "The project", example = "proj_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("If-Match" = String, Header, description = "The `ETag` of the version the change is based on, or `*`"),
    ),
    request_body(content = ProjectPatch, example = json!({"status": "in_review", "due_on": null})),
    responses(
        (status = 200, description = "The project as it is now", body = ProjectView,
            headers(("ETag" = String, description = "The new version"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such project", body = Problem),
        (status = 412, description = "It was changed in the meantime", body = Problem),
        (status = 422, description = "Fields are invalid, or kept by the project tool", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
    ),
)]
pub(crate) async fn update_project(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ProjectsWrite>,
    Id(id): Id<ProjectId>,
    IfMatch(based_on): IfMatch,
    ValidJson(patch): ValidJson<ProjectPatch>,
) -> Result<Response, ApiError> {
    let change = ProjectChange {
        name: patch.name,
        aliases: patch.aliases,
        status: patch.status.map(ProjectStatus::name),
        last_update: patch.last_update,
        next_milestone: patch.next_milestone,
        due_on: patch.due_on,
        progress_percent: patch.progress_percent,
        people: patch.people,
        link: patch.link,
        client_id: patch.client_id,
        archived: patch.archived,
    };
    Ok(shown(app::projects::change(&_state.app, &tenant.actor(), id, based_on, change).await?))
}

/// Delete a project. Verdicts on it stay, without it. One that a tool keeps can only be put away (`archived`).
#[utoipa::path(
    delete, path = "/api/v1/projects/{id}", operation_id = "delete_project", tag = "projects",
    extensions(("x-permission" = json!("projects:write"))),
    params(("id" = String, Path, description = "The project", example = "proj_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 404, description = "There is no such project", body = Problem),
        (status = 409, description = "A project tool keeps it", body = Problem),
    ),
)]
pub(crate) async fn delete_project(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ProjectsWrite>,
    Id(id): Id<ProjectId>,
) -> Result<StatusCode, ApiError> {
    app::projects::delete(&_state.app, &tenant.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown(project: Project) -> Response {
    tagged(project.updated_at, Json(ProjectView::from(project)))
}
