//! `/api/admin/business/notifications`: the business's own two addresses.

use std::collections::BTreeMap;

use app::organizations::OrganizationChange;
use axum::Json;
use axum::extract::State;
use domain::email::EmailAddress;
use domain::phone::PhoneNumber;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::organizations::Organization;
use utoipa::ToSchema;

use super::body::CamelJson;
use crate::auth::tenant::{Tenant, needs};
use crate::extract::clearable;
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get_business_notifications, set_business_notifications))
}

/// Where a business is notified.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CompatNotifications)]
pub struct Notifications {
    /// The e-mail address.
    #[schema(example = "hello@aurora.example")]
    notification_email: Option<String>,
    /// The number, in E.164.
    #[schema(example = "+15135550142")]
    notification_phone_number: Option<String>,
}

impl From<Organization> for Notifications {
    fn from(business: Organization) -> Self {
        Self {
            notification_email: business.profile.notification_email,
            notification_phone_number: business.details.notification_phone,
        }
    }
}

/// Where a business is to be notified. Fields that are left out stay as they are; `null` and empty clear them.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CompatNotificationsChange)]
pub struct NotificationsChange {
    /// The e-mail address.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(length(chars, max = 320))))]
    #[schema(value_type = Option<String>, max_length = 320, example = "hello@aurora.example")]
    notification_email: Option<Option<String>>,
    /// The number; without country code it is read as of the organization's country.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(length(chars, max = 40))))]
    #[schema(value_type = Option<String>, max_length = 40, example = "+15135550142")]
    notification_phone_number: Option<Option<String>>,
}

/// Get the business's own addresses for notifications.
#[utoipa::path(
    get, path = "/api/admin/business/notifications", operation_id = "get_business_notifications", tag = "compat",
    extensions(("x-permission" = json!("notifications:read"))),
    responses(
        (status = 200, description = "The addresses", body = Notifications),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
    ),
)]
pub(crate) async fn get_business_notifications(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::NotificationsRead>,
) -> Result<Json<Notifications>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(Json(store::organizations::get(&mut tx).await?.into()))
}

/// Change the business's own addresses for notifications.
#[utoipa::path(
    put, path = "/api/admin/business/notifications", operation_id = "set_business_notifications", tag = "compat",
    extensions(("x-permission" = json!("notifications:write"))),
    request_body(content = NotificationsChange, example = json!({"notificationEmail": "hello@aurora.example",
        "notificationPhoneNumber": "+15135550142"})),
    responses(
        (status = 200, description = "The addresses as they are now", body = Notifications),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "An address is invalid", body = Problem),
    ),
)]
pub(crate) async fn set_business_notifications(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::NotificationsWrite>,
    CamelJson(change): CamelJson<NotificationsChange>,
) -> Result<Json<Notifications>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let country = store::organizations::get(&mut tx).await?.profile.default_country;
    drop(tx);
    let change = checked(change, &country)?;
    Ok(Json(app::organizations::change(&_state.app, &tenant.actor(), None, change).await?.into()))
}

/// Reads both, so that each fault has its own message.
fn checked(change: NotificationsChange, country: &str) -> Result<OrganizationChange, ApiError> {
    let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let mut errors = BTreeMap::new();
    let email = change.notification_email.map(|text| {
        let email = given(text).map(|text| EmailAddress::parse(&text)).transpose();
        email.unwrap_or_else(|error| {
            errors.insert("notificationEmail".to_owned(), format!("is {error}"));
            None
        })
    });
    let phone = change.notification_phone_number.map(|text| {
        let phone = given(text).map(|text| PhoneNumber::parse(&text, Some(country))).transpose();
        phone.map(|phone| phone.map(String::from)).unwrap_or_else(|error| {
            errors.insert("notificationPhoneNumber".to_owned(), format!("is {error}"));
            None
        })
    });
    if !errors.is_empty() {
        return Err(ApiError::Invalid(errors));
    }
    Ok(OrganizationChange {
        notification_email: email,
        notification_phone: phone,
        ..OrganizationChange::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(email: Option<&str>, phone: Option<&str>, expect: &[&str]) {
        let owned = |text: Option<&str>| Some(text.map(str::to_owned));
        let change =
            NotificationsChange { notification_email: owned(email), notification_phone_number: owned(phone) };
        let named = match checked(change, "US") {
            Err(ApiError::Invalid(errors)) => errors.into_keys().collect(),
            _ => Vec::new(),
        };
        assert_eq!(named, expect, "{email:?} {phone:?}");
    }

    #[test]
    fn each_address_has_its_own_message() {
        check(Some("a@b.example"), Some("(513) 555-0142"), &[]);
        check(None, Some(""), &[]);
        check(Some("nobody"), Some("12"), &["notificationEmail", "notificationPhoneNumber"]);
        check(Some("nobody"), None, &["notificationEmail"]);
    }
}
