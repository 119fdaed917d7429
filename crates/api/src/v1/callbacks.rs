//! Calls that are to be made: those that callers asked for, and those of the business.

use app::callbacks::{CallbackChange, WantedCall};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::callbacks::CallbackState;
use domain::ids::{AgentId, CallId, CallbackId};
use domain::phone::PhoneNumber;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::callbacks::{Callback, CallbackFilter, CallbackPurpose, CallbackSort};
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
        .routes(routes!(list_callbacks))
        .routes(routes!(update_callback))
        .routes(routes!(place_call))
}

/// A call that is to be made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Callback)]
pub struct CallbackView {
    /// Its id.
    #[schema(value_type = String, example = "cb_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: CallbackId,
    /// `callback` (a caller asked), `request` (the business asked) or `test`.
    #[schema(value_type = String, example = "callback")]
    purpose: CallbackPurpose,
    /// `waiting`, `placing`, `ringing`, `talking`, `done`, `machine`, `no_answer`, `busy`, `failed` or `cancelled`.
    #[schema(value_type = String, example = "waiting")]
    state: CallbackState,
    /// Who is called.
    #[schema(example = "+15135550142")]
    to: String,
    /// Their name.
    name: Option<String>,
    /// The number that is shown to them.
    from: String,
    /// What it is about.
    about: String,
    /// Who talks.
    #[schema(value_type = String)]
    agent_id: AgentId,
    /// Not before this moment.
    due_at: DateTime<Utc>,
    /// The call it was asked for in.
    #[schema(value_type = Option<String>)]
    asked_in: Option<CallId>,
    /// The call it became, once somebody answered.
    #[schema(value_type = Option<String>)]
    call_id: Option<CallId>,
    /// When it was asked for.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl From<Callback> for CallbackView {
    fn from(callback: Callback) -> Self {
        Self {
            id: callback.id,
            purpose: callback.purpose,
            state: callback.state,
            to: callback.number,
            name: callback.name,
            from: callback.our_number,
            about: callback.about,
            agent_id: callback.agent_id,
            due_at: callback.due_at,
            asked_in: callback.asked_in,
            call_id: callback.became,
            created_at: callback.created_at,
            updated_at: callback.updated_at,
        }
    }
}

orders! {
    /// How calls that are to be made are ordered.
    pub enum CallbackOrder of CallbackSort:
    CreatedAt "created_at", CreatedAtDown "-created_at" => CallbackSort::CreatedAt;
}

/// Which calls that are to be made are wanted.
#[derive(Debug, Serialize, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CallbacksQuery {
    /// The order; `-created_at` when left out.
    #[garde(skip)]
    #[param(inline)]
    sort: Option<CallbackOrder>,
    /// Only these, separated by commas; at most 100.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "cb_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    ids: Option<Ids<CallbackId>>,
    /// Only those that stand like this.
    #[garde(skip)]
    #[param(value_type = Option<String>,
        pattern = "^(waiting|placing|ringing|talking|done|machine|no_answer|busy|failed|cancelled)$")]
    state: Option<CallbackState>,
    /// Only those asked for in this call.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "call_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    asked_in: Option<CallId>,
    /// Only those asked for at this moment or later.
    #[garde(custom(moment))]
    created_after: Option<DateTime<Utc>>,
    /// Only those asked for before this moment.
    #[garde(custom(moment))]
    created_before: Option<DateTime<Utc>>,
}

impl Listing for CallbacksQuery {
    const NOUN: &'static str = "callbacks";
    type Order = CallbackOrder;

    fn order(&self) -> Option<CallbackOrder> {
        self.sort
    }
}

impl From<&CallbacksQuery> for CallbackFilter {
    fn from(query: &CallbacksQuery) -> Self {
        Self {
            ids: query.ids.as_ref().map(|ids| ids.0.clone()),
            state: query.state,
            asked_in: query.asked_in,
            created: Span { from: query.created_after, until: query.created_before },
        }
    }
}

/// What to change of a call that waits. Fields that are left out stay as they are.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallbackPatch {
    /// Not before this moment; at most 60 days ahead.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(nullable = false)]
    due_at: Option<DateTime<Utc>>,
    /// What it is about.
    #[serde(default, deserialize_with = "required")]
    #[garde(inner(length(chars, max = 500)))]
    #[schema(nullable = false, max_length = 500)]
    about: Option<String>,
    /// `true` takes it back.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(nullable = false)]
    cancelled: Option<bool>,
}

