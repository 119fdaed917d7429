//! Who of a business is notified of what, by which channel, and when not.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::email::EmailAddress;
use domain::hours::TimeOfDay;
use domain::notification_settings::{
    Channel, Event, NotificationSettings, QuietHours, Recipient, Subscription,
};
use domain::phone::PhoneNumber;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::tenant::{Tenant, needs};
use crate::etag::{IfMatch, tagged};
use crate::extract::ValidJson;
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get_notification_settings, put_notification_settings))
}

/// Who is notified of what.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NotificationSettings)]
pub struct NotificationSettingsView {
    /// Who, beside the business's own addresses.
    #[garde(length(max = 50), dive)]
    #[schema(max_items = 50)]
    recipients: Vec<RecipientView>,
    /// When nobody is texted or called; `null` for never.
    #[serde(default)]
    #[garde(skip)]
    quiet_hours: Option<QuietHoursView>,
    /// Whether callers who became a lead and gave an e-mail address are told what was noted.
    #[serde(default)]
    #[garde(skip)]
    #[schema(default = false)]
    confirm_to_callers: bool,
}

/// Somebody who is notified: at an e-mail address, a phone number, or both.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Recipient)]
pub struct RecipientView {
    /// Their name.
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200, example = "Dana Reed")]
    name: String,
    /// Where they read.
    #[serde(default)]
    #[garde(inner(length(chars, max = 320)))]
    #[schema(max_length = 320, example = "dana@aurora.example")]
    email: Option<String>,
    /// Where they are texted and called, with country code.
    #[serde(default)]
    #[garde(inner(length(chars, max = 40)))]
    #[schema(max_length = 40, example = "+15135550142")]
    phone: Option<String>,
    /// Of what.
    #[serde(default)]
    #[garde(length(max = 20), dive)]
    #[schema(max_items = 20)]
    notify: Vec<SubscriptionView>,
}

/// One event and the ways in which a recipient hears of it.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Subscription)]
pub struct SubscriptionView {
    /// What: `lead.created`, `lead.urgent`, `call.ended`, `scope.alert`, `message.taken`, `digest`.
    #[garde(skip)]
    #[schema(value_type = String, example = "lead.created")]
    event: Event,
    /// How: `email`, `sms`, `phone`.
    #[garde(length(min = 1, max = 3))]
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 3, example = json!(["email"]))]
    channels: Vec<Channel>,
}

/// When nobody is texted or called, in the time of the business. What comes up meanwhile waits for the end.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QuietHours)]
pub struct QuietHoursView {
    /// The first quiet minute, `HH:MM`.
    #[schema(value_type = String, pattern = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", example = "22:00")]
    from: TimeOfDay,
    /// The first minute that is not quiet; before `from` it is on the next day.
    #[schema(value_type = String, pattern = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", example = "07:00")]
    to: TimeOfDay,
    /// Whether what is urgent comes through.
    #[serde(default = "yes")]
    #[schema(default = true)]
    urgent_anyway: bool,
}

fn yes() -> bool {
    true
}

impl NotificationSettingsView {
    /// The settings, with every address read on its own.
    fn checked(self) -> Result<NotificationSettings, ApiError> {
        let mut errors = BTreeMap::new();
        let mut recipients = Vec::with_capacity(self.recipients.len());
        for (place, recipient) in self.recipients.into_iter().enumerate() {
            let mut refuse = |field: &str, message: String| {
                errors.insert(format!("recipients[{place}].{field}"), message);
            };
            let email = recipient.email.map(|text| EmailAddress::parse(&text)).transpose();
            let phone = recipient.phone.map(|text| PhoneNumber::parse(&text, None)).transpose();
            recipients.push(Recipient {
                name: recipient.name,
                email: email.unwrap_or_else(|error| {
                    refuse("email", format!("is {error}"));
                    None
                }),
                phone: phone.unwrap_or_else(|error| {
                    refuse("phone", format!("is {error}"));
                    None
                }),
                notify: recipient
                    .notify
                    .into_iter()
                    .map(|row| Subscription { event: row.event, channels: row.channels })
                    .collect(),
            });
        }
        if !errors.is_empty() {
            return Err(ApiError::Invalid(errors));
        }
        let quiet_hours = self.quiet_hours.map(|quiet| QuietHours {
            from: quiet.from,
            to: quiet.to,
            urgent_anyway: quiet.urgent_anyway,
        });
        let confirm_to_callers = self.confirm_to_callers;
        Ok(NotificationSettings { recipients, quiet_hours, confirm_to_callers })
    }
}

impl From<NotificationSettings> for NotificationSettingsView {
    fn from(settings: NotificationSettings) -> Self {
        Self {
            recipients: settings
                .recipients
                .into_iter()
                .map(|recipient| RecipientView {
                    name: recipient.name,
                    email: recipient.email.map(|email| email.as_str().to_owned()),
                    phone: recipient.phone.map(String::from),
                    notify: recipient
                        .notify
                        .into_iter()
                        .map(|row| SubscriptionView { event: row.event, channels: row.channels })
                        .collect(),
                })
                .collect(),
            quiet_hours: settings.quiet_hours.map(|quiet| QuietHoursView {
                from: quiet.from,
                to: quiet.to,
                urgent_anyway: quiet.urgent_anyway,
            }),
            confirm_to_callers: settings.confirm_to_callers,
        }
    }
}

/// Get who is notified of what. The `ETag` names this version of it.
#[utoipa::path(
    get, path = "/api/v1/notification-settings", operation_id = "get_notification_settings", tag = "notification-settings",
    extensions(("x-permission" = json!("notifications:read"))),
    responses(
        (status = 200, description = "The settings", body = NotificationSettingsView,
            headers(("ETag" = String, description = "This version, for `If-Match`"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
    ),
)]
pub(crate) async fn get_notification_settings(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::NotificationsRead>,
) -> Result<Response, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(shown(store::notification_settings::get(&mut tx).await?))
}

/// Replace who is notified of what.
#[utoipa::path(
    put, path = "/api/v1/notification-settings", operation_id = "put_notification_settings", tag = "notification-settings",
    extensions(("x-permission" = json!("notifications:write"))),
    params(("If-Match" = String, Header, description = "The `ETag` of the version the change is based on, or `*`")),
    request_body(content = NotificationSettingsView, example = json!({
        "recipients": [{ "name": "Dana Reed", "email": "dana@aurora.example", "phone": "+15135550142", "notify": [
            { "event": "lead.created", "channels": ["email"] },
            { "event": "lead.urgent", "channels": ["email", "phone"] },
        ] }],
        "quiet_hours": { "from": "22:00", "to": "07:00", "urgent_anyway": true },
    })),
    responses(
        (status = 200, description = "The settings as they are now", body = NotificationSettingsView,
            headers(("ETag" = String, description = "The new version"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the plan does not have it", body = Problem),
        (status = 412, description = "They were changed in the meantime", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
    ),
)]
pub(crate) async fn put_notification_settings(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::NotificationsWrite>,
    IfMatch(based_on): IfMatch,
    ValidJson(settings): ValidJson<NotificationSettingsView>,
) -> Result<Response, ApiError> {
    let settings = settings.checked()?;
    Ok(shown(app::notification_settings::put(&_state.app, &tenant.actor(), based_on, settings).await?))
}

fn shown((settings, updated_at): (NotificationSettings, DateTime<Utc>)) -> Response {
    tagged(updated_at, Json(NotificationSettingsView::from(settings)))
}
