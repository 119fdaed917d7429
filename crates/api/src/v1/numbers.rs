//! Phone numbers: connected, changed, released.

use app::numbers::NumberChange;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::ids::{AgentId, NumberId};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::numbers::StoredNumber;
use utoipa::ToSchema;

use super::page::Page;
use crate::auth::tenant::{Tenant, needs};
use crate::etag::{IfMatch, created, tagged};
use crate::extract::{Id, ValidJson, clearable, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_numbers, create_number)).routes(routes!(
        get_number,
        update_number,
        delete_number
    ))
}

/// A phone number.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Number)]
pub struct NumberView {
    /// The number's id.
    #[schema(value_type = String, example = "num_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: NumberId,
    /// The number in E.164.
    #[schema(example = "+15135550100")]
    number: String,
    /// The agent that answers, unless the routing says otherwise.
    #[schema(value_type = String, example = "agent_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    agent_id: AgentId,
    /// The name on screens.
    label: String,
    /// Rung when no agent can take a call, in E.164.
    #[schema(example = "+15135550199")]
    fallback_number: Option<String>,
    /// Whether calls are recorded.
    recording: bool,
    /// Spoken before everything else, such as that the call is recorded; empty means none.
    notice: String,
    /// In place of the agent's greeting; empty means the agent's.
    greeting: String,
    /// When it was connected.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl From<StoredNumber> for NumberView {
    fn from(stored: StoredNumber) -> Self {
        let number = stored.number;
        Self {
            id: number.id,
            number: number.e164,
            agent_id: number.agent_id,
            label: number.label,
            fallback_number: number.fallback_number,
            recording: number.recording,
            notice: number.notice,
            greeting: number.greeting,
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        }
    }
}

/// A number to be connected.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNumber {
    /// The number; without country code it is read as of the organization's country.
    #[garde(length(chars, min = 1, max = 40))]
    #[schema(min_length = 1, max_length = 40, example = "+15135550100")]
    number: String,
    /// The agent that answers.
    #[garde(skip)]
    #[schema(value_type = String, example = "agent_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    agent_id: AgentId,
    /// The name on screens.
    #[serde(default)]
    #[garde(length(chars, max = 100))]
    #[schema(max_length = 100)]
    label: String,
    /// Rung when no agent can take a call.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 40)))]
    #[schema(min_length = 1, max_length = 40, example = "+15135550199")]
    fallback_number: Option<String>,
    /// Whether calls are recorded; they are unless it is said.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(nullable = false, default = true)]
    recording: Option<bool>,
    /// Spoken before everything else.
    #[serde(default)]
    #[garde(length(chars, max = 1_000))]
    #[schema(max_length = 1_000)]
    notice: String,
    /// In place of the agent's greeting.
    #[serde(default)]
    #[garde(length(chars, max = 1_000))]
    #[schema(max_length = 1_000)]
    greeting: String,
}

/// What to change of a number. Fields that are left out stay as they are; the number itself can't be changed.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NumberPatch {
    /// The agent that answers.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(nullable = false, value_type = String)]
    agent_id: Option<AgentId>,
    /// The name on screens.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 100))]
    #[schema(nullable = false, max_length = 100)]
    label: Option<String>,
    /// Rung when no agent can take a call; `null` for none.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(length(chars, min = 1, max = 40))))]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 40)]
    fallback_number: Option<Option<String>>,
    /// Whether calls are recorded.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(nullable = false)]
    recording: Option<bool>,
    /// Spoken before everything else; empty means none.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 1_000))]
    #[schema(nullable = false, max_length = 1_000)]
    notice: Option<String>,
    /// In place of the agent's greeting; empty means the agent's.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 1_000))]
    #[schema(nullable = false, max_length = 1_000)]
    greeting: Option<String>,
}

/// List phone numbers, oldest first. They come at once: there are 200 at most.
#[utoipa::path(
    get, path = "/api/v1/numbers", operation_id = "list_numbers", tag = "numbers",
    extensions(("x-permission" = json!("numbers:read"))),
    responses(
        (status = 200, description = "The numbers", body = Page<NumberView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
    ),
)]
pub(crate) async fn list_numbers(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::NumbersRead>,
) -> Result<Json<Page<NumberView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let numbers = store::numbers::list(&mut tx).await?;
    Ok(Json(Page::whole(numbers.into_iter().map(NumberView::from).collect())))
}

