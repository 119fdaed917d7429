//! Organizations: one's own profile, and what those above decide about those below.

use app::organizations::{OrganizationChange, settings_of};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::email::EmailAddress;
use domain::ids::OrgId;
use domain::organizations::{OrgKind, OrgSettings, OrgStatus, WeekStart};
use domain::regions::{Country, Currency, Locale, TimeZone};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::organizations::Organization;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::hours::BusinessHoursView;
use crate::auth::tenant::{Tenant, needs};
use crate::etag::{IfMatch, tagged};
use crate::extract::{ValidJson, clearable, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;

mod below;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get_organization, update_organization)).merge(below::router())
}

/// Platform, partner or business.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OrganizationKind)]
pub enum KindView {
    /// The operator of the installation.
    Platform,
    /// A reseller.
    Partner,
    /// An agency that uses the service.
    Business,
}

impl From<OrgKind> for KindView {
    fn from(kind: OrgKind) -> Self {
        match kind {
            OrgKind::Platform => Self::Platform,
            OrgKind::Partner => Self::Partner,
            OrgKind::Business => Self::Business,
        }
    }
}

impl From<KindView> for OrgKind {
    fn from(kind: KindView) -> Self {
        match kind {
            KindView::Platform => Self::Platform,
            KindView::Partner => Self::Partner,
            KindView::Business => Self::Business,
        }
    }
}

/// Where an organization stands.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OrganizationStatus)]
pub enum StatusView {
    /// Trying it out until `trial_ends_at`; everything of its plan works.
    Trial,
    /// In good order.
    Active,
    /// A payment is late; everything works.
    PastDue,
    /// Agents only take messages; its people can read everything and change nothing.
    Suspended,
    /// Gone; kept for the records. Agents only take messages.
    Closed,
}

impl From<OrgStatus> for StatusView {
    fn from(status: OrgStatus) -> Self {
        match status {
            OrgStatus::Trial => Self::Trial,
            OrgStatus::Active => Self::Active,
            OrgStatus::PastDue => Self::PastDue,
            OrgStatus::Suspended => Self::Suspended,
            OrgStatus::Closed => Self::Closed,
        }
    }
}

impl From<StatusView> for OrgStatus {
    fn from(status: StatusView) -> Self {
        match status {
            StatusView::Trial => Self::Trial,
            StatusView::Active => Self::Active,
            StatusView::PastDue => Self::PastDue,
            StatusView::Suspended => Self::Suspended,
            StatusView::Closed => Self::Closed,
        }
    }
}

