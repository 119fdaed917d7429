//! Versions of agents: published, compared, brought back.

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::agent_versions::{AgentSettings, FieldChange, differences};
use domain::ids::{AgentId, ApiKeyId, UserId};
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::OrgTx;
use store::agent_versions::AgentVersion;
use utoipa::{IntoParams, ToSchema};

use super::agents::AgentSettingsView;
use super::page::{Page, PageQuery};
use crate::auth::tenant::{Tenant, needs};
use crate::etag::created;
use crate::extract::{Id, ValidJson, ValidQuery};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(publish_agent))
        .routes(routes!(roll_back_agent))
        .routes(routes!(list_agent_versions))
        .routes(routes!(get_agent_version))
        .routes(routes!(compare_agent_versions))
}

/// A published version of an agent. It never changes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AgentVersion)]
pub struct AgentVersionView {
    /// Its number, from 1.
    #[schema(example = 3)]
    version: i32,
    /// Why, in the publisher's words.
    note: String,
    /// The version whose settings were brought back; `null` for a draft that was published.
    restored_from: Option<i32>,
    /// The person who published it; `null` for a program or the system.
    #[schema(value_type = Option<String>, example = "user_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    published_by: Option<UserId>,
    /// Their name, while they are a member.
    published_by_name: Option<String>,
    /// The API key that published it.
    #[schema(value_type = Option<String>)]
    api_key_id: Option<ApiKeyId>,
    /// When.
    published_at: DateTime<Utc>,
    /// What it sets.
    settings: AgentSettingsView,
}

impl From<AgentVersion> for AgentVersionView {
    fn from(version: AgentVersion) -> Self {
        Self {
            version: version.version,
            note: version.origin.note,
            restored_from: version.origin.restored_from,
            published_by: version.origin.published_by,
            published_by_name: version.published_by_name,
            api_key_id: version.origin.api_key_id,
            published_at: version.origin.published_at,
            settings: version.settings.into(),
        }
    }
}

/// What is published.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Publication {
    /// Why, for those who look back.
    #[serde(default)]
    #[garde(length(chars, max = 500))]
    #[schema(max_length = 500, example = "Friendlier greeting")]
    note: String,
}

/// What is brought back.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollBack {
    /// The number of the version.
    #[garde(range(min = 1))]
    #[schema(minimum = 1, example = 1)]
    version: i32,
    /// Why, for those who look back.
    #[serde(default)]
    #[garde(length(chars, max = 500))]
    #[schema(max_length = 500)]
    note: String,
}

/// Which versions are compared.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Comparison {
    /// A version's number, `published` or `draft`; `published` when it is left out.
    #[garde(length(bytes, max = 20))]
    #[param(max_length = 20, example = "published")]
    from: Option<String>,
    /// A version's number, `published` or `draft`; `draft` when it is left out.
    #[garde(length(bytes, max = 20))]
    #[param(max_length = 20, example = "draft")]
    to: Option<String>,
}

/// How two versions differ.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgentDiff {
    /// The one that is compared.
    from: String,
    /// With this one.
    to: String,
    /// The fields in which they differ.
    changes: Vec<FieldChangeView>,
}

/// A field that differs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FieldChange)]
pub struct FieldChangeView {
    /// Its name, with a point inside a group.
    #[schema(example = "turn_taking.silence_ms")]
    field: String,
    /// What it is in `from`.
    #[schema(value_type = Value)]
    from: Value,
    /// What it is in `to`.
    #[schema(value_type = Value)]
    to: Value,
}

impl From<FieldChange> for FieldChangeView {
    fn from(change: FieldChange) -> Self {
        Self { field: change.field, from: change.from, to: change.to }
    }
}

/// An agent's id and a version's number in a path.
#[derive(Debug)]
pub(crate) struct VersionPath(AgentId, i32);

impl<S: Send + Sync> FromRequestParts<S> for VersionPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let nothing = ApiError::NotFound("agent version");
        let Ok(Path((id, version))) = Path::<(String, String)>::from_request_parts(parts, state).await else {
            return Err(nothing);
        };
        id.parse().ok().zip(version.parse().ok()).map(|(id, version)| Self(id, version)).ok_or(nothing)
    }
}