/// Get a phone number. The `ETag` names this version of it.
#[utoipa::path(
    get, path = "/api/v1/numbers/{id}", operation_id = "get_number", tag = "numbers",
    extensions(("x-permission" = json!("numbers:read"))),
    params(("id" = String, Path, description = "The number", example = "num_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The number", body = NumberView,
            headers(("ETag" = String, description = "This version, for `If-Match`"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such number", body = Problem),
    ),
)]
pub(crate) async fn get_number(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::NumbersRead>,
    Id(id): Id<NumberId>,
) -> Result<Response, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(shown(store::numbers::get(&mut tx, id).await?))
}

/// Connect a phone number. Calls to it are answered by the agent from now on.
#[utoipa::path(
    post, path = "/api/v1/numbers", operation_id = "create_number", tag = "numbers",
    extensions(("x-permission" = json!("numbers:manage"))),
    request_body(content = NewNumber, example = json!({"number": "+15135550100",
        "agent_id": "agent_01jd5z6q2mf3vr4c9s8e7t6k5h", "label": "Studio"})),
    responses(
        (status = 201, description = "The number", body = NumberView,
            headers(("ETag" = String, description = "This version"), ("Location" = String, description = "Its path"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 409, description = "The number is connected already, or there are too many", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn create_number(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::NumbersManage>,
    ValidJson(new): ValidJson<NewNumber>,
) -> Result<Response, ApiError> {
    let change = NumberChange {
        agent_id: None,
        label: Some(new.label),
        fallback_number: Some(new.fallback_number),
        recording: new.recording,
        notice: Some(new.notice),
        greeting: Some(new.greeting),
    };
    let stored =
        app::numbers::create(&_state.app, &tenant.actor(), &new.number, new.agent_id, change).await?;
    let path = format!("/api/v1/numbers/{}", stored.number.id);
    Ok(created(&path, stored.updated_at, Json(NumberView::from(stored))))
}

/// Change a phone number. Calls in progress keep what they began with.
#[utoipa::path(
    patch, path = "/api/v1/numbers/{id}", operation_id = "update_number", tag = "numbers",
    extensions(("x-permission" = json!("numbers:manage"))),
    params(
        ("id" = String, Path, description = "The number", example = "num_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("If-Match" = String, Header, description = "The `ETag` of the version the change is based on, or `*`"),
    ),
    request_body(content = NumberPatch, example = json!({"notice": "This call is recorded."})),
    responses(
        (status = 200, description = "The number as it is now", body = NumberView,
            headers(("ETag" = String, description = "The new version"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such number", body = Problem),
        (status = 412, description = "It was changed in the meantime", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
    ),
)]
pub(crate) async fn update_number(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::NumbersManage>,
    Id(id): Id<NumberId>,
    IfMatch(based_on): IfMatch,
    ValidJson(patch): ValidJson<NumberPatch>,
) -> Result<Response, ApiError> {
    let change = NumberChange {
        agent_id: patch.agent_id,
        label: patch.label,
        fallback_number: patch.fallback_number,
        recording: patch.recording,
        notice: patch.notice,
        greeting: patch.greeting,
    };
    Ok(shown(app::numbers::change(&_state.app, &tenant.actor(), id, based_on, change).await?))
}

/// Release a phone number. Its calls stay; whoever calls it now is told that it is not in service.
#[utoipa::path(
    delete, path = "/api/v1/numbers/{id}", operation_id = "delete_number", tag = "numbers",
    extensions(("x-permission" = json!("numbers:manage"))),
    params(("id" = String, Path, description = "The number", example = "num_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 204, description = "It is released"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such number", body = Problem),
    ),
)]
pub(crate) async fn delete_number(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::NumbersManage>,
    Id(id): Id<NumberId>,
) -> Result<StatusCode, ApiError> {
    app::numbers::release(&_state.app, &tenant.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown(stored: StoredNumber) -> Response {
    tagged(stored.updated_at, Json(NumberView::from(stored)))
}
