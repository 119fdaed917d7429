//! What people were told, or are to be told, and what kept it from them; a test e-mail.

use app::notifications::testing::Outcome;
use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::email::EmailAddress;
use domain::ids::NotificationId;
use domain::notification_settings::{Channel, Event};
use garde::Validate;
use provider_traits::error::ProviderError;
use serde::{Deserialize, Serialize};
use store::notifications::{Notification, NotificationFilter, NotificationSort, NotificationState};
use store::page::Span;
use utoipa::{IntoParams, ToSchema};

use super::page::{Ids, List, ListParams, Listing, Page, moment, orders};
use crate::auth::tenant::{Tenant, needs};
use crate::extract::{Id, ValidJson};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_notifications))
        .routes(routes!(retry_notification))
        .routes(routes!(test_notification))
}

/// Something that somebody was told, or is to be told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Notification)]
pub struct NotificationView {
    /// The notification's id.
    #[schema(value_type = String, example = "ntf_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: NotificationId,
    /// What happened: `lead.created`, `lead.urgent`, `call.ended`, `scope.alert`, `message.taken`, `digest`.
    #[schema(value_type = String, example = "call.ended")]
    event: Event,
    /// `email` or `sms`.
    #[schema(value_type = String, example = "email")]
    channel: Channel,
    /// To where.
    #[schema(example = "dana@aurora.example")]
    address: String,
    /// To whom.
    #[schema(example = "Dana Reed")]
    name: String,
    /// `waiting` (to be sent, perhaps again), `sent`, `failed` (given up) or `dropped` (what it told of is gone).
    #[schema(value_type = String, example = "sent")]
    state: NotificationState,
    /// Not before this moment: the quiet hours.
    not_before: Option<DateTime<Utc>>,
    /// Attempts that failed.
    attempts: u32,
    /// Why the last attempt failed, or why it was dropped.
    reason: Option<String>,
    /// When it was written down.
    created_at: DateTime<Utc>,
    /// When it was sent or given up.
    finished_at: Option<DateTime<Utc>>,
}

impl From<Notification> for NotificationView {
    fn from(one: Notification) -> Self {
        Self {
            id: one.id,
            event: one.event,
            channel: one.channel,
            address: one.address,
            name: one.name,
            state: one.state,
            not_before: one.not_before,
            attempts: one.attempts,
            reason: one.reason,
            created_at: one.created_at,
            finished_at: one.finished_at,
        }
    }
}

orders! {
    /// How notifications are ordered.
    pub enum NotificationOrder of NotificationSort:
    CreatedAt "created_at", CreatedAtDown "-created_at" => NotificationSort::CreatedAt;
}

/// Which notifications are wanted.
#[derive(Debug, Serialize, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NotificationsQuery {
    /// The order; `-created_at` when left out.
    #[garde(skip)]
    #[param(inline)]
    sort: Option<NotificationOrder>,
    /// Only these, separated by commas; at most 100.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "ntf_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    ids: Option<Ids<NotificationId>>,
    /// Only those that stand there.
    #[garde(skip)]
    #[param(value_type = Option<String>, pattern = "^(waiting|sent|failed|dropped)$")]
    state: Option<NotificationState>,
    /// Only those of this event.
    #[garde(skip)]
    #[param(value_type = Option<String>,
        pattern = r"^(lead\.created|lead\.urgent|call\.ended|scope\.alert|message\.taken|digest)$")]
    event: Option<Event>,
    /// Only those by this way.
    #[garde(skip)]
    #[param(value_type = Option<String>, pattern = "^(email|sms)$")]
    channel: Option<Channel>,
    /// Only those written down at this moment or later.
    #[garde(custom(moment))]
    created_after: Option<DateTime<Utc>>,
    /// Only those written down before this moment.
    #[garde(custom(moment))]
    created_before: Option<DateTime<Utc>>,
}

impl Listing for NotificationsQuery {
    const NOUN: &'static str = "notifications";
    type Order = NotificationOrder;

    fn order(&self) -> Option<NotificationOrder> {
        self.sort
    }
}

impl From<&NotificationsQuery> for NotificationFilter {
    fn from(query: &NotificationsQuery) -> Self {
        Self {
            ids: query.ids.as_ref().map(|ids| ids.0.clone()),
            state: query.state,
            event: query.event,
            channel: query.channel,
            created: Span { from: query.created_after, until: query.created_before },
        }
    }
}

