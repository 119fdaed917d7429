//! Clients' requests for more than was agreed.

use app::change_requests::Decision;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::ids::{CallId, ChangeRequestId, ClientId, ProjectId};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::change_requests::{ChangeFilter, ChangeRequest, ChangeSort, ChangeState};
use store::page::Span;
use utoipa::{IntoParams, ToSchema};

use super::page::{Ids, List, ListParams, Listing, Page, moment, orders};
use crate::auth::tenant::{Tenant, needs};
use crate::etag::{IfMatch, tagged};
use crate::extract::{Id, ValidJson, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_change_requests))
        .routes(routes!(get_change_request, update_change_request))
}

/// A client's request for more than was agreed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChangeRequest)]
pub struct ChangeRequestView {
    /// The request's id.
    #[schema(value_type = String, example = "chg_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: ChangeRequestId,
    /// Whose.
    #[schema(value_type = Option<String>)]
    client_id: Option<ClientId>,
    /// On which project; `null` when that was not clear.
    #[schema(value_type = Option<String>)]
    project_id: Option<ProjectId>,
    /// In which call.
    #[schema(value_type = Option<String>)]
    call_id: Option<CallId>,
    /// The client's own words.
    quote: String,
    /// How sure it is that they ask for more, 0 to 1.
    confidence: f32,
    /// Who was named to the client as the one who will come back to them.
    manager: String,
    /// `draft`, `confirmed`, `declined` or `done`.
    #[schema(value_type = String, example = "draft")]
    state: ChangeState,
    /// What the business notes about it.
    note: String,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl From<ChangeRequest> for ChangeRequestView {
    fn from(request: ChangeRequest) -> Self {
        Self {
            id: request.id,
            client_id: request.client_id,
            project_id: request.project_id,
            call_id: request.call_id,
            quote: request.quote,
            confidence: request.confidence,
            manager: request.manager,
            state: request.state,
            note: request.note,
            created_at: request.created_at,
            updated_at: request.updated_at,
        }
    }
}

orders! {
    /// How requests are ordered.
    pub enum ChangeOrder of ChangeSort:
    CreatedAt "created_at", CreatedAtDown "-created_at" => ChangeSort::CreatedAt;
}

/// Which requests are wanted.
#[derive(Debug, Serialize, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangeRequestsQuery {
    /// The order; `-created_at` when left out.
    #[garde(skip)]
    #[param(inline)]
    sort: Option<ChangeOrder>,
    /// Only these, separated by commas; at most 100.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "chg_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    ids: Option<Ids<ChangeRequestId>>,
    /// Only this client's.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "client_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    client_id: Option<ClientId>,
    /// Only those on this project.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "proj_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    project_id: Option<ProjectId>,
    /// Only those made in this call.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "call_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    call_id: Option<CallId>,
    /// Only those that stand like this.
    #[garde(skip)]
    #[param(value_type = Option<String>, pattern = "^(draft|confirmed|declined|done)$")]
    state: Option<ChangeState>,
    /// Only those made at this moment or later.
    #[garde(custom(moment))]
    created_after: Option<DateTime<Utc>>,
    /// Only those made before this moment.
    #[garde(custom(moment))]
    created_before: Option<DateTime<Utc>>,
}

impl Listing for ChangeRequestsQuery {
    const NOUN: &'static str = "change_requests";
    type Order = ChangeOrder;

    fn order(&self) -> Option<ChangeOrder> {
        self.sort
    }
}

impl From<&ChangeRequestsQuery> for ChangeFilter {
    fn from(query: &ChangeRequestsQuery) -> Self {
        Self {
            ids: query.ids.as_ref().map(|ids| ids.0.clone()),
            client_id: query.client_id,
            project_id: query.project_id,
            call_id: query.call_id,
            state: query.state,
            created: Span { from: query.created_after, until: query.created_before },
        }
    }
}

/// What is decided. Fields that are left out stay as they are.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeRequestPatch {
    /// `draft`, `confirmed`, `declined` or `done`.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(value_type = Option<String>, nullable = false, example = "confirmed")]
    state: Option<ChangeState>,
    /// What the business notes about it.
    #[serde(default, deserialize_with = "required")]
    #[garde(inner(length(chars, max = 2000)))]
    #[schema(nullable = false, max_length = 2000)]
    note: Option<String>,
}

/// List clients' requests for more than was agreed.
#[utoipa::path(
    get, path = "/api/v1/change-requests", operation_id = "list_change_requests", tag = "change-requests",
    extensions(("x-permission" = json!("projects:read"))),
    params(ChangeRequestsQuery, ListParams),
    responses(
        (status = 200, description = "A page of requests", body = Page<ChangeRequestView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_change_requests(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ProjectsRead>,
    list: List<ChangeRequestsQuery>,
) -> Result<Json<Page<ChangeRequestView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let requests = store::change_requests::list(&mut tx, &(&list.filter).into(), &list.wanted).await?;
    Ok(Json(list.page(requests, ChangeRequestView::from)))
}

/// Get a client's request for more than was agreed. The `ETag` names this version of it.
#[utoipa::path(
    get, path = "/api/v1/change-requests/{id}", operation_id = "get_change_request", tag = "change-requests",
    extensions(("x-permission" = json!("projects:read"))),
    params(("id" = String, Path, description = "The request", example = "chg_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The request", body = ChangeRequestView,
            headers(("ETag" = String, description = "This version, for `If-Match`"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such request", body = Problem),
    ),
)]
pub(crate) async fn get_change_request(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ProjectsRead>,
    Id(id): Id<ChangeRequestId>,
) -> Result<Response, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(shown(store::change_requests::get(&mut tx, id).await?))
}

/// Decide on a client's request for more than was agreed.
#[utoipa::path(
    patch, path = "/api/v1/change-requests/{id}", operation_id = "update_change_request", tag = "change-requests",
    extensions(("x-permission" = json!("projects:write"))),
    params(
        ("id" = String, Path, description = "The request", example = "chg_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("If-Match" = String, Header, description = "The `ETag` of the version the change is based on, or `*`"),
    ),
    request_body(content = ChangeRequestPatch, example = json!({"state": "confirmed", "note": "Offer sent."})),
    responses(
        (status = 200, description = "The request as it is now", body = ChangeRequestView,
            headers(("ETag" = String, description = "The new version"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 404, description = "There is no such request", body = Problem),
        (status = 412, description = "It was changed in the meantime", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
    ),
)]
pub(crate) async fn update_change_request(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ProjectsWrite>,
    Id(id): Id<ChangeRequestId>,
    IfMatch(based_on): IfMatch,
    ValidJson(patch): ValidJson<ChangeRequestPatch>,
) -> Result<Response, ApiError> {
    let decision = Decision { state: patch.state, note: patch.note };
    Ok(shown(app::change_requests::decide(&_state.app, &tenant.actor(), id, based_on, decision).await?))
}

fn shown(request: ChangeRequest) -> Response {
    tagged(request.updated_at, Json(ChangeRequestView::from(request)))
}
