//! `/api/business`.

use app::organizations::OrganizationChange;
use axum::Json;
use axum::extract::State;
use domain::email::EmailAddress;
use domain::ids::OrgId;
use domain::regions::{Country, Currency, TimeZone};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::organizations::Organization;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::CamelJson;
use crate::auth::tenant::{Tenant, needs};
use crate::extract::{clearable, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(compat_get_business, compat_put_business))
}

/// A business.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CompatBusiness {
    /// The business's id.
    #[schema(value_type = String, example = "org_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: OrgId,
    /// Its name as spoken.
    name: String,
    /// Its plan.
    plan: String,
    /// IANA time zone.
    timezone: String,
    /// ISO 3166 code of the country that numbers without country code belong to.
    default_country: String,
    /// ISO 4217 code of amounts said without one.
    currency: String,
    /// Who takes messages.
    contact_name: Option<String>,
    /// The number that callers are connected with.
    transfer_number: Option<String>,
    /// Where notifications go.
    notification_email: Option<String>,
    /// The number that notifications go to.
    notification_phone_number: Option<String>,
}

impl From<Organization> for CompatBusiness {
    fn from(org: Organization) -> Self {
        Self {
            id: org.id,
            name: org.name,
            plan: org.plan_id,
            timezone: org.profile.timezone,
            default_country: org.profile.default_country,
            currency: org.profile.currency,
            contact_name: org.profile.contact_name,
            transfer_number: org.profile.transfer_to,
            notification_email: org.profile.notification_email,
            notification_phone_number: org.details.notification_phone,
        }
    }
}

/// What to change of the business. Fields that are left out stay as they are.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CompatBusinessChange {
    /// Its name as spoken.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    name: Option<String>,
    /// IANA time zone.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(value_type = Option<String>, nullable = false, example = "America/New_York")]
    timezone: Option<TimeZone>,
    /// ISO 3166 code of the country that numbers without country code belong to.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(value_type = Option<String>, nullable = false, example = "US")]
    default_country: Option<Country>,
    /// ISO 4217 code of amounts said without one.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(value_type = Option<String>, nullable = false, example = "USD")]
    currency: Option<Currency>,
    /// Who takes messages.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(length(chars, max = 100))))]
    #[schema(value_type = Option<String>, max_length = 100)]
    contact_name: Option<Option<String>>,
    /// The number that callers are connected with, in any notation.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(length(chars, max = 40))))]
    #[schema(value_type = Option<String>, max_length = 40, example = "+15135550110")]
    transfer_number: Option<Option<String>>,
    /// Where notifications go.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(skip)]
    #[schema(value_type = Option<String>, example = "hello@aurora.example")]
    notification_email: Option<Option<EmailAddress>>,
    /// The number that notifications go to, in any notation.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(length(chars, max = 40))))]
    #[schema(value_type = Option<String>, max_length = 40, example = "+15135550110")]
    notification_phone_number: Option<Option<String>>,
}

/// Get the business's details, as the older documents had it: use `GET /api/v1/organization`.
#[utoipa::path(
    get, path = "/api/business", operation_id = "compat_get_business", tag = "compat",
    extensions(("x-permission" = json!("organization:read"))),
    responses(
        (status = 200, description = "The business", body = CompatBusiness),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
    ),
)]
pub(crate) async fn compat_get_business(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::OrganizationRead>,
) -> Result<Json<CompatBusiness>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(Json(store::organizations::get(&mut tx).await?.into()))
}

/// Change the business's details, as the older documents had it: use `PATCH /api/v1/organization`.
#[utoipa::path(
    put, path = "/api/business", operation_id = "compat_put_business", tag = "compat",
    extensions(("x-permission" = json!("organization:manage"))),
    request_body(content = CompatBusinessChange, example = json!({"contactName": "Dana"})),
    responses(
        (status = 200, description = "The business as it is now", body = CompatBusiness),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn compat_put_business(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::OrganizationManage>,
    CamelJson(body): CamelJson<CompatBusinessChange>,
) -> Result<Json<CompatBusiness>, ApiError> {
    let change = OrganizationChange {
        name: body.name,
        timezone: body.timezone,
        default_country: body.default_country,
        currency: body.currency,
        contact_name: body.contact_name,
        transfer_to: body.transfer_number,
        notification_email: body.notification_email,
        notification_phone: body.notification_phone_number,
        ..OrganizationChange::default()
    };
    Ok(Json(app::organizations::change(&_state.app, &tenant.actor(), None, change).await?.into()))
}