/// List what people were told, and what could not be sent.
#[utoipa::path(
    get, path = "/api/v1/notifications", operation_id = "list_notifications", tag = "notifications",
    extensions(("x-permission" = json!("notifications:read"))),
    params(NotificationsQuery, ListParams),
    responses(
        (status = 200, description = "A page of notifications", body = Page<NotificationView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_notifications(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::NotificationsRead>,
    list: List<NotificationsQuery>,
) -> Result<Json<Page<NotificationView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let found = store::notifications::list(&mut tx, &(&list.filter).into(), &list.wanted).await?;
    Ok(Json(list.page(found, NotificationView::from)))
}

/// Send a notification that failed once more.
#[utoipa::path(
    post, path = "/api/v1/notifications/{id}/retry", operation_id = "retry_notification", tag = "notifications",
    extensions(("x-permission" = json!("notifications:write"))),
    params(("id" = String, Path, description = "The notification", example = "ntf_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "It waits to be sent", body = NotificationView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such notification", body = Problem),
        (status = 409, description = "It did not fail", body = Problem),
    ),
)]
pub(crate) async fn retry_notification(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::NotificationsWrite>,
    Id(id): Id<NotificationId>,
) -> Result<Json<NotificationView>, ApiError> {
    Ok(Json(app::notifications::retry(&_state.app, &tenant.actor(), id).await?.into()))
}

/// Where a test e-mail goes.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestNotification {
    /// The address.
    #[garde(length(chars, min = 1, max = 320))]
    #[schema(min_length = 1, max_length = 320, example = "dana@aurora.example")]
    email: String,
}

/// What came of a test e-mail.
#[derive(Debug, Serialize, ToSchema)]
pub struct TestNotificationResult {
    /// Whether the transport took it. That it arrives is another matter: look into the mailbox.
    sent: bool,
    /// The transport: `outbox` (a folder: nobody gets it), `smtp`, `sendgrid`.
    #[schema(example = "smtp")]
    transport: &'static str,
    /// What the transport calls the message.
    #[schema(example = "<test-0192f0c1@aurora.example>")]
    message_id: Option<String>,
    /// What went wrong: `unavailable`, `timeout`, `rate_limited`, `refused` (the account), `invalid` (the message).
    #[schema(example = json!(null))]
    error: Option<&'static str>,
    /// The same in plain words.
    #[schema(example = json!(null))]
    detail: Option<String>,
    /// How long it took.
    duration_ms: u64,
}

impl From<Outcome> for TestNotificationResult {
    fn from(outcome: Outcome) -> Self {
        Self {
            sent: outcome.error.is_none(),
            transport: outcome.transport,
            message_id: outcome.message_id.filter(|id| !id.is_empty()),
            error: outcome.error.as_ref().map(kind),
            detail: outcome.error.map(|error| error.to_string()),
            duration_ms: outcome.duration_ms,
        }
    }
}

/// The kind of a failure, as both forms of the test name it.
pub(crate) fn kind(error: &ProviderError) -> &'static str {
    match error {
        ProviderError::Unavailable { .. } => "unavailable",
        ProviderError::Timeout { .. } => "timeout",
        ProviderError::RateLimited { .. } => "rate_limited",
        ProviderError::Refused { .. } => "refused",
        ProviderError::Invalid { .. } => "invalid",
    }
}

/// Send a test e-mail by the configured transport, and tell what came of it.
#[utoipa::path(
    post, path = "/api/v1/notifications/test", operation_id = "test_notification", tag = "notifications",
    extensions(("x-permission" = json!("notifications:write"))),
    request_body(content = TestNotification, example = json!({"email": "dana@aurora.example"})),
    responses(
        (status = 200, description = "What came of it, also when it could not be sent", body = TestNotificationResult),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "The address is invalid", body = Problem),
        (status = 429, description = "Too many tests; `Retry-After` says how long to wait", body = Problem),
    ),
)]
pub(crate) async fn test_notification(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::NotificationsWrite>,
    ValidJson(test): ValidJson<TestNotification>,
) -> Result<Json<TestNotificationResult>, ApiError> {
    let to = address(&test.email)?;
    let outcome = app::notifications::testing::send_email(&_state.app, &tenant.actor(), &to).await?;
    Ok(Json(outcome.into()))
}

/// Reads the address of a test.
pub(crate) fn address(text: &str) -> Result<EmailAddress, ApiError> {
    EmailAddress::parse(text)
        .map_err(|error| ApiError::Invalid([("email".to_owned(), format!("is {error}"))].into()))
}