/// A call to be made.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOutboundCall {
    /// Who is called, with country code. Neither emergency nor premium numbers.
    #[garde(length(chars, min = 1, max = 40))]
    #[schema(min_length = 1, max_length = 40, example = "+15135550142")]
    to: String,
    /// Their name.
    #[serde(default)]
    #[garde(inner(length(chars, max = 200)))]
    #[schema(max_length = 200, example = "Maria Lopez")]
    name: Option<String>,
    /// What it is about.
    #[serde(default)]
    #[garde(length(chars, max = 500))]
    #[schema(max_length = 500)]
    about: String,
    /// Who talks; the agent of the business's first number when left out.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    agent_id: Option<AgentId>,
    /// Not before this moment, at most 60 days ahead; now when left out.
    #[serde(default)]
    #[garde(skip)]
    at: Option<DateTime<Utc>>,
    /// Whether it is only to try whether calls work: then the hour does not matter.
    #[serde(default)]
    #[garde(skip)]
    #[schema(default = false)]
    test: bool,
}

/// List calls that are to be made, and what became of them.
#[utoipa::path(
    get, path = "/api/v1/callbacks", operation_id = "list_callbacks", tag = "calls",
    extensions(("x-permission" = json!("calls:read"))),
    params(CallbacksQuery, ListParams),
    responses(
        (status = 200, description = "A page of calls to be made", body = Page<CallbackView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_callbacks(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::CallsRead>,
    list: List<CallbacksQuery>,
) -> Result<Json<Page<CallbackView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let callbacks = store::callbacks::list(&mut tx, &(&list.filter).into(), &list.wanted).await?;
    Ok(Json(list.page(callbacks, CallbackView::from)))
}

/// Put off a call that is to be made, or take it back.
#[utoipa::path(
    patch, path = "/api/v1/callbacks/{id}", operation_id = "update_callback", tag = "calls",
    extensions(("x-permission" = json!("calls:control"))),
    params(
        ("id" = String, Path, description = "The call to be made", example = "cb_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("If-Match" = String, Header, description = "The `ETag` of the version the change is based on, or `*`"),
    ),
    request_body(content = CallbackPatch, example = json!({"about": "the logo drafts"})),
    responses(
        (status = 200, description = "The call as it is now", body = CallbackView,
            headers(("ETag" = String, description = "The new version"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 404, description = "There is no such call", body = Problem),
        (status = 409, description = "It is being made, or over", body = Problem),
        (status = 412, description = "It was changed in the meantime", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
    ),
)]
pub(crate) async fn update_callback(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::CallsControl>,
    Id(id): Id<CallbackId>,
    IfMatch(based_on): IfMatch,
    ValidJson(patch): ValidJson<CallbackPatch>,
) -> Result<Response, ApiError> {
    let change = CallbackChange {
        due_at: patch.due_at,
        about: patch.about,
        cancelled: patch.cancelled.unwrap_or_default(),
    };
    let changed = app::callbacks::change(&_state.app, &tenant.actor(), id, based_on, change).await?;
    Ok(tagged(changed.updated_at, Json(CallbackView::from(changed))))
}

/// Have an agent call somebody. Calls wait for their turn at the carrier's rate; a machine is left a message.
#[utoipa::path(
    post, path = "/api/v1/calls", operation_id = "place_call", tag = "calls",
    extensions(("x-permission" = json!("calls:control"))),
    request_body(content = NewOutboundCall, example = json!({"to": "+15135550142", "about": "your logo", "test": true})),
    responses(
        (status = 202, description = "It will be made", body = CallbackView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the plan does not have it", body = Problem),
        (status = 404, description = "There is no such agent", body = Problem),
        (status = 409, description = "There is nothing to call with, or it is night", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn place_call(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::CallsControl>,
    ValidJson(call): ValidJson<NewOutboundCall>,
) -> Result<(StatusCode, Json<CallbackView>), ApiError> {
    let to = PhoneNumber::parse(&call.to, None)
        .map_err(|error| app::error::AppError::Invalid { field: "to", message: format!("is {error}") })?;
    let wanted = WantedCall {
        to,
        name: call.name,
        about: call.about,
        agent_id: call.agent_id,
        at: call.at,
        is_test: call.test,
    };
    let asked = app::callbacks::ask(&_state.app, &tenant.actor(), wanted).await?;
    Ok((StatusCode::ACCEPTED, Json(asked.into())))
}
