//! Messages that callers asked to be passed on.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::ids::{CallId, MessageId};
use domain::leads::Priority;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::messages::Message;
use store::page::Cursor;
use utoipa::{IntoParams, ToSchema};

use super::page::{Page, PageQuery};
use crate::auth::tenant::{Tenant, needs};
use crate::extract::ValidQuery;
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_messages))
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
    /// When it was taken.
    created_at: DateTime<Utc>,
}

impl From<Message> for MessageView {
    fn from(message: Message) -> Self {
        Self {
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

/// Which messages are wanted.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MessagesQuery {
    /// Only messages taken in this call.
    #[garde(skip)]
    #[param(value_type = Option<String>)]
    call_id: Option<CallId>,
}

/// List messages, newest first.
#[utoipa::path(
    get, path = "/api/v1/messages", operation_id = "list_messages", tag = "messages",
    extensions(("x-permission" = json!("messages:read"))),
    params(MessagesQuery, PageQuery),
    responses(
        (status = 200, description = "A page of messages", body = Page<MessageView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_messages(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::MessagesRead>,
    ValidQuery(query): ValidQuery<MessagesQuery>,
    ValidQuery(page): ValidQuery<PageQuery>,
) -> Result<Json<Page<MessageView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let messages = store::messages::list(&mut tx, query.call_id, page.behind()?, page.limit()).await?;
    let place = |message: &Message| Cursor { at: message.created_at, id: message.id.0 }.to_string();
    Ok(Json(Page::of(messages, place, MessageView::from)))
}