/// An organization.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Organization)]
pub struct OrganizationView {
    /// The organization's id.
    #[schema(value_type = String, example = "org_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: OrgId,
    /// What it is.
    kind: KindView,
    /// The organization above it; `null` for the platform.
    #[schema(value_type = Option<String>, example = "org_01jd5z6q2mf3vr4c9s8e7t6k5g")]
    parent_id: Option<OrgId>,
    /// The name as spoken.
    #[schema(example = "Aurora Branding")]
    name: String,
    /// Where it stands.
    status: StatusView,
    /// Why, in the words of whoever decided it; empty when nobody said.
    status_reason: String,
    /// Since when.
    status_since: DateTime<Utc>,
    /// When its trial ends, for one that is trying it out.
    trial_ends_at: Option<DateTime<Utc>>,
    /// Its plan; `null` for partners and the platform, which are not metered.
    #[schema(example = "pro")]
    plan: Option<String>,
    /// IANA time zone.
    #[schema(example = "America/New_York")]
    timezone: String,
    /// BCP 47 tag of its language.
    #[schema(example = "en-US")]
    locale: String,
    /// ISO 4217 code of amounts said without one.
    #[schema(example = "USD")]
    currency: String,
    /// ISO 3166 code of the country that numbers without country code belong to.
    #[schema(example = "US")]
    default_country: String,
    /// When it is open; `null` means that nobody said, and then it always is.
    business_hours: Option<BusinessHoursView>,
    /// The domain that links and pages are under.
    #[schema(example = "phone.aurora.example")]
    primary_domain: Option<String>,
    /// Where notifications go.
    #[schema(example = "hello@aurora.example")]
    notification_email: Option<String>,
    /// The number that notifications go to.
    #[schema(example = "+15135550110")]
    notification_phone: Option<String>,
    /// Who takes messages and is named in promises.
    #[schema(example = "Dana")]
    contact_name: Option<String>,
    /// The number that callers are connected with.
    #[schema(example = "+15135550110")]
    transfer_to: Option<String>,
    /// Settings beyond the profile.
    settings: SettingsView,
    /// When its set-up was complete.
    onboarded_at: Option<DateTime<Utc>>,
    /// When it came.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

/// Settings of an organization beyond its profile.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrganizationSettings)]
pub struct SettingsView {
    /// The version of this document: 1.
    #[garde(range(min = 1, max = 1))]
    #[schema(minimum = 1, maximum = 1, example = 1)]
    version: u32,
    /// A call is ended politely after so many minutes; `null` means the installation's limit, which holds in any case.
    #[serde(default)]
    #[garde(inner(range(min = 1, max = 240)))]
    #[schema(minimum = 1, maximum = 240, example = 30)]
    max_call_minutes: Option<u32>,
    /// Said in place of our own sentence when agents take only messages.
    #[serde(default)]
    #[garde(inner(length(chars, max = 500)))]
    #[schema(max_length = 500)]
    unavailable_message: Option<String>,
    /// Whether agents ask clients at the end of a call how satisfied they are, from one to five.
    #[serde(default)]
    #[garde(skip)]
    #[schema(default = false)]
    ask_satisfaction: bool,
    /// Whether the carrier's own copy of a recorded message stays when ours is safe; otherwise it is deleted there.
    #[serde(default)]
    #[garde(skip)]
    #[schema(default = false)]
    keep_carrier_recordings: bool,
    /// The day a week begins with.
    #[serde(default)]
    #[garde(skip)]
    week_starts_on: WeekStartView,
}

/// The day a week begins with on screens and in reports.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WeekStart)]
pub enum WeekStartView {
    /// As in most of the world.
    #[default]
    Monday,
    /// As in the Americas.
    Sunday,
}

impl From<OrgSettings> for SettingsView {
    fn from(settings: OrgSettings) -> Self {
        Self {
            version: settings.version,
            max_call_minutes: settings.max_call_minutes,
            unavailable_message: settings.unavailable_message,
            ask_satisfaction: settings.ask_satisfaction,
            keep_carrier_recordings: settings.keep_carrier_recordings,
            week_starts_on: match settings.week_starts_on {
                WeekStart::Monday => WeekStartView::Monday,
                WeekStart::Sunday => WeekStartView::Sunday,
            },
        }
    }
}

impl From<SettingsView> for OrgSettings {
    fn from(settings: SettingsView) -> Self {
        Self {
            version: settings.version,
            max_call_minutes: settings.max_call_minutes,
            unavailable_message: settings.unavailable_message,
            ask_satisfaction: settings.ask_satisfaction,
            keep_carrier_recordings: settings.keep_carrier_recordings,
            week_starts_on: match settings.week_starts_on {
                WeekStartView::Monday => WeekStart::Monday,
                WeekStartView::Sunday => WeekStart::Sunday,
            },
        }
    }
}

impl TryFrom<Organization> for OrganizationView {
    type Error = ApiError;

