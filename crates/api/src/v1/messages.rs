//! Messages that callers asked to be passed on.

use app::messages::MessageChange;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::ids::{CallId, MessageId, UserId};
use domain::leads::Priority;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::messages::{Kept, MessageFilter, MessageSort};
use store::page::Span;
use utoipa::{IntoParams, ToSchema};

use super::page::{Ids, List, ListParams, Listing, Page, moment, orders};
use crate::auth::tenant::{Tenant, needs};
use crate::etag::{IfMatch, tagged};
use crate::extract::{Id, ValidJson, clearable, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_messages)).routes(routes!(
        get_message,
        update_message,
        delete_message
    ))
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Message)]
pub struct MessageView {
    /// The message's id.
    #[schema(value_type = String, example = "msg_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: MessageId,
    /// The conversation it was taken in.
    #[schema(value_type = Option<String>)]
    call_id: Option<CallId>,
    /// Who it is from, as said.
    from_name: Option<String>,
    /// Where to answer: E.164 or e-mail.
    reply_to: Option<String>,
    /// The words.
    text: String,
    /// `LOW`, `NORMAL`, `HIGH` or `URGENT`.
    #[schema(value_type = String, example = "NORMAL")]
    priority: Priority,
    /// Who looks after it.
    #[schema(value_type = Option<String>, example = "user_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    assignee_id: Option<UserId>,
    /// The length of its recording in milliseconds; `null` when there is none to play.
    recording_ms: Option<u64>,
    /// When it was dealt with; `null` while it waits.
    handled_at: Option<DateTime<Utc>>,
    /// By whom; `null` also when it was a program.
    #[schema(value_type = Option<String>)]
    handled_by: Option<UserId>,
    /// When it was taken.
    created_at: DateTime<Utc>,
    /// When its handling was last changed.
    updated_at: DateTime<Utc>,
}

impl From<Kept> for MessageView {
    fn from(kept: Kept) -> Self {
        let (message, handling) = (kept.message, kept.handling);
        Self {
            assignee_id: handling.assignee_id,
            handled_at: handling.handled_at,
            handled_by: handling.handled_by,
            recording_ms: kept.recording_ms,
            updated_at: kept.updated_at,
            id: message.id,
            call_id: message.call_id,
            from_name: message.from_name,
            reply_to: message.reply_to,
            text: message.text,
            priority: message.priority,
            created_at: message.created_at,
        }
    }
}

orders! {
    /// How messages are ordered.
    pub enum MessageOrder of MessageSort:
    CreatedAt "created_at", CreatedAtDown "-created_at" => MessageSort::CreatedAt;
}

/// Which messages are wanted.
#[derive(Debug, Serialize, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MessagesQuery {
    /// The order; `-created_at` when left out.
    #[garde(skip)]
    #[param(inline)]
    sort: Option<MessageOrder>,
    /// Only these, separated by commas; at most 100.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "msg_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    ids: Option<Ids<MessageId>>,
    /// Only messages whose words or sender contain this, in whatever case.
    #[garde(length(chars, max = 200))]
    #[param(max_length = 200)]
    q: Option<String>,
    /// Only messages taken in this call.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "call_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    call_id: Option<CallId>,
    /// Only messages that are dealt with, or only those that wait.
    #[garde(skip)]
    handled: Option<bool>,
    /// Only messages this pressing.
    #[garde(skip)]
    #[param(value_type = Option<String>, pattern = "^(LOW|NORMAL|HIGH|URGENT)$")]
    priority: Option<Priority>,
    /// Only messages that this person looks after.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "user_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    assignee_id: Option<UserId>,
    /// Only messages taken at this moment or later.
    #[garde(custom(moment))]
    created_after: Option<DateTime<Utc>>,
    /// Only messages taken before this moment.
    #[garde(custom(moment))]
    created_before: Option<DateTime<Utc>>,
}

impl Listing for MessagesQuery {
    const NOUN: &'static str = "messages";
    type Order = MessageOrder;