/// Publish an agent's draft as its next version. Calls use it from the next one on.
#[utoipa::path(
    post, path = "/api/v1/agents/{id}/publish", operation_id = "publish_agent", tag = "agents",
    extensions(("x-permission" = json!("agents:write"))),
    params(("id" = String, Path, description = "The agent", example = "agent_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    request_body(content = Publication, example = json!({"note": "Friendlier greeting"})),
    responses(
        (status = 201, description = "The version", body = AgentVersionView,
            headers(("Location" = String, description = "Its path"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the plan does not have a setting", body = Problem),
        (status = 404, description = "There is no such agent", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn publish_agent(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::AgentsWrite>,
    Id(id): Id<AgentId>,
    ValidJson(publication): ValidJson<Publication>,
) -> Result<Response, ApiError> {
    let version = app::agent_versions::publish(&_state.app, &tenant.actor(), id, publication.note).await?;
    Ok(published(id, version))
}

/// Bring a version back: its settings become the draft and are published as the next version.
#[utoipa::path(
    post, path = "/api/v1/agents/{id}/rollback", operation_id = "roll_back_agent", tag = "agents",
    extensions(("x-permission" = json!("agents:write"))),
    params(("id" = String, Path, description = "The agent", example = "agent_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    request_body(content = RollBack, example = json!({"version": 1, "note": "The old greeting worked better"})),
    responses(
        (status = 201, description = "The new version", body = AgentVersionView,
            headers(("Location" = String, description = "Its path"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the plan does not have a setting", body = Problem),
        (status = 404, description = "There is no such agent or version", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn roll_back_agent(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::AgentsWrite>,
    Id(id): Id<AgentId>,
    ValidJson(back): ValidJson<RollBack>,
) -> Result<Response, ApiError> {
    let actor = tenant.actor();
    let version = app::agent_versions::roll_back(&_state.app, &actor, id, back.version, back.note).await?;
    Ok(published(id, version))
}

/// List an agent's versions, newest first.
#[utoipa::path(
    get, path = "/api/v1/agents/{id}/versions", operation_id = "list_agent_versions", tag = "agents",
    extensions(("x-permission" = json!("agents:read"))),
    params(("id" = String, Path, description = "The agent", example = "agent_01jd5z6q2mf3vr4c9s8e7t6k5h"), PageQuery),
    responses(
        (status = 200, description = "A page of versions", body = Page<AgentVersionView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such agent", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_agent_versions(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::AgentsRead>,
    Id(id): Id<AgentId>,
    ValidQuery(page): ValidQuery<PageQuery>,
) -> Result<Json<Page<AgentVersionView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    store::agents::get(&mut tx, id).await?;
    let versions = store::agent_versions::list(&mut tx, id, page.behind()?, page.limit()).await?;
    Ok(Json(Page::of(versions, |version| version.version.to_string(), AgentVersionView::from)))
}

/// Get a version of an agent.
#[utoipa::path(
    get, path = "/api/v1/agents/{id}/versions/{version}", operation_id = "get_agent_version", tag = "agents",
    extensions(("x-permission" = json!("agents:read"))),
    params(
        ("id" = String, Path, description = "The agent", example = "agent_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("version" = i32, Path, description = "The version's number", example = 1, minimum = 1),
    ),
    responses(
        (status = 200, description = "The version", body = AgentVersionView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such agent or version", body = Problem),
    ),
)]
pub(crate) async fn get_agent_version(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::AgentsRead>,
    VersionPath(id, version): VersionPath,
) -> Result<Json<AgentVersionView>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    store::agents::get(&mut tx, id).await?;
    Ok(Json(store::agent_versions::get(&mut tx, id, version).await?.into()))
}

/// Compare two versions of an agent field by field, or a version with the draft.
#[utoipa::path(
    get, path = "/api/v1/agents/{id}/diff", operation_id = "compare_agent_versions", tag = "agents",
    extensions(("x-permission" = json!("agents:read"))),
    params(("id" = String, Path, description = "The agent", example = "agent_01jd5z6q2mf3vr4c9s8e7t6k5h"), Comparison),
    responses(
        (status = 200, description = "How they differ", body = AgentDiff),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such agent or version", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn compare_agent_versions(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::AgentsRead>,
    Id(id): Id<AgentId>,
    ValidQuery(comparison): ValidQuery<Comparison>,
) -> Result<Json<AgentDiff>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let (from, old) = side(&mut tx, id, "from", comparison.from, "published").await?;
    let (to, new) = side(&mut tx, id, "to", comparison.to, "draft").await?;
    let changes = differences(&old, &new).into_iter().map(FieldChangeView::from).collect();
    Ok(Json(AgentDiff { from, to, changes }))
}

/// One side of a comparison: its name and its settings.
async fn side(
    tx: &mut OrgTx,
    id: AgentId,
    parameter: &str,
    wanted: Option<String>,
    usual: &str,
) -> Result<(String, AgentSettings), ApiError> {
    let wanted = wanted.unwrap_or_else(|| usual.to_owned());
    let agent = store::agents::get(tx, id).await?;
    let settings = match wanted.as_str() {
        "draft" => agent.settings,
        "published" => agent.published.settings,
        number => {
            let number: i32 = number.parse().map_err(|_| {
                ApiError::field(parameter, "must be a version's number, `published` or `draft`")
            })?;
            store::agent_versions::get(tx, id, number).await?.settings
        }
    };
    Ok((wanted, settings))
}

fn published(id: AgentId, version: AgentVersion) -> Response {
    let path = format!("/api/v1/agents/{id}/versions/{}", version.version);
    created(&path, version.origin.published_at, Json(AgentVersionView::from(version)))
}