    fn try_from(org: Organization) -> Result<Self, ApiError> {
        let settings = settings_of(&org)?.into();
        let (profile, details) = (org.profile, org.details);
        Ok(Self {
            id: org.id,
            kind: org.kind.into(),
            parent_id: org.parent_id,
            name: org.name,
            status: org.status.into(),
            status_reason: org.standing.reason,
            status_since: org.standing.since,
            trial_ends_at: org.standing.trial_ends_at,
            plan: (org.kind == OrgKind::Business).then_some(org.plan_id),
            timezone: profile.timezone,
            locale: details.locale,
            currency: profile.currency,
            default_country: profile.default_country,
            business_hours: details.business_hours.map(BusinessHoursView::from),
            primary_domain: details.primary_domain,
            notification_email: profile.notification_email,
            notification_phone: details.notification_phone,
            contact_name: profile.contact_name,
            transfer_to: profile.transfer_to,
            settings,
            onboarded_at: org.onboarded_at,
            created_at: org.created_at,
            updated_at: org.updated_at,
        })
    }
}

/// What to change of one's own organization. Fields that are left out stay as they are; `null` empties those that may
/// be empty.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganizationPatch {
    /// The name as spoken.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(nullable = false, min_length = 1, max_length = 200, example = "Aurora Branding")]
    name: Option<String>,
    /// IANA time zone.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(value_type = Option<String>, nullable = false, example = "America/New_York")]
    timezone: Option<TimeZone>,
    /// BCP 47 tag of its language.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(value_type = Option<String>, nullable = false, example = "en-US")]
    locale: Option<Locale>,
    /// ISO 4217 code of amounts said without one.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(value_type = Option<String>, nullable = false, example = "USD")]
    currency: Option<Currency>,
    /// ISO 3166 code of the country that numbers without country code belong to.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(value_type = Option<String>, nullable = false, example = "US")]
    default_country: Option<Country>,
    /// When it is open; `null`: always.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(skip)]
    #[schema(value_type = Option<BusinessHoursView>)]
    business_hours: Option<Option<BusinessHoursView>>,
    /// Where notifications go.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(skip)]
    #[schema(value_type = Option<String>, example = "hello@aurora.example")]
    notification_email: Option<Option<EmailAddress>>,
    /// The number that notifications go to, in any notation.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(length(chars, max = 40))))]
    #[schema(value_type = Option<String>, max_length = 40, example = "+15135550110")]
    notification_phone: Option<Option<String>>,
    /// Who takes messages and is named in promises.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(length(chars, max = 100))))]
    #[schema(value_type = Option<String>, max_length = 100, example = "Dana")]
    contact_name: Option<Option<String>>,
    /// The number that callers are connected with, in any notation.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(length(chars, max = 40))))]
    #[schema(value_type = Option<String>, max_length = 40, example = "+15135550110")]
    transfer_to: Option<Option<String>>,
    /// One of your verified domains: links and pages are under it.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(length(chars, min = 1, max = 253))))]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 253, example = "phone.aurora.example")]
    primary_domain: Option<Option<String>>,
    /// Settings, whole.
    #[serde(default, deserialize_with = "required")]
    #[garde(dive)]
    #[schema(nullable = false)]
    settings: Option<SettingsView>,
}

/// Get your organization. The `ETag` names this version of it.
#[utoipa::path(
    get, path = "/api/v1/organization", operation_id = "get_organization", tag = "organizations",
    extensions(("x-permission" = json!("organization:read"))),
    responses(
        (status = 200, description = "The organization", body = OrganizationView,
            headers(("ETag" = String, description = "This version, for `If-Match`"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
    ),
)]
pub(crate) async fn get_organization(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::OrganizationRead>,
) -> Result<Response, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    shown(store::organizations::get(&mut tx).await?)
}

/// Change your organization.
#[utoipa::path(
    patch, path = "/api/v1/organization", operation_id = "update_organization", tag = "organizations",
    extensions(("x-permission" = json!("organization:manage"))),
    params(("If-Match" = String, Header, description = "The `ETag` of the version the change is based on, or `*`")),
    request_body(content = OrganizationPatch, example = json!({"timezone": "Europe/Berlin", "currency": "EUR"})),
    responses(
        (status = 200, description = "The organization as it is now", body = OrganizationView,
            headers(("ETag" = String, description = "The new version"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 412, description = "It was changed in the meantime", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
    ),
)]
pub(crate) async fn update_organization(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::OrganizationManage>,
    IfMatch(based_on): IfMatch,
    ValidJson(patch): ValidJson<OrganizationPatch>,
) -> Result<Response, ApiError> {
    let business_hours = match patch.business_hours {
        Some(Some(hours)) => Some(Some(hours.checked("business_hours")?)),
        Some(None) => Some(None),
        None => None,
    };
    let change = OrganizationChange {
        name: patch.name,
        timezone: patch.timezone,
        locale: patch.locale,
        currency: patch.currency,
        default_country: patch.default_country,
        business_hours,
        notification_email: patch.notification_email,
        notification_phone: patch.notification_phone,
        contact_name: patch.contact_name,
        transfer_to: patch.transfer_to,
        primary_domain: patch.primary_domain,
        settings: patch.settings.map(OrgSettings::from),
    };
    shown(app::organizations::change(&_state.app, &tenant.actor(), based_on, change).await?)
}

fn shown(org: Organization) -> Result<Response, ApiError> {
    Ok(tagged(org.updated_at, Json(OrganizationView::try_from(org)?)))
}