    fn order(&self) -> Option<MessageOrder> {
        self.sort
    }
}

impl From<&MessagesQuery> for MessageFilter {
    fn from(query: &MessagesQuery) -> Self {
        Self {
            ids: query.ids.as_ref().map(|ids| ids.0.clone()),
            call_id: query.call_id,
            handled: query.handled,
            priority: query.priority,
            assignee_id: query.assignee_id,
            contains: query.q.clone(),
            created: Span { from: query.created_after, until: query.created_before },
        }
    }
}

/// What to change of a message's handling. Fields that are left out stay as they are.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessagePatch {
    /// `true` marks it as dealt with, `false` opens it again.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(nullable = false)]
    handled: Option<bool>,
    /// Who looks after it: a member of the organization; `null` for nobody.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    assignee_id: Option<Option<UserId>>,
}

/// List messages.
#[utoipa::path(
    get, path = "/api/v1/messages", operation_id = "list_messages", tag = "messages",
    extensions(("x-permission" = json!("messages:read"))),
    params(MessagesQuery, ListParams),
    responses(
        (status = 200, description = "A page of messages", body = Page<MessageView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_messages(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::MessagesRead>,
    list: List<MessagesQuery>,
) -> Result<Json<Page<MessageView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let messages = store::messages::list(&mut tx, &(&list.filter).into(), &list.wanted).await?;
    Ok(Json(list.page(messages, MessageView::from)))
}

/// Get a message. The `ETag` names this version of its handling.
#[utoipa::path(
    get, path = "/api/v1/messages/{id}", operation_id = "get_message", tag = "messages",
    extensions(("x-permission" = json!("messages:read"))),
    params(("id" = String, Path, description = "The message", example = "msg_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The message", body = MessageView,
            headers(("ETag" = String, description = "This version, for `If-Match`"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 404, description = "There is no such message", body = Problem),
    ),
)]
pub(crate) async fn get_message(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::MessagesRead>,
    Id(id): Id<MessageId>,
) -> Result<Response, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(shown(store::messages::get(&mut tx, id).await?))
}

/// Mark a message as dealt with or open it again, or give it into somebody's hands.
#[utoipa::path(
    patch, path = "/api/v1/messages/{id}", operation_id = "update_message", tag = "messages",
    extensions(("x-permission" = json!("messages:write"))),
    params(
        ("id" = String, Path, description = "The message", example = "msg_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("If-Match" = String, Header, description = "The `ETag` of the version the change is based on, or `*`"),
    ),
    request_body(content = MessagePatch, example = json!({"handled": true})),
    responses(
        (status = 200, description = "The message as it is now", body = MessageView,
            headers(("ETag" = String, description = "The new version"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 404, description = "There is no such message", body = Problem),
        (status = 412, description = "It was changed in the meantime", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
    ),
)]
pub(crate) async fn update_message(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::MessagesWrite>,
    Id(id): Id<MessageId>,
    IfMatch(based_on): IfMatch,
    ValidJson(patch): ValidJson<MessagePatch>,
) -> Result<Response, ApiError> {
    let change = MessageChange { handled: patch.handled, assignee_id: patch.assignee_id };
    Ok(shown(app::messages::change(&_state.app, &tenant.actor(), id, based_on, change).await?))
}

/// Delete a message, with its recording.
#[utoipa::path(
    delete, path = "/api/v1/messages/{id}", operation_id = "delete_message", tag = "messages",
    extensions(("x-permission" = json!("messages:write"))),
    params(("id" = String, Path, description = "The message", example = "msg_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 404, description = "There is no such message", body = Problem),
    ),
)]
pub(crate) async fn delete_message(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::MessagesWrite>,
    Id(id): Id<MessageId>,
) -> Result<StatusCode, ApiError> {
    app::messages::delete(&_state.app, &tenant.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown(message: Kept) -> Response {
    tagged(message.updated_at, Json(MessageView::from(message)))
}
